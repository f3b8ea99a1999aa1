//! `ptwalk fuzz`: a plugin against what is claimed of it, or ptwalk against what it claims.

use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use anyhow::{Context as _, Result, anyhow};
use ptwalk::fuzz::minimise::Kind;
use ptwalk::fuzz::{
    Budget, Campaign, Context, Entry, Finding, PLUGIN, PROPERTIES, Random, Subject, Tally, checked, property, run,
};
use ptwalk::plugin;
use ptwalk_abi::Config;
use ptwalk_verifier::validate::ValidPlugin;
use serde_json::{Value, json};

use super::args::{Format, FuzzArgs};
use super::exit::{Answer, Fault, is_closed_pipe};
use super::interrupt;
use super::output::{csv_field, document, notice, print_json, stdout};
use super::verify::laws;

/// What one property came to.
struct Row {
    entry: &'static Entry,
    campaign: Campaign,
    /// Where the input of its finding is.
    file: Option<Result<PathBuf>>,
}

pub fn run_fuzz(args: &FuzzArgs) -> Result<Answer> {
    if args.list {
        return list(args);
    }
    let context = context(args)?;
    let entries = entries(args)?;
    if let Some(folder) = &args.save {
        return save(args, &entries, &context, folder);
    }
    if let Some(path) = &args.replay {
        return replay(args, &entries, &context, path);
    }
    if args.runs == Some(0) {
        return Err(Fault::Usage("--runs 0: nothing would be checked".to_owned()).into());
    }
    writable(&args.out)?;
    interrupt::watch()?;
    let clock = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |age| age.subsec_nanos().into());
    let seed = args.seed.unwrap_or(clock);
    let share = Duration::from_secs(args.seconds) / u32::try_from(entries.len().max(1))?;
    notice(&args.output, &format!("seed {seed}, {:.1} s each, {} jobs", share.as_secs_f64(), args.jobs));
    let count = entries.len();
    let mut rows = Vec::new();
    for entry in entries {
        let budget = Budget { time: share, inputs: args.runs, seed, jobs: args.jobs, stop: Some(interrupt::flag()) };
        let mut watch = |tally: &Tally, elapsed: Duration| progress(args, entry, tally, elapsed);
        let campaign = run(entry, &context, budget, &mut watch).map_err(|error| anyhow!("{}: {error}", entry.name))?;
        let file = campaign.finding.as_ref().map(|finding| store(args, entry, finding));
        rows.push(Row { entry, campaign, file });
        if interrupt::is_asked() {
            break;
        }
    }
    let found = rows.iter().any(|row| row.campaign.finding.is_some());
    let printed = print(args, seed, &rows);
    // Whoever read had enough, and what was found is found.
    if found && printed.as_ref().is_err_and(is_closed_pipe) {
        return Ok(Answer::No);
    }
    printed?;
    let begun = rows.len();
    rows.into_iter().filter_map(|row| row.file).try_for_each(|file| file.map(drop))?;
    if interrupt::is_asked() {
        notice(&args.output, &format!("interrupted: {begun} of {count} properties were begun"));
        return Ok(Answer::Interrupted);
    }
    Ok(Answer::new(!found))
}

/// What was done, in the form that was asked for.
fn print(args: &FuzzArgs, seed: u64, rows: &[Row]) -> Result<()> {
    match args.output.format() {
        Format::Text => print_text(rows),
        Format::Csv => print_csv(rows),
        format @ (Format::Json | Format::Jsonl) => {
            let properties: Vec<Value> = rows.iter().map(json_of).collect();
            let mut fields = json!({ "seed": seed, "jobs": args.jobs, "properties": properties });
            fields["complete"] = (!interrupt::is_asked()).into();
            if interrupt::is_asked() {
                fields["reason"] = "interrupted".into();
            }
            Ok(print_json(&document(fields), format)?)
        }
    }
}

/// Makes the folder for findings, and tries whether a file can be written there: later would be too late.
fn writable(folder: &Path) -> Result<()> {
    let tried = std::fs::create_dir_all(folder).and_then(|()| tempfile::tempfile_in(folder));
    tried.map(drop).with_context(|| format!("--out: no file can be written into {}", folder.display()))
}

