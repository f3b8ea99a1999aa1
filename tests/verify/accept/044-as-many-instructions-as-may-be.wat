;; The same with as many instructions as a call may execute.
;; claim: bound pte_to_phys <= 4096
;; claim: forall x: u64. pte_to_phys(x) == x ^ 1023
;; generate: ROUNDS = 1023 x (local.set $x (i64.xor (local.get $x) (i64.const {i})))
(module
  (func (export "ptwalk_abi_1"))
  (func (export "pte_to_phys") (param $x i64) (result i64)
    {ROUNDS}
    (drop (i32.const 1)) (drop (i32.const 2))
    (local.get $x)))
