//! Reads a table image.
//!
//! In: the bytes of a file that begins with the magic number. Out: its segments and its [`TableInfo`]. Guaranteed: every
//! field is checked, segments are sorted and disjoint in memory and in the file, and fill the space between preamble and
//! header; what is allocated is bounded by [`limits`]. Not handled: whether there is a plugin for the architecture, and
//! whether the roots are aligned as it wants, which the session decides.

use std::collections::BTreeSet;

use ptwalk_abi::{Extern, Half, Pfn, PhysAddr};
use ptwalk_verifier::fault::{Fault, seeded};

use super::fault::{Field, PtimgFault};
use super::{ALIGN, ENCODING, MAGIC, TableInfo, VERSION, preamble, wire};
use crate::image::error::{ImageError, Part};
use crate::image::input::Input;
use crate::image::overlap::ENTRY_BYTES;
use crate::image::{ByteOrder, Segment, limits};
use crate::zone::{DevPagemap, PgmapType, Zone};

/// What a table image holds.
pub struct Tables {
    /// Sorted by address, disjoint, not empty.
    pub segments: Vec<Segment>,
    /// What it says about its tables.
    pub info: TableInfo,
}

/// Whether the file claims to be a table image.
pub fn is_ptimg(bytes: &[u8]) -> bool {
    bytes.starts_with(&MAGIC)
}

/// Reads preamble and header.
///
/// # Errors
/// `Ptimg`, `Truncated`, `Overflow` and `NoMemory`.
pub fn read(input: Input<'_>) -> Result<Tables, ImageError> {
    let (start, bytes) = read_preamble(input)?;
    let mut header = Header { input, bytes, start, at: 0 };
    let mut info = TableInfo { arch: header.name(Field::Arch)?, ..TableInfo::default() };
    info.settings = header.settings()?;
    info.roots = header.roots()?;
    info.zone = header.zone()?;
    info.provenance = header.lines(Field::Provenance, limits::PTIMG_PROVENANCE_BYTES)?;
    let vmcoreinfo_max = usize::try_from(limits::VMCOREINFO_BYTES).unwrap_or(usize::MAX);
    info.vmcoreinfo = header.text(Field::Vmcoreinfo, vmcoreinfo_max)?;
    let segments = header.segments()?;
    let left = header.bytes.len() - header.at;
    if left > 0 {
        return Err(header.fault_at(header.at, PtimgFault::HeaderTail(left as u64)));
    }
    if segments.is_empty() {
        return Err(ImageError::NoMemory { image: input.name() });
    }
    Ok(Tables { segments, info })
}

/// Checks the preamble. Returns where the header begins, and its bytes.
fn read_preamble(input: Input<'_>) -> Result<(u64, &[u8]), ImageError> {
    let fault = |offset, fault| ImageError::Ptimg { image: input.name(), offset, fault: Box::new(fault) };
    let order = ByteOrder::Little;
    let page = input.part(Part::Preamble, 0, 0, ALIGN)?;
    let version = input.u32(Part::Preamble, order, preamble::VERSION)?;
    if version != VERSION {
        return Err(fault(preamble::VERSION, PtimgFault::Version(version)));
    }
    let reserved = (preamble::FLAGS..preamble::HEADER_OFFSET).chain(preamble::END..ALIGN);
    for (offset, byte) in reserved.filter_map(|at| Some((at, *page.get(usize::try_from(at).ok()?)?))) {
        if byte != 0 {
            return Err(fault(offset, PtimgFault::Reserved(byte)));
        }
    }
    let start = input.u64(Part::Preamble, order, preamble::HEADER_OFFSET)?;
    if start < ALIGN || !start.is_multiple_of(ALIGN) {
        return Err(fault(preamble::HEADER_OFFSET, PtimgFault::HeaderOffset(start)));
    }
    let len = input.u64(Part::Preamble, order, preamble::HEADER_BYTES)?;
    if len > limits::PTIMG_HEADER_BYTES as u64 {
        return Err(fault(preamble::HEADER_BYTES, PtimgFault::HeaderBytes { bytes: len }));
    }
    let bytes = input.part(Part::TableHeader, preamble::HEADER_OFFSET, start, len)?;
    let trailing = input.file_bytes() - (start + len);
    if trailing > 0 {
        return Err(fault(start + len, PtimgFault::Trailing(trailing)));
    }
    Ok((start, bytes))
}

/// The header, being decoded field by field.
struct Header<'a> {
    input: Input<'a>,
    bytes: &'a [u8],
    /// File offset of the header.
    start: u64,
    /// How much of it is decoded.
    at: usize,
}

