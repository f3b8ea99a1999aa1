;; claim: forall x: u64. pte_devmap(x) <= 1
;; claim: forall x: u64. pte_devmap(x) == x[57]
(module
  (func (export "ptwalk_abi_1"))
  (func (export "pte_devmap") (param $x i64) (result i32)
    (i32.wrap_i64 (i64.and (i64.shr_u (local.get $x) (i64.const 57)) (i64.const 1)))))
