//! A validated plugin, specialised: its configuration frozen in, and one loop over whole tables added a query.
//!
//! In: a [`ValidPlugin`], a [`Config`] and queries. Out: the bytes of a WASM module that imports nothing. Each kconfig
//! import becomes a function of the module that returns the frozen value; because imported functions come first in
//! the index space, replacing all of them changes no function's index, and the plugin's own code is carried over byte
//! for byte, but for functions that nobody will call: `unreachable` stands in for these, and they are not exported, since
//! Cranelift would compile each of them and its way in. A second memory and, for each query, one exported loop and one function of a
//! single entry are appended, so that a whole table is answered in one crossing into WASM. The plugin cannot reach that memory: its code names memory 0 only, by validation.

use std::ops::Range;

use ptwalk_abi::{Config, Helper, Kconfig, MmuPerms, Op, Stub};
use ptwalk_verifier::validate::ValidPlugin;
use wasm_encoder::reencode::{Reencode, RoundtripReencoder, utils};
use wasm_encoder::{
    BlockType, CodeSection, ExportKind, ExportSection, Function, FunctionSection, InstructionSink, MemArg,
    MemorySection, MemoryType, Module, RawSection, SectionId, TypeSection, ValType,
};
use wasmparser::{Parser, Payload};

use super::query::{FactKind, Query, Scan};
use super::{Condition, EngineError, Facts};

/// Name under which the memory that holds entries and records is exported.
pub(super) const BUFFER: &str = "ptwalk.buffer";

/// Bytes that the buffer has for an entry: itself, and its packed word.
const BYTES_PER_ENTRY: usize = 16;

/// Name of the exported loop for the query of `depth`.
pub(super) fn scan_export(depth: usize) -> String {
    format!("ptwalk.scan.{depth}")
}

/// Name of the exported function that tells of one entry by the query of `depth`.
pub(super) fn record_export(depth: usize) -> String {
    format!("ptwalk.record.{depth}")
}

/// A specialised module.
pub(super) struct Specialised {
    /// The module's bytes.
    pub wasm: Vec<u8>,
    /// Where each function body that was kept lies: in the plugin's file, and in `wasm`.
    pub bodies: Vec<(Range<usize>, usize)>,
}

impl Specialised {
    /// The offset in the plugin's file of the code at `offset` of the specialised module; `None` for code that
    /// specialisation added.
    pub fn plugin_offset(&self, offset: usize) -> Option<u64> {
        let found = self.bodies.iter().find(|(original, start)| (*start..*start + original.len()).contains(&offset));
        found.map(|(original, start)| (original.start + (offset - start)) as u64)
    }
}

/// Specialises a plugin.
///
/// `kept` says which functions, by index, will be called; `capacity` is the most entries that one crossing will hold.
/// Costs one pass over the module.
///
/// # Errors
/// [`EngineError::Build`] where the module cannot be encoded, which validation rules out.
pub(super) fn specialise(
    plugin: &ValidPlugin,
    config: &Config,
    queries: &[Query],
    kept: &[bool],
    capacity: usize,
) -> Result<Specialised, EngineError> {
    let mut sections = Sections::default();
    for payload in Parser::new(0).parse_all(plugin.bytes()) {
        sections.read(payload.map_err(build_error)?, plugin.bytes())?;
    }
    let wasm = sections.finish(plugin, config, queries, kept, capacity);
    let mut starts = Vec::new();
    for payload in Parser::new(0).parse_all(&wasm) {
        if let Payload::CodeSectionEntry(body) = payload.map_err(build_error)? {
            starts.push(body.range().start);
        }
    }
    let added = plugin.imports().len();
    let bodies = sections.bodies.iter().cloned().zip(starts.into_iter().skip(added));
    let bodies = bodies.zip(kept.iter().skip(added)).filter(|(_, kept)| **kept).map(|(body, _)| body).collect();
    Ok(Specialised { wasm, bodies })
}

fn build_error(error: impl std::fmt::Display) -> EngineError {
    EngineError::Build { stage: "specialise", what: error.to_string() }
}

/// The plugin's sections, those that change decoded and the others as bytes.
#[derive(Default)]
struct Sections<'a> {
    types: TypeSection,
    import_types: Vec<u32>,
    function_types: Vec<u32>,
    memories: MemorySection,
    bodies: Vec<Range<usize>>,
    code: Vec<&'a [u8]>,
    raw: Vec<(u8, &'a [u8])>,
}

