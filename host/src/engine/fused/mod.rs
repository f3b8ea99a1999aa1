//! The `fused` engine: closed forms and query in one scan.
//!
//! In: a [`VerifiedPlugin`] and queries. Out: [`Fused`], an [`Engine`] that runs neither WASM nor anything of the plugin's:
//! for each query the closed forms of the helpers it asks become one loop over entries. Where the forms reduce to a few
//! tests `(x & mask) == value` and masked shifts, a [vector kernel](Isa) runs on those masks; otherwise Cranelift compiles
//! the forms. Guaranteed: there is no way here without a proof; compiled code and kernels agree with the closed forms on
//! the [self-test](selftest)'s entries, or the engine is not made. Clones share code, and every thread may have one. Not
//! handled: plugins that are not verified, which the [sandbox](super::sandbox) is for.

pub(crate) mod bare;
mod code;
mod codegen;
mod forms;
mod isa;
mod selftest;
#[cfg(target_arch = "x86_64")]
mod vector;

use std::fmt;
use std::sync::Arc;
use std::time::{Duration, Instant};

use ptwalk_abi::{Helper, Signature};
use ptwalk_verifier::expr::{Arena, Evaluator, ExprId, NodeBudgetSpent};
use ptwalk_verifier::reduce::{Irreducible, Reduction, reduce};
use ptwalk_verifier::verify::VerifiedPlugin;
use thiserror::Error;

use self::code::{Assembly, Code, Entry};
use self::codegen::{CodegenFailure, Compiler, Function};
use self::forms::Forms;
pub use self::isa::Isa;
pub(crate) use self::selftest::columns_of;
use super::query::Query;
use super::{Condition, Engine, EngineError, Facts, Failed, Queries, Record, Run, Words};
use crate::image::prefetch;

/// Nodes that the closed forms of a query may need besides those of the plugin. A walk of arm64 takes some two hundred a
/// level.
const NODES: usize = 100_000;

/// Which kernels may be chosen.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Kernels {
    /// The best that the processor has.
    #[default]
    Best,
    /// Vector kernels of this instruction set, which the processor must have, or scalar code.
    Only(Isa),
    /// Scalar code.
    Scalar,
}

/// How a scan is done.
enum Kernel {
    /// It keeps nothing.
    Nothing,
    /// Cranelift's code: of the reduction, where vector instructions are not there or not wanted, else of the forms.
    Scalar(Entry, Result<Reduction, Irreducible>),
    /// By masks.
    #[cfg(target_arch = "x86_64")]
    Vector(Box<vector::Kernel>, Reduction),
}

/// What was compiled of a query.
struct Level {
    kernel: Kernel,
    record: Entry,
    /// A leaf that the query keeps can exist.
    may_find: bool,
}

struct Shared {
    plugin: Arc<VerifiedPlugin>,
    queries: Queries,
    levels: Vec<Level>,
    code: Code,
    code_bytes: usize,
    timing: Timing,
}

/// Time that the parts of one fusing took.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Timing {
    /// Reduction with its proof, and code generation.
    pub compile: Duration,
    /// The self-test.
    pub self_test: Duration,
}

/// A verified plugin fused with its queries.
#[derive(Clone)]
pub struct Fused {
    shared: Arc<Shared>,
}

