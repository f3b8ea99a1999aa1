//! Closed forms as mathematics.
//!
//! In: an expression and the names of the inputs. Out: one line, `x[47:12]`, `x | 1<<57`, `x[51] & ~x[7]`. Operators bind
//! as in C: `* / %`, `+ -`, `<< >>`, relations, `&`, `^`, `|`, `if`. A suffix says how words are read where it matters:
//! `<u <s /u /s >>s`. Bits are in the manuals' high:low notation. What is long and used twice, and what is very long,
//! gets a name after `where`, so the text is linear in the expression.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use super::field::{Field, shifted};
use super::{Arena, BinaryOp, CompareOp, ExprId, Node, UnaryOp, Width};

/// Binding strength, weakest first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Prec {
    If,
    Or,
    Xor,
    And,
    Relation,
    Shift,
    Sum,
    Product,
    Unary,
    Atom,
}

/// Characters from which a text that is used more than once gets a name, and from which any text does.
const SHARED_CHARS: usize = 24;
const LONG_CHARS: usize = 240;
/// Entries of a table that are printed; longer tables show their length.
const TABLE_ENTRIES_SHOWN: usize = 8;
/// Runs of bits up to which a cube is printed as a conjunction of bit tests.
const RUNS_SHOWN: usize = 6;

/// An expression with the names of its inputs, ready to be displayed.
#[derive(Clone, Copy, Debug)]
pub struct Printer<'a> {
    arena: &'a Arena,
    root: ExprId,
    names: &'a [&'a str],
}

impl Arena {
    /// The expression as mathematics; inputs without a name are `in0`, `in1`, ….
    pub fn display<'a>(&'a self, root: ExprId, names: &'a [&'a str]) -> Printer<'a> {
        Printer { arena: self, root, names }
    }
}

impl fmt::Display for Printer<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let order = self.visible();
        let mut uses: BTreeMap<ExprId, usize> = BTreeMap::new();
        for &id in &order {
            self.render(id, &mut |child, _| {
                *uses.entry(child).or_default() += 1;
                String::new()
            });
        }
        let mut texts: BTreeMap<ExprId, (String, Prec)> = BTreeMap::new();
        let mut named = Vec::new();
        for &id in &order {
            let same = self.same_text(id).and_then(|inner| texts.get(&inner).cloned());
            let (text, prec) = same.unwrap_or_else(|| {
                self.render(id, &mut |child, at_least| match texts.get(&child) {
                    Some((text, prec)) if *prec >= at_least => text.clone(),
                    Some((text, _)) => format!("({text})"),
                    None => String::new(),
                })
            });
            let shared = uses.get(&id).is_some_and(|uses| *uses > 1) && text.len() > SHARED_CHARS;
            if id != self.root && (shared || text.len() > LONG_CHARS) {
                let name = format!("t{}", named.len() + 1);
                texts.insert(id, (name.clone(), Prec::Atom));
                named.push((name, text));
            } else {
                texts.insert(id, (text, prec));
            }
        }
        if let Some((text, _)) = texts.get(&self.root) {
            f.write_str(text)?;
        }
        for (index, (name, text)) in named.iter().enumerate() {
            write!(f, "{} {name} = {text}", if index == 0 { " where" } else { ";" })?;
        }
        Ok(())
    }
}

