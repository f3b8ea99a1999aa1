//! `ptwalk bench`: engines and operations beside native code and this machine's bandwidth.
//!
//! Everything that is compared is run in turns, so that the ratios hold on a machine that does other things as well.

use std::hint::black_box;
use std::io::Write;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use ptwalk::bench::engines::{self, Named, arm64};
use ptwalk::bench::native::{self, Scans, Tally};
use ptwalk::bench::tables::{Shape, Tables, zone};
use ptwalk::bench::timing::{Times, in_turns};
use ptwalk::bench::{SEED, machine};
use ptwalk::engine::{Queries, Wanted};
use ptwalk::gup::{FollFlags, Gup, get_user_pages_fast};
use ptwalk::walk::TableSet;
use ptwalk_abi::VirtAddr;
use serde_json::{Value, json};

use super::args::{BenchArgs, Format};
use super::exit::Answer;
use super::output::{csv_field, document, notice, print_json, progress, stdout};
use super::session::Session;

/// Words in the tables of a synthetic image: 64 MiB, which is more than most caches hold and takes seconds, not minutes.
const ENTRIES: u64 = 8 << 20;

/// Bytes that no cache holds, for the machine's own bandwidth.
const MEMORY_BYTES: usize = 256 << 20;

/// Pages of one GUP.
const GUP_PAGES: i64 = 1 << 18;

/// Something to run, with its engine's name.
type Run<'a> = (&'static str, Box<dyn FnMut() + 'a>);

/// What was measured.
struct Row {
    image: String,
    operation: &'static str,
    engine: &'static str,
    times: Times,
    entries: u64,
    /// Native code's time for the same, where there is such.
    native: Option<Duration>,
}

/// Bytes a second that the machine reads.
struct Machine {
    sequential: f64,
    random: f64,
}

pub fn run(args: &BenchArgs) -> Result<Answer> {
    let bar = progress(&args.output, "measuring");
    let machine = measure_machine(args.rounds);
    let mut rows = Vec::new();
    match &args.image.image {
        Some(_) => own_image(args, &mut rows)?,
        None => {
            for shape in [Shape::Scattered, Shape::Linear, Shape::Holes, Shape::Blocks] {
                synthetic(shape, args.rounds, &mut rows)?;
                bar.inc(1);
            }
            pins(args.rounds, &mut rows)?;
        }
    }
    bar.finish_and_clear();
    match args.output.format() {
        Format::Text => print_text(&machine, &rows)?,
        Format::Csv => print_csv(&machine, &rows)?,
        format @ (Format::Json | Format::Jsonl) => {
            let rows: Vec<Value> = rows.iter().map(|row| row.json(&machine)).collect();
            let measured = json!({
                "machine": {
                    "sequential_gib_s": machine.sequential / GIB,
                    "random4k_gib_s": machine.random / GIB,
                    "processor": processor(),
                },
                "rows": rows,
            });
            print_json(&document(measured), format)?;
        }
    }
    Ok(Answer::Yes)
}

const GIB: f64 = (1_u64 << 30) as f64;

fn measure_machine(rounds: usize) -> Machine {
    let memory = machine::memory(MEMORY_BYTES);
    let pages = machine::scattered(&memory, SEED);
    let (mut sequential, mut random) = (
        || {
            black_box(machine::read_sequential(black_box(&memory)));
        },
        || {
            black_box(machine::read_pages(black_box(&memory), &pages));
        },
    );
    let times = in_turns(&mut [&mut sequential, &mut random], rounds);
    let rate = |times: Times| MEMORY_BYTES as f64 / times.median.as_secs_f64();
    Machine { sequential: rate(times[0]), random: rate(times[1]) }
}

/// The processor's name, where the system says it.
fn processor() -> Option<String> {
    let text = std::fs::read_to_string("/proc/cpuinfo").ok()?;
    let line = text.lines().find_map(|line| line.strip_prefix("model name"))?;
    Some(line.trim_start_matches([' ', '\t', ':']).to_owned())
}

/// Walks over a synthetic image of arm64, by every engine and by hand.
fn synthetic(shape: Shape, rounds: usize, rows: &mut Vec<Row>) -> Result<()> {
    let plugin = arm64()?;
    let tables = Tables::new(shape, ENTRIES, SEED, *plugin.geometry())?;
    let set = tables.set();
    let image = format!("arm64-4k/{}", shape.name());
    let present = Scans { pte: native::present, pmd: native::blocks };
    let mut by_hand = || native::walk(&set, &present);
    let engines =
        engines::engines(&plugin, &Queries::walk(plugin.geometry(), &engines::present()), shape == Shape::Linear)?;
    walks(&image, "emit", &tables, engines, Some(&mut by_hand), rounds, rows)?;
    if shape == Shape::Scattered {
        let scans = Scans { pte: native::user_writable, pmd: native::blocks };
        let mut by_hand = || native::walk(&set, &scans);
        let queries = Queries::walk(plugin.geometry(), &engines::user_writable());
        let engines = engines::engines(&plugin, &queries, false)?;
        walks(&image, "filter", &tables, engines, Some(&mut by_hand), rounds, rows)?;
    }
    Ok(())
}