impl<'a> Sections<'a> {
    fn read(&mut self, payload: Payload<'a>, bytes: &'a [u8]) -> Result<(), EngineError> {
        let reencoder = &mut RoundtripReencoder;
        match payload {
            Payload::TypeSection(section) => {
                utils::parse_type_section(reencoder, &mut self.types, section).map_err(build_error)?;
            }
            Payload::ImportSection(section) => {
                for import in section.into_imports() {
                    let ty = import.map_err(build_error)?.ty;
                    if let wasmparser::TypeRef::Func(ty) | wasmparser::TypeRef::FuncExact(ty) = ty {
                        self.import_types.push(ty);
                    }
                }
            }
            Payload::FunctionSection(section) => {
                for ty in section {
                    self.function_types.push(ty.map_err(build_error)?);
                }
            }
            Payload::MemorySection(section) => {
                for memory in section {
                    let memory = memory.map_err(build_error)?;
                    self.memories.memory(reencoder.memory_type(memory).map_err(build_error)?);
                }
            }
            Payload::CodeSectionEntry(body) => {
                self.code.push(body.as_bytes());
                self.bodies.push(body.range());
            }
            Payload::TableSection(section) => self.raw(SectionId::Table, section.range(), bytes),
            Payload::GlobalSection(section) => self.raw(SectionId::Global, section.range(), bytes),
            Payload::ElementSection(section) => self.raw(SectionId::Element, section.range(), bytes),
            Payload::DataCountSection { range, .. } => self.raw(SectionId::DataCount, range, bytes),
            Payload::DataSection(section) => self.raw(SectionId::Data, section.range(), bytes),
            _ => {}
        }
        Ok(())
    }

    fn raw(&mut self, id: SectionId, range: Range<usize>, bytes: &'a [u8]) {
        self.raw.push((id.into(), bytes.get(range).unwrap_or_default()));
    }

    fn finish(
        &mut self,
        plugin: &ValidPlugin,
        config: &Config,
        queries: &[Query],
        kept: &[bool],
        capacity: usize,
    ) -> Vec<u8> {
        let scan_type = self.types.len();
        self.types.ty().function([ValType::I32, ValType::I32], [ValType::I32]);
        let record_type = self.types.len();
        self.types.ty().function([ValType::I64], [ValType::I32, ValType::I64]);

        let mut functions = FunctionSection::new();
        let mut code = CodeSection::new();
        for (extern_, ty) in plugin.imports().iter().zip(&self.import_types) {
            functions.function(*ty);
            let mut body = Function::new([]);
            body.instructions().i32_const(config.get(*extern_)).end();
            code.function(&body);
        }
        for ((ty, body), kept) in self.function_types.iter().zip(&self.code).zip(kept.iter().skip(code.len() as usize))
        {
            functions.function(*ty);
            if *kept {
                code.raw(body);
            } else {
                let mut body = Function::new([]);
                body.instructions().unreachable().end();
                code.function(&body);
            }
        }

        let buffer = self.memories.len();
        let bytes = capacity * BYTES_PER_ENTRY;
        self.memories.memory(MemoryType {
            minimum: bytes.div_ceil(1 << 16) as u64,
            maximum: Some(bytes.div_ceil(1 << 16) as u64),
            memory64: false,
            shared: false,
            page_size_log2: None,
        });
        let mut exports = ExportSection::new();
        let is_kept = |function: u32| kept.get(function as usize) == Some(&true);
        for (helper, function) in plugin.exports().iter().filter(|(_, function)| is_kept(**function)) {
            exports.export(helper.name(), ExportKind::Func, *function);
        }
        exports.export(BUFFER, ExportKind::Memory, buffer);
        let words = i32::try_from(capacity * 8).unwrap_or(i32::MAX);
        for (depth, query) in queries.iter().enumerate() {
            exports.export(&scan_export(depth), ExportKind::Func, functions.len());
            functions.function(scan_type);
            let scan = QueryCode { plugin, query, entry: ENTRY, facts: FACTS };
            code.function(&ScanCode { code: scan, scan: &query.scan, buffer, words }.encode());
            exports.export(&record_export(depth), ExportKind::Func, functions.len());
            functions.function(record_type);
            code.function(&QueryCode { plugin, query, entry: 0, facts: 1 }.record());
        }
        self.assemble(&functions, &exports, &code)
    }

