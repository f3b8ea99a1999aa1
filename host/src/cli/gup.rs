//! `ptwalk gup`: which pages `get_user_pages_fast` would pin, and where and why it would stop.

use std::collections::BTreeMap;
use std::io::Write;

use anyhow::{Context, Result};
use ptwalk::engine::{Queries, Wanted};
use ptwalk::errno::Errno;
use ptwalk::gup::{AccessOk, FollFlags, Gup, GupOutcome, PinnedPage, Stop, StopReason, get_user_pages_fast, put_pages};
use ptwalk::sample;
use ptwalk::show;
use ptwalk::walk::census::Census;
use ptwalk::walk::{Event, walk_map};
use ptwalk::zone::{Zone, file};
use ptwalk_abi::{VaRange, VirtAddr};
use serde_json::{Map, Value, json};

use super::args::{Format, GUP_PAGES_MAX, GupArgs, ImageArgs};
use super::exit::Answer;
use super::output::{Layout, ListDocument, hex, size, stdout};
use super::session::Session;

/// Mapped ranges closer than this are shown as one: about the distance at which VMAs of one purpose lie.
const GAP_BYTES: u64 = 64 << 10;

pub fn run(args: &GupArgs) -> Result<Answer> {
    let named = args.flags.iter().fold(FollFlags::NONE, |all, flag| all | *flag);
    let flags = named.with(FollFlags::WRITE, args.write).with(FollFlags::LONGTERM, args.longterm);
    let zone = args.pgmap.as_deref().map(file::read).transpose()?;
    let gup = Gup { policy: args.epoch.gup_epoch.policy, ..Gup::new(flags) };
    match (&args.image, args.start, args.nr) {
        (Some(image), Some(start), Some(nr)) => {
            let image = ImageArgs { image: image.clone(), base: args.base };
            let session = Session::open(&image, &args.tables, &args.output)?;
            let zone = zone.unwrap_or_else(|| session.image.zone());
            let arch = session.plugin.plugin().manifest().arch.as_deref().unwrap_or_default();
            let gup = Gup { access_ok: AccessOk::of_arch(arch), ..gup };
            one_call(args, &session, zone, &gup, (start, nr))
        }
        _ => survey(args, zone, &gup),
    }
}

fn one_call(
    args: &GupArgs,
    session: &Session,
    mut zone: Zone,
    gup: &Gup,
    (start, nr): (VirtAddr, i64),
) -> Result<Answer> {
    session.compare_epoch(gup.policy, &args.output);
    let tables = session.tables(session.user_root()?);
    let mut engine = session.engine(Queries::gup(&session.geometry, gup))?;
    let outcome = get_user_pages_fast(&mut engine, &tables, &mut zone, gup, start, nr)?;
    match args.output.format() {
        Format::Text => print_text(&outcome, &zone, session.geometry.page_shift(), args.epoch.gup_epoch.policy.name)?,
        Format::Csv => print_csv(&outcome.pages, &zone)?,
        format @ (Format::Json | Format::Jsonl) => {
            let mut fields = Map::new();
            fields.insert("requested".to_owned(), outcome.requested.into());
            fields.insert("pinned".to_owned(), outcome.pages.len().into());
            fields.insert("stop".to_owned(), show::gup_stop(&outcome.stop));
            fields.insert("errno".to_owned(), outcome.errno.map(Errno::name).into());
            fields.extend(epoch_fields(args, gup));
            print_pages(outcome.pages.iter(), &zone, format, fields)?;
        }
    }
    Ok(Answer::new(i64::try_from(outcome.pages.len()).is_ok_and(|pinned| pinned == nr)))
}

/// Whose GUP it was, and what it was asked with: the numbers of flags are that kernel's.
fn epoch_fields(args: &GupArgs, gup: &Gup) -> Map<String, Value> {
    let word = gup.policy.flags.word(gup.flags).ok();
    let names: Vec<String> = gup.flags.each().map(|(_, name)| format!("FOLL_{name}")).collect();
    Map::from_iter([
        ("epoch".to_owned(), gup.policy.name.into()),
        ("gup_kernel".to_owned(), args.epoch.gup_epoch.kernel.to_string().into()),
        ("flags".to_owned(), json!({ "names": names, "word": word.map(|word| hex(word.into())) })),
    ])
}

