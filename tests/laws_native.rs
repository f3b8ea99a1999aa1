//! The host's laws against the arm64 helpers compiled natively: what the table says holds, and what the kernel breaks
//! is broken without its precondition and kept with it.
//!
//! Every law is evaluated for every granule, size of address, set of options and version of the matrix: on words of
//! one bit, entries as kernels write them and random words under all of them, on all words of two bits under a part
//! that has each version, each geometry and each option. Nothing is proved here; the point is that the laws are right
//! about a model that was written without them. A law whose precondition no input meets fails.

use std::collections::{BTreeSet, HashMap};
use std::error::Error;
use std::rc::Rc;

use ptwalk_abi::{Arch, Config, Extern, Helper, KVersion};
use ptwalk_arm64::Arm64;
use ptwalk_verifier::laws::ast::{Term, TermId, Unary};
use ptwalk_verifier::laws::{self, Binding, Exports, Law, Origin};

type Outcome = Result<(), Box<dyn Error>>;

/// What the arm64 plugin does not implement: levels without leaves, huge puds, and what other architectures have.
const NOT_ARM64: [Helper; 39] = [
    Helper::pud_dirty,
    Helper::p4d_leaf,
    Helper::pgd_leaf,
    Helper::p4d_huge,
    Helper::pgd_huge,
    Helper::pud_trans_huge,
    Helper::pud_devmap,
    Helper::pgd_devmap,
    Helper::pud_special,
    Helper::pud_mkspecial,
    Helper::pud_mkdevmap,
    Helper::pgd_access_permitted,
    Helper::pmd_same,
    Helper::pmd_is_serializing,
    Helper::is_hugepd,
    Helper::pte_savedwrite,
    Helper::pmd_savedwrite,
    Helper::pte_read,
    Helper::pte_exec,
    Helper::pte_soft_dirty,
    Helper::pmd_soft_dirty,
    Helper::hugepd_page,
    Helper::hugepd_shift,
    Helper::pte_mk_savedwrite,
    Helper::pmd_mk_savedwrite,
    Helper::pte_clear_savedwrite,
    Helper::pmd_clear_savedwrite,
    Helper::pte_mksoft_dirty,
    Helper::pmd_mksoft_dirty,
    Helper::pte_clear_soft_dirty,
    Helper::pmd_clear_soft_dirty,
    Helper::pte_mkpte,
    Helper::pte_mkuser,
    Helper::pte_mkprivileged,
    Helper::pte_mkexec,
    Helper::has_transparent_hugepage,
    Helper::has_transparent_pud_hugepage,
    Helper::SECTION_SIZE_BITS,
    Helper::PTE_PA_BITS,
];

fn arm64_exports() -> Exports {
    Helper::ALL.iter().copied().filter(|helper| !NOT_ARM64.contains(helper)).collect()
}

/// Calls a helper of arm64 under `config`, as the sandbox would.
fn call(config: &Config, helper: Helper, args: &[u64]) -> u64 {
    let arg = |i: usize| args.get(i).copied().unwrap_or(0);
    // An i32 is what of an i64 is in its low half.
    Arm64(*config).call(helper, [arg(0), if is_access(helper) { arg(1) & 0xffff_ffff } else { arg(1) }])
}

fn is_access(helper: Helper) -> bool {
    helper.signature() == ptwalk_abi::Signature::Access
}

/// Versions on either side of each change in arm64's layout or helpers.
const VERSIONS: [(u8, u8); 17] = [
    (5, 2),
    (5, 3),
    (5, 4),
    (5, 6),
    (5, 7),
    (5, 8),
    (5, 10),
    (5, 15),
    (6, 1),
    (6, 6),
    (6, 8),
    (6, 9),
    (6, 10),
    (6, 12),
    (6, 14),
    (6, 17),
    (6, 19),
];

/// Granule, VA and PA bits as kernels can be built.
const GEOMETRIES: [(i32, i32, i32); 14] = [
    (12, 39, 48),
    (12, 48, 40),
    (12, 48, 48),
    (12, 52, 52),
    (14, 36, 48),
    (14, 47, 48),
    (14, 48, 48),
    (14, 52, 52),
    (16, 42, 48),
    (16, 48, 48),
    (16, 48, 52),
    (16, 52, 52),
    (16, 42, 52),
    (12, 48, 52),
];

