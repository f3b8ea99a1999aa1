//! Whether a condition holds for some input: sample inputs first, then the prover.

use crate::expr::{Arena, Evaluator, ExprId, Width};
use crate::hash::KeyedMap;

/// What the prover says about a condition.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Answer {
    /// It holds for these arguments.
    Holds(Vec<u64>),
    /// It holds for none; proved.
    Never,
    /// The prover ran out of its budget.
    Unknown,
}

/// A prover that lifting asks whether a loop can go on.
///
/// [`Answer::Never`] must be a proof: the loop is then left at that point for every input. A wrong
/// [`Answer::Holds`] costs precision only.
pub trait Oracle {
    /// Whether some input makes the truth value `condition` true.
    fn satisfiable(&mut self, arena: &Arena, condition: ExprId) -> Answer;

    /// Whether it will answer no further question: there is then no use in going on with a loop that it left open.
    fn is_spent(&self) -> bool {
        false
    }
}

/// An oracle that never decides: loops end by simplification, or are refused at their cap.
#[derive(Clone, Copy, Debug, Default)]
pub struct NoOracle;

impl Oracle for NoOracle {
    fn satisfiable(&mut self, _: &Arena, _: ExprId) -> Answer {
        Answer::Unknown
    }
}

/// Inputs that often keep a loop running, tried before the prover is asked.
const SAMPLES: [u64; 7] = [u64::MAX, 0, 1, 2, 1 << 63, 0x5555_5555_5555_5555, 0x0123_4567_89ab_cdef];

/// Inputs that are remembered from the prover's answers.
const REMEMBERED_MAX: usize = 8;

/// Sample inputs with their values, and the answers so far.
pub(super) struct Witnesses {
    samples: Vec<Evaluator>,
    answers: KeyedMap<ExprId, Answer>,
    questions_left: u32,
}

impl Witnesses {
    pub(super) fn new(inputs: &[Width], questions_max: u32) -> Witnesses {
        let same = SAMPLES.iter().map(|sample| vec![*sample; inputs.len()]);
        let mixed = SAMPLES.iter().map(|sample| {
            (0..inputs.len()).map(|at| if at == 0 { *sample } else { SAMPLES[at % SAMPLES.len()] }).collect()
        });
        let fit = |values: Vec<u64>| {
            Evaluator::new(values.iter().zip(inputs).map(|(value, width)| value & width.mask()).collect())
        };
        let count = if inputs.is_empty() { 1 } else { usize::MAX };
        let samples = same.chain(mixed).map(fit).take(count).collect();
        Witnesses { samples, answers: KeyedMap::default(), questions_left: questions_max }
    }

    /// Whether some input makes `condition` true. The same question is put to the oracle once.
    pub(super) fn ask(&mut self, arena: &Arena, condition: ExprId, oracle: &mut dyn Oracle) -> Answer {
        if arena.is_zero(condition) {
            return Answer::Never;
        }
        for sample in &mut self.samples {
            if sample.value(arena, condition) != 0 {
                return Answer::Holds(sample.inputs().to_vec());
            }
        }
        if let Some(answer) = self.answers.get(&condition) {
            return answer.clone();
        }
        let Some(left) = self.questions_left.checked_sub(1) else { return Answer::Unknown };
        self.questions_left = left;
        let mut answer = oracle.satisfiable(arena, condition);
        if let Answer::Holds(input) = &answer {
            let mut sample = Evaluator::new(input.clone());
            // An input is believed only if it does what the oracle says.
            if sample.value(arena, condition) == 0 {
                answer = Answer::Unknown;
            } else {
                self.samples.truncate(SAMPLES.len() * 2 + REMEMBERED_MAX - 1);
                self.samples.insert(0, sample);
            }
        }
        self.answers.insert(condition, answer.clone());
        answer
    }
}
