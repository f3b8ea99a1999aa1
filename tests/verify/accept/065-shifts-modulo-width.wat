;; WebAssembly takes shift amounts modulo the width: by 64 is by 0, and a 32-bit shift by 37 is one by 5.
;; claim: forall x: u64. pte_to_phys(x) == x
;; claim: forall x: u64. phys_to_ttbr(x) == x[31:5]
(module
  (func (export "ptwalk_abi_1"))
  (func (export "pte_to_phys") (param $x i64) (result i64)
    (i64.shl (local.get $x) (i64.const 64)))
  (func (export "phys_to_ttbr") (param $x i64) (result i64)
    (i64.extend_i32_u (i32.shr_u (i32.wrap_i64 (local.get $x)) (i32.const 37)))))
