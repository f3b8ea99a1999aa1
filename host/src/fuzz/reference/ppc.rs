//! ppc64 on book3s: entries as Linux v5.3 reads them (arch/powerpc/include/asm/book3s/64/{pgtable,radix,hash,hash-64k}.h),
//! and as the radix MMU does (Power ISA 3.0, book III, 5.7.10).

use ptwalk_abi::{Extern, Level};

use super::{Directory, Machine, Meaning, Perms, bit, field};

const EXEC: u32 = 0;
const WRITE: u32 = 1;
const READ: u32 = 2;
const PRIVILEGED: u32 = 3;
const DEVMAP: u32 = 11;
/// With hash and 64K a pmd that is a transparent huge page has it.
const THP_HUGE: u32 = 13;
const INVALID: u32 = 61;
/// A leaf.
const PTE: u32 = 62;
const PRESENT: u32 = 63;

pub(super) fn meaning(m: &Machine, level: Level, x: u64) -> Meaning {
    let (is_pte, is_pmd) = (level == Level::Pte, level == Level::Pmd);
    // COMBO, F_SECOND, F_GIX, HASHPTE and BUSY are the hash table's, not the entry's.
    let ignored = match (m.hash, m.page_shift) {
        (false, _) => 1 << 7 | 1 << 8,
        (true, 16) => 1 << 12 | 1 << 55 | 1 << 56,
        (true, _) => field(56, 53) | field(60, 59),
    };
    let hash_4k = m.hash && m.page_shift == 12;
    let low = is_pte || is_pmd;
    let present = bit(x, PRESENT) || (low && bit(x, INVALID));
    let leaf = !is_pte && bit(x, PTE);
    let thp = if m.hash { bit(x, PTE) && bit(x, THP_HUGE) } else { bit(x, PTE) && !bit(x, DEVMAP) };
    // NUMA balancing takes every permission away, and thereby remembers that the page was writable.
    let saved_write = x & 0xf == 0 && m.has(Extern::NUMA_BALANCING);
    let write = bit(x, WRITE) || saved_write;
    // A pud that is being invalidated has no name, and a pmd that is grants nothing.
    let accessible = (bit(x, PRESENT) || bit(x, INVALID)) && !(is_pmd && bit(x, INVALID) && !bit(x, PRESENT));
    let permitted = accessible && !bit(x, PRIVILEGED) && bit(x, READ);
    let pfn = (x & field(52, m.page_shift)) >> m.page_shift;
    let is_bad = bad(m, level, x);
    let has_attributes = level != Level::Pgd;
    Meaning {
        none: if is_pte { x & !ignored == 0 } else { x == 0 },
        present,
        huge: leaf && !hash_4k,
        trans_huge: is_pmd && present && thp && !hash_4k,
        leaf,
        bad: is_bad,
        devmap: low && bit(x, DEVMAP) && bit(x, PTE),
        special: is_pte && bit(x, 10),
        protnone: low && bit(x, PRESENT) && bit(x, PTE) && x & 7 == 0,
        write: has_attributes && write,
        young: has_attributes && bit(x, 8),
        dirty: has_attributes && bit(x, 7),
        cont: false,
        permitted: [permitted, permitted && write],
        perms: if bit(x, PRESENT) && bit(x, PTE) {
            granted(x)
        } else if !is_pte && bit(x, PRESENT) && !is_bad {
            Perms::ALL
        } else {
            Perms::default()
        },
        pfn,
        page: pfn,
        table: x & !(field(63, 62) | 0xff),
        directory: if is_pte { None } else { directory(m, x) },
    }
}

/// `is_hugepd`, `hugepd_page`, `hugepd_shift`: hash with 4K has pages of 16M below a pud and of 16G below a pgd.
fn directory(m: &Machine, x: u64) -> Option<Directory> {
    if !m.has_directories() || bit(x, PTE) || !bit(x, PRESENT) || x & 0x3f == 0 {
        return None;
    }
    let sizes = [(0, 12), (2, 16), (7, 21), (10, 24), (12, 28), (13, 30), (14, 34), (15, 36)];
    let shift = sizes.iter().find(|(index, _)| *index == (x & 0x3f) >> 2).map_or(0, |(_, shift)| *shift);
    Some(Directory { table: x & field(59, 6), shift })
}

fn bad(m: &Machine, level: Level, x: u64) -> bool {
    let mask = match level {
        Level::Pte => return false,
        _ if !m.hash => field(62, 61) | 0xe0,
        // What lies below the alignment of the next table: of a pte table, of a pmd table.
        Level::Pmd => 0xfff,
        Level::Pud if m.page_shift == 12 => 0x3ff,
        Level::Pud => 0x3fff,
        Level::P4d | Level::Pgd => return x == 0,
    };
    x & mask != 0
}

fn granted(x: u64) -> Perms {
    let all = [bit(x, READ) || bit(x, WRITE), bit(x, WRITE), bit(x, EXEC)];
    Perms { user: if bit(x, PRIVILEGED) { [false; 3] } else { all }, kernel: all }
}
