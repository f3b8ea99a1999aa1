//! `ptwalk extract`: the tables of an image alone.

use std::io::Write;
use std::path::Path;

use anyhow::Result;
use ptwalk::engine::{Queries, Wanted};
use ptwalk::extract::Found;
use ptwalk::image::Image;
use ptwalk::image::ptimg::{TableInfo, Writer, settings};
use ptwalk::plugin::EMBEDDED;
use ptwalk::probe::Probe;
use ptwalk::zone::file;
use serde_json::json;

use super::args::{ExtractArgs, Format};
use super::dump::describe;
use super::exit::{Answer, Fault};
use super::interrupt;
use super::output::{document, hex, notice, print_json, progress, progress_bytes, size, stdout};
use super::session::Session;

pub fn run(args: &ExtractArgs) -> Result<Answer> {
    let zone = args.pgmap.as_deref().map(file::read).transpose()?;
    let session = Session::open(&args.image, &args.tables, &args.output)?;
    let image = &session.image;
    if session.roots.iter().all(|root| image.word(root.pa).is_none()) {
        let roots: Vec<String> = session.roots.iter().map(|root| root.pa.to_string()).collect();
        let text =
            format!("root {}: not in the image, which has no tables of it: name another with --root", roots.join(", "));
        return Err(Fault::Ambiguous(text).into());
    }
    let info = TableInfo {
        arch: arch(args, image)?,
        settings: settings(session.plugin.config()),
        roots: session.roots.iter().map(|root| (root.pa, root.half)).collect(),
        zone: zone.unwrap_or_else(|| image.zone()),
        provenance: provenance(image),
        vmcoreinfo: image.vmcoreinfo().map(|info| info.text().to_owned()).unwrap_or_default(),
    };
    let writer = Writer::create(&args.out, args.force)?;
    let mut engine = session.engine(Queries::walk(&session.geometry, &Wanted::ALL))?;
    interrupt::watch()?;
    let bar = progress(&args.output, "looking for tables");
    let found = Found::walk(&mut engine, image, &session.geometry, &session.roots, &mut || {
        bar.inc(1);
        interrupt::flow()
    })?;
    bar.finish_and_clear();
    let bar = progress_bytes(&args.output, "writing tables");
    let (table_bytes, file_bytes) = found.write(image, &info, writer, &mut |done, total| {
        bar.set_length(total);
        bar.set_position(done);
        interrupt::flow()
    })?;
    bar.finish_and_clear();
    print(args, &info, &found, table_bytes, file_bytes)?;
    if let Some((problem, count)) = &found.incomplete {
        let more = if *count > 1 { format!(", and {} more", count - 1) } else { String::new() };
        notice(&args.output, &format!("not all of it: {}{more}", describe(problem)));
    }
    Ok(Answer::new(found.incomplete.is_none()))
}

/// The name of the plugin that the tables were walked with: an embedded one's, or that of a file without its ending.
fn arch(args: &ExtractArgs, image: &Image) -> Result<String> {
    let probe = Probe::new(image);
    let Some(spec) = &args.tables.plugin.plugin else {
        let found = probe.arch.map(|(name, _)| name.to_owned());
        return found.ok_or_else(|| Fault::Ambiguous("the image does not say its architecture".to_owned()).into());
    };
    if EMBEDDED.iter().any(|plugin| plugin.name == spec) {
        return Ok(spec.clone());
    }
    let stem = Path::new(spec).file_stem().and_then(|stem| stem.to_str()).filter(|stem| !stem.is_empty());
    stem.map(str::to_owned).ok_or_else(|| Fault::Usage(format!("--plugin {spec}: the file has no name to keep")).into())
}

fn provenance(image: &Image) -> String {
    let (version, name, format) = (env!("CARGO_PKG_VERSION"), image.name(), image.format());
    let before = image.tables().map_or(String::new(), |info| format!("\n{}", info.provenance));
    format!("ptwalk {version} extract from {name:?} ({format}){before}")
}

fn print(args: &ExtractArgs, info: &TableInfo, found: &Found, table_bytes: u64, file_bytes: u64) -> Result<()> {
    let tables = found.tables();
    match args.output.format() {
        Format::Text => {
            let mut out = stdout();
            let (table_size, file_size) = (size(table_bytes.into()), size(file_bytes.into()));
            writeln!(out, "{}: {file_size}, {tables} tables in {table_size}", args.out.display())?;
            for (pa, half) in &info.roots {
                writeln!(out, "root {pa} ({half} half)")?;
            }
            out.flush()?;
        }
        Format::Csv => {
            let mut out = stdout();
            writeln!(out, "tables,table_bytes,file_bytes\n{tables},{table_bytes},{file_bytes}")?;
            out.flush()?;
        }
        format @ (Format::Json | Format::Jsonl) => {
            let roots: Vec<_> =
                info.roots.iter().map(|(pa, half)| json!({ "pa": hex(pa.0), "half": half.name() })).collect();
            let reason = found.incomplete.map(|(problem, _)| problem.kind.reason());
            let mut fields = json!({
                "image": args.out.display().to_string(),
                "complete": reason.is_none(),
                "arch": info.arch,
                "roots": roots,
                "tables": tables,
                "table_bytes": table_bytes,
                "file_bytes": file_bytes,
            });
            if let Some(reason) = reason {
                fields["reason"] = reason.into();
            }
            print_json(&document(fields), format)?;
        }
    }
    Ok(())
}
