//! Random small circuits against truth tables: rewriting on every gate, every engine on every question.

use super::{Finding, all_lanes, found, lane};
use crate::bits::aig::{Aig, InputBit, Lit};
use crate::bits::assume;
use crate::bits::bdd::{self, Bdd};
use crate::bits::budget::{self, QueryBudget};
use crate::bits::cone::{Cone, Model};
use crate::bits::decide::{Decider, Verdict};
use crate::bits::sat::{self, Sat};
use crate::bits::simulate::{Patterns, Random, Simulator, transpose};

/// Values of a function on all assignments of its inputs, 64 per word; input `i` is bit `i` of the assignment.
type Table = Vec<u64>;

/// Two input words; their bits are the inputs, those of the first word first.
struct Inputs {
    words: [u32; 2],
}

impl Inputs {
    fn count(&self) -> u32 {
        self.words[0] + self.words[1]
    }

    fn input_of(&self, word: u32, bit: u32) -> u32 {
        if word == 0 { bit } else { self.words[0] + bit }
    }

    /// Value of input `index` on the 64 assignments of a table word.
    fn lanes(&self, index: u32, table_word: u64) -> u64 {
        (0..64).fold(0, |lanes, lane| lanes | ((table_word * 64 + lane) >> index & 1) << lane)
    }

    fn table(&self, index: u32) -> Table {
        (0..1 << (self.count() - 6)).map(|table_word| self.lanes(index, table_word)).collect()
    }

    fn assignment(&self, model: &Model) -> usize {
        let bits = (0..2).flat_map(|word| (0..self.words[word as usize]).map(move |bit| (word, bit)));
        bits.fold(0, |sum, (word, bit)| {
            sum | usize::from(model.bit(InputBit { word, bit })) << self.input_of(word, bit)
        })
    }
}

fn table_at(table: &Table, assignment: usize) -> bool {
    table[assignment / 64] >> (assignment % 64) & 1 == 1
}

struct Circuit {
    g: Aig,
    inputs: Inputs,
    /// Every literal made, with its truth table.
    made: Vec<(Lit, Table)>,
}

impl Circuit {
    /// A random circuit that mostly works on what it made last, so that gates share operands and rules apply.
    fn random(random: &mut Random, gates: usize) -> Result<Circuit, Finding> {
        let words = [3 + random.below(3) as u32, 4 + random.below(2) as u32];
        let mut g = Aig::new(budget::GATES);
        let inputs = Inputs { words };
        let mut made = Vec::new();
        for word in 0..2 {
            let bits = found(g.input_word(inputs.words[word as usize]))?;
            made.extend((0..).zip(bits).map(|(bit, lit)| (lit, inputs.table(inputs.input_of(word, bit)))));
        }
        let mut circuit = Circuit { g, inputs, made };
        for _ in 0..gates {
            circuit.random_gate(random)?;
        }
        Ok(circuit)
    }

    fn pick(&self, random: &mut Random) -> (Lit, Table) {
        let window = if random.next().is_multiple_of(3) { self.made.len() } else { self.made.len().min(6) };
        let (lit, table) = &self.made[self.made.len() - 1 - random.below(window)];
        let flip = random.next().is_multiple_of(2);
        (lit.flip_if(flip), table.iter().map(|word| if flip { !word } else { *word }).collect())
    }

    fn random_gate(&mut self, random: &mut Random) -> Result<(), Finding> {
        let (a, ta) = self.pick(random);
        let (b, tb) = self.pick(random);
        let (c, tc) = self.pick(random);
        let zip = |f: &dyn Fn(u64, u64) -> u64| ta.iter().zip(&tb).map(|(&x, &y)| f(x, y)).collect::<Table>();
        let (lit, table) = match random.below(6) {
            0..=2 => (found(self.g.and(a, b))?, zip(&|x, y| x & y)),
            3 => (found(self.g.or(a, b))?, zip(&|x, y| x | y)),
            4 => (found(self.g.xor(a, b))?, zip(&|x, y| x ^ y)),
            _ => {
                let table = (0..ta.len()).map(|i| tc[i] & ta[i] | !tc[i] & tb[i]).collect();
                (found(self.g.mux(c, a, b))?, table)
            }
        };
        self.made.push((lit, table));
        Ok(())
    }

