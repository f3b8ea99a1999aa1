//! The helpers: what a plugin may export, with which signature, and what stands in where it exports nothing.

use core::fmt;

use crate::Level;

/// Calls `$cb` with the one list of helpers: signature, name, level, operation and generic stub.
///
/// Names are the kernel's where the kernel has one. The rest are ptwalk's own: `pXd_mmu_perms` (what the hardware
/// permits), `pXd_page` and `pXd_page_paddr` returning frames and addresses in place of pointers, `swp_*` on raw
/// entries (`__swp_type`, `__swp_offset`), `root_phys`, and the geometry that the kernel leaves to the reader
/// (`LOWER_HALF_END`, `UPPER_HALF_START`, `TABLES_BIG_ENDIAN`, `SHARED_ROOT`).
macro_rules! helper_list {
    ($cb:ident $($pass:tt)*) => {
        $cb! { $($pass)*
            predicate pte_none Pte None = Required;
            predicate pmd_none Pmd None = Zero;
            predicate pud_none Pud None = Zero;
            predicate p4d_none P4d None = Zero;
            predicate pgd_none Pgd None = Zero;
            predicate pte_present Pte Present = Required;
            predicate pmd_present Pmd Present = One;
            predicate pud_present Pud Present = One;
            predicate p4d_present P4d Present = One;
            predicate pgd_present Pgd Present = One;
            predicate pmd_bad Pmd Bad = Zero;
            predicate pud_bad Pud Bad = Zero;
            predicate p4d_bad P4d Bad = Zero;
            predicate pgd_bad Pgd Bad = Zero;
            predicate pmd_leaf Pmd Leaf = Zero;
            predicate pud_leaf Pud Leaf = Zero;
            predicate p4d_leaf P4d Leaf = Zero;
            predicate pgd_leaf Pgd Leaf = Zero;
            predicate pmd_large Pmd Large = Undefined;
            predicate pud_large Pud Large = Undefined;
            predicate pmd_table Pmd Table = Undefined;
            predicate pud_table Pud Table = Undefined;
            predicate pmd_sect Pmd Sect = Undefined;
            predicate pud_sect Pud Sect = Undefined;
            predicate pmd_huge Pmd Huge = Zero;
            predicate pud_huge Pud Huge = Zero;
            predicate p4d_huge P4d Huge = Zero;
            predicate pgd_huge Pgd Huge = Zero;
            predicate pmd_trans_huge Pmd TransHuge = Zero;
            predicate pud_trans_huge Pud TransHuge = Zero;
            predicate pte_devmap Pte Devmap = Zero;
            predicate pmd_devmap Pmd Devmap = Zero;
            predicate pud_devmap Pud Devmap = Zero;
            predicate pgd_devmap Pgd Devmap = Zero;
            predicate pte_special Pte Special = Zero;
            predicate pmd_special Pmd Special = Zero;
            predicate pud_special Pud Special = Zero;
            predicate pte_protnone Pte Protnone = Zero;
            predicate pmd_protnone Pmd Protnone = Zero;
            predicate pte_valid Pte Valid = Undefined;
            predicate pmd_valid Pmd Valid = Undefined;
            predicate pud_valid Pud Valid = Undefined;
            predicate pmd_is_serializing Pmd Serializing = Zero;
            predicate is_hugepd Pgd Hugepd = Zero;
            predicate pte_write Pte Write = Undefined;
            predicate pmd_write Pmd Write = Undefined;
            predicate pud_write Pud Write = Undefined;
            predicate pte_savedwrite Pte Savedwrite = Undefined;
            predicate pmd_savedwrite Pmd Savedwrite = Undefined;
            predicate pte_read Pte Read = Undefined;
            predicate pte_young Pte Young = Undefined;
            predicate pmd_young Pmd Young = Undefined;
            predicate pud_young Pud Young = Undefined;
            predicate pte_dirty Pte Dirty = Undefined;
            predicate pmd_dirty Pmd Dirty = Undefined;
            predicate pud_dirty Pud Dirty = Undefined;
            predicate pte_hw_dirty Pte HwDirty = Undefined;
            predicate pte_cont Pte Cont = Undefined;
            predicate pmd_cont Pmd Cont = Undefined;
            predicate pte_user Pte User = Undefined;
            predicate pte_user_exec Pte UserExec = Undefined;
            predicate pte_exec Pte Exec = Undefined;
            predicate pte_soft_dirty Pte SoftDirty = Zero;
            predicate pmd_soft_dirty Pmd SoftDirty = Zero;
            predicate pud_soft_dirty Pud SoftDirty = Zero;
            predicate pte_swp_soft_dirty Pte SwpSoftDirty = Zero;
            predicate pmd_swp_soft_dirty Pmd SwpSoftDirty = Zero;
            access pte_access_permitted Pte AccessPermitted = PresentAndWrite;
            access pmd_access_permitted Pmd AccessPermitted = PresentAndWrite;
            access pud_access_permitted Pud AccessPermitted = PresentAndWrite;
            access pgd_access_permitted Pgd AccessPermitted = PresentAndWrite;
            compare pte_same Pte Same = Equal;
            compare pmd_same Pmd Same = Equal;
            perms pte_mmu_perms Pte MmuPerms = Undefined;
            perms pmd_mmu_perms Pmd MmuPerms = Undefined;
            perms pud_mmu_perms Pud MmuPerms = Undefined;
            perms p4d_mmu_perms P4d MmuPerms = Undefined;
            perms pgd_mmu_perms Pgd MmuPerms = Undefined;
            reader pte_pfn Pte Pfn = Required;
            reader pmd_pfn Pmd Pfn = Undefined;
            reader pud_pfn Pud Pfn = Undefined;
            reader pmd_page Pmd Page = Undefined;
            reader pud_page Pud Page = Undefined;
            reader pgd_page Pgd Page = Undefined;
            reader pmd_page_paddr Pmd PagePaddr = Undefined;
            reader pud_page_paddr Pud PagePaddr = Undefined;
            reader p4d_page_paddr P4d PagePaddr = Undefined;
            reader pgd_page_paddr Pgd PagePaddr = Undefined;
            reader hugepd_page Pgd HugepdPage = Zero;
            reader hugepd_shift Pgd HugepdShift = Zero;
            reader pte_to_phys Pte ToPhys = Undefined;
            reader phys_to_pte Pte FromPhys = Undefined;
            reader swp_type Pte SwpType = Undefined;
            reader swp_offset Pte SwpOffset = Undefined;
            reader phys_to_ttbr Pgd PhysToTtbr = Undefined;
            reader root_phys Pgd RootPhys = Identity;
            reader untagged_addr Pgd UntaggedAddr = Identity;
            maker pte_mkwrite Pte Mkwrite = Undefined;
            maker pmd_mkwrite Pmd Mkwrite = Undefined;
            maker pud_mkwrite Pud Mkwrite = Undefined;
            maker pte_wrprotect Pte Wrprotect = Undefined;
            maker pmd_wrprotect Pmd Wrprotect = Undefined;
            maker pud_wrprotect Pud Wrprotect = Undefined;
            maker pte_mkclean Pte Mkclean = Undefined;
            maker pmd_mkclean Pmd Mkclean = Undefined;
            maker pud_mkclean Pud Mkclean = Undefined;
            maker pte_mkdirty Pte Mkdirty = Undefined;
            maker pmd_mkdirty Pmd Mkdirty = Undefined;
            maker pud_mkdirty Pud Mkdirty = Undefined;
            maker pte_mkyoung Pte Mkyoung = Undefined;
            maker pmd_mkyoung Pmd Mkyoung = Undefined;
            maker pud_mkyoung Pud Mkyoung = Undefined;
            maker pte_mkold Pte Mkold = Undefined;
            maker pmd_mkold Pmd Mkold = Undefined;
            maker pud_mkold Pud Mkold = Undefined;
            maker pte_mkspecial Pte Mkspecial = Undefined;
            maker pmd_mkspecial Pmd Mkspecial = Undefined;
            maker pud_mkspecial Pud Mkspecial = Undefined;
            maker pte_mkdevmap Pte Mkdevmap = Undefined;
            maker pmd_mkdevmap Pmd Mkdevmap = Undefined;
            maker pud_mkdevmap Pud Mkdevmap = Undefined;
            maker pte_mkhuge Pte Mkhuge = Undefined;
            maker pmd_mkhuge Pmd Mkhuge = Undefined;
            maker pud_mkhuge Pud Mkhuge = Undefined;
            maker pte_mkcont Pte Mkcont = Undefined;
            maker pmd_mkcont Pmd Mkcont = Undefined;
            maker pte_mknoncont Pte Mknoncont = Undefined;
            maker pte_mkpresent Pte Mkpresent = Undefined;
            maker pte_mkinvalid Pte Mkinvalid = Undefined;
            maker pmd_mkinvalid Pmd Mkinvalid = Undefined;
            maker pud_mkinvalid Pud Mkinvalid = Undefined;
            maker pmd_mknotpresent Pmd Mknotpresent = Undefined;
            maker pte_mk_savedwrite Pte MkSavedwrite = Undefined;
            maker pmd_mk_savedwrite Pmd MkSavedwrite = Undefined;
            maker pte_clear_savedwrite Pte ClearSavedwrite = Undefined;
            maker pmd_clear_savedwrite Pmd ClearSavedwrite = Undefined;
            maker pte_mkpte Pte Mkpte = Undefined;
            maker pte_mkuser Pte Mkuser = Undefined;
            maker pte_mkprivileged Pte Mkprivileged = Undefined;
            maker pte_mkexec Pte Mkexec = Undefined;
            maker pud_mknotpresent Pud Mknotpresent = Undefined;
            maker pte_mksoft_dirty Pte MksoftDirty = Identity;
            maker pmd_mksoft_dirty Pmd MksoftDirty = Identity;
            maker pud_mksoft_dirty Pud MksoftDirty = Identity;
            maker pte_clear_soft_dirty Pte ClearSoftDirty = Identity;
            maker pmd_clear_soft_dirty Pmd ClearSoftDirty = Identity;
            maker pud_clear_soft_dirty Pud ClearSoftDirty = Identity;
            maker pte_swp_mksoft_dirty Pte SwpMksoftDirty = Identity;
            maker pmd_swp_mksoft_dirty Pmd SwpMksoftDirty = Identity;
            maker pte_swp_clear_soft_dirty Pte SwpClearSoftDirty = Identity;
            maker pmd_swp_clear_soft_dirty Pmd SwpClearSoftDirty = Identity;
            combine pte_modify Pte Modify = Undefined;
            combine pmd_modify Pmd Modify = Undefined;
            combine pfn_pte Pte FromPfn = Undefined;
            combine pfn_pmd Pmd FromPfn = Undefined;
            combine pfn_pud Pud FromPfn = Undefined;
            count PGDIR_SHIFT Pgd Shift = Required;
            count P4D_SHIFT P4d Shift = Zero;
            count PUD_SHIFT Pud Shift = Zero;
            count PMD_SHIFT Pmd Shift = Zero;
            count PTRS_PER_PGD Pgd Ptrs = Required;
            count PTRS_PER_P4D P4d Ptrs = One;
            count PTRS_PER_PUD Pud Ptrs = One;
            count PTRS_PER_PMD Pmd Ptrs = One;
            count PTRS_PER_PTE Pte Ptrs = Required;
            count CONT_PTES Pte ContEntries = One;
            count CONT_PMDS Pmd ContEntries = One;
            count has_transparent_hugepage Pmd HasTransHuge = One;
            count has_transparent_pud_hugepage Pud HasTransHuge = One;
            count PTE_PA_BITS Pgd PteAddressBits = Zero;
            count SECTION_SIZE_BITS Pgd SectionSize = Zero;
            count TABLES_BIG_ENDIAN Pgd BigEndian = Zero;
            count SHARED_ROOT Pgd SharedRoot = Zero;
            address LOWER_HALF_END Pgd LowerHalfEnd = Required;
            address UPPER_HALF_START Pgd UpperHalfStart = Zero;
            address TASK_SIZE_MAX Pgd TaskSizeMax = Zero;
        }
    };
}
pub(crate) use helper_list;

