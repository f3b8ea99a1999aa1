//! Filters: which leaves are wanted, as people type it.
//!
//! In: text such as `write & user & !young` or `pmd & (devmap | special)`. Out: a [`Filter`], and from it for each level a
//! [`Condition`] that is compiled into the scan. It can say what the masks of the kernel's PAGEMAP_SCAN ioctl can
//! (Documentation/admin-guide/mm/pagemap.rst, v6.7): all of a mask is `a & b`, any of it `a | b`, inverted is `!a`.
//! Guaranteed: bounded in length and depth. Not handled: addresses, which ranges are for.

use std::fmt;

use ptwalk_abi::{Half, Level, MmuPerms};
use thiserror::Error;

use crate::engine::{Condition, Facts};

/// Bytes that a filter may have: far more than there are names.
const BYTES_MAX: usize = 1024;

/// Open parentheses and negations at any place.
const DEPTH_MAX: usize = 64;

/// A formula over attributes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Filter {
    /// An attribute.
    Is(Name),
    /// The formula does not hold.
    Not(Box<Filter>),
    /// Both hold.
    And(Box<Filter>, Box<Filter>),
    /// At least one holds.
    Or(Box<Filter>, Box<Filter>),
}

/// What can be asked of a leaf: the names of the JSON interface.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Name {
    /// An attribute of the entry alone.
    Attr(Attr),
    /// What the MMU permits through all levels.
    Effective(Access),
    /// The level of the leaf.
    Level(Level),
}

/// An attribute of the entry alone; see [`Attrs`](super::Attrs).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(missing_docs, reason = "the names of the JSON interface")]
pub enum Attr {
    Write,
    User,
    Exec,
    Young,
    Dirty,
    Special,
    Devmap,
    Protnone,
    Cont,
}

/// An access, as seen from the half's own mode; see [`Effective`](super::event::Effective).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(missing_docs, reason = "the names of the JSON interface")]
pub enum Access {
    Read,
    Write,
    Exec,
    User,
}

/// Every name with what it stands for.
const NAMES: [(&str, Name); 18] = [
    ("write", Name::Attr(Attr::Write)),
    ("user", Name::Attr(Attr::User)),
    ("exec", Name::Attr(Attr::Exec)),
    ("young", Name::Attr(Attr::Young)),
    ("dirty", Name::Attr(Attr::Dirty)),
    ("special", Name::Attr(Attr::Special)),
    ("devmap", Name::Attr(Attr::Devmap)),
    ("protnone", Name::Attr(Attr::Protnone)),
    ("cont", Name::Attr(Attr::Cont)),
    ("effective.read", Name::Effective(Access::Read)),
    ("effective.write", Name::Effective(Access::Write)),
    ("effective.exec", Name::Effective(Access::Exec)),
    ("effective.user", Name::Effective(Access::User)),
    ("pte", Name::Level(Level::Pte)),
    ("pmd", Name::Level(Level::Pmd)),
    ("pud", Name::Level(Level::Pud)),
    ("p4d", Name::Level(Level::P4d)),
    ("pgd", Name::Level(Level::Pgd)),
];

/// What is wrong with a filter. Whoever typed it is at fault.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("{what} at column {}{hint}", .at + 1)]
pub struct FilterError {
    /// What is wrong.
    pub what: String,
    /// Where, in bytes from 0.
    pub at: usize,
    /// What to do, from `; ` on.
    hint: String,
}

impl Filter {
    /// Parses a filter: names, `!`, `&`, `|`, parentheses; `&` binds closer than `|`.
    ///
    /// # Errors
    /// [`FilterError`] with the column.
    pub fn parse(text: &str) -> Result<Filter, FilterError> {
        if text.len() > BYTES_MAX {
            return Err(error(format!("more than {BYTES_MAX} bytes"), BYTES_MAX, ""));
        }
        let mut parser = Parser { text, at: 0, depth: 0 };
        let filter = parser.either()?;
        match parser.peek() {
            None => Ok(filter),
            Some(found) => Err(error(format!("`{found}` where the filter should end"), parser.at, "")),
        }
    }

