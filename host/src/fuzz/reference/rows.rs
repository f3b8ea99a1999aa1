//! The rows of docs/gup.md once more: what differs between kernels, as questions about the number of a row.

use ptwalk_abi::Level;

use super::Meaning;
use crate::gup::FollFlags;

/// The rows, oldest first. Those of v5.3 and v5.4 differ in directories of huge pages alone.
pub(in crate::fuzz) const NAMES: [&str; 9] = ["5.3", "5.4", "5.10", "5.15", "5.15.97", "6.1", "6.6", "6.14", "6.17"];

/// A row, by its number.
#[derive(Clone, Copy, Debug)]
pub(in crate::fuzz) struct Row(pub usize);

const V5_10: usize = 2;
const V5_15: usize = 3;
const V5_15_97: usize = 4;
const V6_1: usize = 5;
const V6_6: usize = 6;
/// The first of the rows that ask for leaves instead of huge pages.
pub(in crate::fuzz) const V6_14: usize = 7;
const V6_17: usize = 8;

impl Row {
    /// Whether the kernel accepts a flag. `FAST_ONLY` was a function of its own, which knows writing and nothing else.
    pub fn accepts(self, flags: FollFlags) -> bool {
        let Row(row) = self;
        let since = |first: usize, flag: FollFlags| if row >= first { flag } else { FollFlags::NONE };
        if row < V5_10 && flags.has(FollFlags::FAST_ONLY) {
            return (FollFlags::FAST_ONLY | FollFlags::WRITE).has(flags);
        }
        let accepted = FollFlags::WRITE
            | FollFlags::LONGTERM
            | since(V5_10, FollFlags::GET | FollFlags::FORCE | FollFlags::PIN | FollFlags::FAST_ONLY)
            | since(V5_15, FollFlags::NOFAULT)
            | since(V6_6, FollFlags::PCI_P2PDMA | FollFlags::HONOR_NUMA_FAULT);
        let none_of = |these: FollFlags| FollFlags::ALL.iter().all(|(flag, _)| !(these.has(*flag) && flags.has(*flag)));
        let get_and_pin = row >= V5_10 && flags.has(FollFlags::GET | FollFlags::PIN);
        let unpinned = match row {
            V6_6.. => none_of(FollFlags::PIN),
            // `get_user_pages_fast_only` did not ask.
            V5_10.. => none_of(FollFlags::PIN | FollFlags::FAST_ONLY),
            _ => false,
        };
        let long = flags.has(FollFlags::LONGTERM) && (unpinned || flags.has(FollFlags::PCI_P2PDMA));
        accepted.has(flags) && !get_and_pin && !long
    }

    pub fn fast_only_hides_errors(self) -> bool {
        self.0 < V6_6
    }

    pub fn wrapping_is_an_error(self) -> bool {
        self.0 >= V6_6
    }

    pub fn asks_access_ok(self) -> bool {
        self.0 < V6_17
    }

    pub fn compares_task_size(self) -> bool {
        self.0 >= V6_6
    }

    /// ppc64's `access_ok` looked at start and length apart.
    pub fn ppc_forgets_the_sum(self) -> bool {
        self.0 < V5_10
    }

    /// Whether an entry that is not present stops the walk; where not, only an empty one does.
    pub fn stops_at_absent(self, level: Level) -> bool {
        match level {
            Level::Pte | Level::Pmd => true,
            Level::Pud => self.0 >= V5_10,
            Level::P4d => self.0 >= V6_14,
            Level::Pgd => false,
        }
    }

    /// Whether an entry is taken as a leaf.
    pub fn huge(self, level: Level, x: &Meaning) -> bool {
        let Row(row) = self;
        match level {
            Level::Pte | Level::P4d => false,
            Level::Pmd if row < V6_14 => x.trans_huge || x.huge || x.devmap,
            Level::Pud if row == V5_15_97 || row == V6_6 => x.huge || x.devmap,
            Level::Pud | Level::Pgd if row < V6_14 => x.huge,
            Level::Pgd if row == V6_17 => false,
            _ => x.leaf,
        }
    }

    /// Directories of huge pages are walked.
    pub fn has_directories(self) -> bool {
        self.0 < V6_14
    }

    /// Whether a huge page of a directory must be writable: the first kernel passed all flags on as `write`, and knew one
    /// more. `FAST_ONLY`, a function of its own, passed that for writing or none.
    pub fn writes_to_huge(self, flags: FollFlags) -> bool {
        flags.has(FollFlags::WRITE) || self.0 == 0 && flags.has(FollFlags::LONGTERM)
    }

    pub fn special_stops(self, level: Level) -> bool {
        level == Level::Pte || self.0 >= V6_14
    }

    pub fn passes_protnone(self, flags: FollFlags) -> bool {
        self.0 == V6_1 && flags.has(FollFlags::FORCE)
    }

    pub fn rechecks_pmd(self) -> bool {
        self.0 >= V5_15
    }

    pub fn device_page_may_be_gone(self) -> bool {
        self.0 >= V5_10
    }

    pub fn knows_devices(self) -> bool {
        self.0 < V6_17
    }

    pub fn secret_stops(self) -> bool {
        self.0 >= V5_15
    }

    /// Whether that is asked before the entry is looked at again.
    pub fn secret_first(self) -> bool {
        self.0 < V6_14
    }

    /// Whether files, and the zero page, may be pinned for reading for long.
    pub fn reads_files_for_long(self) -> bool {
        self.0 < V6_6
    }

    /// Whether device memory of a file counts among what may have to move.
    pub fn moves_dax(self) -> bool {
        self.0 >= V6_17
    }

    pub fn unshares(self) -> bool {
        self.0 >= V6_1
    }

    pub fn peers_stop(self) -> bool {
        self.0 >= V6_6
    }

    /// Pages that may have to move are not pinned for long.
    pub fn pins_stay(self) -> bool {
        self.0 >= V5_15
    }

    /// The zero page is not held, and pages that are written back are not pinned for long.
    pub fn looks_at_folios(self) -> bool {
        self.0 >= V6_6
    }

    /// Pages from which on a compound page counts its pins apart.
    pub fn counts_pins_from(self) -> u64 {
        if self.0 >= V6_1 { 2 } else { 4 }
    }
}