macro_rules! define_helpers {
    ($($sig:ident $name:ident $level:ident $op:ident = $stub:ident;)*) => {
        /// A function that a plugin may export; the variant's name is the export's name.
        #[expect(non_camel_case_types, missing_docs, reason = "the kernel's names, explained by `Op`")]
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum Helper { $($name,)* }

        impl Helper {
            /// Every helper, in the order of the list.
            pub const ALL: &'static [Helper] = &[$(Helper::$name),*];

            /// Name of the export.
            pub const fn name(self) -> &'static str {
                match self { $(Helper::$name => stringify!($name),)* }
            }

            /// The level whose entries it is about; for what concerns the whole table set, [`Level::Pgd`].
            pub const fn level(self) -> Level {
                match self { $(Helper::$name => Level::$level,)* }
            }

            /// What it does, whatever the level.
            pub const fn op(self) -> Op {
                match self { $(Helper::$name => Op::$op,)* }
            }

            /// Its parameters and result.
            pub const fn signature(self) -> Signature {
                match self { $(Helper::$name => define_helpers!(@sig $sig),)* }
            }

            /// What stands in where a plugin does not export it.
            pub const fn stub(self) -> Stub {
                match self { $(Helper::$name => Stub::$stub,)* }
            }
        }
    };
    (@sig predicate) => { Signature::Predicate };
    (@sig access) => { Signature::Access };
    (@sig compare) => { Signature::Compare };
    (@sig perms) => { Signature::Perms };
    (@sig reader) => { Signature::Reader };
    (@sig maker) => { Signature::Maker };
    (@sig combine) => { Signature::Combine };
    (@sig count) => { Signature::Count };
    (@sig address) => { Signature::Address };
}
helper_list!(define_helpers);

