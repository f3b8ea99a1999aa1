//! `ptwalk dump`: every mapping, ptdump-like.

use std::io::Write;

use anyhow::Result;
use ptwalk::engine::Engine;
use ptwalk::engine::{Queries, Wanted};
use ptwalk::walk::merge::{Merge, Merged, Merger};
use ptwalk::walk::{Event, Mapping, Problem, ProblemKind, Root, walk_map};
use ptwalk_abi::VaRange;
use serde_json::{Value, json};

use super::args::{DumpArgs, Format};
use super::exit::{Answer, Fault, reason};
use super::output::{Layout, ListDocument, hex, hex_end, notice, progress, size, stdout};
use super::session::Session;

/// Totals of a dump: the last record.
#[derive(Default)]
struct Summary {
    entries: u64,
    tables: u64,
    pages: u64,
    bytes: u128,
    /// The first thing that kept a part of the range from being seen, and how many there were.
    incomplete: Option<(Problem, u64)>,
    /// Why the walk ended early, if it did.
    stopped: Option<&'static str>,
}

pub fn run(args: &DumpArgs) -> Result<Answer> {
    let session = Session::open(&args.image, &args.tables, &args.output)?;
    let mut engine = session.engine(Queries::walk(&session.geometry, &Wanted::ALL))?;
    let ranges = ranges(&session, &args.range)?;
    let mut printer = Printer::open(stdout(), args.output.format(), session.geometry.page_shift())?;
    let mut summary = Summary::default();
    let walked = walk(&session, &mut engine, ranges, args, &mut printer, &mut summary);
    if let Err(error) = &walked {
        summary.stopped = Some(reason(error));
    }
    // Where the output itself failed, closing it fails again, and the first failure is the one to tell.
    let closed = printer.close(&summary);
    walked?;
    closed?;
    if let Some((problem, count)) = &summary.incomplete {
        let more = if *count > 1 { format!(", and {} more", count - 1) } else { String::new() };
        notice(&args.output, &format!("incomplete: {}{more}", describe(problem)));
    }
    Ok(Answer::Yes)
}

