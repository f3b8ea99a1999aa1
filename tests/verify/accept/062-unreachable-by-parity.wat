;; x * x + x is even whatever x is.
;; claim: forall x: u64. pte_to_phys(x) == x
(module
  (func (export "ptwalk_abi_1"))
  (func (export "pte_to_phys") (param $x i64) (result i64)
    (if (i32.wrap_i64 (i64.and (i64.add (i64.mul (local.get $x) (local.get $x)) (local.get $x)) (i64.const 1)))
      (then unreachable))
    (local.get $x)))