/// Prints the document: pages as they come, because there may be millions, then the other fields.
fn print_pages<'a>(
    mut pages: impl Iterator<Item = &'a PinnedPage>,
    zone: &Zone,
    format: Format,
    fields: Map<String, Value>,
) -> std::io::Result<()> {
    let mut list = ListDocument::open(stdout(), Layout::of_document(format), "pages")?;
    pages.try_for_each(|page| list.item(&show::gup_page(page, zone)))?;
    list.close(None, fields, None)
}

fn print_csv(pages: &[PinnedPage], zone: &Zone) -> std::io::Result<()> {
    let mut out = stdout();
    writeln!(out, "va,pfn,level,pgmap")?;
    for page in pages {
        let pgmap = page.pgmap.map_or("", |id| zone.pgmap(id).kind.name());
        writeln!(out, "{:#x},{:#x},{},{pgmap}", page.va.0, page.pfn.0, page.level)?;
    }
    out.flush()
}

/// Neighbouring pages of one kind as a line.
fn print_text(outcome: &GupOutcome, zone: &Zone, page_shift: u32, epoch: &str) -> std::io::Result<()> {
    let mut out = stdout();
    let mut pages = outcome.pages.as_slice();
    while let Some(first) = pages.first() {
        let follows = |(i, page): &(usize, &PinnedPage)| {
            let i = *i as u64;
            let alike = page.level == first.level && page.pgmap == first.pgmap;
            alike && page.va.0 == first.va.0 + (i << page_shift) && page.pfn.0 == first.pfn.0.wrapping_add(i)
        };
        let count = pages.iter().enumerate().take_while(follows).count();
        let end = first.va.0 + ((count as u64) << page_shift);
        let kind = first.pgmap.map_or("", |id| zone.pgmap(id).kind.name());
        let line = format!("{}-{end:#018x} {count:>6} pages {} pfn {} {kind}", first.va, first.level, first.pfn);
        writeln!(out, "{}", line.trim_end())?;
        pages = &pages[count..];
    }
    let Stop { va, level, raw, reason } = outcome.stop;
    writeln!(out, "{} of {} pages pinned (GUP of v{epoch})", outcome.pages.len(), outcome.requested)?;
    if reason != StopReason::Complete {
        let at = level.map_or(String::new(), |level| format!(" at {level}"));
        let raw = raw.map_or(String::new(), |raw| format!(" = {raw:#018x}"));
        let errno = outcome.errno.map_or(String::new(), |errno| format!(" ({errno})"));
        writeln!(out, "stopped at {va}{at}{raw}: {}{errno}", reason.describe())?;
    }
    out.flush()
}

/// One GUP of the survey.
struct Call {
    range: VaRange,
    mapped: u64,
    outcome: GupOutcome,
}

/// GUP over every mapped range of the embedded sample.
fn survey(args: &GupArgs, zone: Option<Zone>, gup: &Gup) -> Result<Answer> {
    let image = sample::image().context("the embedded sample")?;
    let mut tables_args = args.tables.clone();
    if tables_args.root.is_empty() {
        tables_args.root.push(sample::ROOT.pa);
    }
    let session = Session::new(image, &tables_args, &args.output)?;
    session.compare_epoch(gup.policy, &args.output);
    let mut zone = match zone {
        Some(zone) => zone,
        None => sample::zone()?,
    };
    let tables = session.tables(session.user_root()?);
    let page_shift = session.geometry.page_shift();
    let mut census = Census::default();
    census.level(session.geometry.root_level()).tables = 1;
    let mut areas: Vec<(VaRange, u64)> = Vec::new();
    let mut walker = session.engine(Queries::walk(&session.geometry, &Wanted::ALL))?;
    let whole = tables.whole().context("the sample has a lower half")?;
    walk_map(&mut walker, &tables, whole, &mut |event, _| {
        census.add(event, &zone);
        if let Event::Mapping(mapping) = event {
            let pages = u64::try_from(mapping.range.bytes() >> page_shift).unwrap_or(u64::MAX);
            match areas.last_mut() {
                Some((area, mapped)) if mapping.range.first.0 - area.last.0 <= GAP_BYTES => {
                    area.last = mapping.range.last;
                    *mapped += pages;
                }
                _ => areas.push((mapping.range, pages)),
            }
        }
        Ok(())
    })?;
    let mut engine = session.engine(Queries::gup(&session.geometry, gup))?;
    let mut calls = Vec::new();
    for (range, mapped) in areas {
        let nr = i64::try_from(range.bytes() >> page_shift)?.min(GUP_PAGES_MAX);
        let outcome = get_user_pages_fast(&mut engine, &tables, &mut zone, gup, range.first, nr)?;
        put_pages(&mut zone, &outcome.pages);
        calls.push(Call { range, mapped, outcome });
    }
    match args.output.format() {
        Format::Text => print_survey(&calls, &census, &zone, gup.policy.name)?,
        Format::Csv => {
            let pages: Vec<PinnedPage> = calls.iter().flat_map(|call| call.outcome.pages.iter().copied()).collect();
            print_csv(&pages, &zone)?;
        }
        format @ (Format::Json | Format::Jsonl) => {
            let mut fields = survey_fields(&calls);
            fields.extend(epoch_fields(args, gup));
            print_pages(calls.iter().flat_map(|call| &call.outcome.pages), &zone, format, fields)?;
        }
    }
    Ok(Answer::Yes)
}

