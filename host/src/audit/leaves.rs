//! What an auditor finds leaf by leaf, and the mappings that aliases are found from.
//!
//! In: a part of a walk. Out: its [`Finding`]s in ascending order of address, and a [`Window`] of its mappings.
//! Guaranteed: neighbours are one finding where permissions and level are the same; a part keeps at most
//! [`FINDINGS_PER_PART_MAX`] findings and counts the others. Not handled: whether somebody meant it so: x86_64's vsyscall
//! page is a kernel page that user mode executes (arch/x86/entry/vsyscall, v6.1).

use ptwalk_abi::{Half, Level, MmuPerms, Pfn, PhysAddr, VaRange};

use super::aliases::{Access, EXTENTS_PER_PART_MAX, Window};
use super::cont::{BrokenRun, RunEntries, Runs};
use crate::walk::{Event, Incomplete, MapSink, Mapping, Passed, WalkError};

/// Findings of one part of a walk: some 6 MiB.
pub const FINDINGS_PER_PART_MAX: usize = 1 << 16;

const WRITE: u32 = MmuPerms::USER_WRITE | MmuPerms::KERNEL_WRITE;
const EXEC: u32 = MmuPerms::USER_EXEC | MmuPerms::KERNEL_EXEC;

/// What is wrong with a mapping.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Somebody may write it, and somebody may execute it.
    WritableCode,
    /// It lies in the kernel's half, and user mode may execute it.
    UserCode,
}

impl Kind {
    /// The name in the JSON interface.
    pub const fn name(self) -> &'static str {
        match self {
            Kind::WritableCode => "write_exec",
            Kind::UserCode => "user_exec_kernel",
        }
    }

    /// What is wrong with a mapping of a half that permits this; of two, the first.
    fn of(perms: MmuPerms, half: Half) -> Option<Kind> {
        if perms.bits() & WRITE != 0 && perms.bits() & EXEC != 0 {
            Some(Kind::WritableCode)
        } else if half == Half::Upper && perms.has(MmuPerms::USER_EXEC) {
            Some(Kind::UserCode)
        } else {
            None
        }
    }
}

/// Addresses that follow one another, mapped alike.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Region {
    /// What is wrong with it.
    pub kind: Kind,
    /// The addresses.
    pub range: VaRange,
    /// Where the first lies.
    pub pa: PhysAddr,
    /// Level of the leaves, and how many there are.
    pub level: Level,
    /// See [`Region::level`].
    pub leaves: u64,
    /// What the MMU permits.
    pub perms: MmuPerms,
}

/// Something found at an address.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Finding {
    /// Mappings that permit too much.
    Region(Region),
    /// A contiguous run that is none.
    Run(BrokenRun),
}

impl Finding {
    /// Makes `next` a part of this finding, if it continues it, and says whether it did.
    pub fn extend(&mut self, next: &Finding) -> bool {
        let (Finding::Region(held), Finding::Region(next)) = (self, next) else { return false };
        let alike = held.kind == next.kind && held.level == next.level && held.perms == next.perms;
        let continues = alike && held.range.end() == u128::from(next.range.first.0);
        if continues {
            held.range.last = next.range.last;
            held.leaves += next.leaves;
        }
        continues
    }
}

/// What is walked.
#[derive(Clone, Copy, Debug)]
pub struct Scope {
    /// log2 of the page size.
    pub page_shift: u32,
    /// Entries of contiguous runs.
    pub run_entries: RunEntries,
    /// The half of the address space.
    pub half: Half,
    /// The addresses.
    pub range: VaRange,
    /// Frames below were dealt with in a walk before; where it is not 0, so was everything but aliases.
    pub from: Pfn,
}

impl Scope {
    fn is_first(&self) -> bool {
        self.from == Pfn(0)
    }
}

/// The sink of a part of a walk.
pub struct Auditing {
    /// What was found, ascending.
    pub findings: Vec<Finding>,
    /// Findings beyond [`FINDINGS_PER_PART_MAX`].
    pub unlisted: u64,
    /// The mappings, for aliases.
    pub window: Window,
    /// Tables and leaves met.
    pub tables: u64,
    /// See [`Auditing::tables`].
    pub leaves: u64,
    /// What was not seen.
    pub incomplete: Incomplete,
    scope: Scope,
    runs: Option<Runs>,
}

impl Auditing {
    /// Nothing found yet.
    pub fn new(scope: Scope) -> Auditing {
        Auditing {
            findings: Vec::new(),
            unlisted: 0,
            window: Window::new(scope.page_shift, scope.from, EXTENTS_PER_PART_MAX),
            tables: 0,
            leaves: 0,
            incomplete: Incomplete::default(),
            runs: scope.is_first().then(|| Runs::new(scope.run_entries, scope.range)),
            scope,
        }
    }

    /// A part is over: what was watched until now is settled.
    pub fn finish(&mut self) {
        let ended = self.runs.as_mut().and_then(Runs::finish);
        self.found(ended.map(Finding::Run));
    }

    fn mapping(&mut self, mapping: &Mapping) {
        let access = Access::new(mapping.perms, mapping.attrs.devmap);
        let frames = u64::try_from(mapping.range.bytes() >> self.scope.page_shift).unwrap_or(u64::MAX);
        self.window.add(mapping.range.first, mapping.pfn(self.scope.page_shift), frames, access);
        let Some(runs) = &mut self.runs else { return };
        let ended = runs.add(mapping);
        self.found(ended.map(Finding::Run));
        let Mapping { range, pa, level, perms, .. } = *mapping;
        let kind = Kind::of(perms, self.scope.half);
        self.found(kind.map(|kind| Finding::Region(Region { kind, range, pa, level, leaves: 1, perms })));
    }

    fn found(&mut self, finding: Option<Finding>) {
        let Some(finding) = finding else { return };
        if self.findings.last_mut().is_some_and(|last| last.extend(&finding)) {
            return;
        }
        if self.findings.len() < FINDINGS_PER_PART_MAX {
            self.findings.push(finding);
        } else {
            self.unlisted += 1;
        }
    }
}

impl MapSink for Auditing {
    fn event(&mut self, event: &Event, _: &[Passed]) -> Result<(), WalkError> {
        match event {
            Event::Mapping(mapping) => {
                self.leaves += 1;
                self.mapping(mapping);
            }
            Event::Table { .. } => self.tables += 1,
            Event::Problem(problem) => self.incomplete.add(problem),
            Event::Hole { .. } | Event::NotPresent { .. } => {}
        }
        Ok(())
    }
}
