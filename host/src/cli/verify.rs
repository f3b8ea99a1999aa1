//! `ptwalk verify`: is a plugin safe and lawful for every input?

use std::collections::BTreeMap;
use std::io::Write;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, Result};
use ptwalk::plugin::{self, LoadError, describe};
use ptwalk_abi::Config;
use ptwalk_verifier::code::Code;
use ptwalk_verifier::validate::ValidPlugin;
use ptwalk_verifier::verify::{Case, LawSet, Matrix, Receipt, Session, Supported, Tally, Verdict, VerifyReport};
use serde_json::{Value, json};

use super::args::{Format, VerifyArgs};
use super::exit::{Answer, Fault};
use super::output::{document, notice, print_json, progress, stdout};

/// Bytes that a law file may have.
const LAW_FILE_BYTES_MAX: u64 = 4 << 20;

/// Refused configurations that are shown in full.
const REFUSED_SHOWN_MAX: usize = 5;

pub fn run(args: &VerifyArgs) -> Result<Answer> {
    if let Some(text) = &args.explain {
        return explain(text);
    }
    let laws = laws(args.laws.as_deref())?;
    let mut refused = false;
    let mut reports = Vec::new();
    for spec in &args.plugins {
        let config = args.config.apply(Config::DEFAULT);
        let report = match plugin::load(spec) {
            Ok(plugin) if args.all_configs => {
                let (passes, json) = all_configs(args, spec, &plugin, &laws)?;
                refused |= !passes;
                json
            }
            Ok(plugin) => {
                let report = named(one(&plugin, &config, &laws)?, spec);
                refused |= report.verdict != Verdict::Verified;
                if let Some(path) = &args.receipt {
                    receipt(args, path, &report, &plugin, &config, &laws)?;
                }
                print_report(args, &report, &plugin, &config)?;
                serde_json::to_value(&report)?
            }
            Err(LoadError::Rejected { path, rejection }) => {
                refused = true;
                let report = VerifyReport::invalid(&path, &plugin::read(spec)?, &config, &rejection);
                print_errors(args, &report)?;
                serde_json::to_value(&report)?
            }
            Err(error) => return Err(error.into()),
        };
        reports.push(report);
    }
    print_documents(args, reports)?;
    if refused { Err(Fault::Refused.into()) } else { Ok(Answer::Yes) }
}

fn explain(text: &str) -> Result<Answer> {
    let mut out = stdout();
    match Code::by_text(text) {
        Some(code) => {
            write!(out, "{}", code.explain())?;
            out.flush()?;
            Ok(Answer::Yes)
        }
        None => {
            let codes: Vec<&str> = Code::ALL.iter().map(|code| code.text()).collect();
            Err(Fault::Usage(format!("there is no code `{text}`; there are {}", codes.join(" "))).into())
        }
    }
}

/// The host's laws, with those of a file.
pub fn laws(path: Option<&Path>) -> Result<LawSet> {
    use std::io::Read;
    let Some(path) = path else { return Ok(LawSet::host()?) };
    let mut text = String::new();
    let file = std::fs::File::open(path).with_context(|| format!("cannot read {}", path.display()))?;
    file.take(LAW_FILE_BYTES_MAX).read_to_string(&mut text).with_context(|| path.display().to_string())?;
    Ok(LawSet::with_file(&text)?)
}

/// Verifies under one configuration. What lacks helpers that every walk needs is judged by what it has.
fn one(plugin: &Arc<ValidPlugin>, config: &Config, laws: &LawSet) -> Result<VerifyReport> {
    let session = Session::new(plugin).map_err(|rejection| anyhow::anyhow!("{rejection}"))?;
    if plugin.missing_for_walk().is_empty() {
        Ok(session.verify(config, laws).report())
    } else {
        Ok(session.examine(config, laws))
    }
}

/// The report with the plugin as the caller named it, also in the commands to repeat.
fn named(mut report: VerifyReport, spec: &str) -> VerifyReport {
    for repro in report.errors.iter_mut().filter_map(|error| error.repro.as_mut()) {
        *repro = repro.replacen(" PLUGIN ", &format!(" {spec} "), 1);
    }
    spec.clone_into(&mut report.plugin);
    report
}

/// Laws by verdict, and the proved ones by the engine that settled them.
fn count_laws(report: &VerifyReport, counts: &mut BTreeMap<String, usize>) {
    for law in &report.laws {
        let key = match law.by {
            Some(by) if law.verdict == "proved" => format!("proved by {by}"),
            _ => law.verdict.replace('_', " "),
        };
        *counts.entry(key).or_default() += 1;
    }
}