impl Helper {
    /// The helper of that export name.
    pub fn by_name(name: &str) -> Option<Helper> {
        Helper::ALL.iter().copied().find(|h| h.name() == name)
    }

    /// The helper for an operation at a level, where the contract has one.
    pub const fn find(level: Level, op: Op) -> Option<Helper> {
        let mut i = 0;
        while i < Helper::ALL.len() {
            let helper = Helper::ALL[i];
            if helper.level() as u8 == level as u8 && helper.op() as u8 == op as u8 {
                return Some(helper);
            }
            i += 1;
        }
        None
    }
}

impl fmt::Display for Helper {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

macro_rules! define_ops {
    ($($(#[doc = $doc:literal])* $op:ident,)*) => {
        /// What a helper does, whatever its level. Predicates return 0 or 1.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum Op { $($(#[doc = $doc])* $op,)* }

        impl Op {
            /// One line on what it does.
            pub const fn doc(self) -> &'static str {
                match self { $(Op::$op => concat!($($doc),*).trim_ascii_start(),)* }
            }
        }
    };
}

define_ops! {
    /// Nothing is stored in the entry.
    None,
    /// The entry maps memory or a table; true also of pages kept from user mode (PROT_NONE).
    Present,
    /// The entry is neither a table descriptor nor empty.
    Bad,
    /// The entry maps memory at this level.
    Leaf,
    /// A leaf by its size bit, whatever the kernel is configured for (x86_64, before v6.10).
    Large,
    /// The entry is a table descriptor by its type bits (arm64).
    Table,
    /// The entry is a block descriptor by its type bits (arm64).
    Sect,
    /// A hugetlb page (CONFIG_HUGETLB_PAGE).
    Huge,
    /// A transparent huge page (CONFIG_TRANSPARENT_HUGEPAGE).
    TransHuge,
    /// The frame is device memory of a dev_pagemap.
    Devmap,
    /// The frame has no struct page that may be used.
    Special,
    /// PROT_NONE: resident, but no access from user mode (CONFIG_NUMA_BALANCING).
    Protnone,
    /// The hardware would use the entry.
    Valid,
    /// Being taken apart: not present to the hardware, and kept from lock-free walks (ppc64).
    Serializing,
    /// A directory of huge pages rather than a table: `is_hugepd` (ppc64 with hash and 4K).
    Hugepd,
    /// Writable in the kernel's sense, clean or dirty.
    Write,
    /// PROT_NONE for NUMA balancing only, and writable once that is over (ppc64 before v6.2).
    Savedwrite,
    /// Readable in the kernel's sense.
    Read,
    /// Accessed since it was last made old.
    Young,
    /// Written since it was last made clean.
    Dirty,
    /// Written, by the hardware's own record.
    HwDirty,
    /// One of a contiguous run that shares a TLB entry.
    Cont,
    /// User mode may read.
    User,
    /// User mode may execute.
    UserExec,
    /// Not marked as never to be executed.
    Exec,
    /// Written since the soft-dirty mark was last cleared (CONFIG_MEM_SOFT_DIRTY).
    SoftDirty,
    /// The soft-dirty mark of a swap entry.
    SwpSoftDirty,
    /// GUP-fast may take the page: for reading, or (second argument not 0) for writing.
    AccessPermitted,
    /// Two entries are equal but for what the hardware may change.
    Same,
    /// What the hardware permits through the entry, as the bits of `MmuPerms`.
    MmuPerms,
    /// Frame number of the first byte mapped, aligned to the size of the leaf.
    Pfn,
    /// Frame number of the struct page that the kernel's `pXd_page` yields.
    Page,
    /// Physical address of the next table.
    PagePaddr,
    /// Physical address of the huge page's entries in a directory of huge pages.
    HugepdPage,
    /// log2 of the bytes of a huge page in a directory of huge pages.
    HugepdShift,
    /// Physical address in the entry.
    ToPhys,
    /// A physical address as the address bits of an entry.
    FromPhys,
    /// Type (swap device) of a swap entry.
    SwpType,
    /// Offset (in pages) of a swap entry.
    SwpOffset,
    /// A root table's physical address as the value of its base register.
    PhysToTtbr,
    /// Physical address of the root table in the value of its base register.
    RootPhys,
    /// A user address without the tag that the hardware ignores.
    UntaggedAddr,
    /// Make writable.
    Mkwrite,
    /// Make read-only.
    Wrprotect,
    /// Make clean.
    Mkclean,
    /// Make dirty.
    Mkdirty,
    /// Make accessed.
    Mkyoung,
    /// Make not accessed.
    Mkold,
    /// Make special.
    Mkspecial,
    /// Make device memory.
    Mkdevmap,
    /// Make a leaf of this level.
    Mkhuge,
    /// Set the contiguous hint.
    Mkcont,
    /// Clear the contiguous hint.
    Mknoncont,
    /// Make valid to the hardware.
    Mkpresent,
    /// Make invalid to the hardware and keep it present to the kernel.
    Mkinvalid,
    /// Make invalid to the hardware, by the name of before v5.10.
    Mknotpresent,
    /// Make writable again once it is no longer PROT_NONE.
    MkSavedwrite,
    /// Forget that it is to be writable again.
    ClearSavedwrite,
    /// Set the marker of a leaf (ppc64).
    Mkpte,
    /// Make user mode's.
    Mkuser,
    /// Make the kernel's alone.
    Mkprivileged,
    /// Make executable.
    Mkexec,
    /// Set the soft-dirty mark.
    MksoftDirty,
    /// Clear the soft-dirty mark.
    ClearSoftDirty,
    /// Set the soft-dirty mark of a swap entry.
    SwpMksoftDirty,
    /// Clear the soft-dirty mark of a swap entry.
    SwpClearSoftDirty,
    /// The entry with the protection of the second argument.
    Modify,
    /// An entry from a frame number and a protection.
    FromPfn,
    /// log2 of the bytes that one entry of the level spans.
    Shift,
    /// Entries in a table of the level; 1 where the level is folded into the one above.
    Ptrs,
    /// Entries of the level in a contiguous run.
    ContEntries,
    /// 1 where the MMU of the day maps huge pages at this level and THP may use them.
    HasTransHuge,
    /// Bits of a physical address that an entry may hold; 0 where it is the 52 of most.
    PteAddressBits,
    /// log2 of the bytes of a memory section, to which the kernel adds memory (SPARSEMEM); 0 where it is not said.
    SectionSize,
    /// 1 where entries are stored most significant byte first.
    BigEndian,
    /// 1 where one root table serves both halves of the address space.
    SharedRoot,
    /// First address above the lower half.
    LowerHalfEnd,
    /// First address of the upper half; 0 where there is none.
    UpperHalfStart,
    /// First address above what `access_ok` grants to user mode; 0 where the lower half's end is the limit.
    TaskSizeMax,
}

/// Parameters and result of a helper.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Signature {
    /// `(entry: i64) -> i32`, the result 0 or 1.
    Predicate,
    /// `(entry: i64, write: i32) -> i32`, the result 0 or 1.
    Access,
    /// `(entry: i64, entry: i64) -> i32`, the result 0 or 1.
    Compare,
    /// `(entry: i64) -> i32`, the result bits of [`MmuPerms`](crate::MmuPerms).
    Perms,
    /// `(entry: i64) -> i64`, the result a frame number, an address or a field.
    Reader,
    /// `(entry: i64) -> i64`, the result an entry.
    Maker,
    /// `(i64, i64) -> i64`, the result an entry.
    Combine,
    /// `() -> i32`: a constant of the configuration.
    Count,
    /// `() -> i64`: an address that is a constant of the configuration.
    Address,
}

/// Type of a parameter or result.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ValType {
    /// 32-bit integer.
    I32,
    /// 64-bit integer.
    I64,
}

