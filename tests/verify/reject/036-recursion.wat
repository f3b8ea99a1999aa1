;; expect: T230 at module, export pte_to_phys
;; message: recursion: 1 → 1
(module
  (func (export "ptwalk_abi_1"))
  (func $walk (export "pte_to_phys") (param $x i64) (result i64)
    (call $walk (i64.shr_u (local.get $x) (i64.const 1)))))