fn matrix() -> Vec<Config> {
    let mut configs = Vec::new();
    for (a, b) in VERSIONS {
        for (page_shift, va_bits, pa_bits) in GEOMETRIES {
            for options in 0..8 {
                let config = Config::DEFAULT
                    .with(Extern::LINUX_VERSION_CODE, KVersion::new(a, b, 0).code())
                    .with(Extern::PAGE_SHIFT, page_shift)
                    .with(Extern::VA_BITS, va_bits)
                    .with(Extern::PA_BITS, pa_bits)
                    .with(Extern::TRANSPARENT_HUGEPAGE, options & 1)
                    .with(Extern::HUGETLB_PAGE, options >> 1 & 1)
                    .with(Extern::NUMA_BALANCING, options >> 2);
                configs.push(config);
            }
        }
    }
    // Options that are not part of the product: alone, with and without huge pages.
    for thp in [0, 1] {
        let base = Config::DEFAULT.with(Extern::TRANSPARENT_HUGEPAGE, thp);
        let v6_12 = base.with(Extern::LINUX_VERSION_CODE, KVersion::new(6, 12, 0).code());
        configs.extend([
            base.with(Extern::ARCH_HAS_PTE_DEVMAP, 0),
            base.with(Extern::ARCH_HAS_PTE_SPECIAL, 0),
            base.with(Extern::DEVMAP_SERIES, 31),
            base.with(Extern::ARM64_HW_AFDBM, 0),
            v6_12.with(Extern::POR_EL0, 0x0123_4567),
            v6_12.with(Extern::POR_EL0, 0),
        ]);
    }
    configs
}

/// A fixed sequence of random words.
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ self.0 >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ mixed >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ mixed >> 31
    }
}

/// Entries of arm64 kernels, and protections without a frame.
const ENTRIES: [u64; 14] = [
    0x02e8_0004_4880_0f53,
    0x0460_0000_8000_0f92,
    0x0020_0000_8000_0f93,
    0x0060_0000_8000_0fd3,
    0x0068_0000_8000_0f53,
    0x0268_0000_c000_0f51,
    0x0000_0000_1234_5003,
    0x0200_0000_1234_5003,
    0x0060_0000_801f_f0d1,
    0x0068_8765_4321_f753,
    0x0400_0000_0000_0000,
    0x0460_0000_0000_0f92,
    0x0040_0000_0000_0800,
    0x0060_0000_0000_0413,
];

/// Values of the variables: column k holds variable k's value for every case.
struct Cases([Rc<[u64]>; 2]);

impl Cases {
    /// `words`, beside entries of kernels and random words; the second variable runs through protections, small words
    /// and words close to the first.
    fn new(mut words: Vec<u64>, random_words: usize) -> Cases {
        let mut random = Random(1);
        words.extend(ENTRIES);
        words.extend((0..random_words).map(|i| if i % 2 == 0 { random.next() } else { random.next() & random.next() }));
        let mut second = Vec::with_capacity(words.len());
        for (i, word) in words.iter().enumerate() {
            let other = random.next();
            second.push(match i % 5 {
                0 => ENTRIES[i / 5 % ENTRIES.len()],
                1 => 1,
                2 => ENTRIES[10 + i / 5 % 4],
                3 => word ^ (1 << (other & 63)),
                _ => other & random.next(),
            });
        }
        Cases([words.into(), second.into()])
    }

    /// No bit, every bit, one bit.
    fn one_bit() -> Cases {
        Cases::new([0, u64::MAX].into_iter().chain((0..64).map(|bit| 1 << bit)).collect(), 30)
    }

    /// Two bits.
    fn two_bits() -> Cases {
        Cases::new((0..64).flat_map(|high| (0..high).map(move |low| 1 << high | 1 << low)).collect(), 400)
    }

    fn len(&self) -> usize {
        self.0[0].len()
    }
}

/// The terms of all laws, equal ones once. A term's operands have smaller numbers.
#[derive(Default)]
struct Plan {
    terms: Vec<Term>,
    numbers: HashMap<String, usize>,
    /// Claim and precondition of each law.
    laws: Vec<(usize, Option<usize>)>,
}