    fn assemble(&self, functions: &FunctionSection, exports: &ExportSection, code: &CodeSection) -> Vec<u8> {
        let mut module = Module::new();
        let carried = |module: &mut Module, id: SectionId| {
            for (raw_id, data) in self.raw.iter().filter(|(raw_id, _)| *raw_id == u8::from(id)) {
                module.section(&RawSection { id: *raw_id, data });
            }
        };
        module.section(&self.types).section(functions);
        carried(&mut module, SectionId::Table);
        module.section(&self.memories);
        carried(&mut module, SectionId::Global);
        module.section(exports);
        carried(&mut module, SectionId::Element);
        carried(&mut module, SectionId::DataCount);
        module.section(code);
        carried(&mut module, SectionId::Data);
        module.finish()
    }
}

/// What the code of one query shares: how its helpers are called and its facts are put together.
struct QueryCode<'a> {
    plugin: &'a ValidPlugin,
    query: &'a Query,
    /// The local that holds the entry.
    entry: u32,
    /// The local that gathers the facts.
    facts: u32,
}

impl QueryCode<'_> {
    /// Leaves the entry's facts of `wanted` in their local: what [`Query::evaluate`] says, as code.
    fn gather(&self, sink: &mut InstructionSink<'_>, wanted: Facts) {
        sink.i32_const(0);
        let sources = self.query.facts.iter().filter(|source| source.fact.possible().any(wanted));
        for source in sources.filter(|source| self.has(source.helper)) {
            self.call(sink, source.helper, source.arg);
            match source.fact {
                FactKind::Bit(bit) => {
                    sink.i32_const(0).i32_ne().i32_const(bit.0.trailing_zeros().cast_signed()).i32_shl();
                }
                FactKind::Perms => {
                    sink.i32_const(MmuPerms::ALL.bits().cast_signed()).i32_and();
                    sink.i32_const(FactKind::Perms.possible().0.trailing_zeros().cast_signed()).i32_shl();
                }
            }
            sink.i32_or();
        }
        sink.local_set(self.facts);
    }

    /// Pushes whether `condition` holds of the facts in their local.
    fn holds(&self, sink: &mut InstructionSink<'_>, condition: &Condition) {
        match condition {
            Condition::Always => {
                sink.i32_const(1);
            }
            Condition::Never => {
                sink.i32_const(0);
            }
            Condition::Any(any) => {
                sink.local_get(self.facts).i32_const(any.0.cast_signed()).i32_and().i32_const(0).i32_ne();
            }
            Condition::Not(inner) => {
                self.holds(sink, inner);
                sink.i32_eqz();
            }
            Condition::And(a, b) => {
                self.holds(sink, a);
                self.holds(sink, b);
                sink.i32_and();
            }
            Condition::Or(a, b) => {
                self.holds(sink, a);
                self.holds(sink, b);
                sink.i32_or();
            }
        }
    }

    /// The function `(entry: i64) -> (facts: i32, target: i64)`.
    fn record(&self) -> Function {
        let mut function = Function::new([(1, ValType::I32)]);
        let mut sink = function.instructions();
        if let Some(none) = self.query.skip_none {
            self.call(&mut sink, none, 0);
            sink.if_(BlockType::Empty);
            sink.i32_const(Facts::NONE.0.cast_signed()).i64_const(0).return_().end();
        }
        self.gather(&mut sink, Facts(u32::MAX));
        sink.local_get(self.facts);
        for (when, reader) in &self.query.targets {
            let mask = when.0.cast_signed();
            sink.local_get(self.facts).i32_const(mask).i32_and().i32_const(mask).i32_eq();
            sink.if_(BlockType::Result(ValType::I64));
            if self.has(*reader) {
                self.call(&mut sink, *reader, 0);
            } else {
                sink.i64_const(0);
            }
            sink.else_();
        }
        sink.i64_const(0);
        for _ in &self.query.targets {
            sink.end();
        }
        sink.end();
        function
    }

    fn has(&self, helper: Helper) -> bool {
        self.plugin.has(helper) || !matches!(helper.stub(), Stub::Undefined | Stub::Required)
    }

    /// Pushes a helper's result for the entry: the export's, or the generic stub's.
    fn call(&self, sink: &mut InstructionSink<'_>, helper: Helper, arg: u64) {
        if let Some(function) = self.plugin.exports().get(&helper) {
            sink.local_get(self.entry);
            if helper.signature().params().len() == 2 {
                sink.i32_const(i32::from(arg != 0));
            }
            sink.call(*function);
            return;
        }
        match helper.stub() {
            Stub::One => sink.i32_const(1),
            Stub::Identity => sink.local_get(self.entry),
            Stub::PresentAndWrite => {
                self.call_or_zero(sink, helper, Op::Present);
                if arg != 0 {
                    self.call_or_zero(sink, helper, Op::Write);
                    sink.i32_and();
                }
                sink
            }
            Stub::Required | Stub::Undefined | Stub::Zero | Stub::Equal => sink.i32_const(0),
        };
    }

    fn call_or_zero(&self, sink: &mut InstructionSink<'_>, of: Helper, op: Op) {
        match Helper::find(of.level(), op).filter(|helper| self.has(*helper)) {
            Some(helper) => {
                self.call(sink, helper, 0);
                sink.i32_const(0).i32_ne();
            }
            None => {
                sink.i32_const(0);
            }
        }
    }
}

