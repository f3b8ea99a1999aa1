//! A query as closed forms of the entry.
//!
//! In: a verified plugin and a query. Out: [`Forms`]: whether a scan keeps the entry, its packed word, and its record, as
//! expressions over input 0 in one arena, so that what they share is computed once. Guaranteed: they mean what
//! [`Query::evaluate`] and [`Query::keeps`] say. Not handled: the index in a packed word, which is no matter of the entry.

use ptwalk_abi::Helper;
use ptwalk_verifier::expr::{Arena, BinaryOp, Built, ExprId, NodeBudgetSpent, Width};
use ptwalk_verifier::verify::VerifiedPlugin;

use super::super::query::{FactKind, FactSource, Query};
use super::super::{Condition, Facts};

/// What a query asks of an entry, as expressions.
#[derive(Clone, Copy, Debug)]
pub(super) struct Forms {
    /// Whether a scan keeps it; a truth value.
    pub keep: ExprId,
    /// Its packed word but for the index; 64 bits. Means nothing where it is not kept.
    pub word: ExprId,
    /// The facts of its record; 64 bits.
    pub facts: ExprId,
    /// The target of its record; 64 bits.
    pub target: ExprId,
    /// Whether a leaf that is kept can exist: `keep` without entries that are only passed through or absent.
    pub leaf: ExprId,
}

/// The closed forms of a query.
///
/// # Errors
/// Where they need more nodes than `arena` may hold.
pub(super) fn build(arena: &mut Arena, plugin: &VerifiedPlugin, query: &Query) -> Result<Forms, NodeBudgetSpent> {
    Builder { arena, plugin, query }.build()
}

struct Builder<'a> {
    arena: &'a mut Arena,
    plugin: &'a VerifiedPlugin,
    query: &'a Query,
}

impl Builder<'_> {
    fn build(&mut self) -> Result<Forms, NodeBudgetSpent> {
        let none = match self.query.skip_none {
            Some(helper) => self.truth(helper, 0)?,
            None => self.falsehood()?,
        };
        let all = self.facts()?;
        let some = self.arena.not(none)?;
        let meant = self.condition(&self.query.scan.keep, &all)?;
        let keep = self.arena.and(some, meant)?;
        let word = self.word(&all)?;
        let maps = match Helper::find(self.query.level, ptwalk_abi::Op::Leaf) {
            Some(_) => all[bit_number(Facts::MAPS)],
            // At the pte level whatever is present maps memory.
            None => self.arena.constant(Width::W1, 1)?,
        };
        let present = self.arena.and(maps, all[bit_number(Facts::PRESENT)])?;
        let leaf = self.arena.and(keep, present)?;
        let empty = self.arena.constant(Width::W64, Facts::NONE.0.into())?;
        let facts = self.gathered(&all, Facts(u32::MAX), 0)?;
        let facts = self.arena.select(none, empty, facts)?;
        let zero = self.arena.constant(Width::W64, 0)?;
        let target = self.target(&all)?;
        let target = self.arena.select(none, zero, target)?;
        Ok(Forms { keep, word, facts, target, leaf })
    }

    fn falsehood(&mut self) -> Built {
        self.arena.constant(Width::W1, 0)
    }

    /// A helper's result for the entry; `None` where nobody defines it.
    fn result(&mut self, helper: Helper, arg: u64) -> Result<Option<ExprId>, NodeBudgetSpent> {
        let Some(form) = self.plugin.form(helper) else { return Ok(None) };
        let entry = self.arena.input(0, Width::W64)?;
        let width = if helper.signature() == ptwalk_abi::Signature::Access { Width::W32 } else { Width::W64 };
        let arg = self.arena.constant(width, arg)?;
        self.arena.substitute(form.result, &[entry, arg]).map(Some)
    }

    fn truth(&mut self, helper: Helper, arg: u64) -> Built {
        match self.result(helper, arg)? {
            Some(result) => self.arena.truth(result),
            None => self.falsehood(),
        }
    }

    /// Each fact by the number of its bit.
    fn facts(&mut self) -> Result<Vec<ExprId>, NodeBudgetSpent> {
        let mut all = vec![self.falsehood()?; 32];
        let query = self.query;
        for FactSource { fact, helper, arg } in &query.facts {
            match fact {
                FactKind::Bit(bit) => {
                    let holds = self.truth(*helper, *arg)?;
                    let number = bit_number(*bit);
                    all[number] = self.arena.or(all[number], holds)?;
                }
                FactKind::Perms => {
                    let Some(perms) = self.result(*helper, *arg)? else { continue };
                    let first = bit_number(fact.possible());
                    for (number, bit) in (first..32).filter(|n| fact.possible().0 >> n & 1 == 1).zip(0u8..) {
                        all[number] = self.arena.bit(perms, bit)?;
                    }
                }
            }
        }
        Ok(all)
    }

    fn condition(&mut self, condition: &Condition, all: &[ExprId]) -> Built {
        match condition {
            Condition::Always => self.arena.constant(Width::W1, 1),
            Condition::Never => self.falsehood(),
            Condition::Any(any) => {
                let mut holds = self.falsehood()?;
                for (number, fact) in all.iter().enumerate() {
                    if any.0 >> number & 1 == 1 {
                        holds = self.arena.or(holds, *fact)?;
                    }
                }
                Ok(holds)
            }
            Condition::Not(inner) => {
                let inner = self.condition(inner, all)?;
                self.arena.not(inner)
            }
            Condition::And(a, b) => {
                let (a, b) = (self.condition(a, all)?, self.condition(b, all)?);
                self.arena.and(a, b)
            }
            Condition::Or(a, b) => {
                let (a, b) = (self.condition(a, all)?, self.condition(b, all)?);
                self.arena.or(a, b)
            }
        }
    }

    /// The facts of `wanted`, each at its bit above `shift`.
    fn gathered(&mut self, all: &[ExprId], wanted: Facts, shift: u32) -> Built {
        let mut word = self.arena.constant(Width::W64, 0)?;
        for (number, fact) in (0..).zip(all) {
            if wanted.0 >> number & 1 == 1 {
                let bit = self.arena.zext(*fact, Width::W64)?;
                let amount = self.arena.constant(Width::W64, u64::from(shift + number))?;
                let placed = self.arena.binary(BinaryOp::Shl, bit, amount)?;
                word = self.arena.or(word, placed)?;
            }
        }
        Ok(word)
    }

    fn word(&mut self, all: &[ExprId]) -> Built {
        let scan = &self.query.scan;
        let frame = match scan.frame {
            Some(helper) => self.result(helper, 0)?,
            None => None,
        };
        let facts = self.gathered(all, scan.shown, scan.layout.facts_shift())?;
        match frame {
            Some(frame) => self.arena.or(frame, facts),
            None => Ok(facts),
        }
    }

    /// The first reader whose facts all hold.
    fn target(&mut self, all: &[ExprId]) -> Built {
        let query = self.query;
        let mut target = self.arena.constant(Width::W64, 0)?;
        for (when, reader) in query.targets.iter().rev() {
            let mut holds = self.arena.constant(Width::W1, 1)?;
            for (number, fact) in all.iter().enumerate() {
                if when.0 >> number & 1 == 1 {
                    holds = self.arena.and(holds, *fact)?;
                }
            }
            let read = match self.result(*reader, 0)? {
                Some(read) => read,
                None => self.arena.constant(Width::W64, 0)?,
            };
            target = self.arena.select(holds, read, target)?;
        }
        Ok(target)
    }
}

/// The number of a fact's bit.
fn bit_number(fact: Facts) -> usize {
    fact.0.trailing_zeros() as usize
}
