//! Law text to formulas: a Pratt parser that resolves names and checks types as it goes.
//!
//! In: tokens. Out: one formula for each combination of what the `for` clauses name, or the first error with its
//! place. Guaranteed: the parser recurses at most [`limits::DEPTH`] deep, builds at most [`limits::TERMS`] terms a
//! formula, and a formula that it returns is well typed. Not handled: whether a plugin has the helpers.
//!
//! The method is Pratt's ("Top Down Operator Precedence", 1973): an operator takes operands that bind at least as
//! tightly as its own power says.

use ptwalk_abi::{Extern, Helper};

use super::ast::{Binary, Formula, Term, TermId, Ty, Unary, power};
use super::error::{LawError, LawErrorKind, shown};
use super::lex::{Span, Token};
use super::limits;

/// Words that cannot be the name of anything.
pub(super) const KEYWORDS: [&str; 7] = ["law", "for", "in", "forall", "where", "when", "exports"];

/// What a `for` clause stands for in one expansion: placeholders and values.
type Pairs<'t> = Vec<(&'t str, &'t str)>;

/// Tokens of one law, the text they are from, and how far they are read.
pub(super) struct Reader<'a, 't> {
    pub text: &'t str,
    pub tokens: &'a [(Token<'t>, Span)],
    pub at: usize,
}

impl<'t> Reader<'_, 't> {
    pub fn peek(&self) -> (Token<'t>, Span) {
        let end = Span { start: self.text.len(), end: self.text.len() };
        self.tokens.get(self.at).copied().unwrap_or((Token::End, end))
    }

    pub fn next(&mut self) -> (Token<'t>, Span) {
        let token = self.peek();
        self.at += 1;
        token
    }

    pub fn error(&self, kind: LawErrorKind, span: Span) -> LawError {
        LawError::new(kind, self.text, span)
    }

    fn accept(&mut self, token: Token<'static>) -> bool {
        let there = self.peek().0 == token;
        self.at += usize::from(there);
        there
    }

    pub fn require(&mut self, token: Token<'static>, expected: &'static str) -> Result<Span, LawError> {
        let (found, span) = self.next();
        if found == token { Ok(span) } else { Err(self.unexpected(expected, found, span)) }
    }

    /// A name that is no keyword.
    pub fn name(&mut self, expected: &'static str) -> Result<(&'t str, Span), LawError> {
        match self.next() {
            (Token::Name(name), span) if !KEYWORDS.contains(&name) => Ok((name, span)),
            (found, span) => Err(self.unexpected(expected, found, span)),
        }
    }

    pub fn unexpected(&self, expected: &'static str, found: Token<'_>, span: Span) -> LawError {
        self.error(LawErrorKind::Expected { expected, found: found.describe() }, span)
    }
}

/// Parses one law without its name. Returns what follows the law's name in the name of each expansion (`.pmd`), and
/// the expansions' formulas.
pub(super) fn body(reader: &mut Reader<'_, '_>) -> Result<Vec<(String, Formula)>, LawError> {
    let expansions = for_clauses(reader)?;
    let start = reader.at;
    let mut formulas = Vec::with_capacity(expansions.len());
    for pairs in expansions {
        reader.at = start;
        let suffix = pairs.iter().fold(String::new(), |suffix, (_, value)| suffix + "." + value);
        let formula = Parser::new(reader, &pairs).formula().map_err(|error| error.within(&pairs))?;
        formulas.push((suffix, formula));
    }
    Ok(formulas)
}