fn shown_counts(counts: &BTreeMap<String, usize>) -> String {
    let (proved, others): (Vec<_>, Vec<_>) = counts.iter().partition(|(key, _)| key.starts_with("proved by "));
    let total: usize = proved.iter().map(|(_, count)| *count).sum();
    let by = proved.iter().map(|(key, count)| format!("{} {count}", key.trim_start_matches("proved by ")));
    let by = by.collect::<Vec<_>>().join(", ");
    let others = others.iter().map(|(key, count)| format!(", {count} {key}"));
    format!("{total} proved ({by}){}", others.collect::<String>())
}

fn print_errors(args: &VerifyArgs, report: &VerifyReport) -> std::io::Result<()> {
    if !matches!(args.output.format(), Format::Text | Format::Csv) {
        return Ok(());
    }
    let mut out = stdout();
    let verdict = format!("{:?}", report.verdict).to_uppercase();
    writeln!(out, "{verdict} {}", report.plugin)?;
    for error in &report.errors {
        writeln!(out, "{error}")?;
    }
    if report.omitted > 0 {
        writeln!(out, "… and {} more", report.omitted)?;
    }
    out.flush()
}

fn print_report(args: &VerifyArgs, report: &VerifyReport, plugin: &ValidPlugin, config: &Config) -> Result<()> {
    for warning in &report.warnings {
        notice(&args.output, &format!("{}: {warning}", report.plugin));
    }
    if !matches!(args.output.format(), Format::Text | Format::Csv) {
        return Ok(());
    }
    if report.verdict != Verdict::Verified {
        print_errors(args, report)?;
    }
    let mut out = stdout();
    if report.verdict == Verdict::Verified {
        writeln!(out, "VERIFIED {} for {}", report.plugin, describe(config))?;
    } else {
        writeln!(out, "  under {}", describe(config))?;
    }
    let instructions = report.exports.values().map(|export| export.instructions_max).max().unwrap_or(0);
    let stack = report.exports.values().map(|export| export.stack_bytes).max().unwrap_or(0);
    let count = report.exports.len();
    writeln!(out, "  {count} helpers; a call executes at most {instructions} instructions on {stack} bytes of stack")?;
    let mut counts = BTreeMap::new();
    count_laws(report, &mut counts);
    writeln!(out, "  laws: {}", shown_counts(&counts))?;
    let timing = report.timing;
    let ms = |time: Duration| time.as_secs_f64() * 1e3;
    writeln!(
        out,
        "  {:.1} ms to lift, {:.1} ms for safety, {:.1} ms for the laws",
        ms(timing.lift),
        ms(timing.safety),
        ms(timing.laws)
    )?;
    let missing = plugin.missing_for_walk();
    if !missing.is_empty() {
        let names: Vec<&str> = missing.iter().map(|helper| helper.name()).collect();
        writeln!(out, "  cannot be walked with: it lacks {}", names.join(" "))?;
    }
    if args.output.verbose {
        for (name, export) in &report.exports {
            let form = export.closed_form.as_deref().unwrap_or("no result");
            let (instructions, stack) = (export.instructions_max, export.stack_bytes);
            writeln!(out, "  {form}    [{name}: {instructions} instructions, {stack} bytes of stack]")?;
        }
        for law in &report.laws {
            let by = law.by.map_or(String::new(), |by| format!(" by {by}"));
            let reason = law.reason.as_deref().map_or(String::new(), |reason| format!(": {reason}"));
            writeln!(out, "  law {} {}{by}{reason}", law.id, law.verdict.replace('_', " "))?;
        }
    }
    Ok(out.flush()?)
}

/// Writes the receipt of a verification; where the file is there already, says what it no longer vouches for.
fn receipt(
    args: &VerifyArgs,
    path: &Path,
    report: &VerifyReport,
    plugin: &ValidPlugin,
    config: &Config,
    laws: &LawSet,
) -> Result<()> {
    let receipt = Receipt::of(report, laws);
    match std::fs::read_to_string(path) {
        Ok(text) => {
            let old: Receipt =
                serde_json::from_str(&text).with_context(|| format!("{} is no receipt", path.display()))?;
            let mut differences: Vec<String> =
                old.check(plugin.bytes(), config, laws).iter().map(ToString::to_string).collect();
            if differences.is_empty() && old != receipt {
                differences.push(format!("the verdict is {:?} now", receipt.verdict));
            }
            if differences.is_empty() {
                notice(&args.output, &format!("receipt {} holds", path.display()));
                return Ok(());
            }
            let text = format!("receipt {} does not hold: {}", path.display(), differences.join("; "));
            Err(Fault::Receipt(text).into())
        }
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
            let text = serde_json::to_string_pretty(&receipt)? + "\n";
            std::fs::write(path, text).with_context(|| format!("cannot write {}", path.display()))?;
            notice(&args.output, &format!("receipt written to {}", path.display()));
            Ok(())
        }
        Err(error) => Err(error).with_context(|| format!("cannot read {}", path.display())),
    }
}

