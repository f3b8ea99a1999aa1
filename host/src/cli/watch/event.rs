//! What `watch` tells: one event at a time, as lines for people or as one JSON document.

use std::io::{self, Write};
use std::path::Path;
use std::time::{Duration, Instant};

use ptwalk::admission::{AdmissionError, Stages};
use ptwalk::compare::{Difference, Tally};
use ptwalk::plugin::describe;
use ptwalk::slot::Identity;
use ptwalk::watch::LawDelta;
use ptwalk_abi::Config;
use ptwalk_verifier::verify::{LawReport, VerifyReport};
use serde_json::{Map, Value, json};

use crate::cli::args::WatchFormat;
use crate::cli::differences::{record_json, record_text, summary_json, summary_text};
use crate::cli::output::{document, size};

/// Laws and reasons that are shown of a refusal.
const REASONS_SHOWN_MAX: usize = 5;

/// What happened.
pub enum Event<'a> {
    /// The loop begins.
    Started { image: &'a Path, plugin: &'a str, config: &'a Config },
    /// A plugin was let in, and the image was walked with it.
    Admitted { identity: Identity, proved: usize, judged: Judged, answered: Answered<'a> },
    /// A plugin was not let in. The one in service stays.
    Refused {
        code: &'static str,
        why: &'a AdmissionError,
        report: Option<&'a VerifyReport>,
        judged: Judged,
        in_service: Option<Identity>,
    },
    /// A plugin is lawful and cannot walk this image.
    Unusable { why: &'a str, in_service: Option<Identity> },
    /// The build command failed. What it said is on stderr.
    BuildFailed { command: &'a str, status: &'a str, took: Duration, in_service: Option<u64> },
    /// The loop ends.
    Ended { reason: &'static str, complete: bool },
}

/// How a plugin was judged.
pub struct Judged {
    pub delta: LawDelta,
    pub stages: Stages,
    pub built: Option<Duration>,
    /// When the change was first seen.
    pub since: Instant,
}

/// What a walk came to.
pub struct Answered<'a> {
    /// There was no plugin before: nothing changed, everything is new.
    pub first: bool,
    pub tally: &'a Tally,
    pub listed: &'a [Difference],
    pub left_out: u64,
    pub page_shifts: [u32; 2],
    pub walked: Duration,
}

/// Prints events, each at once.
pub struct Printer<W> {
    out: W,
    format: WatchFormat,
}

impl<W: Write> Printer<W> {
    pub fn new(out: W, format: WatchFormat) -> Printer<W> {
        Printer { out, format }
    }

    pub fn print(&mut self, event: &Event<'_>) -> io::Result<()> {
        let mut text = Vec::new();
        match self.format {
            WatchFormat::Jsonl => writeln!(text, "{}", document(event.json()))?,
            WatchFormat::Text => event.text(&mut text)?,
        }
        self.out.write_all(&text)?;
        self.out.flush()
    }
}

fn ms(time: Duration) -> f64 {
    // Microseconds are as fine as anybody measures.
    (time.as_secs_f64() * 1e6).round() / 1e3
}

impl Judged {
    /// The time of each stage, and of all from the change to the answer, the build aside.
    fn json(&self, walked: Option<Duration>) -> Value {
        let mut stages: Map<String, Value> =
            self.stages.named().into_iter().map(|(name, time)| (name.to_owned(), ms(time).into())).collect();
        stages.extend(walked.map(|walked| ("walk".to_owned(), ms(walked).into())));
        stages.extend(self.built.map(|built| ("build".to_owned(), ms(built).into())));
        stages.insert("total".to_owned(), ms(self.total()).into());
        stages.into()
    }

    fn total(&self) -> Duration {
        self.since.elapsed().saturating_sub(self.built.unwrap_or_default())
    }

    fn text(&self, out: &mut Vec<u8>, walked: Option<Duration>) -> io::Result<()> {
        let built = self.built.map_or(String::new(), |built| format!("build {:.0} ms; ", ms(built)));
        let walk = walked.map_or(String::new(), |walked| format!(", walk {:.1} ms", ms(walked)));
        // What could not even be read took no time that matters.
        let stages = if self.stages.total().is_zero() { String::new() } else { format!("{}{walk}; ", self.stages) };
        writeln!(out, "  {built}{stages}{:.0} ms from change to answer", ms(self.total()))
    }

    fn laws_json(&self) -> Value {
        let broken: Vec<Value> = self.delta.broken.iter().map(|law| json!(law)).collect();
        json!({ "broken": broken, "still_broken": self.delta.still_broken, "repaired": self.delta.repaired })
    }

    fn laws_text(&self, out: &mut Vec<u8>) -> io::Result<()> {
        let LawDelta { broken, still_broken, repaired } = &self.delta;
        for LawReport { id, verdict, counterexample, .. } in broken.iter().take(REASONS_SHOWN_MAX) {
            writeln!(out, "  newly broken: law {id} ({verdict})")?;
            if let Some(counterexample) = counterexample {
                writeln!(out, "    {counterexample}")?;
            }
        }
        if let Some(more) = broken.len().checked_sub(REASONS_SHOWN_MAX).filter(|more| *more > 0) {
            writeln!(out, "  … and {more} more")?;
        }
        if !still_broken.is_empty() {
            writeln!(out, "  still broken: {}", still_broken.join(", "))?;
        }
        if !repaired.is_empty() {
            writeln!(out, "  repaired: {}", repaired.join(", "))?;
        }
        Ok(())
    }
}

fn stays(in_service: Option<&Identity>) -> String {
    match in_service {
        Some(identity) => format!("answers stay with generation {} ({})", identity.generation, short(identity)),
        None => "there is no good plugin yet".to_owned(),
    }
}

fn short(identity: &Identity) -> String {
    let Identity { name, version, sha256, .. } = identity;
    let version = version.as_deref().unwrap_or("unversioned");
    format!("{name} {version}, sha256 {}", sha256.get(..12).unwrap_or(sha256))
}

/// Why a plugin was refused, but for laws, which have a place of their own.
fn reasons(report: Option<&VerifyReport>, why: &AdmissionError) -> Vec<String> {
    let Some(report) = report else { return why.to_string().lines().map(str::to_owned).collect() };
    let others = report.errors.iter().filter(|error| !report.laws.iter().any(|law| is_about(&error.message, law)));
    let shown = others.map(|error| {
        let input = error.counterexample.as_deref().map_or(String::new(), |input| format!(" ({input})"));
        format!("{} {}{input}", error.code.text(), error.message)
    });
    shown.collect()
}

fn is_about(message: &str, law: &LawReport) -> bool {
    message
        .strip_prefix("law ")
        .and_then(|rest| rest.strip_prefix(law.id.as_str()))
        .is_some_and(|rest| rest.starts_with(':'))
}

impl Event<'_> {
    fn json(&self) -> Value {
        match self {
            Event::Started { image, plugin, config } => json!({
                "event": "started",
                "image": image.display().to_string(),
                "plugin": plugin,
                "config": describe(config),
            }),
            Event::Admitted { identity, proved, judged, answered } => {
                let mut laws = judged.laws_json();
                laws["proved"] = (*proved).into();
                let listed = answered.listed.iter().map(|difference| record_json(difference, answered.page_shifts));
                json!({
                    "event": "admitted",
                    "plugin": identity,
                    "laws": laws,
                    "first": answered.first,
                    "differences": listed.collect::<Vec<_>>(),
                    "summary": summary_json(answered.tally, answered.left_out),
                    "complete": answered.tally.unseen.is_none(),
                    "ms": judged.json(Some(answered.walked)),
                })
            }
            Event::Refused { code, why, report, judged, in_service } => json!({
                "event": "refused",
                "code": code,
                "verdict": report.map(|report| report.verdict),
                "sha256": report.map(|report| report.sha256.as_str()),
                "reasons": reasons(*report, why),
                "laws": judged.laws_json(),
                "in_service": in_service,
                "ms": judged.json(None),
            }),
            Event::Unusable { why, in_service } => json!({
                "event": "refused",
                "code": "unusable",
                "reasons": [why],
                "in_service": in_service,
            }),
            Event::BuildFailed { command, status, took, in_service } => json!({
                "event": "build_failed",
                "command": command,
                "status": status,
                "in_service": in_service.map(|generation| json!({ "generation": generation })),
                "ms": { "build": ms(*took) },
            }),
            Event::Ended { reason, complete } => json!({ "event": "ended", "reason": reason, "complete": complete }),
        }
    }

    fn text(&self, out: &mut Vec<u8>) -> io::Result<()> {
        match self {
            Event::Started { image, plugin, config } => {
                writeln!(out, "watching {plugin} over {}, for {}", image.display(), describe(config))
            }
            Event::Admitted { identity, proved, judged, answered } => {
                let (generation, plugin) = (identity.generation, short(identity));
                writeln!(out, "\ngeneration {generation}: {plugin}; {proved} laws proved")?;
                judged.laws_text(out)?;
                answered.text(out)?;
                judged.text(out, Some(answered.walked))
            }
            Event::Refused { why, report, judged, in_service, .. } => {
                writeln!(out, "\nREFUSED; {}", stays(in_service.as_ref()))?;
                for reason in reasons(*report, why).iter().take(REASONS_SHOWN_MAX) {
                    writeln!(out, "  {reason}")?;
                }
                judged.laws_text(out)?;
                judged.text(out, None)
            }
            Event::Unusable { why, in_service } => {
                writeln!(out, "\nREFUSED; {}\n  {why}", stays(in_service.as_ref()))
            }
            Event::BuildFailed { command, status, in_service, .. } => {
                let stays = match in_service {
                    Some(generation) => format!("answers stay with generation {generation}"),
                    None => stays(None),
                };
                writeln!(out, "\nBUILD FAILED; {stays}\n  {command}: {status}")
            }
            Event::Ended { reason, .. } => writeln!(out, "\n{reason}"),
        }
    }
}

impl Answered<'_> {
    fn text(&self, out: &mut Vec<u8>) -> io::Result<()> {
        if self.first {
            let (entries, bytes) = (self.tally.alike.entries, size(self.tally.alike.bytes.into()));
            return writeln!(out, "  {entries} entries ({bytes})");
        }
        for difference in self.listed {
            record_text(out, difference)?;
        }
        summary_text(out, self.tally, self.left_out)
    }
}