/// Why a plugin cannot be fused. The plugin is verified, so that none of these is its author's fault but a closed form
/// that grows without measure.
#[derive(Debug, Error)]
pub enum FuseError {
    /// The closed forms of a query are too large.
    #[error("the query of the {level} level: {cause}")]
    Nodes {
        /// The level.
        level: ptwalk_abi::Level,
        /// How large.
        cause: NodeBudgetSpent,
    },
    /// There is no code.
    #[error(transparent)]
    Codegen(#[from] CodegenFailure),
    /// The system gives no memory for code.
    #[error("no memory for code: {0}")]
    Memory(#[from] std::io::Error),
    /// The sandbox, where it was chosen, cannot be built.
    #[error(transparent)]
    Sandbox(#[from] EngineError),
    /// The code does not compute the closed form: a fault of the compiler or of this program.
    #[error(
        "self-test failed: the {what} of the {level} level says {found:#x} of {entry:#018x}, the closed form \
         {expected:#x}; please report this, and use --engine sandbox"
    )]
    SelfTest {
        /// The level.
        level: ptwalk_abi::Level,
        /// Which part.
        what: &'static str,
        /// The entry.
        entry: u64,
        /// What the code said.
        found: u64,
        /// What the closed form says.
        expected: u64,
    },
}

impl Fused {
    /// Fuses a plugin with queries, with the best kernels there are.
    ///
    /// # Errors
    /// [`FuseError`].
    ///
    /// # Cost
    /// A few milliseconds: reduction and its proof, Cranelift, and the self-test.
    pub fn new(plugin: &Arc<VerifiedPlugin>, queries: Queries) -> Result<Fused, FuseError> {
        Fused::with_kernels(plugin, queries, Kernels::Best)
    }

    /// The same with kernels of choice, to compare them.
    ///
    /// # Errors
    /// [`FuseError`].
    ///
    /// # Panics
    /// Where `kernels` names an instruction set that the processor does not have.
    pub fn with_kernels(plugin: &Arc<VerifiedPlugin>, queries: Queries, kernels: Kernels) -> Result<Fused, FuseError> {
        let start = Instant::now();
        let mut arena = plugin.arena().with_node_limit(plugin.arena().len() + NODES);
        let mut builder = Builder { compiler: Compiler::new()?, assembly: Assembly::default(), kernels };
        let mut levels = Vec::new();
        let mut all = Vec::new();
        for query in &queries.levels {
            let nodes = |cause| FuseError::Nodes { level: query.level, cause };
            let forms = forms::build(&mut arena, plugin, query).map_err(nodes)?;
            levels.push(builder.level(&mut arena, &forms, query, queries.big_endian)?);
            all.push(forms);
        }
        let Builder { compiler, assembly, .. } = builder;
        let code_bytes = assembly.len();
        let code = assembly.finish(compiler.into_tables())?;
        let timing = Timing { compile: start.elapsed(), self_test: Duration::ZERO };
        let mut shared = Shared { plugin: plugin.clone(), queries, levels, code, code_bytes, timing };
        let start = Instant::now();
        shared.self_test(&arena, &all)?;
        shared.timing.self_test = start.elapsed();
        Ok(Fused { shared: Arc::new(shared) })
    }

    /// The plugin.
    pub fn plugin(&self) -> &Arc<VerifiedPlugin> {
        &self.shared.plugin
    }

    /// Bytes of machine code, besides the kernels that are part of the program.
    pub fn code_bytes(&self) -> usize {
        self.shared.code_bytes
    }

    /// How long it took to make this.
    pub fn timing(&self) -> Timing {
        self.shared.timing
    }

    /// How the scan of each level is done, and why not otherwise.
    pub fn kernels(&self) -> impl Iterator<Item = (ptwalk_abi::Level, KernelChoice<'_>)> {
        let levels = self.shared.queries.levels.iter().zip(&self.shared.levels);
        levels.map(|(query, level)| (query.level, KernelChoice(&level.kernel)))
    }
}

/// The kernel of a level, for people to read.
pub struct KernelChoice<'a>(&'a Kernel);

impl KernelChoice<'_> {
    /// `avx512`, `avx2`, `scalar`, or `none` for a scan that keeps nothing.
    pub fn name(&self) -> &'static str {
        match self.0 {
            Kernel::Nothing => "none",
            Kernel::Scalar(..) => "scalar",
            #[cfg(target_arch = "x86_64")]
            Kernel::Vector(kernel, _) => kernel.isa().name(),
        }
    }
}

