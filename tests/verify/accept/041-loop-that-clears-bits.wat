;; Each round clears a bit, so that there are 64 at most, and the loop is a population count.
;; claim: forall x: u64. pte_to_phys(x) <= 64
;; claim: forall x: u64. pte_to_phys(x) == phys_to_ttbr(x)
;; claim: bound pte_to_phys <= 901
(module
  (func (export "ptwalk_abi_1"))
  (func (export "phys_to_ttbr") (param $x i64) (result i64) (i64.popcnt (local.get $x)))
  (func (export "pte_to_phys") (param $x i64) (result i64)
    (local $n i64)
    (block $out
      (loop $again
        (br_if $out (i64.eqz (local.get $x)))
        (local.set $x (i64.and (local.get $x) (i64.sub (local.get $x) (i64.const 1))))
        (local.set $n (i64.add (local.get $n) (i64.const 1)))
        (br $again)))
    (local.get $n)))
