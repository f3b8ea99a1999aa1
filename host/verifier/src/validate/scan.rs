//! Ceilings, before anything else is done with the bytes.
//!
//! In: the bytes of a module. Out: what exceeds a ceiling, and the names of functions for later reports. One pass, no
//! recursion, memory bounded by the ceilings. Guaranteed: in a module that passes, every later pass is linear in its
//! size. Not handled: bytes that do not parse end the scan without an error of their own; validation reports them.

use std::collections::BTreeMap;

use wasmparser::{
    BinaryReader, CompositeInnerType, FunctionBody, ImportSectionReader, Name, NameSectionReader, Operator,
    OperatorsReader, Parser, Payload, TypeRef, TypeSectionReader, ValType,
};

use crate::code::Code;
use crate::limits::{
    ARITY_MAX, BR_TABLE_TARGETS_MAX, CUSTOM_SECTIONS_MAX, DATA_SEGMENTS_MAX, ELEMENT_SEGMENTS_MAX, EXPORTS_MAX,
    FUNCTIONS_MAX, GLOBALS_MAX, IMPORTS_MAX, LOCALS_MAX, MODULE_BYTES_MAX, NESTING_MAX, SCAN_BYTES_MAX, TYPES_MAX,
};
use crate::op;
use crate::report::{Diagnostic, Errors, Warning};
use crate::text;

/// What the scan found.
#[derive(Debug, Default)]
pub(super) struct Scan {
    /// What exceeds a ceiling.
    pub errors: Errors,
    /// Names of functions by the first name section, fit to print.
    pub names: BTreeMap<u32, String>,
    /// Names of globals, likewise.
    pub global_names: BTreeMap<u32, String>,
    /// What is odd about the name section.
    pub warnings: Vec<Warning>,
    imported_functions: u32,
    bodies: u32,
    custom_sections: u32,
    name_sections: u32,
}

/// Scans a module for what exceeds a ceiling.
///
/// A module above [`MODULE_BYTES_MAX`] always yields an error: what in it exceeds a ceiling of its own, or else its
/// size.
///
/// # Cost
/// One pass over at most [`SCAN_BYTES_MAX`] bytes.
pub(super) fn scan(bytes: &[u8]) -> Scan {
    let mut scan = Scan::default();
    if bytes.len() <= SCAN_BYTES_MAX {
        for payload in Parser::new(0).parse_all(bytes) {
            // What does not parse is for the validation to report, with a better message than could be given here.
            let Ok(payload) = payload else { break };
            if scan.payload(&payload).is_none() {
                break;
            }
        }
    }
    if bytes.len() > MODULE_BYTES_MAX && scan.errors.is_empty() {
        scan.errors.push(too_large(bytes.len()));
    }
    scan
}

fn too_large(len: usize) -> Diagnostic {
    Diagnostic::new(
        Code::L900,
        format!("module of {len} bytes: the ceiling is {MODULE_BYTES_MAX}"),
        "plugins are three to ten kilobytes; every stage of the verifier is bounded by the size of the module",
    )
    .suggest("strip debug information, build with optimisation, and look for formatting or panic code linked in")
}

impl Scan {
    /// Looks at one section or function; nothing where it does not parse.
    fn payload(&mut self, payload: &Payload<'_>) -> Option<()> {
        match payload {
            Payload::TypeSection(types) => self.types(types)?,
            Payload::ImportSection(imports) => self.imports(imports)?,
            Payload::FunctionSection(s) if s.count() > FUNCTIONS_MAX => {
                let message = format!("{} functions: the ceiling is {FUNCTIONS_MAX}", s.count());
                self.errors.push(
                    Diagnostic::new(Code::L904, message, "calls are inlined, and many small functions multiply")
                        .at(s.range().start)
                        .suggest("build with optimisation and --gc-sections, and do not link a runtime"),
                );
            }
            Payload::GlobalSection(s) => self.count("globals", s.count(), GLOBALS_MAX, s.range().start),
            Payload::ExportSection(s) => self.count("exports", s.count(), EXPORTS_MAX, s.range().start),
            Payload::ElementSection(s) => {
                self.count("element segments", s.count(), ELEMENT_SEGMENTS_MAX, s.range().start);
            }
            Payload::DataSection(s) => self.count("data segments", s.count(), DATA_SEGMENTS_MAX, s.range().start),
            Payload::CodeSectionEntry(body) => {
                let function = self.imported_functions.saturating_add(self.bodies);
                self.bodies = self.bodies.saturating_add(1);
                if self.bodies <= FUNCTIONS_MAX {
                    self.body(function, body)?;
                }
            }
            Payload::CustomSection(section) => {
                self.custom_sections = self.custom_sections.saturating_add(1);
                if self.custom_sections == CUSTOM_SECTIONS_MAX + 1 {
                    self.count("custom sections", self.custom_sections, CUSTOM_SECTIONS_MAX, section.range().start);
                }
                if section.name() == "name" {
                    let names = BinaryReader::new(section.data(), section.data_offset());
                    self.name_section(NameSectionReader::new(names), section.range().start);
                }
            }
            _ => {}
        }
        Some(())
    }

    fn count(&mut self, what: &str, count: u32, max: u32, offset: usize) {
        if count > max {
            let message = format!("{what}: more than the ceiling of {max}");
            let reason = format!("the section declares {count} {what}; compilers emit far fewer for a plugin");
            let error = Diagnostic::new(Code::L905, message, reason).at(offset);
            self.errors.push(error.suggest("build with optimisation and --gc-sections, and do not link a runtime"));
        }
    }

