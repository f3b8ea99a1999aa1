//! Synthetic page tables from a seed.
//!
//! In: a plugin under a configuration, and [`Params`]. Out: a table image, written as it is made. Guaranteed: the same
//! program writes the same bytes for the same parameters; memory is a few tables, however many are written; entries are
//! those that the plugin's own makers give, and it reads them as they are meant ([`forms`]). Not handled: the upper half,
//! swapped pages.
//!
//! A table's words depend on its number alone, and its number on its place, so tables are written in the order of the
//! file, whatever order they have in the address space.

mod fill;
mod forms;
mod place;
mod prots;
mod shape;

#[cfg(test)]
mod tests;

use std::ops::ControlFlow;

use ptwalk_abi::{Config, Geometry, Half, Level, PhysAddr, Slot};
use thiserror::Error;

use crate::engine::{Engine, EngineError};
use crate::image::ptimg::{TableInfo, WriteError, Writer, settings};
use crate::zone::{DevPagemap, PgmapType, Zone, ZoneError};

pub use fill::Counts;
pub use prots::Perm;
pub use shape::Ppm;

use fill::{Class, Filler, LevelForms};
use forms::Teacher;
use place::{Place, Region, Wanted, mix};
use shape::{LevelShape, Shape, root_entries};

/// What the tables look like.
#[derive(Clone, Debug)]
pub struct Params {
    /// Bytes from address 0 on that leaves and holes cover.
    pub mapped: u64,
    /// Leaf sizes, and the weight of each: its share of the bytes covered.
    pub pages: Vec<(u64, u32)>,
    /// Part of the runs of leaves that are empty.
    pub holes: Ppm,
    /// Part of the other runs that map device memory.
    pub devmap: Ppm,
    /// Permissions of the others, and the weight of each.
    pub perms: Vec<(Perm, u32)>,
    /// Leaves of the longest run.
    pub run: u64,
    /// Part of the references to the lowest tables that lead to a table used elsewhere as well.
    pub shared: Ppm,
    /// Whether tables lie in an order that has nothing to do with their addresses.
    pub scatter: bool,
    /// What is wrong with the tables.
    pub hostile: Option<Hostile>,
    /// Seed.
    pub seed: u64,
}

/// What can be wrong with tables.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Hostile {
    /// A table leads back to the root.
    Cycle,
    /// The root's last entry leads to the root.
    SelfMap,
    /// Every eighth descriptor leads to where the image holds nothing.
    Outside,
    /// The highest 16 bits of every eighth entry are random.
    Reserved,
    /// The image lacks half of the lowest tables.
    Truncated,
    /// One table a level, to which every entry above leads.
    DeepSharing,
}

impl Hostile {
    /// Every kind.
    pub const ALL: [Hostile; 6] = [
        Hostile::Cycle,
        Hostile::SelfMap,
        Hostile::Outside,
        Hostile::Reserved,
        Hostile::Truncated,
        Hostile::DeepSharing,
    ];

    /// The name as the command line spells it.
    pub const fn name(self) -> &'static str {
        match self {
            Hostile::Cycle => "cycle",
            Hostile::SelfMap => "self-map",
            Hostile::Outside => "outside",
            Hostile::Reserved => "reserved",
            Hostile::Truncated => "truncated",
            Hostile::DeepSharing => "deep-sharing",
        }
    }
}

/// What was written.
#[derive(Clone, Debug)]
pub struct Summary {
    /// By level, the root's first: its name, its tables, and what their entries hold.
    pub levels: Vec<(Level, u64, Counts)>,
    /// The root table.
    pub root: PhysAddr,
    /// Bytes of frames written.
    pub table_bytes: u64,
    /// Size of the file.
    pub file_bytes: u64,
    /// Device ranges.
    pub zone: Zone,
}

