;; config: ARCH_HAS_PTE_SPECIAL = 0
;; claim: law mkdevmap_makes_any_devmap proved
;; claim: forall x: u64. pte_mkdevmap(x) == x | 1 << 58
(module
  (func (export "ptwalk_abi_1"))
  (func (export "pte_devmap") (param $x i64) (result i32)
    (i32.wrap_i64 (i64.and (i64.shr_u (local.get $x) (i64.const 58)) (i64.const 1))))
  (func (export "pmd_sect") (param $x i64) (result i32)
    (i32.eq (i32.and (i32.wrap_i64 (local.get $x)) (i32.const 3)) (i32.const 1)))
  (func (export "pmd_leaf") (param $x i64) (result i32)
    (i32.eq (i32.and (i32.wrap_i64 (local.get $x)) (i32.const 3)) (i32.const 1)))
  (func (export "pte_mkdevmap") (param $x i64) (result i64)
    (i64.or (local.get $x) (i64.const 0x400000000000000))))
