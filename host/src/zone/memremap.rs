//! `memremap_pages`: what a kernel does with a range that a driver registers as device memory.
//!
//! In: a kernel, how it aligns, what is RAM, and registrations in order. Out: for each, what it came to ([`Registered`]),
//! or which check refused it with which error; and the [`Zone`] that lookups see. The checks are those of
//! kernel/memremap.c (v5.2) and mm/memremap.c (v5.3), in their order.
//!
//! Those checks have holes: two probes only, at the ends of the range; killed ranges do not count; v5.2 compares ends
//! that are aligned with ranges that are not. [`Holes::Strict`] refuses whatever meets an earlier range,
//! [`Holes::Kernel`] does as the kernel does.
//!
//! Not handled: what a driver may do wrong besides (percpu references, resources), `MAX_PHYSMEM_BITS`, several ranges in
//! one pgmap (v5.10 and later).

use std::fmt;

use ptwalk_abi::{KVersion, Pfn, PhysAddr};
use serde::Deserialize;

use super::config::{KOption, ZoneKernel};
use super::section::{Alignment, SUBSECTION_SHIFT, Span};
use super::{DevPagemap, PgmapId, PgmapType, TypeNumbering, Zone};
use crate::errno::Errno;

/// Whether the holes of the kernel's checks are closed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Holes {
    /// Whatever meets an earlier range is a conflict.
    #[default]
    Strict,
    /// As in the kernel.
    Kernel,
}

/// Frames at the start of a range that hold its own memory map (`struct vmem_altmap`).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Altmap {
    /// Frames that the driver keeps for itself.
    #[serde(default)]
    pub reserve: u64,
    /// Frames for the memory map.
    #[serde(default)]
    pub free: u64,
}

/// A range as a driver registers it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Registration {
    /// Range and type. Where it is not live, it is killed once it is registered.
    pub pgmap: DevPagemap,
    /// Where its memory map lies, if in itself.
    pub altmap: Option<Altmap>,
    /// The driver has a `page_free` operation.
    pub page_free: bool,
    /// The driver has a `migrate_to_ram` operation.
    pub migrate_to_ram: bool,
}

/// A range that was registered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Registered {
    /// Its index in the zone.
    pub id: PgmapId,
    /// The range.
    pub span: Span,
    /// The range as hot-add and the checks see it.
    pub seen: Span,
    /// The first frame with a `struct page` that is set up. Lookups succeed before it, too.
    pub first_pfn: Pfn,
    /// References that the pages hold on the pgmap, one each.
    pub page_refs: u64,
}

/// Why a range is not registered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refusal {
    /// It holds no byte.
    Empty,
    /// The kernel has no such type, so that no driver can ask.
    NoSuchType,
    /// ZONE_DEVICE is off: `devm_memremap_pages` is the stub of include/linux/memremap.h (v5.3), which warns and returns
    /// `-ENXIO`.
    NoZoneDevice,
    /// The type lacks an option.
    Option(KOption),
    /// FS_DAX, and FS_DAX_LIMITED is on.
    Limited,
    /// The type lacks an operation of the driver.
    Operation(&'static str),
    /// A live range is found at a probe; strictly, any earlier range that is met.
    Conflict(Span),
    /// All of the range is system RAM, or a part of it is.
    Ram {
        /// The RAM.
        ram: Span,
        /// All of it.
        whole: bool,
    },
    /// Not whole units of this many bytes.
    Misaligned(u64),
    /// It ends beyond the last address.
    TooHigh,
    /// Memory of this range is still there.
    Present(Span),
}

