//! `ptwalk dump`: every mapping, ptdump-like.
//!
//! The walk goes in parts, on several threads; each part formats its records, and the parts are printed in order.

use std::io::Write;

use anyhow::Result;
use ptwalk::engine::{Prepared, Queries, Wanted};
use ptwalk::show::{self, records};
use ptwalk::walk::merge::{Merge, Merged, Merger};
use ptwalk::walk::{
    Event, Incomplete, Leaves, MapSink, Mapping, Passed, Problem, ProblemKind, Root, WalkError, walk_split,
};
use ptwalk_abi::{Half, VaRange};
use serde_json::{Value, json};

use super::args::{DumpArgs, Format, OutputArgs};
use super::exit::{Answer, reason};
use super::interrupt;
use super::output::{Layout, ListDocument, notice, progress, size, stdout};
use super::session::Session;

/// Totals of a dump: the last record.
#[derive(Default)]
struct Summary {
    entries: u64,
    tables: u64,
    pages: u64,
    bytes: u128,
    incomplete: Incomplete,
    /// Why the walk ended early, if it did.
    stopped: Option<&'static str>,
}

pub fn run(args: &DumpArgs) -> Result<Answer> {
    let output = args.output.plain();
    let session = Session::open(&args.image, &args.tables, &output)?;
    let ranges = session.ranges(&args.range)?;
    if args.output.bin() {
        return super::pagemap::run(&session, args, &ranges);
    }
    interrupt::watch()?;
    let mut printer = Printer::open(stdout(), output.format(), session.geometry.page_shift())?;
    let mut summary = Summary::default();
    let walked = walk(&session, ranges, args, &mut printer, &mut summary);
    if let Err(error) = &walked {
        summary.stopped = Some(reason(error));
    }
    // Where the output itself failed, closing it fails again, and the first failure is the one to tell.
    let closed = printer.close(&summary);
    walked?;
    closed?;
    tell_incomplete(&output, &summary.incomplete);
    Ok(Answer::Yes)
}

/// An engine for the leaves that are asked for under a root.
pub fn prepare(session: &Session, args: &DumpArgs, root: Root, absent: bool) -> Result<Prepared> {
    let wanted = Wanted { leaves: args.filter.clone(), half: root.half, absent, ..Wanted::ALL };
    session.prepare(Queries::walk(&session.geometry, &wanted))
}

/// Engines by half: an image may have thousands of roots, and what a walk asks differs by half alone.
#[derive(Default)]
pub struct Engines(Vec<(Half, Prepared)>);

impl Engines {
    /// That of a half, made when it is first asked for.
    pub fn of(&mut self, half: Half, make: impl FnOnce() -> Result<Prepared>) -> Result<&Prepared> {
        let place = match self.0.iter().position(|(made, _)| *made == half) {
            Some(place) => place,
            None => {
                self.0.push((half, make()?));
                self.0.len() - 1
            }
        };
        Ok(&self.0[place].1)
    }
}

fn walk<W: Write>(
    session: &Session,
    ranges: Vec<(Root, VaRange)>,
    args: &DumpArgs,
    printer: &mut Printer<W>,
    summary: &mut Summary,
) -> Result<()> {
    let bar = progress(&args.output.plain(), "walking");
    let (form, rule, page_shift) = (printer.form, Merge::from(args.merge), session.geometry.page_shift());
    let mut engines = Engines::default();
    for (root, range) in ranges {
        let prepared = engines.of(root.half, || prepare(session, args, root, false))?;
        summary.tables += 1;
        let mut merger = Merger::new(rule);
        let part =
            || Part { form, page_shift, rule, records: Vec::new(), items: Vec::new(), summary: Summary::default() };
        let walked = walk_split(prepared, &session.tables(root), range, args.threads.count(), &part, &mut |part| {
            interrupt::check()?;
            bar.inc(part.summary.tables);
            summary.add(&part.summary);
            printer.lines(&part.records)?;
            for item in part.items {
                match item {
                    Item::Record(merged) => merger.push(merged).map_or(Ok(()), |merged| printer.record(&merged))?,
                    Item::Problem(problem) => {
                        merger.flush().map_or(Ok(()), |merged| printer.record(&merged))?;
                        printer.problem(&problem)?;
                    }
                }
            }
            Ok(())
        });
        let flushed = merger.flush().map_or(Ok(()), |merged| printer.record(&merged));
        walked?;
        flushed?;
    }
    bar.finish_and_clear();
    Ok(())
}

