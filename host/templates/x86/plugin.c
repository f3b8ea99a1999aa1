/* @NAME@: x86_64's page tables: four levels, leaves of 4K, 2M and 1G, as Linux v5.3 reads them.
 *
 * No protection keys, no memory encryption, no soft-dirty. The names of bits are those of
 * arch/x86/include/asm/pgtable_types.h (v5.3), without _PAGE_. What else a plugin may export is listed by
 * `ptwalk plugin helpers`, what it may ask of the configuration by `ptwalk plugin externs`. */
#include "ptwalk.h"

PTWALK_PLUGIN("plugin.toml");

PTWALK_KCONFIG(TRANSPARENT_HUGEPAGE);
PTWALK_KCONFIG(HUGETLB_PAGE);
PTWALK_KCONFIG(NUMA_BALANCING);
PTWALK_KCONFIG(ARCH_HAS_PTE_DEVMAP);
PTWALK_KCONFIG(ARCH_HAS_PTE_SPECIAL);
PTWALK_KCONFIG(PAGE_TABLE_ISOLATION);

#define PRESENT BIT(0)
#define RW BIT(1)
#define USER BIT(2)
#define ACCESSED BIT(5)
#define DIRTY BIT(6)
#define PSE BIT(7) /* a leaf, in a pmd or pud; in a pte the same bit is PAT */
#define PROTNONE BIT(8) /* while PRESENT is clear; G otherwise */
#define SPECIAL BIT(9)
#define DEVMAP BIT(58) /* until v6.5 */
#define NX BIT(63)

#define PAGE_SHIFT 12
#define INDEX_BITS 9
#define PMD (PAGE_SHIFT + INDEX_BITS)
#define PUD (PMD + INDEX_BITS)
#define PGD (PUD + INDEX_BITS)
#define PAGE_MASK BITS(51, PAGE_SHIFT)
#define TABLE_FLAGS (PRESENT | RW | ACCESSED | DIRTY)

/* One root table serves both halves. The p4d is folded into the pgd, and the kernel tests the word as a p4d. */
int PTWALK_EXPORT(PGDIR_SHIFT)(void) { return PGD; }
int PTWALK_EXPORT(P4D_SHIFT)(void) { return PGD; }
int PTWALK_EXPORT(PUD_SHIFT)(void) { return PUD; }
int PTWALK_EXPORT(PMD_SHIFT)(void) { return PMD; }
int PTWALK_EXPORT(PTRS_PER_PGD)(void) { return 1 << INDEX_BITS; }
int PTWALK_EXPORT(PTRS_PER_PUD)(void) { return 1 << INDEX_BITS; }
int PTWALK_EXPORT(PTRS_PER_PMD)(void) { return 1 << INDEX_BITS; }
int PTWALK_EXPORT(PTRS_PER_PTE)(void) { return 1 << INDEX_BITS; }
int PTWALK_EXPORT(SHARED_ROOT)(void) { return 1; }
u64 PTWALK_EXPORT(LOWER_HALF_END)(void) { return BIT(47); }
u64 PTWALK_EXPORT(UPPER_HALF_START)(void) { return BITS(63, 47); }
u64 PTWALK_EXPORT(TASK_SIZE_MAX)(void) { return BIT(47) - (1 << PAGE_SHIFT); }

/* An entry that is not present holds its address inverted, so that speculation finds nothing there (L1TF). */
static u64 inversion(u64 x) { return x != 0 && !(x & PRESENT) ? ~0ULL : 0; }
static u64 mask(u64 x, int shift) { return x & PSE ? BITS(51, PAGE_SHIFT) & (~0ULL << shift) : PAGE_MASK; }
static u64 flags(u64 x, int shift) { return x & ~mask(x, shift); }
static u64 pfn(u64 x, int shift) { return ((x ^ inversion(x)) & mask(x, shift)) >> PAGE_SHIFT; }

/* A processor may set the accessed and dirty bits of an empty entry (Knights Landing erratum). */
static int none(u64 x) { return !(x & ~(ACCESSED | DIRTY)); }
static int devmap(u64 x) { return ARCH_HAS_PTE_DEVMAP() && (x & DEVMAP); }
static int protnone(u64 x) { return NUMA_BALANCING() && (x & (PRESENT | PROTNONE)) == PROTNONE; }

