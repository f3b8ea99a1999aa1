//! Printing: hex strings and sizes, JSON documents, notices and progress.

use std::borrow::Cow;
use std::io::{self, BufWriter, Write};

use indicatif::{ProgressBar, ProgressStyle};
pub use ptwalk::show::{SCHEMA, hex, hex_end, size};
use ptwalk::zone::DevPagemap;
use serde_json::{Map, Value, json};

use super::args::{Format, OutputArgs};

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

/// A document with one list, written item by item: a list may be longer than memory, and an error in the middle must
/// leave a document that says so.
pub struct ListDocument<W> {
    out: W,
    layout: Layout,
    first: bool,
}

/// How a list is laid out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Layout {
    /// A document, an item a line.
    Document,
    /// A document on one line.
    OneLine,
    /// The items alone, one a line.
    Items,
}

impl<W: Write> ListDocument<W> {
    /// Begins the document; `list` is the key of the list.
    ///
    /// # Errors
    /// What `out` returned.
    pub fn open(mut out: W, layout: Layout, list: &str) -> io::Result<ListDocument<W>> {
        if layout != Layout::Items {
            write!(out, "{{\"schema\":\"{SCHEMA}\",\"{list}\":[")?;
        }
        Ok(ListDocument { out, layout, first: true })
    }

    /// Writes the next item.
    ///
    /// # Errors
    /// What `out` returned.
    pub fn item(&mut self, item: &Value) -> io::Result<()> {
        let comma = if std::mem::take(&mut self.first) { "" } else { "," };
        match self.layout {
            Layout::Items => writeln!(self.out, "{item}"),
            Layout::Document => write!(self.out, "{comma}\n{item}"),
            Layout::OneLine => write!(self.out, "{comma}{item}"),
        }
    }

    /// Writes items that are formatted: with a comma and a new line before each in a document, with a new line behind each
    /// where they stand alone.
    ///
    /// # Errors
    /// What `out` returned.
    pub fn items(&mut self, items: &[u8]) -> io::Result<()> {
        let items =
            if self.layout != Layout::Items && self.first { items.strip_prefix(b",").unwrap_or(items) } else { items };
        self.first &= items.is_empty();
        self.out.write_all(items)
    }

    /// Ends the document, which is complete exactly if there is no `reason` for which it stopped early, with `fields`
    /// after that. Items alone end with `last`, if there is one, or else with a line that says that they are not all.
    ///
    /// # Errors
    /// What `out` returned.
    pub fn close(mut self, reason: Option<&str>, fields: Map<String, Value>, last: Option<&Value>) -> io::Result<()> {
        let complete = json!({ "complete": reason.is_none() });
        let partial = reason.map(|reason| json!({ "complete": false, "reason": reason }));
        if self.layout == Layout::Items {
            if let Some(last) = last.or(partial.as_ref()) {
                writeln!(self.out, "{last}")?;
            }
            return self.out.flush();
        }
        let ending = partial.unwrap_or(complete);
        let ending = ending.as_object().into_iter().flatten().map(|(key, value)| (key.clone(), value.clone()));
        let line = if self.layout == Layout::Document { "\n" } else { "" };
        write!(self.out, "{line}]")?;
        for (key, value) in ending.chain(fields) {
            write!(self.out, ",{line}{}:{value}", Value::from(key))?;
        }
        writeln!(self.out, "}}")?;
        self.out.flush()
    }
}

impl Layout {
    /// The layout of a list whose items are records of their own.
    pub fn of_records(format: Format) -> Layout {
        if format == Format::Jsonl { Layout::Items } else { Layout::Document }
    }

    /// The layout of a document that is one record whatever its list holds.
    pub fn of_document(format: Format) -> Layout {
        if format == Format::Jsonl { Layout::OneLine } else { Layout::Document }
    }
}

/// A field of a CSV line, quoted where it must be (RFC 4180).
pub fn csv_field(text: &str) -> Cow<'_, str> {
    if text.contains(['"', ',', '\n', '\r']) {
        Cow::Owned(format!("\"{}\"", text.replace('"', "\"\"")))
    } else {
        text.into()
    }
}

/// A device range as the JSON interface writes it; the keys are those of a pgmap file.
pub fn pgmap_json(pgmap: &DevPagemap) -> Value {
    json!({
        "start": hex(pgmap.start.0),
        "end": hex(pgmap.end.0),
        "type": pgmap.kind.name(),
        "live": pgmap.live,
    })
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

/// Progress of writing a file, in bytes, where [`progress`] would be visible.
pub fn progress_bytes(output: &OutputArgs, what: &str) -> ProgressBar {
    if output.quiet {
        return ProgressBar::hidden();
    }
    let style = ProgressStyle::with_template("{msg}: {bytes} of {total_bytes} {bar:30} {eta} left");
    let bar = ProgressBar::new(0).with_message(what.to_owned());
    match style {
        Ok(style) => bar.with_style(style),
        Err(_) => bar,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn csv_fields_are_quoted_where_they_must_be() {
        assert_eq!(csv_field("pte_none"), "pte_none");
        assert_eq!(csv_field("(param i64, i32)"), "\"(param i64, i32)\"");
        assert_eq!(csv_field("a \"b\""), "\"a \"\"b\"\"\"");
    }
}
