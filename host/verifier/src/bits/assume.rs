//! What a conjunction says about its own parts.
//!
//! In: the cone of a question. Out: an equivalent question in a graph of its own, smaller where a precondition fixes
//! bits: in `present(x) & differs(x)` the second part is rebuilt with `x[0]` true. Guaranteed: the new root has the
//! same value as the old one on every input, and inputs keep their numbers. A decision diagram needs this, because it
//! builds every gate's function for all inputs, the precondition be what it may. Not handled: consequences beyond
//! constants.

use super::aig::{Aig, CircuitError, Lit};
use super::cone::Cone;
use crate::fault::{Fault, seeded};

/// Rebuildings of one question. Each finds the constants that the last one uncovered; few questions need three.
const ROUNDS: u32 = 8;

/// The question rebuilt under its own conjuncts, or `None` if that does not make it smaller.
///
/// # Errors
/// Those of [`Aig::and`] and [`Aig::input_word`], which do not happen: no rebuilt gate needs more than one gate.
///
/// # Cost
/// Linear in the cone and in the inputs of the graph, times a small constant; nothing unless the root is a conjunction.
pub(super) fn rebuilt(aig: &Aig, cone: &Cone) -> Result<Option<(Aig, Lit)>, CircuitError> {
    let mut best: Option<(Aig, Lit)> = None;
    let mut gates = cone.gates().len();
    for _ in 0..ROUNDS {
        let next = match &best {
            None => rebuild(aig.input_widths(), cone)?,
            Some((g, root)) => rebuild(aig.input_widths(), &Cone::of(g, *root))?,
        };
        let Some((g, root)) = next else { break };
        let left = Cone::of(&g, root).gates().len();
        if left >= gates {
            break;
        }
        gates = left;
        best = Some((g, root));
    }
    Ok(best)
}

/// One rebuilding. Conjuncts are replaced by constants only inside gates that come after them, so each is used to
/// simplify its successors and never itself.
fn rebuild(input_widths: &[u32], cone: &Cone) -> Result<Option<(Aig, Lit)>, CircuitError> {
    let (known, leaves) = conjuncts(cone);
    if leaves.len() < 2 {
        return Ok(None);
    }
    let mut g = Aig::new(u32::MAX);
    let words = input_widths.iter().map(|&width| g.input_word(width)).collect::<Result<Vec<_>, _>>()?;
    let mut built = vec![Lit::FALSE];
    built.extend(cone.inputs().iter().map(|input| words[input.word as usize][input.bit as usize]));
    for &(a, b) in cone.gates() {
        let [a, b] = [a, b].map(|lit| known[lit.node()].unwrap_or(built[lit.node()]).flip_if(lit.is_complemented()));
        built.push(g.and(a, b)?);
    }
    let mut root = Lit::TRUE;
    for leaf in leaves {
        root = g.and(root, built[leaf.node()].flip_if(leaf.is_complemented()))?;
    }
    Ok(Some((g, root)))
}

/// The constant each node has where the root is true, as far as the root's own conjunction says, and the literals
/// that it conjoins.
fn conjuncts(cone: &Cone) -> (Vec<Option<Lit>>, Vec<Lit>) {
    let first_gate = 1 + cone.inputs().len();
    let mut known: Vec<Option<Lit>> = vec![None; cone.len()];
    let mut leaves = Vec::new();
    let mut pending = vec![cone.root()];
    while let Some(lit) = pending.pop() {
        let value = Lit::constant(lit.is_complemented() == seeded(Fault::AssumedSign));
        if known[lit.node()].replace(value) == Some(value) {
            continue;
        }
        let gate = lit.node().checked_sub(first_gate).and_then(|gate| cone.gates().get(gate));
        match gate {
            Some(&(a, b)) if !lit.is_complemented() => pending.extend([a, b]),
            _ => leaves.push(lit),
        }
    }
    (known, leaves)
}
