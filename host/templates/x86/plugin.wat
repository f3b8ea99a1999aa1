;; @NAME@: x86_64's page tables: four levels, leaves of 4K, 2M and 1G, as Linux v5.3 reads them.
;;
;; No protection keys, no memory encryption, no soft-dirty. No memory, no table, no global, no stack. Where levels have the
;; same rule, the one function is exported under all their names. What else a plugin may export is listed by
;; `ptwalk plugin helpers`, what it may ask of the configuration by `ptwalk plugin externs`.
;;
;; Bits of an entry (arch/x86/include/asm/pgtable_types.h, v5.3):
;;   0 PRESENT  1 RW  2 USER  5 ACCESSED  6 DIRTY  7 PSE (a leaf, in a pmd or pud)  8 PROTNONE, while PRESENT is clear
;;   9 SPECIAL  51:12 address  58 DEVMAP  63 NX
;; Bits of a permission (abi/src/perms.rs): user 1 read 2 write 4 execute, kernel 8 read 16 write 32 execute
(module
  (import "kconfig" "TRANSPARENT_HUGEPAGE" (func $TRANSPARENT_HUGEPAGE (result i32)))
  (import "kconfig" "HUGETLB_PAGE" (func $HUGETLB_PAGE (result i32)))
  (import "kconfig" "NUMA_BALANCING" (func $NUMA_BALANCING (result i32)))
  (import "kconfig" "ARCH_HAS_PTE_DEVMAP" (func $ARCH_HAS_PTE_DEVMAP (result i32)))
  (import "kconfig" "ARCH_HAS_PTE_SPECIAL" (func $ARCH_HAS_PTE_SPECIAL (result i32)))
  (import "kconfig" "PAGE_TABLE_ISOLATION" (func $PAGE_TABLE_ISOLATION (result i32)))

  (@custom "ptwalk.manifest"
    "name = \"@NAME@\"\n"
    "version = \"0.1.0\"\n"
    "arch = \"x86_64: four levels\"\n"
    "kernel = \"v5.3\"\n")

  (func (export "ptwalk_abi_1"))

  ;; Geometry: one root serves both halves; the p4d is folded into the pgd, and the kernel tests the word as a p4d

  (func (export "PGDIR_SHIFT") (export "P4D_SHIFT") (result i32) (i32.const 39))
  (func (export "PUD_SHIFT") (result i32) (i32.const 30))
  (func (export "PMD_SHIFT") (result i32) (i32.const 21))
  (func (export "PTRS_PER_PGD") (export "PTRS_PER_PUD") (export "PTRS_PER_PMD") (export "PTRS_PER_PTE") (result i32)
    (i32.const 512))
  (func (export "SHARED_ROOT") (result i32) (i32.const 1))
  (func (export "LOWER_HALF_END") (result i64) (i64.const 0x8000_0000_0000))
  (func (export "UPPER_HALF_START") (result i64) (i64.const 0xffff_8000_0000_0000))
  (func (export "TASK_SIZE_MAX") (result i64) (i64.const 0x7fff_ffff_f000))

  ;; What is stored

  ;; Any bit of a mask
  (func $any (param $x i64) (param $mask i64) (result i32)
    (i64.ne (i64.and (local.get $x) (local.get $mask)) (i64.const 0)))

  ;; A processor may set ACCESSED and DIRTY of an empty entry (Knights Landing erratum).
  (func $none (export "pte_none") (export "pmd_none") (export "pud_none") (export "p4d_none")
    (param $x i64) (result i32)
    (i64.eqz (i64.and (local.get $x) (i64.const -0x61))))

  (func (export "pte_present") (param $x i64) (result i32)
    (call $any (local.get $x) (i64.const 0x101)))

  ;; A huge page that is being split has lost PRESENT and keeps PSE.
  (func (export "pmd_present") (param $x i64) (result i32)
    (call $any (local.get $x) (i64.const 0x181)))

  (func (export "pud_present") (export "p4d_present") (param $x i64) (result i32)
    (call $any (local.get $x) (i64.const 1)))

  (func $pse (export "pmd_leaf") (param $x i64) (result i32)
    (call $any (local.get $x) (i64.const 0x80)))

  ;; PSE and PRESENT
  (func (export "pud_leaf") (param $x i64) (result i32)
    (i64.eq (i64.and (local.get $x) (i64.const 0x81)) (i64.const 0x81)))

  ;; Neither empty nor a table that is present
  (func (export "pmd_huge") (param $x i64) (result i32)
    (i32.and
      (i32.and (call $HUGETLB_PAGE) (i32.eqz (call $none (local.get $x))))
      (i64.ne (i64.and (local.get $x) (i64.const 0x81)) (i64.const 1))))

  (func (export "pud_huge") (param $x i64) (result i32)
    (i32.and (call $HUGETLB_PAGE) (call $pse (local.get $x))))

  ;; What kind of memory

  (func $devmap (export "pte_devmap") (param $x i64) (result i32)
    (i32.and
      (call $ARCH_HAS_PTE_DEVMAP)
      (i32.wrap_i64 (i64.shr_u (local.get $x) (i64.const 58)))))

  (func (export "pmd_devmap") (param $x i64) (result i32)
    (i32.and (call $TRANSPARENT_HUGEPAGE) (call $devmap (local.get $x))))

  (func (export "pmd_trans_huge") (param $x i64) (result i32)
    (i32.and
      (i32.and (call $TRANSPARENT_HUGEPAGE) (call $pse (local.get $x)))
      (i32.eqz (call $devmap (local.get $x)))))

  (func (export "pte_special") (param $x i64) (result i32)
    (i32.and (call $ARCH_HAS_PTE_SPECIAL) (call $any (local.get $x) (i64.const 0x200))))

  ;; PROTNONE without PRESENT
  (func (export "pte_protnone") (export "pmd_protnone") (param $x i64) (result i32)
    (i32.and
      (call $NUMA_BALANCING)
      (i64.eq (i64.and (local.get $x) (i64.const 0x101)) (i64.const 0x100))))

  ;; What may be done, and was

  (func (export "pte_write") (export "pmd_write") (export "pud_write") (param $x i64) (result i32)
    (call $any (local.get $x) (i64.const 2)))

  (func (export "pte_young") (export "pmd_young") (export "pud_young") (param $x i64) (result i32)
    (call $any (local.get $x) (i64.const 0x20)))

  (func (export "pte_dirty") (export "pmd_dirty") (param $x i64) (result i32)
    (call $any (local.get $x) (i64.const 0x40)))

  ;; PRESENT and USER, and RW for writing. The levels above are not looked at.
  (func (export "pte_access_permitted") (export "pmd_access_permitted") (export "pud_access_permitted")
    (param $x i64) (param $write i32) (result i32)
    (local $needed i64)
    (local.set $needed (select (i64.const 7) (i64.const 5) (local.get $write)))
    (i64.eq (i64.and (local.get $x) (local.get $needed)) (local.get $needed)))

  ;; Addresses

  ;; The address bits of an entry whose leaf has those of $leaf
  (func $mask (param $x i64) (param $leaf i64) (result i64)
    (select (local.get $leaf) (i64.const 0xf_ffff_ffff_f000) (call $pse (local.get $x))))

  ;; An entry that is not present holds its address inverted, so that speculation finds nothing there (L1TF).
  (func $plain (param $x i64) (result i64)
    (i64.xor
      (local.get $x)
      (select
        (i64.const -1)
        (i64.const 0)
        (i32.and
          (i64.ne (local.get $x) (i64.const 0))
          (i32.eqz (call $any (local.get $x) (i64.const 1)))))))

  (func (export "pte_pfn") (param $x i64) (result i64)
    (i64.shr_u (i64.and (call $plain (local.get $x)) (i64.const 0xf_ffff_ffff_f000)) (i64.const 12)))

  (func (export "pmd_pfn") (param $x i64) (result i64)
    (i64.shr_u
      (i64.and (call $plain (local.get $x)) (call $mask (local.get $x) (i64.const 0xf_ffff_ffe0_0000)))
      (i64.const 12)))

  (func (export "pud_pfn") (param $x i64) (result i64)
    (i64.shr_u
      (i64.and (call $plain (local.get $x)) (call $mask (local.get $x) (i64.const 0xf_ffff_c000_0000)))
      (i64.const 12)))

  ;; Of the next table; never inverted
  (func $pmd_address (export "pmd_page_paddr") (param $x i64) (result i64)
    (i64.and (local.get $x) (call $mask (local.get $x) (i64.const 0xf_ffff_ffe0_0000))))
  (func $pud_address (export "pud_page_paddr") (param $x i64) (result i64)
    (i64.and (local.get $x) (call $mask (local.get $x) (i64.const 0xf_ffff_c000_0000))))
  (func $p4d_address (export "p4d_page_paddr") (param $x i64) (result i64)
    (i64.and (local.get $x) (i64.const 0xf_ffff_ffff_f000)))

  ;; Flags that are not those of a table: PRESENT, RW, ACCESSED, DIRTY. A pud or p4d may lack some, a pmd may not; all
  ;; may have USER, and with page-table isolation the root's NX, which denies execution to what user mode maps.
  (func (export "pmd_bad") (param $x i64) (result i32)
    (i64.ne
      (i64.and (i64.xor (local.get $x) (call $pmd_address (local.get $x))) (i64.const -5))
      (i64.const 0x63)))
  (func (export "pud_bad") (param $x i64) (result i32)
    (call $any (i64.xor (local.get $x) (call $pud_address (local.get $x))) (i64.const -0x68)))
  (func (export "p4d_bad") (param $x i64) (result i32)
    (call $any
      (i64.xor (local.get $x) (call $p4d_address (local.get $x)))
      (select (i64.const 0x7fff_ffff_ffff_ff98) (i64.const -0x68) (call $PAGE_TABLE_ISOLATION))))

  ;; What the hardware permits: nothing where a reserved bit is set. A table takes away what a leaf would not grant.

  (func $granted (param $x i64) (param $reserved i64) (result i32)
    (local $write i32)
    (local $exec i32)
    (local $kernel i32)
    (local.set $write (call $any (local.get $x) (i64.const 2)))
    (local.set $exec (i64.ge_s (local.get $x) (i64.const 0)))
    (local.set $kernel
      (i32.or
        (i32.const 1)
        (i32.or
          (i32.shl (local.get $write) (i32.const 1))
          (i32.shl (local.get $exec) (i32.const 2)))))
    (select
      (i32.or
        (i32.shl (local.get $kernel) (i32.const 3))
        (select (local.get $kernel) (i32.const 0) (call $any (local.get $x) (i64.const 4))))
      (i32.const 0)
      (i32.and
        (call $any (local.get $x) (i64.const 1))
        (i32.eqz (call $any (local.get $x) (local.get $reserved))))))

  (func (export "pte_mmu_perms") (param $x i64) (result i32)
    (call $granted (local.get $x) (i64.const 0)))
  (func (export "pmd_mmu_perms") (param $x i64) (result i32)
    (call $granted (local.get $x) (select (i64.const 0x1f_e000) (i64.const 0) (call $pse (local.get $x)))))
  (func (export "pud_mmu_perms") (param $x i64) (result i32)
    (call $granted (local.get $x) (select (i64.const 0x3fff_e000) (i64.const 0) (call $pse (local.get $x)))))
  (func (export "p4d_mmu_perms") (param $x i64) (result i32)
    (call $granted (local.get $x) (i64.const 0x80)))

  ;; Makers: they leave the frame alone; which meaning each must keep is what the laws say

  ;; DEVMAP and SPECIAL
  (func (export "pte_mkdevmap") (param $x i64) (result i64)
    (i64.or
      (local.get $x)
      (select (i64.const 0x0400_0000_0000_0200) (i64.const 0) (call $ARCH_HAS_PTE_DEVMAP))))

  (func (export "pmd_mkdevmap") (param $x i64) (result i64)
    (i64.or
      (local.get $x)
      (select (i64.const 0x0400_0000_0000_0000) (i64.const 0) (call $ARCH_HAS_PTE_DEVMAP))))

  (func (export "pte_mkspecial") (param $x i64) (result i64)
    (i64.or (local.get $x) (select (i64.const 0x200) (i64.const 0) (call $ARCH_HAS_PTE_SPECIAL))))

  (func (export "pte_mkyoung") (export "pmd_mkyoung") (param $x i64) (result i64)
    (i64.or (local.get $x) (i64.const 0x20)))

  (func (export "pte_mkold") (export "pmd_mkold") (param $x i64) (result i64)
    (i64.and (local.get $x) (i64.const -0x21)))

  (func (export "pte_mkdirty") (export "pmd_mkdirty") (param $x i64) (result i64)
    (i64.or (local.get $x) (i64.const 0x40)))

  (func (export "pte_mkclean") (param $x i64) (result i64)
    (i64.and (local.get $x) (i64.const -0x41)))

  (func (export "pte_mkwrite") (param $x i64) (result i64)
    (i64.or (local.get $x) (i64.const 2)))

  (func (export "pte_wrprotect") (param $x i64) (result i64)
    (i64.and (local.get $x) (i64.const -3)))

  (func (export "pmd_mkhuge") (param $x i64) (result i64)
    (i64.or (local.get $x) (i64.const 0x80))))
