//! Operators as WAT writes them.
//!
//! In: an operator as `wasmparser` decodes it. Out: its mnemonic, its text with operands, the proposal it comes from.
//! Guaranteed: bounded text for every operator. Not handled: operands outside the integer subset, which are left out.

use std::fmt::Write as _;

use wasmparser::{BlockType, MemArg, Operator};

/// Targets of a `br_table` that are written out.
const TARGETS_SHOWN: usize = 8;

macro_rules! define_names {
    ($(@$proposal:ident $op:ident $({ $($arg:ident: $ty:ty),* })? => $visit:ident ($($arity:tt)*))*) => {
        /// Proposal and method name of an operator, as `wasmparser` lists them.
        fn names(op: &Operator<'_>) -> (&'static str, &'static str) {
            match op {
                $(Operator::$op { .. } => (stringify!($proposal), stringify!($visit)),)*
                _ => ("unknown", "visit_unknown"),
            }
        }
    };
}
wasmparser::for_each_operator!(define_names);

/// The proposal that introduced the operator, with `mvp` for WebAssembly 1.0.
pub fn proposal(op: &Operator<'_>) -> &'static str {
    names(op).0
}

/// Whether the operator takes, returns or converts a scalar float.
pub fn is_float(op: &Operator<'_>) -> bool {
    let (proposal, words) = names(op);
    matches!(proposal, "mvp" | "saturating_float_to_int") && (words.contains("f32") || words.contains("f64"))
}

/// The operator's mnemonic, for example `i64.atomic.rmw.add`.
pub fn mnemonic(op: &Operator<'_>) -> String {
    let words = names(op).1;
    let words = words.strip_prefix("visit_").unwrap_or(words);
    match words {
        "typed_select" | "typed_select_multi" => return "select".into(),
        "ref_test_non_null" | "ref_test_nullable" => return "ref.test".into(),
        "ref_cast_non_null" | "ref_cast_nullable" => return "ref.cast".into(),
        _ => {}
    }
    let mut out = String::with_capacity(words.len());
    let mut dotted = true;
    for (i, word) in words.split('_').enumerate() {
        if i > 0 {
            out.push(if dotted { '.' } else { '_' });
        }
        out.push_str(word);
        dotted = match i {
            0 => is_namespace(word, words),
            _ => dotted && (word == "atomic" || word.starts_with("rmw")),
        };
    }
    out
}

/// Whether a mnemonic's first word is a type or an index space, which WAT sets off with a dot.
fn is_namespace(first: &str, words: &str) -> bool {
    match first {
        "local" | "global" | "memory" | "table" | "data" | "elem" | "ref" | "struct" | "array" | "any" | "extern"
        | "cont" | "atomic" => true,
        _ => first.starts_with(['i', 'f', 'v']) && first.ends_with(|c: char| c.is_ascii_digit()) && words != first,
    }
}

/// The operator with its operands: `local.get 0`, `i64.load offset=8`, `br_table 0 1 2`.
pub fn text(op: &Operator<'_>) -> String {
    let mut out = mnemonic(op);
    // Writing to a String cannot fail.
    let _ = operands(op, &mut out);
    out
}

fn operands(op: &Operator<'_>, out: &mut String) -> std::fmt::Result {
    if let Some(MemArg { offset, .. }) = memarg(op) {
        return if offset == 0 { Ok(()) } else { write!(out, " offset={offset}") };
    }
    match op {
        Operator::Block { blockty } | Operator::Loop { blockty } | Operator::If { blockty } => match blockty {
            BlockType::Empty => Ok(()),
            BlockType::Type(ty) => write!(out, " (result {ty})"),
            BlockType::FuncType(index) => write!(out, " (type {index})"),
        },
        Operator::Br { relative_depth } | Operator::BrIf { relative_depth } => write!(out, " {relative_depth}"),
        Operator::BrTable { targets } => {
            for target in targets.targets().take(TARGETS_SHOWN).flatten() {
                write!(out, " {target}")?;
            }
            let more = targets.len() as usize > TARGETS_SHOWN;
            write!(out, "{} {}", if more { " \u{2026}" } else { "" }, targets.default())
        }
        Operator::Call { function_index } | Operator::ReturnCall { function_index } => {
            write!(out, " {function_index}")
        }
        Operator::CallIndirect { type_index, .. } | Operator::ReturnCallIndirect { type_index, .. } => {
            write!(out, " (type {type_index})")
        }
        Operator::LocalGet { local_index }
        | Operator::LocalSet { local_index }
        | Operator::LocalTee { local_index } => {
            write!(out, " {local_index}")
        }
        Operator::GlobalGet { global_index } | Operator::GlobalSet { global_index } => write!(out, " {global_index}"),
        Operator::I32Const { value } => write!(out, " {value}"),
        Operator::I64Const { value } => write!(out, " {value}"),
        _ => Ok(()),
    }
}

/// Address operand of a load or store of the integer subset.
pub fn memarg(op: &Operator<'_>) -> Option<MemArg> {
    match *op {
        Operator::I32Load { memarg }
        | Operator::I64Load { memarg }
        | Operator::I32Load8S { memarg }
        | Operator::I32Load8U { memarg }
        | Operator::I32Load16S { memarg }
        | Operator::I32Load16U { memarg }
        | Operator::I64Load8S { memarg }
        | Operator::I64Load8U { memarg }
        | Operator::I64Load16S { memarg }
        | Operator::I64Load16U { memarg }
        | Operator::I64Load32S { memarg }
        | Operator::I64Load32U { memarg }
        | Operator::I32Store { memarg }
        | Operator::I64Store { memarg }
        | Operator::I32Store8 { memarg }
        | Operator::I32Store16 { memarg }
        | Operator::I64Store8 { memarg }
        | Operator::I64Store16 { memarg }
        | Operator::I64Store32 { memarg } => Some(memarg),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ARG: MemArg = MemArg { align: 0, max_align: 3, offset: 0, memory: 0 };

    #[test]
    fn mnemonics_are_those_of_wat() {
        let ops = [
            (Operator::I32Add, "i32.add"),
            (Operator::I64ExtendI32U, "i64.extend_i32_u"),
            (Operator::I64TruncSatF64S, "i64.trunc_sat_f64_s"),
            (Operator::I64AtomicRmwAdd { memarg: ARG }, "i64.atomic.rmw.add"),
            (Operator::I32AtomicRmw8CmpxchgU { memarg: ARG }, "i32.atomic.rmw8.cmpxchg_u"),
            (Operator::MemoryAtomicWait32 { memarg: ARG }, "memory.atomic.wait32"),
            (Operator::AtomicFence, "atomic.fence"),
            (Operator::I64AtomicLoad32U { memarg: ARG }, "i64.atomic.load32_u"),
            (Operator::I8x16ExtractLaneS { lane: 0 }, "i8x16.extract_lane_s"),
            (Operator::MemoryGrow { mem: 0 }, "memory.grow"),
            (Operator::StructNewDefault { struct_type_index: 0 }, "struct.new_default"),
            (Operator::RefI31, "ref.i31"),
            (Operator::I31GetS, "i31.get_s"),
            (Operator::ReturnCall { function_index: 0 }, "return_call"),
            (Operator::If { blockty: BlockType::Empty }, "if"),
            (Operator::Unreachable, "unreachable"),
        ];
        for (op, want) in ops {
            assert_eq!(mnemonic(&op), want);
        }
    }

    #[test]
    fn floats_are_told_from_integers() {
        for op in [Operator::F64Add, Operator::I32TruncF32S, Operator::I64ReinterpretF64, Operator::I32TruncSatF64U] {
            assert!(is_float(&op), "{op:?}");
        }
        for op in [Operator::I64Add, Operator::I64ExtendI32S, Operator::I8x16Swizzle, Operator::F32x4Add] {
            assert!(!is_float(&op), "{op:?}");
        }
    }

    #[test]
    fn operands_follow() {
        let load = Operator::I64Load { memarg: MemArg { offset: 8, ..ARG } };
        assert_eq!(text(&load), "i64.load offset=8");
        assert_eq!(text(&Operator::I64Const { value: -1 }), "i64.const -1");
        assert_eq!(text(&Operator::LocalTee { local_index: 3 }), "local.tee 3");
        assert_eq!(text(&Operator::I64Load8U { memarg: ARG }), "i64.load8_u");
        assert_eq!(proposal(&Operator::I64Extend8S), "sign_extension");
    }
}
