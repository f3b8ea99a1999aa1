//! Laws as data: a formula is a list of terms, each after the terms it is made of.
//!
//! In: what the parser builds. Out: formulas that are well typed and print as text that parses to the same formula.
//! The list makes evaluation, printing and lowering loops: none of them recurses, however a law is nested. Not
//! handled here: what a helper computes.

use std::fmt;

use ptwalk_abi::{Extern, Helper, KVersion};

/// Index of a term in its formula.
pub type TermId = usize;

/// What the value of a term may be used as.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ty {
    /// A 64-bit number; arithmetic wraps.
    Number,
    /// A number that stands for a truth value, as predicates and single bits do: usable as either.
    Flag,
    /// A truth value.
    Condition,
    /// A kernel version.
    Version,
}

impl fmt::Display for Ty {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Ty::Number => "a number",
            Ty::Flag => "a predicate",
            Ty::Condition => "a condition",
            Ty::Version => "a kernel version",
        })
    }
}

/// Operators of one operand.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unary {
    /// `~a`: every bit inverted.
    Invert,
    /// `!a`: the condition does not hold.
    Not,
}

/// Operators of two operands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Binary {
    /// `a * b`, modulo 2^64.
    Mul,
    /// `a + b`, modulo 2^64.
    Add,
    /// `a - b`, modulo 2^64.
    Sub,
    /// `a << b`; 0 where b is 64 or more.
    Shl,
    /// `a >> b`, unsigned; 0 where b is 64 or more.
    Shr,
    /// `a & b`.
    And,
    /// `a ^ b`.
    Xor,
    /// `a | b`.
    Or,
    /// `a == b`.
    Eq,
    /// `a != b`.
    Ne,
    /// `a < b`, unsigned.
    Lt,
    /// `a <= b`, unsigned.
    Le,
    /// `a > b`, unsigned.
    Gt,
    /// `a >= b`, unsigned.
    Ge,
    /// `a && b`.
    Both,
    /// `a || b`.
    Either,
    /// `a => b`: b holds where a does.
    Implies,
    /// `a <=> b`: both hold or neither.
    Iff,
}

/// How tightly an operator binds, loosest first. As in Rust, and unlike in C, `&` binds tighter than `==`.
pub mod power {
    /// `<=>`, which does not chain.
    pub const IFF: u8 = 1;
    /// `=>`, to the right.
    pub const IMPLIES: u8 = 2;
    /// `||`.
    pub const EITHER: u8 = 3;
    /// `&&`.
    pub const BOTH: u8 = 4;
    /// Comparisons, which do not chain.
    pub const COMPARE: u8 = 5;
    /// `|`.
    pub const OR: u8 = 6;
    /// `^`.
    pub const XOR: u8 = 7;
    /// `&`.
    pub const AND: u8 = 8;
    /// `<<` and `>>`.
    pub const SHIFT: u8 = 9;
    /// `+` and `-`.
    pub const ADD: u8 = 10;
    /// `*`.
    pub const MUL: u8 = 11;
    /// `~` and `!`.
    pub const PREFIX: u8 = 12;
    /// Names, numbers, calls, bit selections.
    pub const ATOM: u8 = 13;
}

impl Binary {
    /// Every operator.
    pub const ALL: [Binary; 18] = {
        use Binary::*;
        [Mul, Add, Sub, Shl, Shr, And, Xor, Or, Eq, Ne, Lt, Le, Gt, Ge, Both, Either, Implies, Iff]
    };

