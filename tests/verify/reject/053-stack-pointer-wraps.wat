;; The frame is larger than what lies below the stack pointer, which wraps below 0.
;; expect: K304 at 0x56, export pte_to_phys, op global.set 0
;; message: the stack pointer leaves the stack
;; counterexample: x = 0x0
(module
  (memory 1 1)
  (global $sp (mut i32) (i32.const 4096))
  (func (export "ptwalk_abi_1"))
  (func (export "pte_to_phys") (param $x i64) (result i64)
    (global.set $sp (i32.sub (global.get $sp) (i32.const 65536)))
    (global.set $sp (i32.add (global.get $sp) (i32.const 65536)))
    (local.get $x)))
