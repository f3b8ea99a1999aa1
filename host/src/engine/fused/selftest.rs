//! The load-time self-test: compiled code against the closed forms it was made of.
//!
//! In: the closed forms of a query and whatever scans by it. Out: nothing, or the first entry for which they differ.
//! Guaranteed: the same entries every time, [`ENTRIES`] of them: corners, the entry's bits one and two at a time, random
//! words, sparse and dense. The verifier proves the forms; Cranelift and the kernels are the one link that is not proved,
//! and this is the cover for it.

use std::ops::Range;

use ptwalk_verifier::expr::{Arena, BinaryOp, CompareOp, ExprId, Node, Width, fold_binary, fold_compare, fold_unary};

/// Entries that are compared.
pub(super) const ENTRIES: usize = 10_000;

/// Bits below this have their pairs tried: types, permissions and attributes are there or above [`HIGH_BITS`].
const LOW_BITS: u32 = 16;
/// Bits from here up likewise.
const HIGH_BITS: u32 = 48;

/// The entries of the test.
pub(super) fn entries() -> Vec<u64> {
    let mut entries = vec![0, u64::MAX];
    let ones = (0..64).map(|bit| 1_u64 << bit);
    entries.extend(ones.clone().flat_map(|one| [one, !one, one.wrapping_sub(1), one | 1, one | 3]));
    let busy: Vec<u32> = (0..LOW_BITS).chain(HIGH_BITS..64).collect();
    for (i, a) in busy.iter().enumerate() {
        entries.extend(busy[..i].iter().map(|b| 1_u64 << a | 1 << b));
    }
    // Sebastiano Vigna's splitmix64: the same words on every machine.
    let mut state = 0x7074_7761_6c6b_u64;
    let mut random = || {
        state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let x = (state ^ (state >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let x = (x ^ (x >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        x ^ (x >> 31)
    };
    while entries.len() < ENTRIES {
        let (a, b, c) = (random(), random(), random());
        entries.extend([a, a & b, a | b, a & b & c, (a & b) | 3]);
    }
    entries.truncate(ENTRIES);
    entries
}

/// Entries that are evaluated at a time: few enough that the columns of all nodes stay in the cache.
const BLOCK: usize = 512;

/// The values of expressions over argument 0, for many entries at once: one column a root.
pub(super) fn columns(arena: &Arena, roots: &[ExprId], entries: &[u64]) -> Vec<Vec<u64>> {
    columns_of(arena, roots, &[entries])
}

/// The values of expressions, one column a root, for as many arguments at once as the inputs' columns have. Further inputs
/// are 0.
///
/// # Cost
/// One pass over the entries for each node that the roots reach; the operators' own functions of
/// [`ptwalk_verifier::expr`] for all but the commonest.
pub(crate) fn columns_of(arena: &Arena, roots: &[ExprId], inputs: &[&[u64]]) -> Vec<Vec<u64>> {
    let rows = inputs.first().map_or(0, |input| input.len());
    let reachable = arena.reachable(roots);
    let mut columns: Vec<Vec<u64>> = vec![Vec::new(); arena.len()];
    let mut results = vec![Vec::with_capacity(rows); roots.len()];
    for start in (0..rows).step_by(BLOCK) {
        let block = start..rows.min(start + BLOCK);
        for id in &reachable {
            columns[id.index()] = column(arena, *id, &columns, inputs, block.clone());
        }
        for (result, root) in results.iter_mut().zip(roots) {
            result.extend_from_slice(&columns[root.index()]);
        }
    }
    results
}

fn column(arena: &Arena, id: ExprId, columns: &[Vec<u64>], inputs: &[&[u64]], block: Range<usize>) -> Vec<u64> {
    let width = arena.width(id);
    let of = |id: ExprId| columns[id.index()].as_slice();
    let one = |a: ExprId, f: &dyn Fn(u64) -> u64| of(a).iter().map(|a| f(*a)).collect::<Vec<u64>>();
    match arena.node(id) {
        Node::Const(value) => vec![value; block.len()],
        Node::Input(number) => match inputs.get(number as usize) {
            Some(input) => input[block].iter().map(|x| x & width.mask()).collect(),
            None => vec![0; block.len()],
        },
        Node::Not(a) => of(a).iter().map(|a| a ^ 1).collect(),
        Node::Bit(a, bit) => of(a).iter().map(|a| a >> bit & 1).collect(),
        Node::Unary(op, a) => one(a, &|a| fold_unary(op, width, a)),
        Node::Binary(op, a, b) => binary(op, width, of(a), of(b)),
        Node::Compare(CompareOp::Eq, a, b) => of(a).iter().zip(of(b)).map(|(a, b)| u64::from(a == b)).collect(),
        Node::Compare(op, a, b) => {
            let pairs = of(a).iter().zip(of(b));
            pairs.map(|(x, y)| fold_compare(op, arena.width(a), *x, *y).into()).collect()
        }
        Node::Select(c, a, b) => {
            let branches = of(a).iter().zip(of(b));
            of(c).iter().zip(branches).map(|(c, (a, b))| if *c != 0 { *a } else { *b }).collect()
        }
        Node::Zext(a) => of(a).to_vec(),
        Node::Sext(a) => {
            let unused = 64 - arena.width(a).bits();
            let extend = |a: u64| ((a << unused).cast_signed() >> unused).cast_unsigned() & width.mask();
            of(a).iter().map(|a| extend(*a)).collect()
        }
        Node::Trunc(a) => of(a).iter().map(|a| a & width.mask()).collect(),
        Node::Lookup(table, index) => {
            let values = &arena.table(table).values;
            let at = |index: u64| usize::try_from(index).ok().and_then(|index| values.get(index)).copied();
            of(index).iter().map(|index| at(*index).unwrap_or(0)).collect()
        }
    }
}

/// The commonest operators as loops of their own, which the compiler makes vectors of.
fn binary(op: BinaryOp, width: Width, a: &[u64], b: &[u64]) -> Vec<u64> {
    let pairs = a.iter().zip(b);
    // Amounts count modulo the width, which is a power of two.
    let (mask, amount) = (width.mask(), u64::from(width.bits() - 1));
    match op {
        BinaryOp::Shl => pairs.map(|(a, b)| a << (b & amount) & mask).collect(),
        BinaryOp::ShrU => pairs.map(|(a, b)| a >> (b & amount)).collect(),
        BinaryOp::And => pairs.map(|(a, b)| a & b).collect(),
        BinaryOp::Or => pairs.map(|(a, b)| a | b).collect(),
        BinaryOp::Xor => pairs.map(|(a, b)| a ^ b).collect(),
        op => pairs.map(|(a, b)| fold_binary(op, width, *a, *b)).collect(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn entries_are_many_and_distinct() {
        let mut entries = entries();
        assert_eq!(entries.len(), ENTRIES);
        entries.sort_unstable();
        entries.dedup();
        assert!(entries.len() > ENTRIES * 95 / 100, "{}", entries.len());
    }

    #[test]
    fn columns_are_what_the_evaluator_says() {
        let plugin = crate::plugin::load("arm64").expect("arm64 is embedded");
        let config = ptwalk_abi::Config::DEFAULT;
        let verified = crate::plugin::admit("arm64", &plugin, &config).expect("arm64 is verified");
        let entries: Vec<u64> = entries().into_iter().step_by(97).collect();
        for helper in ptwalk_abi::Helper::ALL {
            let Some(form) = verified.form(*helper) else { continue };
            let column = columns(verified.arena(), &[form.result], &entries);
            for (entry, value) in entries.iter().zip(&column[0]) {
                let expected = ptwalk_verifier::expr::Evaluator::new(vec![*entry]).value(verified.arena(), form.result);
                assert_eq!(*value, expected, "{helper}({entry:#x})");
            }
        }
    }
}
