;; 2,000 locals and the argument, eight bytes each.
;; expect: K302 at module, export pte_to_phys
;; message: 16008 bytes of stack, at most 8192 are allowed
;; generate: LOCALS = 2000 x i64
(module
  (func (export "ptwalk_abi_1"))
  (func (export "pte_to_phys") (param $x i64) (result i64)
    (local {LOCALS})
    (local.get $x)))
