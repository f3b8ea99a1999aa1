//! What `get_user_pages_fast` does, kernel by kernel: a row of values each, which the one walker of this module obeys.
//!
//! In: a kernel version. Out: the [`Policy`] of the latest row that is not younger. A row says what was read in one tree
//! of mm/gup.c; kernels between two rows are taken to do as the earlier one does.
//!
//! Not handled: what cannot be seen from page tables. docs/gup.md lists it.

use ptwalk_abi::{KVersion, Level};
use ptwalk_verifier::fault::{Fault, seeded};

use super::StopReason;
use super::flags::{FollFlags, Numbering};
use crate::engine::Facts;

/// What is done at an entry above the ptes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LevelRule {
    /// An entry that is not present stops the walk; elsewhere only an empty one does.
    pub refuse_absent: bool,
    /// Any of these leads to the huge path.
    pub huge: Facts,
}

/// How an entry above the ptes is taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Taken {
    /// The walk stops.
    Refused(StopReason),
    /// As a leaf.
    Leaf,
    /// As a directory of huge pages.
    Directory,
    /// As a table, whatever it is.
    Table,
}

/// `get_user_pages_fast` of one kernel.
#[derive(Debug, PartialEq, Eq)]
pub struct Policy {
    /// The first kernel that is taken to do so.
    pub since: KVersion,
    /// The name of the epoch.
    pub name: &'static str,
    /// The tree that was read.
    pub read: &'static str,
    /// The flags that are accepted; others give `-EINVAL`.
    pub flags: Numbering,
    /// `FAST_ONLY` is no flag but the function `__get_user_pages_fast`, which knows writing and nothing else.
    pub fast_only_is_a_function: bool,
    /// `FAST_ONLY` returns 0 pages where there would be an error: `__get_user_pages_fast` of v5.3, and (inferred)
    /// `get_user_pages_fast_only` until it came to pass on what the common function returns, as v6.6 does.
    pub fast_only_hides_errors: bool,
    /// A range that wraps gives `-EOVERFLOW`, and no longer 0 pages.
    pub overflow_is_an_error: bool,
    /// The end is compared with `TASK_SIZE_MAX`.
    pub checks_task_size: bool,
    /// `access_ok` is asked.
    pub asks_access_ok: bool,
    /// ppc64's `access_ok` compares start and length each, and not their sum.
    pub ppc_leaves_sum_unchecked: bool,
    /// What is done with a pmd.
    pub pmd: LevelRule,
    /// What is done with a pud.
    pub pud: LevelRule,
    /// What is done with a p4d.
    pub p4d: LevelRule,
    /// What is done with a pgd.
    pub pgd: LevelRule,
    /// Directories of huge pages (hugepd) are walked.
    pub hugepd: bool,
    /// `gup_huge_pd` takes the flags for its parameter `write`: `LONGTERM` alone demands that a huge pte of a directory be
    /// writable; `__get_user_pages_fast`, which is `FAST_ONLY`, passes `WRITE` or nothing on ("mm/gup: fix
    /// a misnamed 'write' argument, and a related bug", October 2019).
    pub hugepd_flags_demand_write: bool,
    /// `pmd_special` and `pud_special` stop the walk.
    pub special_leaves: bool,
    /// Device memory is found by the devmap bit and needs a live pgmap.
    pub devmap: bool,
    /// PROT_NONE is passed with `FORCE`.
    pub force_passes_protnone: bool,
    /// The recheck at a pte looks at the pmd too.
    pub rechecks_pmd: bool,
    /// A page of a device leaf that has no reference stops the walk, and gives the leaf back.
    pub device_grab_may_fail: bool,
    /// log2 of the frames from which on a compound page counts its pins apart from its references: 2 by
    /// `hpage_pincount_available` (include/linux/mm.h, v5.7 to v5.17), 1 by `folio_test_large` ("mm/gup: convert
    /// try_grab_page() to use a folio", February 2022, so v5.18).
    pub pincount_order: u32,
    /// Flags that are not accepted: all of the first with none of the second. `is_valid_gup_flags` ("mm/gup: don't permit
    /// users to call get_user_pages with FOLL_LONGTERM", June 2020, so v5.10), `is_valid_gup_args` since v6.3, which
    /// `get_user_pages_fast_only` asks too. That v6.17 still refuses LONGTERM of PCI peers is from memory.
    pub excluded: &'static [(FollFlags, FollFlags)],
    /// Secret memory stops the walk.
    pub secretmem: bool,
    /// That is asked after the recheck of the entry (`gup_fast_folio_allowed`, v6.10 inferred).
    pub secretmem_after_recheck: bool,
    /// A pin for reading of an anonymous page that is shared stops the walk.
    pub unshares: bool,
    /// So does one for long of what is not anonymous: whether its mapping is private, the slow path alone can tell
    /// (`gup_must_unshare` without a vma; "mm/gup: reliable R/O long-term pinning in COW mappings", November 2022, so v6.2).
    pub unshares_files: bool,
    /// With PIN and LONGTERM a page that may have to move stops the walk: `is_pinnable_page` in `try_grab_compound_head`
    /// ("mm/gup: do not migrate zero page" and its kin, v5.14), `is_longterm_pinnable_page` since v6.0. Before, since v5.7,
    /// that is asked of CMA alone.
    pub pins_stay: bool,
    /// Device memory of a file may have to move (`folio_is_longterm_pinnable`; the series that took the devmap bit away,
    /// so v6.15 to v6.17).
    pub dax_moves: bool,
    /// Folios: the zero page is not pinned, and with PIN, LONGTERM and WRITE one that may have to be written back stops the
    /// walk (`folio_fast_pin_allowed`).
    pub pins_folios: bool,
    /// PCI peer memory stops the walk unless it is welcome (`try_grab_folio`, since the flag is there: v6.2, inferred).
    pub refuses_p2pdma: bool,
}

