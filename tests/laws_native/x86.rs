//! The host's laws on the x86 helpers, and what x86_64 kernels break: the rows of the table of axioms that hold only with
//! a precondition.

use std::collections::BTreeSet;

use ptwalk_abi::{Arch, Config, Extern};
use ptwalk_verifier::verify::{MACHINES, Matrix};
use ptwalk_x86::{IMPLEMENTED, X86};

use super::Outcome;
use super::model::{self, Broken, Model};

const X86_64: Model = Model {
    name: "x86",
    implemented: IMPLEMENTED,
    native: |config, helper, args| X86(*config).call(helper, args),
    entries: ENTRIES,
};

/// Entries of x86_64 kernels; from the eleventh on, protections without a frame.
const ENTRIES: [u64; 14] = [
    0x8000_0001_2345_6067,
    0x8400_0001_2345_6267,
    0x000f_fffe_dcba_9120,
    0x8000_0001_2340_00e7,
    0x8400_0001_2340_00e7,
    0x800f_fffe_dca0_00e6,
    0x8000_0001_2340_10e7,
    0x0000_0001_2345_6067,
    0x8400_0001_2345_6025,
    0x0fff_ffff_ffff_de00,
    0x8000_0000_0000_0025,
    0x8000_0000_0000_0120,
    0x8000_0000_0000_00e7,
    0x0000_0000_0000_0163,
];

/// The matrix of the verifier, and registers that restrict.
fn matrix() -> Vec<Config> {
    let machine = MACHINES.iter().find(|machine| machine.name == "x86").expect("there is x86");
    let mut configs = Matrix::of_machine(machine).sample(5).configs().to_vec();
    for thp in [0, 1] {
        let base = Config::DEFAULT.with(Extern::TRANSPARENT_HUGEPAGE, thp);
        configs.extend([base.with(Extern::ARCH_HAS_PTE_DEVMAP, 0), base.with(Extern::ARCH_HAS_PTE_SPECIAL, 0)]);
    }
    configs
}

#[test]
fn x86_keeps_every_law() -> Outcome {
    let all = matrix();
    let part: Vec<Config> = all.iter().copied().step_by(11).collect();
    for key in Extern::ALL {
        let values = |configs: &[Config]| configs.iter().map(|config| config.value(*key)).collect::<BTreeSet<i32>>();
        let rare = [Extern::ARCH_HAS_PTE_DEVMAP, Extern::ARCH_HAS_PTE_SPECIAL].contains(key);
        assert!(rare || values(&part) == values(&all), "the part has not every value of {key}");
    }
    // With two levels alone.
    model::keeps_every_law(&X86_64, &all, &part, &["mkhuge_keeps_pmd_pfn"])
}

const fn broken(law: &'static str, bare: &'static str, counterexample: &'static [u64]) -> Broken {
    Broken { law, bare, version: (5, 3), setting: None, counterexample }
}

const fn under(setting: (Extern, i32), row: Broken) -> Broken {
    Broken { setting: Some(setting), ..row }
}

const PUD: (Extern, i32) = (Extern::HAVE_ARCH_TRANSPARENT_HUGEPAGE_PUD, 1);

