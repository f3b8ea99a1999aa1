//! A grammar of helper-like modules.
//!
//! In: choices and a [`Shape`]. Out: a valid module of the integer subset: some inner functions, exports with the names and
//! signatures of helpers, data, a stack, values of the configuration. Guaranteed: equal choices give the same module; it is
//! small. What a plugin must not do is kept from happening by guards, some of which are left out ([`Guards`]), so that
//! about half of the modules are acceptable and the others nearly so. Not handled: everything that compilers write.

mod control;
mod truths;
mod words;

use std::borrow::Cow;

use ptwalk_abi::{Extern, Helper, KCONFIG_MODULE, Level, Op, Signature, ValType as AbiType};
use wasm_encoder::{
    BlockType, CodeSection, ConstExpr, DataSection, EntityType, ExportKind, ExportSection, Function, FunctionSection,
    GlobalSection, GlobalType, ImportSection, Instruction, MemorySection, MemoryType, Module, TypeSection, ValType,
};

use super::random::Random;
use words::Writer;

/// Where data begins.
const DATA: u64 = 1024;
/// Where the stack begins, downwards.
const STACK: i32 = 8192;
/// Bytes of a frame of the shadow stack: four words.
const FRAME: i32 = 32;

/// Which guards a module has.
#[derive(Clone, Copy, Debug)]
pub enum Guards {
    /// All of them.
    All,
    /// All but one in this many, by chance.
    Careless(u64),
    /// All but the one of this number.
    AllBut(u64),
}

/// What kind of module is wanted.
#[derive(Clone, Copy, Debug)]
pub struct Shape {
    /// Helpers that it exports.
    pub exports: usize,
    /// What keeps bad things from happening.
    pub guards: Guards,
    /// Everything depends on ten bits of the arguments, so that all that it can do can be tried.
    pub narrow: bool,
    /// How large it may be.
    pub size: Size,
}

/// How large a module may be.
#[derive(Clone, Copy, Debug)]
pub struct Size {
    /// Inner functions, at most one less.
    inner: u64,
    /// Statements of an export, at most.
    statements: u64,
    /// Instructions of a function after which its expressions are leaves.
    instructions: usize,
}

impl Size {
    /// As large as a helper ever is.
    pub const LARGE: Size = Size { inner: 4, statements: 4, instructions: 160 };
    /// What can be judged thousands of times a second.
    pub const SMALL: Size = Size { inner: 2, statements: 2, instructions: 16 };
}

impl Shape {
    /// One helper, about half of which are acceptable.
    pub const ONE: Shape = Shape { exports: 1, guards: Guards::Careless(4), narrow: false, size: Size::LARGE };
    /// Some helpers, to make one compilation worth its time. None has a closed form if one has none, so that they are more
    /// careful.
    pub const SOME: Shape = Shape { exports: 6, guards: Guards::Careless(24), narrow: false, size: Size::LARGE };
    /// One helper of which every input is tried.
    pub const NARROW: Shape = Shape { exports: 1, guards: Guards::Careless(4), narrow: true, size: Size::LARGE };

    /// The same, small.
    pub const fn small(self) -> Shape {
        Shape { size: Size::SMALL, ..self }
    }

    /// The same with all guards.
    pub const fn careful(self) -> Shape {
        Shape { guards: Guards::All, ..self }
    }
}

/// Bits of the arguments on which a narrow module depends: eight of the first, two of the second.
pub const NARROW_BITS: [u32; 2] = [8, 2];

/// What is the same for all functions of a module.
#[derive(Clone, Debug)]
struct Setting {
    data: Vec<u8>,
    /// Data far from the other, so that one load can reach two pieces.
    more: Option<Vec<u8>>,
    imports: Vec<Extern>,
    /// Parameters of each inner function; all return an i64.
    inner: Vec<Vec<ValType>>,
    size: Size,
}

/// Where the other data begins.
const MORE_DATA: u64 = 2048;

/// Where the piece is that keeps the stack away.
const FENCE: u64 = 4096;

