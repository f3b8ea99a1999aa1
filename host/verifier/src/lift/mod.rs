//! From WebAssembly to closed forms.
//!
//! In: a module of the integer subset ([`Module`]), a frozen configuration, a prover for questions about loops. Out,
//! per export: the result as one expression over the arguments, without control flow or memory; the most instructions
//! that any call executes, counted as wasmtime counts fuel; the stack it needs; and the [`Obligation`]s: what must be
//! proved impossible for the expression to stand for the code. Or the [`Findings`]: why no closed form exists.
//!
//! Guaranteed: while no obligation's condition is true for an input, the expression's value is the result of the
//! code for that input, the call ends within the instructions and the stack stated, and nothing outlives it. Lifting is
//! bounded by [`budget`] whatever the module. Not handled: proving the obligations; that is `prove`'s business.
//!
//! The bound on instructions is the longest path through the unrolled structure, reached wherever conditions on that
//! path do not exclude each other; it is never too low.

pub mod budget;
mod calls;
mod exec;
mod finding;
mod frame;
mod guard;
mod instr;
mod loops;
mod memory;
mod module;
mod monitor;
mod obligation;
mod oracle;
mod replay;
mod state;
mod step;
mod trace;
mod witness;

use ptwalk_abi::{Config, Helper};

pub use finding::{Finding, Findings, Place, Problem};
pub use module::{DecodeError, Module};
pub use obligation::{Hazard, Obligation};
pub use replay::{Ending, Replay};
pub use trace::{Effect, Goal, Path, PathStep, STEPS_MAX, Source, Traced, path};
pub use witness::{Answer, NoOracle, Oracle};

use crate::expr::{Arena, ExprId, Width};
use calls::CallFault;
use exec::Machine;

/// The closed form of one export.
#[derive(Clone, Debug)]
pub struct LiftedExport {
    /// Its name.
    pub name: String,
    /// The helper of that name, where the contract has one.
    pub helper: Option<Helper>,
    /// Index of the function, imports counted.
    pub function: u32,
    /// Widths of the arguments; argument `n` is input `n` of the expressions.
    pub inputs: Vec<Width>,
    /// The result; `None` where the export has none, or never returns (then an obligation says why).
    pub result: Option<ExprId>,
    /// Instructions that a call executes at most, as fuel of wasmtime.
    pub instructions: u32,
    /// Bytes of stack that a call needs at most: eight for each local and operand, and the shadow stack.
    pub stack_bytes: u64,
    /// What must be proved impossible, in the order of functions and operators.
    pub obligations: Vec<Obligation>,
    /// Checks that simplification alone has shown to be impossible.
    pub discharged: usize,
}

/// The closed forms of all exports of a plugin, in one arena so that laws can compare and compose them.
#[derive(Clone, Debug)]
pub struct Lifted {
    /// Holder of the expressions.
    pub arena: Arena,
    /// The exports, in the order of the module.
    pub exports: Vec<LiftedExport>,
}

impl Lifted {
    /// The closed form of an export.
    pub fn export(&self, name: &str) -> Option<&LiftedExport> {
        self.exports.iter().find(|export| export.name == name)
    }

    /// The closed form of a helper, where the plugin exports it.
    pub fn helper(&self, helper: Helper) -> Option<&LiftedExport> {
        self.exports.iter().find(|export| export.helper == Some(helper))
    }
}

/// Lifts every exported function of a module under one configuration.
///
/// # Errors
/// [`Findings`]: one for the call graph, or one for each export that has no closed form.
///
/// # Cost
/// Bounded by [`budget`] for each export, whatever the module.
pub fn lift(module: &Module<'_>, config: &Config, oracle: &mut dyn Oracle) -> Result<Lifted, Findings> {
    if let Err(fault) = calls::check(module) {
        return Err(Findings(vec![call_finding(module, fault)]));
    }
    let mut arena = Arena::new(budget::NODES_MAX);
    let mut table_entries = 0;
    let (mut exports, mut findings) = (Vec::new(), Vec::new());
    for (name, function) in &module.exports {
        match lift_export(module, config, name, *function, &mut arena, oracle, &mut table_entries) {
            Ok(export) => exports.push(export),
            Err(finding) => {
                let spent = matches!(finding.problem, Problem::Nodes { .. });
                findings.push(finding);
                // The node budget is the plugin's: once it is spent, every further export would say so.
                if spent {
                    break;
                }
            }
        }
    }
    if findings.is_empty() { Ok(Lifted { arena, exports }) } else { Err(Findings(findings)) }
}