    fn types(&mut self, section: &TypeSectionReader<'_>) -> Option<()> {
        self.count("types", section.count(), TYPES_MAX, section.range().start);
        let mut total: u32 = 0;
        for group in section.clone().into_iter_with_offsets() {
            let (offset, group) = group.ok()?;
            for ty in group.types() {
                total = total.saturating_add(1);
                let arity = match &ty.composite_type.inner {
                    CompositeInnerType::Func(ty) => ty.params().len().max(ty.results().len()),
                    CompositeInnerType::Struct(ty) => ty.fields.len(),
                    _ => 1,
                };
                if arity > ARITY_MAX {
                    self.errors.push(too_wide("type", arity).at(offset));
                }
            }
            if total > TYPES_MAX && section.count() <= TYPES_MAX {
                self.count("types", total, TYPES_MAX, offset);
                return Some(());
            }
        }
        Some(())
    }

    fn imports(&mut self, section: &ImportSectionReader<'_>) -> Option<()> {
        let mut total: u32 = 0;
        for import in section.clone().into_imports() {
            total = total.saturating_add(1);
            if matches!(import.ok()?.ty, TypeRef::Func(_) | TypeRef::FuncExact(_)) {
                self.imported_functions = self.imported_functions.saturating_add(1);
            }
        }
        self.count("imports", total, IMPORTS_MAX, section.range().start);
        Some(())
    }

    /// Looks at the locals, the depth of blocks and the jump tables of one function.
    fn body(&mut self, function: u32, body: &FunctionBody<'_>) -> Option<()> {
        // `LocalsReader` refuses what does not fit 32 bits; here it is to be counted, and said.
        let mut reader = body.get_binary_reader();
        let mut locals: u64 = 0;
        for _ in 0..reader.read_var_u32().ok()? {
            locals = locals.saturating_add(u64::from(reader.read_var_u32().ok()?));
            reader.read::<ValType>().ok()?;
        }
        if locals > LOCALS_MAX {
            self.errors.push(
                Diagnostic::new(
                    Code::S103,
                    format!("{locals} locals: the ceiling is {LOCALS_MAX}"),
                    "no engine accepts as many; the number is checked before anything is allocated for them",
                )
                .at(body.range().start)
                .in_function(function),
            );
        }
        let mut depth: u32 = 0;
        let mut ops = OperatorsReader::new(reader);
        while !ops.eof() {
            let (op, offset) = ops.read_with_offset().ok()?;
            match &op {
                Operator::Block { .. } | Operator::Loop { .. } | Operator::If { .. } | Operator::TryTable { .. } => {
                    depth = depth.saturating_add(1);
                    if depth > NESTING_MAX {
                        self.errors.push(nested_too_deeply(&op).at(offset).in_function(function));
                        return Some(());
                    }
                }
                Operator::End => depth = depth.saturating_sub(1),
                Operator::BrTable { targets } if targets.len() > BR_TABLE_TARGETS_MAX => {
                    self.errors.push(table_too_large(&op, targets.len()).at(offset).in_function(function));
                }
                Operator::ArrayNewFixed { array_size, .. } if *array_size as usize > ARITY_MAX => {
                    let error = too_wide("array.new_fixed", *array_size as usize).op(op::mnemonic(&op));
                    self.errors.push(error.at(offset).in_function(function));
                }
                _ => {}
            }
        }
        Some(())
    }

    /// Takes the names of functions from the first name section; anything odd about it is a warning, as names must
    /// never change a verdict.
    fn name_section(&mut self, section: NameSectionReader<'_>, offset: usize) {
        self.name_sections = self.name_sections.saturating_add(1);
        match self.name_sections {
            1 => {}
            2 => return self.warnings.push(Warning::new("second name section, which is ignored").at(offset)),
            _ => return,
        }
        if let Err(error) = self.read_names(section) {
            let message = format!("name section is malformed: {}", error.message());
            self.warnings.push(Warning::new(message).at(error.offset()));
        }
    }

    fn read_names(&mut self, section: NameSectionReader<'_>) -> wasmparser::Result<()> {
        for subsection in section {
            let (namings, names) = match subsection? {
                Name::Function(namings) => (namings, &mut self.names),
                Name::Global(namings) => (namings, &mut self.global_names),
                _ => continue,
            };
            for naming in namings {
                let naming = naming?;
                // Indices beyond every ceiling name nothing and would only take memory.
                if naming.index < FUNCTIONS_MAX + IMPORTS_MAX {
                    names.entry(naming.index).or_insert_with(|| text::name(naming.name));
                }
            }
        }
        Ok(())
    }
}

fn too_wide(what: &str, arity: usize) -> Diagnostic {
    let message = format!("{what} of arity {arity}: the ceiling is {ARITY_MAX}");
    Diagnostic::new(Code::L905, message, "helpers take two parameters; each costs a step at every use")
        .suggest("pass fewer values")
}

fn nested_too_deeply(op: &Operator<'_>) -> Diagnostic {
    Diagnostic::new(
        Code::L901,
        format!("blocks nested more than {NESTING_MAX} deep"),
        "the verifier keeps a state for each open block; compilers open one for each arm of a switch",
    )
    .op(op::text(op))
    .suggest("split the function, or replace a very large switch by a table in read-only data")
}

fn table_too_large(op: &Operator<'_>, targets: u32) -> Diagnostic {
    Diagnostic::new(
        Code::L903,
        format!("br_table with {targets} targets: the ceiling is {BR_TABLE_TARGETS_MAX}"),
        "each target becomes a comparison and a merge in the closed form",
    )
    .op(op::mnemonic(op))
    .suggest("replace the switch by a table in read-only data, or by arithmetic on the bits")
}
