//! `ptwalk walk`: one address, every level.

use std::io::Write;

use anyhow::{Context, Result};
use ptwalk::engine::Engine;
use ptwalk::engine::{Queries, Wanted};
use ptwalk::walk::{Event, Mapping, Passed, Problem, walk_map};
use ptwalk_abi::{Helper, Level, VaRange, VirtAddr};
use serde_json::{Map, Value, json};

use super::args::{Format, WalkArgs, parse_va};
use super::exit::{Answer, Fault, reason};
use super::output::{Layout, ListDocument, hex, size, stdout};
use super::session::{Session, stdin_lines};

/// What became of one address.
pub struct Translation {
    va: VirtAddr,
    /// The entries looked at, root first; the last is the leaf or where the walk stopped.
    pub trail: Vec<Passed>,
    pub end: End,
}

pub enum End {
    Mapped(Mapping),
    Stopped { reason: &'static str, level: Option<Level>, raw: Option<u64>, swap: Option<(u64, u64)> },
}

pub fn run(args: &WalkArgs) -> Result<Answer> {
    let session = Session::open(&args.image, &args.tables, &args.output)?;
    let mut engine = session.engine(Queries::walk(&session.geometry, &Wanted::ALL))?;
    let addresses = addresses(&args.addresses);
    let mut all_mapped = true;
    let mut translate = |va| -> Result<Translation> {
        let walk = translate(&session, &mut engine, va)?;
        all_mapped &= matches!(walk.end, End::Mapped(_));
        Ok(walk)
    };
    let mut out = stdout();
    match args.output.format() {
        Format::Text => addresses.into_iter().try_for_each(|va| print_text(&mut out, &session, &translate(va?)?))?,
        Format::Csv => {
            writeln!(out, "va,pa,level,raw,stop")?;
            addresses.into_iter().try_for_each(|va| print_csv(&mut out, &translate(va?)?))?;
        }
        format @ (Format::Json | Format::Jsonl) => {
            let mut list = ListDocument::open(&mut out, Layout::of_records(format), "walks")?;
            let mut walk = |va: Result<VirtAddr>| Ok(list.item(&json_of(&session, &translate(va?)?))?);
            let walked = addresses.into_iter().try_for_each(&mut walk);
            let reason = walked.as_ref().err().map(reason);
            // Where the output itself failed, closing it fails again, and the first failure is the one to tell.
            let closed = list.close(reason, Map::new(), None);
            walked?;
            closed?;
        }
    }
    out.flush()?;
    Ok(Answer::new(all_mapped))
}

fn addresses(texts: &[String]) -> impl Iterator<Item = Result<VirtAddr>> {
    let parse = |text: &str| parse_va(text).map_err(|error| Fault::Usage(error).into());
    texts.iter().flat_map(move |text| -> Box<dyn Iterator<Item = Result<VirtAddr>>> {
        if text != "-" {
            return Box::new(std::iter::once(parse(text)));
        }
        let lines = stdin_lines();
        Box::new(lines.map(move |line| {
            let (number, text) = line?;
            parse(text.trim()).with_context(|| format!("stdin, line {number}"))
        }))
    })
}

/// Walks to one address.
pub fn translate(session: &Session, engine: &mut impl Engine, va: VirtAddr) -> Result<Translation> {
    let stopped = |reason| End::Stopped { reason, level: None, raw: None, swap: None };
    let canonical = session.geometry.half_of(va);
    // A tagged user address is not canonical until the tag is taken off.
    let plain = match canonical {
        Some(_) => va,
        None => VirtAddr(engine.call(Helper::untagged_addr, [va.0, 0])?),
    };
    let Some(half) = session.geometry.half_of(plain) else {
        return Ok(Translation { va, trail: Vec::new(), end: stopped("not_canonical") });
    };
    let Some(root) = session.root_of(half)? else {
        let text = format!("no root table for the {half} half, where {va} lies: give it with --root PA --half {half}");
        return Err(Fault::Ambiguous(text).into());
    };
    let Some(range) = VaRange::new(plain, 1) else {
        return Ok(Translation { va, trail: Vec::new(), end: stopped("not_canonical") });
    };
    let mut last: Option<(Event, Vec<Passed>)> = None;
    walk_map(engine, &session.tables(root), range, &mut |event, trail| {
        if !matches!(event, Event::Table { .. }) {
            last = Some((*event, trail.to_vec()));
        }
        Ok(())
    })?;
    let (mut trail, end) = match last {
        Some((event, mut trail)) => {
            let (at, end) = end_of(&event, engine)?;
            trail.extend(at);
            (trail, end)
        }
        None => (Vec::new(), stopped("outside_image")),
    };
    trail.truncate(session.geometry.slots().len());
    Ok(Translation { va, trail, end })
}

/// The entry at which the walk ended, if one was read, and what it meant.
fn end_of(event: &Event, engine: &mut impl Engine) -> Result<(Option<Passed>, End)> {
    let stop = |reason, at: &Passed| End::Stopped { reason, level: Some(at.level), raw: Some(at.raw), swap: None };
    Ok(match event {
        Event::Mapping(mapping) => (Some(mapping.at), End::Mapped(*mapping)),
        Event::Hole { at, .. } => (Some(*at), stop("none", at)),
        Event::NotPresent { at, .. } if at.level == Level::Pte && engine.has(Helper::swp_type) => {
            let kind = engine.call(Helper::swp_type, [at.raw, 0])?;
            let offset = engine.call(Helper::swp_offset, [at.raw, 0])?;
            let swap = Some((kind, offset));
            (Some(*at), End::Stopped { reason: "swap", level: Some(at.level), raw: Some(at.raw), swap })
        }
        Event::NotPresent { at, .. } => (Some(*at), stop("not_present", at)),
        Event::Problem(Problem { kind, at, .. }) if kind.reason() == "outside_image" => {
            (None, End::Stopped { reason: kind.reason(), level: Some(at.level), raw: None, swap: None })
        }
        Event::Problem(Problem { kind, at, .. }) => (Some(*at), stop(kind.reason(), at)),
        Event::Table { at, .. } => (Some(*at), stop("bad", at)),
    })
}

fn json_of(session: &Session, walk: &Translation) -> Value {
    let trail: Vec<Value> = walk
        .trail
        .iter()
        .map(|passed| {
            json!({
                "level": passed.level.name(),
                "table": hex(passed.table.0),
                "index": passed.index,
                "entry": hex(passed.entry_pa().0),
                "raw": hex(passed.raw),
            })
        })
        .collect();
    match &walk.end {
        End::Mapped(mapping) => json!({
            "va": hex(walk.va.0),
            "mapped": true,
            "present": true,
            "level": mapping.level.name(),
            "size": mapping.leaf_bytes,
            "pa": hex(mapping.pa.0),
            "pfn": hex(mapping.pfn(session.geometry.page_shift()).0),
            "raw": hex(mapping.at.raw),
            "attrs": mapping.attrs,
            "effective": mapping.effective,
            "trail": trail,
        }),
        End::Stopped { reason, level, raw, swap } => {
            let mut stop = json!({ "reason": reason, "level": level.map(Level::name), "raw": raw.map(hex) });
            if let Some((kind, offset)) = swap {
                stop["swap"] = json!({ "type": kind, "offset": offset });
            }
            json!({
                "va": hex(walk.va.0),
                "mapped": false,
                // A bad entry is present, and so is one that leads back to a table above it.
                "present": matches!(*reason, "bad" | "cycle"),
                "level": null,
                "size": null,
                "pa": null,
                "pfn": null,
                "raw": null,
                "attrs": null,
                "effective": null,
                "trail": trail,
                "stop": stop,
            })
        }
    }
}

fn print_text(out: &mut impl Write, session: &Session, walk: &Translation) -> Result<()> {
    match &walk.end {
        End::Mapped(mapping) => {
            let bytes = size(u128::from(mapping.leaf_bytes));
            let mut flags = Vec::new();
            super::records::flags(&mut flags, mapping.attrs, mapping.effective);
            let flags = String::from_utf8_lossy(&flags);
            writeln!(out, "{} -> {}  {} {bytes} {flags}", walk.va, mapping.pa, mapping.level)?;
        }
        End::Stopped { reason, level, swap, .. } => {
            let level = level.map_or(String::new(), |level| format!(" at {level}"));
            let swap = swap.map_or(String::new(), |(kind, offset)| format!(" type {kind} offset {offset:#x}"));
            writeln!(out, "{} not mapped: {reason}{level}{swap}", walk.va)?;
        }
    }
    let width = session.geometry.slots().iter().map(|slot| slot.entries.ilog10() as usize + 1).max().unwrap_or(3);
    for passed in &walk.trail {
        let Passed { level, table, index, raw } = passed;
        writeln!(out, "  {level:3} {table}[{index:width$}] = {raw:#018x}")?;
    }
    Ok(())
}

fn print_csv(out: &mut impl Write, walk: &Translation) -> Result<()> {
    match &walk.end {
        End::Mapped(mapping) => {
            writeln!(out, "{:#x},{:#x},{},{:#x},", walk.va.0, mapping.pa.0, mapping.level, mapping.at.raw)?;
        }
        End::Stopped { reason, level, raw, .. } => {
            let (level, raw) = (level.map_or("", Level::name), raw.map_or(String::new(), |raw| format!("{raw:#x}")));
            writeln!(out, "{:#x},,{level},{raw},{reason}", walk.va.0)?;
        }
    }
    Ok(())
}
