//! `ptwalk watch`: the author's loop. At each change of a plugin: admit it, walk, and print what changed.
//!
//! A refused plugin, a failing build and a file that is away change nothing: the last good plugin stays in the slot, and
//! answers are compared with its. A signal ends the loop with a last record.

#[path = "watch/event.rs"]
mod event;

use std::io::{self, Stdout};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use ptwalk::admission::{Admission, Ask, Candidate, Order, Pass, Refusal};
use ptwalk::compare::{Difference, Side, Tally, compare};
use ptwalk::engine::{Prepared, Wanted};
use ptwalk::image::Image;
use ptwalk::plugin;
use ptwalk::probe::Probe;
use ptwalk::slot::PluginSlot;
use ptwalk::walk::merge::Merge;
use ptwalk::walk::{Root, Space, TableSet};
use ptwalk::watch::{LawDelta, Seen, Verdicts, Waker, Watched};
use ptwalk_abi::{Config, Half, VaRange};
use ptwalk_verifier::verify::{Outcome, VerifyReport};
use signal_hook::consts::{SIGINT, SIGTERM};
use signal_hook::iterator::Signals;

use super::args::{TableArgs, WatchArgs};
use super::diff::{ascending, walks};
use super::differences::Listing;
use super::exit::{Answer, Fault};
use super::session::{choice, open, roots, with_flag};
use event::{Answered, Event, Judged, Printer};

/// Times that a file is read again because somebody was at work on it.
const READS: usize = 20;

/// Between two looks at a build that is running.
const BUILD_POLL: Duration = Duration::from_millis(5);

/// Between two readings of a file that somebody is at work on.
const READ_PAUSE: Duration = Duration::from_millis(10);

pub fn run(args: &WatchArgs) -> Result<Answer> {
    if plugin::embedded(&args.plugin).is_some() {
        let text = format!("`{}` is embedded and does not change: give the file of a plugin", args.plugin);
        return Err(Fault::Usage(text).into());
    }
    let stop = Arc::new(AtomicBool::new(false));
    let module = plugin::file(&args.plugin).into_owned();
    let (mut watched, waker) = Watched::new(&module, &args.sources());
    stop_on_signals(&stop, waker)?;
    let mut watch = Watch::new(args, &stop)?;
    let config = watch.order.config;
    watch.print(&Event::Started { image: &args.image.image, plugin: &args.plugin, config: &config })?;
    let mut since = Instant::now();
    let mut good = false;
    for time in 1.. {
        if let Some(judged) = watch.turn(since)? {
            good = judged;
        }
        if stop.load(Ordering::Relaxed) {
            break;
        }
        if args.times.is_some_and(|times| time >= times) {
            watch.print(&Event::Ended { reason: "times", complete: true })?;
            return if good { Ok(Answer::Yes) } else { Err(Fault::Refused.into()) };
        }
        match watched.wait() {
            Seen::Changed(first) => since = first,
            Seen::Stopped => break,
        }
    }
    watch.print(&Event::Ended { reason: "interrupted", complete: false })?;
    Ok(Answer::Interrupted)
}

/// On a signal, whatever goes on is to end.
fn stop_on_signals(stop: &Arc<AtomicBool>, waker: Waker) -> Result<()> {
    let mut signals = Signals::new([SIGINT, SIGTERM]).context("cannot wait for signals")?;
    let stop = stop.clone();
    std::thread::spawn(move || {
        for _ in signals.forever() {
            stop.store(true, Ordering::Relaxed);
            waker.stop();
        }
    });
    Ok(())
}

/// Everything that one turn needs, and what the turns before it came to.
struct Watch<'a> {
    args: &'a WatchArgs,
    stop: &'a AtomicBool,
    image: Image,
    probe: Probe,
    tables: TableArgs,
    ranges: Vec<VaRange>,
    admission: Admission,
    order: Order,
    slot: Option<PluginSlot>,
    verdicts: Verdicts,
    printer: Printer<Stdout>,
}

