//! Findings as text, CSV and JSON.

use std::io::Write;

use ptwalk::audit::epoch::Doubt;
use ptwalk::audit::{Access, Alias, BrokenRun, Finding, Kind, Region};
use ptwalk::walk::Root;
use ptwalk_abi::MmuPerms;
use serde_json::{Map, Value, json};

use super::Summary;
use crate::cli::args::Format;
use crate::cli::explain::{perms_json, shown};
use crate::cli::output::{Layout, ListDocument, csv_field, hex, hex_end, size};

/// The kinds of findings, as the JSON interface names them.
pub const KINDS: [&str; 5] = [Kind::WritableCode.name(), Kind::UserCode.name(), "alias", "broken_run", "epoch"];
/// Positions in [`KINDS`].
const WRITE_EXEC: usize = 0;
const USER_EXEC: usize = 1;
pub const ALIAS: usize = 2;
const BROKEN_RUN: usize = 3;
pub const EPOCH: usize = 4;

/// Prints findings as they come.
pub struct Printer<W: Write> {
    out: Out<W>,
    page_shift: u32,
}

enum Out<W: Write> {
    Text(W),
    Csv(W),
    List(ListDocument<W>),
}

/// A finding in every form: its kind, the addresses it is about, the rest in words, and as JSON.
struct Row {
    kind: &'static str,
    root: Root,
    start: u64,
    end: u128,
    words: String,
    json: Value,
}

fn letters(perms: MmuPerms) -> String {
    shown(perms).join("/")
}

impl<W: Write> Printer<W> {
    pub fn open(mut out: W, format: Format, page_shift: u32) -> std::io::Result<Printer<W>> {
        let out = match format {
            Format::Text => Out::Text(out),
            Format::Csv => {
                writeln!(out, "kind,root,half,start,end,what")?;
                Out::Csv(out)
            }
            Format::Json | Format::Jsonl => Out::List(ListDocument::open(out, Layout::of_records(format), "findings")?),
        };
        Ok(Printer { out, page_shift })
    }

    fn row(&mut self, row: Row) -> std::io::Result<()> {
        let Row { kind, root, start, end, words, mut json } = row;
        match &mut self.out {
            Out::Text(out) => writeln!(out, "{kind:16} {start:#018x}-{end:#018x} {words}"),
            Out::Csv(out) => {
                let (pa, half) = (root.pa.0, root.half);
                writeln!(out, "{kind},{pa:#x},{half},{start:#x},{end:#x},{}", csv_field(&words))
            }
            Out::List(list) => {
                json["kind"] = kind.into();
                json["root"] = hex(root.pa.0);
                json["half"] = root.half.name().into();
                list.item(&json)
            }
        }
    }

    /// Something found at an address.
    pub fn finding(&mut self, root: Root, finding: &Finding, summary: &mut Summary) -> std::io::Result<()> {
        match finding {
            Finding::Region(region) => {
                let place = if region.kind == Kind::WritableCode { WRITE_EXEC } else { USER_EXEC };
                summary.counts[place] += 1;
                self.region(root, region)
            }
            Finding::Run(run) => {
                summary.counts[BROKEN_RUN] += 1;
                self.run(root, run)
            }
        }
    }

    fn region(&mut self, root: Root, region: &Region) -> std::io::Result<()> {
        let Region { kind, range, pa, level, leaves, perms } = *region;
        let (start, end) = (range.first.0, range.end());
        let words = format!("{:>6} {level} {leaves} leaves {} from {pa}", size(range.bytes()), letters(perms));
        let json = json!({
            "start": hex(start),
            "end": hex_end(end),
            "pa": hex(pa.0),
            "level": level.name(),
            "leaves": leaves,
            "perms": perms_json(Some(perms)),
        });
        self.row(Row { kind: kind.name(), root, start, end, words, json })
    }

