;; Shifting the word out counts its length.
;; claim: forall x: u64. pte_to_phys(x) == phys_to_ttbr(x)
;; claim: bound pte_to_phys <= 773
(module
  (func (export "ptwalk_abi_1"))
  (func (export "phys_to_ttbr") (param $x i64) (result i64) (i64.sub (i64.const 64) (i64.clz (local.get $x))))
  (func (export "pte_to_phys") (param $x i64) (result i64)
    (local $n i64)
    (block $out
      (loop $again
        (br_if $out (i64.eqz (local.get $x)))
        (local.set $x (i64.shr_u (local.get $x) (i64.const 1)))
        (local.set $n (i64.add (local.get $n) (i64.const 1)))
        (br $again)))
    (local.get $n)))
