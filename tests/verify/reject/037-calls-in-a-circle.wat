;; Three functions call each other in a circle, which is printed.
;; expect: T230 at module, export pte_to_phys
;; message: recursion: 1 → 2 → 3 → 1
(module
  (func (export "ptwalk_abi_1"))
  (func $a (export "pte_to_phys") (param i64) (result i64) (call $b (local.get 0)))
  (func $b (param i64) (result i64) (call $c (local.get 0)))
  (func $c (param i64) (result i64) (call $a (local.get 0))))
