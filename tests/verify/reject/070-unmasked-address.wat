;; expect: M502 at 0x49, export pte_to_phys, op i32.load8_u
;; message: computed address outside the memory
(module
  (memory 1 1)
  (func (export "ptwalk_abi_1"))
  (func (export "pte_to_phys") (param $x i64) (result i64)
    (i64.extend_i32_u (i32.load8_u (i32.wrap_i64 (local.get $x))))))
