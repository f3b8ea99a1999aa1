;; Hard for every engine on bits, and settled by the order in which operands are kept.
;; law: law commutes: forall x: u64, y: u64. pte_modify(x, y) == pte_modify(y, x)
;; claim: law commutes proved
(module
  (func (export "ptwalk_abi_1"))
  (func (export "pte_modify") (param $x i64) (param $y i64) (result i64)
    (i64.mul (local.get $x) (local.get $y))))