impl fmt::Display for KernelChoice<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            Kernel::Nothing => f.write_str("none: nothing is kept"),
            Kernel::Scalar(_, Ok(reduction)) => write!(f, "scalar (Cranelift): {}", Parts(reduction)),
            Kernel::Scalar(_, Err(reason)) => write!(f, "scalar (Cranelift): {reason}"),
            #[cfg(target_arch = "x86_64")]
            Kernel::Vector(kernel, reduction) => write!(f, "{}: {}", kernel.isa().name(), Parts(reduction)),
        }
    }
}

/// What a reduction consists of, in numbers.
struct Parts<'a>(&'a Reduction);

impl fmt::Display for Parts<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Reduction { keep, moves, terms, .. } = self.0;
        write!(f, "{} tests, {} shifts, {} terms, proved", keep.len(), moves.len(), terms.len())
    }
}

struct Builder {
    compiler: Compiler,
    assembly: Assembly,
    kernels: Kernels,
}

impl Builder {
    fn level(&mut self, arena: &mut Arena, forms: &Forms, query: &Query, big_endian: bool) -> Result<Level, FuseError> {
        let code = self.compiler.compile(arena, forms, Function::Record)?;
        let record = self.assembly.add(&code);
        let may_find = !arena.is_zero(forms.leaf);
        let kernel = self.kernel(arena, forms, query, big_endian)?;
        Ok(Level { kernel, record, may_find })
    }

    fn kernel(
        &mut self,
        arena: &mut Arena,
        forms: &Forms,
        query: &Query,
        big_endian: bool,
    ) -> Result<Kernel, FuseError> {
        if query.scan.keep == Condition::Never || arena.is_zero(forms.keep) {
            return Ok(Kernel::Nothing);
        }
        let (until, index_shift) = (query.scan.until, query.scan.layout.frame_bits);
        let reduced = reduce(arena, forms.keep, forms.word, query.scan.layout.page_shift, index_shift);
        #[cfg(target_arch = "x86_64")]
        if let (Some(isa), Ok(reduction)) = (self.isa(), &reduced) {
            let kernel = vector::Kernel::new(isa, reduction, index_shift, until, big_endian);
            return Ok(Kernel::Vector(Box::new(kernel), reduction.clone()));
        }
        // What was reduced is shorter than what it was made of, and was proved to be the same.
        let nodes = |cause| FuseError::Nodes { level: query.level, cause };
        let forms = match &reduced {
            Ok(reduction) => {
                let [keep, word] = reduction.forms(arena).map_err(nodes)?;
                Forms { keep, word, ..*forms }
            }
            Err(_) => *forms,
        };
        let code = self.compiler.compile(arena, &forms, Function::Scan { until, big_endian, index_shift })?;
        Ok(Kernel::Scalar(self.assembly.add(&code), reduced))
    }

    #[cfg(target_arch = "x86_64")]
    fn isa(&self) -> Option<Isa> {
        match self.kernels {
            Kernels::Best => Isa::detect(),
            Kernels::Only(isa) => Some(isa),
            Kernels::Scalar => None,
        }
    }
}

impl Shared {
    fn scan(&self, depth: usize, run: Run<'_>, out: &mut Words) {
        match &self.levels[depth].kernel {
            Kernel::Nothing => {}
            Kernel::Scalar(entry, _) => {
                let first = u64::from(run.first) << self.queries.levels[depth].scan.layout.frame_bits;
                prefetch(run.ahead);
                self.code.scan(*entry, run, first, out);
            }
            #[cfg(target_arch = "x86_64")]
            Kernel::Vector(kernel, _) => kernel.scan(run, out),
        }
    }

    fn record(&self, depth: usize, entry: u64) -> Record {
        let [facts, target] = self.code.record(self.levels[depth].record, entry);
        // The closed form is below 2^32: facts are 32 truth values.
        Record { facts: Facts(u32::try_from(facts).unwrap_or(u32::MAX)), target }
    }

