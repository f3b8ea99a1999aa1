;; expect: X401 at 0x44, export pte_modify, op i64.div_u
;; message: division by zero
;; counterexample: prot = 0x0, x = 0x0
(module
  (func (export "ptwalk_abi_1"))
  (func (export "pte_modify") (param $x i64) (param $y i64) (result i64)
    (i64.div_u (local.get $x) (local.get $y))))
