//! The integer subset of WebAssembly in which plugins are written.
//!
//! In: a module that is valid WebAssembly within the ceilings of [`super::scan`]. Out: what later stages need to know
//! of it, and every breach of the subset. One pass over the sections and operators, no recursion. Guaranteed: without
//! errors, every operator is integer WebAssembly 1.0 or sign extension, calls are direct, and instantiation cannot
//! trap. Not handled: anything that depends on values.

use std::collections::BTreeMap;
use std::fmt;

use ptwalk_abi::{Extern, Helper, MANIFEST_SECTION, Signature};
use wasmparser::{
    BlockType, CompositeInnerType, ConstExpr, CustomSectionReader, DataKind, DataSectionReader, ElementItems,
    ElementKind, ElementSectionReader, FuncType, GlobalSectionReader, MemoryType, Operator, Parser, Payload,
    TableSectionReader, TypeRef, ValType,
};

use super::manifest::Manifest;
use super::noise::Noise;
use super::{Sizes, exports, imports};
use crate::code::Code;
use crate::limits::{MEMORY_PAGES_MAX, TABLE_SLOTS_MAX};
use crate::op;
use crate::report::{Diagnostic, Errors, Warning};
use crate::text;

/// Bytes of a page of memory.
const PAGE_BYTES: u64 = 64 << 10;

/// Parameters and results of a function of the module.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct FuncSig {
    params: Vec<ValType>,
    results: Vec<ValType>,
}

impl From<&FuncType> for FuncSig {
    fn from(ty: &FuncType) -> FuncSig {
        FuncSig { params: ty.params().to_vec(), results: ty.results().to_vec() }
    }
}

impl FuncSig {
    /// Whether it is the signature of a helper.
    pub(super) fn is(&self, want: Signature) -> bool {
        let value = |ty: &ptwalk_abi::ValType| match ty {
            ptwalk_abi::ValType::I32 => ValType::I32,
            ptwalk_abi::ValType::I64 => ValType::I64,
        };
        self.params.iter().copied().eq(want.params().iter().map(value)) && self.results == [value(&want.result())]
    }

    /// Whether it is `() -> i32`.
    pub(super) fn is_count(&self) -> bool {
        self.is(Signature::Count)
    }

    /// Whether it is `() -> ()`.
    pub(super) fn is_empty(&self) -> bool {
        self.params.is_empty() && self.results.is_empty()
    }
}

impl fmt::Display for FuncSig {
    /// As WAT writes it: `(func (param i64 i32) (result i32))`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "(func")?;
        for (keyword, types) in [("param", &self.params), ("result", &self.results)] {
            if !types.is_empty() {
                write!(f, " ({keyword}")?;
                types.iter().try_for_each(|ty| write!(f, " {ty}"))?;
                write!(f, ")")?;
            }
        }
        write!(f, ")")
    }
}

/// The walk over a module, and what it found.
#[derive(Debug, Default)]
pub(super) struct Subset {
    pub(super) errors: Errors,
    pub(super) warnings: Vec<Warning>,
    pub(super) ignored: Vec<Noise>,
    pub(super) imports: Vec<Extern>,
    pub(super) exports: BTreeMap<Helper, u32>,
    pub(super) abi_version: Option<u32>,
    pub(super) manifest: Option<Manifest>,
    pub(super) sizes: Sizes,
    pub(super) function_names: BTreeMap<u32, String>,
    global_names: BTreeMap<u32, String>,
    types: Vec<Option<FuncSig>>,
    /// Type index of each function, imports first.
    functions: Vec<u32>,
    imported_functions: u32,
    bodies: u32,
    mutable_globals: Vec<bool>,
    memory: Option<MemoryType>,
    table_slots: Option<u64>,
    /// Start, end and offset in the module of each data segment.
    data: Vec<(u64, u64, usize)>,
}

/// Walks a module, with the names of its functions and globals.
pub(super) fn walk(bytes: &[u8], function_names: BTreeMap<u32, String>, global_names: BTreeMap<u32, String>) -> Subset {
    let mut subset = Subset { function_names, global_names, ..Subset::default() };
    subset.sizes.module_bytes = bytes.len();
    for payload in Parser::new(0).parse_all(bytes) {
        let visited = payload.and_then(|payload| subset.payload(&payload));
        if let Err(error) = visited {
            // The module was validated before, so that this is not expected; accepting it would be worse.
            let message = format!("not readable a second time: {}", error.message());
            let error = Diagnostic::new(Code::S100, message, "the parser contradicts itself").at(error.offset());
            subset.errors.push(error);
            break;
        }
    }
    subset.overlaps();
    subset
}

