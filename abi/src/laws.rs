//! The laws: what every plugin must keep for all 2^64 entries.
//!
//! In: nothing. Out: [`LAWS`], data that the host parses, specialises for a plugin and a configuration, and decides.
//! Guaranteed: a plugin cannot weaken or replace a law. Not handled: the language, which `docs/laws.md` describes and
//! the verifier's `laws` module implements.
//!
//! Most laws are what `mm/debug_vm_pgtable.c` asserts of a few sample entries, as arch_pgtable_helpers.rst defines the
//! helpers, read in v5.10.44, v6.14 and v6.19. Laws marked `derived` say what each maker may *not* touch, and were
//! derived from the arm64, x86_64 and ppc64 helpers of those kernels. Preconditions (`where`) exclude entries for
//! which the kernel itself breaks the law on some architecture; `when` excludes configurations and versions for which
//! it does. `tests/laws_native.rs` pins both: without them the law is refuted, with them it holds.
//!
//! A bit is one thing on one architecture and another on the next, so preconditions are stated in helpers:
//! `!pXd_none(…)` keeps x86_64's inverted frames out (a word that is all zero has none to invert), `pXd_leaf` the
//! ppc64 words whose leaf marker `mkdevmap` sets and the x86_64 words whose frame is as wide as a page's. That a
//! protection has no address bits is said by `prot & pfn_pXd(…, 0) == 0`: x86_64 inverts those of one that is not
//! present. `exports(pmd_sect)` says that an architecture tells blocks from tables by descriptor type, as arm64 does;
//! `exports(is_hugepd)`, that it has directories of huge pages, as ppc64 does. `has_transparent_hugepage()` is 0 where the
//! MMU of the day has no huge pages (ppc64, hash, 4K): the kernel skips its own tests there.

mod entries;
mod kept;
mod makers;
mod ranges;

/// A law, as data.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Law {
    /// Its name; expansions of its `for` clauses append to it: `pfn_kept.pmd.mkyoung`.
    pub id: &'static str,
    /// The law, in the law language.
    pub text: &'static str,
    /// What it says, in words.
    pub doc: &'static str,
    /// The kernel file and version that states it, or `derived`.
    pub source: &'static str,
}

const PTE_BASIC: &str = "mm/debug_vm_pgtable.c: pte_basic_tests, pmd_basic_tests (v5.10)";
const PUD_BASIC: &str = "mm/debug_vm_pgtable.c: pud_basic_tests (v5.10)";
const RST: &str = "Documentation/mm/arch_pgtable_helpers.rst (v6.14)";
const GENERIC_MM: &str = "include/linux/mm.h, include/asm-generic/pgtable.h (v5.3)";
const DERIVED: &str = "derived";

const fn law(id: &'static str, source: &'static str, doc: &'static str, text: &'static str) -> Law {
    Law { id, text, doc, source }
}

const PARTS: [&[Law]; 7] =
    [makers::MAKERS, kept::FRAMES, kept::MEANINGS, entries::BUILT, entries::PREDICATES, ranges::RANGES, ranges::STUBS];

/// Every law of the host. All are mandatory.
pub const LAWS: &[Law] = &{
    let mut laws = [makers::MAKERS[0]; count()];
    let (mut part, mut filled) = (0, 0);
    while part < PARTS.len() {
        let mut i = 0;
        while i < PARTS[part].len() {
            laws[filled] = PARTS[part][i];
            filled += 1;
            i += 1;
        }
        part += 1;
    }
    laws
};

const fn count() -> usize {
    let (mut part, mut sum) = (0, 0);
    while part < PARTS.len() {
        sum += PARTS[part].len();
        part += 1;
    }
    sum
}
