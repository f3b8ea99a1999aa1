//! The host's laws against the ppc64 helpers compiled natively: they hold, and what ppc64 breaks is broken without the
//! precondition and kept with it.
//!
//! Nothing is proved here: `verify/tests/ppc.rs` proves the laws of the module that users load. The point is that a
//! precondition is needed, with the counterexample that shows it.

use std::error::Error;

use ptwalk_abi::{Arch, Config, Extern, Helper, KVersion, Signature};
use ptwalk_ppc::{IMPLEMENTED, Ppc};
use ptwalk_verifier::laws::{self, Binding, Exports, Law};

type Outcome = Result<(), Box<dyn Error>>;

const PRESENT: u64 = 1 << 63;
const PTE: u64 = 1 << 62;
const INVALID: u64 = 1 << 61;
const DEVMAP: u64 = 1 << 11;

/// Page size and MMU.
#[derive(Clone, Copy, Debug)]
struct Mmu(i32, i32);

const RADIX_4K: Mmu = Mmu(12, 1);
const RADIX_64K: Mmu = Mmu(16, 1);
const HASH_4K: Mmu = Mmu(12, 0);
const HASH_64K: Mmu = Mmu(16, 0);

fn config(mmu: Mmu, version: (u8, u8)) -> Config {
    Config::DEFAULT
        .with(Extern::PAGE_SHIFT, mmu.0)
        .with(Extern::PPC_RADIX_MMU, mmu.1)
        .with(Extern::LINUX_VERSION_CODE, KVersion::new(version.0, version.1, 0).code())
}

/// Calls a helper under `config`, as the sandbox would.
fn call(config: &Config, helper: Helper, args: &[u64]) -> u64 {
    let arg = |i: usize| args.get(i).copied().unwrap_or(0);
    // An i32 is what of an i64 is in its low half.
    let second = if helper.signature() == Signature::Access { arg(1) & 0xffff_ffff } else { arg(1) };
    Ppc(*config).call(helper, [arg(0), second])
}

/// Whether an input breaks a law that applies.
fn refutes(law: &Law, config: &Config, exports: &Exports, words: &[u64]) -> bool {
    match laws::bind(law, config, exports) {
        Binding::Applicable(bound) => bound.evaluate(words, |helper, args| call(config, helper, args)).refutes(),
        Binding::NotApplicable(_) | Binding::Refused(_) => false,
    }
}

/// Words of no, one and all bits, and entries as kernels write them, each with a second word.
fn cases() -> Vec<[u64; 2]> {
    let entries = [
        0xc000_0000_1234_0186,
        0xc000_0000_1234_0d86,
        0xc000_0000_1234_0108,
        0xc000_0000_1234_0100,
        0x8000_0000_01e2_8805,
        0xc000_0000_1000_2986,
        0x6000_0000_2000_0186,
        0x8000_0000_01e2_8028,
        PRESENT | 0x106,
        PRESENT | PTE | 0x10e,
    ];
    let words: Vec<u64> = [0, u64::MAX].into_iter().chain((0..64).map(|bit| 1 << bit)).chain(entries).collect();
    let second = |i: usize| [words[(i * 7 + 3) % words.len()], entries[i % entries.len()], 1];
    let pairs = words.iter().enumerate().map(|(i, word)| [*word, second(i)[i % 3]]);
    pairs.collect()
}

#[test]
fn ppc_keeps_every_law() -> Outcome {
    let (host, exports, cases) = (laws::host_laws()?, IMPLEMENTED.iter().copied().collect::<Exports>(), cases());
    let mut evaluations = 0;
    let mut broken = Vec::new();
    for mmu in [RADIX_4K, RADIX_64K, HASH_4K, HASH_64K] {
        for version in [(5, 3), (5, 7), (5, 9), (5, 10), (6, 2), (6, 6), (6, 11), (6, 17)] {
            for options in 0..4 {
                let config = config(mmu, version)
                    .with(Extern::TRANSPARENT_HUGEPAGE, options & 1)
                    .with(Extern::HAVE_ARCH_TRANSPARENT_HUGEPAGE_PUD, options & 1)
                    .with(Extern::NUMA_BALANCING, options >> 1)
                    .with(Extern::HUGETLB_PAGE, options >> 1);
                for law in &host {
                    let Binding::Applicable(bound) = laws::bind(law, &config, &exports) else { continue };
                    let vars = law.formula.vars().len();
                    for case in &cases {
                        evaluations += 1;
                        let words = &case[..vars.min(2)];
                        if bound.evaluate(words, |helper, args| call(&config, helper, args)).refutes() {
                            broken.push(format!("{} at {words:#x?}: {mmu:?} v{version:?} {options}", law.id));
                        }
                    }
                }
            }
        }
    }
    println!("{} laws, {evaluations} evaluations", host.len());
    assert!(evaluations > 1_000_000 && broken.is_empty(), "{broken:#?}");
    Ok(())
}