    /// The condition on leaves of a level, in a half of the address space.
    pub fn condition(&self, level: Level, half: Half) -> Condition {
        match self {
            Filter::Is(name) => name.condition(level, half),
            Filter::Not(inner) => !inner.condition(level, half),
            Filter::And(a, b) => a.condition(level, half).and(b.condition(level, half)),
            Filter::Or(a, b) => a.condition(level, half).or(b.condition(level, half)),
        }
    }
}

impl Name {
    fn condition(self, level: Level, half: Half) -> Condition {
        let upper = half == Half::Upper;
        let own = |lower, kernel| if upper { kernel } else { lower };
        let user = MmuPerms::USER_READ | MmuPerms::USER_WRITE | MmuPerms::USER_EXEC;
        let facts = match self {
            Name::Level(asked) => return if asked == level { Condition::Always } else { Condition::Never },
            Name::Attr(Attr::Write) => Facts::WRITE,
            Name::Attr(Attr::User) => Facts::of_perms(user),
            Name::Attr(Attr::Exec) => Facts::of_perms(own(MmuPerms::USER_EXEC, MmuPerms::KERNEL_EXEC)),
            Name::Attr(Attr::Young) => Facts::YOUNG,
            Name::Attr(Attr::Dirty) => Facts::DIRTY,
            Name::Attr(Attr::Special) => Facts::SPECIAL,
            Name::Attr(Attr::Devmap) => Facts::DEVMAP,
            Name::Attr(Attr::Protnone) => Facts::PROTNONE,
            Name::Attr(Attr::Cont) => Facts::CONT,
            Name::Effective(Access::Read) => Facts::effective(own(MmuPerms::USER_READ, MmuPerms::KERNEL_READ)),
            Name::Effective(Access::Write) => Facts::effective(own(MmuPerms::USER_WRITE, MmuPerms::KERNEL_WRITE)),
            Name::Effective(Access::Exec) => Facts::effective(own(MmuPerms::USER_EXEC, MmuPerms::KERNEL_EXEC)),
            Name::Effective(Access::User) => Facts::effective(user),
        };
        Condition::any(facts)
    }
}

impl fmt::Display for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(NAMES.iter().find(|(_, name)| name == self).map_or("", |(text, _)| text))
    }
}

fn error(what: String, at: usize, hint: &str) -> FilterError {
    FilterError { what, at, hint: hint.to_owned() }
}

struct Parser<'a> {
    text: &'a str,
    at: usize,
    depth: usize,
}

