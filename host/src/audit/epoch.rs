//! Whether the entries of an image are such as the modelled kernel writes.
//!
//! In: an engine, so a plugin for one kernel version, and tables. Out: a [`Doubt`] where entries show the hand of another
//! version. What is looked for: ptes that are device memory and not special, where the plugin's own `pte_mkdevmap` makes
//! both. x86_64 has kept the dirty state of read-only pages in bit 58 since v6.6, which before meant device memory; read by
//! the older rules every such page is taken for it. Not handled: other ways in which versions differ; silence proves
//! nothing.

use std::fmt;

use ptwalk_abi::{Geometry, Half, Helper, Level, VaRange, VirtAddr};

use crate::engine::{Engine, Facts, Queries, Wanted};
use crate::walk::filter::{Attr, Filter, Name};
use crate::walk::{Event, TableSet, WalkError, walk_map};

/// Entries that the modelled kernel would not have written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Doubt {
    /// How many.
    pub entries: u64,
    /// Where the first is mapped.
    pub va: VirtAddr,
    /// The first.
    pub raw: u64,
}

impl fmt::Display for Doubt {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Doubt { entries, va, raw } = self;
        write!(
            f,
            "{entries} ptes are device memory but not special, the first {raw:#018x} at {va}; pte_mkdevmap makes both, so \
             another kernel version wrote them (since v6.6 x86_64 keeps there that a read-only page is dirty)"
        )
    }
}

/// What an engine for [`doubt`] is asked.
pub fn queries(geometry: &Geometry) -> Queries {
    let is = |name| Box::new(Filter::Is(name));
    let unlike = Filter::And(is(Name::Attr(Attr::Devmap)), Box::new(Filter::Not(is(Name::Attr(Attr::Special)))));
    let leaves = Some(Filter::And(is(Name::Level(Level::Pte)), Box::new(unlike)));
    let shown = Facts::DEVMAP.or(Facts::SPECIAL);
    Queries::walk(geometry, &Wanted { leaves, half: Half::Lower, absent: false, shown })
}

/// Looks at every pte of `range`.
///
/// # Errors
/// [`WalkError`], when the plugin fails.
///
/// # Cost
/// A walk, whose filter is compiled into the scan.
pub fn doubt<E: Engine + ?Sized>(
    engine: &mut E,
    tables: &TableSet<'_>,
    range: VaRange,
) -> Result<Option<Doubt>, WalkError> {
    let mut made = 0;
    if engine.has(Helper::pte_mkdevmap) && engine.has(Helper::pte_special) {
        made = engine.call(Helper::pte_mkdevmap, [0, 0])?;
    }
    if made == 0 || engine.call(Helper::pte_special, [made, 0])? == 0 {
        return Ok(None);
    }
    let mut doubt: Option<Doubt> = None;
    walk_map(engine, tables, range, &mut |event, _| {
        if let Event::Mapping(mapping) = event {
            let first = Doubt { entries: 0, va: mapping.range.first, raw: mapping.at.raw };
            doubt.get_or_insert(first).entries += 1;
        }
        Ok(())
    })?;
    Ok(doubt)
}
