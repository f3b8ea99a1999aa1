;; expect: T230 at module, export pte_to_phys
;; message: recursion: 1 → 2 → 1
(module
  (func (export "ptwalk_abi_1"))
  (func $decode (export "pte_to_phys") (param i64) (result i64) (call $encode (local.get 0)))
  (func $encode (export "phys_to_ttbr") (param i64) (result i64) (call $decode (local.get 0))))
