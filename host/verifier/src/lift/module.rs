//! A module of the integer subset, decoded for lifting.
//!
//! In: the bytes of a module. Out: its functions as vectors of [`Instr`] with block structure resolved, its memory,
//! data, globals and exports. Guaranteed: WebAssembly's own rules hold (they are checked again here, because lifting
//! relies on them: operand types, labels and indices are never checked later), and everything is inside the subset.
//! Not handled: the contract with the host (names, signatures, whitelist), which is `validate`'s business.

use std::ops::Range;

use wasmparser::{
    BinaryReader, BlockType, CompositeInnerType, ConstExpr, DataKind, ExternalKind, FunctionBody, Operator, Parser,
    Payload, TypeRef, ValType, Validator, WasmFeatures,
};

use super::budget::{BR_TABLE_TARGETS_MAX, NESTING_MAX};
use super::finding::Place;
use super::instr::{Block, Instr};
use crate::expr::Width;

/// Why a module cannot be lifted at all. The plugin is at fault, or was not validated.
#[derive(Debug, thiserror::Error)]
pub enum DecodeError {
    /// The bytes are not a valid module with the features of the subset.
    #[error("not a valid module of the integer subset")]
    Invalid(#[from] wasmparser::BinaryReaderError),
    /// A construct outside the subset.
    #[error("{what} at offset {offset:#x} is outside the integer subset")]
    Unsupported {
        /// The construct.
        what: String,
        /// Byte offset in the module.
        offset: usize,
    },
    /// Blocks nested beyond the ceiling.
    #[error("function {function} nests more than {limit} blocks at offset {offset:#x}")]
    Nesting {
        /// Index of the function.
        function: u32,
        /// Byte offset in the module.
        offset: usize,
        /// The ceiling.
        limit: usize,
    },
    /// A `br_table` beyond the ceiling.
    #[error("a br_table of {targets} targets at offset {offset:#x}; at most {limit} are lifted")]
    BrTable {
        /// Its targets.
        targets: u32,
        /// Byte offset in the module.
        offset: usize,
        /// The ceiling.
        limit: u32,
    },
}

impl DecodeError {
    /// The code under which the reason is explained.
    pub const fn code(&self) -> &'static str {
        match self {
            DecodeError::Invalid(_) => "S100",
            DecodeError::Unsupported { .. } => "S141",
            DecodeError::Nesting { .. } => "L901",
            DecodeError::BrTable { .. } => "L903",
        }
    }
}

/// Parameters and results of a function.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct FuncType {
    pub params: Vec<Width>,
    pub results: Vec<Width>,
}

/// An imported function.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Import {
    pub module: String,
    pub name: String,
    pub ty: usize,
}

/// A function that the module defines.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Function {
    pub ty: usize,
    /// Declared locals, in runs: a few bytes can declare billions.
    pub locals: Vec<(u32, Width)>,
    pub code: Vec<Instr>,
    /// Byte offset of each operator.
    pub offsets: Vec<usize>,
    /// Where its body lies in the module.
    pub body: Range<usize>,
}

/// A global; all are defined by the module and start as constants.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Global {
    pub width: Width,
    pub mutable: bool,
    pub initial: u64,
}

/// The memory, in bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct MemorySize {
    pub bytes: u64,
    /// Whether the size can never change.
    pub fixed: bool,
}

/// Adjacent data segments as one piece; where segments overlap, the last one wins, as instantiation has it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Region {
    pub start: u64,
    pub bytes: Vec<u8>,
}

impl Region {
    pub(super) fn range(&self) -> Range<u64> {
        self.start..self.start + self.bytes.len() as u64
    }
}

/// A decoded module.
#[derive(Clone, Debug)]
pub struct Module<'a> {
    bytes: &'a [u8],
    /// `None` where a type is outside the subset; nothing may use it.
    pub(super) types: Vec<Option<FuncType>>,
    pub(super) imports: Vec<Import>,
    pub(super) functions: Vec<Function>,
    pub(super) globals: Vec<Global>,
    pub(super) memory: Option<MemorySize>,
    pub(super) regions: Vec<Region>,
    pub(super) exports: Vec<(String, u32)>,
}