/// `for pXd in pte, pmd:` any number of times; every combination, the last clause varying fastest.
fn for_clauses<'t>(reader: &mut Reader<'_, 't>) -> Result<Vec<Pairs<'t>>, LawError> {
    let mut expansions: Vec<Pairs<'t>> = vec![Vec::new()];
    while reader.accept(Token::Name("for")) {
        let (placeholder, span) = reader.name("a placeholder such as pXd")?;
        if expansions.iter().flatten().any(|(taken, _)| *taken == placeholder) {
            return Err(reader.error(LawErrorKind::Taken { name: shown(placeholder) }, span));
        }
        reader.require(Token::Name("in"), "`in`")?;
        let mut values = vec![reader.name("a name")?.0];
        while reader.accept(Token::Mark(",")) {
            values.push(reader.name("a name")?.0);
            if values.len() * expansions.len() > limits::EXPANSIONS {
                let kind = LawErrorKind::TooMany { what: "expansions of one law", limit: limits::EXPANSIONS };
                return Err(reader.error(kind, span));
            }
        }
        reader.require(Token::Mark(":"), "`,` or `:`")?;
        let uses = |(token, _): &(Token<'_>, Span)| matches!(token, Token::Name(name) if mentions(name, placeholder));
        if !reader.tokens.iter().skip(reader.at).any(uses) {
            return Err(reader.error(LawErrorKind::IdlePlaceholder { name: shown(placeholder) }, span));
        }
        expansions = expansions
            .iter()
            .flat_map(|pairs| values.iter().map(|value| [pairs.as_slice(), &[(placeholder, *value)]].concat()))
            .collect();
    }
    Ok(expansions)
}

fn mentions(name: &str, placeholder: &str) -> bool {
    name.contains(placeholder) || name.contains(&placeholder.to_ascii_uppercase())
}

/// `name` with each occurrence of a placeholder replaced by its value; a placeholder in capitals by its value in
/// capitals, so that with `pXd` = `pmd`, `pXd_none` is `pmd_none` and `PXD_SHIFT` is `PMD_SHIFT`. Values are not
/// searched for further placeholders.
fn expand(name: &str, pairs: &[(&str, &str)]) -> String {
    let mut expanded = String::new();
    let mut rest = name;
    while let Some(first) = rest.chars().next() {
        let exact = pairs.iter().find(|(placeholder, _)| rest.starts_with(placeholder));
        let capital = || pairs.iter().find(|(placeholder, _)| rest.starts_with(&placeholder.to_ascii_uppercase()));
        let taken = match (exact, capital()) {
            (Some((placeholder, value)), _) => {
                expanded.push_str(value);
                placeholder.len()
            }
            (None, Some((placeholder, value))) => {
                expanded.push_str(&value.to_ascii_uppercase());
                placeholder.len()
            }
            (None, None) => {
                expanded.push(first);
                first.len_utf8()
            }
        };
        rest = rest.get(taken..).unwrap_or("");
    }
    expanded
}

/// The candidate nearest to `name` by edit distance, if it is near at all.
pub(super) fn nearest<'c>(name: &str, candidates: impl Iterator<Item = &'c str>) -> Option<&'c str> {
    candidates
        .map(|candidate| (strsim::damerau_levenshtein(name, candidate), candidate))
        .filter(|(distance, candidate)| distance * 3 <= candidate.len())
        .min()
        .map(|(_, candidate)| candidate)
}

/// Builds one formula.
struct Parser<'r, 'a, 't> {
    reader: &'r mut Reader<'a, 't>,
    pairs: &'r [(&'t str, &'t str)],
    vars: Vec<String>,
    terms: Vec<Term>,
    /// Type and place of each term.
    about: Vec<(Ty, Span)>,
    in_when: bool,
}

impl<'r, 'a, 't> Parser<'r, 'a, 't> {
    fn new(reader: &'r mut Reader<'a, 't>, pairs: &'r [(&'t str, &'t str)]) -> Self {
        Parser { reader, pairs, vars: Vec::new(), terms: Vec::new(), about: Vec::new(), in_when: false }
    }

