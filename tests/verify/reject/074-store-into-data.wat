;; Data is read-only: a helper that changes its table answers differently the next time.
;; expect: M510 at 0x4b, export pte_to_phys, op i64.store8
;; message: store into a data segment
;; counterexample: x = 0x0
(module
  (memory 1 1)
  (data (i32.const 1024) "\10\11\12\13")
  (func (export "ptwalk_abi_1"))
  (func (export "pte_to_phys") (param $x i64) (result i64)
    (i64.store8 (i32.const 1026) (local.get $x))
    (local.get $x)))
