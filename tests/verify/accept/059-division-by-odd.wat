;; The lowest bit of the divisor is set, so that it is not 0.
;; claim: bound pte_modify <= 6
(module
  (func (export "ptwalk_abi_1"))
  (func (export "pte_modify") (param $x i64) (param $y i64) (result i64)
    (i64.div_u (local.get $x) (i64.or (local.get $y) (i64.const 1)))))
