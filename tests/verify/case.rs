//! What a file of the corpus says, and whether the verifier says the same.
//!
//! In: the text of a file. Out: a [`Case`], its module, and the differences from what was found. The directives are
//! described in `tests/verify.rs`.

use std::path::Path;

use ptwalk_abi::{Config, Extern};
use ptwalk_verifier::code::Code;
use ptwalk_verifier::report::Diagnostic;

use super::Outcome;

/// Where an error is expected to lie.
#[derive(Debug, PartialEq)]
pub(crate) enum Place {
    Offset(Option<u64>),
    Export(String),
    Function(u32),
    Op(String),
    /// The whole module: no offset.
    Module,
}

impl Place {
    pub(crate) fn parse(text: &str) -> Result<Place, String> {
        let (word, rest) = text.split_once(' ').unwrap_or((text, ""));
        match (word, rest) {
            ("module", "") => Ok(Place::Module),
            ("0x?", "") => Ok(Place::Offset(None)),
            ("export", name) if !name.is_empty() => Ok(Place::Export(name.into())),
            ("op", op) if !op.is_empty() => Ok(Place::Op(op.into())),
            ("function", index) => {
                index.parse().map(Place::Function).map_err(|error| format!("function {index:?}: {error}"))
            }
            (offset, "") if offset.starts_with("0x") => u64::from_str_radix(&offset[2..], 16)
                .map(|offset| Place::Offset(Some(offset)))
                .map_err(|error| format!("offset {offset:?}: {error}")),
            _ => Err(format!("unknown place {text:?}")),
        }
    }

    pub(crate) fn is_of(&self, error: &Diagnostic) -> bool {
        match self {
            Place::Offset(offset) => offset.is_some() && error.offset == *offset,
            Place::Export(name) => error.export.as_deref() == Some(name),
            Place::Function(index) => error.function.as_ref().is_some_and(|f| f.index == *index),
            Place::Op(op) => error.op.as_deref() == Some(op),
            Place::Module => error.offset.is_none(),
        }
    }
}

/// An error that a file expects, with the number of its line.
#[derive(Debug)]
pub(crate) struct Expected {
    pub(crate) line: usize,
    pub(crate) code: Code,
    pub(crate) places: Vec<Place>,
    pub(crate) parts: Vec<(&'static str, String)>,
}

/// What one file says.
#[derive(Debug, Default)]
pub(crate) struct Case {
    pub(crate) expected: Vec<Expected>,
    pub(crate) claims: Vec<String>,
    pub(crate) warnings: Vec<String>,
    pub(crate) generated: Vec<(String, String)>,
    pub(crate) omitted: usize,
    pub(crate) config: Config,
    /// The law file.
    pub(crate) laws: String,
    pub(crate) validate_only: bool,
    /// The module gets a line table that names the file.
    pub(crate) debug_lines: bool,
}

impl Case {
    pub(crate) fn parse(source: &str) -> Result<Case, String> {
        let mut case = Case::default();
        for (number, line) in source.lines().enumerate() {
            let Some(comment) = line.trim().strip_prefix(";;") else { continue };
            let Some((word, rest)) = comment.trim().split_once(':') else { continue };
            // A sentence with a colon in it is a comment; a single word is a directive, perhaps misspelt.
            if !word.contains(' ') {
                case.directive(number, word, rest.trim()).map_err(|error| format!("line {}: {error}", number + 1))?;
            }
        }
        case.laws = fill(&case.laws, &case.generated);
        Ok(case)
    }

    fn directive(&mut self, line: usize, word: &str, rest: &str) -> Result<(), String> {
        match word {
            "expect" => {
                let (code, places) = rest.split_once(" at ").ok_or("expect wants `CODE at PLACE`")?;
                let code = Code::ALL.iter().copied().find(|c| c.text() == code);
                let code = code.ok_or_else(|| format!("unknown code in {rest:?}"))?;
                let places = places.split(", ").map(Place::parse).collect::<Result<_, _>>()?;
                self.expected.push(Expected { line, code, places, parts: Vec::new() });
            }
            "message" | "reason" | "suggests" | "counterexample" | "source" => {
                let key = ["message", "reason", "suggests", "counterexample", "source"]
                    .into_iter()
                    .find(|k| *k == word)
                    .unwrap_or_default();
                let last = self.expected.last_mut().ok_or_else(|| format!("{word} before any expect"))?;
                last.parts.push((key, rest.into()));
            }
            "claim" => self.claims.push(rest.into()),
            "warning" => self.warnings.push(rest.into()),
            "generate" => self.generated.push(generate(rest)?),
            "omitted" => self.omitted = rest.parse().map_err(|error| format!("omitted {rest:?}: {error}"))?,
            "config" => self.config = configured(self.config, rest)?,
            "law" => self.laws += &format!("{rest}\n"),
            "stages" if rest == "validate" => self.validate_only = true,
            "debug" if rest == "lines" => self.debug_lines = true,
            _ => return Err(format!("unknown directive {word:?}")),
        }
        if rest.is_empty() { Err(format!("{word} without a text")) } else { Ok(()) }
    }

    /// The module of a file.
    pub(crate) fn module(&self, path: &Path, source: &str) -> Result<Vec<u8>, String> {
        if path.extension().is_some_and(|e| e == "hex") {
            return hex(source);
        }
        for (name, _) in &self.generated {
            if !source.contains(&format!("{{{name}}}")) {
                return Err(format!("{{{name}}} is generated and not used"));
            }
        }
        // Directives are comments, and a slot among them is for the laws.
        let code = |line| if str::trim(line).starts_with(";;") { "" } else { line };
        let lines: Vec<&str> = source.lines().map(code).collect();
        let text = fill(&lines.join("\n"), &self.generated);
        let mut parser = wat::Parser::new();
        if self.debug_lines {
            parser.generate_dwarf(wat::GenerateDwarf::Lines);
        }
        let name = path.file_name().map(Path::new);
        parser.parse_str(name, &text).map_err(|error| format!("not WAT: {error}"))
    }

