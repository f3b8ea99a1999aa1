//! Who calls whom in a plugin, and how many instructions a call can execute where that is plain from the code's shape.
//!
//! In: a [`ValidPlugin`]. Out: a [`CallGraph`]. Without a loop an instruction is executed at most once a call, so that
//! the length of a function and of all that it calls bounds its cost: no counter is needed at run time to know that it
//! ends. Guaranteed: a bound is never too low; where there is a loop, recursion, an indirect call or an instruction
//! whose cost depends on its operands, there is none. Not handled: which of the branches are taken, so that a bound may
//! be too high.

use ptwalk_verifier::validate::ValidPlugin;
use wasmparser::{BinaryReaderError, FunctionBody, Operator, Parser, Payload};

/// One function of a plugin.
#[derive(Default)]
struct Function {
    /// Instructions, but for those of the functions that it calls; `None` where their number is no bound.
    instructions: Option<u64>,
    /// The functions that it calls, once for each call.
    callees: Vec<u32>,
}

/// The functions of a plugin in the order of their indices, imports first.
pub(super) struct CallGraph {
    functions: Vec<Function>,
}

impl CallGraph {
    /// Reads every function once.
    ///
    /// # Errors
    /// Where a function does not decode, which validation rules out.
    pub fn new(plugin: &ValidPlugin) -> Result<CallGraph, BinaryReaderError> {
        // An import becomes a function of two instructions: a constant and its end.
        let import = || Function { instructions: Some(2), callees: Vec::new() };
        let mut functions: Vec<Function> = plugin.imports().iter().map(|_| import()).collect();
        for payload in Parser::new(0).parse_all(plugin.bytes()) {
            if let Payload::CodeSectionEntry(body) = payload? {
                functions.push(Function::read(&body)?);
            }
        }
        Ok(CallGraph { functions })
    }

    /// The most instructions that one call of any function can execute; `None` where that is not plain.
    ///
    /// # Cost
    /// At most one pass over all calls per level of calls.
    pub fn instructions_max(&self) -> Option<u64> {
        let mut bounds: Vec<Option<u64>> = vec![None; self.functions.len()];
        // A function has a bound once all that it calls have one; those that recurse never get there.
        loop {
            let mut settled = true;
            for (i, function) in self.functions.iter().enumerate().filter(|(_, f)| f.instructions.is_some()) {
                if bounds[i].is_none() {
                    bounds[i] = function.bound(&bounds);
                    settled &= bounds[i].is_none();
                }
            }
            if settled {
                return bounds.into_iter().try_fold(0, |most, bound| Some(bound?.max(most)));
            }
        }
    }

    /// Whether each function is one of `roots` or called, directly or not, by one.
    pub fn reachable(&self, roots: impl Iterator<Item = u32>) -> Vec<bool> {
        let mut reached = vec![false; self.functions.len()];
        let mut pending: Vec<u32> = roots.collect();
        while let Some(index) = pending.pop() {
            if let (Some(reached), Some(function)) =
                (reached.get_mut(index as usize), self.functions.get(index as usize))
                && !std::mem::replace(reached, true)
            {
                pending.extend(&function.callees);
            }
        }
        reached
    }
}

impl Function {
    fn read(body: &FunctionBody<'_>) -> Result<Function, BinaryReaderError> {
        let mut function = Function { instructions: Some(0), callees: Vec::new() };
        for operator in body.get_operators_reader()? {
            let operator = operator?;
            if let Operator::Call { function_index } = operator {
                function.callees.push(function_index);
            }
            let once = executes_at_most_once(&operator);
            function.instructions = function.instructions.filter(|_| once).map(|count| count + 1);
        }
        Ok(function)
    }

    fn bound(&self, bounds: &[Option<u64>]) -> Option<u64> {
        let of = |callee: &u32| bounds.get(*callee as usize).copied().flatten();
        self.callees.iter().try_fold(self.instructions?, |sum, callee| Some(sum.saturating_add(of(callee)?)))
    }
}

/// Whether an instruction is executed at most once in a function without such, and counts for no more than one. Of
/// these the subset that validation admits has only loops; the others would be calls that are not followed here.
fn executes_at_most_once(operator: &Operator<'_>) -> bool {
    !matches!(
        operator,
        Operator::Loop { .. }
            | Operator::CallIndirect { .. }
            | Operator::CallRef { .. }
            | Operator::ReturnCall { .. }
            | Operator::ReturnCallIndirect { .. }
            | Operator::ReturnCallRef { .. }
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The bound of a module whose functions are `functions`, besides the marker that every plugin exports.
    fn bound(functions: &str) -> Option<u64> {
        let text = format!(r#"(module (func (export "ptwalk_abi_1")) {functions})"#);
        let wasm = wat::parse_str(text).expect("the module is well-formed");
        let plugin = ValidPlugin::validate(&wasm).expect("the module is in the subset");
        CallGraph::new(&plugin).expect("a valid module decodes").instructions_max()
    }

    #[test]
    fn straight_code_costs_its_length_and_that_of_what_it_calls() {
        assert_eq!(bound(""), Some(1));
        assert_eq!(bound("(func $f nop nop) (func call $f call $f)"), Some(3 + 2 * 3));
        assert_eq!(bound("(func call 2) (func call 3) (func nop)"), Some(2 + 2 + 2));
        assert_eq!(bound("(func (param i32) local.get 0 if nop else nop end)"), Some(7), "both branches are counted");
    }

    #[test]
    fn calls_of_calls_multiply() {
        // Function n + 1 calls function n twice: 2^40 calls in a module of a few hundred bytes.
        let doubling: String = (1..=40).map(|callee| format!("(func call {callee} call {callee})")).collect();
        let bound = bound(&format!("(func nop) {doubling}")).expect("there is neither loop nor recursion");
        assert!(bound > 1 << 41, "{bound}");
    }

    #[test]
    fn loops_and_recursion_have_no_bound() {
        assert_eq!(bound("(func loop end)"), None);
        assert_eq!(bound("(func $f call $f)"), None);
        assert_eq!(bound("(func $f call $g) (func $g call $f)"), None);
        assert_eq!(bound("(func $f loop end) (func call $f)"), None);
    }

    #[test]
    fn what_is_called_is_reachable_and_nothing_else() {
        let text = r#"(module (func (export "ptwalk_abi_1")) (func call 2) (func call 1) (func call 1))"#;
        let plugin = ValidPlugin::validate(&wat::parse_str(text).expect("well-formed")).expect("in the subset");
        let graph = CallGraph::new(&plugin).expect("a valid module decodes");
        assert_eq!(graph.reachable([1].into_iter()), [false, true, true, false]);
        assert_eq!(graph.reachable(std::iter::empty()), [false; 4]);
    }
}
