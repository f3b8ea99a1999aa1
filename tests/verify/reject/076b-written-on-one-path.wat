;; Written on one of two paths.
;; expect: P620 at 0x63, export pte_to_phys, op i64.load
;; message: load of stack that this call has not written
;; counterexample: x = 0x1
(module
  (memory 1 1)
  (global $sp (mut i32) (i32.const 65536))
  (func (export "ptwalk_abi_1"))
  (func (export "pte_to_phys") (param $x i64) (result i64)
    (if (i64.eqz (local.get $x)) (then (i64.store (i32.const 65528) (i64.const 7))))
    (i64.load (i32.const 65528))))