impl Header<'_> {
    fn fault_at(&self, at: usize, fault: PtimgFault) -> ImageError {
        ImageError::Ptimg { image: self.input.name(), offset: self.start + at as u64, fault: Box::new(fault) }
    }

    /// The next field, and where in the header it is.
    fn field<T: bincode::Decode<()>>(&mut self, field: Field) -> Result<(usize, T), ImageError> {
        let at = self.at;
        let rest = self.bytes.get(at..).unwrap_or_default();
        let (value, len) = bincode::decode_from_slice(rest, ENCODING)
            .map_err(|cause| self.fault_at(at, PtimgFault::Decode { field, cause }))?;
        self.at += len;
        Ok((at, value))
    }

    /// A text of up to `max` bytes.
    fn text(&mut self, field: Field, max: usize) -> Result<String, ImageError> {
        let (at, text): (usize, String) = self.field(field)?;
        if text.len() > max {
            return Err(self.fault_at(at, PtimgFault::Text { field, text: text.chars().take(40).collect() }));
        }
        Ok(text)
    }

    /// A text of up to `max` bytes that does nothing to a terminal but fill lines.
    fn lines(&mut self, field: Field, max: usize) -> Result<String, ImageError> {
        let at = self.at;
        let text = self.text(field, max)?;
        if text.chars().any(|c| c.is_control() && c != '\n') {
            return Err(self.fault_at(at, PtimgFault::Text { field, text: text.chars().take(40).collect() }));
        }
        Ok(text)
    }

    /// A word of ASCII.
    fn name(&mut self, field: Field) -> Result<String, ImageError> {
        let at = self.at;
        let text = self.text(field, limits::PTIMG_NAME_BYTES)?;
        if text.is_empty() || !text.chars().all(|c| c.is_ascii_graphic()) {
            return Err(self.fault_at(at, PtimgFault::Text { field, text }));
        }
        Ok(text)
    }

    fn settings(&mut self) -> Result<Vec<(Extern, i32)>, ImageError> {
        let (at, list): (usize, Vec<wire::Setting>) = self.field(Field::Settings)?;
        let mut settings: Vec<(Extern, i32)> = Vec::new();
        for (name, value) in list {
            let key = match Extern::by_name(&name) {
                Some(key) => key,
                None => return Err(self.fault_at(at, PtimgFault::Extern(name.chars().take(40).collect()))),
            };
            if settings.iter().any(|(other, _)| *other == key) {
                return Err(self.fault_at(at, PtimgFault::ExternTwice(name)));
            }
            if !key.range().contains(&value) {
                return Err(self.fault_at(at, PtimgFault::Value { key: name, value }));
            }
            settings.push((key, value));
        }
        Ok(settings)
    }

    fn roots(&mut self) -> Result<Vec<(PhysAddr, Half)>, ImageError> {
        let (at, list): (usize, Vec<wire::Root>) = self.field(Field::Roots)?;
        if list.len() > limits::PTIMG_ROOTS {
            return Err(self.fault_at(at, PtimgFault::Roots { count: list.len() }));
        }
        let mut known = BTreeSet::new();
        let root = |(index, (pa, half)): (usize, wire::Root)| {
            let is_new = known.insert((pa, half));
            let pa = PhysAddr(pa);
            match half {
                _ if !is_new => Err(self.fault_at(at, PtimgFault::RootTwice { index, pa })),
                0 if pa.0.is_multiple_of(ENTRY_BYTES) => Ok((pa, Half::Lower)),
                1 if pa.0.is_multiple_of(ENTRY_BYTES) => Ok((pa, Half::Upper)),
                _ => Err(self.fault_at(at, PtimgFault::Root { index, pa, half })),
            }
        };
        list.into_iter().enumerate().map(root).collect()
    }

    fn zone(&mut self) -> Result<Zone, ImageError> {
        let mut zone = Zone::default();
        let (at, pgmaps): (usize, Vec<wire::Pgmap>) = self.field(Field::Pgmaps)?;
        for (start, end, name, live) in pgmaps {
            let Some(kind) = PgmapType::by_name(&name) else {
                return Err(self.fault_at(at, PtimgFault::PgmapType(name.chars().take(40).collect())));
            };
            let pgmap = DevPagemap { start: PhysAddr(start), end: PhysAddr(end), kind, live };
            zone.register(pgmap).map_err(|cause| self.fault_at(at, PtimgFault::Zone(cause)))?;
        }
        let (at, compounds): (usize, Vec<wire::Compound>) = self.field(Field::Compounds)?;
        for (head, order) in compounds {
            zone.add_compound(Pfn(head), order).map_err(|cause| self.fault_at(at, PtimgFault::Zone(cause)))?;
        }
        let (_, pages): (usize, Vec<wire::Page>) = self.field(Field::Pages)?;
        for (pfn, refcount) in pages {
            zone.set_refcount(Pfn(pfn), refcount);
        }
        Ok(zone)
    }

    /// The extents as segments: each begins in the file where the one before it ends, rounded up.
    fn segments(&mut self) -> Result<Vec<Segment>, ImageError> {
        let (at, extents): (usize, Vec<wire::Extent>) = self.field(Field::Extents)?;
        if extents.len() > limits::PTIMG_EXTENTS {
            return Err(self.fault_at(at, PtimgFault::Extents { count: extents.len() }));
        }
        let place_of = |index: usize| at + size_of::<u64>() + index * size_of::<wire::Extent>();
        let mut segments = Vec::with_capacity(extents.len());
        let mut end = ALIGN;
        for (index, (pa, bytes)) in extents.into_iter().enumerate() {
            let pa = PhysAddr(pa);
            if !(pa.0 | bytes).is_multiple_of(ENTRY_BYTES) || bytes == 0 {
                return Err(self.fault_at(place_of(index), PtimgFault::Extent { pa, bytes }));
            }
            if pa.checked_add(bytes).is_none() {
                return Err(self.fault_at(place_of(index), PtimgFault::ExtentOverflow { pa, bytes }));
            }
            segments.push(Segment { pa, len: bytes, file_offset: end });
            let align = if seeded(Fault::ExtentsUnaligned) { ENTRY_BYTES } else { ALIGN };
            let next = end.checked_add(bytes).and_then(|end| end.checked_next_multiple_of(align));
            // More than the file can hold, as the comparison below finds out.
            end = next.unwrap_or(u64::MAX);
        }
        if end != self.start {
            return Err(self.fault_at(at, PtimgFault::ExtentRoom { end, header: self.start }));
        }
        segments.sort_unstable_by_key(|segment| segment.pa);
        let overlap = segments.windows(2).find(|pair| matches!(pair, [first, second] if first.end() > second.pa));
        match overlap {
            Some([_, second]) => Err(self.fault_at(at, PtimgFault::ExtentOverlap(second.pa))),
            _ => Ok(segments),
        }
    }
}