/// Why tables were not made.
#[derive(Debug, Error)]
pub enum SynthError {
    /// An architecture whose protections are not known here.
    #[error("no tables can be made for `{0}`: its protections are not known")]
    Arch(String),
    /// A size that cannot be covered.
    #[error(
        "{bytes:#x} bytes cannot be mapped: a multiple of the smallest leaf, {smallest:#x}, up to address {max:#x} can"
    )]
    Size {
        /// Bytes wanted.
        bytes: u64,
        /// Bytes of the smallest leaf of the mix.
        smallest: u64,
        /// Last address of the half.
        max: u64,
    },
    /// A size that no leaf has.
    #[error("no leaf has {size:#x} bytes here: {} have", Sizes(sizes))]
    LeafSize {
        /// Bytes wanted.
        size: u64,
        /// What entries span, by level.
        sizes: Vec<u64>,
    },
    /// A mix without weight.
    #[error("all weights of a mix are 0")]
    Mix,
    /// Physical addresses have too few bits.
    #[error("physical addresses of {pa_bits} bits have no room for the tables and pages of {mapped:#x} bytes")]
    Room {
        /// Bits of a physical address.
        pa_bits: u32,
        /// Bytes to map.
        mapped: u64,
    },
    /// The plugin lacks a maker.
    #[error("the plugin cannot make a {what}: it has no `{helper}`")]
    NoHelper {
        /// What was to be made.
        what: String,
        /// The maker.
        helper: &'static str,
    },
    /// No kernel has a maker.
    #[error("no kernel has a helper that makes a {what}; leave that size out of --pages")]
    NoMaker {
        /// What was to be made.
        what: String,
    },
    /// Tables that this module does not make.
    #[error(
        "tables of ppc's hash MMU are not made, only those of its radix MMU: leave PPC_RADIX_MMU=0 out of --config"
    )]
    Hash,
    /// The plugin's maker does more than move bits.
    #[error("a {what} is no linear function of what it maps, as {argument:#x} shows")]
    NotLinear {
        /// What was made.
        what: String,
        /// The frame or address for which it is not.
        argument: u64,
    },
    /// The plugin does not read an entry as it was made.
    #[error("the plugin does not read {raw:#018x} as a {what}; the configuration may have none")]
    Misread {
        /// What it was made as.
        what: String,
        /// The entry.
        raw: u64,
    },
    /// The plugin failed.
    #[error(transparent)]
    Engine(#[from] EngineError),
    /// The file could not be written.
    #[error(transparent)]
    Write(#[from] WriteError),
    /// The device ranges do not fit: the machine's memory map is wrong.
    #[error(transparent)]
    Zone(#[from] ZoneError),
}

struct Sizes<'a>(&'a [u64]);

impl std::fmt::Display for Sizes<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let sizes: Vec<String> = self.0.iter().map(|size| format!("{size:#x}")).collect();
        f.write_str(&sizes.join(", "))
    }
}

/// An architecture under a configuration, and the engine that runs its plugin.
pub struct Machine<'a, E> {
    /// Name of the plugin.
    pub arch: &'a str,
    /// The configuration.
    pub config: &'a Config,
    /// The plugin's geometry.
    pub geometry: &'a Geometry,
    /// The engine.
    pub engine: &'a mut E,
}

