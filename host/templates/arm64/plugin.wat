;; @NAME@: arm64's page tables: 4K granule, 48-bit VA and PA, four levels, as Linux v5.3 reads them.
;;
;; No memory, no table, no global, no stack. Where two levels have the same rule, the one function is exported under both
;; names. What else a plugin may export is listed by `ptwalk plugin helpers`, what it may ask of the configuration by
;; `ptwalk plugin externs`.
;;
;; Bits of an entry (arch/arm64/include/asm/pgtable-hwdef.h and pgtable-prot.h, v5.3):
;;   0 VALID  1 TABLE  6 USER (AP[1])  7 RDONLY (AP[2])  10 AF  47:12 address  51 WRITE (DBM)  53 PXN  54 UXN
;;   55 DIRTY  56 SPECIAL  57 DEVMAP  58 PROT_NONE
;; and of a table descriptor: 59 PXNTable  60 UXNTable  61 APTable[0], no EL0  62 APTable[1], read-only
;; Bits of a permission (abi/src/perms.rs): user 1 read 2 write 4 execute, kernel 8 read 16 write 32 execute
(module
  (import "kconfig" "TRANSPARENT_HUGEPAGE" (func $TRANSPARENT_HUGEPAGE (result i32)))
  (import "kconfig" "HUGETLB_PAGE" (func $HUGETLB_PAGE (result i32)))
  (import "kconfig" "NUMA_BALANCING" (func $NUMA_BALANCING (result i32)))
  (import "kconfig" "ARCH_HAS_PTE_DEVMAP" (func $ARCH_HAS_PTE_DEVMAP (result i32)))
  (import "kconfig" "ARCH_HAS_PTE_SPECIAL" (func $ARCH_HAS_PTE_SPECIAL (result i32)))
  (import "kconfig" "ARM64_HW_AFDBM" (func $ARM64_HW_AFDBM (result i32)))

  (@custom "ptwalk.manifest"
    "name = \"@NAME@\"\n"
    "version = \"0.1.0\"\n"
    "arch = \"arm64: 4K granule, 48 bits of VA and PA\"\n"
    "kernel = \"v5.3\"\n")

  (func (export "ptwalk_abi_1"))

  ;; Geometry

  (func (export "PGDIR_SHIFT") (result i32) (i32.const 39))
  (func (export "PUD_SHIFT") (result i32) (i32.const 30))
  (func (export "PMD_SHIFT") (result i32) (i32.const 21))
  (func (export "PTRS_PER_PGD") (export "PTRS_PER_PUD") (export "PTRS_PER_PMD") (export "PTRS_PER_PTE") (result i32)
    (i32.const 512))
  (func (export "LOWER_HALF_END") (result i64) (i64.const 0x1_0000_0000_0000))
  (func (export "UPPER_HALF_START") (result i64) (i64.const 0xffff_0000_0000_0000))

  ;; What is stored

  (func $none (export "pte_none") (export "pmd_none") (export "pud_none") (export "pgd_none")
    (param $x i64) (result i32)
    (i64.eqz (local.get $x)))

  ;; VALID or PROT_NONE
  (func $present (export "pte_present") (export "pmd_present") (export "pud_present") (param $x i64) (result i32)
    (i64.ne (i64.and (local.get $x) (i64.const 0x0400_0000_0000_0001)) (i64.const 0)))

  ;; The p4d is folded into the pgd, and v5.3 tests the word as a pgd: anything but zero.
  (func (export "pgd_present") (param $x i64) (result i32)
    (i64.ne (local.get $x) (i64.const 0)))

  (func (export "pmd_bad") (export "pud_bad") (export "pgd_bad") (param $x i64) (result i32)
    (i64.eqz (i64.and (local.get $x) (i64.const 2))))

  ;; VALID and TABLE; at the pte level, a page
  (func $is_table (param $x i64) (result i32)
    (i64.eq (i64.and (local.get $x) (i64.const 3)) (i64.const 3)))

  (func (export "pmd_leaf") (export "pud_leaf") (param $x i64) (result i32)
    (i32.and (call $present (local.get $x)) (i32.eqz (call $is_table (local.get $x)))))

  ;; A block by its type
  (func (export "pmd_sect") (param $x i64) (result i32)
    (i64.eq (i64.and (local.get $x) (i64.const 3)) (i64.const 1)))

  ;; Any word that is neither empty nor a table by bit 1, present or not
  (func $is_huge (param $x i64) (result i32)
    (i32.and
      (i64.ne (local.get $x) (i64.const 0))
      (i64.eqz (i64.and (local.get $x) (i64.const 2)))))

  (func (export "pmd_huge") (export "pud_huge") (param $x i64) (result i32)
    (i32.and (call $HUGETLB_PAGE) (call $is_huge (local.get $x))))

  (func (export "pmd_trans_huge") (param $x i64) (result i32)
    (i32.and (call $TRANSPARENT_HUGEPAGE) (call $is_huge (local.get $x))))

  ;; What kind of memory

  (func $devmap (export "pte_devmap") (param $x i64) (result i32)
    (i32.and
      (call $ARCH_HAS_PTE_DEVMAP)
      (i32.wrap_i64 (i64.shr_u (local.get $x) (i64.const 57)))))

  ;; As in v3.1 of the series and since: only with huge pages. The kernel does not ask for a block.
  (func (export "pmd_devmap") (param $x i64) (result i32)
    (i32.and (call $TRANSPARENT_HUGEPAGE) (call $devmap (local.get $x))))

  (func (export "pte_special") (param $x i64) (result i32)
    (i32.and
      (call $ARCH_HAS_PTE_SPECIAL)
      (i32.wrap_i64 (i64.shr_u (local.get $x) (i64.const 56)))))

  ;; PROT_NONE without VALID
  (func (export "pte_protnone") (export "pmd_protnone") (param $x i64) (result i32)
    (i32.and
      (call $NUMA_BALANCING)
      (i64.eq
        (i64.and (local.get $x) (i64.const 0x0400_0000_0000_0001))
        (i64.const 0x0400_0000_0000_0000))))

  ;; What may be done, and was

  (func (export "pte_write") (export "pmd_write") (export "pud_write") (param $x i64) (result i32)
    (i64.ne (i64.and (local.get $x) (i64.const 0x0008_0000_0000_0000)) (i64.const 0)))

  (func (export "pte_young") (export "pmd_young") (export "pud_young") (param $x i64) (result i32)
    (i64.ne (i64.and (local.get $x) (i64.const 0x400)) (i64.const 0)))

  ;; WRITE without RDONLY: the hardware's record
  (func $hw_dirty (export "pte_hw_dirty") (param $x i64) (result i32)
    (i64.eq
      (i64.and (local.get $x) (i64.const 0x0008_0000_0000_0080))
      (i64.const 0x0008_0000_0000_0000)))

  ;; DIRTY by software, or by hardware
  (func (export "pte_dirty") (export "pmd_dirty") (param $x i64) (result i32)
    (i32.or
      (i64.ne (i64.and (local.get $x) (i64.const 0x0080_0000_0000_0000)) (i64.const 0))
      (call $hw_dirty (local.get $x))))

  ;; VALID and USER, and WRITE for writing. Neither RDONLY nor the levels above are looked at.
  (func (export "pte_access_permitted") (export "pmd_access_permitted") (export "pud_access_permitted")
    (param $x i64) (param $write i32) (result i32)
    (local $needed i64)
    (local.set $needed
      (select (i64.const 0x0008_0000_0000_0041) (i64.const 0x41) (local.get $write)))
    (i64.eq (i64.and (local.get $x) (local.get $needed)) (local.get $needed)))

  ;; Addresses

  (func $phys (export "pmd_page_paddr") (export "pud_page_paddr") (export "pgd_page_paddr") (param $x i64) (result i64)
    (i64.and (local.get $x) (i64.const 0xffff_ffff_f000)))

  (func $page (export "pte_pfn") (export "pmd_page") (export "pud_page") (export "pgd_page") (param $x i64) (result i64)
    (i64.shr_u (call $phys (local.get $x)) (i64.const 12)))

  ;; Of a block, without what lies below its size
  (func (export "pmd_pfn") (param $x i64) (result i64)
    (i64.and (call $page (local.get $x)) (i64.const -0x200)))
  (func (export "pud_pfn") (param $x i64) (result i64)
    (i64.and (call $page (local.get $x)) (i64.const -0x4_0000)))

  ;; What the hardware permits

  ;; Through a page or block. With hardware dirty state a clean page (RDONLY and WRITE) takes writes. EL0's execution
  ;; does not need data access; EL1 never executes what EL0 may write.
  (func $granted (param $x i64) (result i32)
    (local $writable i32)
    (local $user i32)
    (local.set $writable
      (i32.or
        (i64.eqz (i64.and (local.get $x) (i64.const 0x80)))
        (i32.and
          (call $ARM64_HW_AFDBM)
          (i32.wrap_i64 (i64.shr_u (local.get $x) (i64.const 51))))))
    (local.set $user (i64.ne (i64.and (local.get $x) (i64.const 0x40)) (i64.const 0)))
    (i32.const 8)
    (i32.or (i32.shl (local.get $writable) (i32.const 4)))
    (i32.or (local.get $user))
    (i32.or (i32.shl (i32.and (local.get $user) (local.get $writable)) (i32.const 1)))
    (i32.or (i32.shl (i64.eqz (i64.and (local.get $x) (i64.const 0x0040_0000_0000_0000))) (i32.const 2)))
    (i32.or
      (i32.shl
        (i32.and
          (i64.eqz (i64.and (local.get $x) (i64.const 0x0020_0000_0000_0000)))
          (i32.eqz (i32.and (local.get $user) (local.get $writable))))
        (i32.const 5))))

  ;; What a table descriptor leaves to the entries below
  (func $below (param $x i64) (result i32)
    (i32.const 0x3f)
    (select (i32.const 0x1f) (i32.const 0x3f)
      (i32.wrap_i64 (i64.and (i64.shr_u (local.get $x) (i64.const 59)) (i64.const 1))))
    (select (i32.const 0x3b) (i32.const 0x3f)
      (i32.wrap_i64 (i64.and (i64.shr_u (local.get $x) (i64.const 60)) (i64.const 1))))
    (select (i32.const 0x3c) (i32.const 0x3f)
      (i32.wrap_i64 (i64.and (i64.shr_u (local.get $x) (i64.const 61)) (i64.const 1))))
    (select (i32.const 0x2d) (i32.const 0x3f)
      (i32.wrap_i64 (i64.and (i64.shr_u (local.get $x) (i64.const 62)) (i64.const 1))))
    i32.and
    i32.and
    i32.and
    i32.and)

  (func (export "pte_mmu_perms") (param $x i64) (result i32)
    (if (result i32) (call $is_table (local.get $x))
      (then (call $granted (local.get $x)))
      (else (i32.const 0))))

  ;; By type: 0 and 2 invalid, 1 block, 3 table
  (func (export "pmd_mmu_perms") (export "pud_mmu_perms") (param $x i64) (result i32)
    (block $invalid
      (block $table
        (block $block
          (br_table $invalid $block $invalid $table (i32.and (i32.wrap_i64 (local.get $x)) (i32.const 3))))
        (return (call $granted (local.get $x))))
      (return (call $below (local.get $x))))
    (i32.const 0))

  (func (export "pgd_mmu_perms") (param $x i64) (result i32)
    (if (result i32) (call $is_table (local.get $x))
      (then (call $below (local.get $x)))
      (else (i32.const 0))))

  ;; Makers: they leave the frame alone; which meaning each must keep is what the laws say

  ;; DEVMAP, and since v5.3-rc4 SPECIAL too (commit 30e235389faa)
  (func (export "pte_mkdevmap") (param $x i64) (result i64)
    (i64.or
      (local.get $x)
      (select (i64.const 0x0300_0000_0000_0000) (i64.const 0) (call $ARCH_HAS_PTE_DEVMAP))))

  (func (export "pmd_mkdevmap") (param $x i64) (result i64)
    (i64.or
      (local.get $x)
      (select (i64.const 0x0200_0000_0000_0000) (i64.const 0) (call $ARCH_HAS_PTE_DEVMAP))))

  (func (export "pte_mkspecial") (param $x i64) (result i64)
    (i64.or
      (local.get $x)
      (select (i64.const 0x0100_0000_0000_0000) (i64.const 0) (call $ARCH_HAS_PTE_SPECIAL))))

  (func (export "pte_mkyoung") (export "pmd_mkyoung") (param $x i64) (result i64)
    (i64.or (local.get $x) (i64.const 0x400)))

  (func (export "pte_mkold") (export "pmd_mkold") (param $x i64) (result i64)
    (i64.and (local.get $x) (i64.const -0x401)))

  ;; DIRTY; of what is writable without RDONLY, the hardware's record
  (func (export "pte_mkdirty") (export "pmd_mkdirty") (param $x i64) (result i64)
    (i64.and
      (i64.or (local.get $x) (i64.const 0x0080_0000_0000_0000))
      (select
        (i64.const -0x81)
        (i64.const -1)
        (i32.wrap_i64 (i64.and (i64.shr_u (local.get $x) (i64.const 51)) (i64.const 1))))))

  (func (export "pte_mkclean") (param $x i64) (result i64)
    (i64.or
      (i64.and (local.get $x) (i64.const 0xff7f_ffff_ffff_ffff))
      (i64.const 0x80)))

  (func (export "pte_mkwrite") (param $x i64) (result i64)
    (i64.and (i64.or (local.get $x) (i64.const 0x0008_0000_0000_0000)) (i64.const -0x81)))

  (func (export "pmd_mkhuge") (param $x i64) (result i64)
    (i64.and (local.get $x) (i64.const -3))))