    fn formula(mut self) -> Result<Formula, LawError> {
        let mut precondition = None;
        if self.reader.accept(Token::Name("forall")) {
            self.variables()?;
            if self.reader.accept(Token::Name("where")) {
                precondition = Some(self.condition()?);
            }
            self.reader.require(Token::Mark("."), "`.` before the claim")?;
        }
        let claim = self.condition()?;
        let mut when = None;
        if self.reader.accept(Token::Name("when")) {
            self.in_when = true;
            when = Some(self.condition()?);
        }
        match self.reader.peek() {
            (Token::End, _) => {}
            (found, span) => return Err(self.reader.unexpected("an operator, `when` or the end", found, span)),
        }
        Ok(Formula { vars: self.vars, terms: self.terms, precondition, claim, when })
    }

    /// `x: u64, y: u64`.
    fn variables(&mut self) -> Result<(), LawError> {
        loop {
            let (name, span) = self.reader.name("a variable")?;
            let placeholder = self.pairs.iter().any(|(placeholder, _)| *placeholder == name);
            if placeholder || self.vars.iter().any(|var| var == name) || Extern::by_name(name).is_some() {
                return Err(self.reader.error(LawErrorKind::Taken { name: shown(name) }, span));
            }
            if self.vars.len() == limits::VARIABLES {
                let kind = LawErrorKind::TooMany { what: "variables", limit: limits::VARIABLES };
                return Err(self.reader.error(kind, span));
            }
            self.reader.require(Token::Mark(":"), "`: u64`")?;
            self.reader.require(Token::Name("u64"), "`u64`, the type of every variable")?;
            self.vars.push(name.to_owned());
            if !self.reader.accept(Token::Mark(",")) {
                return Ok(());
            }
        }
    }

    fn condition(&mut self) -> Result<TermId, LawError> {
        let id = self.expr(0, 0)?;
        self.as_condition(id)
    }

    fn expr(&mut self, least: u8, depth: u32) -> Result<TermId, LawError> {
        let mut left = self.operand(depth)?;
        let mut chained = None;
        loop {
            let (token, span) = self.reader.peek();
            let Token::Mark(mark) = token else { return Ok(left) };
            let Some(op) = Binary::ALL.into_iter().find(|op| op.symbol() == mark) else { return Ok(left) };
            if op.power() < least {
                return Ok(left);
            }
            if chained == Some(op.power()) {
                return Err(self.reader.error(LawErrorKind::Chained, span));
            }
            if matches!(op.power(), power::COMPARE | power::IFF) {
                chained = Some(op.power());
            }
            self.reader.next();
            let right = self.expr(op.operand_powers().1, self.deeper(depth, span)?)?;
            left = self.binary(op, left, right)?;
        }
    }

    fn deeper(&self, depth: u32, span: Span) -> Result<u32, LawError> {
        if depth >= limits::DEPTH {
            let kind = LawErrorKind::TooMany { what: "levels of nesting", limit: limits::DEPTH as usize };
            return Err(self.reader.error(kind, span));
        }
        Ok(depth + 1)
    }

    /// A prefix operator and its operand, or an atom and the bits selected from it.
    fn operand(&mut self, depth: u32) -> Result<TermId, LawError> {
        let (token, span) = self.reader.next();
        let op = match token {
            Token::Mark("~") => Unary::Invert,
            Token::Mark("!") => Unary::Not,
            _ => {
                let mut id = self.atom(token, span, depth)?;
                while self.reader.accept(Token::Mark("[")) {
                    id = self.bits(id)?;
                }
                return Ok(id);
            }
        };
        let of = self.operand(self.deeper(depth, span)?)?;
        let of_span = self.about(of).1;
        match op {
            Unary::Invert => {
                self.as_number(of)?;
                self.push(Term::Unary(op, of), Ty::Number, span.to(of_span))
            }
            Unary::Not => {
                let of = self.as_condition(of)?;
                self.push(Term::Unary(op, of), Ty::Condition, span.to(of_span))
            }
        }
    }