/// One part of the walk: its records, formatted where they need not be merged with those of the next part.
struct Part {
    form: Form,
    page_shift: u32,
    rule: Merge,
    records: Vec<u8>,
    items: Vec<Item>,
    summary: Summary,
}

/// What is merged across parts.
enum Item {
    Record(Merged),
    Problem(Problem),
}

impl Part {
    fn mapping(&mut self, mapping: Mapping) {
        let merged = Merged { mapping, count: 1 };
        if self.rule == Merge::None {
            self.form.record(&mut self.records, &merged, self.page_shift);
            return;
        }
        match self.items.last_mut() {
            Some(Item::Record(held)) => {
                if !self.rule.extend(held, &merged) {
                    self.items.push(Item::Record(merged));
                }
            }
            _ => self.items.push(Item::Record(merged)),
        }
    }
}

impl MapSink for Part {
    fn event(&mut self, event: &Event, _: &[Passed]) -> Result<(), WalkError> {
        match event {
            Event::Mapping(mapping) => {
                self.summary.leaves(1, mapping.range.bytes(), self.page_shift);
                self.mapping(*mapping);
            }
            Event::Table { .. } => self.summary.tables += 1,
            Event::Problem(problem) => {
                self.summary.incomplete.add(problem);
                match self.rule {
                    Merge::None => self.form.problem(&mut self.records, problem),
                    _ => self.items.push(Item::Problem(*problem)),
                }
            }
            Event::Hole { .. } | Event::NotPresent { .. } => {}
        }
        Ok(())
    }

    fn leaves(&mut self, leaves: &Leaves<'_>) -> Result<(), WalkError> {
        self.summary.leaves(leaves.words().len() as u64, leaves.bytes().into(), self.page_shift);
        leaves.mappings().for_each(|mapping| self.mapping(mapping));
        Ok(())
    }
}

impl Summary {
    fn leaves(&mut self, count: u64, bytes: u128, page_shift: u32) {
        self.entries += count;
        self.bytes += bytes;
        self.pages += u64::try_from(bytes >> page_shift).unwrap_or(u64::MAX);
    }

    fn add(&mut self, part: &Summary) {
        self.entries += part.entries;
        self.tables += part.tables;
        self.pages += part.pages;
        self.bytes += part.bytes;
        self.incomplete.merge(part.incomplete);
    }

    fn json(&self) -> Value {
        let mut summary = json!({
            "entries": self.entries,
            "tables": self.tables,
            "pages": self.pages,
            "bytes": u64::try_from(self.bytes).unwrap_or(u64::MAX),
            "complete": self.reason().is_none(),
        });
        if let Some(reason) = self.reason() {
            summary["reason"] = reason.into();
        }
        summary
    }

    fn reason(&self) -> Option<&'static str> {
        self.stopped.or(self.incomplete.reason())
    }
}

/// Says on stderr what a walk could not see.
pub fn tell_incomplete(output: &OutputArgs, incomplete: &Incomplete) {
    if let Some((problem, count)) = incomplete.first() {
        let more = if count > 1 { format!(", and {} more", count - 1) } else { String::new() };
        notice(output, &format!("incomplete: {}{more}", describe(&problem)));
    }
}

/// What a problem is, in words.
pub fn describe(problem: &Problem) -> String {
    let Problem { kind, range, at } = problem;
    let entry = format!("{}[{}] in table {}", at.level, at.index, at.table);
    let what = match kind {
        ProblemKind::Bad => format!("bad entry {:#018x} at {entry}", at.raw),
        ProblemKind::OutsideImage => format!("{entry} is not in the image"),
        ProblemKind::Cycle => format!("{entry} = {:#018x} leads back to a table above it", at.raw),
        ProblemKind::Budget => format!("shared tables expand too far at {entry}; narrow the walk with --range"),
    };
    format!("{what}, translating {}-{:#018x}", range.first, range.end())
}