const V5_3_FLAGS: Numbering = Numbering(&[(FollFlags::WRITE, 0x1), (FollFlags::LONGTERM, 0x1_0000)]);

const V5_10_FLAGS: Numbering = Numbering(&[
    (FollFlags::WRITE, 0x1),
    (FollFlags::GET, 0x4),
    (FollFlags::FORCE, 0x10),
    (FollFlags::LONGTERM, 0x1_0000),
    (FollFlags::PIN, 0x4_0000),
    (FollFlags::FAST_ONLY, 0x8_0000),
]);

/// `FOLL_NOFAULT` is 0x80, which was free ("gup: Introduce FOLL_NOFAULT flag to disable page faults", October 2021, so
/// v5.16; the tree of v5.15.97 has it).
const V5_15_FLAGS: Numbering = Numbering(&[
    (FollFlags::WRITE, 0x1),
    (FollFlags::GET, 0x4),
    (FollFlags::FORCE, 0x10),
    (FollFlags::NOFAULT, 0x80),
    (FollFlags::LONGTERM, 0x1_0000),
    (FollFlags::PIN, 0x4_0000),
    (FollFlags::FAST_ONLY, 0x8_0000),
]);

/// The enum of include/linux/mm_types.h, v6.6.
const V6_6_FLAGS: Numbering = Numbering(&[
    (FollFlags::WRITE, 1 << 0),
    (FollFlags::GET, 1 << 1),
    (FollFlags::FORCE, 1 << 3),
    (FollFlags::NOFAULT, 1 << 5),
    (FollFlags::LONGTERM, 1 << 8),
    (FollFlags::PCI_P2PDMA, 1 << 10),
    (FollFlags::HONOR_NUMA_FAULT, 1 << 12),
    (FollFlags::PIN, 1 << 19),
    (FollFlags::FAST_ONLY, 1 << 20),
]);

const fn rule(refuse_absent: bool, huge: Facts) -> LevelRule {
    LevelRule { refuse_absent, huge }
}

impl Policy {
    /// v5.3, and v5.2 before it.
    pub const V5_3: Policy = Policy {
        since: KVersion::new(5, 2, 0),
        name: "5.3",
        read: "v5.3.1",
        flags: V5_3_FLAGS,
        fast_only_is_a_function: true,
        fast_only_hides_errors: true,
        overflow_is_an_error: false,
        checks_task_size: false,
        asks_access_ok: true,
        ppc_leaves_sum_unchecked: true,
        pmd: rule(true, Facts::TRANS_HUGE.or(Facts::HUGE).or(Facts::DEVMAP)),
        pud: rule(false, Facts::HUGE),
        p4d: rule(false, Facts(0)),
        pgd: rule(false, Facts::HUGE),
        hugepd: true,
        hugepd_flags_demand_write: true,
        special_leaves: false,
        devmap: true,
        force_passes_protnone: false,
        rechecks_pmd: false,
        device_grab_may_fail: false,
        pincount_order: 2,
        excluded: &[],
        secretmem: false,
        secretmem_after_recheck: false,
        unshares: false,
        unshares_files: false,
        pins_stay: false,
        dax_moves: false,
        pins_folios: false,
        refuses_p2pdma: false,
    };

    /// v5.3 with the one repair.
    const V5_4: Policy = Policy {
        since: KVersion::new(5, 4, 0),
        name: "5.4",
        read: "v5.4.18, for hugepd alone",
        hugepd_flags_demand_write: false,
        ..Policy::V5_3
    };