    fn atom(&mut self, token: Token<'t>, span: Span, depth: u32) -> Result<TermId, LawError> {
        match token {
            Token::Number { value, hex } => self.push(Term::Number { value, hex }, Ty::Number, span),
            Token::Version(version) => self.push(Term::Version(version), Ty::Version, span),
            Token::Mark("(") => {
                let id = self.expr(0, self.deeper(depth, span)?)?;
                let close = self.reader.require(Token::Mark(")"), "an operator or `)`")?;
                if let Some((_, place)) = self.about.get_mut(id) {
                    *place = span.to(close);
                }
                Ok(id)
            }
            Token::Name("exports") => self.exports(span),
            Token::Name(name) if !KEYWORDS.contains(&name) => {
                if self.reader.accept(Token::Mark("(")) {
                    self.call(name, span, self.deeper(depth, span)?)
                } else {
                    self.named(name, span)
                }
            }
            found => Err(self.reader.unexpected("a number, a name or `(`", found, span)),
        }
    }

    /// A variable or an extern.
    fn named(&mut self, name: &str, span: Span) -> Result<TermId, LawError> {
        if let Some(place) = self.vars.iter().position(|var| var == name) {
            if self.in_when {
                return Err(self.reader.error(LawErrorKind::EntryInWhen, span));
            }
            return self.push(Term::Var(place), Ty::Number, span);
        }
        let name = expand(name, self.pairs);
        if let Some(key) = Extern::by_name(&name) {
            let ty = match key {
                Extern::LINUX_VERSION_CODE => Ty::Version,
                _ if key.range() == (0..=1) => Ty::Flag,
                _ => Ty::Number,
            };
            return self.push(Term::Extern(key), ty, span);
        }
        if let Some(helper) = Helper::by_name(&name) {
            let expected = helper.signature().params().len();
            return Err(self.reader.error(LawErrorKind::NotCalled { helper, expected }, span));
        }
        let known = self.vars.iter().map(String::as_str).chain(Extern::ALL.iter().map(|key| key.name()));
        let nearest = nearest(&name, known).map(str::to_owned);
        Err(self.reader.error(LawErrorKind::UnknownName { name: shown(&name), nearest }, span))
    }

    fn helper(&self, name: &str, span: Span) -> Result<Helper, LawError> {
        let name = expand(name, self.pairs);
        Helper::by_name(&name).ok_or_else(|| {
            let nearest = nearest(&name, Helper::ALL.iter().map(|helper| helper.name()));
            self.reader.error(LawErrorKind::UnknownHelper { name: shown(&name), nearest }, span)
        })
    }

    /// The rest of `exports(`.
    fn exports(&mut self, span: Span) -> Result<TermId, LawError> {
        if !self.in_when {
            return Err(self.reader.error(LawErrorKind::ExportsOutsideWhen, span));
        }
        self.reader.require(Token::Mark("("), "`(`")?;
        let (name, place) = self.reader.name("a helper")?;
        let helper = self.helper(name, place)?;
        let close = self.reader.require(Token::Mark(")"), "`)`")?;
        self.push(Term::Exports(helper), Ty::Condition, span.to(close))
    }

    /// Arguments and closing parenthesis of a call.
    fn call(&mut self, name: &str, span: Span, depth: u32) -> Result<TermId, LawError> {
        let helper = self.helper(name, span)?;
        if self.in_when {
            return Err(self.reader.error(LawErrorKind::EntryInWhen, span));
        }
        let mut args = Vec::new();
        let mut close = self.reader.peek().1;
        if !self.reader.accept(Token::Mark(")")) {
            loop {
                let arg = self.expr(0, depth)?;
                self.as_number(arg)?;
                args.push(arg);
                match self.reader.next() {
                    (Token::Mark(","), _) => {}
                    (Token::Mark(")"), end) => {
                        close = end;
                        break;
                    }
                    (found, place) => return Err(self.reader.unexpected("an operator, `,` or `)`", found, place)),
                }
            }
        }
        let expected = helper.signature().params().len();
        if args.len() != expected {
            let kind = LawErrorKind::Arity { helper, expected, found: args.len() };
            return Err(self.reader.error(kind, span.to(close)));
        }
        let ty = if helper.signature().is_bool() { Ty::Flag } else { Ty::Number };
        self.push(Term::Call(helper, args), ty, span.to(close))
    }