    /// As it is written.
    pub const fn symbol(self) -> &'static str {
        match self {
            Binary::Mul => "*",
            Binary::Add => "+",
            Binary::Sub => "-",
            Binary::Shl => "<<",
            Binary::Shr => ">>",
            Binary::And => "&",
            Binary::Xor => "^",
            Binary::Or => "|",
            Binary::Eq => "==",
            Binary::Ne => "!=",
            Binary::Lt => "<",
            Binary::Le => "<=",
            Binary::Gt => ">",
            Binary::Ge => ">=",
            Binary::Both => "&&",
            Binary::Either => "||",
            Binary::Implies => "=>",
            Binary::Iff => "<=>",
        }
    }

    /// How tightly it binds; see [`power`].
    pub const fn power(self) -> u8 {
        match self {
            Binary::Mul => power::MUL,
            Binary::Add | Binary::Sub => power::ADD,
            Binary::Shl | Binary::Shr => power::SHIFT,
            Binary::And => power::AND,
            Binary::Xor => power::XOR,
            Binary::Or => power::OR,
            Binary::Eq | Binary::Ne | Binary::Lt | Binary::Le | Binary::Gt | Binary::Ge => power::COMPARE,
            Binary::Both => power::BOTH,
            Binary::Either => power::EITHER,
            Binary::Implies => power::IMPLIES,
            Binary::Iff => power::IFF,
        }
    }

    /// Powers that the left and right operand need at least to stand without parentheses.
    pub const fn operand_powers(self) -> (u8, u8) {
        let own = self.power();
        match self {
            Binary::Implies => (own + 1, own),
            Binary::Iff => (own + 1, own + 1),
            _ if own == power::COMPARE => (own + 1, own + 1),
            _ => (own, own + 1),
        }
    }
}

/// One term. Operands are terms that come before it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Term {
    /// A quantified variable, by its place in [`Formula::vars`].
    Var(usize),
    /// A number, as it was written.
    Number {
        /// Its value.
        value: u64,
        /// Written in hexadecimal.
        hex: bool,
    },
    /// A kernel version.
    Version(KVersion),
    /// The value of a kconfig extern: its 32 bits, zero-extended.
    Extern(Extern),
    /// Whether the plugin exports a helper (only in `when`).
    Exports(Helper),
    /// A helper's result, its 32 bits zero-extended where it returns an i32.
    Call(Helper, Vec<TermId>),
    /// `a[high:low]`, shifted down; `a[bit]` where high and low are one.
    Bits {
        /// What the bits are taken from.
        of: TermId,
        /// Highest bit taken.
        high: u32,
        /// Lowest bit taken.
        low: u32,
    },
    /// A number used as a condition: whether it is not 0. Not written.
    Truth(TermId),
    /// An operator and its operand.
    Unary(Unary, TermId),
    /// An operator and its operands.
    Binary(Binary, TermId, TermId),
}

/// One law without its name: `forall vars where precondition. claim when when`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Formula {
    pub(super) vars: Vec<String>,
    pub(super) terms: Vec<Term>,
    pub(super) precondition: Option<TermId>,
    pub(super) claim: TermId,
    pub(super) when: Option<TermId>,
}

impl Formula {
    /// The quantified variables, all of them u64.
    pub fn vars(&self) -> &[String] {
        &self.vars
    }

    /// The terms, each after its operands.
    pub fn terms(&self) -> &[Term] {
        &self.terms
    }

    /// The condition on the variables under which the claim is made.
    pub fn precondition(&self) -> Option<TermId> {
        self.precondition
    }

    /// What holds.
    pub fn claim(&self) -> TermId {
        self.claim
    }

    /// The condition on the configuration under which the law applies.
    pub fn when(&self) -> Option<TermId> {
        self.when
    }

    /// The numbers that are written in it.
    pub fn numbers(&self) -> impl Iterator<Item = u64> {
        self.terms.iter().filter_map(|term| if let Term::Number { value, .. } = term { Some(*value) } else { None })
    }

    /// The helpers called, each once, in the order of the helper list.
    pub fn helpers(&self) -> Vec<Helper> {
        let mut called: Vec<Helper> = self
            .terms
            .iter()
            .filter_map(|t| if let Term::Call(helper, _) = t { Some(*helper) } else { None })
            .collect();
        called.sort_unstable();
        called.dedup();
        called
    }

