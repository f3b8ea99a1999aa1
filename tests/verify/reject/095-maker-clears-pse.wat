;; PSE is cleared on the way: a huge page becomes a table, and its first bytes entries.
;; expect: C801 at 0x88, export pmd_mkdevmap, op i64.and
;; message: law mkdevmap_keeps_leaf.leaf: does not hold for every input
;; counterexample: x = 0x80 (bit 7 leaf): pmd_leaf(pmd_mkdevmap(x)) = 0x0, pmd_leaf(x) = 0x1
(module
  (func (export "ptwalk_abi_1"))
  (func (export "pmd_devmap") (param $x i64) (result i32)
    (i32.wrap_i64 (i64.and (i64.shr_u (local.get $x) (i64.const 58)) (i64.const 1))))
  (func (export "pmd_leaf") (param $x i64) (result i32)
    (i32.wrap_i64 (i64.and (i64.shr_u (local.get $x) (i64.const 7)) (i64.const 1))))
  (func (export "pmd_mkdevmap") (param $x i64) (result i64)
    (i64.and (i64.or (local.get $x) (i64.const 0x400000000000000)) (i64.const 0xffffffffffffff7f))))
