;; A table of 500 entries: no number of bits of an address selects one.
;; expect: R710 at module
;; message: geometry: a pgd table of 500 entries: not a power of two
(module
  (func (export "ptwalk_abi_1"))
  (func (export "pte_none") (export "pgd_none") (param $x i64) (result i32) (i64.eqz (local.get $x)))
  (func (export "pte_present") (export "pgd_present") (param $x i64) (result i32)
    (i32.and (i32.wrap_i64 (local.get $x)) (i32.const 1)))
  (func (export "pte_pfn") (param $x i64) (result i64)
    (i64.shr_u (i64.and (local.get $x) (i64.const 0xffffffff000)) (i64.const 12)))
  (func (export "PTRS_PER_PTE") (result i32) (i32.const 512))
  (func (export "PTRS_PER_PGD") (result i32) (i32.const 500))
  (func (export "PGDIR_SHIFT") (result i32) (i32.const 21))
  (func (export "LOWER_HALF_END") (result i64) (i64.const 0x40000000)))