/* The levels above are not looked at. */
static int access_permitted(u64 x, int for_write)
{
	u64 needed = PRESENT | USER | (for_write ? RW : 0);

	return (x & needed) == needed;
}

/* A table takes away what a leaf would not grant, by the same bits. */
static u32 granted(u64 x, u64 reserved)
{
	u32 perms = KERNEL_READ;

	if (!(x & PRESENT) || (x & reserved))
		return 0;
	if (x & RW)
		perms |= KERNEL_WRITE;
	if (!(x & NX))
		perms |= KERNEL_EXEC;
	if (x & USER)
		perms |= USER_READ | (x & RW ? USER_WRITE : 0) | (x & NX ? 0 : USER_EXEC);
	return perms;
}

int PTWALK_EXPORT(pte_none)(u64 pte) { return none(pte); }
int PTWALK_EXPORT(pte_present)(u64 pte) { return (pte & (PRESENT | PROTNONE)) != 0; }
int PTWALK_EXPORT(pte_devmap)(u64 pte) { return devmap(pte); }
int PTWALK_EXPORT(pte_special)(u64 pte) { return ARCH_HAS_PTE_SPECIAL() && (pte & SPECIAL); }
int PTWALK_EXPORT(pte_protnone)(u64 pte) { return protnone(pte); }
int PTWALK_EXPORT(pte_write)(u64 pte) { return (pte & RW) != 0; }
int PTWALK_EXPORT(pte_young)(u64 pte) { return (pte & ACCESSED) != 0; }
int PTWALK_EXPORT(pte_dirty)(u64 pte) { return (pte & DIRTY) != 0; }
int PTWALK_EXPORT(pte_access_permitted)(u64 pte, int for_write) { return access_permitted(pte, for_write); }
u64 PTWALK_EXPORT(pte_pfn)(u64 pte) { return ((pte ^ inversion(pte)) & PAGE_MASK) >> PAGE_SHIFT; }
u32 PTWALK_EXPORT(pte_mmu_perms)(u64 pte) { return granted(pte, 0); }

/* A huge page that is being split has lost PRESENT and keeps PSE. */
int PTWALK_EXPORT(pmd_none)(u64 pmd) { return none(pmd); }
int PTWALK_EXPORT(pmd_present)(u64 pmd) { return (pmd & (PRESENT | PROTNONE | PSE)) != 0; }
int PTWALK_EXPORT(pmd_bad)(u64 pmd) { return (flags(pmd, PMD) & ~USER) != TABLE_FLAGS; }
int PTWALK_EXPORT(pmd_leaf)(u64 pmd) { return (pmd & PSE) != 0; }
int PTWALK_EXPORT(pmd_huge)(u64 pmd) { return HUGETLB_PAGE() && !none(pmd) && (pmd & (PRESENT | PSE)) != PRESENT; }
int PTWALK_EXPORT(pmd_trans_huge)(u64 pmd)
{
	return TRANSPARENT_HUGEPAGE() && (pmd & PSE) && !devmap(pmd);
}
int PTWALK_EXPORT(pmd_devmap)(u64 pmd) { return TRANSPARENT_HUGEPAGE() && devmap(pmd); }
int PTWALK_EXPORT(pmd_protnone)(u64 pmd) { return protnone(pmd); }
int PTWALK_EXPORT(pmd_write)(u64 pmd) { return (pmd & RW) != 0; }
int PTWALK_EXPORT(pmd_young)(u64 pmd) { return (pmd & ACCESSED) != 0; }
int PTWALK_EXPORT(pmd_dirty)(u64 pmd) { return (pmd & DIRTY) != 0; }
int PTWALK_EXPORT(pmd_access_permitted)(u64 pmd, int for_write) { return access_permitted(pmd, for_write); }
u64 PTWALK_EXPORT(pmd_pfn)(u64 pmd) { return pfn(pmd, PMD); }
u64 PTWALK_EXPORT(pmd_page_paddr)(u64 pmd) { return pmd & mask(pmd, PMD); }
u32 PTWALK_EXPORT(pmd_mmu_perms)(u64 pmd) { return granted(pmd, pmd & PSE ? BITS(20, 13) : 0); }