impl Printer<'_> {
    /// The expressions whose text appears in that of the root, operands first.
    fn visible(&self) -> Vec<ExprId> {
        let mut seen = BTreeSet::new();
        let mut open = vec![self.root];
        while let Some(id) = open.pop() {
            if seen.insert(id) {
                self.render(id, &mut |child, _| {
                    open.push(child);
                    String::new()
                });
            }
        }
        seen.into_iter().collect()
    }

    /// The text of one expression; `child` gives that of a part, in parentheses where it binds too weakly.
    fn render(&self, id: ExprId, child: &mut dyn FnMut(ExprId, Prec) -> String) -> (String, Prec) {
        if self.arena.width(id) == Width::W1 { self.render_truth(id, child) } else { self.render_word(id, child) }
    }

    fn render_truth(&self, id: ExprId, child: &mut dyn FnMut(ExprId, Prec) -> String) -> (String, Prec) {
        match self.arena.node(id) {
            Node::Bit(word, bit) => (format!("{}[{bit}]", child(word, Prec::Atom)), Prec::Atom),
            Node::Not(inner) => match self.arena.node(inner) {
                Node::Compare(CompareOp::Eq, a, b) => self.render_equal(inner, a, b, true, child),
                Node::Compare(op, a, b) => {
                    let sign = if op == CompareOp::Ult { ">=u" } else { ">=s" };
                    let (a, b) = (child(a, Prec::Shift), child(b, Prec::Shift));
                    (format!("{a} {sign} {b}"), Prec::Relation)
                }
                _ => (format!("~{}", child(inner, Prec::Unary)), Prec::Unary),
            },
            Node::Compare(CompareOp::Eq, a, b) => self.render_equal(id, a, b, false, child),
            Node::Compare(op, a, b) => {
                let sign = if op == CompareOp::Ult { "<u" } else { "<s" };
                let (a, b) = (child(a, Prec::Shift), child(b, Prec::Shift));
                (format!("{a} {sign} {b}"), Prec::Relation)
            }
            _ => self.render_word(id, child),
        }
    }

    /// `a == b` or `a != b`; a cube as tests of its runs of bits.
    fn render_equal(
        &self,
        id: ExprId,
        a: ExprId,
        b: ExprId,
        negated: bool,
        child: &mut dyn FnMut(ExprId, Prec) -> String,
    ) -> (String, Prec) {
        let sign = if negated { "!=" } else { "==" };
        let cube = self
            .arena
            .as_cube(id)
            .filter(|cube| self.arena.with_const(BinaryOp::And, a).is_some_and(|(base, _)| base == cube.base));
        let Some(cube) = cube else {
            let (a, b) = (child(a, Prec::Shift), child(b, Prec::Shift));
            return (format!("{a} {sign} {b}"), Prec::Relation);
        };
        let runs = runs(cube.mask);
        if runs.len() > RUNS_SHOWN {
            let base = child(cube.base, Prec::And);
            return (format!("({base} & {:#x}) {sign} {:#x}", cube.mask, cube.value), Prec::Relation);
        }
        let base = child(cube.base, Prec::Atom);
        let tests: Vec<String> = runs
            .iter()
            .rev()
            .map(|&(high, low)| {
                let value = (cube.value >> low) & (u64::MAX >> (63 - (high - low)));
                match (high == low, (value == 1) != negated) {
                    (true, true) => format!("{base}[{high}]"),
                    (true, false) => format!("~{base}[{high}]"),
                    (false, _) => format!("{base}[{high}:{low}] {sign} {}", constant(value, Width::W64).0),
                }
            })
            .collect();
        match (tests.len(), negated) {
            (1, _) => (tests.concat(), Prec::Relation),
            (_, false) => (tests.join(" & "), Prec::And),
            (_, true) => (tests.join(" | "), Prec::Or),
        }
    }

    fn render_word(&self, id: ExprId, child: &mut dyn FnMut(ExprId, Prec) -> String) -> (String, Prec) {
        let width = self.arena.width(id);
        let field = self.arena.field_of(id);
        match self.arena.node(id) {
            Node::Const(value) => constant(value, width),
            Node::Input(index) => {
                let name = usize::try_from(index).ok().and_then(|index| self.names.get(index));
                (name.map_or_else(|| format!("in{index}"), |name| (*name).to_owned()), Prec::Atom)
            }
            Node::Zext(inner) if self.arena.width(inner) == Width::W1 => (child(inner, Prec::If), Prec::If),
            _ if width != Width::W1 && field.base != id => self.render_field(field, width, child),
            Node::Binary(op, a, b) => self.render_binary(id, op, a, b, child),
            Node::Select(c, a, b) => {
                let (c, a) = (child(c, Prec::Or), child(a, Prec::Or));
                (format!("if {c} then {a} else {}", child(b, Prec::If)), Prec::If)
            }
            Node::Sext(a) => (format!("sext({})", child(a, Prec::If)), Prec::Atom),
            Node::Unary(op, a) => {
                let name = match op {
                    UnaryOp::Clz => "clz",
                    UnaryOp::Ctz => "ctz",
                    UnaryOp::Popcnt => "popcnt",
                };
                (format!("{name}({})", child(a, Prec::If)), Prec::Atom)
            }
            Node::Lookup(table, index) => {
                let values = &self.arena.table(table).values;
                let index = child(index, Prec::If);
                let shown: Vec<String> =
                    values.iter().take(TABLE_ENTRIES_SHOWN).map(|value| constant(*value, width).0).collect();
                let more = if values.len() > TABLE_ENTRIES_SHOWN { ", …" } else { "" };
                (format!("{{{}{more}}}[{index}]", shown.join(", ")), Prec::Atom)
            }
            Node::Not(_) | Node::Bit(..) | Node::Compare(..) | Node::Zext(_) | Node::Trunc(_) => {
                self.render_field(field, width, child)
            }
        }
    }

    /// A part that is written like the whole: a narrower value that is merely extended, or a word that loses nothing.
    fn same_text(&self, id: ExprId) -> Option<ExprId> {
        match self.arena.node(id) {
            Node::Zext(inner) if self.arena.width(inner) == Width::W1 => Some(inner),
            Node::Zext(_) | Node::Trunc(_) => {
                let Field { base, shift, mask } = self.arena.field_of(id);
                (shift == 0 && self.arena.facts(base).possible() & !mask == 0).then_some(base)
            }
            _ => None,
        }
    }

    fn render_field(
        &self,
        field: Field,
        width: Width,
        child: &mut dyn FnMut(ExprId, Prec) -> String,
    ) -> (String, Prec) {
        let Field { base, shift, mask } = field;
        let moved = shifted(self.arena.facts(base).possible(), shift);
        let whole = moved & width.mask();
        let same_width = self.arena.width(base) == width;
        let is_input = matches!(self.arena.node(base), Node::Input(_));
        // Nothing is masked: the base itself, moved.
        match shift {
            _ if mask & whole != whole => {}
            0 if moved == whole => return (child(base, Prec::Atom), Prec::Atom),
            1.. if same_width => return (format!("{} << {shift}", child(base, Prec::Sum)), Prec::Shift),
            ..=-1 if moved == whole && !is_input => {
                return (format!("{} >> {}", child(base, Prec::Sum), -shift), Prec::Shift);
            }
            _ => {}
        }
        let source = shifted(mask, -shift);
        let low = mask.trailing_zeros();
        match runs(source).as_slice() {
            &[(high, from)] => {
                let base = child(base, Prec::Atom);
                let bits = if high == from { format!("{base}[{high}]") } else { format!("{base}[{high}:{from}]") };
                if low == 0 { (bits, Prec::Atom) } else { (format!("{bits} << {low}"), Prec::Shift) }
            }
            _ => {
                let moved = match shift {
                    0 => child(base, Prec::And),
                    1.. => format!("{} << {shift}", child(base, Prec::Sum)),
                    _ => format!("{} >> {}", child(base, Prec::Sum), -shift),
                };
                let cleared = whole & !mask;
                let mask = match (mask & whole == mask && cleared.count_ones() <= 3, constant(cleared, width)) {
                    (true, (text, Prec::Atom)) => format!("~{text}"),
                    (true, (text, _)) => format!("~({text})"),
                    (false, _) => format!("{mask:#x}"),
                };
                (format!("{moved} & {mask}"), Prec::And)
            }
        }
    }

    fn render_binary(
        &self,
        id: ExprId,
        op: BinaryOp,
        a: ExprId,
        b: ExprId,
        child: &mut dyn FnMut(ExprId, Prec) -> String,
    ) -> (String, Prec) {
        let width = self.arena.width(id);
        if op == BinaryOp::Xor && self.arena.as_const(b) == Some(width.mask()) {
            return (format!("~{}", child(a, Prec::Unary)), Prec::Unary);
        }
        if let (BinaryOp::Add, Some(value)) = (op, self.arena.as_const(b))
            && value & width.sign_bit() != 0
            && value != width.sign_bit()
        {
            let (taken, prec) = constant(value.wrapping_neg() & width.mask(), width);
            let taken = if prec > Prec::Sum { taken } else { format!("({taken})") };
            return (format!("{} - {taken}", child(a, Prec::Sum)), Prec::Sum);
        }
        let (sign, prec) = match op {
            BinaryOp::Or => ("|", Prec::Or),
            BinaryOp::Xor => ("^", Prec::Xor),
            BinaryOp::And => ("&", Prec::And),
            BinaryOp::Shl => ("<<", Prec::Shift),
            BinaryOp::ShrU => (">>", Prec::Shift),
            BinaryOp::ShrS => (">>s", Prec::Shift),
            BinaryOp::Add => ("+", Prec::Sum),
            BinaryOp::Sub => ("-", Prec::Sum),
            BinaryOp::Mul => ("*", Prec::Product),
            BinaryOp::UDiv => ("/u", Prec::Product),
            BinaryOp::URem => ("%u", Prec::Product),
            BinaryOp::SDiv => ("/s", Prec::Product),
            BinaryOp::SRem => ("%s", Prec::Product),
            BinaryOp::Rotl | BinaryOp::Rotr => {
                let name = if op == BinaryOp::Rotl { "rotl" } else { "rotr" };
                let (a, b) = (child(a, Prec::If), self.amount(b, Prec::If, child));
                return (format!("{name}({a}, {b})"), Prec::Atom);
            }
        };
        if matches!(op, BinaryOp::And | BinaryOp::Or | BinaryOp::Xor) {
            let parts: Vec<String> = self.leaves(op, id).into_iter().map(|leaf| child(leaf, prec)).collect();
            return (parts.join(&format!(" {sign} ")), prec);
        }
        let right = match prec {
            Prec::Shift => self.amount(b, above(prec), child),
            _ => child(b, above(prec)),
        };
        (format!("{} {sign} {right}", child(a, prec)), prec)
    }

    /// The amount of a shift, a constant in decimal.
    fn amount(&self, b: ExprId, at_least: Prec, child: &mut dyn FnMut(ExprId, Prec) -> String) -> String {
        match self.arena.as_const(b) {
            Some(amount) => amount.to_string(),
            None => child(b, at_least),
        }
    }

    /// Operands of a chain of one operator; fields by their place in the word, highest first, a constant last.
    fn leaves(&self, op: BinaryOp, id: ExprId) -> Vec<ExprId> {
        const LEAVES_MAX: usize = 64;
        let mut leaves = Vec::new();
        let mut open = vec![id];
        while let Some(next) = open.pop() {
            match self.arena.node(next) {
                Node::Binary(found, a, b) if found == op && leaves.len() + open.len() + 2 <= LEAVES_MAX => {
                    open.extend([b, a]);
                }
                _ => leaves.push(next),
            }
        }
        if self.arena.width(id) == Width::W1 {
            leaves.sort_by_key(|leaf| std::cmp::Reverse(self.arena.as_cube(*leaf).map_or(0, |cube| cube.mask)));
        } else {
            leaves.sort_by_key(|leaf| {
                let possible = self.arena.facts(*leaf).possible();
                (self.arena.as_const(*leaf).is_some(), std::cmp::Reverse(possible.trailing_zeros()))
            });
        }
        leaves
    }
}

