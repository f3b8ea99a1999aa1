;; 64 diamonds are 2^64 paths; merged at each end they are one word, the argument. The bound of the text, 641, is for
;; another table of costs.
;; claim: forall x: u64. pte_to_phys(x) == x
;; claim: bound pte_to_phys <= 898
;; generate: DIAMONDS = 64 x (if (i64.ne (i64.and (local.get $x) (i64.shl (i64.const 1) (i64.const {i}))) (i64.const 0)) (then (local.set $r (i64.or (local.get $r) (i64.shl (i64.const 1) (i64.const {i}))))) (else nop))
(module
  (func (export "ptwalk_abi_1"))
  (func (export "pte_to_phys") (param $x i64) (result i64)
    (local $r i64)
    {DIAMONDS}
    (local.get $r)))