// Locals of a scan function; the first two are its parameters.
const COUNT: u32 = 0;
const INDEX: u32 = 1;
const INPUT: u32 = 2;
const OUTPUT: u32 = 3;
const FACTS: u32 = 4;
const ENTRY: u32 = 5;
const FRAME: u32 = 6;

/// The function `(count: i32, first: i32) -> i32` that scans `count` entries, the first of which has that index: entries
/// from offset 0 of the buffer, packed words from `words`, whose number it returns.
struct ScanCode<'a> {
    code: QueryCode<'a>,
    scan: &'a Scan,
    buffer: u32,
    words: i32,
}

impl ScanCode<'_> {
    fn encode(&self) -> Function {
        let mut function = Function::new([(3, ValType::I32), (2, ValType::I64)]);
        let mut sink = function.instructions();
        sink.i32_const(self.words).local_set(OUTPUT);
        sink.block(BlockType::Empty).local_get(COUNT).i32_eqz().br_if(0);
        sink.loop_(BlockType::Empty);
        sink.local_get(INPUT).i64_load(self.at(0)).local_set(ENTRY);
        // Left by what is not kept.
        sink.block(BlockType::Empty);
        let dropped = if self.scan.until { 2 } else { 0 };
        if let Some(none) = self.code.query.skip_none {
            self.code.call(&mut sink, none, 0);
            sink.br_if(dropped);
        }
        self.code.gather(&mut sink, self.scan.keep.facts().or(self.scan.shown));
        self.code.holds(&mut sink, &self.scan.keep);
        sink.i32_eqz().br_if(dropped);
        self.store_word(&mut sink);
        sink.end();
        sink.local_get(INPUT).i32_const(8).i32_add().local_set(INPUT);
        sink.local_get(INDEX).i32_const(1).i32_add().local_set(INDEX);
        sink.local_get(COUNT).i32_const(1).i32_sub().local_tee(COUNT).br_if(0);
        sink.end().end();
        sink.local_get(OUTPUT).i32_const(self.words).i32_sub().i32_const(3).i32_shr_u().end();
        function
    }

    /// Stores the packed word of the entry. A frame number that does not fit traps; the host then finds out which.
    fn store_word(&self, sink: &mut InstructionSink<'_>) {
        let layout = self.scan.layout;
        match self.scan.frame.filter(|helper| self.code.has(*helper)) {
            Some(helper) => {
                self.code.call(sink, helper, 0);
                sink.local_tee(FRAME).i64_const(i64::from(layout.frame_bits)).i64_shr_u().i64_eqz().i32_eqz();
                sink.if_(BlockType::Empty).unreachable().end();
            }
            None => {
                sink.i64_const(0).local_set(FRAME);
            }
        }
        sink.local_get(OUTPUT).local_get(FRAME);
        sink.local_get(INDEX).i64_extend_i32_u().i64_const(i64::from(layout.frame_bits)).i64_shl().i64_or();
        sink.local_get(FACTS).i32_const(self.scan.shown.0.cast_signed()).i32_and().i64_extend_i32_u();
        sink.i64_const(i64::from(layout.facts_shift())).i64_shl().i64_or();
        sink.i64_store(self.at(0));
        sink.local_get(OUTPUT).i32_const(8).i32_add().local_set(OUTPUT);
    }

    fn at(&self, offset: u64) -> MemArg {
        MemArg { offset, align: 3, memory_index: self.buffer }
    }
}
