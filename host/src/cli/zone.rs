//! `ptwalk zone`: which device ranges a kernel would register, how it sees them, and what its predicates say.

use std::io::Write;

use anyhow::Result;
use ptwalk::errno::Errno;
use ptwalk::zone::config::{KOption, ZoneKernel};
use ptwalk::zone::file::{self, KernelEntry, ZoneFile};
use ptwalk::zone::memremap::{Holes, Memremap, Refusal, Registered, Registration};
use ptwalk::zone::predicates::{Predicate, is_zone_device_page};
use ptwalk::zone::section::Span;
use ptwalk::zone::{DevPagemap, TypeNumbering};
use serde_json::{Map, Value, json};

use super::args::{Format, ZoneArgs};
use super::exit::Answer;
use super::output::{csv_field, document, hex, pgmap_json, print_json, stdout};

/// One range and what it came to.
struct Attempt {
    driver: Registration,
    /// As the checks see it, where it can be aligned.
    seen: Option<Span>,
    outcome: Result<Registered, Refusal>,
}

pub fn run(args: &ZoneArgs) -> Result<Answer> {
    let (text, name) = file::read_text(&args.file)?;
    let file = ZoneFile::parse(&text, &name)?;
    let mut entry = file.zone.clone().unwrap_or_default();
    entry.kernel = args.kernel.unwrap_or(entry.kernel);
    entry.machine = args.machine.unwrap_or(entry.machine);
    entry.alignment = args.alignment.or(entry.alignment);
    entry.holes = if args.kernel_holes { Holes::Kernel } else { entry.holes };
    let kernel = match entry.kernel() {
        Ok(kernel) => kernel,
        Err(error) => {
            let refused = json!({
                "refused": { "option": error.option.name(), "wished": error.wished, "reason": error.to_string() },
                "ranges": [],
            });
            print_refused_kernel(args.output.format(), &error.to_string(), refused)?;
            return Ok(Answer::No);
        }
    };
    let mut host = Memremap::new(kernel, entry.alignment(), entry.holes, file.ram());
    let attempts: Vec<Attempt> = file.registrations().map(|driver| attempt(&mut host, driver)).collect();
    match args.output.format() {
        Format::Text => print_text(&entry, &kernel, &attempts)?,
        Format::Csv => print_csv(&kernel, &attempts)?,
        format @ (Format::Json | Format::Jsonl) => print_json(&document(json_of(&entry, &kernel, &attempts)), format)?,
    }
    Ok(Answer::new(attempts.iter().all(|attempt| attempt.outcome.is_ok())))
}

fn attempt(host: &mut Memremap, driver: Registration) -> Attempt {
    let DevPagemap { start, end, .. } = driver.pgmap;
    let seen = if start < end { host.seen(Span { start, end }).ok() } else { None };
    let outcome = host.register(&driver);
    Attempt { driver, seen, outcome }
}

fn print_refused_kernel(format: Format, reason: &str, refused: Value) -> std::io::Result<()> {
    match format {
        Format::Json | Format::Jsonl => print_json(&document(refused), format),
        Format::Text | Format::Csv => {
            let mut out = stdout();
            writeln!(out, "refused: {reason}")?;
            out.flush()
        }
    }
}

/// The predicates that hold of a page of the range; those that the kernel does not have are no answer.
fn predicates(kernel: &ZoneKernel, attempt: &Attempt) -> Vec<(&'static str, bool)> {
    let page = attempt.outcome.is_ok().then_some(attempt.driver.pgmap.kind);
    let device = [("is_zone_device_page", is_zone_device_page(kernel, page))].into_iter();
    let typed = Predicate::ALL.into_iter().filter_map(|p| Some((p.name(), p.of(kernel, page)?)));
    device.chain(typed).collect()
}