fn walks(
    image: &str,
    operation: &'static str,
    tables: &Tables,
    mut engines: Vec<Named>,
    by_hand: Option<&mut dyn FnMut() -> Tally>,
    rounds: usize,
    rows: &mut Vec<Row>,
) -> Result<()> {
    let set = tables.set();
    let mut expected = None;
    for Named { name, engine } in &mut engines {
        let tally = engines::walk(engine, &set)?;
        ensure!(
            expected.is_none_or(|expected| expected == tally),
            "{name} found other leaves than the engines before it"
        );
        expected = Some(tally);
    }
    let mut runs: Vec<Run<'_>> = Vec::new();
    if let Some(by_hand) = by_hand {
        ensure!(expected == Some(by_hand()), "native code finds other leaves than the engines");
        runs.push((
            "native",
            Box::new(|| {
                black_box(by_hand());
            }),
        ));
    }
    for Named { name, engine } in &mut engines {
        runs.push((*name, Box::new(|| drop(black_box(engines::walk(engine, &set))))));
    }
    collect(image, operation, tables.entries, runs, rounds, rows);
    Ok(())
}

/// Runs what is compared and adds its rows; the first is native code, if it is called so.
fn collect(
    image: &str,
    operation: &'static str,
    entries: u64,
    mut runs: Vec<Run<'_>>,
    rounds: usize,
    rows: &mut Vec<Row>,
) {
    let mut turns: Vec<&mut dyn FnMut()> = runs.iter_mut().map(|(_, run)| &mut **run as &mut dyn FnMut()).collect();
    let times = in_turns(&mut turns, rounds);
    let native = runs.iter().zip(&times).find(|((name, _), _)| *name == "native").map(|(_, times)| times.median);
    for ((engine, _), times) in runs.iter().zip(times) {
        rows.push(Row { image: image.to_owned(), operation, engine, times, entries, native });
    }
}

/// GUP of many pages in one call.
fn pins(rounds: usize, rows: &mut Vec<Row>) -> Result<()> {
    let plugin = arm64()?;
    let request = &Gup::new(FollFlags::WRITE);
    let entries = GUP_PAGES.unsigned_abs();
    let tables = Tables::new(Shape::Pinnable, entries, SEED, *plugin.geometry())?;
    let set = tables.set();
    let queries = Queries::gup(plugin.geometry(), request);
    let mut engines = engines::engines(&plugin, &queries, false)?;
    let mut native = native::NativeGup::new(queries);
    let mut zones: Vec<_> = engines.iter().map(|_| zone()).collect();
    let mut by_hand_zone = zone();
    let expected = get_user_pages_fast(&mut native, &set, &mut zone(), request, VirtAddr(0), GUP_PAGES)?;
    ensure!(expected.pages.len() as u64 == entries, "native GUP stopped early: {:?}", expected.stop);
    for Named { name, engine } in &mut engines {
        let outcome = get_user_pages_fast(engine, &set, &mut zone(), request, VirtAddr(0), GUP_PAGES)?;
        ensure!(outcome == expected, "{name} pins other pages than native code");
    }
    let mut runs: Vec<Run<'_>> = Vec::new();
    runs.push(("native", Box::new(|| gup(&mut native, &set, &mut by_hand_zone, request))));
    for (Named { name, engine }, zone) in engines.iter_mut().zip(&mut zones) {
        let set = &set;
        runs.push((*name, Box::new(move || gup(engine, set, zone, request))));
    }
    collect("arm64-4k/pinnable", "gup", entries, runs, rounds, rows);
    Ok(())
}

/// Pins and gives back.
fn gup<E: ptwalk::engine::Engine>(engine: &mut E, set: &TableSet<'_>, zone: &mut ptwalk::zone::Zone, request: &Gup) {
    let outcome = get_user_pages_fast(engine, set, zone, request, VirtAddr(0), GUP_PAGES);
    if let Ok(outcome) = black_box(outcome) {
        ptwalk::gup::put_pages(zone, &outcome.pages);
    }
}

