/* @NAME@: arm64's page tables: 4K granule, 48-bit VA and PA, four levels, as Linux v5.3 reads them.
 *
 * A configuration with another granule does not fit this geometry and is refused. The names of bits are those of
 * arch/arm64/include/asm/pgtable-hwdef.h and pgtable-prot.h (v5.3). What else a plugin may export is listed by
 * `ptwalk plugin helpers`, what it may ask of the configuration by `ptwalk plugin externs`. */
#include "ptwalk.h"

PTWALK_PLUGIN("plugin.toml");

PTWALK_KCONFIG(TRANSPARENT_HUGEPAGE);
PTWALK_KCONFIG(HUGETLB_PAGE);
PTWALK_KCONFIG(NUMA_BALANCING);
PTWALK_KCONFIG(ARCH_HAS_PTE_DEVMAP);
PTWALK_KCONFIG(ARCH_HAS_PTE_SPECIAL);
PTWALK_KCONFIG(ARM64_HW_AFDBM);

#define TYPE_MASK BITS(1, 0)
#define TYPE_BLOCK 1
#define TYPE_TABLE 3 /* at the pte level: a page */
#define VALID BIT(0)
#define TABLE_BIT BIT(1)
#define USER BIT(6) /* AP[1] */
#define RDONLY BIT(7) /* AP[2] */
#define AF BIT(10)
#define ADDR BITS(47, 12)
#define WRITE BIT(51) /* DBM */
#define PXN BIT(53)
#define UXN BIT(54)
#define DIRTY BIT(55)
#define SPECIAL BIT(56)
#define DEVMAP BIT(57)
#define PROT_NONE BIT(58)

/* In a table descriptor: what is denied below. */
#define PXN_TABLE BIT(59)
#define UXN_TABLE BIT(60)
#define AP_TABLE_NO_USER BIT(61)
#define AP_TABLE_RDONLY BIT(62)

#define PAGE_SHIFT 12
#define INDEX_BITS 9
#define PMD (PAGE_SHIFT + INDEX_BITS)
#define PUD (PMD + INDEX_BITS)
#define PGD (PUD + INDEX_BITS)

int PTWALK_EXPORT(PGDIR_SHIFT)(void) { return PGD; }
int PTWALK_EXPORT(PUD_SHIFT)(void) { return PUD; }
int PTWALK_EXPORT(PMD_SHIFT)(void) { return PMD; }
int PTWALK_EXPORT(PTRS_PER_PGD)(void) { return 1 << INDEX_BITS; }
int PTWALK_EXPORT(PTRS_PER_PUD)(void) { return 1 << INDEX_BITS; }
int PTWALK_EXPORT(PTRS_PER_PMD)(void) { return 1 << INDEX_BITS; }
int PTWALK_EXPORT(PTRS_PER_PTE)(void) { return 1 << INDEX_BITS; }
u64 PTWALK_EXPORT(LOWER_HALF_END)(void) { return BIT(48); }
u64 PTWALK_EXPORT(UPPER_HALF_START)(void) { return BITS(63, 48); }

static int present(u64 x) { return (x & (VALID | PROT_NONE)) != 0; }
static int is_table(u64 x) { return (x & TYPE_MASK) == TYPE_TABLE; }
static int leaf(u64 x) { return present(x) && !is_table(x); }
static int write(u64 x) { return (x & WRITE) != 0; }
static int young(u64 x) { return (x & AF) != 0; }
static int hw_dirty(u64 x) { return (x & (WRITE | RDONLY)) == WRITE; }
static int dirty(u64 x) { return (x & DIRTY) || hw_dirty(x); }
static int protnone(u64 x) { return NUMA_BALANCING() && (x & (VALID | PROT_NONE)) == PROT_NONE; }

/* Any word that is neither empty nor a table by bit 1, present or not. */
static int huge(u64 x) { return x != 0 && !(x & TABLE_BIT); }

/* Neither RDONLY nor the levels above are looked at. */
static int access_permitted(u64 x, int for_write)
{
	u64 needed = VALID | USER | (for_write ? WRITE : 0);

	return (x & needed) == needed;
}

static u64 page(u64 x) { return (x & ADDR) >> PAGE_SHIFT; }
static u64 pfn(u64 x, int shift) { return (x & ADDR & (~0ULL << shift)) >> PAGE_SHIFT; }

