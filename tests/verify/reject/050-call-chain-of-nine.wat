;; expect: K301 at module, export pte_to_phys
;; message: calls nest 9 deep, at most 8 are allowed: 1 → 2 → 3 → 4 → 5 → 6 → 7 → 8 → 9
(module
  (func (export "ptwalk_abi_1"))
  (func (export "pte_to_phys") (param i64) (result i64) (call $b (local.get 0)))
  (func $b (param i64) (result i64) (call $c (local.get 0)))
  (func $c (param i64) (result i64) (call $d (local.get 0)))
  (func $d (param i64) (result i64) (call $e (local.get 0)))
  (func $e (param i64) (result i64) (call $f (local.get 0)))
  (func $f (param i64) (result i64) (call $g (local.get 0)))
  (func $g (param i64) (result i64) (call $h (local.get 0)))
  (func $h (param i64) (result i64) (call $i (local.get 0)))
  (func $i (param i64) (result i64) (local.get 0)))