impl Subset {
    /// Type of a function by its index.
    pub(super) fn function_sig(&self, index: u32) -> Option<&FuncSig> {
        let ty = self.functions.get(index as usize)?;
        self.types.get(*ty as usize)?.as_ref()
    }

    /// Whether a global can change.
    pub(super) fn is_mutable(&self, index: u32) -> bool {
        self.mutable_globals.get(index as usize).copied().unwrap_or(true)
    }

    fn payload(&mut self, payload: &Payload<'_>) -> wasmparser::Result<()> {
        match payload {
            Payload::TypeSection(section) => {
                for group in section.clone() {
                    for ty in group?.types() {
                        self.types.push(match &ty.composite_type.inner {
                            CompositeInnerType::Func(ty) => Some(ty.into()),
                            _ => None,
                        });
                    }
                }
            }
            Payload::ImportSection(section) => {
                for import in section.clone().into_imports_with_offsets() {
                    let (offset, import) = import?;
                    self.import(offset, &import);
                }
            }
            Payload::FunctionSection(section) => {
                for ty in section.clone() {
                    self.functions.push(ty?);
                    self.sizes.functions += 1;
                }
            }
            Payload::TableSection(section) => self.tables(section)?,
            Payload::MemorySection(section) => {
                for memory in section.clone().into_iter_with_offsets() {
                    let (offset, memory) = memory?;
                    self.memory(offset, memory);
                }
            }
            Payload::TagSection(section) => {
                self.errors.push(beyond("exception tag: outside the integer subset".into()).at(section.range().start));
            }
            Payload::GlobalSection(section) => self.globals(section)?,
            Payload::ExportSection(section) => {
                let exports: Vec<_> = section.clone().into_iter_with_offsets().collect::<Result<_, _>>()?;
                exports::judge(self, &exports);
            }
            Payload::StartSection { func, range } => self.start(*func, range.start),
            Payload::ElementSection(section) => self.elements(section)?,
            Payload::CodeSectionStart { size, .. } => self.sizes.code_bytes = *size as usize,
            Payload::CodeSectionEntry(body) => {
                let function = self.imported_functions.saturating_add(self.bodies);
                self.bodies = self.bodies.saturating_add(1);
                self.body(function, body)?;
            }
            Payload::DataSection(section) => self.data(section)?,
            Payload::CustomSection(section) => self.custom(section),
            _ => {}
        }
        Ok(())
    }

    fn import(&mut self, offset: usize, import: &wasmparser::Import<'_>) {
        let sig = match import.ty {
            TypeRef::Func(ty) | TypeRef::FuncExact(ty) => {
                self.functions.push(ty);
                self.imported_functions += 1;
                self.types.get(ty as usize).and_then(Option::as_ref)
            }
            _ => None,
        };
        let judged = imports::judge(import, offset, sig);
        match import.ty {
            // The index spaces count imports first; each of these is refused below.
            TypeRef::Global(ty) => self.mutable_globals.push(ty.mutable),
            TypeRef::Memory(ty) => self.memory = Some(ty),
            TypeRef::Table(ty) => self.table_slots = Some(ty.initial),
            _ => {}
        }
        match judged {
            Ok(found) => self.imports.push(found),
            Err(error) => self.errors.push(*error),
        }
    }

    fn tables(&mut self, section: &TableSectionReader<'_>) -> wasmparser::Result<()> {
        for table in section.clone().into_iter_with_offsets() {
            let (offset, table) = table?;
            let slots = table.ty.initial;
            if self.table_slots.replace(slots).is_some() {
                self.errors.push(beyond("second table: outside the integer subset".into()).at(offset));
            } else if slots > TABLE_SLOTS_MAX {
                let message = format!("table of {slots} slots: the ceiling is {TABLE_SLOTS_MAX}");
                let reason = "the sandbox engine allocates every slot, and nothing may call through them";
                let error = Diagnostic::new(Code::L905, message, reason).at(offset);
                self.errors.push(error.suggest("call functions directly, so that no table is needed"));
            } else {
                self.ignored.push(Noise::Table { slots });
            }
        }
        Ok(())
    }

