//! Where modules come from.
//!
//! In: choices, and modules to change. Out: bytes, of one of six kinds: the grammar's modules; the same with one guard less
//! than an acceptable one; modules of `wasm-smith` with the exports of helpers; mutants of the corpus and of the shipped
//! plugins, byte by byte and operator by operator; anything at all. Guaranteed: equal choices give equal bytes.

use arbitrary::Unstructured;
use ptwalk_abi::{Helper, Signature, ValType as AbiType};
use wasm_encoder::{
    CodeSection, ExportKind, ExportSection, Function, FunctionSection, Instruction, Module, TypeSection, ValType,
};
use wasm_smith::{Config, InstructionKind, InstructionKinds};

use crate::fuzz::grammar::{self, Shape};
use crate::fuzz::mutate::mutate;
use crate::fuzz::random::Random;
use crate::fuzz::{Context, alter};

/// Parts of a hundred that each source has.
#[derive(Clone, Copy, Debug)]
pub(super) struct Mix {
    /// The grammar, with guards left out now and then.
    pub grammar: u64,
    /// The grammar, with all guards but one.
    pub near_miss: u64,
    /// `wasm-smith`.
    pub smith: u64,
    /// Changed operators of a module of the context.
    pub operators: u64,
    /// Changed bytes of one. What is left is bytes without a plan.
    pub bytes: u64,
}

impl Mix {
    /// The grammar alone.
    pub(super) const GRAMMAR: Mix = Mix { grammar: 100, near_miss: 0, smith: 0, operators: 0, bytes: 0 };
}

/// Bytes of a module that is small.
const SMALL_BYTES: usize = 2048;

/// Makes modules.
pub(super) struct Source {
    mix: Mix,
    shape: Shape,
    modules: Vec<Vec<u8>>,
}

impl Source {
    pub(super) fn new(context: &Context, mix: Mix, shape: Shape) -> Source {
        Source { mix, shape, modules: context.modules.clone() }
    }

    /// The same, which changes small modules only: a whole plugin takes as long as fifty of the others.
    pub(super) fn small(context: &Context, mix: Mix, shape: Shape) -> Source {
        let modules = context.modules.iter().filter(|module| module.len() <= SMALL_BYTES).cloned().collect();
        Source { mix, shape, modules }
    }

    /// A module, or what is none.
    pub(super) fn module(&self, random: &mut Random<'_>) -> Vec<u8> {
        let mut choice = random.below(100);
        let mut chosen = |part: u64| {
            let is = choice < part;
            choice = choice.wrapping_sub(part);
            is
        };
        if chosen(self.mix.grammar) {
            return grammar::module(random, self.shape);
        }
        if chosen(self.mix.near_miss) {
            return grammar::near_miss(random, self.shape);
        }
        if chosen(self.mix.smith) {
            return smith(random);
        }
        if chosen(self.mix.operators) {
            let base = self.base(random);
            return alter::changed(random, &base);
        }
        if chosen(self.mix.bytes) {
            let mut bytes = self.base(random);
            mutate(random, &mut bytes);
            return bytes;
        }
        let len = random.place(300);
        let mut bytes = if random.one_in(2) { b"\0asm\x01\0\0\0".to_vec() } else { Vec::new() };
        bytes.extend(random.bytes(len));
        bytes
    }

    /// A module to change.
    fn base(&self, random: &mut Random<'_>) -> Vec<u8> {
        match self.modules.len() {
            0 => grammar::module(random, self.shape),
            count => self.modules[random.place(count)].clone(),
        }
    }
}

/// A module of `wasm-smith`, with operators of the subset and a few helpers as its exports.
fn smith(random: &mut Random<'_>) -> Vec<u8> {
    let len = 200 + random.place(2000);
    let choices = random.bytes(len);
    let config = Config {
        exports: Some(exports(random)),
        allow_start_export: false,
        allowed_instructions: InstructionKinds::new(&[
            InstructionKind::NumericInt,
            InstructionKind::Parametric,
            InstructionKind::Variable,
            InstructionKind::Control,
            InstructionKind::MemoryInt,
        ]),
        allow_floats: false,
        bulk_memory_enabled: false,
        exceptions_enabled: false,
        gc_enabled: false,
        max_data_segments: 4,
        max_element_segments: 0,
        max_funcs: 8,
        max_globals: 4,
        max_imports: 0,
        max_instructions: 60,
        max_memory32_bytes: 1 << 18,
        max_tables: 0,
        memory64_enabled: false,
        memory_max_size_required: true,
        multi_value_enabled: false,
        reference_types_enabled: false,
        relaxed_simd_enabled: false,
        saturating_float_to_int_enabled: false,
        simd_enabled: false,
        tail_call_enabled: false,
        threads_enabled: false,
        extended_const_enabled: false,
        ..Config::default()
    };
    // What it cannot make anything of is a module without functions.
    let made = wasm_smith::Module::new(config, &mut Unstructured::new(&choices));
    made.map_or_else(|_| Module::new().finish(), |module| module.to_bytes())
}

/// A module whose exports are those that are wanted.
fn exports(random: &mut Random<'_>) -> Vec<u8> {
    let (mut types, mut functions) = (TypeSection::new(), FunctionSection::new());
    let (mut exports, mut code) = (ExportSection::new(), CodeSection::new());
    let word = |ty: &AbiType| if *ty == AbiType::I32 { ValType::I32 } else { ValType::I64 };
    let mut names: Vec<Helper> = (0..1 + random.below(3)).map(|_| random.pick(Helper::ALL)).collect();
    names.retain(|helper| !matches!(helper.signature(), Signature::Count | Signature::Address));
    names.sort();
    names.dedup();
    for (number, helper) in (0..).zip(names) {
        let signature = helper.signature();
        types.ty().function(signature.params().iter().map(word), [word(&signature.result())]);
        functions.function(number);
        exports.export(helper.name(), ExportKind::Func, number);
        let mut function = Function::new([]);
        function.instruction(&Instruction::Unreachable).instruction(&Instruction::End);
        code.function(&function);
    }
    let mut module = Module::new();
    module.section(&types).section(&functions).section(&exports).section(&code);
    module.finish()
}