/// The next stronger binding: what a right operand needs under an operator that groups to the left.
fn above(prec: Prec) -> Prec {
    match prec {
        Prec::Shift => Prec::Sum,
        Prec::Sum => Prec::Product,
        _ => Prec::Unary,
    }
}

/// Runs of ones, lowest first, as (high, low).
fn runs(mask: u64) -> Vec<(u32, u32)> {
    let mut found = Vec::new();
    let mut rest = mask;
    while rest != 0 {
        let low = rest.trailing_zeros();
        let length = (rest >> low).trailing_ones();
        found.push((low + length - 1, low));
        rest = rest.checked_shr(low + length).and_then(|left| left.checked_shl(low + length)).unwrap_or(0);
    }
    found
}

/// A constant: small numbers plain, few bits as shifts, few clear bits as a complement, otherwise hexadecimal.
fn constant(value: u64, width: Width) -> (String, Prec) {
    let bits = |value: u64| -> (String, Prec) {
        let list: Vec<String> = runs_of_bits(value).map(|bit| format!("1<<{bit}")).collect();
        (list.join(" | "), if list.len() == 1 { Prec::Shift } else { Prec::Or })
    };
    let clear = !value & width.mask();
    match value {
        0..=9 => (value.to_string(), Prec::Atom),
        0x100.. if value.count_ones() <= 3 && runs(value).len() == value.count_ones() as usize => bits(value),
        0x100.. if value.count_ones() <= 2 => bits(value),
        _ if width != Width::W1 && clear.count_ones() <= 2 && clear != 0 => match constant_bits(clear) {
            (text, Prec::Atom) => (format!("~{text}"), Prec::Unary),
            (text, _) => (format!("~({text})"), Prec::Unary),
        },
        _ => (format!("{value:#x}"), Prec::Atom),
    }
}

fn constant_bits(value: u64) -> (String, Prec) {
    if value < 10 {
        return (value.to_string(), Prec::Atom);
    }
    let list: Vec<String> = runs_of_bits(value).map(|bit| format!("1<<{bit}")).collect();
    (list.join(" | "), if list.len() == 1 { Prec::Shift } else { Prec::Or })
}

/// Bits that are set, highest first.
fn runs_of_bits(value: u64) -> impl Iterator<Item = u32> {
    (0..64).rev().filter(move |bit| (value >> bit) & 1 == 1)
}
