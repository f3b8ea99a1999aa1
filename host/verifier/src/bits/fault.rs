//! Deliberate faults, one per rule whose loss would make the engine unsound.
//!
//! In: the name of a fault, at the place in the code it would damage. Out: whether a test has switched it on in this
//! thread. Outside tests [`injected`] is the constant `false` and every such branch disappears. The test
//! `every_seeded_fault_is_killed` shows that the properties of this module notice each of them.

/// The places that can be damaged.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Fault {
    /// `!(x & y) & x` becomes `y & x`.
    SubstitutionSign,
    /// `!(x & y) & !(x & !y)` becomes `x`.
    ResolutionSign,
    /// `(x & y) & (!x & z)` is not seen as contradictory but as `z & (x & y)`.
    ContradictionMissed,
    /// Two gates hash to one when they differ in the complement of the second operand.
    HashIgnoresSign,
    /// The carry of a full adder forgets the incoming carry.
    CarryDropped,
    /// A signed comparison compares unsigned.
    SignedAsUnsigned,
    /// The shift amount is not reduced modulo the width: a 32-bit shift looks at one bit too many.
    ShiftAmountUnmasked,
    /// An arithmetic right shift fills with zero.
    ShiftFillZero,
    /// `select` operands are swapped.
    MuxSwapped,
    /// Counting trailing zeros of zero yields zero.
    CountOfZero,
    /// A negative digit of a constant factor is not made up for by the next digit.
    FactorDigitCarry,
    /// Signed remainder takes the sign of the divisor.
    RemainderSign,
    /// A table index is cut to the bits the table needs.
    TableIndexCut,
    /// The last clause of the Tseitin encoding of a gate is left out.
    ClauseDropped,
    /// The SAT solver's "unsatisfiable" is reported as "gave up" and the other way round.
    SatAnswerInverted,
    /// A diagram's complement mark is lost on the way to a child.
    BddComplementLost,
    /// A diagram's conjunction is cached under one operand only.
    BddCacheKey,
    /// A model's bits are handed back in the diagram's order.
    ModelOrder,
    /// A conjunct is assumed to be false where the conjunction is true.
    AssumedSign,
    /// The precondition is not conjoined.
    PreconditionIgnored,
    /// An unsatisfiable precondition is not noticed.
    VacuityMissed,
    /// Simulation looks at the complement of the root.
    SimulationRootSign,
    /// Minimisation takes the candidate without looking whether it still fails.
    ShrinkUnchecked,
    /// A counterexample is returned without evaluating it.
    ModelUnchecked,
}

#[cfg(not(test))]
#[inline(always)]
pub(super) const fn injected(_: Fault) -> bool {
    false
}

#[cfg(test)]
thread_local! {
    /// One bit per fault.
    static ACTIVE: std::cell::Cell<u64> = const { std::cell::Cell::new(0) };
}

#[cfg(test)]
pub(super) fn injected(fault: Fault) -> bool {
    ACTIVE.get() >> fault as u32 & 1 == 1
}

/// Runs `body` with the given faults switched on in this thread.
#[cfg(test)]
pub(super) fn with<R>(faults: &[Fault], body: impl FnOnce() -> R) -> R {
    ACTIVE.set(faults.iter().fold(0, |active, &fault| active | 1 << fault as u32));
    let result = body();
    ACTIVE.set(0);
    result
}
