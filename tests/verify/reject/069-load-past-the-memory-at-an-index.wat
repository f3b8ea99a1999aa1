;; Sixteen bits of address do not leave a page, but eight bytes from there may.
;; expect: M502 at 0x4e, export pte_to_phys, op i64.load
;; message: computed address outside the memory
;; counterexample: x = 0xfff9
(module
  (memory 1 1)
  (func (export "ptwalk_abi_1"))
  (func (export "pte_to_phys") (param $x i64) (result i64)
    (i64.load (i32.and (i32.wrap_i64 (local.get $x)) (i32.const 0xffff)))))