/* What a page or block grants. With hardware dirty state, a clean page takes writes. EL0's execution does not need data
 * access; EL1 never executes what EL0 may write. */
static u32 granted(u64 x)
{
	int writable = !(x & RDONLY) || ((x & WRITE) && ARM64_HW_AFDBM());
	int user = (x & USER) != 0;
	u32 perms = KERNEL_READ;

	if (writable)
		perms |= KERNEL_WRITE;
	if (user)
		perms |= USER_READ | (writable ? USER_WRITE : 0);
	if (!(x & UXN))
		perms |= USER_EXEC;
	if (!(x & PXN) && !(user && writable))
		perms |= KERNEL_EXEC;
	return perms;
}

/* What a table descriptor leaves to the entries below. */
static u32 below(u64 x)
{
	u32 perms = ALL_PERMS;

	if (x & AP_TABLE_NO_USER)
		perms &= ~(USER_READ | USER_WRITE);
	if (x & AP_TABLE_RDONLY)
		perms &= ~(USER_WRITE | KERNEL_WRITE);
	if (x & UXN_TABLE)
		perms &= ~USER_EXEC;
	if (x & PXN_TABLE)
		perms &= ~KERNEL_EXEC;
	return perms;
}

static u32 perms_with_block(u64 x)
{
	if (is_table(x))
		return below(x);
	return (x & TYPE_MASK) == TYPE_BLOCK ? granted(x) : 0;
}

int PTWALK_EXPORT(pte_none)(u64 pte) { return pte == 0; }
int PTWALK_EXPORT(pte_present)(u64 pte) { return present(pte); }
int PTWALK_EXPORT(pte_devmap)(u64 pte) { return ARCH_HAS_PTE_DEVMAP() && (pte & DEVMAP); }
int PTWALK_EXPORT(pte_special)(u64 pte) { return ARCH_HAS_PTE_SPECIAL() && (pte & SPECIAL); }
int PTWALK_EXPORT(pte_protnone)(u64 pte) { return protnone(pte); }
int PTWALK_EXPORT(pte_write)(u64 pte) { return write(pte); }
int PTWALK_EXPORT(pte_young)(u64 pte) { return young(pte); }
int PTWALK_EXPORT(pte_dirty)(u64 pte) { return dirty(pte); }
int PTWALK_EXPORT(pte_hw_dirty)(u64 pte) { return hw_dirty(pte); }
int PTWALK_EXPORT(pte_access_permitted)(u64 pte, int for_write) { return access_permitted(pte, for_write); }
u64 PTWALK_EXPORT(pte_pfn)(u64 pte) { return page(pte); }
u32 PTWALK_EXPORT(pte_mmu_perms)(u64 pte) { return is_table(pte) ? granted(pte) : 0; }

int PTWALK_EXPORT(pmd_none)(u64 pmd) { return pmd == 0; }
int PTWALK_EXPORT(pmd_present)(u64 pmd) { return present(pmd); }
int PTWALK_EXPORT(pmd_bad)(u64 pmd) { return !(pmd & TABLE_BIT); }
int PTWALK_EXPORT(pmd_leaf)(u64 pmd) { return leaf(pmd); }
int PTWALK_EXPORT(pmd_sect)(u64 pmd) { return (pmd & TYPE_MASK) == TYPE_BLOCK; }
int PTWALK_EXPORT(pmd_huge)(u64 pmd) { return HUGETLB_PAGE() && huge(pmd); }
int PTWALK_EXPORT(pmd_trans_huge)(u64 pmd) { return TRANSPARENT_HUGEPAGE() && huge(pmd); }

/* As in v3.1 of the series and since: only with huge pages. The kernel does not ask for a block. */
int PTWALK_EXPORT(pmd_devmap)(u64 pmd) { return TRANSPARENT_HUGEPAGE() && ARCH_HAS_PTE_DEVMAP() && (pmd & DEVMAP); }
int PTWALK_EXPORT(pmd_protnone)(u64 pmd) { return protnone(pmd); }
int PTWALK_EXPORT(pmd_write)(u64 pmd) { return write(pmd); }
int PTWALK_EXPORT(pmd_young)(u64 pmd) { return young(pmd); }
int PTWALK_EXPORT(pmd_dirty)(u64 pmd) { return dirty(pmd); }
int PTWALK_EXPORT(pmd_access_permitted)(u64 pmd, int for_write) { return access_permitted(pmd, for_write); }
u64 PTWALK_EXPORT(pmd_pfn)(u64 pmd) { return pfn(pmd, PMD); }
u64 PTWALK_EXPORT(pmd_page)(u64 pmd) { return page(pmd); }
u64 PTWALK_EXPORT(pmd_page_paddr)(u64 pmd) { return pmd & ADDR; }
u32 PTWALK_EXPORT(pmd_mmu_perms)(u64 pmd) { return perms_with_block(pmd); }