/// A property that ppc64 breaks, and the law that makes it true.
struct Broken {
    /// Row of the table of axioms, where there is one.
    row: &'static str,
    /// The law of the table.
    law: &'static str,
    /// The property without the law's precondition and `when`.
    bare: &'static str,
    mmu: Mmu,
    version: (u8, u8),
    counterexample: &'static [u64],
}

const fn broken(
    row: &'static str,
    law: &'static str,
    bare: &'static str,
    mmu: Mmu,
    version: (u8, u8),
    counterexample: &'static [u64],
) -> Broken {
    Broken { row, law, bare, mmu, version, counterexample }
}

const READ_ONLY: &str = "forall x: u64. !pte_write(pte_wrprotect(x))";
const READ_ONLY_PMD: &str = "forall x: u64. !pmd_write(pmd_wrprotect(x))";
const IDEMPOTENT: &str = "forall x: u64. pte_wrprotect(pte_wrprotect(x)) == pte_wrprotect(x)";
const DEVMAP_EXCLUDES: &str = "forall x: u64. pmd_devmap(x) => !pmd_trans_huge(x)";
const MADE_HUGE: &str = "forall x: u64. pmd_trans_huge(pmd_mkhuge(x))";
const MADE_NONE: &str =
    "forall pfn: u64, prot: u64 where pte_protnone(pte_mkpte(prot)). pte_protnone(pfn_pte(pfn, prot))";

const BROKEN: [Broken; 25] = [
    broken("A12", "mkdevmap_makes_devmap", "forall x: u64. pte_devmap(pte_mkdevmap(x))", RADIX_64K, (5, 3), &[0]),
    broken("A15", "protnone_from_protection.pte", MADE_NONE, RADIX_64K, (5, 3), &[0, PRESENT]),
    broken("A16", "mkhuge_makes_trans_huge", MADE_HUGE, RADIX_64K, (5, 3), &[0]),
    broken("A16", "mkhuge_makes_trans_huge", MADE_HUGE, RADIX_64K, (5, 3), &[PRESENT | DEVMAP]),
    broken("A16", "mkhuge_makes_trans_huge", MADE_HUGE, HASH_64K, (5, 3), &[0]),
    broken("A16", "mkhuge_makes_trans_huge", MADE_HUGE, HASH_4K, (5, 3), &[PRESENT]),
    broken("A17", "mkhuge_makes_bad", "forall x: u64. pmd_bad(pmd_mkhuge(x))", HASH_64K, (5, 3), &[0]),
    broken("A20", "mkhuge_makes_leaf", "forall x: u64. pmd_leaf(pmd_mkhuge(x))", HASH_4K, (5, 3), &[PRESENT]),
    broken("D1", "wrprotect_makes_unsaved_read_only.pte", READ_ONLY, RADIX_64K, (5, 3), &[2]),
    broken("D1", "wrprotect_makes_unsaved_read_only.pmd", READ_ONLY_PMD, HASH_64K, (6, 1), &[2]),
    broken("D8", "wrprotect_is_idempotent_unless_saved.pte", IDEMPOTENT, RADIX_4K, (5, 3), &[PRESENT | 2]),
    broken(
        "D9",
        "mkhuge_keeps_devmap.pmd",
        "forall x: u64. pmd_devmap(pmd_mkhuge(x)) == pmd_devmap(x)",
        RADIX_64K,
        (5, 3),
        &[DEVMAP],
    ),
    broken("D13", "devmap_is_not_trans_huge", DEVMAP_EXCLUDES, HASH_64K, (5, 3), &[0xe000_0000_0000_2800]),
    broken(
        "D14",
        "devmap_leaf_is_huge",
        "forall x: u64. pmd_devmap(x) => pmd_huge(x)",
        HASH_4K,
        (5, 3),
        &[PRESENT | PTE | DEVMAP],
    ),
    broken(
        "D12, of a pud",
        "access_above_needs_present.pud",
        "forall x: u64, write: u64. pud_access_permitted(x, write) => pud_present(x)",
        RADIX_64K,
        (5, 3),
        &[INVALID | 4, 0],
    ),
    broken("", "mkhuge_makes_pud_bad", "forall x: u64. pud_bad(pud_mkhuge(x))", RADIX_64K, (6, 6), &[1]),
    broken(
        "",
        "access_kept.pmd.mkdevmap",
        "forall x: u64. pmd_access_permitted(pmd_mkdevmap(x), 0) == pmd_access_permitted(x, 0)",
        RADIX_64K,
        (5, 10),
        &[PRESENT | 4],
    ),
    broken(
        "",
        "access_kept_of_valid.pmd.mkhuge",
        "forall x: u64 where pmd_valid(x). pmd_access_permitted(pmd_mkhuge(x), 0) == pmd_access_permitted(x, 0)",
        RADIX_64K,
        (5, 10),
        &[PRESENT | 4],
    ),
    broken(
        "",
        "perms_kept.pmd.mkdevmap",
        "forall x: u64 where pmd_valid(x). pmd_mmu_perms(pmd_mkdevmap(x)) == pmd_mmu_perms(x)",
        RADIX_64K,
        (5, 3),
        &[PRESENT],
    ),
    broken(
        "",
        "user_exec_kept.pmd.mkdirty",
        "forall x: u64 where pmd_valid(x). pmd_mmu_perms(pmd_mkdirty(x))[2] == pmd_mmu_perms(x)[2]",
        RADIX_64K,
        (5, 10),
        &[PRESENT],
    ),
    broken(
        "",
        "leaf_stays_bad.mkold",
        "forall x: u64 where pmd_leaf(x). pmd_bad(pmd_mkold(x)) == pmd_bad(x)",
        HASH_64K,
        (5, 3),
        &[PTE | 1 << 8],
    ),
    broken(
        "",
        "leaf_pfn_is_aligned.pmd",
        "forall x: u64 where pmd_leaf(x). pmd_pfn(x) & ((1 << (PMD_SHIFT() - PAGE_SHIFT)) - 1) == 0",
        RADIX_64K,
        (5, 3),
        &[PTE | 1 << 16],
    ),
    broken(
        "",
        "wide_pfn_range.pte",
        "forall x: u64. pte_pfn(x) < 1 << (52 - PAGE_SHIFT)",
        RADIX_4K,
        (5, 3),
        &[1 << 52],
    ),
    broken(
        "A9",
        "wrprotect_dirties_nothing.pte",
        "forall x: u64. !pte_dirty(pte_wrprotect(x))",
        RADIX_64K,
        (5, 3),
        &[1 << 7],
    ),
    broken(
        "pte_present before v5.10",
        "valid_is_present.pte",
        "forall x: u64. pte_present(x) => pmd_leaf(x)",
        RADIX_64K,
        (5, 3),
        &[PRESENT],
    ),
];

