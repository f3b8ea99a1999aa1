//! What is said about a plugin that is refused.
//!
//! In: a code, a sentence, a place. Out: [`Diagnostic`]s for people (a line to grep, then sections in a fixed order)
//! and for programs (stable keys). Guaranteed: text that the plugin chose is escaped and cut, and a [`Rejection`]
//! holds at least one error and at most [`ERRORS_MAX`]. Not handled: which errors there are; each stage knows its own.

use std::fmt;

use serde::Serialize;

use crate::code::Code;
use crate::limits::ERRORS_MAX;
use crate::source::SourceLines;
use crate::text;

/// Columns of a line of a section.
pub(crate) const WRAP_COLUMNS: usize = 110;

/// A function of the plugin.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Function {
    /// Its index, imports counted.
    pub index: u32,
    /// Its name by the name section, where there is one. Chosen by the plugin.
    pub name: Option<String>,
}

impl fmt::Display for Function {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "function {}", self.index)?;
        self.name.as_ref().map_or(Ok(()), |name| write!(f, " `{name}`"))
    }
}

/// One reason to refuse a plugin, and where it lies.
///
/// Made with [`Diagnostic::new`] and the methods that follow it, which escape what they are given. The keys of its JSON
/// form are stable: keys may be added, never renamed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct Diagnostic {
    /// What kind of reason.
    pub code: Code,
    /// One line with the name of the thing that is wrong.
    pub message: String,
    /// The export concerned.
    pub export: Option<String>,
    /// The function it lies in.
    pub function: Option<Function>,
    /// Byte offset in the module.
    pub offset: Option<u64>,
    /// The operator, as WAT writes it.
    pub op: Option<String>,
    /// File and line, where debug information says so.
    pub source: Option<String>,
    /// An input for which it goes wrong.
    pub counterexample: Option<String>,
    /// Why this is refused.
    pub reason: String,
    /// What to do about it.
    pub suggestion: Option<String>,
    /// The operators that led there, one a line, with the values of the counterexample.
    pub causal_path: Vec<String>,
    /// The command that shows it.
    pub repro: Option<String>,
}

impl Diagnostic {
    /// A diagnostic without a place.
    pub fn new(code: Code, message: impl AsRef<str>, reason: impl AsRef<str>) -> Diagnostic {
        Diagnostic {
            code,
            message: text::sentence(message.as_ref()),
            export: None,
            function: None,
            offset: None,
            op: None,
            source: None,
            counterexample: None,
            reason: text::sentence(reason.as_ref()),
            suggestion: None,
            causal_path: Vec::new(),
            repro: None,
        }
    }

    /// At a byte offset of the module.
    #[must_use]
    pub fn at(mut self, offset: usize) -> Diagnostic {
        self.offset = Some(offset as u64);
        self
    }

    /// In a function.
    #[must_use]
    pub fn in_function(mut self, index: u32) -> Diagnostic {
        self.function = Some(Function { index, name: None });
        self
    }

    /// At an operator, given as WAT.
    #[must_use]
    pub fn op(mut self, op: impl AsRef<str>) -> Diagnostic {
        self.op = Some(text::sentence(op.as_ref()));
        self
    }

    /// About an export.
    #[must_use]
    pub fn export(mut self, name: impl AsRef<str>) -> Diagnostic {
        self.export = Some(text::name(name.as_ref()));
        self
    }

    /// With an input for which it goes wrong.
    #[must_use]
    pub fn counterexample(mut self, input: impl AsRef<str>) -> Diagnostic {
        self.counterexample = Some(text::sentence(input.as_ref()));
        self
    }

    /// With what to do about it.
    #[must_use]
    pub fn suggest(mut self, suggestion: impl AsRef<str>) -> Diagnostic {
        self.suggestion = Some(text::sentence(suggestion.as_ref()));
        self
    }

    /// With the operators that led there, one a line; a line may be indented.
    #[must_use]
    pub fn causal_path<S: AsRef<str>>(mut self, lines: impl IntoIterator<Item = S>) -> Diagnostic {
        self.causal_path = lines.into_iter().map(|line| text::sentence(line.as_ref())).collect();
        self
    }