fn context(args: &FuzzArgs) -> Result<Context> {
    let mut context = Context::with_folders(&args.corpus).context("the corpus")?;
    if args.plugin.is_none() && (args.against.is_some() || args.laws.is_some()) {
        let text = "--against and --laws are about a plugin: name it, as in `ptwalk fuzz mine.wat --laws mine.laws`";
        return Err(Fault::Usage(text.to_owned()).into());
    }
    if args.plugin.is_none() && (!args.config.config.is_empty() || args.config.kernel.is_some()) {
        let text = "--config and --kernel are about a plugin: properties draw their own configurations";
        return Err(Fault::Usage(text.to_owned()).into());
    }
    if let Some(spec) = &args.plugin {
        let against = args.against.as_deref().map(plugin::load).transpose()?;
        let config = args.config.apply(Config::DEFAULT);
        let laws = laws(args.laws.as_deref())?;
        if let Some(error) = laws.errors().first() {
            return Err(Fault::Usage(format!("law file {error}")).into());
        }
        let plugin = plugin::load(spec)?;
        if plugin.exports().is_empty() {
            return Err(Fault::Usage(format!("{spec} exports no helper: there is nothing to fuzz")).into());
        }
        let shared =
            |other: &Arc<ValidPlugin>| plugin.exports().keys().any(|helper| other.exports().contains_key(helper));
        if against.as_ref().is_some_and(|other| !shared(other)) {
            return Err(Fault::Usage(format!("--against: it has no helper in common with {spec}")).into());
        }
        let subject = Subject::new(plugin.clone(), against.clone(), config, laws);
        let subject = subject.map_err(|rejection| anyhow!("{rejection}"))?;
        tell_what_is_left_out(args, &subject, &plugin, against.as_deref());
        context.subject = Some(subject);
    }
    Ok(context)
}

/// Says on stderr what of a plugin is not fuzzed.
fn tell_what_is_left_out(args: &FuzzArgs, subject: &Subject, plugin: &ValidPlugin, against: Option<&ValidPlugin>) {
    if subject.is_refused() {
        let text = "the verifier refuses the plugin (`ptwalk verify` says why): its counterexamples come first, and the engines \
                    that need a proof, fused and sandbox, are left out";
        notice(&args.output, text);
    }
    let Some(other) = against else { return };
    let lacks = |a: &ValidPlugin, b: &ValidPlugin| -> Vec<&'static str> {
        a.exports().keys().filter(|helper| !b.exports().contains_key(helper)).map(|helper| helper.name()).collect()
    };
    for (which, names) in [("plugin", lacks(plugin, other)), ("--against", lacks(other, plugin))] {
        if !names.is_empty() {
            notice(&args.output, &format!("not compared, because only the {which} exports it: {}", names.join(", ")));
        }
    }
}

fn entries(args: &FuzzArgs) -> Result<Vec<&'static Entry>> {
    if args.plugin.is_some() {
        return Ok(vec![&PLUGIN]);
    }
    if args.property.is_empty() {
        return Ok(PROPERTIES.iter().collect());
    }
    let named = args.property.iter().map(|name| {
        let text = || {
            if name == PLUGIN.name {
                return format!("the property {name} is about a plugin: name it, as in `ptwalk fuzz mine.wat`");
            }
            format!("no property {name} (ptwalk fuzz --list)")
        };
        property(name).ok_or_else(|| Fault::Usage(text()).into())
    });
    named.collect()
}

fn list(args: &FuzzArgs) -> Result<Answer> {
    let rows = PROPERTIES.iter().chain([&PLUGIN]);
    match args.output.format() {
        Format::Text | Format::Csv => {
            let mut out = stdout();
            for entry in rows {
                writeln!(out, "{:13} {}", entry.name, entry.about)?;
            }
            out.flush()?;
        }
        format @ (Format::Json | Format::Jsonl) => {
            let rows: Vec<Value> = rows.map(|entry| json!({ "name": entry.name, "about": entry.about })).collect();
            print_json(&document(json!({ "properties": rows })), format)?;
        }
    }
    Ok(Answer::Yes)
}

