//! What lifting found wrong, as facts; text is made in `Display` only.

use std::fmt;

use ptwalk_abi::KCONFIG_MODULE;

use super::obligation::Hazard;

/// A place in the plugin.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Place {
    /// Index of the function, imports counted.
    pub function: u32,
    /// Byte offset of the operator in the module.
    pub offset: usize,
    /// The operator as WAT writes it.
    pub op: String,
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "function {}, offset {:#x}, {}", self.function, self.offset, self.op)
    }
}

/// A reason for which no closed form exists. The plugin is at fault.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Problem {
    /// Functions call each other in a circle.
    #[error("recursion: {}", arrows(cycle))]
    Recursion {
        /// The circle; the first function is repeated at the end.
        cycle: Vec<u32>,
    },
    /// A chain of calls is too long.
    #[error("calls nest {depth} deep, at most {limit} are allowed: {}", arrows(chain))]
    CallDepth {
        /// The chain, from the caller on; cut if very long.
        chain: Vec<u32>,
        /// Functions on it.
        depth: usize,
        /// The ceiling.
        limit: usize,
    },
    /// A call needs too much stack.
    #[error("{bytes} bytes of stack, at most {limit} are allowed")]
    StackBytes {
        /// Bytes of locals, operands and shadow stack.
        bytes: u64,
        /// The ceiling.
        limit: u64,
    },
    /// A loop that is never left, or goes on for too long, unless an input ends it otherwise.
    #[error("{hazard} in a loop that is not left{}", for_input(&Some(input.clone())))]
    Traps {
        /// What it does.
        hazard: Hazard,
        /// Arguments for which it does.
        input: Vec<u64>,
    },
    /// A loop is not left once it is in this state.
    #[error("the loop is never left: {iterations} iterations did not change that{}", for_input(input))]
    NoExit {
        /// Iterations made.
        iterations: u32,
        /// Arguments for which it loops; `None` where it does for all that reach it.
        input: Option<Vec<u64>>,
    },
    /// A loop goes on for some input.
    #[error("still looping after {iterations} iterations and {instructions} instructions{}", for_input(&Some(input.clone())))]
    StillLooping {
        /// Arguments for which it does.
        input: Vec<u64>,
        /// Iterations made.
        iterations: u32,
        /// Instructions executed until then, at most.
        instructions: u32,
    },
    /// A loop may go on; no input is known for which it does.
    #[error("the loop may go on after {iterations} iterations, and the prover could not decide it")]
    UndecidedLoop {
        /// Iterations made.
        iterations: u32,
        /// Instructions executed until then, at most.
        instructions: u32,
    },
    /// Nested loops multiply beyond the ceiling.
    #[error("nested loops of {} iterations: more than {limit} instructions{}", times(factors), for_input(&Some(input.clone())))]
    NestedLoops {
        /// Iterations of each, the outermost first; at least that many.
        factors: Vec<u64>,
        /// Arguments for which they were counted.
        input: Vec<u64>,
        /// The ceiling on instructions.
        limit: u32,
    },
    /// One call executes too many instructions.
    #[error("more than {limit} instructions in one call")]
    Instructions {
        /// The ceiling.
        limit: u32,
    },
    /// The closed forms need too many nodes.
    #[error("the closed forms need more than {limit} nodes")]
    Nodes {
        /// The ceiling.
        limit: usize,
    },
    /// All paths together take too much work.
    #[error("the paths together take more than {limit} steps of work")]
    Work {
        /// The ceiling.
        limit: u32,
    },
    /// States that wait for a block to end hold too much.
    #[error("states at the ends of open blocks hold more than {limit} words")]
    WaitingWords {
        /// The ceiling.
        limit: usize,
    },
    /// A load may choose from too many entries, or all loads together.
    #[error("a load chooses from {entries} entries of read-only data, at most {limit} are allowed")]
    TableEntries {
        /// The entries.
        entries: u64,
        /// The ceiling.
        limit: u64,
    },
    /// A call of an import that is not a value of the configuration.
    #[error("`{module}.{name}` is not a value of the configuration, which is imported from `{KCONFIG_MODULE}`")]
    Import {
        /// Its module.
        module: String,
        /// Its name.
        name: String,
    },
    /// The function has more than one result.
    #[error("{results} results; a helper has at most one")]
    Results {
        /// Their number.
        results: usize,
    },
}

impl Problem {
    /// The code under which the reason is explained.
    pub const fn code(&self) -> &'static str {
        match self {
            Problem::Recursion { .. } => "T230",
            Problem::CallDepth { .. } => "K301",
            Problem::StackBytes { .. } => "K302",
            Problem::Traps { hazard, .. } => hazard.code(),
            Problem::NoExit { .. } => "T200",
            Problem::StillLooping { .. } => "T210",
            Problem::UndecidedLoop { .. } => "L910",
            Problem::NestedLoops { .. } => "T220",
            Problem::Instructions { .. } => "T240",
            Problem::Nodes { .. } => "L902",
            Problem::Work { .. } => "L907",
            Problem::WaitingWords { .. } => "L908",
            Problem::TableEntries { .. } => "L906",
            Problem::Import { .. } => "S110",
            Problem::Results { .. } => "S121",
        }
    }
}

/// A problem and where it lies.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    /// The export that was lifted; `None` where the module as a whole is concerned.
    pub export: Option<String>,
    /// The operator at which lifting stopped, where there is one.
    pub place: Option<Place>,
    /// What is wrong.
    pub problem: Problem,
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ", self.problem.code())?;
        if let Some(export) = &self.export {
            write!(f, "{}: ", export.escape_default())?;
        }
        write!(f, "{}", self.problem)?;
        self.place.as_ref().map_or(Ok(()), |place| write!(f, " ({place})"))
    }
}

/// Everything that lifting found wrong with a plugin; never empty.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Findings(pub Vec<Finding>);

impl fmt::Display for Findings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, finding) in self.0.iter().enumerate() {
            write!(f, "{}{finding}", if index == 0 { "" } else { "; " })?;
        }
        Ok(())
    }
}

impl std::error::Error for Findings {}

fn arrows(functions: &[u32]) -> String {
    let names: Vec<String> = functions.iter().map(u32::to_string).collect();
    names.join(" → ")
}

fn times(factors: &[u64]) -> String {
    let factors: Vec<String> = factors.iter().map(u64::to_string).collect();
    factors.join(" × ")
}

fn for_input(input: &Option<Vec<u64>>) -> String {
    match input {
        None => String::new(),
        Some(input) if input.is_empty() => String::new(),
        Some(input) => {
            let values: Vec<String> = input.iter().map(|value| format!("{value:#x}")).collect();
            format!(", for ({})", values.join(", "))
        }
    }
}