    const V5_10: Policy = Policy {
        since: KVersion::new(5, 10, 0),
        name: "5.10",
        read: "v5.10.44",
        flags: V5_10_FLAGS,
        excluded: &[
            (FollFlags::GET.or(FollFlags::PIN), FollFlags::NONE),
            (FollFlags::LONGTERM, FollFlags::PIN.or(FollFlags::FAST_ONLY)),
        ],
        fast_only_is_a_function: false,
        ppc_leaves_sum_unchecked: false,
        pud: rule(true, Facts::HUGE),
        device_grab_may_fail: true,
        ..Policy::V5_4
    };

    const V5_15: Policy = Policy {
        since: KVersion::new(5, 15, 0),
        name: "5.15",
        read: "v5.15.97, but for its pud test",
        flags: V5_15_FLAGS,
        rechecks_pmd: true,
        secretmem: true,
        pins_stay: true,
        ..Policy::V5_10
    };

    /// The test of the pud as read in this one tree; v6.1-rc7 has it not, v6.2 has it (inferred).
    const V5_15_97: Policy = Policy {
        since: KVersion::new(5, 15, 97),
        name: "5.15.97",
        read: "v5.15.97",
        pud: rule(true, Facts::HUGE.or(Facts::DEVMAP)),
        ..Policy::V5_15
    };

    const V6_1: Policy = Policy {
        since: KVersion::new(6, 1, 0),
        name: "6.1",
        read: "v6.1-rc7",
        pincount_order: 1,
        force_passes_protnone: true,
        unshares: true,
        ..Policy::V5_15
    };

    const V6_6: Policy = Policy {
        since: KVersion::new(6, 6, 0),
        name: "6.6",
        read: "v6.6.17",
        flags: V6_6_FLAGS,
        excluded: &[
            (FollFlags::GET.or(FollFlags::PIN), FollFlags::NONE),
            (FollFlags::LONGTERM, FollFlags::PIN),
            (FollFlags::LONGTERM.or(FollFlags::PCI_P2PDMA), FollFlags::NONE),
        ],
        unshares_files: true,
        fast_only_hides_errors: false,
        overflow_is_an_error: true,
        checks_task_size: true,
        pud: rule(true, Facts::HUGE.or(Facts::DEVMAP)),
        force_passes_protnone: false,
        pins_folios: true,
        refuses_p2pdma: true,
        ..Policy::V6_1
    };

    const V6_14: Policy = Policy {
        since: KVersion::new(6, 14, 0),
        name: "6.14",
        read: "v6.14",
        pmd: rule(true, Facts::LEAF),
        pud: rule(true, Facts::LEAF),
        p4d: rule(true, Facts(0)),
        pgd: rule(false, Facts::LEAF),
        hugepd: false,
        special_leaves: true,
        secretmem_after_recheck: true,
        ..Policy::V6_6
    };

    /// A pgd that is a leaf does not build, and is therefore none.
    const V6_17: Policy = Policy {
        since: KVersion::new(6, 17, 0),
        name: "6.17",
        read: "v6.17, v6.18.2",
        asks_access_ok: false,
        pgd: rule(false, Facts(0)),
        devmap: false,
        dax_moves: true,
        ..Policy::V6_14
    };

    /// Every row, oldest first.
    pub const ALL: [&'static Policy; 9] = [
        &Policy::V5_3,
        &Policy::V5_4,
        &Policy::V5_10,
        &Policy::V5_15,
        &Policy::V5_15_97,
        &Policy::V6_1,
        &Policy::V6_6,
        &Policy::V6_14,
        &Policy::V6_17,
    ];

