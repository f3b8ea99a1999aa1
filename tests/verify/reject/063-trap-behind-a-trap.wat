;; Two traps. The second is shown by an input that does not meet the first.
;; expect: X401 at 0x44, export pte_modify, op i64.div_u
;; counterexample: prot = 0x0, x = 0x0
;; expect: X403 at 0x4b, export pte_modify, op unreachable
;; counterexample: prot = 0x1, x = 0x0
(module
  (func (export "ptwalk_abi_1"))
  (func (export "pte_modify") (param $x i64) (param $y i64) (result i64)
    (drop (i64.div_u (local.get $x) (local.get $y)))
    (if (i64.eqz (local.get $x)) (then unreachable))
    (local.get $x)))