impl Refusal {
    /// What the kernel returns; `None` where it cannot be asked.
    pub const fn errno(self) -> Option<Errno> {
        match self {
            Refusal::NoSuchType => None,
            Refusal::Empty
            | Refusal::Option(_)
            | Refusal::Limited
            | Refusal::Operation(_)
            | Refusal::Misaligned(_)
            | Refusal::TooHigh => Some(Errno::Einval),
            Refusal::NoZoneDevice | Refusal::Ram { .. } => Some(Errno::Enxio),
            Refusal::Conflict(_) => Some(Errno::Enomem),
            Refusal::Present(_) => Some(Errno::Eexist),
        }
    }
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(errno) = self.errno() {
            write!(f, "{errno}: ")?;
        }
        match self {
            Refusal::Empty => f.write_str("it is empty"),
            Refusal::NoSuchType => f.write_str("this kernel has no such type of device memory"),
            Refusal::NoZoneDevice => f.write_str("ZONE_DEVICE is off"),
            Refusal::Option(option) => write!(f, "the type needs {option}"),
            Refusal::Limited => f.write_str("fs-dax is not for FS_DAX_LIMITED"),
            Refusal::Operation(name) => write!(f, "the type needs the driver's {name}"),
            Refusal::Conflict(other) => write!(f, "conflicts with {other}"),
            Refusal::Ram { ram, whole: true } => write!(f, "it is system RAM: {ram}"),
            Refusal::Ram { ram, whole: false } => write!(f, "a part of it is system RAM: {ram}"),
            Refusal::Misaligned(bytes) => write!(f, "not whole units of {bytes:#x} bytes"),
            Refusal::TooHigh => f.write_str("it ends beyond the last address"),
            Refusal::Present(other) => write!(f, "memory is there already: {other}"),
        }
    }
}

/// References that keep a range from being released.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Busy {
    /// Their number.
    pub refs: u64,
}

/// A kernel's device memory.
#[derive(Clone, Debug)]
pub struct Memremap {
    kernel: ZoneKernel,
    alignment: Alignment,
    holes: Holes,
    ram: Vec<Span>,
    zone: Zone,
    registered: Vec<Registered>,
}

impl Memremap {
    /// A kernel before any registration.
    pub fn new(kernel: ZoneKernel, alignment: Alignment, holes: Holes, ram: Vec<Span>) -> Memremap {
        Memremap { kernel, alignment, holes, ram, zone: Zone::default(), registered: Vec::new() }
    }

    /// What lookups see.
    pub fn zone(&self) -> &Zone {
        &self.zone
    }

    /// The same, for lookups that take references.
    pub fn zone_mut(&mut self) -> &mut Zone {
        &mut self.zone
    }

    /// What lookups see, alone.
    pub fn into_zone(self) -> Zone {
        self.zone
    }

    /// The range as checks and hot-add see it.
    ///
    /// # Errors
    /// [`Refusal::TooHigh`].
    pub fn seen(&self, span: Span) -> Result<Span, Refusal> {
        match self.alignment {
            Alignment::Section => span.rounded_out(self.section_bits()).ok_or(Refusal::TooHigh),
            Alignment::SubSection => Ok(span),
        }
    }

    fn section_bits(&self) -> u32 {
        self.kernel.machine.section_size_bits(self.kernel.version, self.kernel.page_shift)
    }

    /// `devm_memremap_pages`.
    ///
    /// # Errors
    /// [`Refusal`], of the first check that refuses. With [`Holes::Kernel`] a range that hot-add refuses has already
    /// taken the place of those that it covers, as in the kernel.
    pub fn register(&mut self, registration: &Registration) -> Result<Registered, Refusal> {
        let DevPagemap { start, end, kind, live } = registration.pgmap;
        let span = Span { start, end };
        if start >= end {
            return Err(Refusal::Empty);
        }
        self.check_type(registration, kind)?;
        if !span.is_aligned(self.kernel.page_shift) {
            return Err(Refusal::Misaligned(1 << self.kernel.page_shift));
        }
        let seen = self.seen(span)?;
        self.check_conflicts(seen)?;
        if let Some(ram) = self.ram.iter().find(|ram| ram.meets(seen)) {
            return Err(Refusal::Ram { ram: *ram, whole: ram.holds(seen) });
        }
        let id = self.zone.store(DevPagemap { start, end, kind, live: true });
        if let Err(refusal) = self.hot_add(seen) {
            self.zone.withdraw_last();
            return Err(refusal);
        }
        let frames = (end.0 - start.0) >> self.kernel.page_shift;
        let altmap = registration.altmap.unwrap_or_default();
        let skipped = altmap.reserve.saturating_add(altmap.free).min(frames);
        let first_pfn = Pfn(start.pfn(self.kernel.page_shift).0 + skipped);
        let registered = Registered { id, span, seen, first_pfn, page_refs: frames - skipped };
        self.registered.push(registered.clone());
        if !live {
            self.zone.kill(id);
        }
        Ok(registered)
    }