    /// The row of a kernel; `None` for one older than all.
    pub fn of(kernel: KVersion) -> Option<&'static Policy> {
        Policy::ALL.into_iter().rev().find(|policy| policy.since <= kernel)
    }

    /// Whether the kernel accepts flags.
    pub fn accepts(&self, flags: FollFlags) -> bool {
        if self.fast_only_is_a_function && flags.has(FollFlags::FAST_ONLY) {
            return (FollFlags::WRITE | FollFlags::FAST_ONLY).has(flags);
        }
        let excluded = |(these, without): &(FollFlags, FollFlags)| flags.has(*these) && !flags.meets(*without);
        let excluded = self.excluded.iter().any(excluded) && !seeded(Fault::GupFlagsTogether);
        self.flags.word(flags).is_ok() && !excluded
    }

    /// What is done at a level above the ptes.
    pub const fn level(&self, level: Level) -> LevelRule {
        match level {
            Level::Pud => self.pud,
            Level::P4d => self.p4d,
            Level::Pgd => self.pgd,
            Level::Pmd | Level::Pte => self.pmd,
        }
    }

    /// How an entry above the ptes is taken. PROT_NONE is a reason at the pmd alone, and `pXd_bad` nowhere: a garbage
    /// pointer is followed.
    pub fn takes(&self, level: Level, facts: Facts, flags: FollFlags) -> Taken {
        let rule = self.level(level);
        if facts.has(Facts::NONE) && level != Level::Pmd {
            return Taken::Refused(StopReason::None);
        }
        if rule.refuse_absent && !facts.has(Facts::PRESENT) {
            return Taken::Refused(refusal(facts));
        }
        if !facts.any(rule.huge) {
            return if self.hugepd && facts.has(Facts::HUGEPD) { Taken::Directory } else { Taken::Table };
        }
        if level == Level::Pmd && self.stops_at_protnone(flags) && facts.has(Facts::PROTNONE) {
            return Taken::Refused(StopReason::Protnone);
        }
        if !facts.has(Facts::PERMITTED) {
            return Taken::Refused(refusal(facts));
        }
        if self.special_leaves && facts.has(Facts::SPECIAL) {
            return Taken::Refused(StopReason::Special);
        }
        Taken::Leaf
    }

    /// Why a pte is refused for what its entry says alone, if it is: device memory is tested before special, so that an
    /// entry with both bits (arm64 since v5.3-rc4) is device memory.
    pub fn refuses_pte(&self, facts: Facts, flags: FollFlags) -> Option<StopReason> {
        if self.stops_at_protnone(flags) && facts.has(Facts::PROTNONE) {
            Some(StopReason::Protnone)
        } else if !facts.has(Facts::PERMITTED) {
            Some(refusal(facts))
        } else if self.devmap && facts.has(Facts::DEVMAP) {
            flags.has(FollFlags::LONGTERM).then_some(StopReason::LongtermDevmap)
        } else {
            facts.has(Facts::SPECIAL).then_some(StopReason::Special)
        }
    }

    /// Whether a huge pte of a directory must be writable.
    pub fn hugepte_written(&self, flags: FollFlags) -> bool {
        let any = self.hugepd_flags_demand_write && !seeded(Fault::GupDirectoryReadOnly);
        flags.has(FollFlags::WRITE) || (any && flags.has(FollFlags::LONGTERM))
    }

    /// Why a huge pte of a directory is refused, whose `PERMITTED` was asked for the access of
    /// [`Policy::hugepte_written`]. Neither device memory nor special nor PROT_NONE is asked for.
    pub fn refuses_hugepte(&self, facts: Facts) -> Option<StopReason> {
        (!facts.has(Facts::PERMITTED)).then(|| refusal(facts))
    }

    /// Whether PROT_NONE stops the walk.
    pub const fn stops_at_protnone(&self, flags: FollFlags) -> bool {
        !(self.force_passes_protnone && flags.has(FollFlags::FORCE))
    }
}