impl Signature {
    /// Types of the parameters.
    pub const fn params(self) -> &'static [ValType] {
        use ValType::{I32, I64};
        match self {
            Signature::Count | Signature::Address => &[],
            Signature::Predicate | Signature::Perms | Signature::Reader | Signature::Maker => &[I64],
            Signature::Access => &[I64, I32],
            Signature::Compare | Signature::Combine => &[I64, I64],
        }
    }

    /// Type of the result.
    pub const fn result(self) -> ValType {
        match self {
            Signature::Predicate | Signature::Access | Signature::Compare | Signature::Perms | Signature::Count => {
                ValType::I32
            }
            Signature::Reader | Signature::Maker | Signature::Combine | Signature::Address => ValType::I64,
        }
    }

    /// Whether the result is a truth value, 0 or 1.
    pub const fn is_bool(self) -> bool {
        matches!(self, Signature::Predicate | Signature::Access | Signature::Compare)
    }
}

impl fmt::Display for Signature {
    /// The type as WAT writes it: `(param i64 i32) (result i32)`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if !self.params().is_empty() {
            write!(f, "(param")?;
            for param in self.params() {
                write!(f, " {param}")?;
            }
            write!(f, ") ")?;
        }
        write!(f, "(result {})", self.result())
    }
}

impl fmt::Display for ValType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            ValType::I32 => "i32",
            ValType::I64 => "i64",
        })
    }
}