impl Plan {
    fn new(laws: &[Law]) -> Plan {
        let mut plan = Plan::default();
        for law in laws {
            let mut own: Vec<usize> = Vec::new();
            for term in law.formula.terms() {
                let at = |id: &TermId| own[*id];
                let shared = match term {
                    Term::Call(helper, args) => Term::Call(*helper, args.iter().map(at).collect()),
                    Term::Bits { of, high, low } => Term::Bits { of: at(of), high: *high, low: *low },
                    Term::Truth(of) => Term::Truth(at(of)),
                    Term::Unary(op, of) => Term::Unary(*op, at(of)),
                    Term::Binary(op, a, b) => Term::Binary(*op, at(a), at(b)),
                    other => other.clone(),
                };
                let next = plan.terms.len();
                let number = *plan.numbers.entry(format!("{shared:?}")).or_insert(next);
                if number == next {
                    plan.terms.push(shared);
                }
                own.push(number);
            }
            let formula = &law.formula;
            plan.laws.push((own[formula.claim()], formula.precondition().map(|id| own[id])));
        }
        plan
    }
}

/// Values of the plan's terms for all cases under one configuration.
struct Columns<'p> {
    plan: &'p Plan,
    cpu: Arm64<Config>,
    exports: &'p Exports,
    cases: &'p Cases,
    known: Vec<Option<Rc<[u64]>>>,
}

impl Columns<'_> {
    fn values(&mut self, id: usize) -> Rc<[u64]> {
        if let Some(known) = &self.known[id] {
            return Rc::clone(known);
        }
        let values = self.compute(id);
        self.known[id] = Some(Rc::clone(&values));
        values
    }

    fn compute(&mut self, id: usize) -> Rc<[u64]> {
        let len = self.cases.len();
        let plan = self.plan;
        match &plan.terms[id] {
            Term::Var(place) => Rc::clone(&self.cases.0[*place]),
            Term::Number { value, .. } => vec![*value; len].into(),
            Term::Version(version) => vec![u64::from(version.code().unsigned_abs()); len].into(),
            Term::Extern(key) => vec![laws::extern_value(&self.cpu.0, *key); len].into(),
            Term::Exports(helper) => vec![u64::from(self.exports.has(*helper)); len].into(),
            Term::Call(helper, args) => {
                let args: Vec<Rc<[u64]>> = args.iter().map(|id| self.values(*id)).collect();
                let (cpu, mask) = (self.cpu, if is_access(*helper) { 0xffff_ffff } else { u64::MAX });
                match args.as_slice() {
                    [] => vec![cpu.call(*helper, [0, 0]); len].into(),
                    [x] => x.iter().map(|x| cpu.call(*helper, [*x, 0])).collect(),
                    [x, y, ..] => x.iter().zip(y.iter()).map(|(x, y)| cpu.call(*helper, [*x, y & mask])).collect(),
                }
            }
            Term::Bits { of, high, low } => {
                self.values(*of).iter().map(|word| laws::bits_value(*word, *high, *low)).collect()
            }
            Term::Truth(of) => self.values(*of).iter().map(|word| u64::from(*word != 0)).collect(),
            Term::Unary(Unary::Invert, of) => self.values(*of).iter().map(|word| !word).collect(),
            Term::Unary(Unary::Not, of) => self.values(*of).iter().map(|truth| 1 - truth).collect(),
            Term::Binary(op, a, b) => {
                let (a, b) = (self.values(*a), self.values(*b));
                a.iter().zip(b.iter()).map(|(a, b)| laws::binary_value(*op, *a, *b)).collect()
            }
        }
    }
}

/// What a run found out about one law.
#[derive(Clone, Default)]
struct Found {
    /// Configurations in which it applies.
    applies: u32,
    /// Those of them in which some input meets its precondition.
    met: u32,
    counterexample: Option<String>,
}

