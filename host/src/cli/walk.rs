//! `ptwalk walk`: one address, every level.

use std::io::Write;

use anyhow::Result;
use ptwalk::engine::Engine;
use ptwalk::engine::{Queries, Wanted};
use ptwalk::show;
use ptwalk::walk::{End, Passed, Translation};
use ptwalk_abi::{Level, VirtAddr};
use serde_json::Map;

use super::args::{Format, WalkArgs, parse_va};
use super::exit::{Answer, reason};
use super::output::{Layout, ListDocument, size, stdout};
use super::session::{Session, items, with_flag};

pub fn run(args: &WalkArgs) -> Result<Answer> {
    let session = Session::open(&args.image, &args.tables, &args.output)?;
    let mut engine = session.engine(Queries::walk(&session.geometry, &Wanted::ALL))?;
    let addresses = items(&args.addresses, parse_va);
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
            let mut walk = |va: Result<VirtAddr>| {
                Ok(list.item(&show::translation(&translate(va?)?, session.geometry.page_shift()))?)
            };
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

/// Walks to one address.
pub fn translate(session: &Session, engine: &mut impl Engine, va: VirtAddr) -> Result<Translation> {
    session.space().translate(engine, va).map_err(with_flag)
}

fn print_text(out: &mut impl Write, session: &Session, walk: &Translation) -> Result<()> {
    match &walk.end {
        End::Mapped(mapping) => {
            let bytes = size(u128::from(mapping.leaf_bytes));
            let mut flags = Vec::new();
            show::records::flags(&mut flags, mapping.attrs, mapping.effective);
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
