//! A module in the parts that are changed, and back.
//!
//! In: the bytes of a module. Out: its exports and the bodies of its functions apart, the other sections as they are.
//! Guaranteed: what is put together again means the same. Not handled: bytes that are no module.

use std::ops::Range;

use wasm_encoder::{CodeSection, ExportKind, ExportSection, RawSection};
use wasmparser::{ExternalKind, Parser, Payload};

/// A module in the parts that are changed.
#[derive(Clone, Default)]
pub(super) struct Parts {
    /// Sections by id, in order; those that are changed are empty here.
    pub sections: Vec<(u8, Vec<u8>)>,
    pub exports: Vec<(String, ExportKind, u32)>,
    pub bodies: Vec<Vec<u8>>,
}

impl Parts {
    /// The parts of a module.
    pub fn of(bytes: &[u8]) -> Option<Parts> {
        let mut parts = Parts::default();
        for payload in Parser::new(0).parse_all(bytes) {
            match payload.ok()? {
                Payload::ExportSection(exports) => {
                    parts.sections.push((7, Vec::new()));
                    for export in exports {
                        let export = export.ok()?;
                        let kind = match export.kind {
                            ExternalKind::Func => ExportKind::Func,
                            ExternalKind::Memory => ExportKind::Memory,
                            ExternalKind::Global => ExportKind::Global,
                            ExternalKind::Table => ExportKind::Table,
                            _ => return None,
                        };
                        parts.exports.push((export.name.to_owned(), kind, export.index));
                    }
                }
                Payload::CodeSectionStart { .. } => parts.sections.push((10, Vec::new())),
                Payload::CodeSectionEntry(body) => parts.bodies.push(bytes.get(body.range())?.to_vec()),
                other => {
                    if let Some((id, range)) = other.as_section() {
                        parts.sections.push((id, bytes.get(range)?.to_vec()));
                    }
                }
            }
        }
        Some(parts)
    }

    /// The module.
    pub fn encode(&self) -> Vec<u8> {
        let mut module = wasm_encoder::Module::new();
        for (id, data) in &self.sections {
            match id {
                7 => {
                    let mut exports = ExportSection::new();
                    for (name, kind, index) in &self.exports {
                        exports.export(name, *kind, *index);
                    }
                    module.section(&exports);
                }
                10 => {
                    let mut code = CodeSection::new();
                    for body in &self.bodies {
                        code.raw(body);
                    }
                    module.section(&code);
                }
                id => {
                    module.section(&RawSection { id: *id, data });
                }
            }
        }
        module.finish()
    }
}

/// Where the operators of a body are, relative to it; none of a body that does not decode.
pub(super) fn operators(body: &[u8]) -> Vec<Range<usize>> {
    let reader = wasmparser::BinaryReader::new(body, 0);
    let Ok(mut operators) = wasmparser::FunctionBody::new(reader).get_operators_reader() else { return Vec::new() };
    let mut places = Vec::new();
    while !operators.eof() {
        let start = operators.original_position();
        if operators.read().is_err() {
            return Vec::new();
        }
        places.push(start..operators.original_position());
    }
    places
}
