;; A global that has its old value again when the call ends is no state.
;; claim: forall x: u64. pte_to_phys(x) == x + 1
(module
  (global $scratch (mut i64) (i64.const 3))
  (func (export "ptwalk_abi_1"))
  (func (export "pte_to_phys") (param $x i64) (result i64)
    (global.set $scratch (local.get $x))
    (i64.add (global.get $scratch) (i64.const 1))
    (global.set $scratch (i64.const 3))))
