//! `ptwalk probe`: what an image says about itself.

use std::io::Write;

use anyhow::Result;
use ptwalk::audit::epoch::{self, Doubt};
use ptwalk::engine::fused::Kernels;
use ptwalk::engine::{Admitted, Choice};
use ptwalk::image::Image;
use ptwalk::plugin;
use ptwalk::probe::{CandidateRoot, Decoy, Finding, Probe, Unknown};
use ptwalk::walk::TableSet;
use ptwalk_abi::{Extern, Half, KVersion};
use serde_json::{Value, json};

use super::args::{Format, ProbeArgs};
use super::exit::Answer;
use super::output::{csv_field, document, hex, notice, print_json, stdout};

pub fn run(args: &ProbeArgs) -> Result<Answer> {
    let image = super::session::open(&args.image)?;
    let probe = Probe::new(&image);
    let doubts = doubts(&image, &probe).unwrap_or_else(|why| {
        notice(&args.output, &format!("entries are not audited: {why:#}"));
        Vec::new()
    });
    match args.output.format() {
        Format::Text => print_text(&probe, &doubts)?,
        Format::Csv => print_csv(&probe, &doubts)?,
        format @ (Format::Json | Format::Jsonl) => print_json(&document(json_of(&probe, &doubts)), format)?,
    }
    Ok(Answer::new(!probe.roots.is_empty()))
}

/// What in user address spaces is not of the kernel version that was found or assumed.
fn doubts(image: &Image, probe: &Probe) -> Result<Vec<Doubt>> {
    let users = probe.usable_roots().into_iter().filter(|root| root.half == Half::Lower).collect::<Vec<_>>();
    let embedded = |name: &str| plugin::EMBEDDED.iter().any(|plugin| plugin.name == name);
    let Some((name, _)) = probe.arch.as_ref().filter(|(name, _)| embedded(name) && !users.is_empty()) else {
        return Ok(Vec::new());
    };
    let plugin = Admitted::Verified(plugin::admit(name, &plugin::load(name)?, &probe.config())?);
    let geometry = plugin.geometry()?;
    let mut engine = plugin.prepare(epoch::queries(&geometry), Choice::Fused(Kernels::Best))?.start()?;
    let mut doubts = Vec::new();
    for root in users {
        let tables = TableSet { image, geometry: &geometry, root };
        if let Some(whole) = tables.whole() {
            doubts.extend(epoch::doubt(&mut engine, &tables, whole)?);
        }
    }
    Ok(doubts)
}

/// A value as people write it: versions as versions, the rest in decimal.
fn shown(finding: &Finding) -> String {
    match finding.key {
        Extern::LINUX_VERSION_CODE => KVersion::from_code(finding.value).to_string(),
        _ => finding.value.to_string(),
    }
}

fn print_text(probe: &Probe, doubts: &[Doubt]) -> std::io::Result<()> {
    let mut out = stdout();
    if let Some((arch, evidence)) = &probe.arch {
        writeln!(out, "architecture {arch}  ({evidence})")?;
    }
    for finding in &probe.findings {
        writeln!(out, "{} {}  ({})", finding.key, shown(finding), finding.evidence)?;
    }
    for candidate in &probe.roots {
        let (root, evidence) = (candidate.root, &candidate.evidence);
        let held = if candidate.held { "" } else { "; the image does not hold it" };
        writeln!(out, "root {} ({} half) {}  ({evidence}{held})", root.pa, root.half, candidate.name)?;
    }
    for Decoy { pa, name, evidence } in &probe.decoys {
        writeln!(out, "no root: {pa} is {name}  ({evidence})")?;
    }
    for Unknown { what, flag } in &probe.unknowns {
        writeln!(out, "unknown: {what}  (say it with {flag})")?;
    }
    for doubt in doubts {
        writeln!(out, "doubt: {doubt}  (say it with --kernel)")?;
    }
    out.flush()
}

fn print_csv(probe: &Probe, doubts: &[Doubt]) -> std::io::Result<()> {
    let mut out = stdout();
    writeln!(out, "kind,name,value,evidence")?;
    let mut line = |fields: [&str; 4]| writeln!(out, "{}", fields.map(csv_field).join(","));
    if let Some((arch, evidence)) = &probe.arch {
        line(["architecture", "", arch, evidence])?;
    }
    for finding in &probe.findings {
        line(["config", finding.key.name(), &finding.value.to_string(), &finding.evidence])?;
    }
    for CandidateRoot { root, name, evidence, .. } in &probe.roots {
        line(["root", &format!("{name} ({} half)", root.half), &format!("{:#x}", root.pa.0), evidence])?;
    }
    for Decoy { pa, name, evidence } in &probe.decoys {
        line(["no_root", name, &format!("{:#x}", pa.0), evidence])?;
    }
    for Unknown { what, flag } in &probe.unknowns {
        line(["unknown", what, "", flag])?;
    }
    for doubt in doubts {
        line(["doubt", &doubt.to_string(), "", "--kernel"])?;
    }
    out.flush()
}

fn json_of(probe: &Probe, doubts: &[Doubt]) -> Value {
    let findings: Vec<Value> = probe
        .findings
        .iter()
        .map(|f| json!({ "key": f.key.name(), "value": f.value, "shown": shown(f), "evidence": f.evidence }))
        .collect();
    let roots: Vec<Value> = probe
        .roots
        .iter()
        .map(|c| {
            let (pa, half) = (hex(c.root.pa.0), c.root.half.name());
            json!({ "pa": pa, "half": half, "name": c.name, "evidence": c.evidence, "held": c.held })
        })
        .collect();
    let decoys = probe.decoys.iter().map(|d| json!({ "pa": hex(d.pa.0), "name": d.name, "evidence": d.evidence }));
    let unknowns: Vec<Value> = probe.unknowns.iter().map(|u| json!({ "what": u.what, "flag": u.flag })).collect();
    json!({
        "arch": probe.arch.as_ref().map(|(arch, _)| arch),
        "release": probe.release,
        "config": findings,
        "roots": roots,
        "no_roots": decoys.collect::<Vec<_>>(),
        "unknown": unknowns,
        "doubts": doubts.iter().map(Doubt::to_string).collect::<Vec<_>>(),
    })
}
