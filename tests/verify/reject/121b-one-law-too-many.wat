;; expect: C892 at module
;; message: more than 10000 laws in a file
;; generate: LAWS = 10001 x law easy{i}: forall x: u64. pte_modify(x, {i}) == x * {i}
;; law: {LAWS}
(module
  (func (export "ptwalk_abi_1"))
  (func (export "pte_modify") (param $x i64) (param $y i64) (result i64)
    (i64.mul (local.get $x) (local.get $y))))