int PTWALK_EXPORT(pud_none)(u64 pud) { return none(pud); }
int PTWALK_EXPORT(pud_present)(u64 pud) { return (pud & PRESENT) != 0; }
int PTWALK_EXPORT(pud_bad)(u64 pud) { return (flags(pud, PUD) & ~(TABLE_FLAGS | USER)) != 0; }
int PTWALK_EXPORT(pud_leaf)(u64 pud) { return (pud & (PSE | PRESENT)) == (PSE | PRESENT); }
int PTWALK_EXPORT(pud_huge)(u64 pud) { return HUGETLB_PAGE() && (pud & PSE); }
int PTWALK_EXPORT(pud_write)(u64 pud) { return (pud & RW) != 0; }
int PTWALK_EXPORT(pud_young)(u64 pud) { return (pud & ACCESSED) != 0; }
int PTWALK_EXPORT(pud_access_permitted)(u64 pud, int for_write) { return access_permitted(pud, for_write); }
u64 PTWALK_EXPORT(pud_pfn)(u64 pud) { return pfn(pud, PUD); }
u64 PTWALK_EXPORT(pud_page_paddr)(u64 pud) { return pud & mask(pud, PUD); }
u32 PTWALK_EXPORT(pud_mmu_perms)(u64 pud) { return granted(pud, pud & PSE ? BITS(29, 13) : 0); }

int PTWALK_EXPORT(p4d_none)(u64 p4d) { return none(p4d); }
int PTWALK_EXPORT(p4d_present)(u64 p4d) { return (p4d & PRESENT) != 0; }

/* With page-table isolation the kernel's root denies execution to what user mode maps. */
int PTWALK_EXPORT(p4d_bad)(u64 p4d)
{
	return (p4d & ~(PAGE_MASK | TABLE_FLAGS | USER | (PAGE_TABLE_ISOLATION() ? NX : 0))) != 0;
}
u64 PTWALK_EXPORT(p4d_page_paddr)(u64 p4d) { return p4d & PAGE_MASK; }
u32 PTWALK_EXPORT(p4d_mmu_perms)(u64 p4d) { return granted(p4d, PSE); }

/* Makers. They leave the frame alone; which meaning each must keep is what the laws say. */

u64 PTWALK_EXPORT(pte_mkdevmap)(u64 pte) { return ARCH_HAS_PTE_DEVMAP() ? pte | DEVMAP | SPECIAL : pte; }
u64 PTWALK_EXPORT(pte_mkspecial)(u64 pte) { return ARCH_HAS_PTE_SPECIAL() ? pte | SPECIAL : pte; }
u64 PTWALK_EXPORT(pte_mkyoung)(u64 pte) { return pte | ACCESSED; }
u64 PTWALK_EXPORT(pte_mkold)(u64 pte) { return pte & ~ACCESSED; }
u64 PTWALK_EXPORT(pte_mkdirty)(u64 pte) { return pte | DIRTY; }
u64 PTWALK_EXPORT(pte_mkclean)(u64 pte) { return pte & ~DIRTY; }
u64 PTWALK_EXPORT(pte_mkwrite)(u64 pte) { return pte | RW; }
u64 PTWALK_EXPORT(pte_wrprotect)(u64 pte) { return pte & ~RW; }

u64 PTWALK_EXPORT(pmd_mkdevmap)(u64 pmd) { return ARCH_HAS_PTE_DEVMAP() ? pmd | DEVMAP : pmd; }
u64 PTWALK_EXPORT(pmd_mkyoung)(u64 pmd) { return pmd | ACCESSED; }
u64 PTWALK_EXPORT(pmd_mkold)(u64 pmd) { return pmd & ~ACCESSED; }
u64 PTWALK_EXPORT(pmd_mkdirty)(u64 pmd) { return pmd | DIRTY; }
u64 PTWALK_EXPORT(pmd_mkhuge)(u64 pmd) { return pmd | PSE; }
