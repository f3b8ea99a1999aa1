//! `ptwalk gen`: synthetic table images from a seed.

use std::io::Write;

use anyhow::Result;
use ptwalk::engine::{Fused, Queries, Wanted};
use ptwalk::image::ptimg::Writer;
use ptwalk::plugin;
use ptwalk::synth::{self, Counts, Machine, Params, Ppm, Summary};
use ptwalk_abi::{Config, Level};
use serde_json::{Value, json};

use super::args::{Format, GenArgs};
use super::exit::Answer;
use super::interrupt;
use super::output::{document, hex, pgmap_json, print_json, progress_bytes, size, stdout};

pub fn run(args: &GenArgs) -> Result<Answer> {
    let plugin = plugin::load(&args.arch)?;
    let config = args.config.apply(Config::DEFAULT);
    let verified = plugin::admit(&args.arch, &plugin, &config)?;
    let geometry = *verified.geometry();
    let params = args.params(1 << geometry.page_shift());
    let mut engine = Fused::new(&verified, Queries::walk(&geometry, &Wanted::ALL))?;
    let mut machine = Machine { arch: &args.arch, config: &config, geometry: &geometry, engine: &mut engine };
    interrupt::watch()?;
    let bar = progress_bytes(&args.output, "writing tables");
    let writer = Writer::create(&args.out, args.force)?;
    let summary = synth::generate(&mut machine, &params, provenance(args, &params), writer, &mut |done, total| {
        bar.set_length(total);
        bar.set_position(done);
        interrupt::flow()
    })?;
    bar.finish_and_clear();
    print(args, &params, &summary)?;
    Ok(Answer::Yes)
}

/// The parameters as the arguments that give them.
fn provenance(args: &GenArgs, params: &Params) -> String {
    let list = |items: Vec<String>| items.join(",");
    let pages =
        list(params.pages.iter().map(|(bytes, weight)| format!("{}:{weight}", size((*bytes).into()))).collect());
    let perms = list(params.perms.iter().map(|(perm, weight)| format!("{}:{weight}", perm.name())).collect());
    let fraction = |Ppm(ppm)| format!("{}.{:06}", ppm / Ppm::ONE, ppm % Ppm::ONE);
    let (holes, devmap, shared) = (fraction(params.holes), fraction(params.devmap), fraction(params.shared));
    let mapped = size(params.mapped.into());
    let scatter = if params.scatter { " --scatter" } else { "" };
    let hostile = params.hostile.map_or(String::new(), |kind| format!(" --hostile {}", kind.name()));
    format!(
        "ptwalk {} gen --arch {} --mapped {mapped} --pages {pages} --holes {holes} --devmap {devmap} --perms {perms} \
         --run {} --shared {shared}{scatter}{hostile} --seed {}",
        env!("CARGO_PKG_VERSION"),
        args.arch,
        params.run,
        params.seed
    )
}

fn print(args: &GenArgs, params: &Params, summary: &Summary) -> Result<()> {
    match args.output.format() {
        Format::Text => {
            let mut out = stdout();
            let (tables, file) = (size(summary.table_bytes.into()), size(summary.file_bytes.into()));
            writeln!(out, "{}: {file}, {tables} of tables, seed {}", args.out.display(), params.seed)?;
            writeln!(out, "root {} (lower half)", summary.root)?;
            for (level, tables, counts) in &summary.levels {
                let Counts { leaves, holes, tables: below } = counts;
                writeln!(out, "{level}: {tables} tables: {leaves} leaves, {below} table descriptors, {holes} holes")?;
            }
            out.flush()?;
        }
        Format::Csv => {
            let mut out = stdout();
            writeln!(out, "level,tables,leaves,table_descriptors,holes")?;
            for (level, tables, counts) in &summary.levels {
                writeln!(out, "{level},{tables},{},{},{}", counts.leaves, counts.tables, counts.holes)?;
            }
            out.flush()?;
        }
        format @ (Format::Json | Format::Jsonl) => print_json(&document(json_of(args, params, summary)), format)?,
    }
    Ok(())
}

fn json_of(args: &GenArgs, params: &Params, summary: &Summary) -> Value {
    let level = |(level, tables, counts): &(Level, u64, Counts)| {
        let Counts { leaves, holes, tables: below } = counts;
        json!({ "level": level.name(), "tables": tables, "leaves": leaves, "table_descriptors": below, "holes": holes })
    };
    let pgmaps = summary.zone.pgmaps().map(|(_, pgmap)| pgmap_json(pgmap));
    json!({
        "image": args.out.display().to_string(),
        "arch": args.arch,
        "seed": params.seed.to_string(),
        "root": hex(summary.root.0),
        "half": "lower",
        "table_bytes": summary.table_bytes,
        "file_bytes": summary.file_bytes,
        "levels": summary.levels.iter().map(level).collect::<Vec<_>>(),
        "pgmaps": pgmaps.collect::<Vec<_>>(),
    })
}
