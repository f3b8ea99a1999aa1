//! Laws: what every plugin must keep, as text, as formulas, and as one boolean of the expression graph.
//!
//! In: the host's table ([`ptwalk_abi::LAWS`]) and law files. Out: [`Law`]s, which [`bind`] specialises for a plugin
//! and a configuration; a [`BoundLaw`] is evaluated on values or lowered to expressions for the prover.
//! Guaranteed: parsing is bounded ([`limits`]) whatever the text holds; a host law cannot be replaced or weakened by
//! a law of a file. Not handled here: deciding laws.
//!
//! The language is described in `docs/laws.md`.

pub mod ast;
mod bind;
mod error;
mod eval;
mod lex;
pub mod limits;
mod lower;
mod parse;
#[cfg(test)]
mod tests;

use std::collections::BTreeSet;

pub use ast::Formula;
pub use bind::{Binding, BoundLaw, Exports, NotApplicable, bind};
pub use error::{LawError, LawErrorKind};
pub use eval::{Verdict, binary as binary_value, bits as bits_value, extern_value};
pub use lower::{LowerError, Lowered, lower};

use lex::{Span, Token};
use parse::Reader;

/// Where a law comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Origin {
    /// The host's table: mandatory.
    Host,
    /// A law file: in addition.
    File,
}

/// One law for one combination of what its `for` clauses name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Law {
    /// Name of the law and its expansion: `pfn_kept.pmd.mkyoung`.
    pub id: String,
    /// Name of the law, shared by its expansions.
    pub name: String,
    /// What it says, in words.
    pub doc: String,
    /// Where it is from: a kernel file and version, `derived`, or empty for a law of a file.
    pub source: String,
    /// Who states it.
    pub origin: Origin,
    /// What it says.
    pub formula: Formula,
}

/// The host's laws, every expansion.
///
/// # Errors
/// Where the table itself is wrong; a test of this module makes sure that it is not.
pub fn host_laws() -> Result<Vec<Law>, LawError> {
    let mut laws = Vec::new();
    for entry in ptwalk_abi::LAWS {
        for (suffix, formula) in parse_text(entry.text)? {
            laws.push(Law {
                id: format!("{}{suffix}", entry.id),
                name: entry.id.to_owned(),
                doc: entry.doc.to_owned(),
                source: entry.source.to_owned(),
                origin: Origin::Host,
                formula,
            });
        }
    }
    Ok(laws)
}

/// Parses one law without its name. Returns, for each expansion, what follows the law's name, and the formula.
///
/// # Errors
/// The first thing that is wrong with the text, and where.
pub fn parse_text(text: &str) -> Result<Vec<(String, Formula)>, LawError> {
    let tokens = lex::tokens(text)?;
    parse::body(&mut Reader { text, tokens: &tokens, at: 0 })
}

/// What a law file holds. Laws that are in order are kept, whatever is wrong with others; whoever uses them decides.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct LawFile {
    /// The laws that are in order.
    pub laws: Vec<Law>,
    /// What is wrong with the others, at most [`limits::ERRORS`] of it.
    pub errors: Vec<LawError>,
}

/// Parses a law file: `law NAME "what it says": forall …`, any number of times.
pub fn parse_file(text: &str) -> LawFile {
    let mut file = LawFile::default();
    if text.len() > limits::FILE_BYTES {
        let kind = LawErrorKind::TooMany { what: "bytes in a law file", limit: limits::FILE_BYTES };
        file.errors.push(LawError::new(kind, text, Span { start: 0, end: 0 }));
        return file;
    }
    let tokens = match lex::tokens(text) {
        Ok(tokens) => tokens,
        Err(error) => {
            file.errors.push(error);
            return file;
        }
    };
    let mut names = BTreeSet::new();
    let mut start = 0;
    while start + 1 < tokens.len() && file.errors.len() < limits::ERRORS {
        let is_law = |(token, _): &(Token<'_>, Span)| *token == Token::Name("law");
        let after = tokens.iter().skip(start + 1).position(is_law).map_or(tokens.len() - 1, |next| start + 1 + next);
        let mut own: Vec<(Token<'_>, Span)> = tokens.get(start..after).unwrap_or_default().to_vec();
        // The end of a law is where the next begins, so that an error there points into the text.
        let end = own.last().map_or(0, |(_, span)| span.end);
        own.push((Token::End, Span { start: end, end }));
        match one_law(&mut Reader { text, tokens: &own, at: 0 }, &mut names) {
            Ok(laws) if file.laws.len() + laws.len() <= limits::LAWS => file.laws.extend(laws),
            Ok(_) => {
                let kind = LawErrorKind::TooMany { what: "laws in a file", limit: limits::LAWS };
                let place = own.first().map_or(Span::default(), |(_, span)| *span);
                file.errors.push(LawError::new(kind, text, place));
                return file;
            }
            Err(error) => file.errors.push(error),
        }
        start = after;
    }
    file
}

/// One law of a file, with its name.
fn one_law<'t>(reader: &mut Reader<'_, 't>, names: &mut BTreeSet<&'t str>) -> Result<Vec<Law>, LawError> {
    reader.require(Token::Name("law"), "`law`")?;
    let (name, span) = reader.name("the law's name")?;
    if !names.insert(name) {
        return Err(reader.error(LawErrorKind::Duplicate { name: error::shown(name) }, span));
    }
    let doc = match reader.peek().0 {
        Token::Text(doc) => {
            reader.next();
            doc.chars().filter(|c| !c.is_control()).collect()
        }
        _ => String::new(),
    };
    reader.require(Token::Mark(":"), "`:`, or a string and `:`")?;
    let formulas = parse::body(reader)?;
    let law = |(suffix, formula)| Law {
        id: format!("{name}{suffix}"),
        name: name.to_owned(),
        doc: String::clone(&doc),
        source: String::new(),
        origin: Origin::File,
        formula,
    };
    Ok(formulas.into_iter().map(law).collect())
}

/// A law of a file has the name of one of the host's, which stands (C893).
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("law `{name}` is the host's own: the host's stands, the file's is left out")]
pub struct Overruled {
    /// The name.
    pub name: String,
}

impl Overruled {
    /// The code by which reports and `--explain` know it.
    pub const CODE: &'static str = "C893";
}

/// The host's laws and those of a file. Where both have a law of one name, the host's stands.
pub fn merge(host: Vec<Law>, file: Vec<Law>) -> (Vec<Law>, Vec<Overruled>) {
    let taken: BTreeSet<&str> = host.iter().map(|law| law.name.as_str()).collect();
    let (overruled, added): (Vec<Law>, Vec<Law>) = file.into_iter().partition(|law| taken.contains(law.name.as_str()));
    let mut warnings: Vec<Overruled> = overruled.into_iter().map(|law| Overruled { name: law.name }).collect();
    warnings.dedup();
    let mut laws = host;
    laws.extend(added);
    (laws, warnings)
}