    /// With one more line after those that led there.
    #[must_use]
    pub fn also(mut self, line: impl AsRef<str>) -> Diagnostic {
        self.causal_path.push(text::sentence(line.as_ref()));
        self
    }

    /// With the command that shows it.
    #[must_use]
    pub fn repro(mut self, command: impl AsRef<str>) -> Diagnostic {
        self.repro = Some(text::sentence(command.as_ref()));
        self
    }

    /// Fills in file and line of the operator, where they are known.
    #[must_use]
    pub fn source(mut self, lines: &SourceLines) -> Diagnostic {
        self.source = self.source.or_else(|| lines.at(self.offset?));
        self
    }

    /// Fills in the name of the function and the export it is, where they are known.
    #[must_use]
    pub fn named(mut self, name: Option<&str>, export: Option<&str>) -> Diagnostic {
        if let Some(function) = &mut self.function {
            function.name = function.name.take().or_else(|| name.map(text::name));
            self.export = self.export.or_else(|| export.map(text::name));
        }
        self
    }

    /// The place in one line; nothing where no place is known.
    pub fn place(&self) -> Option<String> {
        let offset = self.offset.map(|offset| format!("offset {offset:#x}"));
        let function = self.function.as_ref().map(Function::to_string);
        let op = self.op.as_ref().map(|op| format!("op {op}"));
        let export = self.export.as_ref().map(|export| format!("export {export}"));
        let parts: Vec<String> = [offset, function, op, export, self.source.clone()].into_iter().flatten().collect();
        (!parts.is_empty()).then(|| parts.join(", "))
    }
}

impl fmt::Display for Diagnostic {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "REJECTED {} {}", self.code, self.message)?;
        section(f, "Reason", Some(&self.reason))?;
        section(f, "Counterexample", self.counterexample.as_deref())?;
        section(f, "At", self.place().as_deref())?;
        if !self.causal_path.is_empty() {
            write!(f, "\n  Causal path:")?;
        }
        for line in &self.causal_path {
            write!(f, "\n    {}", text::wrap(line, 4, 8, WRAP_COLUMNS))?;
        }
        section(f, "Suggestion", self.suggestion.as_deref())?;
        section(f, "Repro", self.repro.as_deref())
    }
}

/// Writes a section, its text wrapped and indented.
fn section(f: &mut fmt::Formatter<'_>, title: &str, body: Option<&str>) -> fmt::Result {
    let Some(body) = body else { return Ok(()) };
    let start = "  ".len() + title.len() + ": ".len();
    write!(f, "\n  {title}: {}", text::wrap(body, start, 4, WRAP_COLUMNS))
}

/// Something odd about a plugin that does not change the verdict.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct Warning {
    /// One line.
    pub message: String,
    /// Byte offset in the module, where there is one place.
    pub offset: Option<u64>,
}

impl Warning {
    /// A warning without a place.
    pub fn new(message: impl AsRef<str>) -> Warning {
        Warning { message: text::sentence(message.as_ref()), offset: None }
    }

    /// At a byte offset of the module.
    #[must_use]
    pub fn at(mut self, offset: usize) -> Warning {
        self.offset = Some(offset as u64);
        self
    }
}

impl fmt::Display for Warning {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)?;
        self.offset.map_or(Ok(()), |offset| write!(f, " (offset {offset:#x})"))
    }
}

/// A plugin is refused, for these reasons.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, thiserror::Error)]
pub struct Rejection {
    errors: Vec<Diagnostic>,
    omitted: usize,
}

impl Rejection {
    /// The errors, by offset; those without one come last. Never empty, never more than [`ERRORS_MAX`].
    pub fn errors(&self) -> &[Diagnostic] {
        &self.errors
    }

    /// Errors that were found and left out.
    pub fn omitted(&self) -> usize {
        self.omitted
    }
}