/// Writes inputs instead of checking them.
fn save(args: &FuzzArgs, entries: &[&'static Entry], context: &Context, folder: &Path) -> Result<Answer> {
    std::fs::create_dir_all(folder).with_context(|| format!("cannot make {}", folder.display()))?;
    let write = |name: String, input: &[u8]| {
        let path = folder.join(name);
        std::fs::write(&path, input).with_context(|| format!("cannot write {}", path.display()))
    };
    for entry in entries {
        let mut property = (entry.make)(context).map_err(|error| anyhow!("{}: {error}", entry.name))?;
        if entry.kind == Kind::Module {
            for (number, module) in context.modules.iter().enumerate() {
                write(format!("{}-corpus-{number}", entry.name), module)?;
            }
        }
        let seed = args.seed.unwrap_or(0);
        for number in 0..args.runs.unwrap_or(0) {
            let input = property.generate(&mut Random::new(seed.wrapping_add(number)));
            write(format!("{}-{number}", entry.name), &input)?;
        }
    }
    Ok(Answer::Yes)
}

/// Checks a stored input again.
fn replay(args: &FuzzArgs, entries: &[&'static Entry], context: &Context, path: &Path) -> Result<Answer> {
    let &[entry] = entries else {
        return Err(Fault::Usage("--replay needs a plugin or one --property".to_owned()).into());
    };
    let input = std::fs::read(path).with_context(|| format!("cannot read {}", path.display()))?;
    let mut property = (entry.make)(context).map_err(|error| anyhow!("{}: {error}", entry.name))?;
    let verdict = checked(property.as_mut(), &input, &mut Tally::default());
    match args.output.format() {
        Format::Text | Format::Csv => {
            let mut out = stdout();
            writeln!(out, "{}: {}", entry.name, verdict.as_ref().err().map_or("holds", String::as_str))?;
            out.flush()?;
        }
        format @ (Format::Json | Format::Jsonl) => {
            print_json(&document(json!({ "property": entry.name, "finding": verdict.as_ref().err() })), format)?;
        }
    }
    Ok(Answer::new(verdict.is_ok()))
}

fn store(args: &FuzzArgs, entry: &Entry, finding: &Finding) -> Result<PathBuf> {
    let path = args.out.join(format!("{}-{:x}.{}", entry.name, finding.seed, entry.kind.extension()));
    std::fs::write(&path, &finding.input).with_context(|| format!("cannot write {}", path.display()))?;
    Ok(path)
}

fn progress(args: &FuzzArgs, entry: &Entry, tally: &Tally, elapsed: Duration) {
    let text = format!("{}: {:.0} s, {}", entry.name, elapsed.as_secs_f64(), summary(tally, elapsed));
    notice(&args.output, &text);
}

/// Speeds, acceptance and coverage, in a line.
fn summary(tally: &Tally, elapsed: Duration) -> String {
    let seconds = elapsed.as_secs_f64().max(1e-3);
    format!(
        "{} inputs ({:.0}/s), {} executions ({:.0}/s), {:.0} % accepted, {} helpers",
        tally.inputs,
        tally.inputs as f64 / seconds,
        tally.executions,
        tally.executions as f64 / seconds,
        100.0 * tally.acceptance(),
        tally.helpers.len()
    )
}

fn print_text(rows: &[Row]) -> Result<()> {
    let mut out = stdout();
    for Row { entry, campaign, file } in rows {
        writeln!(out, "{:13} {}", entry.name, summary(&campaign.tally, campaign.elapsed))?;
        let Some(finding) = &campaign.finding else { continue };
        writeln!(out, "  FOUND {}", finding.what)?;
        let (now, was) = (finding.input.len(), finding.generated_bytes);
        writeln!(out, "  with --seed {} --runs 1, made {now} bytes of {was}", finding.seed)?;
        if let Some(Ok(file)) = file {
            writeln!(out, "  input {}", file.display())?;
        }
    }
    let found = rows.iter().filter(|row| row.campaign.finding.is_some()).count();
    let found = if found == 0 { "nothing".to_owned() } else { found.to_string() };
    writeln!(out, "{found} found{}", if interrupt::is_asked() { " until it was interrupted" } else { "" })?;
    Ok(out.flush()?)
}

fn print_csv(rows: &[Row]) -> Result<()> {
    let mut out = stdout();
    writeln!(out, "property,inputs,judged,accepted,executions,seconds,helpers,finding")?;
    for Row { entry, campaign, .. } in rows {
        let Campaign { tally, elapsed, finding } = campaign;
        let what = finding.as_ref().map_or("", |finding| &finding.what);
        writeln!(
            out,
            "{},{},{},{},{},{:.3},{},{}",
            entry.name,
            tally.inputs,
            tally.judged,
            tally.accepted,
            tally.executions,
            elapsed.as_secs_f64(),
            tally.helpers.len(),
            csv_field(what)
        )?;
    }
    Ok(out.flush()?)
}

fn json_of(row: &Row) -> Value {
    let Row { entry, campaign, file } = row;
    let Campaign { tally, elapsed, finding } = campaign;
    let seconds = elapsed.as_secs_f64();
    let finding = finding.as_ref().map(|finding| {
        json!({
            "what": finding.what,
            "seed": finding.seed.to_string(),
            "bytes": finding.input.len(),
            "generated_bytes": finding.generated_bytes,
            "file": file.as_ref().and_then(|file| file.as_ref().ok()).map(|file| file.display().to_string()),
        })
    });
    json!({
        "name": entry.name,
        "inputs": tally.inputs,
        "judged": tally.judged,
        "accepted": tally.accepted,
        "executions": tally.executions,
        "seconds": seconds,
        "executions_per_s": tally.executions as f64 / seconds.max(1e-3),
        "helpers": tally.helpers.iter().map(|helper| helper.name()).collect::<Vec<_>>(),
        "counts": tally.counts,
        "finding": finding,
    })
}
