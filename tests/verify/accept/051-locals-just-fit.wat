;; 1,022 locals, the argument and one operand.
;; claim: stack pte_to_phys <= 8192
;; generate: LOCALS = 1022 x i64
(module
  (func (export "ptwalk_abi_1"))
  (func (export "pte_to_phys") (param $x i64) (result i64)
    (local {LOCALS})
    (local.get $x)))