fn survey_fields(calls: &[Call]) -> Map<String, Value> {
    let first_stop = calls.iter().map(|call| &call.outcome.stop).find(|stop| stop.reason != StopReason::Complete);
    let stop = first_stop.or(calls.last().map(|call| &call.outcome.stop));
    let each = calls.iter().map(|call| {
        json!({
            "start": hex(call.range.first.0),
            "requested": call.outcome.requested,
            "mapped": call.mapped,
            "pinned": call.outcome.pages.len(),
            "stop": show::gup_stop(&call.outcome.stop),
        })
    });
    let requested = calls.iter().map(|call| call.outcome.requested).sum::<i64>();
    let pinned = calls.iter().map(|call| call.outcome.pages.len()).sum::<usize>();
    Map::from_iter([
        ("requested".to_owned(), requested.into()),
        ("pinned".to_owned(), pinned.into()),
        ("stop".to_owned(), stop.map_or(Value::Null, show::gup_stop)),
        ("calls".to_owned(), each.collect()),
    ])
}

/// Pages of an outcome by the type of their device; ordinary memory has none.
fn devices(outcome: &GupOutcome, zone: &Zone) -> String {
    let mut by_type: BTreeMap<&str, u64> = BTreeMap::new();
    for id in outcome.pages.iter().filter_map(|page| page.pgmap) {
        *by_type.entry(zone.pgmap(id).kind.name()).or_default() += 1;
    }
    let parts: Vec<String> = by_type.into_iter().map(|(kind, count)| format!("{count} {kind}")).collect();
    parts.join(", ")
}

fn print_survey(calls: &[Call], census: &Census, zone: &Zone, epoch: &str) -> std::io::Result<()> {
    let mut out = stdout();
    writeln!(out, "A process of Linux 6.12.95 on arm64, from its page tables alone:")?;
    super::census::print(&mut out, census, zone)?;
    writeln!(out, "\nget_user_pages_fast (v{epoch}) over each mapped range:")?;
    writeln!(out, "  {:18} {:>7} {:>7} {:>7}  {:<13} stopped", "start", "size", "mapped", "pinned", "device")?;
    for Call { range, mapped, outcome } in calls {
        let stop = match outcome.stop.reason {
            StopReason::Complete => String::new(),
            reason => {
                let level = outcome.stop.level.map_or(String::new(), |level| format!(" {level}"));
                format!("{}{level}: {}", outcome.stop.va, reason.name())
            }
        };
        let (bytes, pinned) = (size(range.bytes()), outcome.pages.len());
        let devices = devices(outcome, zone);
        let line = format!("  {} {bytes:>7} {mapped:>7} {pinned:>7}  {devices:<13} {stop}", range.first);
        writeln!(out, "{}", line.trim_end())?;
    }
    let pinned: usize = calls.iter().map(|call| call.outcome.pages.len()).sum();
    let device: usize =
        calls.iter().map(|call| call.outcome.pages.iter().filter(|page| page.pgmap.is_some()).count()).sum();
    writeln!(out, "{pinned} pages pinned, {device} of them device memory.")?;
    out.flush()
}
