//! WebAssembly's own rules.
//!
//! In: the bytes of a module and the features allowed. Out: where it breaks a rule, with function and operator.
//! Guaranteed: no fault means that `wasmparser` accepts the module with these features and no others. Not handled:
//! anything that is ptwalk's own rule.

use wasmparser::{
    FuncToValidate, FuncValidator, FuncValidatorAllocations, FunctionBody, OperatorsReader, Parser, ValidPayload,
    Validator, ValidatorResources, WasmFeatures,
};

use super::subset;
use crate::code::Code;
use crate::op;
use crate::report::Diagnostic;

/// What the integer subset is made of: WebAssembly 1.0 without floats, and sign extension.
pub(super) const SUBSET: WasmFeatures = WasmFeatures::SIGN_EXTENSION;

/// What a module may use and still be WebAssembly: every finished proposal.
pub(super) fn standard() -> WasmFeatures {
    WasmFeatures::default().difference(WasmFeatures::COMPONENT_MODEL)
}

/// A rule of WebAssembly that a module breaks.
#[derive(Debug)]
pub(super) struct Fault {
    error: wasmparser::Error,
    function: Option<u32>,
    op: Option<String>,
}

/// Checks a module against the rules, with these features.
///
/// A fault outside functions ends the check; each function is checked on its own.
pub(super) fn check(bytes: &[u8], features: WasmFeatures) -> Vec<Fault> {
    let bodies = match sections(bytes, features) {
        Ok(bodies) => bodies,
        Err(error) => return vec![Fault { error, function: None, op: None }],
    };
    let mut faults = Vec::new();
    let mut allocations = FuncValidatorAllocations::default();
    for (function, body) in bodies {
        let index = function.index;
        let mut validator = function.into_validator(allocations);
        let mut op = None;
        if let Err(error) = check_body(&mut validator, &body, features, &mut op) {
            faults.push(Fault { error, function: Some(index), op });
        }
        allocations = validator.into_allocations();
    }
    faults
}

type Body<'a> = (FuncToValidate<ValidatorResources>, FunctionBody<'a>);

fn sections(bytes: &[u8], features: WasmFeatures) -> wasmparser::Result<Vec<Body<'_>>> {
    let mut validator = Validator::new_with_features(features);
    let mut parser = Parser::new(0);
    parser.set_features(features);
    let mut bodies = Vec::new();
    for payload in parser.parse_all(bytes) {
        if let ValidPayload::Func(function, body) = validator.payload(&payload?)? {
            bodies.push((function, body));
        }
    }
    Ok(bodies)
}

/// Checks one function; on a fault, `current` is the operator at which it was found.
fn check_body(
    validator: &mut FuncValidator<ValidatorResources>,
    body: &FunctionBody<'_>,
    features: WasmFeatures,
    current: &mut Option<String>,
) -> wasmparser::Result<()> {
    let mut reader = body.get_binary_reader();
    validator.read_locals(&mut reader)?;
    reader.set_features(features);
    let mut ops = OperatorsReader::new(reader);
    while !ops.eof() {
        let (op, offset) = ops.read_with_offset()?;
        if let Err(error) = validator.op(offset, &op) {
            *current = Some(op::text(&op));
            return Err(error);
        }
    }
    ops.finish()
}

impl Fault {
    /// The fault as a breach of WebAssembly's rules.
    pub(super) fn invalid(self) -> Diagnostic {
        let what = self.op.as_ref().map_or(String::new(), |op| format!("{op}: "));
        let message = format!("{what}{}", self.error.message());
        let reason = "the bytes break the rules of WebAssembly itself; no engine would load this module";
        let suggestion = "rebuild it and check that the file was copied whole; `wasm-tools validate` gives details";
        self.place(Diagnostic::new(Code::S100, message, reason)).suggest(suggestion)
    }

    /// The fault as the use of something valid outside the subset.
    pub(super) fn outside_subset(self) -> Diagnostic {
        let Some(feature) = self.error.missing_wasm_feature() else { return self.invalid() };
        if feature.contains(WasmFeatures::FLOATS) {
            // Operators are judged by the walk: what is left has no operator to name.
            return self.place(subset::float("f32 or f64 in a type, a local or a constant"));
        }
        let names: Vec<String> = feature.iter_names().map(|(name, _)| name.to_lowercase().replace('_', " ")).collect();
        let what = self.op.clone().unwrap_or_else(|| names.join(", "));
        let message = format!("{what}: {}", self.error.message());
        self.place(subset::beyond(message))
    }

    fn place(self, diagnostic: Diagnostic) -> Diagnostic {
        let mut diagnostic = diagnostic.at(self.error.offset());
        if let Some(function) = self.function {
            diagnostic = diagnostic.in_function(function);
        }
        match self.op {
            Some(op) => diagnostic.op(op),
            None => diagnostic,
        }
    }
}
