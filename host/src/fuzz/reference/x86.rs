//! x86_64: entries as Linux v5.3 and v6.14 read them (arch/x86/include/asm/pgtable{,_64,_types}.h), and as the MMU does
//! (Intel SDM volume 3A, 4.5).

use ptwalk_abi::Level;

use super::{Machine, Meaning, Perms, bit, field};

const P: u64 = 1 << 0;
const RW: u64 = 1 << 1;
const US: u64 = 1 << 2;
const A: u64 = 1 << 5;
const D: u64 = 1 << 6;
const PSE: u64 = 1 << 7;
const G: u64 = 1 << 8;
const NX: u64 = 1 << 63;

pub(super) fn meaning(m: &Machine, level: Level, x: u64) -> Meaning {
    let has = |bits: u64| x & bits == bits;
    let any = |bits: u64| x & bits != 0;
    let (is_pte, is_pmd, is_pud) = (level == Level::Pte, level == Level::Pmd, level == Level::Pud);
    let low = is_pte || is_pmd || is_pud;
    // Knights Landing leaves A and D behind in entries that are gone; the top of five levels is not asked that way.
    let none = if level == Level::Pgd { x == 0 } else { x & !(A | D) == 0 };
    let present = match level {
        Level::Pte => any(P | G),
        Level::Pmd => any(P | G | PSE),
        _ => any(P),
    };
    let devmap = bit(x, if m.recent { 57 } else { 58 });
    let huge = match level {
        Level::Pmd => !none && x & (P | PSE) != P,
        Level::Pud => any(PSE),
        _ => false,
    };
    let leaf = match level {
        Level::Pmd => any(PSE),
        Level::Pud => {
            if m.recent {
                any(PSE)
            } else {
                has(PSE | P)
            }
        }
        _ => false,
    };
    let span = match level {
        Level::Pmd if any(PSE) => 21,
        Level::Pud if any(PSE) => 30,
        _ => 12,
    };
    let mask = field(51, span);
    // Against L1TF an entry that is not present holds its address inverted.
    let inverted = if low && x != 0 && !any(P) { u64::MAX } else { 0 };
    let pfn = ((x ^ inverted) & mask) >> 12;
    let permitted = has(P | US);
    Meaning {
        none,
        present,
        huge: huge && !m.recent,
        trans_huge: (is_pmd || is_pud) && any(PSE) && !devmap,
        leaf,
        bad: bad(m, level, x & !mask),
        devmap: low && devmap,
        special: bit(x, 9) && (is_pte || (low && m.recent)),
        protnone: (is_pte || is_pmd) && x & (P | G) == G,
        write: low && any(RW),
        young: low && any(A),
        dirty: low && (any(D) || (m.recent && bit(x, 58))),
        cont: false,
        permitted: if low { [permitted, permitted && any(RW)] } else { [false; 2] },
        perms: perms(level, x),
        pfn,
        page: pfn,
        table: x & mask,
        directory: None,
    }
}

/// `pXd_bad` of the bits that are no address.
fn bad(m: &Machine, level: Level, flags: u64) -> bool {
    const TABLE: u64 = P | RW | A | D;
    match level {
        Level::Pte => false,
        // v6.1 forgives a table that is not accessed.
        Level::Pmd if m.recent => flags & !(US | A) != TABLE & !A,
        Level::Pmd => flags & !US != TABLE,
        Level::Pud => flags & !(TABLE | US) != 0,
        // With PTI the entries of the top table that user mode uses bear NX.
        Level::P4d => flags & !(TABLE | US | NX) != 0,
        Level::Pgd => flags & !(US | NX) != TABLE,
    }
}

fn perms(level: Level, x: u64) -> Perms {
    let large = x & PSE != 0;
    let reserved = match level {
        Level::Pte => false,
        Level::Pmd => large && x & field(20, 13) != 0,
        Level::Pud => large && x & field(29, 13) != 0,
        Level::P4d | Level::Pgd => large,
    };
    if x & P == 0 || reserved {
        return Perms::default();
    }
    let (user, write, exec) = (x & US != 0, x & RW != 0, x & NX == 0);
    Perms { user: [user, user && write, user && exec], kernel: [true, write, exec] }
}