    fn memory(&mut self, offset: usize, memory: MemoryType) {
        let second = self.memory.replace(memory).is_some();
        let kind = match memory {
            _ if second => Some("second memory"),
            MemoryType { memory64: true, .. } => Some("64-bit memory"),
            MemoryType { shared: true, .. } => Some("shared memory"),
            MemoryType { page_size_log2: Some(_), .. } => Some("memory with pages of its own size"),
            _ => None,
        };
        if let Some(kind) = kind {
            self.errors.push(beyond(format!("{kind}: outside the integer subset")).at(offset));
        } else if memory.initial > MEMORY_PAGES_MAX {
            let pages = memory.initial;
            let message = format!("memory of {pages} pages (64 KiB each): the ceiling is {MEMORY_PAGES_MAX}");
            let reason = "helpers need a stack and a few tables; the sandbox engine allocates what is declared";
            let error = Diagnostic::new(Code::S151, message, reason).at(offset);
            self.errors
                .push(error.suggest("link with a smaller stack (-z stack-size=65536), without --initial-memory"));
        }
        self.sizes.memory_pages = memory.initial;
    }

    fn globals(&mut self, section: &GlobalSectionReader<'_>) -> wasmparser::Result<()> {
        for global in section.clone() {
            let mutable = global?.ty.mutable;
            // At most GLOBALS_MAX by the ceilings.
            let index = u32::try_from(self.mutable_globals.len()).unwrap_or(u32::MAX);
            self.mutable_globals.push(mutable);
            if mutable {
                self.ignored.push(Noise::MutableGlobal { index, name: self.global_names.get(&index).cloned() });
            }
        }
        Ok(())
    }

    fn start(&mut self, function: u32, offset: usize) {
        let name = self.function_names.get(&function).map_or(String::new(), |name| format!(" `{name}`"));
        let message = format!("start function: function {function}{name} would run at instantiation");
        let reason = "what it did to memory would be the state that every helper starts from, and it would run before \
                      anything is proved";
        self.errors.push(Diagnostic::new(Code::S130, message, reason).at(offset).in_function(function).suggest(
            "remove it: make constants static data, avoid static constructors (C++, Rust), link with --no-entry",
        ));
    }

    fn elements(&mut self, section: &ElementSectionReader<'_>) -> wasmparser::Result<()> {
        for element in section.clone().into_iter_with_offsets() {
            let (offset, element) = element?;
            let functions = match &element.items {
                ElementItems::Functions(items) => items.count(),
                ElementItems::Expressions(_, items) => items.count(),
            };
            let ElementKind::Active { offset_expr, .. } = &element.kind else { continue };
            let Some(start) = constant(offset_expr)? else { continue };
            let slots = self.table_slots.unwrap_or(0);
            if start.saturating_add(u64::from(functions)) > slots {
                let message = format!(
                    "element segment of {} at slot {start}: the table has {}",
                    text::count(functions, "function"),
                    text::count(slots, "slot")
                );
                self.errors.push(would_trap(&message).at(offset));
            } else {
                self.ignored.push(Noise::Elements { functions });
            }
        }
        Ok(())
    }

    fn data(&mut self, section: &DataSectionReader<'_>) -> wasmparser::Result<()> {
        for data in section.clone().into_iter_with_offsets() {
            let (offset, data) = data?;
            self.sizes.data_bytes += data.data.len();
            let DataKind::Active { offset_expr, .. } = &data.kind else { continue };
            let Some(start) = constant(offset_expr)? else { continue };
            let end = start.saturating_add(data.data.len() as u64);
            let memory_bytes = self.memory.map_or(0, |memory| memory.initial.saturating_mul(PAGE_BYTES));
            if end > memory_bytes {
                let len = text::count(data.data.len() as u64, "byte");
                let message = format!("data segment of {len} at {start:#x}: the memory has {memory_bytes:#x} bytes");
                self.errors.push(would_trap(&message).at(offset));
            } else {
                self.data.push((start, end, offset));
            }
        }
        Ok(())
    }

