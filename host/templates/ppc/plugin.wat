;; @NAME@: ppc64 book3s page tables: radix, pages of 4K and 64K, as Linux v5.3 reads them.
;;
;; Entries are stored most significant byte first, whatever the kernel; here they are integers already. No hash, no
;; savedwrite: give NUMA_BALANCING=0 for images where that matters. No memory, no table, no global, no stack. Where levels
;; have the same rule, the one function is exported under all their names. What else a plugin may export is listed by
;; `ptwalk plugin helpers`, what it may ask of the configuration by `ptwalk plugin externs`.
;;
;; Bits of an entry (arch/powerpc/include/asm/book3s/64/pgtable.h, v5.3):
;;   0 EXEC  1 WRITE  2 READ  3 PRIVILEGED  7 DIRTY  8 ACCESSED  9 SOFT_DIRTY  10 SPECIAL  11 DEVMAP  52:12 address
;;   61 INVALID  62 PTE (a leaf, at any level)  63 PRESENT
;; Bits of a permission (abi/src/perms.rs): user 1 read 2 write 4 execute, kernel 8 read 16 write 32 execute
(module
  (import "kconfig" "PAGE_SHIFT" (func $PAGE_SHIFT (result i32)))
  (import "kconfig" "TRANSPARENT_HUGEPAGE" (func $TRANSPARENT_HUGEPAGE (result i32)))
  (import "kconfig" "HUGETLB_PAGE" (func $HUGETLB_PAGE (result i32)))
  (import "kconfig" "ARCH_HAS_PTE_DEVMAP" (func $ARCH_HAS_PTE_DEVMAP (result i32)))
  (import "kconfig" "ARCH_HAS_PTE_SPECIAL" (func $ARCH_HAS_PTE_SPECIAL (result i32)))

  (@custom "ptwalk.manifest"
    "name = \"@NAME@\"\n"
    "version = \"0.1.0\"\n"
    "arch = \"ppc64 book3s: radix, pages of 4K and 64K\"\n"
    "kernel = \"v5.3\"\n")

  (func (export "ptwalk_abi_1"))

  ;; Geometry: tables of 2^13, 2^9, 2^9 entries, and of ptes 2^5 with pages of 64K, 2^9 with 4K

  (func $is_64k (result i32) (i32.eq (call $PAGE_SHIFT) (i32.const 16)))

  (func $pmd_shift (export "PMD_SHIFT") (result i32)
    (i32.add (call $PAGE_SHIFT) (select (i32.const 5) (i32.const 9) (call $is_64k))))
  (func (export "PUD_SHIFT") (result i32) (i32.add (call $pmd_shift) (i32.const 9)))
  (func (export "PGDIR_SHIFT") (result i32) (i32.add (call $pmd_shift) (i32.const 18)))
  (func (export "PTRS_PER_PGD") (result i32) (i32.const 8192))
  (func (export "PTRS_PER_PUD") (export "PTRS_PER_PMD") (result i32) (i32.const 512))

  ;; Of another page size there are no tables: no entries make a geometry that is refused.
  (func (export "PTRS_PER_PTE") (result i32)
    (select
      (i32.const 32)
      (select (i32.const 512) (i32.const 0) (i32.eq (call $PAGE_SHIFT) (i32.const 12)))
      (call $is_64k)))

  (func (export "PTE_PA_BITS") (result i32) (i32.const 53))
  (func (export "TABLES_BIG_ENDIAN") (result i32) (i32.const 1))
  (func (export "LOWER_HALF_END") (result i64)
    (i64.shl (i64.const 1) (i64.extend_i32_u (i32.add (call $pmd_shift) (i32.const 31)))))
  (func (export "UPPER_HALF_START") (result i64) (i64.const 0xc000_0000_0000_0000))
  (func (export "TASK_SIZE_MAX") (result i64)
    (select (i64.const 0x10_0000_0000_0000) (i64.const 0x4000_0000_0000) (call $is_64k)))

  ;; What is stored

  ;; Any bit of a mask
  (func $any (param $x i64) (param $mask i64) (result i32)
    (i64.ne (i64.and (local.get $x) (local.get $mask)) (i64.const 0)))

  ;; The hardware may write ACCESSED and DIRTY of an empty pte.
  (func (export "pte_none") (param $x i64) (result i32)
    (i64.eqz (i64.and (local.get $x) (i64.const -0x181))))

  ;; The p4d is folded into the pgd; v5.3 tests the word as a pgd (include/asm-generic/5level-fixup.h).
  (func (export "pmd_none") (export "pud_none") (export "pgd_none") (param $x i64) (result i32)
    (i64.eqz (local.get $x)))

  ;; PRESENT or INVALID
  (func $present (export "pte_present") (export "pmd_present") (param $x i64) (result i32)
    (call $any (local.get $x) (i64.const 0xa000_0000_0000_0000)))

  (func (export "pud_present") (export "pgd_present") (param $x i64) (result i32)
    (i64.lt_s (local.get $x) (i64.const 0)))

  (func $bad (export "pmd_bad") (export "pud_bad") (export "pgd_bad") (param $x i64) (result i32)
    (call $any (local.get $x) (i64.const 0x6000_0000_0000_00e0)))

  (func $leaf (export "pmd_leaf") (export "pud_leaf") (export "pgd_leaf") (param $x i64) (result i32)
    (call $any (local.get $x) (i64.const 0x4000_0000_0000_0000)))

  (func (export "pmd_huge") (export "pud_huge") (export "pgd_huge") (param $x i64) (result i32)
    (i32.and (call $HUGETLB_PAGE) (call $leaf (local.get $x))))

  ;; Radix has no directories of huge pages. Saying so also says that a leaf's frame is taken as it stands.
  (func (export "is_hugepd") (param $x i64) (result i32) (i32.const 0))

  ;; What kind of memory

  ;; DEVMAP and PTE
  (func $devmap (export "pte_devmap") (param $x i64) (result i32)
    (i32.and
      (call $ARCH_HAS_PTE_DEVMAP)
      (i64.eq
        (i64.and (local.get $x) (i64.const 0x4000_0000_0000_0800))
        (i64.const 0x4000_0000_0000_0800))))

  (func (export "pmd_devmap") (param $x i64) (result i32)
    (i32.and (call $TRANSPARENT_HUGEPAGE) (call $devmap (local.get $x))))

  (func (export "pmd_trans_huge") (param $x i64) (result i32)
    (i32.and
      (i32.and (call $TRANSPARENT_HUGEPAGE) (call $present (local.get $x)))
      (i32.and (call $leaf (local.get $x)) (i32.eqz (call $devmap (local.get $x))))))

  (func (export "pte_special") (param $x i64) (result i32)
    (i32.and (call $ARCH_HAS_PTE_SPECIAL) (call $any (local.get $x) (i64.const 0x400))))

  ;; What was done

  (func (export "pte_young") (export "pmd_young") (export "pud_young") (param $x i64) (result i32)
    (call $any (local.get $x) (i64.const 0x100)))

  (func (export "pte_dirty") (export "pmd_dirty") (param $x i64) (result i32)
    (call $any (local.get $x) (i64.const 0x80)))

  (func $user (export "pte_user") (param $x i64) (result i32)
    (i32.eqz (call $any (local.get $x) (i64.const 8))))

  ;; Addresses

  (func (export "pte_pfn") (export "pmd_pfn") (export "pud_pfn") (param $x i64) (result i64)
    (i64.shr_u
      (i64.and (local.get $x) (i64.const 0x1f_ffff_ffff_ffff))
      (i64.extend_i32_u (call $PAGE_SHIFT))))

  ;; Tables may be fragments of a page.
  (func (export "pmd_page_paddr") (export "pud_page_paddr") (export "pgd_page_paddr") (param $x i64) (result i64)
    (i64.and (local.get $x) (i64.const 0x3fff_ffff_ffff_ff00)))

  ;; What the hardware permits

  ;; Of a leaf, without regard to who it is for: a page that may be written may be read.
  (func $rwx (param $x i64) (result i32)
    (i32.or
      (i32.or
        (call $any (local.get $x) (i64.const 6))
        (i32.shl (call $any (local.get $x) (i64.const 2)) (i32.const 1)))
      (i32.shl (call $any (local.get $x) (i64.const 1)) (i32.const 2))))

  (func $granted (param $x i64) (result i32)
    (i32.or
      (i32.shl (call $rwx (local.get $x)) (i32.const 3))
      (select (call $rwx (local.get $x)) (i32.const 0) (call $user (local.get $x)))))

  ;; PRESENT and PTE
  (func $is_valid_leaf (param $x i64) (result i32)
    (i64.ge_u (local.get $x) (i64.const 0xc000_0000_0000_0000)))

  (func (export "pte_mmu_perms") (param $x i64) (result i32)
    (select (call $granted (local.get $x)) (i32.const 0) (call $is_valid_leaf (local.get $x))))

  ;; A pointer to a table leaves all to the entries below.
  (func (export "pmd_mmu_perms") (export "pud_mmu_perms") (export "pgd_mmu_perms") (param $x i64) (result i32)
    (select
      (call $granted (local.get $x))
      (select
        (i32.const 0x3f)
        (i32.const 0)
        (i32.and (i64.lt_s (local.get $x) (i64.const 0)) (i32.eqz (call $bad (local.get $x)))))
      (call $is_valid_leaf (local.get $x))))

  ;; Makers: they leave the frame alone; which meaning each must keep is what the laws say

  ;; DEVMAP and SPECIAL. PTE is left to who stores the entry.
  (func (export "pte_mkdevmap") (param $x i64) (result i64)
    (i64.or (local.get $x) (select (i64.const 0xc00) (i64.const 0) (call $ARCH_HAS_PTE_DEVMAP))))

  ;; DEVMAP and PTE
  (func (export "pmd_mkdevmap") (param $x i64) (result i64)
    (i64.or
      (local.get $x)
      (select (i64.const 0x4000_0000_0000_0800) (i64.const 0) (call $ARCH_HAS_PTE_DEVMAP))))

  (func (export "pte_mkspecial") (param $x i64) (result i64)
    (i64.or (local.get $x) (select (i64.const 0x400) (i64.const 0) (call $ARCH_HAS_PTE_SPECIAL))))

  (func (export "pte_mkyoung") (export "pmd_mkyoung") (param $x i64) (result i64)
    (i64.or (local.get $x) (i64.const 0x100)))

  (func (export "pte_mkold") (export "pmd_mkold") (param $x i64) (result i64)
    (i64.and (local.get $x) (i64.const -0x101)))

  ;; DIRTY and SOFT_DIRTY
  (func (export "pte_mkdirty") (export "pmd_mkdirty") (param $x i64) (result i64)
    (i64.or (local.get $x) (i64.const 0x280)))

  (func (export "pte_mkclean") (param $x i64) (result i64)
    (i64.and (local.get $x) (i64.const -0x81)))

  (func (export "pmd_mkhuge") (param $x i64) (result i64)
    (i64.or (local.get $x) (i64.const 0x4000_0000_0000_0000))))
