//! `ptwalk dump`: every mapping, ptdump-like.

use std::io::Write;

use anyhow::Result;
use ptwalk::engine::query::walk_queries;
use ptwalk::walk::merge::{Merge, Merged, Merger};
use ptwalk::walk::{Event, Mapping, Problem, ProblemKind, Root, walk_map};
use ptwalk_abi::{VaRange, VirtAddr};
use serde_json::{Value, json};

use super::args::{AddressRange, DumpArgs, Format};
use super::exit::{Answer, Fault};
use super::output::{SCHEMA, hex, hex_end, notice, progress, size, stdout};
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
}

pub fn run(args: &DumpArgs) -> Result<Answer> {
    let session = Session::open(&args.image, &args.tables, &args.output)?;
    let mut engine = session.engine(walk_queries(&session.geometry))?;
    let ranges = ranges(&session, &args.range)?;
    let bar = progress(&args.output, "walking");
    let mut printer =
        Printer { out: stdout(), format: args.output.format(), page_shift: session.geometry.page_shift(), first: true };
    let mut summary = Summary::default();
    printer.open()?;
    for (root, range) in ranges {
        let mut merger = Merger::new(Merge::from(args.merge));
        summary.tables += 1;
        walk_map(&mut engine, &session.tables(root), range, &mut |event, _| {
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
        })?;
        merger.flush().map_or(Ok(()), |merged| printer.record(&merged))?;
    }
    bar.finish_and_clear();
    printer.close(&summary)?;
    if let Some((problem, count)) = &summary.incomplete {
        let more = if *count > 1 { format!(", and {} more", count - 1) } else { String::new() };
        notice(&args.output, &format!("incomplete: {}{more}", describe(problem)));
    }
    Ok(Answer::Yes)
}

/// The ranges to walk with their roots: those asked for, or all that each root translates.
fn ranges(session: &Session, asked: &[AddressRange]) -> Result<Vec<(Root, VaRange)>> {
    if asked.is_empty() {
        let whole = session.roots.iter().filter_map(|root| Some((*root, session.tables(*root).whole()?)));
        return Ok(whole.collect());
    }
    let mut ranges = Vec::new();
    for AddressRange { start, len } in asked {
        let range = VaRange::new(VirtAddr(*start), *len);
        let before = ranges.len();
        for root in &session.roots {
            let part = session.tables(*root).whole().zip(range).and_then(|(whole, range)| whole.intersect(range));
            ranges.extend(part.map(|part| (*root, part)));
        }
        if ranges.len() == before {
            let halves: Vec<&str> = session.roots.iter().map(|root| root.half.name()).collect();
            let text = format!(
                "--range {start:#x}+{len:#x}: no root translates it (there is one for: {}); give one with --root",
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
            "complete": self.incomplete.is_none(),
        });
        if let Some((problem, _)) = &self.incomplete {
            summary["reason"] = Value::String(problem.kind.reason().to_owned());
        }
        summary
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
    out: W,
    format: Format,
    page_shift: u32,
    first: bool,
}

impl<W: Write> Printer<W> {
    fn open(&mut self) -> std::io::Result<()> {
        match self.format {
            Format::Text | Format::Jsonl => Ok(()),
            Format::Json => write!(self.out, "{{\"schema\":\"{SCHEMA}\",\"mappings\":["),
            Format::Csv => {
                let attrs = "write,user,exec,young,dirty,special,devmap,protnone,cont";
                writeln!(self.out, "start,end,pa,pfn,level,size,raw,count,{attrs}")
            }
        }
    }

    fn record(&mut self, merged: &Merged) -> std::io::Result<()> {
        let Merged { mapping, count } = merged;
        match self.format {
            Format::Text => {
                let bytes = size(mapping.range.bytes());
                let (first, end) = (mapping.range.first, mapping.range.end());
                let (pa, level) = (mapping.pa, mapping.level);
                writeln!(self.out, "{first}-{end:#018x} {bytes:>7} {level} {pa} {}", flags(mapping))
            }
            Format::Csv => {
                let (first, end) = (mapping.range.first.0, mapping.range.end());
                let (pa, pfn) = (mapping.pa.0, mapping.pfn(self.page_shift).0);
                let (level, bytes, raw) = (mapping.level, mapping.leaf_bytes, mapping.at.raw);
                write!(self.out, "{first:#x},{end:#x},{pa:#x},{pfn:#x},{level},{bytes},{raw:#x},{count}")?;
                for (_, set) in mapping.attrs.named() {
                    write!(self.out, ",{}", u8::from(set))?;
                }
                writeln!(self.out)
            }
            Format::Json | Format::Jsonl => self.json(&json!({
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
        match self.format {
            Format::Text => writeln!(self.out, "! {}", describe(problem)),
            Format::Csv => Ok(()),
            Format::Json | Format::Jsonl => self.json(&json!({
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

    fn json(&mut self, record: &Value) -> std::io::Result<()> {
        if self.format == Format::Json {
            let comma = if self.first { "\n" } else { ",\n" };
            self.first = false;
            write!(self.out, "{comma}{record}")
        } else {
            writeln!(self.out, "{record}")
        }
    }

    fn close(&mut self, summary: &Summary) -> std::io::Result<()> {
        match self.format {
            Format::Text => {
                let (entries, pages, tables) = (summary.entries, summary.pages, summary.tables);
                let bytes = size(summary.bytes);
                writeln!(self.out, "{entries} leaves, {pages} pages, {bytes} mapped, {tables} tables")?;
            }
            Format::Csv => {}
            Format::Json => {
                let complete = summary.incomplete.is_none();
                writeln!(self.out, "\n],\"complete\":{complete},\"summary\":{}}}", summary.json())?;
            }
            Format::Jsonl => writeln!(self.out, "{}", json!({ "summary": summary.json() }))?,
        }
        self.out.flush()
    }
}
