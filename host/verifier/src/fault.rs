//! Deliberate faults, one for each rule whose loss would make a claim of this program untrue.
//!
//! In: the name of a fault, at the place in the code that it damages. Out: whether somebody has switched it on. Without
//! the feature `seeded-faults` [`seeded`] is the constant `false`, and every such branch disappears: no released program
//! has a switch. With it, one switch for the whole process says which fault is on, so that fuzzing can show that it would
//! have been found (`docs/soundness.md`); in this crate's unit tests the switch is a thread's own. The faults of the walker
//! and of the engines are here too, so that there is one list.

macro_rules! faults {
    ($($area:ident { $($name:ident $story:literal,)* })*) => {
        /// A place that can be damaged.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        pub enum Fault {
            $($(#[doc = $story] $name,)*)*
        }

        impl Fault {
            /// Every fault.
            pub const ALL: &'static [Fault] = &[$($(Fault::$name,)*)*];

            /// The part of the program that it damages.
            pub const fn area(self) -> Area {
                match self { $($(Fault::$name => Area::$area,)*)* }
            }

            /// What goes wrong, in a line.
            pub const fn story(self) -> &'static str {
                match self { $($(Fault::$name => $story,)*)* }
            }
        }
    };
}

/// A part of the program.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Area {
    /// `lift`: from code to closed forms.
    Lifter,
    /// `expr`: simplification of closed forms.
    Rewriter,
    /// `bits` and `blast`: circuits and engines of proof.
    Prover,
    /// `verify`: what is made of the answers.
    Verifier,
    /// `laws`: what a law's text means.
    Laws,
    /// `reduce`: closed forms as mask tests.
    Reducer,
    /// Cranelift's code for closed forms.
    CodeGenerator,
    /// Kernels that look at several entries at a time.
    VectorKernel,
    /// The descent and what a forensic walk makes of it.
    Walker,
    /// `get_user_pages_fast`, and the books of devices and references.
    Gup,
    /// Readers of images and of files beside them.
    Inputs,
}