    /// The rest of `[high:low]` or `[bit]`.
    fn bits(&mut self, of: TermId) -> Result<TermId, LawError> {
        self.as_number(of)?;
        let start = self.about(of).1;
        let (high, first) = self.bit_number()?;
        let low = if self.reader.accept(Token::Mark(":")) { self.bit_number()?.0 } else { high };
        let close = self.reader.require(Token::Mark("]"), "`:` or `]`")?;
        match (u32::try_from(high), u32::try_from(low)) {
            (Ok(h), Ok(l)) if h < 64 && l <= h => {
                let ty = if h == l { Ty::Flag } else { Ty::Number };
                self.push(Term::Bits { of, high: h, low: l }, ty, start.to(close))
            }
            _ => Err(self.reader.error(LawErrorKind::BitRange { high, low }, first.to(close))),
        }
    }

    fn bit_number(&mut self) -> Result<(u64, Span), LawError> {
        match self.reader.next() {
            (Token::Number { value, .. }, span) => Ok((value, span)),
            (found, span) => Err(self.reader.unexpected("a bit number", found, span)),
        }
    }

    fn binary(&mut self, op: Binary, a: TermId, b: TermId) -> Result<TermId, LawError> {
        let span = self.about(a).1.to(self.about(b).1);
        match op.power() {
            power::BOTH | power::EITHER | power::IMPLIES | power::IFF => {
                let (a, b) = (self.as_condition(a)?, self.as_condition(b)?);
                self.push(Term::Binary(op, a, b), Ty::Condition, span)
            }
            power::COMPARE => {
                let (left, right) = (self.about(a).0, self.about(b).0);
                let numeric = |ty| matches!(ty, Ty::Number | Ty::Flag);
                let truths = |ty| matches!(ty, Ty::Condition | Ty::Flag);
                let equality = matches!(op, Binary::Eq | Binary::Ne);
                if (numeric(left) && numeric(right)) || (left == Ty::Version && right == Ty::Version) {
                    self.push(Term::Binary(op, a, b), Ty::Condition, span)
                } else if equality && truths(left) && truths(right) {
                    let (a, b) = (self.as_condition(a)?, self.as_condition(b)?);
                    self.push(Term::Binary(op, a, b), Ty::Condition, span)
                } else {
                    Err(self.reader.error(LawErrorKind::Unlike { left, right }, span))
                }
            }
            _ => {
                self.as_number(a)?;
                self.as_number(b)?;
                self.push(Term::Binary(op, a, b), Ty::Number, span)
            }
        }
    }

    fn as_number(&self, id: TermId) -> Result<(), LawError> {
        match self.about(id) {
            (Ty::Number | Ty::Flag, _) => Ok(()),
            (found, span) => Err(self.reader.error(LawErrorKind::Type { expected: Ty::Number, found }, span)),
        }
    }

    fn as_condition(&mut self, id: TermId) -> Result<TermId, LawError> {
        match self.about(id) {
            (Ty::Condition, _) => Ok(id),
            (Ty::Flag, span) => self.push(Term::Truth(id), Ty::Condition, span),
            (found, span) => Err(self.reader.error(LawErrorKind::Type { expected: Ty::Condition, found }, span)),
        }
    }

    fn about(&self, id: TermId) -> (Ty, Span) {
        self.about.get(id).copied().unwrap_or((Ty::Number, Span::default()))
    }

    fn push(&mut self, term: Term, ty: Ty, span: Span) -> Result<TermId, LawError> {
        if self.terms.len() == limits::TERMS {
            let kind = LawErrorKind::TooMany { what: "terms", limit: limits::TERMS };
            return Err(self.reader.error(kind, span));
        }
        self.terms.push(term);
        self.about.push((ty, span));
        Ok(self.terms.len() - 1)
    }
}