/// Makes tables and writes them. `provenance` is kept in the file; `progress` is told the bytes written and to be
/// written now and then, and may end it.
///
/// # Errors
/// [`SynthError`]. Nothing is left behind then.
///
/// # Cost
/// A few nanoseconds an entry, and the disk's time.
pub fn generate<E: Engine>(
    machine: &mut Machine<'_, E>,
    params: &Params,
    provenance: String,
    mut writer: Writer,
    progress: &mut dyn FnMut(u64, u64) -> ControlFlow<()>,
) -> Result<Summary, SynthError> {
    let geometry = machine.geometry;
    let shape = match params.hostile {
        Some(Hostile::DeepSharing) => Shape::all_shared(geometry),
        _ => Shape::new(geometry, params.mapped, &params.pages, params.shared)?,
    };
    let place = place_of(machine, params, &shape)?;
    let forms = forms_of(machine, params, &shape, &place)?;
    let filler = Filler {
        shape: &shape,
        place: &place,
        forms: &forms,
        page_shift: geometry.page_shift(),
        run: params.run,
        hostile: params.hostile,
        root_entries: root_entries(geometry),
        seed: mix(params.seed),
    };
    let mut counts = vec![Counts::default(); shape.levels().len()];
    let others = shape.tables() - 1;
    let kept = if params.hostile == Some(Hostile::Truncated) { others - shape.lowest_tables() / 2 } else { others };
    let mut frame = Frame::new(geometry.big_endian);
    let root_bytes = geometry.slots()[0].table_bytes().next_multiple_of(place.frame_bytes);
    let total = root_bytes + kept * place.frame_bytes;
    frame.write(&filler, 0, root_bytes, place.table(0), &mut counts, &mut writer)?;
    for position in 0..kept {
        let table = place.table_at(position);
        frame.write(&filler, table, place.frame_bytes, place.frame(position), &mut counts, &mut writer)?;
        if position % 1024 == 0 && progress(root_bytes + position * place.frame_bytes, total).is_break() {
            return Err(WriteError::Stopped.into());
        }
    }
    let zone = zone_of(params, &place)?;
    let root = place.table(0);
    let info = TableInfo {
        arch: machine.arch.to_owned(),
        settings: settings(machine.config),
        roots: vec![(root, Half::Lower)],
        zone: zone.clone(),
        provenance,
        vmcoreinfo: String::new(),
    };
    let file_bytes = writer.finish(&info)?;
    let levels = shape.levels().iter().zip(counts).enumerate();
    let levels = levels.map(|(depth, (level, counts))| (level.slot.shown_level(depth == 0), level.tables, counts));
    Ok(Summary { levels: levels.collect(), root, table_bytes: total, file_bytes, zone })
}

/// A table being filled, as words and as bytes.
struct Frame {
    big_endian: bool,
    words: Vec<u64>,
    bytes: Vec<u8>,
}

impl Frame {
    fn new(big_endian: bool) -> Frame {
        Frame { big_endian, words: Vec::new(), bytes: Vec::new() }
    }

    /// Fills a table, and writes it in a frame of `bytes` bytes at `pa`.
    fn write(
        &mut self,
        filler: &Filler<'_>,
        table: u64,
        bytes: u64,
        pa: PhysAddr,
        counts: &mut [Counts],
        writer: &mut Writer,
    ) -> Result<(), WriteError> {
        let (depth, _) = filler.shape.find(table);
        let entries = filler.shape.levels().get(depth).map_or(0, |level| level.slot.entries);
        self.words.clear();
        self.words.resize(entries as usize, 0);
        if let Some(counts) = counts.get_mut(depth) {
            filler.fill(table, &mut self.words, counts);
        }
        self.bytes.clear();
        let to_bytes = if self.big_endian { u64::to_be_bytes } else { u64::to_le_bytes };
        self.bytes.extend(self.words.iter().flat_map(|word| to_bytes(*word)));
        self.bytes.resize(usize::try_from(bytes).unwrap_or(usize::MAX), 0);
        writer.frame(pa, &self.bytes)
    }
}

fn place_of<E>(machine: &Machine<'_, E>, params: &Params, shape: &Shape) -> Result<Place, SynthError> {
    let slots = machine.geometry.slots();
    let table_bytes = |slots: &[Slot]| slots.iter().map(|slot| slot.table_bytes()).max();
    let frame_bytes = table_bytes(slots.get(1..).unwrap_or_default()).unwrap_or(slots[0].table_bytes());
    let leaf_bytes =
        shape.levels().iter().filter(|level| level.has_leaves()).map(|level| level.slot.span_bytes()).max();
    // What is cut off must not be what leads to all that is left.
    let truncated = params.hostile == Some(Hostile::Truncated);
    let wanted = Wanted {
        root_bytes: slots[0].table_bytes(),
        frame_bytes,
        tables: shape.tables(),
        in_order: if truncated { shape.tables() - shape.lowest_tables() } else { 1 },
        leaf_bytes: leaf_bytes.unwrap_or(1),
        mapped: params.mapped,
        pa_bits: prots::pa_bits(machine.config),
    };
    Place::new(&wanted, params.scatter.then_some(params.seed))
}

