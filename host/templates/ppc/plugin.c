/* @NAME@: ppc64 book3s page tables: radix, pages of 4K and 64K, as Linux v5.3 reads them.
 *
 * Entries are stored most significant byte first, whatever the kernel; here they are integers already. No hash, no
 * savedwrite: give NUMA_BALANCING=0 for images where that matters. The names of bits are those of
 * arch/powerpc/include/asm/book3s/64/pgtable.h (v5.3), without _PAGE_. What else a plugin may export is listed by
 * `ptwalk plugin helpers`, what it may ask of the configuration by `ptwalk plugin externs`. */
#include "ptwalk.h"

PTWALK_PLUGIN("plugin.toml");

PTWALK_KCONFIG(PAGE_SHIFT);
PTWALK_KCONFIG(TRANSPARENT_HUGEPAGE);
PTWALK_KCONFIG(HUGETLB_PAGE);
PTWALK_KCONFIG(ARCH_HAS_PTE_DEVMAP);
PTWALK_KCONFIG(ARCH_HAS_PTE_SPECIAL);

#define EXEC BIT(0)
#define WRITE BIT(1)
#define READ BIT(2)
#define PRIVILEGED BIT(3)
#define DIRTY BIT(7)
#define ACCESSED BIT(8)
#define SOFT_DIRTY BIT(9)
#define SPECIAL BIT(10)
#define DEVMAP BIT(11)
#define INVALID BIT(61)
#define PTE BIT(62) /* a leaf, at any level */
#define PRESENT BIT(63)

#define PA_BITS 53
#define TABLE_MASKED (BITS(63, 62) | BITS(7, 0)) /* tables may be fragments of a page */
#define TABLE_BAD (BITS(62, 61) | BITS(7, 5))

/* log2 of the entries in each table */
#define PGD_INDEX 13
#define PUD_INDEX 9
#define PMD_INDEX 9
static int pte_index(void) { return PAGE_SHIFT() == 16 ? 5 : 9; }
static int pmd_shift(void) { return PAGE_SHIFT() + pte_index(); }

int PTWALK_EXPORT(PGDIR_SHIFT)(void) { return pmd_shift() + PMD_INDEX + PUD_INDEX; }
int PTWALK_EXPORT(PUD_SHIFT)(void) { return pmd_shift() + PMD_INDEX; }
int PTWALK_EXPORT(PMD_SHIFT)(void) { return pmd_shift(); }
int PTWALK_EXPORT(PTRS_PER_PGD)(void) { return 1 << PGD_INDEX; }
int PTWALK_EXPORT(PTRS_PER_PUD)(void) { return 1 << PUD_INDEX; }
int PTWALK_EXPORT(PTRS_PER_PMD)(void) { return 1 << PMD_INDEX; }

/* ppc64 has pages of 4K and 64K: no entries make a geometry that is refused. */
int PTWALK_EXPORT(PTRS_PER_PTE)(void) { return PAGE_SHIFT() == 12 || PAGE_SHIFT() == 16 ? 1 << pte_index() : 0; }
int PTWALK_EXPORT(PTE_PA_BITS)(void) { return PA_BITS; }
int PTWALK_EXPORT(TABLES_BIG_ENDIAN)(void) { return 1; }
u64 PTWALK_EXPORT(LOWER_HALF_END)(void) { return 1ULL << (pmd_shift() + PMD_INDEX + PUD_INDEX + PGD_INDEX); }
u64 PTWALK_EXPORT(UPPER_HALF_START)(void) { return BITS(63, 62); }
u64 PTWALK_EXPORT(TASK_SIZE_MAX)(void) { return 1ULL << (PAGE_SHIFT() == 16 ? 52 : 46); }

static int leaf(u64 x) { return (x & PTE) != 0; }
static int present(u64 x) { return (x & (PRESENT | INVALID)) != 0; }
static int bad(u64 x) { return (x & TABLE_BAD) != 0; }
static int devmap(u64 x) { return ARCH_HAS_PTE_DEVMAP() && (x & (DEVMAP | PTE)) == (DEVMAP | PTE); }
static u64 pfn(u64 x) { return (x & BITS(PA_BITS - 1, 0)) >> PAGE_SHIFT(); }

static u32 granted(u64 x)
{
	u32 kernel = (x & (READ | WRITE) ? KERNEL_READ : 0) | (x & WRITE ? KERNEL_WRITE : 0) | (x & EXEC ? KERNEL_EXEC : 0);
	u32 user = (x & (READ | WRITE) ? USER_READ : 0) | (x & WRITE ? USER_WRITE : 0) | (x & EXEC ? USER_EXEC : 0);

	return kernel | (x & PRIVILEGED ? 0 : user);
}

/* A pointer to a table leaves all to the entries below. */
static u32 perms(u64 x)
{
	if ((x & (PRESENT | PTE)) == (PRESENT | PTE))
		return granted(x);
	return (x & PRESENT) && !bad(x) ? ALL_PERMS : 0;
}

/* The hardware may write the accessed and dirty bits of an empty pte. */
int PTWALK_EXPORT(pte_none)(u64 pte) { return !(pte & ~(ACCESSED | DIRTY)); }
int PTWALK_EXPORT(pte_present)(u64 pte) { return present(pte); }
int PTWALK_EXPORT(pte_devmap)(u64 pte) { return devmap(pte); }
int PTWALK_EXPORT(pte_special)(u64 pte) { return ARCH_HAS_PTE_SPECIAL() && (pte & SPECIAL); }
int PTWALK_EXPORT(pte_young)(u64 pte) { return (pte & ACCESSED) != 0; }
int PTWALK_EXPORT(pte_dirty)(u64 pte) { return (pte & DIRTY) != 0; }
int PTWALK_EXPORT(pte_user)(u64 pte) { return !(pte & PRIVILEGED); }
u64 PTWALK_EXPORT(pte_pfn)(u64 pte) { return pfn(pte); }
u32 PTWALK_EXPORT(pte_mmu_perms)(u64 pte) { return (pte & (PRESENT | PTE)) == (PRESENT | PTE) ? granted(pte) : 0; }