    /// The terms of the `when` clause alone: it is parsed last, so they are all that follows the claim.
    fn when_terms(&self) -> impl Iterator<Item = &Term> {
        self.terms.iter().skip(self.claim + 1)
    }

    /// The externs that the `when` clause reads, each once.
    pub fn when_externs(&self) -> Vec<Extern> {
        let mut read: Vec<Extern> =
            self.when_terms().filter_map(|t| if let Term::Extern(key) = t { Some(*key) } else { None }).collect();
        read.sort_unstable();
        read.dedup();
        read
    }

    /// The helpers that the `when` clause asks to be exported, each once.
    pub fn when_exports(&self) -> Vec<Helper> {
        let mut asked: Vec<Helper> = self
            .when_terms()
            .filter_map(|t| if let Term::Exports(helper) = t { Some(*helper) } else { None })
            .collect();
        asked.sort_unstable();
        asked.dedup();
        asked
    }

    /// Text of one term, with the fewest parentheses.
    pub fn term_text(&self, root: TermId) -> String {
        let mut texts: Vec<(String, u8)> = Vec::with_capacity(self.terms.len());
        for term in self.terms.iter().take(root + 1) {
            let text = self.one_text(term, &mut texts);
            texts.push(text);
        }
        texts.pop().map_or_else(String::new, |(text, _)| text)
    }

    /// Takes the operands' texts: each term is the operand of one other at most, so that nothing is copied twice.
    fn one_text(&self, term: &Term, texts: &mut [(String, u8)]) -> (String, u8) {
        let mut take = |id: TermId, least: u8| {
            let (text, power) = texts.get_mut(id).map(std::mem::take).unwrap_or_default();
            if power < least { format!("({text})") } else { text }
        };
        match term {
            Term::Var(place) => (self.vars.get(*place).cloned().unwrap_or_default(), power::ATOM),
            Term::Number { value, hex: true } => (format!("{value:#x}"), power::ATOM),
            Term::Number { value, hex: false } => (value.to_string(), power::ATOM),
            Term::Version(version) => (version.to_string(), power::ATOM),
            Term::Extern(key) => (key.name().to_owned(), power::ATOM),
            Term::Exports(helper) => (format!("exports({helper})"), power::ATOM),
            Term::Call(helper, args) => {
                let args: Vec<String> = args.iter().map(|arg| take(*arg, power::IFF)).collect();
                (format!("{helper}({})", args.join(", ")), power::ATOM)
            }
            Term::Bits { of, high, low } => {
                let of = take(*of, power::ATOM);
                (if high == low { format!("{of}[{high}]") } else { format!("{of}[{high}:{low}]") }, power::ATOM)
            }
            Term::Truth(of) => texts.get_mut(*of).map(std::mem::take).unwrap_or_default(),
            Term::Unary(op, of) => {
                let symbol = if *op == Unary::Not { '!' } else { '~' };
                (format!("{symbol}{}", take(*of, power::PREFIX)), power::PREFIX)
            }
            Term::Binary(op, a, b) => {
                let (left, right) = op.operand_powers();
                (format!("{} {} {}", take(*a, left), op.symbol(), take(*b, right)), op.power())
            }
        }
    }
}

impl fmt::Display for Formula {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if !self.vars.is_empty() {
            write!(f, "forall ")?;
            for (i, var) in self.vars.iter().enumerate() {
                write!(f, "{}{var}: u64", if i == 0 { "" } else { ", " })?;
            }
            if let Some(precondition) = self.precondition {
                write!(f, " where {}", self.term_text(precondition))?;
            }
            write!(f, ". ")?;
        }
        f.write_str(&self.term_text(self.claim))?;
        match self.when {
            Some(when) => write!(f, " when {}", self.term_text(when)),
            None => Ok(()),
        }
    }
}
