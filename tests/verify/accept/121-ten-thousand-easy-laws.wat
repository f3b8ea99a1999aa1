;; As many laws as a file may hold.
;; generate: LAWS = 10000 x law easy{i}: forall x: u64. pte_modify(x, {i}) == x * {i}
;; law: {LAWS}
;; claim: law easy0 proved
;; claim: law easy9999 proved
(module
  (func (export "ptwalk_abi_1"))
  (func (export "pte_modify") (param $x i64) (param $y i64) (result i64)
    (i64.mul (local.get $x) (local.get $y))))
