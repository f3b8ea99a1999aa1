//! `ptwalk rmap`: every virtual address of a frame.

use std::io::Write;

use anyhow::Result;
use ptwalk::engine::{Queries, Wanted as Asked};
use ptwalk::show;
use ptwalk::walk::rmap::{Finding, Wanted};
use ptwalk::walk::{Incomplete, Mapping, Root, walk_split};
use ptwalk_abi::{PhysAddr, VirtAddr};
use serde_json::{Map, Value, json};

use super::args::{Format, RmapArgs, parse_pa};
use super::exit::{Answer, Fault, reason};
use super::interrupt;
use super::output::{Layout, ListDocument, hex, progress, size, stdout};
use super::session::{Session, items};

/// Addresses in one call: 256 MiB of them.
const ADDRESSES_MAX: usize = 1 << 24;

/// What the walk came to.
struct Outcome {
    /// How often each address is mapped.
    counts: Vec<u64>,
    incomplete: Incomplete,
}

pub fn run(args: &RmapArgs) -> Result<Answer> {
    let mut addresses = Vec::new();
    for pa in items(&args.addresses, parse_pa) {
        if addresses.len() == ADDRESSES_MAX {
            return Err(Fault::Usage(format!("more than {ADDRESSES_MAX} addresses: look for them in parts")).into());
        }
        addresses.push(pa?);
    }
    let session = Session::open(&args.image, &args.tables, &args.output)?;
    let wanted = Wanted::new(addresses, session.geometry.page_shift());
    let mut outcome = Outcome { counts: vec![0; wanted.addresses().len()], incomplete: Incomplete::default() };
    let mut printer = Printer::open(stdout(), args.output.format())?;
    let walked = walk(&session, args, &wanted, &mut printer, &mut outcome);
    let stopped = walked.as_ref().err().map(reason);
    // Where the output itself failed, closing it fails again, and the first failure is the one to tell.
    let closed = printer.close(&wanted, &outcome, stopped);
    walked?;
    closed?;
    super::dump::tell_incomplete(&args.output, &outcome.incomplete);
    Ok(Answer::new(outcome.counts.iter().all(|count| *count > 0)))
}

fn walk<W: Write>(
    session: &Session,
    args: &RmapArgs,
    wanted: &Wanted,
    printer: &mut Printer<W>,
    outcome: &mut Outcome,
) -> Result<()> {
    interrupt::watch()?;
    let bar = progress(&args.output, "walking");
    let mut engines = super::dump::Engines::default();
    for (root, range) in session.ranges(&args.area.range)? {
        let asked = Asked { half: root.half, absent: false, ..Asked::ALL };
        let make = || session.prepare(Queries::walk(&session.geometry, &asked));
        let prepared = engines.of(root.half, make)?;
        let part = || Finding::new(wanted);
        walk_split(prepared, &session.tables(root), range, args.area.threads.count(), &part, &mut |part| {
            interrupt::check()?;
            bar.inc(part.tables);
            outcome.incomplete.merge(part.incomplete);
            for mapping in &part.mappings {
                for i in wanted.mapped_by(mapping) {
                    outcome.counts[i] += 1;
                    printer.mapping(root, wanted.addresses()[i], mapping)?;
                }
            }
            Ok(())
        })?;
    }
    bar.finish_and_clear();
    Ok(())
}

/// Prints mappings as they come.
enum Printer<W: Write> {
    Text(W),
    Csv(W),
    List(ListDocument<W>),
}

impl<W: Write> Printer<W> {
    fn open(mut out: W, format: Format) -> std::io::Result<Printer<W>> {
        Ok(match format {
            Format::Text => Printer::Text(out),
            Format::Csv => {
                writeln!(out, "pa,va,root,half,level,size,raw")?;
                Printer::Csv(out)
            }
            Format::Json | Format::Jsonl => {
                Printer::List(ListDocument::open(out, Layout::of_records(format), "mappings")?)
            }
        })
    }

    fn mapping(&mut self, root: Root, pa: PhysAddr, mapping: &Mapping) -> std::io::Result<()> {
        let va = VirtAddr(mapping.range.first.0.wrapping_add(pa.0.wrapping_sub(mapping.pa.0)));
        let (level, bytes, raw) = (mapping.level, mapping.leaf_bytes, mapping.at.raw);
        match self {
            Printer::Text(out) => {
                let mut flags = Vec::new();
                show::records::flags(&mut flags, mapping.attrs, mapping.effective);
                let (flags, bytes) = (String::from_utf8_lossy(&flags), size(u128::from(bytes)));
                writeln!(out, "{pa} <- {va}  {level} {bytes} {flags}  root {}", root.pa)
            }
            Printer::Csv(out) => {
                writeln!(out, "{:#x},{:#x},{:#x},{},{level},{bytes},{raw:#x}", pa.0, va.0, root.pa.0, root.half)
            }
            Printer::List(list) => list.item(&json!({
                "pa": hex(pa.0),
                "va": hex(va.0),
                "root": hex(root.pa.0),
                "half": root.half.name(),
                "level": level.name(),
                "size": bytes,
                "raw": hex(raw),
                "attrs": mapping.attrs,
                "effective": mapping.effective,
            })),
        }
    }

    fn close(self, wanted: &Wanted, outcome: &Outcome, stopped: Option<&str>) -> std::io::Result<()> {
        let reason = stopped.or(outcome.incomplete.reason());
        let counted = || wanted.addresses().iter().zip(&outcome.counts);
        match self {
            Printer::Text(mut out) => {
                for (pa, _) in counted().filter(|(_, count)| **count == 0) {
                    writeln!(out, "{pa} not mapped")?;
                }
                if let Some(reason) = stopped {
                    writeln!(out, "! stopped early: {reason}")?;
                }
                out.flush()
            }
            Printer::Csv(mut out) => out.flush(),
            Printer::List(list) => {
                let frames: Vec<Value> =
                    counted().map(|(pa, count)| json!({ "pa": hex(pa.0), "mappings": count })).collect();
                let fields = Map::from_iter([("frames".to_owned(), frames.into())]);
                let mut last = json!({ "summary": { "complete": reason.is_none(), "frames": fields["frames"] } });
                if let Some(reason) = reason {
                    last["summary"]["reason"] = reason.into();
                }
                list.close(reason, fields, Some(&last))
            }
        }
    }
}