    /// The function of a truth table, by cofactoring from the highest input down: nothing in common with how the
    /// random circuit was built.
    fn rebuild(&mut self, table: &Table) -> Result<Lit, Finding> {
        let assignments = 1_usize << self.inputs.count();
        let mut rows: Vec<Lit> = (0..assignments).map(|index| Lit::constant(table_at(table, index))).collect();
        let inputs: Vec<Lit> = self.made[..self.inputs.count() as usize].iter().map(|made| made.0).collect();
        for input in inputs {
            rows = rows.chunks(2).map(|pair| found(self.g.mux(input, pair[1], pair[0]))).collect::<Result<_, _>>()?;
        }
        Ok(rows[0])
    }
}

/// Every literal of thousands of random circuits has the truth table its construction says.
pub(super) fn rewriting_keeps_truth_tables() -> Result<(), Finding> {
    let mut random = Random::new(1);
    for round in 0..2500 {
        let circuit = Circuit::random(&mut random, 40)?;
        for table_word in 0..1_u64 << (circuit.inputs.count() - 6) {
            let values =
                all_lanes(&circuit.g, |word, bit| circuit.inputs.lanes(circuit.inputs.input_of(word, bit), table_word));
            for (lit, table) in &circuit.made {
                if lane(&values, *lit) != table[table_word as usize] {
                    return Err(format!("circuit {round}: {lit:?} differs from its truth table"));
                }
            }
        }
    }
    Ok(())
}

/// A question with its answer: the root's truth table.
struct Question {
    circuit: Circuit,
    root: Lit,
    table: Table,
}

/// In turns: a random literal; a function against itself rebuilt from its truth table (never different); and against
/// itself with one row of the table flipped (different on exactly one input).
fn question(random: &mut Random, round: usize) -> Result<Question, Finding> {
    let mut circuit = Circuit::random(random, 30)?;
    let (lit, table) = circuit.pick(random);
    if round.is_multiple_of(3) {
        return Ok(Question { circuit, root: lit, table });
    }
    let mut rebuilt = table.clone();
    if round % 3 == 1 {
        let row = random.below(1 << circuit.inputs.count());
        rebuilt[row / 64] ^= 1 << (row % 64);
    }
    let other = circuit.rebuild(&rebuilt)?;
    let root = found(circuit.g.xor(lit, other))?;
    let table = table.iter().zip(&rebuilt).map(|(x, y)| x ^ y).collect();
    Ok(Question { circuit, root, table })
}

impl Question {
    fn is_false(&self) -> bool {
        self.table.iter().all(|&word| word == 0)
    }

    fn judge_proof(&self, engine: &str) -> Result<(), Finding> {
        if self.is_false() { Ok(()) } else { Err(format!("{engine} proves what does not hold")) }
    }

    fn judge_model(&self, engine: &str, model: &Model) -> Result<(), Finding> {
        if table_at(&self.table, self.circuit.inputs.assignment(model)) {
            return Ok(());
        }
        Err(format!("{engine} refutes with {model:x?}, on which the root is false"))
    }

    /// No set bit of a counterexample can be cleared.
    fn judge_minimal(&self, model: &Model) -> Result<(), Finding> {
        let assignment = self.circuit.inputs.assignment(model);
        for bit in (0..self.circuit.inputs.count()).filter(|bit| assignment >> bit & 1 == 1) {
            if table_at(&self.table, assignment & !(1 << bit)) {
                return Err(format!("{model:x?} is not minimal: input {bit} can be cleared"));
            }
        }
        Ok(())
    }
}

const BDD_ENOUGH: bdd::Ceiling = bdd::Ceiling { nodes: 1 << 20, steps: 1 << 30, deadline: None };
const SAT_ENOUGH: sat::Ceiling = sat::Ceiling { conflicts: 1 << 20, decisions: 1 << 30, deadline: None };

fn each_question(
    seed: u64,
    rounds: usize,
    mut judge: impl FnMut(&Question) -> Result<(), Finding>,
) -> Result<(), Finding> {
    let mut random = Random::new(seed);
    for round in 0..rounds {
        judge(&question(&mut random, round)?).map_err(|finding| format!("question {round}: {finding}"))?;
    }
    Ok(())
}

/// The decision diagram alone answers every question, and rightly.
pub(super) fn the_diagram_agrees_with_truth_tables() -> Result<(), Finding> {
    each_question(2, 1500, |question| {
        let cone = Cone::of(&question.circuit.g, question.root);
        match Bdd::new(&cone).run(&BDD_ENOUGH) {
            bdd::Outcome::AlwaysFalse => question.judge_proof("diagram"),
            bdd::Outcome::Model(model) => question.judge_model("diagram", &model),
            bdd::Outcome::Exhausted => Err("diagram ran out".to_owned()),
        }
    })
}

