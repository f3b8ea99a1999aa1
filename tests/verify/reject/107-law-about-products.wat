;; True modulo 2^64, and too hard: the budget is spent, and what is not known is refused.
;; law: law distributes: forall x: u64, y: u64. pte_modify(pte_modify(x, y), x + y) == x * x * y + x * y * y
;; expect: L920 at module, export pte_modify
;; message: law distributes: not decided
;; reason: spent
(module
  (func (export "ptwalk_abi_1"))
  (func (export "pte_modify") (param $x i64) (param $y i64) (result i64)
    (i64.mul (local.get $x) (local.get $y))))