/// A9, A14, A16, A18, A19, D5, D6, D7, D8, D12, D14 of the table; then what only x86_64 breaks.
const BROKEN: &[Broken] = &[
    broken("wrprotect_dirties_nothing.pte", "forall x: u64. !pte_dirty(pte_wrprotect(x))", &[1 << 6]),
    under(
        (Extern::HAVE_ARCH_TRANSPARENT_HUGEPAGE_PUD, 0),
        broken("mkdevmap_makes_pud_devmap", "forall x: u64. pud_devmap(pud_mkdevmap(x))", &[0x67]),
    ),
    broken("mkhuge_makes_trans_huge", "forall x: u64. pmd_trans_huge(pmd_mkhuge(x))", &[1 << 58 | 1]),
    under(PUD, broken("mkhuge_makes_pud_trans_huge", "forall x: u64. pud_trans_huge(pud_mkhuge(x))", &[1 << 58 | 1])),
    Broken {
        version: (5, 10),
        ..broken(
            "mkinvalid_keeps_trans_huge",
            "forall x: u64. pmd_trans_huge(pmd_mkinvalid(pmd_mkhuge(x)))",
            &[1 << 58 | 1],
        )
    },
    broken("pfn_kept.pte.mkwrite", "forall x: u64. pte_pfn(pte_mkwrite(x)) == pte_pfn(x)", &[0]),
    broken("pfn_kept.pte.mkold", "forall x: u64. pte_pfn(pte_mkold(x)) == pte_pfn(x)", &[0x20]),
    broken("pfn_kept.pmd.mkdirty", "forall x: u64. pmd_pfn(pmd_mkdirty(x)) == pmd_pfn(x)", &[0]),
    broken("mkhuge_keeps_pfn.pmd", "forall x: u64. pmd_pfn(pmd_mkhuge(x)) == pmd_pfn(x)", &[0x1001]),
    broken("mkhuge_keeps_pfn.pud", "forall x: u64. pud_pfn(pud_mkhuge(x)) == pud_pfn(x)", &[0x2000_0001]),
    broken(
        "invalidation_keeps_pfn.mknotpresent",
        "forall x: u64. pmd_pfn(pmd_mknotpresent(x)) == pmd_pfn(x)",
        &[0x1003],
    ),
    broken("invalidation_keeps_pud_pfn.mkinvalid", "forall x: u64. pud_pfn(pud_mkinvalid(x)) == pud_pfn(x)", &[0x1003]),
    under(
        (Extern::PKRU, 2),
        broken(
            "access_is_read_and_write.pte",
            "forall x: u64. pte_access_permitted(x, 1) <=> pte_access_permitted(x, 0) && pte_write(x)",
            &[7],
        ),
    ),
    broken("devmap_leaf_is_huge", "forall x: u64. pmd_devmap(x) => pmd_huge(x)", &[1 << 58 | 1]),
    broken(
        "pfn_round_trip",
        "forall pfn: u64, prot: u64. pte_pfn(pfn_pte(pfn, prot)) == pfn",
        &[2, 0x000f_ffff_ffff_f000],
    ),
    under(
        (Extern::SME_C_BIT, 40),
        broken("pfn_round_trip", "forall pfn: u64, prot: u64. pte_pfn(pfn_pte(pfn, prot)) == pfn", &[1 << 28, 0x25]),
    ),
    broken("modify_keeps_pfn", "forall x: u64, prot: u64. pte_pfn(pte_modify(x, prot)) == pte_pfn(x)", &[0x80, 0]),
    broken(
        "modify_keeps_pmd_pfn",
        "forall x: u64, prot: u64. pmd_pfn(pmd_modify(x, prot)) == pmd_pfn(x)",
        &[0x1067, 0x120],
    ),
];

#[test]
fn what_x86_kernels_break_is_broken_only_without_the_precondition() -> Outcome {
    model::broken_only_without_the_precondition(&X86_64, BROKEN)
}

/// D8: `mknotpresent` twice is once only of a leaf.
#[test]
fn mknotpresent_is_idempotent_of_leaves_alone() {
    let twice = |x: u64| {
        let cpu = X86(Config::DEFAULT);
        let once = cpu.pmd_mknotpresent(x);
        (once, cpu.pmd_mknotpresent(once))
    };
    let (once, again) = twice(0x8000_0001_2340_00e7);
    assert_eq!(once, again);
    let differs = ENTRIES.iter().copied().chain((0..64).map(|bit| 1 << bit | 1)).any(|x| twice(x).0 != twice(x).1);
    assert!(differs, "there is a word that is none");
}

/// Bits of an x86_64 entry whose loss or invention by any maker some law must notice: P, R/W, U/S, A, D, the frame, the
/// software bits, XD. PWT, PCD, G and the key have no helper that reads them alone.
const MEANINGFUL: [u32; 14] = [0, 1, 2, 5, 6, 7, 9, 12, 21, 30, 39, 51, 58, 63];

/// What makers do to bits that are theirs, or that no helper of the level reads.
fn may_touch(maker: &str, bit: u32) -> bool {
    match bit {
        // Special means nothing in a pmd before v6.12.
        9 => maker.starts_with("pmd_"),
        // The size of a pte is part of its memory type.
        7 => maker.starts_with("pte_"),
        _ => false,
    }
}

#[test]
fn an_x86_maker_that_sets_or_clears_a_bit_too_many_is_refuted() -> Outcome {
    let makers = ["mkwrite", "wrprotect", "mkclean", "mkdirty", "mkyoung", "mkold", "mkspecial", "mkdevmap", "mkhuge"];
    model::refutes_every_mutant(&X86_64, &makers, &MEANINGFUL, may_touch)
}
