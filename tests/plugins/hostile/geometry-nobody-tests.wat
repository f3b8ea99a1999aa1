;; No level name under which the pgd word is tested.
;; exit: 4
;; message: geometry does not add up
;; message: pgd
;; message: 0 level names
(module
  (func (export "ptwalk_abi_1"))
  (func (export "PGDIR_SHIFT") (result i32) (i32.const 21))
  (func (export "PTRS_PER_PGD") (export "PTRS_PER_PTE") (result i32) (i32.const 512))
  (func (export "LOWER_HALF_END") (result i64) (i64.const 0x4000_0000))
  (func (export "pte_none") (param $x i64) (result i32) (i64.eqz (local.get $x)))
  (func (export "pte_present") (param $x i64) (result i32)
    (i32.wrap_i64 (i64.and (local.get $x) (i64.const 1))))
  (func (export "pgd_page_paddr") (param $x i64) (result i64)
    (i64.and (local.get $x) (i64.const 0xffff_ffff_f000)))
  (func (export "pte_pfn") (param $x i64) (result i64)
    (i64.and (i64.shr_u (local.get $x) (i64.const 12)) (i64.const 0xff_ffff_ffff))))