/// A module.
pub fn module(random: &mut Random<'_>, shape: Shape) -> Vec<u8> {
    written(random, shape).0
}

/// A module that lacks one of the guards of one that has them all.
pub fn near_miss(random: &mut Random<'_>, shape: Shape) -> Vec<u8> {
    let (_, guards) = written(&mut random.clone(), shape.careful());
    let without = random.clone().below(guards.max(1));
    module(random, Shape { guards: Guards::AllBut(without), ..shape })
}

/// A module that traps for one input, behind two multiplications of words that both depend on it, which no prover undoes
/// within its budget. The input is among its constants, so that whoever tries those contradicts a claim that it is safe.
pub fn hidden_trap(random: &mut Random<'_>) -> Vec<u8> {
    let (input, salts) = (random.word(), [random.word(), random.word()]);
    let mixed = |word: u64| {
        let once = word.wrapping_mul(word ^ salts[0]);
        once.wrapping_mul(once.rotate_left(29) ^ salts[1])
    };
    let constant = |word: u64| Instruction::I64Const(word.cast_signed());
    let mut code = vec![constant(input), Instruction::Drop];
    for (salt, turned) in salts.into_iter().zip([0, 29]) {
        code.extend([Instruction::LocalGet(0), Instruction::LocalGet(0), constant(turned), Instruction::I64Rotl]);
        code.extend([constant(salt), Instruction::I64Xor, Instruction::I64Mul, Instruction::LocalSet(0)]);
    }
    code.extend([
        Instruction::LocalGet(0),
        constant(mixed(input)),
        Instruction::I64Eq,
        Instruction::If(BlockType::Empty),
    ]);
    code.extend([Instruction::Unreachable, Instruction::End, Instruction::LocalGet(0)]);
    let params = vec![ValType::I64];
    let setting = Setting { data: Vec::new(), more: None, imports: Vec::new(), inner: Vec::new(), size: Size::SMALL };
    let name = [Helper::find(Level::Pte, Op::Pfn)].into_iter().flatten().collect::<Vec<_>>();
    assemble(&setting, &[(params, ValType::I64, function(&[], &code))], &name)
}

/// A module, and how many guards there were to write.
fn written(random: &mut Random<'_>, shape: Shape) -> (Vec<u8>, u64) {
    let setting = setting(random, shape.size);
    let mut guards = 0;
    let mut functions: Vec<(Vec<ValType>, ValType, Function)> = Vec::new();
    for at in 0..setting.inner.len() {
        let writer = Writer::new(random, &setting, at, (shape.guards, &mut guards), &setting.inner[at]);
        functions.push((setting.inner[at].clone(), ValType::I64, writer.inner()));
    }
    let mut names = Vec::new();
    for _ in 0..shape.exports {
        let helper = Helper::ALL[random.place(Helper::ALL.len())];
        // What takes no argument has one value; it is there now and then.
        let is_constant = matches!(helper.signature(), Signature::Count | Signature::Address);
        if names.contains(&helper) || is_constant && !random.one_in(8) {
            continue;
        }
        names.push(helper);
        let params: Vec<ValType> = helper.signature().params().iter().map(|ty| word_type(*ty)).collect();
        let writer = Writer::new(random, &setting, setting.inner.len(), (shape.guards, &mut guards), &params);
        let function = writer.export(helper.signature(), shape.narrow);
        functions.push((params, word_type(helper.signature().result()), function));
    }
    (assemble(&setting, &functions, &names), guards)
}

const fn word_type(ty: AbiType) -> ValType {
    match ty {
        AbiType::I32 => ValType::I32,
        AbiType::I64 => ValType::I64,
    }
}

fn setting(random: &mut Random<'_>, size: Size) -> Setting {
    let len = 8 * (8 + random.place(25));
    let imports = (0..random.below(3)).map(|_| random.pick(Extern::ALL)).collect();
    let inner = (0..random.below(size.inner)).map(|_| {
        let params = [&[ValType::I64][..], &[ValType::I64, ValType::I64], &[ValType::I64, ValType::I32]];
        random.pick(&params).to_vec()
    });
    let inner = inner.collect();
    Setting { data: random.bytes(len), more: random.one_in(3).then(|| random.bytes(64)), imports, inner, size }
}