/// An access that is refused has a plainer name where the entry is empty or not present.
fn refusal(facts: Facts) -> StopReason {
    if facts.has(Facts::NONE) {
        StopReason::None
    } else if !facts.has(Facts::PRESENT) {
        StopReason::NotPresent
    } else {
        StopReason::NotPermitted
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_kernel_does_as_the_latest_row_that_is_not_younger() {
        let name = |a, b, c| Policy::of(KVersion::new(a, b, c)).map(|policy| policy.name);
        assert_eq!(name(5, 1, 21), None);
        for (version, policy) in [
            ((5, 2, 0), "5.3"),
            ((5, 3, 18), "5.3"),
            ((5, 4, 18), "5.4"),
            ((5, 10, 0), "5.10"),
            ((5, 15, 96), "5.15"),
            ((5, 15, 97), "5.15.97"),
            ((6, 1, 0), "6.1"),
            ((6, 12, 95), "6.6"),
            ((6, 16, 0), "6.14"),
            ((6, 19, 0), "6.17"),
        ] {
            assert_eq!(name(version.0, version.1, version.2), Some(policy), "{version:?}");
        }
        assert!(Policy::ALL.windows(2).all(|pair| pair[0].since < pair[1].since));
    }

    /// The rows of the reference's table of flags.
    #[test]
    fn flags_are_accepted_and_numbered_as_their_kernel_does() {
        use FollFlags as F;
        let word = |policy: &Policy, flags| policy.flags.word(flags);
        for (policy, longterm, pin, nofault) in [
            (&Policy::V5_3, Ok(0x1_0001), Err(F::PIN), Err(F::NOFAULT)),
            (&Policy::V5_10, Ok(0x1_0001), Ok(0x4_0000), Err(F::NOFAULT)),
            (&Policy::V5_15, Ok(0x1_0001), Ok(0x4_0000), Ok(0x80)),
            (&Policy::V6_1, Ok(0x1_0001), Ok(0x4_0000), Ok(0x80)),
            (&Policy::V6_6, Ok(0x101), Ok(0x8_0000), Ok(0x20)),
            (&Policy::V6_17, Ok(0x101), Ok(0x8_0000), Ok(0x20)),
        ] {
            assert_eq!(word(policy, F::WRITE | F::LONGTERM), longterm, "{}", policy.name);
            assert_eq!(word(policy, F::PIN), pin, "{}", policy.name);
            assert_eq!(word(policy, F::NOFAULT), nofault, "{}", policy.name);
        }
        assert_eq!(word(&Policy::V6_1, F::PCI_P2PDMA), Err(F::PCI_P2PDMA));
        assert_eq!(word(&Policy::V6_6, F::PCI_P2PDMA | F::HONOR_NUMA_FAULT | F::FORCE), Ok(0x1408));
    }

    /// `__get_user_pages_fast` of v5.3 is a function that knows writing alone, so that its flags cannot demand it.
    #[test]
    fn a_huge_pte_of_a_directory_must_be_writable_for_long_too_in_one_kernel() {
        use FollFlags as F;
        for (policy, demanded) in
            [(&Policy::V5_3, [false, true, true, false]), (&Policy::V5_4, [false, true, false, false])]
        {
            let asked = [F::NONE, F::WRITE, F::LONGTERM, F::FAST_ONLY].map(|flags| policy.hugepte_written(flags));
            assert_eq!(asked, demanded, "{}", policy.name);
        }
    }

    /// What an entry above the ptes comes to, where rows differ: each column fails if its row is another's.
    #[test]
    fn upper_entries_are_taken_as_their_kernel_takes_them() {
        use Taken::{Leaf, Table};
        let refused = |reason| Taken::Refused(reason);
        let present = Facts::PRESENT.or(Facts::PERMITTED);
        let names = Policy::ALL.map(|policy| policy.name);
        let rows: [(Level, Facts, [Taken; 9]); 7] = [
            // A word that is neither empty nor present nor huge: walked as a table before v5.10.
            (Level::Pud, Facts::PERMITTED, {
                let absent = refused(StopReason::NotPresent);
                [Table, Table, absent, absent, absent, absent, absent, absent, absent]
            }),
            (Level::Pud, present.or(Facts::DEVMAP), [Table, Table, Table, Table, Leaf, Table, Leaf, Table, Table]),
            (Level::P4d, Facts::PERMITTED, {
                let absent = refused(StopReason::NotPresent);
                [Table, Table, Table, Table, Table, Table, Table, absent, absent]
            }),
            // A table word with the devmap bit.
            (Level::Pmd, present.or(Facts::DEVMAP), [Leaf, Leaf, Leaf, Leaf, Leaf, Leaf, Leaf, Table, Table]),
            (Level::Pmd, present.or(Facts::HUGE).or(Facts::LEAF).or(Facts::SPECIAL), {
                let special = refused(StopReason::Special);
                [Leaf, Leaf, Leaf, Leaf, Leaf, Leaf, Leaf, special, special]
            }),
            (Level::Pgd, present.or(Facts::HUGE).or(Facts::LEAF), {
                [Leaf, Leaf, Leaf, Leaf, Leaf, Leaf, Leaf, Leaf, Table]
            }),
            (Level::Pud, present.or(Facts::HUGEPD), {
                let dir = Taken::Directory;
                [dir, dir, dir, dir, dir, dir, dir, Table, Table]
            }),
        ];
        for (level, facts, expected) in rows {
            let taken = Policy::ALL.map(|policy| policy.takes(level, facts, FollFlags::NONE));
            assert_eq!(taken, expected, "{level} {facts:?} of {names:?}");
        }
    }

    #[test]
    fn force_passes_protnone_in_one_kernel_only() {
        let facts = Facts::PRESENT.or(Facts::PROTNONE);
        let passing: Vec<&str> = Policy::ALL
            .into_iter()
            .filter(|policy| policy.refuses_pte(facts, FollFlags::FORCE) != Some(StopReason::Protnone))
            .map(|policy| policy.name)
            .collect();
        assert_eq!(passing, ["6.1"]);
        assert!(Policy::ALL.into_iter().all(|policy| policy.refuses_pte(facts, FollFlags::NONE).is_some()));
    }
}