/// Evaluates every law under every configuration on every case. Returns how many evaluations that were.
fn run(
    laws: &[Law],
    plan: &Plan,
    configs: &[Config],
    cases: &Cases,
    found: &mut [Found],
) -> Result<u64, Box<dyn Error>> {
    let exports = arm64_exports();
    let mut evaluations = 0;
    for config in configs {
        let known = vec![None; plan.terms.len()];
        let mut columns = Columns { plan, cpu: Arm64(*config), exports: &exports, cases, known };
        for (i, law) in laws.iter().enumerate() {
            let bound = match laws::bind(law, config, &exports) {
                Binding::Applicable(bound) => bound,
                Binding::NotApplicable(_) => continue,
                Binding::Refused(kind) => return Err(kind.into()),
            };
            let (claim, precondition) = plan.laws[i];
            let claim = columns.values(claim);
            let precondition = precondition.map(|id| columns.values(id));
            let meets = |case: usize| precondition.as_ref().is_none_or(|holds| holds[case] != 0);
            found[i].applies += 1;
            found[i].met += u32::from((0..cases.len()).any(meets));
            evaluations += cases.len() as u64;
            if let Some(case) = (0..cases.len()).find(|case| claim[*case] == 0 && meets(*case)) {
                let words: Vec<u64> = (0..law.formula.vars().len()).map(|k| cases.0[k][case]).collect();
                assert!(bound.evaluate(&words, |helper, args| call(config, helper, args)).refutes(), "{}", law.id);
                found[i].counterexample = Some(format!("{} at {words:#x?} under {config:?}: {}", law.id, law.formula));
            }
        }
    }
    Ok(evaluations)
}

#[test]
fn arm64_keeps_every_law() -> Outcome {
    let started = std::time::Instant::now();
    let laws = laws::host_laws()?;
    let plan = Plan::new(&laws);
    let all = matrix();
    let part: Vec<Config> = all.iter().copied().step_by(29).collect();
    for key in Extern::ALL {
        let values = |configs: &[Config]| configs.iter().map(|config| config.value(*key)).collect::<BTreeSet<i32>>();
        let rare = [Extern::ARCH_HAS_PTE_DEVMAP, Extern::ARCH_HAS_PTE_SPECIAL, Extern::DEVMAP_SERIES];
        let rare = rare.contains(key) || [Extern::ARM64_HW_AFDBM, Extern::POR_EL0].contains(key);
        assert!(rare || values(&part) == values(&all), "the part has not every value of {key}");
    }
    let mut found = vec![Found::default(); laws.len()];
    let mut evaluations = run(&laws, &plan, &all, &Cases::one_bit(), &mut found)?;
    let met_everywhere: Vec<bool> = found.iter().map(|found| found.applies == found.met).collect();
    evaluations += run(&laws, &plan, &part, &Cases::two_bits(), &mut found)?;
    let ids = |choose: &dyn Fn(usize) -> bool| -> Vec<&str> {
        (0..laws.len()).filter(|i| choose(*i)).map(|i| laws[i].id.as_str()).collect()
    };
    let silent = ids(&|i| found[i].applies == 0);
    println!(
        "{} laws x {} configurations x {} inputs, {} of them x {} more: {evaluations} evaluations in {:?}; {} laws say \
         nothing about arm64: {silent:?}",
        laws.len(),
        all.len(),
        Cases::one_bit().len(),
        part.len(),
        Cases::two_bits().len(),
        started.elapsed(),
        silent.len()
    );
    let refuted: Vec<&String> = found.iter().filter_map(|found| found.counterexample.as_ref()).collect();
    assert!(refuted.is_empty(), "{refuted:#?}");
    let vacuous = ids(&|i| !met_everywhere[i]);
    assert!(vacuous.is_empty(), "in some configuration no input meets the precondition: {vacuous:?}");
    let expected = ids(&|i| laws[i].formula.helpers().iter().any(|helper| NOT_ARM64.contains(helper)));
    let unexplained: Vec<&&str> =
        silent.iter().filter(|id| !expected.contains(id) && !id.starts_with("wide_")).collect();
    assert_eq!(unexplained, [&"devmap_is_not_trans_huge"], "silent for another reason than a helper's absence");
    Ok(())
}

/// A property that some kernel breaks, and the law that makes it true.
struct Broken {
    /// The law of the table.
    law: &'static str,
    /// The property without the law's precondition and `when`.
    bare: &'static str,
    version: (u8, u8),
    setting: Option<(Extern, i32)>,
    counterexample: &'static [u64],
}