    fn run(&mut self, root: Root, run: &BrokenRun) -> std::io::Result<()> {
        let BrokenRun { va, table, index, level, entries, hinted, fault, .. } = *run;
        let words = format!(
            "{hinted} of {entries} entries at {level}[{index}] in table {table} bear the hint; wrong: {}",
            fault.name()
        );
        let json = json!({
            "start": hex(va.0),
            "end": hex_end(run.end()),
            "level": level.name(),
            "table": hex(table.0),
            "index": index,
            "entries": entries,
            "hinted": hinted,
            "wrong": fault.name(),
        });
        self.row(Row { kind: KINDS[BROKEN_RUN], root, start: va.0, end: run.end(), words, json })
    }

    /// Frames with different mappings; the addresses are physical ones.
    pub fn alias(&mut self, root: Root, alias: &Alias) -> std::io::Result<()> {
        let start = alias.first.phys(self.page_shift).0;
        let bytes = u128::from(alias.frames) << self.page_shift;
        let way = |access: &Access| {
            let device = if access.devmap() { " devmap" } else { "" };
            format!("{}{device}", letters(access.perms()))
        };
        let ways: Vec<String> = alias.ways.iter().map(|(access, va)| format!("{} at {va}", way(access))).collect();
        let code = if alias.writes_code() { "; what one may write, another may execute" } else { "" };
        let words = format!("{:>6} of frames: {}{code}", size(bytes), ways.join(", "));
        let mappings: Vec<Value> = alias
            .ways
            .iter()
            .map(|(access, va)| {
                json!({ "va": hex(va.0), "perms": perms_json(Some(access.perms())), "devmap": access.devmap() })
            })
            .collect();
        let end = u128::from(start) + bytes;
        let json = json!({
            "pa": hex(start),
            "pa_end": hex_end(end),
            "frames": alias.frames,
            "write_exec": alias.writes_code(),
            "mappings": mappings,
        });
        self.row(Row { kind: KINDS[ALIAS], root, start, end, words, json })
    }

    /// Entries of another kernel version.
    pub fn doubt(&mut self, root: Root, doubt: &Doubt) -> std::io::Result<()> {
        let Doubt { entries, va, raw } = *doubt;
        let json = json!({ "entries": entries, "start": hex(va.0), "raw": hex(raw), "what": doubt.to_string() });
        let end = u128::from(va.0) + (1 << self.page_shift);
        self.row(Row { kind: KINDS[EPOCH], root, start: va.0, end, words: doubt.to_string(), json })
    }

    pub fn close(self, summary: &Summary, stopped: Option<&str>) -> std::io::Result<()> {
        let reason = stopped.or(summary.incomplete.reason());
        match self.out {
            Out::Text(mut out) => {
                let counts: Vec<String> =
                    KINDS.iter().zip(summary.counts).map(|(kind, count)| format!("{count} {kind}")).collect();
                let Summary { leaves, tables, walks, alias_frames, unlisted, .. } = *summary;
                writeln!(out, "{} ({alias_frames} frames)", counts.join(", "))?;
                if unlisted > 0 {
                    writeln!(out, "{unlisted} findings more are counted only; narrow the audit with --range")?;
                }
                writeln!(out, "{leaves} leaves in {tables} tables below the roots, {walks} walks")?;
                if let Some(reason) = stopped {
                    writeln!(out, "! stopped early: {reason}")?;
                }
                out.flush()
            }
            Out::Csv(mut out) => out.flush(),
            Out::List(list) => {
                let summary = summary_json(summary, reason);
                let fields = Map::from_iter([("summary".to_owned(), summary.clone())]);
                list.close(reason, fields, Some(&json!({ "summary": summary })))
            }
        }
    }
}

fn summary_json(summary: &Summary, reason: Option<&str>) -> Value {
    let mut counts: Map<String, Value> =
        KINDS.iter().zip(summary.counts).map(|(kind, count)| ((*kind).to_owned(), count.into())).collect();
    let more = [
        ("unlisted", summary.unlisted),
        ("alias_frames", summary.alias_frames),
        ("leaves", summary.leaves),
        ("tables", summary.tables),
        ("walks", summary.walks),
    ];
    counts.extend(more.map(|(key, count)| (key.to_owned(), count.into())));
    counts.insert("complete".to_owned(), reason.is_none().into());
    if let Some(reason) = reason {
        counts.insert("reason".to_owned(), reason.into());
    }
    Value::Object(counts)
}
