//! Printing: hex strings and sizes, JSON documents, notices and progress.

use std::io::{self, BufWriter, Write};

use indicatif::{ProgressBar, ProgressStyle};
use serde_json::{Value, json};

use super::args::{Format, OutputArgs};

/// Identifies the JSON documents of this interface.
pub const SCHEMA: &str = "ptwalk/1";

/// A number as the JSON interface writes addresses, entries and frames: they exceed 2^53.
pub fn hex(value: u64) -> Value {
    Value::String(format!("{value:#x}"))
}

/// First address above a range, which may be 2^64.
pub fn hex_end(value: u128) -> Value {
    Value::String(format!("{value:#x}"))
}

/// A size as ptdump prints it: in the largest unit that divides it.
pub fn size(bytes: u128) -> String {
    let mut units = ["B", "K", "M", "G", "T", "P", "E"].iter();
    let mut unit = units.next();
    let mut rest = bytes;
    while rest != 0 && rest.is_multiple_of(1024) {
        let Some(next) = units.next() else { break };
        rest /= 1024;
        unit = Some(next);
    }
    format!("{rest}{}", unit.unwrap_or(&"B"))
}

/// Buffered stdout.
pub fn stdout() -> BufWriter<io::StdoutLock<'static>> {
    BufWriter::with_capacity(1 << 16, io::stdout().lock())
}

/// Prints a document, indented, or on one line for jsonl.
pub fn print_json(document: &Value, format: Format) -> io::Result<()> {
    let mut out = stdout();
    if format == Format::Jsonl {
        serde_json::to_writer(&mut out, document)?;
    } else {
        serde_json::to_writer_pretty(&mut out, document)?;
    }
    writeln!(out)?;
    out.flush()
}

/// A document with its schema.
pub fn document(fields: Value) -> Value {
    let mut document = json!({ "schema": SCHEMA });
    if let (Some(document), Value::Object(fields)) = (document.as_object_mut(), fields) {
        document.extend(fields);
    }
    document
}

/// Says something on stderr, unless asked to be quiet.
pub fn notice(output: &OutputArgs, text: &str) {
    if !output.quiet {
        // A closed stderr is no reason to stop.
        let _ = writeln!(io::stderr(), "ptwalk: {text}");
    }
}

/// Progress of a walk on stderr; invisible where stderr is no terminal or quiet is asked for.
pub fn progress(output: &OutputArgs, what: &str) -> ProgressBar {
    if output.quiet {
        return ProgressBar::hidden();
    }
    let style = ProgressStyle::with_template("{spinner} {msg}: {human_pos} tables, {elapsed}");
    let bar = ProgressBar::new_spinner().with_message(what.to_owned());
    match style {
        Ok(style) => bar.with_style(style),
        Err(_) => bar,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_are_those_of_ptdump() {
        for (bytes, text) in [(0, "0B"), (1, "1B"), (4096, "4K"), (2112 << 10, "2112K"), (30 << 20, "30M")] {
            assert_eq!(size(bytes), text);
        }
        assert_eq!(size(1 << 64), "16E");
    }
}