fn walk<W: Write>(
    session: &Session,
    engine: &mut impl Engine,
    ranges: Vec<(Root, VaRange)>,
    args: &DumpArgs,
    printer: &mut Printer<W>,
    summary: &mut Summary,
) -> Result<()> {
    let bar = progress(&args.output, "walking");
    for (root, range) in ranges {
        let mut merger = Merger::new(Merge::from(args.merge));
        summary.tables += 1;
        let walked = walk_map(engine, &session.tables(root), range, &mut |event, _| {
            match event {
                Event::Mapping(mapping) => {
                    summary.add(mapping, session.geometry.page_shift());
                    merger.push(*mapping).map_or(Ok(()), |merged| printer.record(&merged))?;
                }
                Event::Table { .. } => {
                    summary.tables += 1;
                    bar.inc(1);
                }
                Event::Problem(problem) => {
                    merger.flush().map_or(Ok(()), |merged| printer.record(&merged))?;
                    summary.problem(problem);
                    printer.problem(problem)?;
                }
                Event::Hole { .. } | Event::NotPresent { .. } => {}
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

/// The ranges to walk with their roots: those asked for, or all that each root translates.
fn ranges(session: &Session, asked: &[VaRange]) -> Result<Vec<(Root, VaRange)>> {
    if asked.is_empty() {
        let whole = session.roots.iter().filter_map(|root| Some((*root, session.tables(*root).whole()?)));
        return Ok(whole.collect());
    }
    let mut ranges = Vec::new();
    for range in asked {
        let before = ranges.len();
        for root in &session.roots {
            let part = session.tables(*root).whole().and_then(|whole| whole.intersect(*range));
            ranges.extend(part.map(|part| (*root, part)));
        }
        if ranges.len() == before {
            let halves: Vec<&str> = session.roots.iter().map(|root| root.half.name()).collect();
            let text = format!(
                "--range {:#x}-{:#x}: no root translates it (there is one for: {}); give one with --root",
                range.first.0,
                range.end(),
                halves.join(", ")
            );
            return Err(Fault::Usage(text).into());
        }
    }
    Ok(ranges)
}

impl Summary {
    fn add(&mut self, mapping: &Mapping, page_shift: u32) {
        self.entries += 1;
        self.bytes += mapping.range.bytes();
        self.pages += u64::try_from(mapping.range.bytes() >> page_shift).unwrap_or(u64::MAX);
    }

    /// A bad entry maps nothing, so nothing is missed; all other problems leave a part unseen.
    fn problem(&mut self, problem: &Problem) {
        if problem.kind == ProblemKind::Bad {
            return;
        }
        match &mut self.incomplete {
            Some((_, count)) => *count += 1,
            None => self.incomplete = Some((*problem, 1)),
        }
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
        self.stopped.or(self.incomplete.map(|(problem, _)| problem.kind.reason()))
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

/// Attributes in letters: what the MMU permits, then what is set.
pub fn flags(mapping: &Mapping) -> String {
    let letters = match mapping.effective {
        Some(effective) => {
            let letter = |set, letter| if set { letter } else { '-' };
            let (read, write) = (letter(effective.read, 'r'), letter(effective.write, 'w'));
            format!("{read}{write}{}", letter(effective.exec, 'x'))
        }
        None => "???".to_owned(),
    };
    let set = mapping.attrs.named().into_iter().filter(|(name, set)| *set && !matches!(*name, "write" | "exec"));
    set.fold(letters, |text, (name, _)| text + " " + name)
}

/// Prints records as they come.
struct Printer<W> {
    form: Form<W>,
    page_shift: u32,
}

enum Form<W> {
    Text(W),
    Csv(W),
    Json(ListDocument<W>),
}

impl<W: Write> Printer<W> {
    fn open(mut out: W, format: Format, page_shift: u32) -> std::io::Result<Printer<W>> {
        let form = match format {
            Format::Text => Form::Text(out),
            Format::Json | Format::Jsonl => {
                Form::Json(ListDocument::open(out, Layout::of_records(format), "mappings")?)
            }
            Format::Csv => {
                let attrs = "write,user,exec,young,dirty,special,devmap,protnone,cont";
                writeln!(out, "start,end,pa,pfn,level,size,raw,count,{attrs}")?;
                Form::Csv(out)
            }
        };
        Ok(Printer { form, page_shift })
    }

    fn record(&mut self, merged: &Merged) -> std::io::Result<()> {
        let Merged { mapping, count } = merged;
        match &mut self.form {
            Form::Text(out) => {
                let bytes = size(mapping.range.bytes());
                let (first, end) = (mapping.range.first, mapping.range.end());
                let (pa, level) = (mapping.pa, mapping.level);
                writeln!(out, "{first}-{end:#018x} {bytes:>7} {level} {pa} {}", flags(mapping))
            }
            Form::Csv(out) => {
                let (first, end) = (mapping.range.first.0, mapping.range.end());
                let (pa, pfn) = (mapping.pa.0, mapping.pfn(self.page_shift).0);
                let (level, bytes, raw) = (mapping.level, mapping.leaf_bytes, mapping.at.raw);
                write!(out, "{first:#x},{end:#x},{pa:#x},{pfn:#x},{level},{bytes},{raw:#x},{count}")?;
                for (_, set) in mapping.attrs.named() {
                    write!(out, ",{}", u8::from(set))?;
                }
                writeln!(out)
            }
            Form::Json(list) => list.item(&json!({
                "start": hex(mapping.range.first.0),
                "end": hex_end(mapping.range.end()),
                "pa": hex(mapping.pa.0),
                "pfn": hex(mapping.pfn(self.page_shift).0),
                "level": mapping.level.name(),
                "size": mapping.leaf_bytes,
                "raw": hex(mapping.at.raw),
                "attrs": mapping.attrs,
                "effective": mapping.effective,
                "count": count,
            })),
        }
    }

    /// A problem stands where its mappings would, in the forms that have a place for it.
    fn problem(&mut self, problem: &Problem) -> std::io::Result<()> {
        match &mut self.form {
            Form::Text(out) => writeln!(out, "! {}", describe(problem)),
            Form::Csv(_) => Ok(()),
            Form::Json(list) => list.item(&json!({
                "problem": {
                    "reason": problem.kind.reason(),
                    "start": hex(problem.range.first.0),
                    "end": hex_end(problem.range.end()),
                    "level": problem.at.level.name(),
                    "table": hex(problem.at.table.0),
                    "index": problem.at.index,
                    "raw": hex(problem.at.raw),
                },
            })),
        }
    }

    fn close(self, summary: &Summary) -> std::io::Result<()> {
        match self.form {
            Form::Text(mut out) => {
                let (entries, pages, tables) = (summary.entries, summary.pages, summary.tables);
                let bytes = size(summary.bytes);
                writeln!(out, "{entries} leaves, {pages} pages, {bytes} mapped, {tables} tables")?;
                if let Some(reason) = summary.stopped {
                    writeln!(out, "! stopped early: {reason}")?;
                }
                out.flush()
            }
            Form::Csv(mut out) => out.flush(),
            Form::Json(list) => {
                let last = json!({ "summary": summary.json() });
                list.close(summary.reason(), last.as_object().cloned().unwrap_or_default(), Some(&last))
            }
        }
    }
}