#[test]
fn what_ppc_breaks_is_broken_only_without_the_precondition() -> Outcome {
    let (host, exports) = (laws::host_laws()?, IMPLEMENTED.iter().copied().collect::<Exports>());
    for Broken { row, law: id, bare, mmu, version, counterexample } in &BROKEN {
        let config = config(*mmu, *version);
        let law = host.iter().find(|law| law.id == *id).ok_or(*id)?;
        let formula = laws::parse_text(bare)?.remove(0).1;
        let bare_law = Law { formula, ..law.clone() };
        assert!(refutes(&bare_law, &config, &exports, counterexample), "{row} {id} should be refuted: {bare}");
        assert!(!refutes(law, &config, &exports, counterexample), "{row} {id} should hold");
    }
    Ok(())
}

/// The rows that a later kernel or another option mends: there the property holds without the precondition.
#[test]
fn what_is_mended_holds_bare() -> Outcome {
    let exports = IMPLEMENTED.iter().copied().collect::<Exports>();
    let numa_off = config(RADIX_64K, (5, 3)).with(Extern::NUMA_BALANCING, 0);
    let mended: [(&str, &str, Config, &[u64]); 6] = [
        ("D1 without NUMA balancing", READ_ONLY, numa_off, &[2]),
        ("D1 from v6.2 on", READ_ONLY, config(RADIX_64K, (6, 2)), &[2]),
        ("D8 from v6.2 on", IDEMPOTENT, config(RADIX_4K, (6, 2)), &[PRESENT | 2]),
        ("D13 from v5.7 on", DEVMAP_EXCLUDES, config(HASH_64K, (5, 7)), &[0xe000_0000_0000_2800]),
        ("D13 with radix", DEVMAP_EXCLUDES, config(RADIX_64K, (5, 3)), &[0xe000_0000_0000_2800]),
        ("A15 from v5.10 on", MADE_NONE, config(RADIX_64K, (5, 10)), &[0, PRESENT]),
    ];
    let host = laws::host_laws()?;
    for (what, bare, config, words) in mended {
        let formula = laws::parse_text(bare)?.remove(0).1;
        let law = Law { formula, ..host[0].clone() };
        assert!(!refutes(&law, &config, &exports, words), "{what}");
    }
    Ok(())
}
