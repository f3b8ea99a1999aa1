;; arm64's devmap helpers as posted in v3.1 of the series.
;;
;; pmd_devmap, pud_devmap and pgd_devmap are defined with huge pages only, whatever the number of levels: exactly one
;; definition of each in every configuration.
;;
;; The thread: "[PATCH v3 4/4] arm64: mm: Implement pte_devmap support" and its v3.1, linux-mm, April and May 2019. What
;; each version broke and mended is tested in host/verifier/src/verify/tests/thread.rs under every number of levels,
;; with and without huge pages.
;;
;; Bits (arch/arm64/include/asm/pgtable-hwdef.h and pgtable-prot.h, v5.3): 0 VALID, 47:12 address, 56 SPECIAL, 57 DEVMAP,
;; 58 PROT_NONE.
(module
  (import "kconfig" "PAGE_SHIFT" (func $PAGE_SHIFT (result i32)))
  (import "kconfig" "VA_BITS" (func $VA_BITS (result i32)))
  (import "kconfig" "PGTABLE_LEVELS" (func $PGTABLE_LEVELS (result i32)))
  (import "kconfig" "TRANSPARENT_HUGEPAGE" (func $TRANSPARENT_HUGEPAGE (result i32)))

  (func (export "ptwalk_abi_1"))

  ;; Geometry: entries of a table are 2^(PAGE_SHIFT - 3); the root's are what is left of VA_BITS

  (func $index_bits (result i32) (i32.sub (call $PAGE_SHIFT) (i32.const 3)))
  (func $PGDIR_SHIFT (export "PGDIR_SHIFT") (result i32)
    (i32.add
      (call $PAGE_SHIFT)
      (i32.mul (call $index_bits) (i32.sub (call $PGTABLE_LEVELS) (i32.const 1)))))
  ;; A folded level spans what the level above it spans.
  (func (export "PUD_SHIFT") (result i32)
    (select
      (i32.add (call $PAGE_SHIFT) (i32.mul (call $index_bits) (i32.const 2)))
      (call $PGDIR_SHIFT)
      (i32.gt_u (call $PGTABLE_LEVELS) (i32.const 3))))
  (func $PMD_SHIFT (export "PMD_SHIFT") (result i32) (i32.add (call $PAGE_SHIFT) (call $index_bits)))
  (func (export "PTRS_PER_PGD") (result i32)
    (i32.shl (i32.const 1) (i32.sub (call $VA_BITS) (call $PGDIR_SHIFT))))
  (func (export "PTRS_PER_PUD") (result i32)
    (i32.shl (i32.const 1)
      (i32.mul (call $index_bits) (i32.gt_u (call $PGTABLE_LEVELS) (i32.const 3)))))
  (func (export "PTRS_PER_PMD") (result i32)
    (i32.shl (i32.const 1)
      (i32.mul (call $index_bits) (i32.gt_u (call $PGTABLE_LEVELS) (i32.const 2)))))
  (func (export "PTRS_PER_PTE") (result i32) (i32.shl (i32.const 1) (call $index_bits)))
  (func (export "LOWER_HALF_END") (result i64)
    (i64.shl (i64.const 1) (i64.extend_i32_u (call $VA_BITS))))
  (func (export "UPPER_HALF_START") (result i64)
    (i64.shl (i64.const -1) (i64.extend_i32_u (call $VA_BITS))))

  ;; What is stored: a folded level is never empty and always present

  (func (export "pte_none") (export "pmd_none") (param $x i64) (result i32) (i64.eqz (local.get $x)))
  (func (export "pud_none") (param $x i64) (result i32)
    (i32.and (i32.gt_u (call $PGTABLE_LEVELS) (i32.const 2)) (i64.eqz (local.get $x))))
  (func (export "pgd_none") (param $x i64) (result i32)
    (i32.and (i32.gt_u (call $PGTABLE_LEVELS) (i32.const 3)) (i64.eqz (local.get $x))))
  (func (export "pte_present") (export "pmd_present") (export "pud_present") (param $x i64) (result i32)
    (i64.ne (i64.and (local.get $x) (i64.const 0x0400_0000_0000_0001)) (i64.const 0)))
  (func (export "pgd_present") (param $x i64) (result i32) (i64.ne (local.get $x) (i64.const 0)))

  ;; Frames

  (func $pfn (export "pte_pfn") (param $x i64) (result i64)
    (i64.shr_u
      (i64.and (local.get $x) (i64.const 0xffff_ffff_ffff))
      (i64.extend_i32_u (call $PAGE_SHIFT))))
  (func (export "pmd_pfn") (param $x i64) (result i64)
    (i64.and
      (call $pfn (local.get $x))
      (i64.shl (i64.const -1) (i64.extend_i32_u (call $index_bits)))))

  ;; What the series is about

  (func (export "pte_special") (param $x i64) (result i32)
    (i64.ne (i64.and (local.get $x) (i64.const 0x0100_0000_0000_0000)) (i64.const 0)))
  (func (export "pte_mkspecial") (param $x i64) (result i64)
    (i64.or (local.get $x) (i64.const 0x0100_0000_0000_0000)))
  (func $pte_devmap (export "pte_devmap") (param $x i64) (result i32)
    (i64.ne (i64.and (local.get $x) (i64.const 0x0200_0000_0000_0000)) (i64.const 0)))
  (func (export "pte_mkdevmap") (export "pmd_mkdevmap") (param $x i64) (result i64)
    (i64.or (local.get $x) (i64.const 0x0200_0000_0000_0000)))
  ;; Within `#ifdef CONFIG_TRANSPARENT_HUGEPAGE`; the generic header has the rest
  (func (export "pmd_devmap") (param $x i64) (result i32)
    (i32.and (call $TRANSPARENT_HUGEPAGE) (call $pte_devmap (local.get $x))))
  ;; With huge pages by the architecture, without by the generic header: 0 either way
  (func (export "pud_devmap") (param $x i64) (result i32) (i32.const 0))
  (func (export "pgd_devmap") (param $x i64) (result i32) (i32.const 0)))