    /// Warns of data segments that overwrite each other: the last one wins, which is easily missed.
    fn overlaps(&mut self) {
        self.data.retain(|&(start, end, _)| start < end);
        self.data.sort_unstable();
        let mut reached: u64 = 0;
        for &(start, end, offset) in &self.data {
            if start < reached {
                let message = format!("data segment at {start:#x} overlaps another; the last one in the file wins");
                self.warnings.push(Warning::new(message).at(offset));
            }
            reached = reached.max(end);
        }
    }

    fn custom(&mut self, section: &CustomSectionReader<'_>) {
        match section.name() {
            "name" => {}
            MANIFEST_SECTION if self.manifest.is_none() => {
                self.manifest = Some(Manifest::read(section.data(), &mut self.warnings));
            }
            MANIFEST_SECTION => {
                let warning = Warning::new("second manifest, which is ignored").at(section.range().start);
                self.warnings.push(warning);
            }
            name => {
                let (name, bytes) = (text::name(name), section.data().len());
                self.ignored.push(Noise::CustomSection { name, bytes });
            }
        }
    }

    /// Judges the operators of one function; of each code the first is reported.
    fn body(&mut self, function: u32, body: &wasmparser::FunctionBody<'_>) -> wasmparser::Result<()> {
        let mut seen = Vec::new();
        let mut ops = body.get_operators_reader()?;
        while !ops.eof() {
            let (op, offset) = ops.read_with_offset()?;
            let Some(code) = breach(&op) else { continue };
            if !seen.contains(&code) {
                seen.push(code);
                self.errors.push(refused(code, &op).at(offset).in_function(function));
            }
        }
        Ok(())
    }
}

/// The rule that an operator breaks.
fn breach(op: &Operator<'_>) -> Option<Code> {
    let integer = matches!(op::proposal(op), "mvp" | "sign_extension");
    match op {
        Operator::CallIndirect { .. } => Some(Code::S131),
        Operator::MemoryGrow { .. } => Some(Code::P601),
        _ if op::is_float(op) => Some(Code::S140),
        Operator::Block { blockty } | Operator::Loop { blockty } | Operator::If { blockty } => {
            matches!(blockty, BlockType::FuncType(_)).then_some(Code::S141)
        }
        _ => (!integer).then_some(Code::S141),
    }
}

fn refused(code: Code, op: &Operator<'_>) -> Diagnostic {
    let text = op::text(op);
    let diagnostic = match code {
        Code::S131 => Diagnostic::new(
            code,
            format!("{text}: a call through a table"),
            "which function runs would depend on data, so that neither a bound nor a closed form could be given",
        )
        .suggest("call functions directly, with match or switch; in Rust avoid dyn, fn pointers and core::fmt"),
        Code::P601 => Diagnostic::new(
            code,
            format!("{text}: the memory would outlive the call with another size"),
            "a helper is a pure function of its arguments; a second call would see what the first one did",
        )
        .suggest("do not allocate: no alloc (Rust), no malloc (C)"),
        Code::S140 => float(&text),
        _ => beyond(format!("{text}: outside the integer subset")),
    };
    diagnostic.op(text)
}

/// Use of a float.
pub(super) fn float(what: &str) -> Diagnostic {
    Diagnostic::new(
        Code::S140,
        format!("{what}: floats are outside the subset"),
        "a page-table entry is an integer, and a float's result may differ between engines (NaN bits)",
    )
    .suggest("use i32 and i64 only; look for f32, f64, powi, or a library that formats numbers")
}

/// Use of something valid that the subset leaves out.
pub(super) fn beyond(message: String) -> Diagnostic {
    let reason = "plugins are integer WebAssembly 1.0 with sign extension; nothing else is lifted or proved";
    Diagnostic::new(Code::S141, message, reason)
        .suggest("compile for the baseline: -C target-cpu=mvp (Rust) or -mcpu=mvp (clang)")
}

fn would_trap(message: &str) -> Diagnostic {
    Diagnostic::new(Code::S150, message, "instantiation would trap, so that no helper could ever be called")
        .suggest("declare enough of it, or correct the offset; linkers do not emit this")
}

/// Value of an expression that is one `i32.const`, read without sign as addresses and slots are.
fn constant(expr: &ConstExpr<'_>) -> wasmparser::Result<Option<u64>> {
    let mut ops = expr.get_operators_reader();
    match (ops.read()?, ops.read()?) {
        (Operator::I32Const { value }, Operator::End) => Ok(Some(u64::from(value.cast_unsigned()))),
        _ => Ok(None),
    }
}
