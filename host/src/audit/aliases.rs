//! Frames that one address space maps in ways that differ.
//!
//! In: mappings, in any order. Out: the [`Alias`]es, ascending by frame. Guaranteed: a [`Window`] never holds more extents
//! than its limit. Where there are more, it gives up its upper end and says from which frame on the walk is to be done
//! again ([`Window::end`]), so that an image of any size is audited in as many walks as it takes; each of them settles at
//! least half as many extents as the limit. Not handled: which mapping is the right one.

use ptwalk_abi::{MmuPerms, Pfn, VirtAddr};

/// Extents of a whole walk: 128 MiB.
pub const EXTENTS_MAX: usize = 1 << 22;
/// Extents of one of its parts: 8 MiB, of which a walk holds [`WINDOW`](crate::walk::split::WINDOW) a thread.
pub const EXTENTS_PER_PART_MAX: usize = 1 << 18;
/// Extents below which a limit makes no sense: as many as there are accesses may begin at one frame, and half of the
/// limit must be more.
const EXTENTS_MIN: usize = 4 * ACCESSES;
/// Different accesses.
const ACCESSES: usize = 1 << 7;

/// What is the same in all mappings of a frame, if it has no alias: what the MMU permits either mode, through all levels,
/// and whether the page is device memory.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Access(u8);

impl Access {
    const DEVMAP: u8 = 1 << 6;

    /// Of a mapping with these permissions.
    pub fn new(perms: MmuPerms, devmap: bool) -> Access {
        let bits = u8::try_from(perms.bits()).unwrap_or(0) & (Access::DEVMAP - 1);
        Access(bits | if devmap { Access::DEVMAP } else { 0 })
    }

    /// What the MMU permits.
    pub fn perms(self) -> MmuPerms {
        MmuPerms::from_bits_truncate(u32::from(self.0 & (Access::DEVMAP - 1)))
    }

    /// Device memory.
    pub fn devmap(self) -> bool {
        self.0 & Access::DEVMAP != 0
    }
}

/// Frames that follow one another, mapped from one address on in one way.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Extent {
    first: u64,
    end: u64,
    va: u64,
    access: Access,
}

/// Frames that follow one another and are mapped in the same different ways.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Alias {
    /// The first frame.
    pub first: Pfn,
    /// How many.
    pub frames: u64,
    /// The ways, each with an address at which the first frame is mapped so.
    pub ways: Vec<(Access, VirtAddr)>,
}

/// Mappings of the frames from one on, as many as there is room for.
pub struct Window {
    page_shift: u32,
    limit: usize,
    start: u64,
    end: u64,
    extents: Vec<Extent>,
}

impl Window {
    /// A window from the frame `start` on, of at most `limit` extents.
    pub fn new(page_shift: u32, start: Pfn, limit: usize) -> Window {
        let limit = limit.max(EXTENTS_MIN);
        Window { page_shift, limit, start: start.0, end: u64::MAX, extents: Vec::new() }
    }

    /// The frame that it begins with.
    pub fn start(&self) -> Pfn {
        Pfn(self.start)
    }

    /// The first frame for which there was no room, if there was not room for all.
    pub fn end(&self) -> Option<Pfn> {
        (self.end != u64::MAX).then_some(Pfn(self.end))
    }

    /// Takes a mapping of `frames` frames. One that permits nothing is no way to a frame.
    pub fn add(&mut self, va: VirtAddr, first: Pfn, frames: u64, access: Access) {
        if access.perms().bits() == 0 {
            return;
        }
        let end = first.0.saturating_add(frames);
        if let Some(last) = self.extents.last_mut()
            && last.access == access
            && last.end == first.0
            && last.va.wrapping_add((last.end - last.first) << self.page_shift) == va.0
        {
            last.end = end.min(self.end).max(last.end);
            return;
        }
        self.push(Extent { first: first.0, end, va: va.0, access });
    }

    /// Takes what a part of the walk found.
    pub fn merge(&mut self, part: Window) {
        self.cut(part.end);
        part.extents.into_iter().for_each(|extent| self.push(extent));
    }

    fn push(&mut self, extent: Extent) {
        if self.extents.len() >= self.limit {
            self.make_room();
        }
        self.extents.extend(self.clip(extent));
    }

    /// The part of an extent that lies in the window.
    fn clip(&self, Extent { first, end, va, access }: Extent) -> Option<Extent> {
        let (from, to) = (first.max(self.start), end.min(self.end));
        let va = va.wrapping_add((from - first) << self.page_shift);
        (from < to).then_some(Extent { first: from, end: to, va, access })
    }

