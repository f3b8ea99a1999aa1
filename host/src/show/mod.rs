//! Answers as the JSON interface writes them, and what its numbers look like.
//!
//! In: what walks and GUP come to. Out: JSON values, and with [`records`] bytes of whole dumps. Guaranteed: one form of
//! each key, whoever asks: the command line or the server. Not handled: documents around them.

pub mod records;

use ptwalk_abi::Level;
use serde_json::{Value, json};

use crate::gup::{PinnedPage, Stop};
use crate::walk::{End, Problem, Translation};
use crate::zone::Zone;

/// Identifies the JSON documents of this interface.
pub const SCHEMA: &str = "ptwalk/1";

/// A number as the JSON interface writes addresses, entries and frames: they exceed 2^53.
pub fn hex(value: u64) -> Value {
    Value::String(format!("{value:#x}"))
}

/// First address above a range, which may be 2^64.
pub fn hex_end(value: u128) -> Value {
    Value::String(format!("{value:#x}"))
}

/// A size as ptdump prints it: in the largest unit that divides it.
pub fn size(bytes: u128) -> String {
    let mut units = ["B", "K", "M", "G", "T", "P", "E"].iter();
    let mut unit = units.next();
    let mut rest = bytes;
    while rest != 0 && rest.is_multiple_of(1024) {
        let Some(next) = units.next() else { break };
        rest /= 1024;
        unit = Some(next);
    }
    format!("{rest}{}", unit.unwrap_or(&"B"))
}

/// One address, every level.
pub fn translation(walk: &Translation, page_shift: u32) -> Value {
    let trail: Vec<Value> = walk
        .trail
        .iter()
        .map(|passed| {
            json!({
                "level": passed.level.name(),
                "table": hex(passed.table.0),
                "index": passed.index,
                "entry": hex(passed.entry_pa().0),
                "raw": hex(passed.raw),
            })
        })
        .collect();
    match &walk.end {
        End::Mapped(mapping) => json!({
            "va": hex(walk.va.0),
            "mapped": true,
            "present": true,
            "level": mapping.level.name(),
            "size": mapping.leaf_bytes,
            "pa": hex(mapping.pa.0),
            "pfn": hex(mapping.pfn(page_shift).0),
            "raw": hex(mapping.at.raw),
            "attrs": mapping.attrs,
            "effective": mapping.effective,
            "trail": trail,
        }),
        End::Stopped { reason, level, raw, swap } => {
            let mut stop = json!({ "reason": reason, "level": level.map(Level::name), "raw": raw.map(hex) });
            if let Some((kind, offset)) = swap {
                stop["swap"] = json!({ "type": kind, "offset": offset });
            }
            json!({
                "va": hex(walk.va.0),
                "mapped": false,
                // A bad entry is present, and so is one that leads back to a table above it.
                "present": matches!(*reason, "bad" | "cycle"),
                "level": null,
                "size": null,
                "pa": null,
                "pfn": null,
                "raw": null,
                "attrs": null,
                "effective": null,
                "trail": trail,
                "stop": stop,
            })
        }
    }
}

/// What stands in a dump where mappings would, if there were not a problem.
pub fn problem(problem: &Problem) -> Value {
    json!({
        "problem": {
            "reason": problem.kind.reason(),
            "start": hex(problem.range.first.0),
            "end": hex_end(problem.range.end()),
            "level": problem.at.level.name(),
            "table": hex(problem.at.table.0),
            "index": problem.at.index,
            "raw": hex(problem.at.raw),
        },
    })
}

/// A page that was pinned.
pub fn gup_page(page: &PinnedPage, zone: &Zone) -> Value {
    json!({
        "va": hex(page.va.0),
        "pfn": hex(page.pfn.0),
        "level": page.level.name(),
        "devmap": page.pgmap.is_some(),
        "pgmap": page.pgmap.map(|id| zone.pgmap(id).kind.name()),
    })
}

/// Where and why GUP stopped.
pub fn gup_stop(stop: &Stop) -> Value {
    json!({
        "va": hex(stop.va.0),
        "level": stop.level.map(Level::name),
        "raw": stop.raw.map(hex),
        "reason": stop.reason.name(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_are_those_of_ptdump() {
        for (bytes, text) in [(0, "0B"), (1, "1B"), (4096, "4K"), (2112 << 10, "2112K"), (30 << 20, "30M")] {
            assert_eq!(size(bytes), text);
        }
        assert_eq!(size(1 << 64), "16E");
    }
}