const BROKEN: [Broken; 13] = [
    Broken {
        law: "wrprotect_keeps_dirty.pte",
        bare: "forall x: u64. pte_dirty(x) => pte_dirty(pte_wrprotect(x))",
        version: (5, 3),
        setting: None,
        counterexample: &[1 << 51],
    },
    Broken {
        law: "wrprotect_keeps_software_dirty",
        bare: "forall x: u64. pte_dirty(x) => pte_dirty(pte_wrprotect(x))",
        version: (5, 8),
        setting: None,
        counterexample: &[1 << 51],
    },
    Broken {
        law: "mkwrite_keeps_clean.pte",
        bare: "forall x: u64. !pte_dirty(pte_mkwrite(pte_mkclean(x)))",
        version: (6, 14),
        setting: None,
        counterexample: &[0],
    },
    Broken {
        law: "mkdevmap_makes_special",
        bare: "forall x: u64. pte_special(pte_mkdevmap(x))",
        version: (5, 3),
        setting: Some((Extern::DEVMAP_SERIES, 31)),
        counterexample: &[0x00e8_0004_4880_0f53],
    },
    Broken {
        law: "devmap_is_not_trans_huge",
        bare: "forall x: u64. pmd_devmap(x) => !pmd_trans_huge(x)",
        version: (5, 3),
        setting: None,
        counterexample: &[0x0268_0000_c000_0f51],
    },
    Broken {
        law: "devmap_leaf_is_huge",
        bare: "forall x: u64. pmd_devmap(x) => pmd_huge(x)",
        version: (5, 3),
        setting: None,
        counterexample: &[0x0200_0000_1234_5003],
    },
    Broken {
        law: "mkinvalid_keeps_present",
        bare: "forall x: u64. pmd_present(pmd_mkinvalid(pmd_mkhuge(x)))",
        version: (5, 3),
        setting: None,
        counterexample: &[0x0060_0000_8000_0fd1],
    },
    Broken {
        law: "mkhuge_makes_trans_huge",
        bare: "forall x: u64. pmd_trans_huge(pmd_mkhuge(x))",
        version: (5, 3),
        setting: None,
        counterexample: &[2],
    },
    Broken {
        law: "mkhuge_makes_leaf",
        bare: "forall x: u64. pmd_leaf(pmd_mkhuge(x))",
        version: (5, 15),
        setting: None,
        counterexample: &[0],
    },
    Broken {
        law: "mkhuge_makes_present_leaf",
        bare: "forall x: u64 where pmd_present(x). pmd_leaf(pmd_mkhuge(x))",
        version: (5, 10),
        setting: None,
        counterexample: &[0x0460_0000_8000_0f92],
    },
    Broken {
        law: "wrprotect_dirties_nothing.pte",
        bare: "forall x: u64. !pte_dirty(pte_wrprotect(x))",
        version: (5, 3),
        setting: None,
        counterexample: &[1 << 55],
    },
    Broken {
        law: "access_is_read_and_write.pte",
        bare: "forall x: u64. pte_access_permitted(x, 1) <=> pte_access_permitted(x, 0) && pte_write(x)",
        version: (6, 12),
        setting: Some((Extern::POR_EL0, 0x0123_4567)),
        counterexample: &[0x4008_0000_0000_0041],
    },
    Broken {
        law: "pfn_range.pte",
        bare: "forall x: u64. pte_pfn(x) < 1 << (PA_BITS - PAGE_SHIFT)",
        version: (6, 9),
        setting: None,
        counterexample: &[1 << 49],
    },
];

#[test]
fn what_the_kernel_breaks_is_broken_only_without_the_precondition() -> Outcome {
    let (host, exports) = (laws::host_laws()?, arm64_exports());
    for broken in &BROKEN {
        let (major, minor) = broken.version;
        let code = KVersion::new(major, minor, 0).code();
        let mut config = Config::DEFAULT.with(Extern::LINUX_VERSION_CODE, code);
        if let Some((key, value)) = broken.setting {
            config = config.with(key, value);
        }
        let refutes = |law: &Law| match laws::bind(law, &config, &exports) {
            Binding::Applicable(bound) => {
                bound.evaluate(broken.counterexample, |helper, args| call(&config, helper, args)).refutes()
            }
            Binding::NotApplicable(_) | Binding::Refused(_) => false,
        };
        let law = host.iter().find(|law| law.id == broken.law).ok_or(broken.law)?;
        let formula = laws::parse_text(broken.bare)?.remove(0).1;
        let bare = Law { formula, ..law.clone() };
        assert!(refutes(&bare), "{} should be refuted: {}", broken.law, broken.bare);
        assert!(!refutes(law), "{} should hold", broken.law);
    }
    Ok(())
}