/// WebAssembly 1.0 with what compilers emit for it by default; the rest of the subset's rules are about operators.
fn features() -> WasmFeatures {
    WasmFeatures::MUTABLE_GLOBAL
        | WasmFeatures::SIGN_EXTENSION
        | WasmFeatures::MULTI_VALUE
        | WasmFeatures::REFERENCE_TYPES
        | WasmFeatures::BULK_MEMORY
        | WasmFeatures::EXTENDED_CONST
        | WasmFeatures::FLOATS
        | WasmFeatures::GC_TYPES
}

impl<'a> Module<'a> {
    /// Decodes a module.
    ///
    /// # Errors
    /// [`DecodeError`]: the bytes are invalid, or outside the subset.
    pub fn decode(bytes: &'a [u8]) -> Result<Module<'a>, DecodeError> {
        Validator::new_with_features(features()).validate_all(bytes)?;
        let mut module = Module {
            bytes,
            types: Vec::new(),
            imports: Vec::new(),
            functions: Vec::new(),
            globals: Vec::new(),
            memory: None,
            regions: Vec::new(),
            exports: Vec::new(),
        };
        let mut declared = Vec::new();
        for payload in Parser::new(0).parse_all(bytes) {
            module.section(payload?, &mut declared)?;
        }
        Ok(module)
    }

    fn section(&mut self, payload: Payload<'a>, declared: &mut Vec<usize>) -> Result<(), DecodeError> {
        match payload {
            Payload::TypeSection(reader) => {
                for group in reader {
                    self.types.extend(group?.into_types().map(|ty| func_type(&ty.composite_type.inner)));
                }
            }
            Payload::ImportSection(reader) => {
                for import in reader.into_imports_with_offsets() {
                    let (offset, import) = import?;
                    let TypeRef::Func(ty) = import.ty else {
                        return Err(unsupported("an import that is not a function", offset));
                    };
                    self.check_type(ty as usize, offset)?;
                    let (module, name) = (import.module.to_owned(), import.name.to_owned());
                    self.imports.push(Import { module, name, ty: ty as usize });
                }
            }
            Payload::FunctionSection(reader) => {
                for item in reader.into_iter_with_offsets() {
                    let (offset, ty) = item?;
                    self.check_type(ty as usize, offset)?;
                    declared.push(ty as usize);
                }
            }
            Payload::MemorySection(reader) => {
                for memory in reader {
                    let memory = memory?;
                    let bytes = memory.initial << 16;
                    self.memory = Some(MemorySize { bytes, fixed: memory.maximum == Some(memory.initial) });
                }
            }
            Payload::GlobalSection(reader) => {
                for item in reader.into_iter_with_offsets() {
                    let (offset, global) = item?;
                    let Some(width) = width(global.ty.content_type) else {
                        return Err(unsupported("a global that is not an integer", offset));
                    };
                    let initial = self.constant(&global.init_expr, offset)?;
                    self.globals.push(Global { width, mutable: global.ty.mutable, initial });
                }
            }
            Payload::ExportSection(reader) => {
                for export in reader {
                    let export = export?;
                    if export.kind == ExternalKind::Func {
                        self.exports.push((export.name.to_owned(), export.index));
                    }
                }
            }
            Payload::StartSection { range, .. } => return Err(unsupported("a start function", range.start)),
            Payload::DataSection(reader) => {
                let mut pieces = Vec::new();
                for data in reader {
                    let data = data?;
                    let DataKind::Active { memory_index: 0, offset_expr } = data.kind else {
                        return Err(unsupported("a passive data segment", data.range.start));
                    };
                    let at = self.constant(&offset_expr, data.range.start)?;
                    if at + data.data.len() as u64 > self.memory.map_or(0, |memory| memory.bytes) {
                        return Err(unsupported("a data segment outside the memory", data.range.start));
                    }
                    pieces.push((at, data.data));
                }
                self.regions = joined(&pieces);
            }
            Payload::CodeSectionEntry(body) => {
                let index = self.functions.len();
                let Some(&ty) = declared.get(index) else {
                    return Err(unsupported("a body without a declaration", body.range().start));
                };
                let function = self.body(&body, ty)?;
                self.functions.push(function);
            }
            _ => {}
        }
        Ok(())
    }

    /// The value of a constant expression: one constant, or an immutable global before it.
    fn constant(&self, expr: &ConstExpr<'_>, offset: usize) -> Result<u64, DecodeError> {
        let mut ops = expr.get_operators_reader();
        let value = match ops.read()? {
            Operator::I32Const { value } => u64::from(value.cast_unsigned()),
            Operator::I64Const { value } => value.cast_unsigned(),
            Operator::GlobalGet { global_index } => match self.globals.get(global_index as usize) {
                Some(global) if !global.mutable => global.initial,
                _ => return Err(unsupported("an initial value that is not constant", offset)),
            },
            _ => return Err(unsupported("an initial value that is not constant", offset)),
        };
        match ops.read()? {
            Operator::End => Ok(value),
            _ => Err(unsupported("an initial value that is computed", offset)),
        }
    }

    fn body(&self, body: &FunctionBody<'a>, ty: usize) -> Result<Function, DecodeError> {
        let function = u32::try_from(self.imports.len() + self.functions.len()).unwrap_or(u32::MAX);
        let mut locals = Vec::new();
        for run in body.get_locals_reader()? {
            let (count, ty) = run?;
            let Some(width) = width(ty) else {
                return Err(unsupported("a local that is not an integer", body.range().start));
            };
            locals.push((count, width));
        }
        let mut code: Vec<Instr> = Vec::new();
        let mut offsets = Vec::new();
        let mut open: Vec<usize> = Vec::new();
        for op in body.get_operators_reader()?.into_iter_with_offsets() {
            let (op, offset) = op?;
            let at = code.len();
            let instr = match &op {
                Operator::Block { blockty } => Instr::Block(self.block(*blockty, offset)?),
                Operator::Loop { blockty } => Instr::Loop(self.block(*blockty, offset)?),
                Operator::If { blockty } => Instr::If(self.block(*blockty, offset)?),
                Operator::BrTable { targets } => {
                    if targets.len() > BR_TABLE_TARGETS_MAX {
                        let (targets, limit) = (targets.len(), BR_TABLE_TARGETS_MAX);
                        return Err(DecodeError::BrTable { targets, offset, limit });
                    }
                    let mut list = targets.targets().collect::<Result<Vec<_>, _>>()?;
                    list.push(targets.default());
                    Instr::BrTable(list)
                }
                other => Instr::of(other).ok_or_else(|| unsupported(&crate::op::mnemonic(other), offset))?,
            };
            match &instr {
                Instr::Block(_) | Instr::Loop(_) | Instr::If(_) => {
                    if open.len() >= NESTING_MAX {
                        return Err(DecodeError::Nesting { function, offset, limit: NESTING_MAX });
                    }
                    open.push(at);
                }
                Instr::Else => resolve(&mut code, open.last().copied(), |block| block.otherwise = Some(at)),
                Instr::End => resolve(&mut code, open.pop(), |block| block.end = at),
                _ => {}
            }
            code.push(instr);
            offsets.push(offset);
        }
        Ok(Function { ty, locals, code, offsets, body: body.range() })
    }

    fn block(&self, ty: BlockType, offset: usize) -> Result<Block, DecodeError> {
        let (params, results) = match ty {
            BlockType::Empty => (0, 0),
            BlockType::Type(ty) if width(ty).is_some() => (0, 1),
            BlockType::Type(_) => return Err(unsupported("a block that yields no integer", offset)),
            BlockType::FuncType(index) => match self.types.get(index as usize) {
                Some(Some(ty)) => (ty.params.len(), ty.results.len()),
                _ => return Err(unsupported("a block with operands that are not integers", offset)),
            },
        };
        Ok(Block { params, results, end: usize::MAX, otherwise: None })
    }

    /// The type of a function, imports counted first.
    pub(super) fn type_of(&self, function: u32) -> Option<&FuncType> {
        let index = function as usize;
        let ty = match index.checked_sub(self.imports.len()) {
            Some(defined) => self.functions.get(defined)?.ty,
            None => self.imports.get(index)?.ty,
        };
        self.types.get(ty)?.as_ref()
    }

    fn check_type(&self, ty: usize, offset: usize) -> Result<(), DecodeError> {
        match self.types.get(ty) {
            Some(Some(_)) => Ok(()),
            _ => Err(unsupported("a function with operands that are not integers", offset)),
        }
    }

    /// Position of a global among the mutable ones.
    pub(super) fn mutable_position(&self, global: u32) -> usize {
        self.globals.iter().take(global as usize).filter(|global| global.mutable).count()
    }

    /// A function that the module defines, by its index with imports counted first.
    pub(super) fn defined(&self, function: u32) -> Option<&Function> {
        (function as usize).checked_sub(self.imports.len()).and_then(|defined| self.functions.get(defined))
    }

    /// The operator at a position of a function.
    pub(super) fn instr(&self, (function, at): (u32, usize)) -> Option<&Instr> {
        self.defined(function)?.code.get(at)
    }

    /// Operators, given by function and position in ascending order, as places for messages. A function is decoded
    /// once, however many of its operators are asked for.
    pub(super) fn places(&self, at: &[(u32, usize)]) -> Vec<Place> {
        let mut places = Vec::with_capacity(at.len());
        let mut rest = at;
        while let Some(&(function, _)) = rest.first() {
            let same = rest.iter().take_while(|(other, _)| *other == function).count();
            let (here, after) = rest.split_at(same);
            let texts = self.op_texts(function, here);
            let offsets = self.defined(function).map_or(&[][..], |function| &function.offsets);
            places.extend(here.iter().zip(texts).map(|((_, at), op)| {
                let offset = offsets.get(*at).copied().unwrap_or(0);
                Place { function, offset, op }
            }));
            rest = after;
        }
        places
    }

    fn op_texts(&self, function: u32, at: &[(u32, usize)]) -> Vec<String> {
        let mut texts = vec![String::new(); at.len()];
        let Some(function) = self.defined(function) else { return texts };
        let bytes = self.bytes.get(function.body.clone()).unwrap_or_default();
        let body = FunctionBody::new(BinaryReader::new(bytes, function.body.start));
        let Ok(ops) = body.get_operators_reader() else { return texts };
        let mut wanted = at.iter().zip(&mut texts).peekable();
        for (position, op) in ops.into_iter().enumerate() {
            let Ok(op) = op else { break };
            while let Some((_, text)) = wanted.next_if(|((_, at), _)| *at == position) {
                *text = crate::op::text(&op);
            }
        }
        texts
    }
}

fn unsupported(what: &str, offset: usize) -> DecodeError {
    DecodeError::Unsupported { what: what.to_owned(), offset }
}

fn func_type(ty: &CompositeInnerType) -> Option<FuncType> {
    let CompositeInnerType::Func(ty) = ty else { return None };
    let widths = |types: &[ValType]| types.iter().map(|ty| width(*ty)).collect::<Option<Vec<_>>>();
    Some(FuncType { params: widths(ty.params())?, results: widths(ty.results())? })
}

fn width(ty: ValType) -> Option<Width> {
    match ty {
        ValType::I32 => Some(Width::W32),
        ValType::I64 => Some(Width::W64),
        _ => None,
    }
}

/// Notes a position in the block that was opened at `open`.
fn resolve(code: &mut [Instr], open: Option<usize>, set: impl FnOnce(&mut Block)) {
    if let Some(Instr::Block(block) | Instr::Loop(block) | Instr::If(block)) = open.and_then(|at| code.get_mut(at)) {
        set(block);
    }
}

/// Data segments as disjoint regions, in the order of their addresses.
fn joined(pieces: &[(u64, &[u8])]) -> Vec<Region> {
    let mut spans: Vec<Range<u64>> =
        pieces.iter().filter(|(_, data)| !data.is_empty()).map(|(at, data)| *at..*at + data.len() as u64).collect();
    spans.sort_by_key(|span| span.start);
    let mut regions: Vec<Region> = Vec::new();
    for span in spans {
        let missing = usize::try_from(span.end - span.start).unwrap_or(0);
        match regions.last_mut() {
            Some(last) if span.start <= last.range().end => {
                let more = usize::try_from(span.end.saturating_sub(last.range().end)).unwrap_or(0);
                last.bytes.resize(last.bytes.len() + more, 0);
            }
            _ => regions.push(Region { start: span.start, bytes: vec![0; missing] }),
        }
    }
    for (at, data) in pieces {
        for region in &mut regions {
            if region.range().contains(at)
                && let Ok(from) = usize::try_from(at - region.start)
                && let Some(place) = region.bytes.get_mut(from..from + data.len())
            {
                place.copy_from_slice(data);
            }
        }
    }
    regions
}