    /// Gives up what lies from `end` on.
    fn cut(&mut self, end: u64) {
        if end < self.end {
            self.end = end;
            let extents = std::mem::take(&mut self.extents);
            self.extents = extents.into_iter().filter_map(|extent| self.clip(extent)).collect();
        }
    }

    /// Leaves room for as many extents as are left.
    fn make_room(&mut self) {
        self.settle();
        if self.extents.len() > self.limit / 2 {
            let (_, middle, _) = self.extents.select_nth_unstable_by_key(self.limit / 2, |extent| extent.first);
            let end = middle.first;
            self.cut(end);
        }
    }

    /// Keeps one extent for each frame and access: of those that overlap, the one that begins first has the frames. Behind
    /// this no two extents of an access share a frame, so that at most [`ACCESSES`] share the first.
    fn settle(&mut self) {
        self.extents.sort_unstable_by_key(|extent| (extent.access, extent.first, extent.va));
        let (mut access, mut covered) = (None, 0);
        let page_shift = self.page_shift;
        self.extents.retain_mut(|extent| {
            if access.replace(extent.access) != Some(extent.access) {
                covered = 0;
            }
            let from = extent.first.max(covered);
            if from >= extent.end {
                return false;
            }
            extent.va = extent.va.wrapping_add((from - extent.first) << page_shift);
            extent.first = from;
            covered = extent.end;
            true
        });
    }

    /// Hands every alias to `found`, ascending.
    ///
    /// # Errors
    /// What `found` returned.
    pub fn aliases<E>(mut self, mut found: impl FnMut(&Alias) -> Result<(), E>) -> Result<(), E> {
        self.settle();
        self.extents.sort_unstable_by_key(|extent| extent.first);
        let mut active: Vec<Extent> = Vec::new();
        let mut held: Option<Alias> = None;
        let mut starts = self.extents.iter().peekable();
        let mut at = 0;
        loop {
            active.retain(|extent| extent.end > at);
            if active.is_empty() {
                let Some(next) = starts.peek() else { break };
                at = next.first;
            }
            while let Some(extent) = starts.next_if(|extent| extent.first == at) {
                active.push(*extent);
            }
            let next_start = starts.peek().map_or(u64::MAX, |extent| extent.first);
            let next = active.iter().map(|extent| extent.end).fold(next_start, u64::min);
            if active.len() > 1 {
                let alias = alias(&active, at, next, self.page_shift);
                match &mut held {
                    Some(held) if held.continues(&alias) => held.frames += alias.frames,
                    _ => held.replace(alias).map_or(Ok(()), |alias| found(&alias))?,
                }
            }
            at = next;
        }
        held.map_or(Ok(()), |alias| found(&alias))
    }
}

impl Alias {
    /// Whether it may be written in one way and executed in another.
    pub fn writes_code(&self) -> bool {
        let any = |bits: u32| self.ways.iter().any(|(access, _)| access.perms().bits() & bits != 0);
        any(MmuPerms::USER_WRITE | MmuPerms::KERNEL_WRITE) && any(MmuPerms::USER_EXEC | MmuPerms::KERNEL_EXEC)
    }

    /// `next` begins where this one ends, with the same accesses.
    fn continues(&self, next: &Alias) -> bool {
        let accesses = |alias: &Alias| alias.ways.iter().map(|(access, _)| *access).collect::<Vec<_>>();
        self.first.0 + self.frames == next.first.0 && accesses(self) == accesses(next)
    }
}

/// The frames from `at` to `next`, which all of `active` map.
fn alias(active: &[Extent], at: u64, next: u64, page_shift: u32) -> Alias {
    let va = |extent: &Extent| VirtAddr(extent.va.wrapping_add((at - extent.first) << page_shift));
    let mut ways: Vec<_> = active.iter().map(|extent| (extent.access, va(extent))).collect();
    ways.sort_unstable();
    Alias { first: Pfn(at), frames: next - at, ways }
}

#[cfg(test)]
mod tests {
    use std::collections::{BTreeMap, BTreeSet};

    use super::*;

    const RW: MmuPerms = MmuPerms::from_bits_truncate(MmuPerms::KERNEL_READ | MmuPerms::KERNEL_WRITE);
    const RX: MmuPerms = MmuPerms::from_bits_truncate(MmuPerms::KERNEL_READ | MmuPerms::KERNEL_EXEC);
    const R: MmuPerms = MmuPerms::from_bits_truncate(MmuPerms::KERNEL_READ);

    fn found(window: Window) -> Vec<Alias> {
        let mut all = Vec::new();
        let taken: Result<(), ()> = window.aliases(|alias| {
            all.push(alias.clone());
            Ok(())
        });
        taken.expect("nothing fails");
        all
    }