/// What a candidate's answer is made of.
struct View {
    candidate: Arc<Candidate>,
    prepared: Prepared,
    /// One a half at most, lower first.
    roots: Vec<Root>,
}

impl<'a> Watch<'a> {
    fn new(args: &'a WatchArgs, stop: &'a AtomicBool) -> Result<Watch<'a>> {
        let image = open(&args.image)?;
        let (probe, tables) = (Probe::new(&image), args.tables());
        let config: Config = tables.plugin.config.apply(probe.config());
        let order = Order { choice: choice(&tables.plugin)?, ..Order::new(&args.plugin, config) };
        Ok(Watch {
            args,
            stop,
            image,
            probe,
            tables,
            ranges: ascending(&args.range),
            // Refusals are not remembered: an author wants the whole report each time.
            admission: Admission::with_laws(super::verify::laws(args.laws.as_deref())?, None),
            order,
            slot: None,
            verdicts: Verdicts::default(),
            printer: Printer::new(io::stdout(), args.format()),
        })
    }

    fn print(&mut self, event: &Event<'_>) -> Result<()> {
        Ok(self.printer.print(event)?)
    }

    /// Builds, judges and walks. Whether the plugin is good; `None` where it was not judged.
    fn turn(&mut self, since: Instant) -> Result<Option<bool>> {
        let mut built = None;
        if let Some(command) = &self.args.build {
            let start = Instant::now();
            let failed = build(command, self.stop)?;
            let took = start.elapsed();
            if self.stop.load(Ordering::Relaxed) {
                return Ok(None);
            }
            if let Some(status) = failed {
                let generation = self.generation();
                self.print(&Event::BuildFailed { command, status: &status, took, in_service: generation })?;
                return Ok(Some(false));
            }
            built = Some(took);
        }
        match self.admit() {
            Ok(pass) => self.publish(pass, since, built),
            Err(refusal) => {
                self.refuse(&refusal, since, built)?;
                Ok(Some(false))
            }
        }
    }

    /// Admits the plugin; a file that somebody is at work on is read again.
    fn admit(&self) -> Result<Pass, Box<Refusal>> {
        for _ in 1..READS {
            match self.admission.admit(&self.order) {
                Err(refusal) if refusal.cause.is_passing() => std::thread::sleep(READ_PAUSE),
                judged => return judged,
            }
        }
        self.admission.admit(&self.order)
    }

    fn generation(&self) -> Option<u64> {
        self.slot.as_ref().map(|slot| slot.pin().number())
    }

    fn refuse(&mut self, refusal: &Refusal, since: Instant, built: Option<Duration>) -> Result<()> {
        let report = refusal.cause.report();
        let delta = self.learn(report);
        let in_service = self.slot.as_ref().map(|slot| slot.pin().identity());
        let judged = Judged { delta, stages: refusal.stages, built, since };
        self.print(&Event::Refused { code: refusal.cause.code(), why: &refusal.cause, report, judged, in_service })
    }

    /// What a report says that the one before did not.
    fn learn(&mut self, report: Option<&VerifyReport>) -> LawDelta {
        let Some(report) = report else { return LawDelta::default() };
        let delta = LawDelta::between(&self.verdicts, report);
        // A module that is none has no laws to speak of, and leaves open what was known.
        if !report.laws.is_empty() {
            self.verdicts = Verdicts::of(report);
        }
        delta
    }

    /// Walks with the plugin and the one before it, publishes it, and prints what changed.
    fn publish(&mut self, pass: Pass, since: Instant, built: Option<Duration>) -> Result<Option<bool>> {
        let next = match self.view(pass.candidate.clone()) {
            Ok(view) => view,
            Err(error) => {
                // Roots that do not fit the geometry: the plugin is lawful, and of no use here.
                let text = error.to_string();
                let in_service = self.slot.as_ref().map(|slot| slot.pin().identity());
                self.print(&Event::Unusable { why: &text, in_service })?;
                return Ok(Some(false));
            }
        };
        let report = match pass.candidate.admitted() {
            ptwalk::engine::Admitted::Verified(verified) => Some(Outcome::Verified(verified.clone()).report()),
            ptwalk::engine::Admitted::Unverified(..) => None,
        };
        let before = match &self.slot {
            Some(slot) => Some(self.view(slot.pin().candidate().clone())?),
            None => None,
        };
        let start = Instant::now();
        let (tally, listed, left_out) = match self.compared(before.as_ref().unwrap_or(&next), &next) {
            Ok(compared) => compared,
            Err(_) if self.stop.load(Ordering::Relaxed) => return Ok(None),
            Err(error) => return Err(error),
        };
        let walked = start.elapsed();
        let delta = self.learn(report.as_ref());
        let identity = match &self.slot {
            Some(slot) => slot.publish(pass.candidate).pin.identity(),
            None => self.slot.insert(PluginSlot::new(pass.candidate)).pin().identity(),
        };
        let page_shifts = [before.as_ref().unwrap_or(&next), &next].map(|view| view.candidate.geometry().page_shift());
        let answered =
            Answered { first: before.is_none(), tally: &tally, listed: &listed, left_out, page_shifts, walked };
        let judged = Judged { delta, stages: pass.stages, built, since };
        let proved = self.verdicts.proved();
        self.print(&Event::Admitted { identity, proved, judged, answered })?;
        Ok(Some(true))
    }

    fn view(&self, candidate: Arc<Candidate>) -> Result<View> {
        let roots = roots(&self.probe, &self.tables, candidate.geometry())?;
        let space = Space { image: &self.image, geometry: candidate.geometry(), roots: &roots };
        // Of two roots for one half none is picked silently.
        let picked = [Half::Lower, Half::Upper].map(|half| space.root_of(half).map_err(with_flag));
        let roots = picked.into_iter().filter_map(Result::transpose).collect::<Result<_>>()?;
        Ok(View { prepared: candidate.prepare(&Ask::Walk(Wanted::ALL))?, roots, candidate })
    }

    /// What two views say differently.
    fn compared(&self, before: &View, next: &View) -> Result<(Tally, Vec<Difference>, u64)> {
        let mut listing = Listing::new(Merge::Va, self.args.limit);
        let (mut tally, mut listed) = (Tally::default(), Vec::new());
        let threads = self.args.threads.count();
        compare(&self.side(before), &self.side(next), threads, &mut tally, &mut |difference| {
            listed.extend(listing.push(difference));
            Ok(())
        })?;
        listed.extend(listing.flush());
        Ok((tally, listed, listing.left_out()))
    }

    fn side<'b>(&'b self, view: &'b View) -> Side<'b> {
        let geometry = view.candidate.geometry();
        let tables = view.roots.iter().map(|root| TableSet { image: &self.image, geometry, root: *root });
        Side { prepared: &view.prepared, walks: walks(tables, &self.ranges), stop: Some(self.stop) }
    }
}

/// Runs the command; how it failed, if it did. What it prints goes to stderr.
fn build(command: &str, stop: &AtomicBool) -> Result<Option<String>> {
    let mut child = Command::new("sh")
        .args(["-c", command])
        .stdin(Stdio::null())
        .stdout(Stdio::from(io::stderr()))
        .spawn()
        .context("cannot run sh")?;
    let status = loop {
        if let Some(status) = child.try_wait().context("cannot wait for the build")? {
            break status;
        }
        if stop.load(Ordering::Relaxed) {
            return end(child).map(|()| None);
        }
        std::thread::sleep(BUILD_POLL);
    };
    Ok(if status.success() { None } else { Some(status.to_string()) })
}

/// Ends a build that nobody waits for any more.
fn end(mut child: Child) -> Result<()> {
    child.kill().and_then(|()| child.wait()).context("cannot end the build")?;
    Ok(())
}
