//! `ptwalk diff`: what changed between two images, or what two plugins read differently in one.

use anyhow::Result;
use ptwalk::compare::{Side, Tally, compare};
use ptwalk::engine::{Prepared, Queries, Wanted};
use ptwalk::walk::merge::Merge;
use ptwalk::walk::{Root, TableSet};
use ptwalk_abi::{Half, VaRange, VirtAddr};

use super::args::{DiffArgs, Format};
use super::differences::{Described, Listing, Printer};
use super::exit::{Answer, Fault, reason};
use super::interrupt;
use super::output::{notice, stdout};
use super::session::{Session, with_flag};

/// Records that a listing for people has.
const TEXT_RECORDS: u64 = 100;

pub fn run(args: &DiffArgs) -> Result<Answer> {
    if let Some(fault) = args.fault() {
        return Err(Fault::Usage(fault).into());
    }
    interrupt::watch()?;
    let sessions = [session(args, 0)?, session(args, 1)?];
    let roots = [0, 1].map(|side| roots(args, &sessions[side], side));
    let [roots_a, roots_b] = roots;
    let pairs = pairs([roots_a?, roots_b?])?;
    let ranges = ascending(&args.range);
    let prepared = [prepare(&sessions[0])?, prepare(&sessions[1])?];
    let sides = [0, 1].map(|side| {
        let tables = pairs.iter().map(|pair| sessions[side].tables(pair[side]));
        Side { prepared: &prepared[side], walks: walks(tables, &ranges), stop: Some(interrupt::flag()) }
    });
    if let Some(range) = ranges.iter().find(|range| sides.iter().all(|side| !touches(side, **range))) {
        let text =
            format!("--range {:#x}-{:#x}: no root that both sides have translates it", range.first.0, range.end());
        return Err(Fault::Usage(text).into());
    }
    let shown = [0, 1].map(|side| Described::new(&sessions[side], &args.image(side)));
    let format = args.output.format();
    let limit = args.limit.unwrap_or(if format == Format::Text { TEXT_RECORDS } else { u64::MAX });
    let page_shifts = [0, 1].map(|side| sessions[side].geometry.page_shift());
    let mut printer = Printer::open(stdout(), format, &shown, page_shifts)?;
    let mut listing = Listing::new(Merge::from(args.merge), limit);
    let mut tally = Tally::default();
    let compared = compare(&sides[0], &sides[1], args.threads.count(), &mut tally, &mut |difference| {
        listing.push(difference).map_or(Ok(()), |ready| printer.record(&ready))
    });
    let compared = compared.map_err(anyhow::Error::from);
    let flushed = listing.flush().map_or(Ok(()), |ready| printer.record(&ready));
    // Where the output itself failed, closing it fails again, and the first failure is the one to tell.
    let stopped = compared.as_ref().err().map(reason);
    let closed = printer.close(&tally, listing.left_out(), stopped, &shown);
    compared?;
    flushed?;
    closed?;
    if let Some((which, kind)) = tally.unseen {
        let text = format!("incomplete: of side {} a part is not seen ({})", which.letter(), kind.reason());
        notice(&args.output, &text);
    }
    Ok(Answer::new(tally.different.entries == 0))
}

fn session(args: &DiffArgs, side: usize) -> Result<Session> {
    let image = args.image(side);
    notice(&args.output, &format!("side {}: {}", ["A", "B"][side], image.image.display()));
    Session::open(&image, &args.tables(side), &args.output)
}

fn prepare(session: &Session) -> Result<Prepared> {
    session.prepare(Queries::walk(&session.geometry, &Wanted::ALL))
}

/// The root of each half, lower first. Of two that are given for one half, the second is the second side's.
fn roots(args: &DiffArgs, session: &Session, side: usize) -> Result<[Option<Root>; 2]> {
    let mut found = [None; 2];
    for (half, found) in [Half::Lower, Half::Upper].into_iter().zip(&mut found) {
        if !args.names_roots() {
            *found = session.space().root_of(half).map_err(with_flag)?;
            continue;
        }
        let given: Vec<Root> = session.roots.iter().copied().filter(|root| root.half == half).collect();
        *found = match given.as_slice() {
            [] => None,
            [both] => Some(*both),
            [a, b] => Some([*a, *b][side]),
            more => {
                let text = format!("--root: {} are given for the {half} half, but there are two sides", more.len());
                return Err(Fault::Usage(text).into());
            }
        };
    }
    Ok(found)
}

/// The roots of the halves that both sides have one for, lower first.
fn pairs([a, b]: [[Option<Root>; 2]; 2]) -> Result<Vec<[Root; 2]>> {
    let pairs: Vec<[Root; 2]> = a.into_iter().zip(b).filter_map(|(a, b)| Some([a?, b?])).collect();
    if pairs.is_empty() {
        let text = "there is no half of the address space for which both sides have a root: give them with --root PA";
        return Err(Fault::Ambiguous(text.to_owned()).into());
    }
    Ok(pairs)
}

/// Ranges in ascending order, those that touch made one.
pub fn ascending(ranges: &[VaRange]) -> Vec<VaRange> {
    let mut sorted = ranges.to_vec();
    sorted.sort_unstable_by_key(|range| range.first);
    let mut apart: Vec<VaRange> = Vec::new();
    for range in sorted {
        match apart.last_mut() {
            Some(held) if u128::from(range.first.0) <= held.end() => held.last = held.last.max(range.last),
            _ => apart.push(range),
        }
    }
    apart
}

/// What of each table set is walked: the ranges asked for, or all.
pub fn walks<'a>(tables: impl Iterator<Item = TableSet<'a>>, ranges: &[VaRange]) -> Vec<(TableSet<'a>, VaRange)> {
    let everything = [VaRange { first: VirtAddr(0), last: VirtAddr(u64::MAX) }];
    let ranges = if ranges.is_empty() { &everything[..] } else { ranges };
    let cut = |tables: TableSet<'a>| {
        let whole = tables.whole();
        let parts = ranges.iter().filter_map(move |range| Some((tables, whole?.intersect(*range)?)));
        parts.collect::<Vec<_>>()
    };
    tables.flat_map(cut).collect()
}

fn touches(side: &Side<'_>, range: VaRange) -> bool {
    side.walks.iter().any(|(_, walked)| walked.intersect(range).is_some())
}