    fn window(mappings: &[(u64, u64, u64, MmuPerms)]) -> Window {
        let mut window = Window::new(12, Pfn(0), EXTENTS_MAX);
        for (va, first, frames, perms) in mappings {
            window.add(VirtAddr(*va), Pfn(*first), *frames, Access::new(*perms, false));
        }
        window
    }

    #[test]
    fn only_frames_mapped_in_different_ways_are_aliases() {
        assert_eq!(found(window(&[(0x1000, 1, 4, RW), (0x9000, 2, 1, RW), (0xf000, 9, 1, RX)])), []);
        let none = MmuPerms::from_bits_truncate(0);
        assert_eq!(found(window(&[(0x1000, 1, 4, RW), (0x9000, 2, 1, none)])), []);
        let (rw, rx) = (Access::new(RW, false), Access::new(RX, false));
        let text = window(&[(0x10_0000, 0x100, 0x100, RW), (0x90_0000, 0x110, 2, RX)]);
        let mut ways = vec![(rw, VirtAddr(0x11_0000)), (rx, VirtAddr(0x90_0000))];
        ways.sort_unstable();
        let found = found(text);
        assert_eq!(found, [Alias { first: Pfn(0x110), frames: 2, ways }]);
        assert!(found[0].writes_code());
    }

    #[test]
    fn neighbours_with_the_same_ways_are_one() {
        assert!(found(window(&[(0x1000, 1, 8, RW), (0x20000, 2, 1, R)])).iter().all(|alias| !alias.writes_code()));
        let aliases = found(window(&[(0x1000, 1, 8, RW), (0x20000, 2, 1, R), (0x50000, 3, 1, R), (0x60000, 5, 1, RX)]));
        let spans: Vec<_> = aliases.iter().map(|alias| (alias.first.0, alias.frames)).collect();
        assert_eq!(spans, [(2, 2), (5, 1)]);
    }

    /// A model with a set of accesses for each frame, against windows of every kind: small ones that give up their ends,
    /// parts that are merged, several passes.
    #[test]
    fn windows_of_any_size_find_what_a_table_of_all_frames_finds() {
        let mut seed = 1u64;
        let mut random = |below: u64| {
            seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            (seed >> 33) % below
        };
        let perms = [RW, RX, R];
        let mappings: Vec<(u64, u64, u64, MmuPerms)> = (0..4000)
            .map(|_| {
                (random(1 << 30) << 12, random(3000), 1 + random(12), perms[usize::try_from(random(3)).unwrap_or(0)])
            })
            .collect();
        let mut model: BTreeMap<u64, BTreeSet<Access>> = BTreeMap::new();
        for (_, first, frames, perms) in &mappings {
            for frame in *first..first + frames {
                model.entry(frame).or_default().insert(Access::new(*perms, false));
            }
        }
        model.retain(|_, accesses| accesses.len() > 1);
        for limit in [EXTENTS_MIN, 700, 1500, EXTENTS_MAX] {
            let (mut seen, mut start, mut passes) = (BTreeMap::new(), Pfn(0), 0);
            loop {
                let mut whole = Window::new(12, start, limit);
                for part in mappings.chunks(900) {
                    let mut window = Window::new(12, start, limit / 2);
                    for (va, first, frames, perms) in part {
                        window.add(VirtAddr(*va), Pfn(*first), *frames, Access::new(*perms, false));
                    }
                    whole.merge(window);
                    assert!(whole.extents.len() <= limit, "{} of {limit}", whole.extents.len());
                }
                let end = whole.end();
                for alias in found(whole) {
                    for frame in alias.first.0..alias.first.0 + alias.frames {
                        let accesses: BTreeSet<Access> = alias.ways.iter().map(|(access, _)| *access).collect();
                        assert_eq!(seen.insert(frame, accesses), None, "frame {frame:#x} twice");
                    }
                    for (access, va) in &alias.ways {
                        let maps = |(start, first, frames, perms): &&(u64, u64, u64, MmuPerms)| {
                            let (from, at) = (alias.first.0.wrapping_sub(*first), va.0);
                            from < *frames && start + (from << 12) == at && Access::new(*perms, false) == *access
                        };
                        assert!(mappings.iter().any(|mapping| maps(&mapping)), "{alias:?}");
                    }
                }
                passes += 1;
                let Some(next) = end else { break };
                assert!(next > start, "a pass settles something");
                start = next;
            }
            assert_eq!(seen, model, "limit {limit}, {passes} passes");
            assert_eq!(passes > 1, limit < 4000, "{passes} passes with {limit}");
        }
    }
}
