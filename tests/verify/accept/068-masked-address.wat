;; Sixteen bits of address do not leave a page.
;; claim: forall x: u64. pte_to_phys(x) == 0
(module
  (memory 1 1)
  (func (export "ptwalk_abi_1"))
  (func (export "pte_to_phys") (param $x i64) (result i64)
    (i64.extend_i32_u (i32.load8_u (i32.and (i32.wrap_i64 (local.get $x)) (i32.const 0xffff))))))
