;; The maker leaves entries alone that are not present: the law holds for the others.
(module
  (func (export "ptwalk_abi_1"))
  (func (export "pmd_present") (param $x i64) (result i32)
    (i32.and (i32.wrap_i64 (local.get $x)) (i32.const 1)))
  (func (export "pmd_devmap") (param $x i64) (result i32)
    (i32.wrap_i64 (i64.and (i64.shr_u (local.get $x) (i64.const 58)) (i64.const 1))))
  (func (export "pmd_mkdevmap") (param $x i64) (result i64)
    (i64.or (local.get $x) (i64.shl (i64.and (local.get $x) (i64.const 1)) (i64.const 58)))))