    /// The switch over types of mm/memremap.c, v5.3; v5.2 has none.
    fn check_type(&self, driver: &Registration, kind: PgmapType) -> Result<(), Refusal> {
        let kernel = &self.kernel;
        if TypeNumbering::of(kernel.version).and_then(|numbering| numbering.number(kind)).is_none() {
            return Err(Refusal::NoSuchType);
        }
        if !kernel.on(KOption::ZoneDevice) {
            return Err(Refusal::NoZoneDevice);
        }
        if kernel.version < KVersion::new(5, 3, 0) {
            return Ok(());
        }
        let needs = |met: bool, refusal| if met { Ok(()) } else { Err(refusal) };
        match kind {
            PgmapType::Private => {
                needs(kernel.on(KOption::DevicePrivate), Refusal::Option(KOption::DevicePrivate))?;
                needs(driver.migrate_to_ram, Refusal::Operation("migrate_to_ram"))?;
            }
            PgmapType::FsDax => needs(!kernel.on(KOption::FsDaxLimited), Refusal::Limited)?,
            PgmapType::Public | PgmapType::DevDax | PgmapType::PciP2pdma | PgmapType::Coherent => return Ok(()),
        }
        needs(kernel.has_pagemap_ops(), Refusal::Option(KOption::DevPagemapOps))?;
        needs(driver.page_free, Refusal::Operation("page_free"))
    }

    /// The probes at both ends, or, strictly, the whole range.
    fn check_conflicts(&self, seen: Span) -> Result<(), Refusal> {
        let span_of = |id: PgmapId| {
            let DevPagemap { start, end, .. } = *self.zone.pgmap(id);
            Span { start, end }
        };
        for probe in [seen.start, PhysAddr(seen.end.0 - 1)] {
            if let Some(id) = self.zone.find(probe).filter(|id| self.zone.pgmap(*id).live) {
                return Err(Refusal::Conflict(span_of(id)));
            }
        }
        let met = self.registered.iter().find(|other| other.seen.meets(seen));
        match met {
            Some(other) if self.holes == Holes::Strict => Err(Refusal::Conflict(other.span)),
            _ => Ok(()),
        }
    }

    /// Adding the memory: v5.2 passes over sections that are there (`__add_pages`), v5.3 does not.
    fn hot_add(&self, seen: Span) -> Result<(), Refusal> {
        if self.alignment == Alignment::Section {
            return Ok(());
        }
        // Without SPARSEMEM_VMEMMAP it would be whole sections, but then there is no ZONE_DEVICE.
        if !seen.is_aligned(SUBSECTION_SHIFT) {
            return Err(Refusal::Misaligned(1 << SUBSECTION_SHIFT));
        }
        let there = self.registered.iter().find(|other| other.seen.meets(seen));
        there.map_or(Ok(()), |other| Err(Refusal::Present(other.span)))
    }

    /// `devm_memremap_pages_release`: kills the reference, so that lookups fail at once, drops those of the pages, waits
    /// for the rest, removes the memory, and erases the range from lookup.
    ///
    /// # Errors
    /// [`Busy`] where a kernel would wait: the range is killed, and found by nobody, but its memory is still there.
    pub fn release(&mut self, id: PgmapId) -> Result<(), Busy> {
        self.zone.kill(id);
        let Some(at) = self.registered.iter().position(|registered| registered.id == id) else { return Ok(()) };
        self.registered[at].page_refs = 0;
        let refs = self.zone.pgmap_refs(id);
        if refs != 0 {
            return Err(Busy { refs });
        }
        let Registered { span, .. } = self.registered.remove(at);
        self.zone.erase(span.start, span.end);
        Ok(())
    }
}

#[cfg(test)]
#[path = "memremap/tests.rs"]
mod tests;