/// What is kept of a run over all configurations.
#[derive(Default)]
struct Collected {
    refused: Vec<VerifyReport>,
    counts: BTreeMap<String, usize>,
    /// Time of each configuration.
    times: Vec<(Duration, Config)>,
}

fn all_configs(args: &VerifyArgs, spec: &str, plugin: &Arc<ValidPlugin>, laws: &LawSet) -> Result<(bool, Value)> {
    let session = Session::new(plugin).map_err(|rejection| anyhow::anyhow!("{rejection}"))?;
    let matrix = Matrix::for_plugin(plugin);
    let threads = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
    let bar = progress(&args.output, "verifying");
    bar.set_length(matrix.configs().len() as u64);
    let mut collected = Collected::default();
    let tally = matrix.run(&session, laws, threads, |case: &Case| {
        bar.inc(1);
        if case.supported == Supported::Yes {
            let report = case.outcome.report();
            let timing = report.timing;
            collected.times.push((timing.lift + timing.safety + timing.laws, case.config));
            count_laws(&report, &mut collected.counts);
            if case.outcome.verified().is_none() && collected.refused.len() < REFUSED_SHOWN_MAX {
                collected.refused.push(named(report, spec));
            }
        }
        true
    });
    bar.finish_and_clear();
    collected.times.sort_unstable_by_key(|(time, _)| *time);
    if matches!(args.output.format(), Format::Text | Format::Csv) {
        print_tally(args, spec, &tally, &collected)?;
    }
    let ms = |at: f64| quantile(&collected.times, at).map(|(time, _)| time.as_secs_f64() * 1e3);
    let json = json!({
        "plugin": spec,
        "sha256": plugin.sha256_hex(),
        "verdict": if tally.passes() { "verified" } else { "refuted" },
        "configurations": {
            "verified": tally.verified,
            "refused": tally.refused,
            "unsupported": tally.unsupported,
        },
        "laws": collected.counts,
        "ms": { "p50": ms(0.5), "p99": ms(0.99), "max": ms(1.0) },
        "refused": serde_json::to_value(&collected.refused)?,
    });
    Ok((tally.passes(), json))
}

fn quantile(times: &[(Duration, Config)], at: f64) -> Option<&(Duration, Config)> {
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "an index below the length")]
    let index = ((times.len().checked_sub(1)? as f64) * at).round() as usize;
    times.get(index)
}

fn print_tally(args: &VerifyArgs, spec: &str, tally: &Tally, collected: &Collected) -> std::io::Result<()> {
    for report in &collected.refused {
        print_errors(args, report)?;
    }
    let mut out = stdout();
    let verdict = if tally.passes() { "VERIFIED" } else { "REFUSED" };
    let Tally { verified, refused, unsupported } = tally;
    writeln!(
        out,
        "{verdict} {spec}: {verified} configurations verified, {refused} refused, {unsupported} unsupported"
    )?;
    writeln!(out, "  laws: {}", shown_counts(&collected.counts))?;
    let quantiles = [0.5, 0.99, 1.0].map(|at| quantile(&collected.times, at));
    if let [Some((p50, _)), Some((p99, _)), Some((max, slowest))] = quantiles {
        let ms = |time: &Duration| time.as_secs_f64() * 1e3;
        let (p50, p99, max, slowest) = (ms(p50), ms(p99), ms(max), describe(slowest));
        writeln!(out, "  a configuration takes {p50:.1} ms (p50), {p99:.1} ms (p99), {max:.1} ms at most ({slowest})")?;
    }
    out.flush()
}

fn print_documents(args: &VerifyArgs, mut reports: Vec<Value>) -> Result<()> {
    let format = args.output.format();
    match format {
        Format::Text | Format::Csv => {}
        Format::Jsonl => {
            for report in reports {
                print_json(&document(report), format)?;
            }
        }
        // One plugin is one document, as most callers have it.
        Format::Json if reports.len() == 1 => {
            if let Some(report) = reports.pop() {
                print_json(&document(report), format)?;
            }
        }
        Format::Json => print_json(&document(json!({ "plugins": reports })), format)?,
    }
    Ok(())
}