fn assemble(setting: &Setting, functions: &[(Vec<ValType>, ValType, Function)], names: &[Helper]) -> Vec<u8> {
    let (mut types, mut imports, mut declared) = (TypeSection::new(), ImportSection::new(), FunctionSection::new());
    let (mut exports, mut code) = (ExportSection::new(), CodeSection::new());
    types.ty().function([], [ValType::I32]);
    for key in &setting.imports {
        imports.import(KCONFIG_MODULE, key.name(), EntityType::Function(0));
    }
    for (number, (params, result, function)) in (1..).zip(functions) {
        types.ty().function(params.iter().copied(), [*result]);
        declared.function(number);
        code.function(function);
    }
    let first = setting.imports.len() + setting.inner.len();
    for (number, helper) in (first..).zip(names) {
        exports.export(helper.name(), ExportKind::Func, u32::try_from(number).unwrap_or(u32::MAX));
    }
    let (mut memories, mut globals, mut data) = (MemorySection::new(), GlobalSection::new(), DataSection::new());
    memories.memory(MemoryType { minimum: 1, maximum: Some(1), memory64: false, shared: false, page_size_log2: None });
    let pointer = GlobalType { val_type: ValType::I32, mutable: true, shared: false };
    globals.global(pointer, &ConstExpr::i32_const(STACK));
    globals.global(GlobalType { val_type: ValType::I64, ..pointer }, &ConstExpr::i64_const(0x5a));
    // The last piece keeps the stack away from the one before, so that what lies behind that is nothing.
    let fence = setting.more.as_ref().map(|_| vec![0xfe; 8]);
    let pieces = [(DATA, Some(&setting.data)), (MORE_DATA, setting.more.as_ref()), (FENCE, fence.as_ref())];
    for (at, bytes) in pieces {
        if let Some(bytes) = bytes {
            let at = i32::try_from(at).unwrap_or(i32::MAX);
            data.active(0, &ConstExpr::i32_const(at), bytes.iter().copied());
        }
    }
    let mut module = Module::new();
    module.section(&types);
    if !setting.imports.is_empty() {
        module.section(&imports);
    }
    module.section(&declared).section(&memories).section(&globals).section(&exports).section(&code).section(&data);
    module.finish()
}

/// A function of instructions.
fn function(locals: &[(u32, ValType)], code: &[Instruction<'static>]) -> Function {
    let mut function = Function::new(locals.iter().copied());
    for instruction in code {
        function.instruction(instruction);
    }
    function.instruction(&Instruction::End);
    function
}

/// Targets of a `br_table`.
fn targets(list: &'static [u32]) -> Cow<'static, [u32]> {
    Cow::Borrowed(list)
}

#[cfg(test)]
mod tests {
    use ptwalk_verifier::validate::ValidPlugin;

    use super::*;

    #[test]
    fn every_module_is_within_the_subset_and_choices_repeat_it() {
        let shapes = [Shape::ONE, Shape::SOME, Shape::NARROW];
        for (seed, shape) in (0..2000).zip(shapes.into_iter().cycle()) {
            let bytes = module(&mut Random::new(seed), shape);
            assert_eq!(bytes, module(&mut Random::new(seed), shape));
            if let Err(rejection) = ValidPlugin::validate(&bytes) {
                panic!("seed {seed}: {rejection}");
            }
        }
    }

    #[test]
    fn any_bytes_are_choices() {
        for len in 0..300 {
            let choices = Random::new(len).bytes(usize::try_from(len).expect("short"));
            let bytes = module(&mut Random::from_bytes(&choices), Shape::SOME);
            assert!(ValidPlugin::validate(&bytes).is_ok(), "{len} choices");
        }
    }
}
