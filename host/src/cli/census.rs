//! `ptwalk census`: counts and bytes by level, attribute and device type.

use std::io::Write;

use anyhow::Result;
use ptwalk::engine::{Queries, Wanted};
use ptwalk::walk::census::{Census, Count, Counting};
use ptwalk::walk::walk_split;
use ptwalk::zone::{Zone, file};
use serde_json::json;

use super::args::{CensusArgs, Format};
use super::exit::Answer;
use super::interrupt;
use super::output::{document, hex, print_json, progress, size, stdout};
use super::session::Session;

pub fn run(args: &CensusArgs) -> Result<Answer> {
    let zone = args.pgmap.as_deref().map(file::read).transpose()?;
    let session = Session::open(&args.image, &args.tables, &args.output)?;
    let zone = zone.unwrap_or_else(|| session.image.zone());
    let prepared = session.prepare(Queries::walk(&session.geometry, &Wanted::ALL))?;
    interrupt::watch()?;
    let bar = progress(&args.output, "counting");
    let mut counted = Vec::new();
    for root in &session.roots {
        let tables = session.tables(*root);
        let mut census = Census::default();
        census.level(session.geometry.root_level()).tables = 1;
        if let Some(whole) = tables.whole() {
            walk_split(&prepared, &tables, whole, args.threads.count(), &|| Counting::new(&zone), &mut |part| {
                interrupt::check()?;
                bar.inc(part.census.tables());
                census.merge(part.census);
                Ok(())
            })?;
        }
        counted.push((*root, census));
    }
    bar.finish_and_clear();
    match args.output.format() {
        Format::Text => {
            let mut out = stdout();
            for (root, census) in &counted {
                writeln!(out, "root {} ({} half)", root.pa, root.half)?;
                print(&mut out, census, &zone)?;
            }
            out.flush()?;
        }
        Format::Csv => print_csv(&counted)?,
        format @ (Format::Json | Format::Jsonl) => {
            let roots: Vec<_> = counted
                .iter()
                .map(|(root, census)| json!({ "root": hex(root.pa.0), "half": root.half.name(), "census": census }))
                .collect();
            let complete = counted.iter().all(|(_, census)| census.complete());
            print_json(&document(json!({ "complete": complete, "roots": roots })), format)?;
        }
    }
    Ok(Answer::Yes)
}

/// Prints a census as a table: a line a level, a column an attribute.
pub fn print(out: &mut impl Write, census: &Census, zone: &Zone) -> std::io::Result<()> {
    let columns = ["write", "user", "exec", "young", "dirty", "special", "devmap", "protnone", "cont"];
    write!(out, "  {:5} {:>7} {:>9} {:>8} {:>8}", "level", "tables", "leaves", "mapped", "absent")?;
    for column in columns {
        write!(out, " {column:>8}")?;
    }
    writeln!(out)?;
    for (level, counts) in &census.levels {
        let mapped = size(u128::from(counts.leaves.bytes));
        let (tables, leaves, absent) = (counts.tables, counts.leaves.entries, counts.not_present);
        write!(out, "  {:5} {tables:>7} {leaves:>9} {mapped:>8} {absent:>8}", level.0.0.name())?;
        for column in columns {
            write!(out, " {:>8}", counts.attrs.get(column).map_or(0, |count| count.entries))?;
        }
        writeln!(out)?;
    }
    let total = |count: &Count| format!("{} leaves, {}", count.entries, size(u128::from(count.bytes)));
    for (kind, count) in &census.devices {
        writeln!(out, "  device {kind}: {}", total(count))?;
    }
    if census.unregistered_devmap.entries > 0 {
        let hint = if zone.pgmaps().next().is_some() { "" } else { " (--pgmap names device ranges)" };
        writeln!(out, "  devmap in no registered range: {}{hint}", total(&census.unregistered_devmap))?;
    }
    for (reason, count) in &census.problems {
        writeln!(out, "  problem {reason}: {count}")?;
    }
    Ok(())
}

fn print_csv(counted: &[(ptwalk::walk::Root, Census)]) -> std::io::Result<()> {
    let mut out = stdout();
    writeln!(out, "root,half,level,attribute,entries,bytes")?;
    for (root, census) in counted {
        for (level, counts) in &census.levels {
            let all = [("all", counts.leaves)].into_iter();
            for (name, count) in all.chain(counts.attrs.iter().map(|(name, count)| (*name, *count))) {
                let (pa, half, level) = (root.pa.0, root.half, level.0.0.name());
                writeln!(out, "{pa:#x},{half},{level},{name},{},{}", count.entries, count.bytes)?;
            }
        }
    }
    out.flush()
}
