//! arm64: entries as Linux v5.3 and v6.14 read them (arch/arm64/include/asm/pgtable{,-hwdef,-prot}.h), and as the MMU does
//! (Arm ARM, VMSAv8-64 stage 1).

use ptwalk_abi::Level;

use super::{Machine, Meaning, Perms, bit, field};

const DIRTY: u32 = 55;
const SPECIAL: u32 = 56;
const DEVMAP: u32 = 57;
const WRITE: u32 = 51;

pub(super) fn meaning(m: &Machine, level: Level, x: u64) -> Meaning {
    let (valid, kind) = (bit(x, 0), x & 3);
    // Invalid for the MMU and present all the same: PROT_NONE had a bit of its own, later nG says so.
    let marked = bit(x, if m.recent { 11 } else { 58 });
    let is_top = matches!(level, Level::P4d | Level::Pgd);
    let present = if is_top { x != 0 } else { valid || marked };
    let is_huge_level = matches!(level, Level::Pmd | Level::Pud);
    let no_table = if m.recent { present && !bit(x, 1) } else { x != 0 && !bit(x, 1) };
    let is_pmd = level == Level::Pmd;
    let is_pte = level == Level::Pte;
    let has_pte_bits = is_pmd || is_pte;
    let hw_dirty = bit(x, WRITE) && !bit(x, 7);
    let protnone = if m.recent { !valid && marked && !bit(x, 6) && bit(x, 54) } else { marked && !valid };
    let permitted = valid && bit(x, 6);
    let phys = address(m, x);
    let (_, shift, _) = *m.levels.iter().find(|(name, ..)| *name == level).unwrap_or(&(level, 0, 0));
    Meaning {
        none: x == 0,
        present,
        // v6.14 has pXd_leaf instead.
        huge: is_huge_level && no_table && !m.recent,
        trans_huge: is_pmd && no_table,
        // v5.3 has no pXd_leaf; what later kernels have stands in. With 64K pages pud_table is always true.
        leaf: is_huge_level && present && kind != 3 && !(level == Level::Pud && m.page_shift == 16),
        bad: !is_pte && if m.recent && is_huge_level { kind != 3 } else { !bit(x, 1) },
        devmap: has_pte_bits && bit(x, DEVMAP),
        special: bit(x, SPECIAL) && (is_pte || (is_pmd && m.recent)),
        protnone: has_pte_bits && protnone,
        write: !is_top && bit(x, WRITE),
        young: !is_top && bit(x, 10),
        dirty: has_pte_bits && (bit(x, DIRTY) || hw_dirty),
        cont: has_pte_bits && bit(x, 52),
        permitted: if is_top { [false; 2] } else { [permitted, permitted && bit(x, WRITE)] },
        perms: perms(m, level, x),
        pfn: (if is_pte { phys } else { phys >> shift << shift }) >> m.page_shift,
        page: phys >> m.page_shift,
        table: phys,
        directory: None,
    }
}

fn address(m: &Machine, x: u64) -> u64 {
    let top = if m.recent { 49 } else { 47 };
    let low = x & field(top, m.page_shift);
    if m.pa_bits == 52 { low | (x & field(15, 12)) << 36 } else { low }
}

/// Blocks are known at level 2, and at level 1 with the granule of 4K or, since Armv8.2-LPA, that of 64K with 52 bits.
fn perms(m: &Machine, level: Level, x: u64) -> Perms {
    let block = level == Level::Pmd || (level == Level::Pud && (m.page_shift == 12 || m.pa_bits == 52));
    match (x & 3, level) {
        (3, Level::Pte) => leaf(x),
        // APTable in bits 62:61, UXNTable 60, PXNTable 59.
        (3, _) => Perms {
            user: [!bit(x, 61), !bit(x, 61) && !bit(x, 62), !bit(x, 60)],
            kernel: [true, !bit(x, 62), !bit(x, 59)],
        },
        (1, _) if block => leaf(x),
        _ => Perms::default(),
    }
}

/// AP in bits 7:6, DBM 51, PXN 53, UXN 54. What user mode may write the kernel never executes.
fn leaf(x: u64) -> Perms {
    let writable = !bit(x, 7) || bit(x, 51);
    let user = bit(x, 6);
    Perms { user: [user, user && writable, !bit(x, 54)], kernel: [true, writable, !(bit(x, 53) || (user && writable))] }
}
