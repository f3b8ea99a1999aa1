;; What lies there is what an earlier call left behind.
;; expect: P620 at 0x59, export pte_to_phys, op i64.load offset=8
;; message: load of stack that this call has not written
;; counterexample: x = 0x0
(module
  (memory 1 1)
  (global $sp (mut i32) (i32.const 65536))
  (func (export "ptwalk_abi_1"))
  (func (export "pte_to_phys") (param $x i64) (result i64)
    (global.set $sp (i32.sub (global.get $sp) (i32.const 16)))
    (i64.load offset=8 (global.get $sp))
    (global.set $sp (i32.add (global.get $sp) (i32.const 16)))))