    /// What the verifier does other than the file says.
    pub(crate) fn differences(&self, found: &Outcome) -> Vec<String> {
        let mut differences = Vec::new();
        if self.expected.len() != found.errors.len() {
            differences.push(format!("expected {} errors, found {}", self.expected.len(), found.errors.len()));
        }
        let longest = self.expected.len().max(found.errors.len());
        for i in 0..longest {
            match (self.expected.get(i), found.errors.get(i)) {
                (Some(expected), Some(error)) => expected.compare(error, &mut differences),
                (Some(expected), None) => differences.push(format!("missing: {} {:?}", expected.code, expected.places)),
                (None, Some(error)) => differences.push(format!("extra: {error}")),
                (None, None) => {}
            }
        }
        if self.omitted != found.omitted {
            differences.push(format!("expected {} errors not shown, found {}", self.omitted, found.omitted));
        }
        let stated = self.claims.iter().filter(|claim| !is_law(claim));
        for claim in stated.filter(|claim| !found.claims.contains(*claim)) {
            let word = claim.split(' ').next();
            let alike = found.claims.iter().filter(|found| found.split(' ').next() == word);
            let claims: Vec<&str> = alike.map(String::as_str).collect();
            differences
                .push(format!("not claimed: {claim}\n  claimed of the kind are:\n    {}", claims.join("\n    ")));
        }
        let mut warnings = found.warnings.clone();
        for wanted in &self.warnings {
            match warnings.iter().position(|warning| warning.contains(wanted)) {
                Some(at) => drop(warnings.remove(at)),
                None => differences.push(format!("no warning: {wanted}")),
            }
        }
        differences.extend(warnings.into_iter().map(|warning| format!("unexpected warning: {warning}")));
        differences
    }
}

impl Expected {
    fn compare(&self, error: &Diagnostic, differences: &mut Vec<String>) {
        let at = error.place().unwrap_or("the module".into());
        if self.code != error.code {
            differences.push(format!("expected {}, found {} at {at}: {}", self.code, error.code, error.message));
            return;
        }
        for place in self.places.iter().filter(|place| !place.is_of(error)) {
            differences.push(format!("{}: expected at {place:?}, found at {at}", self.code));
        }
        for (key, part) in &self.parts {
            let text = match *key {
                "message" => &error.message,
                "reason" => &error.reason,
                "source" => error.source.as_deref().unwrap_or("none"),
                "counterexample" => {
                    let shown = error.counterexample.as_deref().unwrap_or("");
                    if !is_counterexample(part, shown) {
                        differences.push(format!("{}: expected the counterexample {part}, found {shown}", self.code));
                    }
                    continue;
                }
                _ => error.suggestion.as_deref().unwrap_or(""),
            };
            if !text.contains(part) {
                differences.push(format!("{}: {key} without {part:?}: {text}", self.code));
            }
        }
    }
}

/// Whether a claim is a law, to be proved.
pub(crate) fn is_law(claim: &str) -> bool {
    claim.starts_with("forall ")
}

/// Whether a counterexample is the one expected, or begins with it and goes on with what follows from it.
pub(crate) fn is_counterexample(expected: &str, shown: &str) -> bool {
    let rest = shown.strip_prefix(expected);
    rest.is_some_and(|rest| !rest.starts_with(|c: char| c.is_ascii_hexdigit()))
}

/// A configuration with one value set, as `NAME = VALUE` says.
fn configured(config: Config, setting: &str) -> Result<Config, String> {
    let (name, value) = setting.split_once(" = ").ok_or("config wants `NAME = VALUE`")?;
    let key = Extern::by_name(name).ok_or_else(|| format!("unknown extern {name:?}"))?;
    let value: i32 = value.parse().map_err(|error| format!("{setting:?}: {error}"))?;
    if key.range().contains(&value) { Ok(config.with(key, value)) } else { Err(format!("{setting} is out of range")) }
}

/// A text with every slot filled.
fn fill(text: &str, generated: &[(String, String)]) -> String {
    generated.iter().fold(text.to_owned(), |text, (name, with)| text.replace(&format!("{{{name}}}"), with))
}

/// Reads `NAME = COUNT x TEXT` into a name and the text that stands for it.
pub(crate) fn generate(rest: &str) -> Result<(String, String), String> {
    let syntax = "generate wants `NAME = COUNT x TEXT`";
    let (name, rest) = rest.split_once(" = ").ok_or(syntax)?;
    let (count, text) = rest.split_once(" x ").ok_or(syntax)?;
    let count: usize = count.parse().map_err(|error| format!("{syntax}: {error}"))?;
    let quoted = text.strip_prefix('"').and_then(|text| text.strip_suffix('"'));
    let (text, separator) = quoted.map_or((text, " "), |text| (text, ""));
    let mut out = String::new();
    for i in 0..count {
        out += &text.replace("{i}", &i.to_string()).replace("{i+1}", &(i + 1).to_string());
        out += separator;
    }
    Ok((name.into(), out))
}

/// Reads bytes in hexadecimal.
fn hex(source: &str) -> Result<Vec<u8>, String> {
    let code = source.lines().map(|line| line.split(';').next().unwrap_or(""));
    let bytes = code.flat_map(str::split_whitespace);
    bytes.map(|byte| u8::from_str_radix(byte, 16).map_err(|error| format!("{byte:?}: {error}"))).collect()
}