/// Bits of an arm64 entry whose loss or invention by any maker some law must notice: type, user, access flag, the
/// frame, and the software bits. Bit 7 is the makers' own way to say clean.
const MEANINGFUL: [u32; 16] = [0, 1, 6, 10, 21, 30, 39, 46, 47, 51, 52, 54, 55, 56, 57, 58];

/// What makers do to bits that are theirs, or that they may touch in v5.3: `mkcont` of a pte sets the type, and so on.
fn may_touch(maker: &str, bit: u32) -> bool {
    match bit {
        0 => matches!(maker, "pte_mkcont" | "pmd_mkcont"),
        1 => maker.ends_with("_mkhuge") || maker.starts_with("pte_"),
        // Special means nothing in a pmd before v6.12.
        56 => maker.starts_with("pmd_"),
        // What mkcont has made valid is present whatever bit 58 says.
        58 => maker == "pte_mkcont",
        _ => false,
    }
}

#[test]
fn a_maker_that_sets_or_clears_a_bit_too_many_is_refuted() -> Outcome {
    let (host, exports, cases) = (laws::host_laws()?, arm64_exports(), Cases::one_bit());
    let config = Config::DEFAULT;
    let bound: Vec<_> = host
        .iter()
        .filter_map(|law| match laws::bind(law, &config, &exports) {
            Binding::Applicable(bound) => Some(bound),
            Binding::NotApplicable(_) | Binding::Refused(_) => None,
        })
        .collect();
    let makers = "mkwrite wrprotect mkclean mkdirty mkyoung mkold mkspecial mkdevmap mkhuge mkcont";
    let mut survivors = Vec::new();
    let mut mutants = 0;
    for maker in ["pte", "pmd"].iter().flat_map(|level| makers.split(' ').map(move |maker| format!("{level}_{maker}")))
    {
        let helper = Helper::by_name(&maker).ok_or("no such maker")?;
        let about: Vec<_> = bound.iter().filter(|law| law.formula().helpers().contains(&helper)).collect();
        for bit in MEANINGFUL {
            for set in [false, true] {
                let mutated = |asked: Helper, args: &[u64]| {
                    let result = call(&config, asked, args);
                    if asked != helper {
                        result
                    } else if set {
                        result | 1 << bit
                    } else {
                        result & !(1 << bit)
                    }
                };
                let same = (0..cases.len()).all(|case| {
                    let args = [cases.0[0][case]];
                    mutated(helper, &args) == call(&config, helper, &args)
                });
                if same {
                    continue;
                }
                mutants += 1;
                let refuted = about.iter().any(|law| {
                    (0..cases.len()).any(|case| {
                        let words = [cases.0[0][case], cases.0[1][case]];
                        law.evaluate(&words, mutated).refutes()
                    })
                });
                if !refuted && !may_touch(&maker, bit) {
                    survivors.push(format!("{maker} {} bit {bit}", if set { "sets" } else { "clears" }));
                }
            }
        }
    }
    println!("{mutants} mutants, {} unnoticed", survivors.len());
    assert!(survivors.is_empty(), "{survivors:#?}");
    Ok(())
}

#[test]
fn the_first_devmap_series_is_refuted_without_huge_pages_and_the_second_is_not() -> Outcome {
    let (host, exports) = (laws::host_laws()?, arm64_exports());
    let law = host.iter().find(|law| law.id == "no_huge_devmap.pmd").ok_or("no law")?;
    assert_eq!(law.origin, Origin::Host);
    for (page_shift, va_bits) in [(16, 42), (12, 39), (12, 48)] {
        for (series, refuted) in [(30, true), (31, false), (0, false)] {
            let config = Config::DEFAULT
                .with(Extern::PAGE_SHIFT, page_shift)
                .with(Extern::VA_BITS, va_bits)
                .with(Extern::TRANSPARENT_HUGEPAGE, 0)
                .with(Extern::DEVMAP_SERIES, series);
            let Binding::Applicable(bound) = laws::bind(law, &config, &exports) else { return Err("not bound".into()) };
            let verdict = bound.evaluate(&[1 << 57], |helper, args| call(&config, helper, args));
            assert_eq!(verdict.refutes(), refuted, "series {series}, {page_shift}/{va_bits}");
        }
    }
    Ok(())
}