impl Parser<'_> {
    /// The next character that is no space.
    fn peek(&mut self) -> Option<char> {
        let rest = self.text.get(self.at..)?;
        self.at += rest.len() - rest.trim_start().len();
        self.text.get(self.at..)?.chars().next()
    }

    /// Steps over `wanted`, also where it is written twice as in C.
    fn take(&mut self, wanted: char) -> bool {
        let found = self.peek() == Some(wanted);
        if found {
            self.at += wanted.len_utf8();
            if "&|".contains(wanted) && self.text[self.at..].starts_with(wanted) {
                self.at += wanted.len_utf8();
            }
        }
        found
    }

    fn either(&mut self) -> Result<Filter, FilterError> {
        let mut filter = self.both()?;
        while self.take('|') {
            filter = Filter::Or(Box::new(filter), Box::new(self.both()?));
        }
        Ok(filter)
    }

    fn both(&mut self) -> Result<Filter, FilterError> {
        let mut filter = self.one()?;
        while self.take('&') {
            filter = Filter::And(Box::new(filter), Box::new(self.one()?));
        }
        Ok(filter)
    }

    fn one(&mut self) -> Result<Filter, FilterError> {
        self.depth += 1;
        if self.depth > DEPTH_MAX {
            return Err(error(format!("nested deeper than {DEPTH_MAX}"), self.at, ""));
        }
        let filter = if self.take('!') {
            Filter::Not(Box::new(self.one()?))
        } else if self.take('(') {
            let inner = self.either()?;
            if !self.take(')') {
                return Err(error("a parenthesis is not closed".to_owned(), self.at, ""));
            }
            inner
        } else {
            Filter::Is(self.name()?)
        };
        self.depth -= 1;
        Ok(filter)
    }

    fn name(&mut self) -> Result<Name, FilterError> {
        let names = || NAMES.map(|(text, _)| text).join(" ");
        if self.peek().is_none() {
            return Err(error("a name is missing".to_owned(), self.at, &format!("; there are {}", names())));
        }
        let rest = &self.text[self.at..];
        let len = rest.find(|c: char| !c.is_ascii_alphanumeric() && c != '.' && c != '_').unwrap_or(rest.len());
        let word = &rest[..len];
        if let Some((_, name)) = NAMES.iter().find(|(text, _)| *text == word) {
            self.at += len;
            return Ok(*name);
        }
        let shown: String =
            if word.is_empty() { rest.chars().take(1).collect() } else { word.chars().take(40).collect() };
        let near = NAMES.iter().max_by(|a, b| strsim::jaro(a.0, word).total_cmp(&strsim::jaro(b.0, word)));
        let hint = match near.filter(|(text, _)| strsim::jaro(text, word) > 0.7) {
            Some((near, _)) => format!("; did you mean {near}?"),
            None => format!("; there are {}", names()),
        };
        Err(error(format!("`{shown}` is no name"), self.at, &hint))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lower(text: &str) -> Condition {
        Filter::parse(text).expect("well-formed").condition(Level::Pte, Half::Lower)
    }

    #[test]
    fn and_binds_closer_than_or_and_not_closest() {
        let write = || Condition::any(Facts::WRITE);
        let (young, dirty) = (|| Condition::any(Facts::YOUNG), || Condition::any(Facts::DIRTY));
        assert_eq!(lower("write & !young"), write().and(!young()));
        assert_eq!(lower("write & young | dirty"), write().and(young()).or(dirty()));
        assert_eq!(lower("write && (young || dirty)"), write().and(young().or(dirty())));
        assert_eq!(lower(" ! ( write ) "), !write());
    }

    #[test]
    fn a_level_is_constant_at_each() {
        assert_eq!(lower("pmd & write"), Condition::Never);
        assert_eq!(lower("pte & write"), Condition::any(Facts::WRITE));
    }

    #[test]
    fn exec_is_that_of_the_half() {
        let filter = Filter::parse("exec").expect("well-formed");
        let of = |half| filter.condition(Level::Pte, half).facts();
        assert_eq!(of(Half::Lower), Facts::of_perms(MmuPerms::USER_EXEC));
        assert_eq!(of(Half::Upper), Facts::of_perms(MmuPerms::KERNEL_EXEC));
    }

    #[test]
    fn every_name_is_one() {
        for (text, name) in NAMES {
            assert_eq!(Filter::parse(text), Ok(Filter::Is(name)));
            assert_eq!(name.to_string(), text);
        }
    }

    #[test]
    fn errors_say_where_and_what_else() {
        let said = |text: &str| Filter::parse(text).expect_err("malformed").to_string();
        assert_eq!(said("write & wirte"), "`wirte` is no name at column 9; did you mean write?");
        assert!(said("").starts_with("a name is missing at column 1; there are write user"));
        assert_eq!(said("(write"), "a parenthesis is not closed at column 7");
        assert_eq!(said("write user"), "`u` where the filter should end at column 7");
        assert!(said("§").starts_with("`§` is no name at column 1"));
        assert!(said(&"!".repeat(100)).starts_with("nested deeper than 64"));
        assert!(said(&"(".repeat(2000)).starts_with("more than 1024 bytes"));
    }
}