impl From<Diagnostic> for Rejection {
    fn from(error: Diagnostic) -> Rejection {
        Rejection { errors: vec![error], omitted: 0 }
    }
}

impl fmt::Display for Rejection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (i, error) in self.errors.iter().enumerate() {
            write!(f, "{}{error}", if i == 0 { "" } else { "\n" })?;
        }
        match self.omitted {
            0 => Ok(()),
            n => write!(f, "\n({n} further errors are not shown)"),
        }
    }
}

/// Errors as a stage finds them.
#[derive(Clone, Debug, Default)]
pub struct Errors {
    found: Vec<Diagnostic>,
    omitted: usize,
}

impl Errors {
    /// Adds an error; beyond [`ERRORS_MAX`] it is only counted.
    pub fn push(&mut self, error: Diagnostic) {
        if self.is_full() {
            self.omitted += 1;
        } else {
            self.found.push(error);
        }
    }

    /// Whether further errors would only be counted.
    pub fn is_full(&self) -> bool {
        self.found.len() >= ERRORS_MAX
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.found.is_empty()
    }

    /// Rewrites each error, to add what was not known when it was found.
    pub fn map(&mut self, f: impl FnMut(Diagnostic) -> Diagnostic) {
        self.found = std::mem::take(&mut self.found).into_iter().map(f).collect();
    }

    /// The refusal, where there is an error.
    pub fn into_rejection(mut self) -> Option<Rejection> {
        self.found.sort_by_key(|e| e.offset.unwrap_or(u64::MAX));
        (!self.found.is_empty()).then_some(Rejection { errors: self.found, omitted: self.omitted })
    }

    /// The refusal, where there is an error.
    ///
    /// # Errors
    /// [`Rejection`] unless nothing was pushed.
    pub fn into_result(self) -> Result<(), Rejection> {
        self.into_rejection().map_or(Ok(()), Err)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sample() -> Diagnostic {
        Diagnostic::new(Code::S140, "f64.add: floats", "no floats")
            .at(0x1a)
            .in_function(2)
            .op("f64.add")
            .suggest("none")
    }

    #[test]
    fn prints_its_sections_in_order() {
        let text = sample().named(Some("sum\u{1b}"), Some("pte_pfn")).to_string();
        assert_eq!(
            text,
            "REJECTED S140 f64.add: floats\n  Reason: no floats\n  \
             At: offset 0x1a, function 2 `sum\\u{1b}`, op f64.add, export pte_pfn\n  Suggestion: none"
        );
    }

    #[test]
    fn wraps_long_sections() {
        let long = Diagnostic::new(Code::S100, "m", "word ".repeat(100)).to_string();
        assert!(long.lines().all(|line| line.len() <= WRAP_COLUMNS), "{long}");
        assert_eq!(long.matches("word").count(), 100);
    }

    #[test]
    fn keys_are_those_of_the_command_line_contract() -> Result<(), serde_json::Error> {
        let value = serde_json::to_value(sample())?;
        for key in [
            "code",
            "message",
            "export",
            "offset",
            "op",
            "source",
            "counterexample",
            "reason",
            "suggestion",
            "causal_path",
            "repro",
        ] {
            assert!(value.get(key).is_some(), "{key}");
        }
        assert_eq!(value["code"], "S140");
        assert_eq!(value["offset"], 0x1a);
        Ok(())
    }

    #[test]
    fn keeps_twenty_and_counts_the_rest() {
        for (pushed, kept, omitted) in [(1, 1, 0), (ERRORS_MAX, ERRORS_MAX, 0), (ERRORS_MAX + 1, ERRORS_MAX, 1)] {
            let mut errors = Errors::default();
            for offset in (0..pushed).rev() {
                errors.push(sample().at(offset));
            }
            let rejection = errors.into_rejection().expect("errors were pushed");
            assert_eq!((rejection.errors().len(), rejection.omitted()), (kept, omitted));
            assert!(rejection.errors().is_sorted_by_key(|e| e.offset));
        }
        assert!(Errors::default().into_rejection().is_none());
    }
}