int PTWALK_EXPORT(pud_none)(u64 pud) { return pud == 0; }
int PTWALK_EXPORT(pud_present)(u64 pud) { return present(pud); }
int PTWALK_EXPORT(pud_bad)(u64 pud) { return !(pud & TABLE_BIT); }
int PTWALK_EXPORT(pud_leaf)(u64 pud) { return leaf(pud); }
int PTWALK_EXPORT(pud_huge)(u64 pud) { return HUGETLB_PAGE() && huge(pud); }
int PTWALK_EXPORT(pud_write)(u64 pud) { return write(pud); }
int PTWALK_EXPORT(pud_young)(u64 pud) { return young(pud); }
int PTWALK_EXPORT(pud_access_permitted)(u64 pud, int for_write) { return access_permitted(pud, for_write); }
u64 PTWALK_EXPORT(pud_pfn)(u64 pud) { return pfn(pud, PUD); }
u64 PTWALK_EXPORT(pud_page)(u64 pud) { return page(pud); }
u64 PTWALK_EXPORT(pud_page_paddr)(u64 pud) { return pud & ADDR; }
u32 PTWALK_EXPORT(pud_mmu_perms)(u64 pud) { return perms_with_block(pud); }

/* The p4d is folded into the pgd; v5.3 tests the word as a pgd (include/asm-generic/5level-fixup.h). No blocks. */
int PTWALK_EXPORT(pgd_none)(u64 pgd) { return pgd == 0; }
int PTWALK_EXPORT(pgd_present)(u64 pgd) { return pgd != 0; }
int PTWALK_EXPORT(pgd_bad)(u64 pgd) { return !(pgd & TABLE_BIT); }
u64 PTWALK_EXPORT(pgd_page)(u64 pgd) { return page(pgd); }
u64 PTWALK_EXPORT(pgd_page_paddr)(u64 pgd) { return pgd & ADDR; }
u32 PTWALK_EXPORT(pgd_mmu_perms)(u64 pgd) { return is_table(pgd) ? below(pgd) : 0; }

/* Makers. They leave the frame alone; which meaning each must keep is what the laws say. */

static u64 mkdirty(u64 x) { return write(x) ? (x | DIRTY) & ~RDONLY : x | DIRTY; }

/* Since v5.3-rc4 special too (commit 30e235389faa): a device page has a struct page only while its pgmap lives. */
u64 PTWALK_EXPORT(pte_mkdevmap)(u64 pte) { return ARCH_HAS_PTE_DEVMAP() ? pte | DEVMAP | SPECIAL : pte; }
u64 PTWALK_EXPORT(pte_mkspecial)(u64 pte) { return ARCH_HAS_PTE_SPECIAL() ? pte | SPECIAL : pte; }
u64 PTWALK_EXPORT(pte_mkyoung)(u64 pte) { return pte | AF; }
u64 PTWALK_EXPORT(pte_mkold)(u64 pte) { return pte & ~AF; }
u64 PTWALK_EXPORT(pte_mkdirty)(u64 pte) { return mkdirty(pte); }
u64 PTWALK_EXPORT(pte_mkclean)(u64 pte) { return (pte & ~DIRTY) | RDONLY; }
u64 PTWALK_EXPORT(pte_mkwrite)(u64 pte) { return (pte | WRITE) & ~RDONLY; }

u64 PTWALK_EXPORT(pmd_mkdevmap)(u64 pmd) { return ARCH_HAS_PTE_DEVMAP() ? pmd | DEVMAP : pmd; }
u64 PTWALK_EXPORT(pmd_mkyoung)(u64 pmd) { return pmd | AF; }
u64 PTWALK_EXPORT(pmd_mkold)(u64 pmd) { return pmd & ~AF; }
u64 PTWALK_EXPORT(pmd_mkdirty)(u64 pmd) { return mkdirty(pmd); }
u64 PTWALK_EXPORT(pmd_mkhuge)(u64 pmd) { return pmd & ~TABLE_BIT; }