/// What stands in for a helper that a plugin does not export: the generic definition of `include/linux/mm.h`,
/// `include/linux/hugetlb.h` and `include/asm-generic/pgtable*.h` (v5.3), including those of folded levels.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Stub {
    /// Nothing: no page table can be walked without it.
    Required,
    /// Nothing: the kernel has no generic definition, and whoever needs it goes without.
    Undefined,
    /// Constant 0.
    Zero,
    /// Constant 1.
    One,
    /// The first argument.
    Identity,
    /// Whether the arguments are equal.
    Equal,
    /// `present(x) && (!write || write(x))`, the generic `pXd_access_permitted`.
    PresentAndWrite,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn level_and_operation_name_one_helper() {
        for helper in Helper::ALL {
            assert_eq!(Helper::find(helper.level(), helper.op()), Some(*helper));
            assert_eq!(Helper::by_name(helper.name()), Some(*helper));
        }
    }

    #[test]
    fn names_begin_with_their_level() {
        for helper in Helper::ALL {
            let any_level = *helper == Helper::is_hugepd;
            if matches!(helper.signature(), Signature::Predicate | Signature::Access | Signature::Maker) && !any_level {
                assert!(helper.name().starts_with(helper.level().name()), "{helper}");
            }
        }
    }

    #[test]
    fn signatures_print_as_wat() {
        extern crate std;
        use std::string::ToString;
        assert_eq!(Signature::Access.to_string(), "(param i64 i32) (result i32)");
        assert_eq!(Signature::Count.to_string(), "(result i32)");
    }
}
