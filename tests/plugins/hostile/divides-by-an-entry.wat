;; A division that traps where bits 27:12 of the entry are 0xead0.
;; exit: 5
;; message: pte_dirty(0x80000000dead0001)
;; message: divide by zero
;; message: on 0x0000000000001000[3]
;; message: at offset 0x
(module
  (func (export "ptwalk_abi_1"))
  (func (export "PGDIR_SHIFT") (result i32) (i32.const 21))
  (func (export "PTRS_PER_PGD") (export "PTRS_PER_PTE") (result i32) (i32.const 512))
  (func (export "LOWER_HALF_END") (result i64) (i64.const 0x4000_0000))
  (func (export "pgd_none") (export "pte_none") (param $x i64) (result i32) (i64.eqz (local.get $x)))
  (func (export "pte_present") (param $x i64) (result i32)
    (i32.wrap_i64 (i64.and (local.get $x) (i64.const 1))))
  (func (export "pgd_page_paddr") (param $x i64) (result i64)
    (i64.and (local.get $x) (i64.const 0xffff_ffff_f000)))
  (func (export "pte_pfn") (param $x i64) (result i64)
    (i64.and (i64.shr_u (local.get $x) (i64.const 12)) (i64.const 0xff_ffff_ffff)))
  (func (export "pte_dirty") (param $x i64) (result i32)
    (i64.ne
      (i64.div_u
        (i64.const 0x1_0000)
        (i64.xor (i64.and (i64.shr_u (local.get $x) (i64.const 12)) (i64.const 0xffff)) (i64.const 0xead0)))
      (i64.const 0))))