int PTWALK_EXPORT(pmd_none)(u64 pmd) { return pmd == 0; }
int PTWALK_EXPORT(pmd_present)(u64 pmd) { return present(pmd); }
int PTWALK_EXPORT(pmd_bad)(u64 pmd) { return bad(pmd); }
int PTWALK_EXPORT(pmd_leaf)(u64 pmd) { return leaf(pmd); }
int PTWALK_EXPORT(pmd_huge)(u64 pmd) { return HUGETLB_PAGE() && leaf(pmd); }
int PTWALK_EXPORT(pmd_trans_huge)(u64 pmd)
{
	return TRANSPARENT_HUGEPAGE() && present(pmd) && leaf(pmd) && !devmap(pmd);
}
int PTWALK_EXPORT(pmd_devmap)(u64 pmd) { return TRANSPARENT_HUGEPAGE() && devmap(pmd); }
int PTWALK_EXPORT(pmd_young)(u64 pmd) { return (pmd & ACCESSED) != 0; }
int PTWALK_EXPORT(pmd_dirty)(u64 pmd) { return (pmd & DIRTY) != 0; }
u64 PTWALK_EXPORT(pmd_pfn)(u64 pmd) { return pfn(pmd); }
u64 PTWALK_EXPORT(pmd_page_paddr)(u64 pmd) { return pmd & ~TABLE_MASKED; }
u32 PTWALK_EXPORT(pmd_mmu_perms)(u64 pmd) { return perms(pmd); }

int PTWALK_EXPORT(pud_none)(u64 pud) { return pud == 0; }
int PTWALK_EXPORT(pud_present)(u64 pud) { return (pud & PRESENT) != 0; }
int PTWALK_EXPORT(pud_bad)(u64 pud) { return bad(pud); }
int PTWALK_EXPORT(pud_leaf)(u64 pud) { return leaf(pud); }
int PTWALK_EXPORT(pud_huge)(u64 pud) { return HUGETLB_PAGE() && leaf(pud); }
int PTWALK_EXPORT(pud_young)(u64 pud) { return (pud & ACCESSED) != 0; }
u64 PTWALK_EXPORT(pud_pfn)(u64 pud) { return pfn(pud); }
u64 PTWALK_EXPORT(pud_page_paddr)(u64 pud) { return pud & ~TABLE_MASKED; }
u32 PTWALK_EXPORT(pud_mmu_perms)(u64 pud) { return perms(pud); }

/* The p4d is folded into the pgd; v5.3 tests the word as a pgd (include/asm-generic/5level-fixup.h). */
int PTWALK_EXPORT(pgd_none)(u64 pgd) { return pgd == 0; }
int PTWALK_EXPORT(pgd_present)(u64 pgd) { return (pgd & PRESENT) != 0; }
int PTWALK_EXPORT(pgd_bad)(u64 pgd) { return bad(pgd); }

/* Radix has no directories of huge pages. Saying so also says that a leaf's frame is taken as it stands. */
int PTWALK_EXPORT(is_hugepd)(u64 pgd) { (void)pgd; return 0; }
int PTWALK_EXPORT(pgd_leaf)(u64 pgd) { return leaf(pgd); }
int PTWALK_EXPORT(pgd_huge)(u64 pgd) { return HUGETLB_PAGE() && leaf(pgd); }
u64 PTWALK_EXPORT(pgd_page_paddr)(u64 pgd) { return pgd & ~TABLE_MASKED; }
u32 PTWALK_EXPORT(pgd_mmu_perms)(u64 pgd) { return perms(pgd); }

/* Makers. They leave the frame alone; which meaning each must keep is what the laws say. */

/* The marker of a leaf is left to who stores the entry. */
u64 PTWALK_EXPORT(pte_mkdevmap)(u64 pte) { return ARCH_HAS_PTE_DEVMAP() ? pte | DEVMAP | SPECIAL : pte; }
u64 PTWALK_EXPORT(pte_mkspecial)(u64 pte) { return ARCH_HAS_PTE_SPECIAL() ? pte | SPECIAL : pte; }
u64 PTWALK_EXPORT(pte_mkyoung)(u64 pte) { return pte | ACCESSED; }
u64 PTWALK_EXPORT(pte_mkold)(u64 pte) { return pte & ~ACCESSED; }
u64 PTWALK_EXPORT(pte_mkdirty)(u64 pte) { return pte | DIRTY | SOFT_DIRTY; }
u64 PTWALK_EXPORT(pte_mkclean)(u64 pte) { return pte & ~DIRTY; }

u64 PTWALK_EXPORT(pmd_mkdevmap)(u64 pmd) { return ARCH_HAS_PTE_DEVMAP() ? pmd | DEVMAP | PTE : pmd; }
u64 PTWALK_EXPORT(pmd_mkyoung)(u64 pmd) { return pmd | ACCESSED; }
u64 PTWALK_EXPORT(pmd_mkold)(u64 pmd) { return pmd & ~ACCESSED; }
u64 PTWALK_EXPORT(pmd_mkdirty)(u64 pmd) { return pmd | DIRTY | SOFT_DIRTY; }
u64 PTWALK_EXPORT(pmd_mkhuge)(u64 pmd) { return pmd | PTE; }