/// The entries of each level that the parameters ask for.
fn forms_of<E: Engine>(
    machine: &mut Machine<'_, E>,
    params: &Params,
    shape: &Shape,
    place: &Place,
) -> Result<Vec<LevelForms>, SynthError> {
    let prots = prots::find(machine.arch, machine.config)?;
    let (page_shift, pa_bits) = (machine.geometry.page_shift(), prots::pa_bits(machine.config));
    let mut teacher = Teacher { engine: machine.engine, config: machine.config, prots: &prots, page_shift, pa_bits };
    let slots = machine.geometry.slots();
    let of_level = |(depth, level): (usize, &LevelShape)| {
        let classes = if level.has_leaves() { classes(&mut teacher, params, place, level.slot)? } else { Vec::new() };
        let below = slots.get(depth + 1);
        let table = below.map(|below| teacher.table(level.slot, *below, place.frame_bytes)).transpose()?;
        Ok(LevelForms { classes, table })
    };
    shape.levels().iter().enumerate().map(of_level).collect()
}

/// What a run of leaves of a level can be: nothing, device memory, or memory with one of the permissions.
fn classes<E: Engine>(
    teacher: &mut Teacher<'_, E>,
    params: &Params,
    place: &Place,
    slot: Slot,
) -> Result<Vec<Class>, SynthError> {
    const WHOLE: u64 = 1 << 32;
    let part = |of: u64, ppm: Ppm| of * u64::from(ppm.0) / u64::from(Ppm::ONE);
    let holes = part(WHOLE, params.holes);
    let devices = part(WHOLE - holes, params.devmap);
    let mut classes = vec![Class { below: holes, leaf: None }];
    if devices > 0 {
        let form = teacher.leaf(slot, Perm::ReadWrite, true)?;
        classes.push(Class { below: holes + devices, leaf: Some((form, place.device)) });
    }
    let mut forms = Vec::new();
    let mut missing = SynthError::Mix;
    for (perm, weight) in params.perms.iter().filter(|(_, weight)| *weight > 0) {
        match teacher.leaf(slot, *perm, false) {
            Ok(form) => forms.push((form, u64::from(*weight))),
            // Not every kernel has large pages that are PROT_NONE: the others take their share.
            Err(error @ SynthError::Misread { .. }) if *perm == Perm::None && slot.level != Level::Pte => {
                missing = error
            }
            Err(error) => return Err(error),
        }
    }
    let weights: u64 = forms.iter().map(|(_, weight)| weight).sum();
    if weights == 0 {
        return Err(missing);
    }
    let mut weight_before = 0;
    for (form, weight) in forms {
        weight_before += weight;
        let below = holes + devices + (WHOLE - holes - devices) * weight_before / weights;
        classes.push(Class { below, leaf: Some((form, place.memory)) });
    }
    Ok(classes)
}

/// The device, if anything maps it: the first half of it is of one type, the second of another.
fn zone_of(params: &Params, place: &Place) -> Result<Zone, ZoneError> {
    let mut zone = Zone::default();
    if params.devmap.0 > 0 {
        let Region { start, bytes } = place.device;
        let middle = PhysAddr(start.0 + bytes / 2);
        let end = PhysAddr(start.0 + bytes);
        zone.register(DevPagemap { start, end: middle, kind: PgmapType::FsDax, live: true })?;
        zone.register(DevPagemap { start: middle, end, kind: PgmapType::DevDax, live: true })?;
    }
    Ok(zone)
}