faults! {
    Lifter {
        WrapKeepsSign "an unsigned extension of 32 bits copies the sign",
        RemainderUnchecked "a remainder by 0 is no trap",
        OverflowUnchecked "the least number divided by -1 is no trap",
        ZeroByZeroUnchecked "0 divided by 0 is no trap",
        AddressWraps "the effective address wraps at 32 bits",
        RelationUnsigned "a signed relation of the code compares unsigned",
        RelationNegationLost "the negation of `ge` and `le` is lost",
        GuardOfOneArm "where two paths meet, the guard of the first is the guard of both",
        ValuesOfOneArm "where two paths meet, the locals of the first survive",
        LoopStopsEarly "a loop is believed to end after eight rounds",
        LoopCalledEndless "a loop that is only long is said never to end",
        StepsOfShorterPath "where two paths meet, the instructions of the shorter are counted",
        StepsOfLoopForgotten "instructions before a back edge are not counted",
        CostOfCallForgotten "a call costs nothing",
        StoreForgetsByte "a store forgets its last byte",
        SpillUnwritten "a slot that one path has not written counts as written",
        SelectSwapped "the operands of `select` are swapped",
        TableDefaultLost "an index beyond the cases of `br_table` takes the last case",
        TableLoadUnsigned "a signed load from a table fills with zeros",
        TableStride "a table of words is taken for one of twice the stride",
        BeyondDataUnchecked "a load may run off its data",
        ShadowStackFree "the shadow stack is not counted among the bytes of stack",
        StackPointerUnchecked "the stack pointer need not be put back",
        GlobalUnchecked "a global may keep a value beyond the call",
        ArgumentsSwapped "the first two arguments of an inner call are swapped",
        SignExtendOneLess "a sign extension takes the bit below the sign",
    }
    Rewriter {
        SumForgetsCarry "known bits of a sum ignore the carry out of unknown bits",
        SignedShiftIsUnsigned "a signed shift by a constant fills with zeros",
        ShiftAmountUnmaskedConst "a constant shift amount beyond the width gives 0",
        PowerOfTwoMaskOff "a remainder by a power of two keeps one bit too many",
        SubtractionSwapped "`(p + q) - p` is `p`",
        SelectArmImplied "the arm that a condition implies is taken on the wrong side",
        SelectMergeUnguarded "a choice within a choice forgets the outer condition",
        SignExtensionLost "a sign extension of a word is a zero extension",
    }
    Prover {
        SubstitutionSign "`!(x & y) & x` becomes `y & x`",
        ResolutionSign "`!(x & y) & !(x & !y)` becomes `x`",
        ContradictionMissed "`(x & y) & (!x & z)` is not seen as contradictory but as `z & (x & y)`",
        HashIgnoresSign "two gates hash to one when they differ in the complement of the second operand",
        CarryDropped "the carry of a full adder forgets the incoming carry",
        SignedAsUnsigned "a signed comparison compares unsigned",
        ShiftAmountUnmasked "the shift amount is not reduced modulo the width: a 32-bit shift looks at one bit too many",
        ShiftFillZero "an arithmetic right shift fills with zero",
        MuxSwapped "`select` operands are swapped",
        CountOfZero "counting trailing zeros of zero yields zero",
        FactorDigitCarry "a negative digit of a constant factor is not made up for by the next digit",
        RemainderSign "signed remainder takes the sign of the divisor",
        TableIndexCut "a table index is cut to the bits the table needs",
        ClauseDropped "the last clause of the Tseitin encoding of a gate is left out",
        SatAnswerInverted "the SAT solver's \"unsatisfiable\" is reported as \"gave up\" and the other way round",
        BddComplementLost "a diagram's complement mark is lost on the way to a child",
        BddCacheKey "a diagram's conjunction is cached under one operand only",
        ModelOrder "a model's bits are handed back in the diagram's order",
        AssumedSign "a conjunct is assumed to be false where the conjunction is true",
        PreconditionIgnored "the precondition is not conjoined",
        VacuityMissed "an unsatisfiable precondition is not noticed",
        SimulationRootSign "simulation looks at the complement of the root",
        ShrinkUnchecked "minimisation takes the candidate without looking whether it still fails",
        ModelUnchecked "a counterexample is returned without evaluating it",
    }
    Verifier {
        UnknownIsNever "a question that nobody decided counts as proved",
        BooleanUnchecked "a predicate may be neither 0 nor 1",
        FirstObligationOnly "of several obligations of an export, the first is asked about",
        CounterexampleUnreplayed "a counterexample is reported without running it on the code",
    }
    Laws {
        WhereIgnored "the `where` of a law is left out",
        LawConjunctionEither "`&&` of a law is `||`",
        LawShiftRight "`>>` of a law shifts left",
    }
    Reducer {
        CubeLosesLiteral "a mask test loses its lowest bit, and nobody proves the reduction",
        MoveOffByOne "a masked shift moves one bit too far, and nobody proves the reduction",
    }
    CodeGenerator {
        CodeShiftSigned "compiled code shifts to the right with the sign",
        CodeSelectSwapped "compiled code swaps the operands of a choice",
        CodeCompareSigned "compiled code compares signed",
        CodeExtendSigned "compiled code extends with the sign",
        CodeQuotientKept "compiled code divides by -1 as by 1",
        CodeTableShort "compiled code takes the last entry of a table for one beyond",
    }
    VectorKernel {
        VectorTailLost "entries behind the last whole line are not looked at",
        VectorIndexFromZero "a run that does not begin at entry 0 is numbered as if it did",
        VectorOrderIgnored "entries stored most significant byte first are read the other way round",
        VectorInversionLost "a test for what is not kept is one for what is",
        VectorTermLost "the last term of a word is left out",
        VectorByteShared "of two moves that meet in a byte, both are made from the same place",
        VectorUntilLost "a scan that should end goes on",
    }
    Walker {
        WalkCycleUnseen "a table that is on its own trail is entered again",
        WalkPermsUnfolded "the permissions of the entries above are forgotten two levels down",
        WalkBadFollowed "a table that the MMU would not use is followed",
        WalkRangeEndForgotten "the last leaf is not cut to the range",
        WalkMissingSkipsTable "behind entries that are not in the image the rest of the table is skipped",
        WalkOffsetLost "a leaf that the range begins inside of is shown from its first byte",
        WalkFilterOwnPermissions "a filter on effective permissions looks at the leaf alone",
        WalkPartForgetsAbove "a part of a walk forgets the permissions above it",
        WalkDirectoryUnbounded "a directory of huge pages may have more ptes than a table",
        WalkDirectoryTakesPerms "the entry that leads to a directory of huge pages permits what its bits say",
        WalkLeafWithoutReader "a leaf at the pgd is taken from the address of the next table",
    }
    Gup {
        GupUndoOnePage "a missing pgmap gives back the last page of the table instead of all",
        GupChangedPageKept "a page whose entry changed keeps its reference",
        GupReferenceOnTail "references are counted on the page, not on its head",
        GupPmdNotRechecked "the pmd above a pte is not looked at again",
        GupSpecialBeforeDevmap "a pte that is special and device memory is refused",
        GupKilledPgmapFound "a pgmap that was killed still gives references",
        GupPgmapLeaks "the pgmap found last keeps its reference when a table is left",
        GupHugeOneReference "the pages of a huge leaf hold one reference together",
        GupHugeFromFirstPage "the pages of a huge leaf are counted from its first, wherever the range begins",
        GupPinAsReference "a pin of a small page is one reference",
        GupReadsOnly "entries are asked for reading whatever the access",
        GupPeersWelcome "memory of a PCI peer is taken without being asked for",
        GupMovablePinned "a page that may have to move is pinned for long",
        GupFilePinned "a page that is written back is pinned for long",
        GupZeroHeld "the zero page is held",
        GupSecretTaken "secret memory is taken",
        GupUnshareForgotten "a shared anonymous page is pinned for reading as it is",
        GupFileReadForLong "a page of a file is pinned for reading for long",
        GupFlagsTogether "flags that exclude one another are accepted together",
        GupFreedPageTaken "a page without references is taken",
        GupPinsInReferences "a compound page of one order more is needed for pins in a count of their own",
        GupHugeNotRechecked "a huge leaf is not looked at again",
        GupDirectoryReadOnly "a huge page of a directory need be writable for WRITE alone in every kernel",
        GupDevicePinnedForLong "device memory is pinned for long",
    }
    Inputs {
        LoadsUncompared "loads that overlap need not agree",
        NotesUnaligned "notes aligned to 8 bytes are read as if to 4",
        LastKeyWins "of two lines of VMCOREINFO with one key the last counts",
        HexOfNumbers "a number of VMCOREINFO that begins with 0x is decimal",
        ExtentsUnaligned "extents of a table image follow each other without gaps in the file",
        RunBeyondSegment "memory asked for behind the beginning of a segment reaches as far beyond its end",
        PgmapEndIncluded "the first byte behind a pgmap belongs to it",
    }
}