/// Walks over an image of the user's, without native code to compare with: that is compiled for one configuration.
fn own_image(args: &BenchArgs, rows: &mut Vec<Row>) -> Result<()> {
    let (image, tables) = (args.image.image.clone().context("an image")?, &args.tables);
    let image = super::args::ImageArgs { image, base: args.image.base };
    let session = Session::open(&image, tables, &args.output)?;
    let ptwalk::engine::Admitted::Verified(plugin) = &session.plugin else {
        anyhow::bail!("bench compares engines, of which only the sandbox runs what is not verified");
    };
    for root in &session.roots {
        let set = session.tables(*root);
        let wanted = Wanted { half: root.half, absent: false, ..Wanted::ALL };
        let mut engines = engines::engines(plugin, &Queries::walk(&session.geometry, &wanted), false)?;
        let mut census = ptwalk::walk::census::Census::default();
        if let (Some(whole), Some(Named { engine, .. })) = (set.whole(), engines.first_mut()) {
            ptwalk::walk::walk_map(engine, &set, whole, &mut |event, _| {
                census.add(event, &ptwalk::zone::Zone::default());
                Ok(())
            })?;
        }
        let leaves = census.leaves().entries;
        if leaves == 0 {
            notice(&args.output, &format!("root {} maps nothing: not measured", root.pa));
            continue;
        }
        let mut runs: Vec<Run<'_>> = Vec::new();
        for Named { name, engine } in &mut engines {
            runs.push((*name, Box::new(|| drop(black_box(engines::walk(engine, &set))))));
        }
        collect(&format!("{} {}", session.image.name(), root.pa), "walk", leaves, runs, args.rounds, rows);
    }
    Ok(())
}

impl Row {
    fn ns_per_entry(&self) -> f64 {
        self.times.median.as_secs_f64() * 1e9 / self.entries as f64
    }

    /// How much of what the machine can read of scattered pages the operation reads, at eight bytes an entry.
    fn roofline(&self, machine: &Machine) -> f64 {
        8.0 * self.entries as f64 / self.times.median.as_secs_f64() / machine.random
    }

    fn vs_native(&self) -> Option<f64> {
        self.native.map(|native| self.times.median.as_secs_f64() / native.as_secs_f64())
    }

    fn json(&self, machine: &Machine) -> Value {
        json!({
            "image": self.image,
            "operation": self.operation,
            "engine": self.engine,
            "ns_per_entry": self.ns_per_entry(),
            "spread": self.times.spread,
            "entries_per_s": self.entries as f64 / self.times.median.as_secs_f64(),
            "roofline_ratio": self.roofline(machine),
            "vs_native": self.vs_native(),
        })
    }
}

fn print_text(machine: &Machine, rows: &[Row]) -> Result<()> {
    let mut out = stdout();
    let (sequential, random) = (machine.sequential / GIB, machine.random / GIB);
    writeln!(out, "{}", processor().unwrap_or_default())?;
    writeln!(
        out,
        "memory: {sequential:.1} GiB/s in order, {random:.1} GiB/s in random pages of 4 KiB (= roofline 1.00)\n"
    )?;
    writeln!(
        out,
        "{:22} {:9} {:17} {:>10} {:>7} {:>10} {:>9} {:>9}",
        "image", "operation", "engine", "ns/entry", "spread", "M entry/s", "roofline", "/ native"
    )?;
    let mut last = None;
    for row in rows {
        let group = Some((&row.image, row.operation));
        if last.is_some() && last != group {
            writeln!(out)?;
        }
        last = group;
        let ratio = row.vs_native().map_or_else(|| "-".to_owned(), |ratio| format!("{ratio:.2}"));
        writeln!(
            out,
            "{:22} {:9} {:17} {:>10.2} {:>6.0}% {:>10.0} {:>9.2} {ratio:>9}",
            row.image,
            row.operation,
            row.engine,
            row.ns_per_entry(),
            row.times.spread * 100.0,
            1e3 / row.ns_per_entry(),
            row.roofline(machine),
        )?;
    }
    writeln!(out, "\nmedians of runs in turns; / native below 1.00 is faster than the plugin crate compiled in")?;
    Ok(out.flush()?)
}

fn print_csv(machine: &Machine, rows: &[Row]) -> Result<()> {
    let mut out = stdout();
    writeln!(out, "image,operation,engine,ns_per_entry,spread,entries_per_s,roofline_ratio,vs_native")?;
    for row in rows {
        let ratio = row.vs_native().map_or_else(String::new, |ratio| ratio.to_string());
        let (ns, spread, roofline) = (row.ns_per_entry(), row.times.spread, row.roofline(machine));
        let rate = 1e9 / ns;
        writeln!(
            out,
            "{},{},{},{ns},{spread},{rate},{roofline},{ratio}",
            csv_field(&row.image),
            row.operation,
            row.engine
        )?;
    }
    Ok(out.flush()?)
}
