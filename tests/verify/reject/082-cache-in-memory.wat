;; Returns the argument of the call before.
;; expect: P611 at 0x4f, export pte_to_phys, op i64.store
;; message: store outside the stack keeps a value beyond the call
;; counterexample: x = 0x1: first pte_to_phys(x) = 0x0, second pte_to_phys(x) = 0x1
(module
  (memory 1 1)
  (func (export "ptwalk_abi_1"))
  (func (export "pte_to_phys") (param $x i64) (result i64)
    (i64.load (i32.const 8))
    (i64.store (i32.const 8) (local.get $x))))