fn lift_export(
    module: &Module<'_>,
    config: &Config,
    name: &str,
    function: u32,
    arena: &mut Arena,
    oracle: &mut dyn Oracle,
    table_entries: &mut u64,
) -> Result<LiftedExport, Finding> {
    let failed = |place, problem| Finding { export: Some(name.to_owned()), place, problem };
    let (inputs, results) = match module.type_of(function) {
        Some(ty) => (ty.params.clone(), ty.results.len()),
        None => (Vec::new(), 0),
    };
    if results > 1 {
        return Err(failed(None, Problem::Results { results }));
    }
    let machine = Machine::new(module, config, function, arena, oracle, table_entries);
    let mut machine = machine.map_err(|problem| failed(None, problem))?;
    let outcome = match machine.run() {
        Ok(outcome) => outcome,
        Err(problem) => return Err(failed(machine.place(), problem)),
    };
    Ok(LiftedExport {
        name: name.to_owned(),
        helper: Helper::by_name(name),
        function,
        inputs,
        result: outcome.result.filter(|_| results == 1),
        instructions: outcome.instructions,
        stack_bytes: outcome.stack_bytes,
        obligations: outcome.obligations,
        discharged: outcome.discharged,
    })
}

fn call_finding(module: &Module<'_>, fault: CallFault) -> Finding {
    let (first, problem) = match fault {
        CallFault::Cycle(cycle) => (cycle.first().copied(), Problem::Recursion { cycle }),
        CallFault::Deep { chain, depth } => {
            (chain.first().copied(), Problem::CallDepth { chain, depth, limit: budget::CALL_DEPTH_MAX })
        }
    };
    let export = module.exports.iter().find(|(_, function)| Some(*function) == first);
    Finding { export: export.map(|(name, _)| name.clone()), place: None, problem }
}

/// Executes an export on concrete arguments, for counterexamples and messages. `None` where there is no such export.
pub fn replay_export(module: &Module<'_>, config: &Config, name: &str, inputs: &[u64]) -> Option<Replay> {
    replay_up_to(module, config, name, inputs, u64::from(budget::WORK_MAX))
}

/// The same, given up after so many operators.
pub fn replay_up_to(
    module: &Module<'_>,
    config: &Config,
    name: &str,
    inputs: &[u64],
    operators_max: u64,
) -> Option<Replay> {
    let (function, inputs) = arguments(module, name, inputs)?;
    Some(replay::replay(module, config, function, &inputs, operators_max))
}

/// Executes calls one after another, each with the memory and globals that those before it have left. `None` where
/// there is no such export.
pub fn replay_calls(module: &Module<'_>, config: &Config, calls: &[(&str, &[u64])]) -> Option<Vec<Ending>> {
    let calls: Option<Vec<_>> = calls.iter().map(|(name, inputs)| arguments(module, name, inputs)).collect();
    Some(replay::replay_sequence(module, config, &calls?))
}

/// The function of an export, and arguments of its widths; those that are missing are 0.
fn arguments(module: &Module<'_>, name: &str, inputs: &[u64]) -> Option<(u32, Vec<u64>)> {
    let (_, function) = module.exports.iter().find(|(export, _)| export == name)?;
    let given = inputs.iter().copied().chain(std::iter::repeat(0));
    let widths = &module.type_of(*function)?.params;
    Some((*function, widths.iter().zip(given).map(|(width, value)| value & width.mask()).collect()))
}

#[cfg(test)]
mod tests;
