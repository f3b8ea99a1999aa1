//! `ptwalk info`: the physical map of an image.

use std::io::Write;

use anyhow::Result;
use ptwalk::image::Image;
use serde_json::{Value, json};

use super::args::{Format, InfoArgs};
use super::exit::Answer;
use super::output::{document, hex, pgmap_json, print_json, size, stdout};

pub fn run(args: &InfoArgs) -> Result<Answer> {
    let image = super::session::open(&args.image)?;
    match args.output.format() {
        Format::Text => print_text(&image)?,
        Format::Csv => print_csv(&image)?,
        format @ (Format::Json | Format::Jsonl) => print_json(&document(json_of(&image)), format)?,
    }
    Ok(Answer::Yes)
}

/// Bytes between a segment and the one before it.
fn gaps(image: &Image) -> impl Iterator<Item = u64> + '_ {
    let ends = image.segments().iter().map(|segment| segment.pa.0 + segment.len);
    let starts = image.segments().iter().skip(1).map(|segment| segment.pa.0);
    starts.zip(ends).map(|(start, end)| start - end)
}

fn print_text(image: &Image) -> std::io::Result<()> {
    let mut out = stdout();
    writeln!(out, "{}: {}, {}", image.name(), image.format(), size(u128::from(image.file_bytes())))?;
    let (held, count) = (size(u128::from(image.held_bytes())), image.segments().len());
    writeln!(out, "physical memory: {held} in {count} segments")?;
    let mut gaps = gaps(image);
    for segment in image.segments() {
        let (pa, end, bytes) = (segment.pa, segment.pa.0 + segment.len, size(u128::from(segment.len)));
        write!(out, "  {pa}-{end:#018x} {bytes:>7} at file offset {:#x}", segment.file_offset)?;
        match gaps.next() {
            Some(0) | None => writeln!(out)?,
            Some(gap) => writeln!(out, ", then a gap of {}", size(u128::from(gap)))?,
        }
    }
    if !image.notes().is_empty() {
        writeln!(out, "notes:")?;
    }
    for note in image.notes() {
        writeln!(
            out,
            "  {} type {:#x}, {} bytes at file offset {:#x}",
            note.owner, note.note_type, note.len, note.file_offset
        )?;
    }
    if let Some(info) = image.tables() {
        writeln!(out, "tables of {}: {}", info.arch, info.provenance)?;
        for (pa, half) in &info.roots {
            writeln!(out, "  root {pa} ({half} half)")?;
        }
        for (_, pgmap) in info.zone.pgmaps() {
            let live = if pgmap.live { "" } else { ", dead" };
            writeln!(out, "  device {}-{} {}{live}", pgmap.start, pgmap.end, pgmap.kind)?;
        }
    }
    if let Some(info) = image.vmcoreinfo() {
        writeln!(out, "VMCOREINFO:")?;
        for (key, value) in info.entries() {
            writeln!(out, "  {key}={value}")?;
        }
    }
    out.flush()
}

fn print_csv(image: &Image) -> std::io::Result<()> {
    let mut out = stdout();
    writeln!(out, "pa,end,bytes,file_offset")?;
    for segment in image.segments() {
        let (pa, len) = (segment.pa.0, segment.len);
        writeln!(out, "{pa:#x},{:#x},{len},{:#x}", pa + len, segment.file_offset)?;
    }
    out.flush()
}

fn json_of(image: &Image) -> Value {
    let segments: Vec<Value> = image
        .segments()
        .iter()
        .map(|segment| {
            json!({
                "pa": hex(segment.pa.0),
                "end": hex(segment.pa.0 + segment.len),
                "bytes": segment.len,
                "file_offset": hex(segment.file_offset),
            })
        })
        .collect();
    let notes: Vec<Value> = image
        .notes()
        .iter()
        .map(|note| json!({ "owner": note.owner, "type": note.note_type, "bytes": note.len, "file_offset": hex(note.file_offset) }))
        .collect();
    let vmcoreinfo = image.vmcoreinfo().map(|info| {
        let entries = info.entries().map(|(key, value)| (key.to_owned(), Value::String(value.to_owned())));
        Value::Object(entries.collect())
    });
    let tables = image.tables().map(|info| {
        let roots = info.roots.iter().map(|(pa, half)| json!({ "pa": hex(pa.0), "half": half.name() }));
        let pgmaps = info.zone.pgmaps().map(|(_, pgmap)| pgmap_json(pgmap));
        json!({
            "arch": info.arch,
            "provenance": info.provenance,
            "roots": roots.collect::<Vec<_>>(),
            "pgmaps": pgmaps.collect::<Vec<_>>(),
        })
    });
    json!({
        "image": image.name(),
        "format": image.format().to_string(),
        "file_bytes": image.file_bytes(),
        "held_bytes": image.held_bytes(),
        "segments": segments,
        "notes": notes,
        "vmcoreinfo": vmcoreinfo,
        "tables": tables,
    })
}