/// The SAT search alone answers every question, and rightly.
pub(super) fn the_sat_search_agrees_with_truth_tables() -> Result<(), Finding> {
    each_question(3, 1500, |question| {
        let cone = Cone::of(&question.circuit.g, question.root);
        match Sat::new(&cone).run(&SAT_ENOUGH) {
            sat::Outcome::AlwaysFalse => question.judge_proof("search"),
            sat::Outcome::Model(model) => question.judge_model("search", &model),
            sat::Outcome::Exhausted => Err("search ran out".to_owned()),
        }
    })
}

/// Both engines, run a few nodes and conflicts at a time, arrive at the same answers.
pub(super) fn interrupted_engines_arrive() -> Result<(), Finding> {
    each_question(4, 300, |question| {
        let cone = Cone::of(&question.circuit.g, question.root);
        diagram_in_slices(question, &cone)?;
        search_in_slices(question, &cone)
    })
}

const SLICES: u64 = 10_000;

fn diagram_in_slices(question: &Question, cone: &Cone) -> Result<(), Finding> {
    let mut diagram = Bdd::new(cone);
    for step in 1..=SLICES {
        let ceiling = bdd::Ceiling { nodes: step as usize * 7, steps: step * 50, deadline: None };
        match diagram.run(&ceiling) {
            bdd::Outcome::AlwaysFalse => return question.judge_proof("diagram"),
            bdd::Outcome::Model(model) => return question.judge_model("diagram", &model),
            bdd::Outcome::Exhausted => {}
        }
    }
    Err("diagram makes no progress".to_owned())
}

fn search_in_slices(question: &Question, cone: &Cone) -> Result<(), Finding> {
    let mut search = Sat::new(cone);
    for step in 1..=SLICES {
        let ceiling = sat::Ceiling { conflicts: step * 3, decisions: step * 40, deadline: None };
        match search.run(&ceiling) {
            sat::Outcome::AlwaysFalse => return question.judge_proof("search"),
            sat::Outcome::Model(model) => return question.judge_model("search", &model),
            sat::Outcome::Exhausted => {}
        }
    }
    Err("search makes no progress".to_owned())
}

/// Every lane simulation reports is a counterexample, and it finds the frequent ones.
pub(super) fn simulation_agrees_with_truth_tables() -> Result<(), Finding> {
    each_question(5, 600, |question| {
        let cone = Cone::of(&question.circuit.g, question.root);
        let mut simulator = Simulator::new(&cone);
        let mut patterns = Patterns::new(&cone);
        let mut hits = 0;
        while let Some(batch) = patterns.next_batch(cone.input_words()) {
            let lanes = simulator.run(|_, input| batch[input.word as usize][input.bit as usize]);
            for lane in (0..64).filter(|lane| lanes >> lane & 1 == 1) {
                hits += 1;
                let input_bits = |input: InputBit| batch[input.word as usize][input.bit as usize] >> lane & 1 == 1;
                question.judge_model("simulation", &cone.model(|index| input_bits(cone.inputs()[index])))?;
            }
        }
        let ones: u32 = question.table.iter().map(|word| word.count_ones()).sum();
        if hits == 0 && ones as usize * 16 > question.table.len() * 64 {
            return Err(format!("no hit where {ones} inputs are counterexamples"));
        }
        Ok(())
    })
}

/// The portfolio answers every question, rightly, and with a minimal counterexample.
pub(super) fn the_portfolio_agrees_with_truth_tables() -> Result<(), Finding> {
    let mut decider = Decider::default();
    each_question(6, 1500, |question| {
        // Models of earlier questions are tried first; their widths differ, which must not matter.
        match found(decider.always_false(&question.circuit.g, question.root))? {
            Verdict::Proved { by } => question.judge_proof(&format!("{by:?}")),
            Verdict::Refuted { model, by } => {
                question.judge_model(&format!("{by:?}"), &model)?;
                question.judge_minimal(&model)
            }
            Verdict::Unknown { spent, .. } => Err(format!("unknown after {spent:?}")),
        }
    })
}

