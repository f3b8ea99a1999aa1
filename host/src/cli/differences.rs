//! Differences between two walks, as text, JSON and CSV: what `diff` and `watch` print.
//!
//! In: differences one by one, and the tally at the end. Out: records, of which a limit is kept, and a summary that counts
//! also those that are left out.

use std::io::{self, Write};

use ptwalk::compare::{Cell, Change, Difference, Tally};
use ptwalk::plugin::describe;
use ptwalk::walk::census::Count;
use ptwalk::walk::merge::Merge;
use serde_json::{Map, Value, json};

use super::args::{Format, ImageArgs};
use super::output::{Layout, ListDocument, csv_field, hex, size};
use super::session::Session;
use ptwalk::show::{hex_end, records};

/// A side, for the reader.
pub struct Described {
    image: String,
    name: String,
    version: Option<String>,
    sha256: String,
    config: String,
}

impl Described {
    pub fn new(session: &Session, image: &ImageArgs) -> Described {
        let plugin = session.plugin.plugin();
        let manifest = plugin.manifest();
        Described {
            image: image.image.display().to_string(),
            name: manifest.name.clone().unwrap_or_else(|| "unnamed".to_owned()),
            version: manifest.version.clone(),
            sha256: plugin.sha256_hex(),
            config: describe(session.plugin.config()),
        }
    }

    fn json(&self) -> Value {
        json!({
            "image": self.image,
            "plugin": self.name,
            "version": self.version,
            "sha256": self.sha256,
            "config": self.config,
        })
    }

    fn text(&self) -> String {
        let Described { image, name, version, sha256, config } = self;
        let version = version.as_deref().unwrap_or("unversioned");
        format!("{image}: {name} {version} (sha256 {}), {config}", sha256.get(..12).unwrap_or(sha256))
    }
}

/// Which differences are listed: neighbours merged, and no more than a limit.
pub struct Listing {
    rule: Merge,
    held: Option<Difference>,
    left: u64,
    left_out: u64,
}

impl Listing {
    pub fn new(rule: Merge, limit: u64) -> Listing {
        Listing { rule, held: None, left: limit, left_out: 0 }
    }

    /// Takes the next difference, and returns what is to be listed now.
    pub fn push(&mut self, next: &Difference) -> Option<Difference> {
        if self.held.as_mut().is_some_and(|held| held.extend(self.rule, next)) {
            return None;
        }
        let ready = self.held.replace(*next);
        self.within_limit(ready)
    }

    /// The last one.
    pub fn flush(&mut self) -> Option<Difference> {
        let ready = self.held.take();
        self.within_limit(ready)
    }

    /// Records that were not listed.
    pub fn left_out(&self) -> u64 {
        self.left_out
    }

    fn within_limit(&mut self, ready: Option<Difference>) -> Option<Difference> {
        let ready = ready?;
        match self.left.checked_sub(1) {
            Some(left) => self.left = left,
            None => {
                self.left_out += 1;
                return None;
            }
        }
        Some(ready)
    }
}

/// A difference as JSON. `page_shifts` are the sides'.
pub fn record_json(difference: &Difference, page_shifts: [u32; 2]) -> Value {
    let changes: Vec<&str> = difference.changes.iter().map(Change::name).collect();
    json!({
        "start": hex(difference.range.first.0),
        "end": hex_end(difference.range.end()),
        "level": difference.level().name(),
        "count": difference.count,
        "changes": changes,
        "a": cell_json(difference.a, page_shifts[0]),
        "b": cell_json(difference.b, page_shifts[1]),
    })
}

fn cell_json(cell: Option<Cell>, page_shift: u32) -> Value {
    let Some(cell) = cell else { return Value::Null };
    let mut value = json!({ "state": state(cell), "level": cell.level().name(), "raw": hex(cell.raw()) });
    if let Some(leaf) = cell.leaf() {
        value["pa"] = hex(leaf.pa.0);
        value["pfn"] = hex(leaf.pa.pfn(page_shift).0);
        value["size"] = leaf.leaf_bytes.into();
        value["attrs"] = json!(leaf.attrs);
        value["effective"] = json!(leaf.effective);
    }
    value
}

fn state(cell: Cell) -> &'static str {
    match cell {
        Cell::Leaf(_) => "mapped",
        Cell::NotPresent { .. } => "not_present",
        Cell::Problem { kind, .. } => kind.reason(),
    }
}

fn flags(cell: Cell) -> String {
    let mut flags = Vec::new();
    if let Some(leaf) = cell.leaf() {
        records::flags(&mut flags, leaf.attrs, leaf.effective);
    }
    String::from_utf8_lossy(&flags).into_owned()
}

/// A difference in three lines: where and how, and what either side says.
pub fn record_text(out: &mut impl Write, difference: &Difference) -> io::Result<()> {
    let Difference { range, a, b, changes, count } = difference;
    let changes: Vec<&str> = changes.iter().map(Change::name).collect();
    let many = if *count == 1 { String::new() } else { format!(" ({count} entries)") };
    let (bytes, level, changes) = (size(range.bytes()), difference.level(), changes.join(" "));
    writeln!(out, "{}-{:#018x} {bytes:>7} {level} {changes}{many}", range.first, range.end())?;
    for (letter, cell) in [('A', a), ('B', b)] {
        match cell {
            None => writeln!(out, "  {letter} nothing")?,
            Some(cell) => {
                let (level, raw) = (cell.level(), cell.raw());
                let place = match cell.leaf() {
                    Some(leaf) => format!("{} {}", leaf.pa, flags(*cell)),
                    None => state(*cell).to_owned(),
                };
                writeln!(out, "  {letter} {level} {raw:#018x} -> {place}")?;
            }
        }
    }
    Ok(())
}