/// The form of records.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Form {
    Text,
    Csv,
    /// Records in a list, each with a comma before it but the first.
    Json,
    /// Records alone, one a line.
    Jsonl,
}

impl Form {
    fn record(self, out: &mut Vec<u8>, merged: &Merged, page_shift: u32) {
        match self {
            Form::Text => records::text(out, merged),
            Form::Csv => records::csv(out, merged, page_shift),
            Form::Json | Form::Jsonl => self.item(out, |out| records::json(out, merged, page_shift)),
        }
    }

    /// A problem stands where its mappings would, in the forms that have a place for it.
    fn problem(self, out: &mut Vec<u8>, problem: &Problem) {
        match self {
            Form::Text => out.extend_from_slice(format!("! {}\n", describe(problem)).as_bytes()),
            Form::Csv => {}
            Form::Json | Form::Jsonl => self.item(out, |out| {
                out.extend_from_slice(show::problem(problem).to_string().as_bytes());
            }),
        }
    }

    fn item(self, out: &mut Vec<u8>, write: impl Fn(&mut Vec<u8>)) {
        if self == Form::Json {
            out.extend_from_slice(b",\n");
        }
        write(out);
        if self == Form::Jsonl {
            out.push(b'\n');
        }
    }
}

/// Prints records as they come.
struct Printer<W: Write> {
    form: Form,
    out: Out<W>,
    page_shift: u32,
    buffer: Vec<u8>,
}

enum Out<W: Write> {
    Lines(W),
    List(ListDocument<W>),
}

impl<W: Write> Printer<W> {
    fn open(mut out: W, format: Format, page_shift: u32) -> std::io::Result<Printer<W>> {
        let (form, out) = match format {
            Format::Text => (Form::Text, Out::Lines(out)),
            Format::Csv => {
                writeln!(out, "start,end,pa,pfn,level,size,raw,count,{}", records::ATTRS)?;
                (Form::Csv, Out::Lines(out))
            }
            Format::Json | Format::Jsonl => {
                let form = if format == Format::Json { Form::Json } else { Form::Jsonl };
                (form, Out::List(ListDocument::open(out, Layout::of_records(format), "mappings")?))
            }
        };
        Ok(Printer { form, out, page_shift, buffer: Vec::new() })
    }

    /// Records that are formatted.
    fn lines(&mut self, records: &[u8]) -> std::io::Result<()> {
        match &mut self.out {
            Out::Lines(out) => out.write_all(records),
            Out::List(list) => list.items(records),
        }
    }

    fn record(&mut self, merged: &Merged) -> std::io::Result<()> {
        let mut buffer = std::mem::take(&mut self.buffer);
        buffer.clear();
        self.form.record(&mut buffer, merged, self.page_shift);
        self.lines(&buffer)?;
        self.buffer = buffer;
        Ok(())
    }

    fn problem(&mut self, problem: &Problem) -> std::io::Result<()> {
        let mut buffer = Vec::new();
        self.form.problem(&mut buffer, problem);
        self.lines(&buffer)
    }

    fn close(self, summary: &Summary) -> std::io::Result<()> {
        match self.out {
            Out::Lines(mut out) if self.form == Form::Text => {
                let (entries, pages, tables) = (summary.entries, summary.pages, summary.tables);
                let bytes = size(summary.bytes);
                writeln!(out, "{entries} leaves, {pages} pages, {bytes} mapped, {tables} tables")?;
                if let Some(reason) = summary.stopped {
                    writeln!(out, "! stopped early: {reason}")?;
                }
                out.flush()
            }
            Out::Lines(mut out) => out.flush(),
            Out::List(list) => {
                let last = json!({ "summary": summary.json() });
                list.close(summary.reason(), last.as_object().cloned().unwrap_or_default(), Some(&last))
            }
        }
    }
}
