//! Closed forms compiled without a plugin around them, so that fuzzing can compare the code with the forms.
//!
//! In: what is kept and its word, as expressions over argument 0. Out: every way there is to scan by them. Guaranteed: the
//! same compiler, reduction and kernels as [`super::Fused`] has; forms are total whoever made them, so that running their
//! code is as safe as that of a verified plugin. Not handled: the self-test, which is not to hide what is looked for.

use ptwalk_verifier::expr::{Arena, ExprId};
use ptwalk_verifier::reduce::{Irreducible, Reduction, reduce};

use super::code::{Assembly, Code, Entry};
use super::codegen::{Compiler, Function};
use super::forms::Forms;
#[cfg(target_arch = "x86_64")]
use super::vector::Kernel;
use super::{FuseError, Isa, Run, Words};

/// How a scan reads and where it puts the index.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Scan {
    /// It ends before the first entry that is not kept.
    pub until: bool,
    /// Entries are stored most significant byte first.
    pub big_endian: bool,
    /// Where the index begins in a word.
    pub index_shift: u32,
    /// Bits by which frame numbers are expected to the right of their entries.
    pub distance: u32,
}

/// Forms, compiled.
pub(crate) struct Bare {
    scan: Scan,
    code: Code,
    scalar: Entry,
    record: Entry,
    reduction: Result<Reduction, Irreducible>,
}

impl Bare {
    /// Compiles `keep`, a truth value, and `word`, of 64 bits.
    ///
    /// # Errors
    /// As [`super::Fused::with_kernels`].
    pub fn new(arena: &mut Arena, keep: ExprId, word: ExprId, scan: Scan) -> Result<Bare, FuseError> {
        let Scan { until, big_endian, index_shift, distance } = scan;
        let forms = Forms { keep, word, facts: word, target: word, leaf: keep };
        let mut compiler = Compiler::new()?;
        let mut assembly = Assembly::default();
        let function = Function::Scan { until, big_endian, index_shift };
        let scalar = assembly.add(&compiler.compile(arena, &forms, function)?);
        let record = assembly.add(&compiler.compile(arena, &forms, Function::Record)?);
        let code = assembly.finish(compiler.into_tables())?;
        let reduction = reduce(arena, keep, word, distance, index_shift);
        Ok(Bare { scan, code, scalar, record, reduction })
    }

    /// What the forms reduce to.
    pub fn reduction(&self) -> Option<&Reduction> {
        self.reduction.as_ref().ok()
    }

    /// The word of one entry, by the code that looks at one.
    pub fn word(&self, entry: u64) -> u64 {
        self.code.record(self.record, entry)[0]
    }

    /// The words of a run, by Cranelift's code.
    pub fn scalar(&self, run: Run<'_>) -> Vec<u64> {
        let mut words = Words::new();
        self.code.scan(self.scalar, run, u64::from(run.first) << self.scan.index_shift, &mut words);
        words.to_vec()
    }

    /// The words of a run, by each vector kernel that this processor has.
    pub fn vector(&self, run: Run<'_>) -> Vec<(Isa, Vec<u64>)> {
        let mut all = Vec::new();
        #[cfg(target_arch = "x86_64")]
        if let Ok(reduction) = &self.reduction {
            for isa in [Isa::Avx512, Isa::Avx2].into_iter().filter(|isa| isa.is_available()) {
                let Scan { until, big_endian, index_shift, .. } = self.scan;
                let kernel = Kernel::new(isa, reduction, index_shift, until, big_endian);
                let mut words = Words::new();
                kernel.scan(run, &mut words);
                all.push((isa, words.to_vec()));
            }
        }
        all
    }
}