fn record_csv(out: &mut impl Write, difference: &Difference) -> io::Result<()> {
    let Difference { range, a, b, changes, count } = difference;
    let changes: Vec<&str> = changes.iter().map(Change::name).collect();
    let (start, end, level) = (range.first.0, range.end(), difference.level());
    write!(out, "{start:#x},{end:#x},{level},{count},{}", changes.join(" "))?;
    for cell in [a, b] {
        match cell {
            None => write!(out, ",,,,,")?,
            Some(cell) => {
                let pa = cell.leaf().map_or(String::new(), |leaf| format!("{:#x}", leaf.pa));
                let (state, level, raw, flags) = (state(*cell), cell.level(), cell.raw(), flags(*cell));
                write!(out, ",{state},{level},{pa},{raw:#x},{}", csv_field(&flags))?;
            }
        }
    }
    writeln!(out)
}

/// The counts as JSON.
pub fn summary_json(tally: &Tally, left_out: u64) -> Value {
    let mut changes = Map::new();
    for (change, levels) in &tally.changes {
        let levels: Map<String, Value> =
            levels.iter().map(|(level, count)| (level.name().to_owned(), json!(count))).collect();
        changes.insert(change.name().to_owned(), levels.into());
    }
    json!({ "alike": tally.alike, "different": tally.different, "changes": changes, "left_out": left_out })
}

/// The counts as a table.
pub fn summary_text(out: &mut impl Write, tally: &Tally, left_out: u64) -> io::Result<()> {
    if left_out > 0 {
        writeln!(out, "… and {left_out} more records (--limit)")?;
    }
    if tally.different.entries > 0 {
        writeln!(out, "  {:<18} {:5} {:>9} {:>9}", "change", "level", "entries", "bytes")?;
    }
    for (change, levels) in &tally.changes {
        for (level, Count { entries, bytes }) in levels.iter().rev() {
            let bytes = size(u128::from(*bytes));
            writeln!(out, "  {:<18} {level:5} {entries:>9} {bytes:>9}", change.name())?;
        }
    }
    let (different, alike) = (tally.different, tally.alike);
    let bytes = [different, alike].map(|count| size(u128::from(count.bytes)));
    writeln!(out, "{} entries differ ({}), {} are alike ({})", different.entries, bytes[0], alike.entries, bytes[1])
}

/// Prints records as they come.
pub struct Printer<W: Write> {
    out: Out<W>,
    page_shifts: [u32; 2],
}

enum Out<W: Write> {
    Text(W),
    Csv(W),
    List(ListDocument<W>),
}

impl<W: Write> Printer<W> {
    pub fn open(mut out: W, format: Format, sides: &[Described; 2], page_shifts: [u32; 2]) -> io::Result<Printer<W>> {
        let out = match format {
            Format::Text => {
                writeln!(out, "A {}\nB {}", sides[0].text(), sides[1].text())?;
                Out::Text(out)
            }
            Format::Csv => {
                let side =
                    |letter: char| ["state", "level", "pa", "raw", "flags"].map(|key| format!(",{letter}_{key}"));
                writeln!(out, "start,end,level,count,changes{}{}", side('a').concat(), side('b').concat())?;
                Out::Csv(out)
            }
            format => Out::List(ListDocument::open(out, Layout::of_records(format), "differences")?),
        };
        Ok(Printer { out, page_shifts })
    }

    pub fn record(&mut self, difference: &Difference) -> io::Result<()> {
        match &mut self.out {
            Out::Text(out) => record_text(out, difference),
            Out::Csv(out) => record_csv(out, difference),
            Out::List(list) => list.item(&record_json(difference, self.page_shifts)),
        }
    }

    /// Ends the output. `stopped` is why the comparison ended early, if it did.
    pub fn close(
        self,
        tally: &Tally,
        left_out: u64,
        stopped: Option<&'static str>,
        sides: &[Described; 2],
    ) -> io::Result<()> {
        let reason = stopped.or(tally.unseen.map(|(_, kind)| kind.reason()));
        match self.out {
            Out::Text(mut out) => {
                summary_text(&mut out, tally, left_out)?;
                if let Some(reason) = stopped {
                    writeln!(out, "! stopped early: {reason}")?;
                }
                out.flush()
            }
            Out::Csv(mut out) => out.flush(),
            Out::List(list) => {
                let mut summary = summary_json(tally, left_out);
                let mut fields = Map::new();
                fields.insert("sides".to_owned(), sides.iter().map(Described::json).collect());
                fields.insert("summary".to_owned(), summary.clone());
                summary["complete"] = reason.is_none().into();
                if let Some(reason) = reason {
                    summary["reason"] = reason.into();
                }
                let last = json!({ "summary": summary, "sides": fields["sides"] });
                list.close(reason, fields, Some(&last))
            }
        }
    }
}
