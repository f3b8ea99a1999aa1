;; The middle bit of a product has no small decision diagram. Both sides are equal; the budget ends the search.
;; law: law middle: forall x: u64, y: u64. pte_modify(x, y + 1)[32] == (pte_modify(x, y) + x)[32]
;; expect: L920 at module, export pte_modify
;; message: law middle: not decided
;; reason: spent
(module
  (func (export "ptwalk_abi_1"))
  (func (export "pte_modify") (param $x i64) (param $y i64) (result i64)
    (i64.mul (local.get $x) (local.get $y))))
