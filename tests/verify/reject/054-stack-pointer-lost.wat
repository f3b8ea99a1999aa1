;; The early return forgets to put the stack pointer back.
;; expect: K305 at 0x69, export pte_to_phys, op end
;; message: the stack pointer is not restored
;; counterexample: x = 0x0
(module
  (memory 1 1)
  (global $sp (mut i32) (i32.const 65536))
  (func (export "ptwalk_abi_1"))
  (func (export "pte_to_phys") (param $x i64) (result i64)
    (global.set $sp (i32.sub (global.get $sp) (i32.const 16)))
    (if (i64.eqz (local.get $x)) (then (return (i64.const 0))))
    (global.set $sp (i32.add (global.get $sp) (i32.const 16)))
    (local.get $x)))
