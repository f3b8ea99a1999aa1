//! `ptwalk audit`: what in tables should not be.
//!
//! One walk a root finds everything but aliases of frames for which there was no room; those are found in further walks.

use std::io::Write;

use anyhow::Result;
use ptwalk::audit::aliases::EXTENTS_MAX;
use ptwalk::audit::epoch::{self, Doubt};
use ptwalk::audit::{Alias, Auditing, Finding, RunEntries, Scope, Window};
use ptwalk::engine::{Engine, Prepared, Queries, Wanted};
use ptwalk::walk::{Incomplete, Root, walk_split};
use ptwalk_abi::{Half, Helper, Pfn, VaRange};

use super::args::AuditArgs;
use super::exit::{Answer, Fault, reason};
use super::interrupt;
use super::output::{notice, progress, stdout};
use super::session::Session;

#[path = "audit/print.rs"]
mod print;

use print::Printer;

/// Totals of an audit.
#[derive(Default)]
pub struct Summary {
    /// Findings by kind, in the order of [`print::KINDS`].
    pub counts: [u64; 5],
    /// Findings that are counted and not listed.
    pub unlisted: u64,
    /// Frames with aliases.
    pub alias_frames: u64,
    pub tables: u64,
    pub leaves: u64,
    /// Walks that it took.
    pub walks: u64,
    pub incomplete: Incomplete,
}

impl Summary {
    fn found(&self) -> u64 {
        self.counts.iter().sum::<u64>() + self.unlisted
    }
}

pub fn run(args: &AuditArgs) -> Result<Answer> {
    let session = Session::open(&args.image, &args.tables, &args.output)?;
    let ranges = session.ranges(&args.area.range)?;
    let prepared = session.prepare(Queries::walk(&session.geometry, &Wanted { absent: false, ..Wanted::ALL }))?;
    if !prepared.start()?.has(Helper::pte_mmu_perms) {
        let text = "the plugin has no pte_mmu_perms, so that nobody knows what the MMU permits";
        return Err(Fault::Ambiguous(text.to_owned()).into());
    }
    interrupt::watch()?;
    let mut printer = Printer::open(stdout(), args.output.format(), session.geometry.page_shift())?;
    let mut summary = Summary::default();
    let mut audited = Ok(());
    for root in &session.roots {
        let ranges: Vec<VaRange> = ranges.iter().filter(|(of, _)| of == root).map(|(_, range)| *range).collect();
        if !ranges.is_empty() {
            audited = audit(&session, args, &prepared, (*root, &ranges), &mut printer, &mut summary);
        }
        if audited.is_err() {
            break;
        }
    }
    let stopped = audited.as_ref().err().map(reason);
    // Where the output itself failed, closing it fails again, and the first failure is the one to tell.
    let closed = printer.close(&summary, stopped);
    audited?;
    closed?;
    super::dump::tell_incomplete(&args.output, &summary.incomplete);
    Ok(Answer::new(summary.found() == 0))
}

/// Audits what one root translates, in as many walks as its aliases take.
fn audit<W: Write>(
    session: &Session,
    args: &AuditArgs,
    prepared: &Prepared,
    (root, ranges): (Root, &[VaRange]),
    printer: &mut Printer<W>,
    summary: &mut Summary,
) -> Result<()> {
    let tables = session.tables(root);
    let mut from = Pfn(0);
    loop {
        let mut window = Window::new(session.geometry.page_shift(), from, EXTENTS_MAX);
        summary.walks += 1;
        for range in ranges {
            walk(session, args, prepared, (root, *range), &mut window, printer, summary)?;
        }
        let end = window.end();
        window.aliases(|alias: &Alias| {
            summary.counts[print::ALIAS] += 1;
            summary.alias_frames += alias.frames;
            printer.alias(root, alias)
        })?;
        let Some(end) = end else { break };
        from = end;
    }
    if root.half == Half::Lower {
        let mut engine = session.engine(epoch::queries(&session.geometry))?;
        for range in ranges {
            if let Some(doubt) = epoch::doubt(&mut engine, &tables, *range)? {
                summary.counts[print::EPOCH] += 1;
                doubted(args, printer, root, &doubt)?;
            }
        }
    }
    Ok(())
}

/// A wrong version makes every other finding doubtful: it is said on stderr too.
fn doubted<W: Write>(args: &AuditArgs, printer: &mut Printer<W>, root: Root, doubt: &Doubt) -> Result<()> {
    notice(&args.output, &format!("{doubt} (say it with --kernel)"));
    Ok(printer.doubt(root, doubt)?)
}

/// One walk. What is found by address is printed by the first.
fn walk<W: Write>(
    session: &Session,
    args: &AuditArgs,
    prepared: &Prepared,
    (root, range): (Root, VaRange),
    window: &mut Window,
    printer: &mut Printer<W>,
    summary: &mut Summary,
) -> Result<()> {
    let run_entries = RunEntries::of(&mut prepared.start()?)?;
    let (page_shift, from) = (session.geometry.page_shift(), window.start());
    let scope = Scope { page_shift, run_entries, half: root.half, range, from };
    let part = || Auditing::new(scope);
    let bar = progress(&args.output, "auditing");
    let mut held: Option<Finding> = None;
    walk_split(prepared, &session.tables(root), range, args.area.threads.count(), &part, &mut |mut part| {
        interrupt::check()?;
        part.finish();
        bar.inc(part.tables);
        if from == Pfn(0) {
            summary.tables += part.tables;
            summary.leaves += part.leaves;
            summary.unlisted += part.unlisted;
            summary.incomplete.merge(part.incomplete);
        }
        for finding in part.findings {
            if !held.as_mut().is_some_and(|held| held.extend(&finding))
                && let Some(ended) = held.replace(finding)
            {
                printer.finding(root, &ended, summary)?;
            }
        }
        window.merge(part.window);
        Ok(())
    })?;
    bar.finish_and_clear();
    Ok(held.map_or(Ok(()), |ended| printer.finding(root, &ended, summary))?)
}