    /// Compares compiled code and kernels with the closed forms.
    fn self_test(&self, arena: &Arena, forms: &[Forms]) -> Result<(), FuseError> {
        let entries = selftest::entries();
        for (depth, (query, forms)) in self.queries.levels.iter().zip(forms).enumerate() {
            let roots: [ExprId; 4] = [forms.keep, forms.word, forms.facts, forms.target];
            let columns = selftest::columns(arena, &roots, &entries);
            let [keep, word, facts, target] = &columns[..] else { return Ok(()) };
            let wrong = |what, entry, found, expected| {
                Err(FuseError::SelfTest { level: query.level, what, entry, found, expected })
            };
            for (i, entry) in entries.iter().enumerate() {
                let record = self.record(depth, *entry);
                if u64::from(record.facts.0) != facts[i] {
                    return wrong("record", *entry, record.facts.0.into(), facts[i]);
                }
                if record.target != target[i] {
                    return wrong("target", *entry, record.target, target[i]);
                }
            }
            let kept = |i: usize| if keep[i] != 0 { Some(word[i]) } else { None };
            if let Some((entry, found, expected)) = self.self_test_scan(depth, query, &entries, kept) {
                return wrong("scan", entry, found, expected);
            }
        }
        Ok(())
    }

    /// The first entry of which a scan says something else than `kept`.
    fn self_test_scan(
        &self,
        depth: usize,
        query: &Query,
        entries: &[u64],
        kept: impl Fn(usize) -> Option<u64>,
    ) -> Option<(u64, u64, u64)> {
        let layout = query.scan.layout;
        let table = 1_usize << layout.index_bits;
        let mut words = Words::new();
        // A scan to the first entry not kept stops there: every entry is then the first of a run of its own.
        let step = if query.scan.until { 1 } else { table };
        for start in (0..entries.len()).step_by(step) {
            let run = &entries[start..entries.len().min(start + table.min(16 * step))];
            let big_endian = self.queries.big_endian;
            let bytes: Vec<u8> =
                run.iter().flat_map(|x| if big_endian { x.to_be_bytes() } else { x.to_le_bytes() }).collect();
            words.clear();
            self.scan(depth, Run { bytes: &bytes, first: 0, ahead: &[] }, &mut words);
            let expected = (0..run.len()).map(|i| (i, kept(start + i)));
            let mut found = words.iter();
            for (i, expected) in expected {
                let index = (i as u64) << layout.frame_bits;
                match expected {
                    Some(word) => match found.next() {
                        Some(found) if *found == word | index => {}
                        found => return Some((run[i], found.copied().unwrap_or(0), word | index)),
                    },
                    None if query.scan.until => break,
                    None => {}
                }
            }
            if let Some(more) = found.next() {
                return Some((run[layout.index(*more) as usize % run.len()], *more, 0));
            }
        }
        None
    }
}

impl Engine for Fused {
    fn queries(&self) -> &Queries {
        &self.shared.queries
    }

    fn has(&self, helper: Helper) -> bool {
        self.shared.plugin.form(helper).is_some()
    }

    fn call(&mut self, helper: Helper, args: [u64; 2]) -> Result<u64, EngineError> {
        let form = self.shared.plugin.form(helper).ok_or(EngineError::Absent { helper })?;
        let [x, y] = args;
        let y = if helper.signature() == Signature::Access { u64::from(y != 0) } else { y };
        Ok(Evaluator::new(vec![x, y]).value(self.shared.plugin.arena(), form.result))
    }

    #[inline]
    fn record(&mut self, depth: usize, entry: u64) -> Result<Record, EngineError> {
        Ok(self.shared.record(depth, entry))
    }

    #[inline]
    fn scan(&mut self, depth: usize, run: Run<'_>, out: &mut Words) -> Result<(), Failed> {
        out.clear();
        self.shared.scan(depth, run, out);
        Ok(())
    }

    fn may_find(&self, depth: usize) -> bool {
        self.shared.levels.get(depth).is_some_and(|level| level.may_find)
    }
}