fn print_text(entry: &KernelEntry, kernel: &ZoneKernel, attempts: &[Attempt]) -> std::io::Result<()> {
    let mut out = stdout();
    let series = if kernel.series { " with the devmap series" } else { "" };
    let holes = if entry.holes == Holes::Kernel { "with the holes of its checks" } else { "strict" };
    let (machine, version, alignment) = (kernel.machine, kernel.version, entry.alignment());
    writeln!(out, "{machine} v{version}{series}, alignment {alignment}, {holes}")?;
    let options = KOption::ALL.map(|o| format!("{o}={}", if kernel.on(o) { "y" } else { "n" }));
    writeln!(out, "{}", options.join(" "))?;
    if let Some(why) = kernel.cannot(KOption::ZoneDevice) {
        writeln!(out, "{why}")?;
    }
    for attempt in attempts {
        let DevPagemap { start, end, kind, live } = attempt.driver.pgmap;
        let number = TypeNumbering::of(kernel.version).and_then(|numbering| numbering.number(kind));
        let number = number.map_or(String::new(), |(number, name)| format!(" (MEMORY_DEVICE_{name} = {number})"));
        let dead = if live { "" } else { ", dead" };
        writeln!(out, "{start}-{end} {kind}{number}{dead}")?;
        if let Some(seen) = attempt.seen {
            writeln!(out, "  seen as {}-{}", seen.start, seen.end)?;
        }
        match &attempt.outcome {
            Ok(Registered { first_pfn, page_refs, .. }) => {
                let holding: Vec<&str> =
                    predicates(kernel, attempt).into_iter().filter(|(_, holds)| *holds).map(|(name, _)| name).collect();
                writeln!(out, "  registered: pages from pfn {first_pfn}, {page_refs} of them")?;
                writeln!(out, "  {}", holding.join(" "))?;
            }
            Err(refusal) => writeln!(out, "  refused: {refusal}")?,
        }
    }
    out.flush()
}

fn print_csv(kernel: &ZoneKernel, attempts: &[Attempt]) -> std::io::Result<()> {
    let mut out = stdout();
    writeln!(out, "start,end,type,registered,errno,reason,predicates")?;
    for attempt in attempts {
        let DevPagemap { start, end, kind, .. } = attempt.driver.pgmap;
        let refusal = attempt.outcome.as_ref().err();
        let errno = refusal.and_then(|refusal| refusal.errno()).map_or("", Errno::name);
        let reason = refusal.map_or(String::new(), ToString::to_string);
        let holding: Vec<&str> =
            predicates(kernel, attempt).into_iter().filter(|(_, holds)| *holds).map(|(name, _)| name).collect();
        let (registered, reason) = (refusal.is_none(), csv_field(&reason).into_owned());
        let holding = holding.join(" ");
        writeln!(out, "{:#x},{:#x},{kind},{registered},{errno},{reason},{holding}", start.0, end.0)?;
    }
    out.flush()
}

fn json_of(entry: &KernelEntry, kernel: &ZoneKernel, attempts: &[Attempt]) -> Value {
    let options = KOption::ALL.map(|option| (option.name().to_owned(), Value::from(kernel.on(option))));
    json!({
        "kernel": kernel.version.to_string(),
        "series": kernel.series,
        "machine": kernel.machine.name(),
        "page_shift": kernel.page_shift,
        "alignment": entry.alignment().name(),
        "holes": if entry.holes == Holes::Kernel { "kernel" } else { "strict" },
        "config": Map::from_iter(options),
        "refused": null,
        "cannot": Map::from_iter(KOption::ALL.into_iter().filter_map(|option| {
            kernel.cannot(option).map(|why| (option.name().to_owned(), Value::from(why.to_string())))
        })),
        "ranges": attempts.iter().map(|attempt| range_json(kernel, attempt)).collect::<Vec<_>>(),
    })
}

fn range_json(kernel: &ZoneKernel, attempt: &Attempt) -> Value {
    let mut range = pgmap_json(&attempt.driver.pgmap);
    let number = TypeNumbering::of(kernel.version).and_then(|numbering| numbering.number(attempt.driver.pgmap.kind));
    let refusal = attempt.outcome.as_ref().err();
    let registered = attempt.outcome.as_ref().ok();
    let predicates = predicates(kernel, attempt).into_iter().map(|(name, holds)| (name.to_owned(), Value::from(holds)));
    let more = json!({
        "type_number": number.map(|(number, _)| number),
        "type_name": number.map(|(_, name)| format!("MEMORY_DEVICE_{name}")),
        "aligned": attempt.seen.map(|seen| json!({ "start": hex(seen.start.0), "end": hex(seen.end.0) })),
        "registered": registered.is_some(),
        "errno": refusal.and_then(|refusal| refusal.errno()).map(Errno::name),
        "reason": refusal.map(ToString::to_string),
        "conflict": refusal.and_then(conflict).map(|span| json!({ "start": hex(span.start.0), "end": hex(span.end.0) })),
        "first_pfn": registered.map(|registered| hex(registered.first_pfn.0)),
        "page_refs": registered.map(|registered| registered.page_refs),
        "predicates": Map::from_iter(predicates),
    });
    if let (Some(range), Value::Object(more)) = (range.as_object_mut(), more) {
        range.extend(more);
    }
    range
}

/// What a range met.
fn conflict(refusal: &Refusal) -> Option<Span> {
    match refusal {
        Refusal::Conflict(span) | Refusal::Present(span) | Refusal::Ram { ram: span, .. } => Some(*span),
        _ => None,
    }
}
