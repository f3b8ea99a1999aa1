;; claim: forall x: u64. pte_to_phys(x) == x
;; claim: bound pte_to_phys <= 23
(module
  (func (export "ptwalk_abi_1"))
  (func (export "pte_to_phys") (param i64) (result i64) (call $b (local.get 0)))
  (func $b (param i64) (result i64) (call $c (local.get 0)))
  (func $c (param i64) (result i64) (call $d (local.get 0)))
  (func $d (param i64) (result i64) (call $e (local.get 0)))
  (func $e (param i64) (result i64) (call $f (local.get 0)))
  (func $f (param i64) (result i64) (call $g (local.get 0)))
  (func $g (param i64) (result i64) (call $h (local.get 0)))
  (func $h (param i64) (result i64) (local.get 0)))
