//! Ceilings of lifting, each with its unit and its reason.
//!
//! Exceeding one refuses the plugin and names the ceiling and the place that spent it. Ceilings on what a module
//! declares are in [`crate::limits`].

/// Nodes of the closed forms of one plugin, intermediate ones included. A plugin with every helper of the contract takes
/// some ten thousand; a node takes about 100 bytes.
pub const NODES_MAX: usize = 200_000;

/// Instructions that one call of an export may execute. The largest real helper executes some 200.
pub const INSTRUCTIONS_MAX: u32 = 4_096;

/// Iterations of one entry of a loop. Loops over the 64 bits of an entry, or over the 512 entries of a table's index,
/// fit with room.
pub const ITERATIONS_MAX: u32 = 1_024;

/// Functions that may be active at once, the export included. Each costs stack, and inlining multiplies along them.
pub const CALL_DEPTH_MAX: usize = 8;

/// Bytes of stack of one call: eight for each local and operand of the active functions, and the shadow stack.
pub const STACK_BYTES_MAX: u64 = 8 << 10;

/// Units of work for one export: an operator visited on any path, a value merged, a condition conjoined. The bound on
/// instructions limits the longest path alone; this limits all of them together, and operators that cost no fuel.
pub const WORK_MAX: u32 = 1 << 18;

/// Words (locals, operands, bytes of shadow stack) held by states that wait for a block to end, over all blocks.
/// Bounds memory: a branch out of a block copies its state.
pub const WAITING_WORDS_MAX: usize = 1 << 19;

/// Open blocks within one function at any time.
pub const NESTING_MAX: usize = 512;

/// Targets of one `br_table`.
pub const BR_TABLE_TARGETS_MAX: u32 = 1_024;

/// Entries of a table that one load may choose from. Each becomes an input of a multiplexer in a proof.
pub const TABLE_ENTRIES_MAX: u64 = 1 << 12;

/// Entries of all tables of one plugin: a bound on memory.
pub const TABLE_ENTRIES_TOTAL_MAX: u64 = 1 << 16;

/// Conditions of loops that the oracle is asked about, for one export. It has budgets of its own; this bounds the
/// number of questions.
pub const QUESTIONS_MAX: u32 = 2_048;

/// Instructions of one concrete replay, which finds the trip counts of nested loops for the message about them.
pub const REPLAY_INSTRUCTIONS_MAX: u64 = 16 << 20;