pub use switch::seeded;
#[cfg(any(test, feature = "seeded-faults"))]
pub use switch::with;

#[cfg(not(any(test, feature = "seeded-faults")))]
mod switch {
    use super::Fault;

    /// Whether a fault is switched on.
    #[inline(always)]
    pub const fn seeded(_: Fault) -> bool {
        false
    }
}

#[cfg(all(feature = "seeded-faults", not(test)))]
mod switch {
    use std::sync::atomic::{AtomicU64, Ordering};
    use std::sync::{Mutex, PoisonError};

    use super::Fault;

    /// Held while faults are switched on.
    static IN_USE: Mutex<()> = Mutex::new(());

    /// One bit per fault.
    static ACTIVE: [AtomicU64; 4] = [const { AtomicU64::new(0) }; 4];

    /// Whether a fault is switched on in this process.
    #[inline(always)]
    pub fn seeded(fault: Fault) -> bool {
        let number = fault as usize;
        ACTIVE[number / 64].load(Ordering::Relaxed) >> (number % 64) & 1 == 1
    }

    /// Runs `body` with the given faults switched on in this process, after whoever does so now.
    pub fn with<R>(faults: &[Fault], body: impl FnOnce() -> R) -> R {
        let _alone = IN_USE.lock().unwrap_or_else(PoisonError::into_inner);
        for fault in faults {
            let number = *fault as usize;
            ACTIVE[number / 64].fetch_or(1 << (number % 64), Ordering::Relaxed);
        }
        let result = body();
        ACTIVE.iter().for_each(|active| active.store(0, Ordering::Relaxed));
        result
    }
}

#[cfg(test)]
mod switch {
    use std::cell::Cell;

    use super::Fault;

    thread_local! {
        /// One bit per fault.
        static ACTIVE: Cell<[u64; 4]> = const { Cell::new([0; 4]) };
    }

    /// Whether a fault is switched on in this thread.
    pub fn seeded(fault: Fault) -> bool {
        let number = fault as usize;
        ACTIVE.get()[number / 64] >> (number % 64) & 1 == 1
    }

    /// Runs `body` with the given faults switched on in this thread.
    pub fn with<R>(faults: &[Fault], body: impl FnOnce() -> R) -> R {
        let mut active = [0; 4];
        for fault in faults {
            active[*fault as usize / 64] |= 1 << (*fault as usize % 64);
        }
        ACTIVE.set(active);
        let result = body();
        ACTIVE.set([0; 4]);
        result
    }
}