/// A question rebuilt under its own conjuncts has the same truth table, and often fewer gates.
pub(super) fn rebuilding_keeps_truth_tables() -> Result<(), Finding> {
    let (mut random, mut smaller) = (Random::new(10), 0);
    for round in 0..1500 {
        let mut circuit = Circuit::random(&mut random, 30)?;
        let (mut root, mut table) = circuit.pick(&mut random);
        for _ in 0..random.below(5) {
            let (lit, other) = circuit.pick(&mut random);
            root = found(circuit.g.and(root, lit))?;
            table.iter_mut().zip(other).for_each(|(x, y)| *x &= y);
        }
        let cone = Cone::of(&circuit.g, root);
        let Some((rebuilt, root)) = found(assume::rebuilt(&circuit.g, &cone))? else { continue };
        smaller += 1;
        for (table_word, &expected) in (0..).zip(&table) {
            let values =
                all_lanes(&rebuilt, |word, bit| circuit.inputs.lanes(circuit.inputs.input_of(word, bit), table_word));
            if lane(&values, root) != expected {
                return Err(format!("question {round} differs from its truth table when rebuilt"));
            }
        }
    }
    if smaller < 300 { Err(format!("only {smaller} questions became smaller")) } else { Ok(()) }
}

/// With next to no budget some questions stay open, and those that do not are answered rightly.
pub(super) fn a_starved_portfolio_is_still_right() -> Result<(), Finding> {
    let mut open = 0;
    each_question(7, 600, |question| {
        let mut decider = Decider::new(QueryBudget { bdd_nodes: 6, sat_conflicts: 2, deadline: None });
        match found(decider.always_false(&question.circuit.g, question.root))? {
            Verdict::Proved { by } => question.judge_proof(&format!("{by:?}")),
            Verdict::Refuted { model, by } => question.judge_model(&format!("{by:?}"), &model),
            Verdict::Unknown { .. } => {
                open += 1;
                Ok(())
            }
        }
    })?;
    if open == 0 { Err("no question stayed open".to_owned()) } else { Ok(()) }
}

#[test]
fn rewriting_is_sound() -> Result<(), Finding> {
    rewriting_keeps_truth_tables()
}

#[test]
fn the_diagram_is_sound_and_complete() -> Result<(), Finding> {
    the_diagram_agrees_with_truth_tables()
}

#[test]
fn the_sat_search_is_sound_and_complete() -> Result<(), Finding> {
    the_sat_search_agrees_with_truth_tables()
}

#[test]
fn engines_resume_where_they_stopped() -> Result<(), Finding> {
    interrupted_engines_arrive()
}

#[test]
fn simulation_reports_only_counterexamples() -> Result<(), Finding> {
    simulation_agrees_with_truth_tables()
}

#[test]
fn rebuilding_is_sound() -> Result<(), Finding> {
    rebuilding_keeps_truth_tables()
}

#[test]
fn the_portfolio_is_sound_and_complete() -> Result<(), Finding> {
    the_portfolio_agrees_with_truth_tables()
}

#[test]
fn a_small_budget_costs_answers_not_soundness() -> Result<(), Finding> {
    a_starved_portfolio_is_still_right()
}

#[test]
fn transposition_swaps_rows_and_columns() {
    let mut random = Random::new(8);
    let original: [u64; 64] = std::array::from_fn(|_| random.next());
    let mut turned = original;
    transpose(&mut turned);
    for (row, word) in original.iter().enumerate() {
        for (column, other) in turned.iter().enumerate() {
            assert_eq!(word >> column & 1, other >> row & 1, "row {row}, column {column}");
        }
    }
}

#[test]
fn a_deep_chain_needs_no_stack() -> Result<(), Finding> {
    let mut g = Aig::new(budget::GATES);
    let inputs = found(g.input_word(64))?;
    let mut random = Random::new(9);
    let mut chain = inputs[0];
    for _ in 0..60_000 {
        let next = inputs[random.below(64)].flip_if(random.next().is_multiple_of(2));
        chain = found(if random.next().is_multiple_of(2) { g.xor(chain, next) } else { g.or(chain, next) })?;
        chain = found(g.and(chain, inputs[random.below(64)]))?;
    }
    let mut decider = Decider::default();
    match found(decider.always_false(&g, chain))? {
        Verdict::Refuted { model, .. } => assert!(g.evaluate(chain, &model)),
        Verdict::Proved { .. } | Verdict::Unknown { .. } => {}
    }
    Ok(())
}
