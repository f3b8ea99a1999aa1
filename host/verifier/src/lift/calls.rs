//! The call graph: that it has no cycle, and how deep it goes.
//!
//! In: a module. Out: nothing, or the cycle or chain that is refused. Whether a call is ever reached does not matter:
//! recursion behind a condition is refused all the same. Every function is visited once, without host recursion.

use super::budget::CALL_DEPTH_MAX;
use super::instr::Instr;
use super::module::Module;

/// Functions of a chain that a message lists; longer chains are cut in the middle of nowhere, their length is told.
const CHAIN_SHOWN_MAX: usize = 16;

/// What is wrong with the call graph.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum CallFault {
    /// Functions that call each other in a circle; the first is repeated at the end.
    Cycle(Vec<u32>),
    /// A chain of calls beyond the ceiling: its first functions, and its length.
    Deep { chain: Vec<u32>, depth: usize },
}

/// Depth of the calls below each function, or the first fault.
pub(super) fn check(module: &Module<'_>) -> Result<(), CallFault> {
    let count = module.imports.len() + module.functions.len();
    let callees: Vec<Vec<usize>> = (0..count).map(|function| callees(module, function)).collect();
    // Functions active at most when the function runs, and the callee on that chain; 0 while not visited.
    let mut depth = vec![0usize; count];
    let mut deepest = vec![None; count];
    let mut on_path = vec![false; count];
    for root in 0..count {
        let mut path = vec![(root, 0usize)];
        if depth[root] > 0 {
            continue;
        }
        on_path[root] = true;
        while let Some((function, next)) = path.last_mut() {
            let (function, position) = (*function, *next);
            *next += 1;
            match callees[function].get(position).copied() {
                Some(callee) if on_path[callee] => {
                    let from = path.iter().position(|(on, _)| *on == callee).unwrap_or(0);
                    let mut cycle: Vec<u32> = path[from..].iter().map(|(on, _)| index(*on)).collect();
                    cycle.truncate(CHAIN_SHOWN_MAX);
                    cycle.push(index(callee));
                    return Err(CallFault::Cycle(cycle));
                }
                Some(callee) if depth[callee] == 0 => {
                    on_path[callee] = true;
                    path.push((callee, 0));
                }
                Some(_) => {}
                None => {
                    let best = callees[function].iter().copied().max_by_key(|callee| depth[*callee]);
                    // An import is folded to a constant: it takes no stack.
                    let own = usize::from(function >= module.imports.len());
                    depth[function] = 1.max(own + best.map_or(0, |callee| depth[callee]));
                    deepest[function] = best;
                    on_path[function] = false;
                    path.pop();
                }
            }
        }
    }
    let Some(start) = (0..count).filter(|function| depth[*function] > CALL_DEPTH_MAX).max_by_key(|f| depth[*f]) else {
        return Ok(());
    };
    let chain = std::iter::successors(Some(start), |function| deepest[*function]).take(CHAIN_SHOWN_MAX);
    Err(CallFault::Deep { chain: chain.map(index).collect(), depth: depth[start] })
}

fn index(function: usize) -> u32 {
    u32::try_from(function).unwrap_or(u32::MAX)
}

/// Functions that a function calls, each once, in ascending order; imports are left out.
fn callees(module: &Module<'_>, function: usize) -> Vec<usize> {
    let Some(function) = function.checked_sub(module.imports.len()).and_then(|defined| module.functions.get(defined))
    else {
        return Vec::new();
    };
    let calls = function.code.iter().filter_map(|instr| match instr {
        Instr::Call(callee) => Some(*callee as usize).filter(|callee| *callee >= module.imports.len()),
        _ => None,
    });
    let mut callees: Vec<usize> = calls.collect();
    callees.sort_unstable();
    callees.dedup();
    callees
}
