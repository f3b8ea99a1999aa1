//! Reading a constant table at a symbolic index.

use super::super::aig::{Aig, CircuitError, Lit};
use super::arith::any_from;
use super::{Word, and};
use crate::fault::{Fault, seeded};

/// Entry `index` of a table of constants of `width` bits; zero beyond its end. One tree of multiplexers per bit of the
/// result, one row of it per bit of the index; equal halves of a column collapse, equal columns are built once.
///
/// # Errors
/// [`CircuitError::WidthOutOfRange`] and [`CircuitError::GateBudget`].
///
/// # Cost
/// Linear in the table, once per bit of the result; nothing when the index is constant.
pub fn lookup(g: &mut Aig, index: &Word, entries: &[u64], width: u32) -> Result<Word, CircuitError> {
    if let Some(index) = index.as_constant() {
        let entry = usize::try_from(index).ok().and_then(|index| entries.get(index)).copied().unwrap_or(0);
        return Word::constant(entry, width);
    }
    let address_bits = entries.len().next_power_of_two().trailing_zeros() as usize;
    let address = index.bits().get(..address_bits).unwrap_or(index.bits());
    let columns = (0..width).map(|bit| {
        let column = entries.iter().map(|entry| Lit::constant(entry >> bit & 1 == 1)).collect();
        select(g, address, column)
    });
    let entry = Word::new(columns.collect::<Result<_, _>>()?)?;
    if seeded(Fault::TableIndexCut) {
        return Ok(entry);
    }
    let inside = !any_from(g, index, address_bits)?;
    and(g, &entry, &Word::new(vec![inside; width as usize])?)
}

/// The literal at a symbolic position; false beyond the end.
fn select(g: &mut Aig, address: &[Lit], column: Vec<Lit>) -> Result<Lit, CircuitError> {
    let mut rows = column;
    for &bit in address {
        rows = rows
            .chunks(2)
            .map(|pair| match *pair {
                [even, odd] => g.mux(bit, odd, even),
                [even] => g.and(even, !bit),
                _ => Ok(Lit::FALSE),
            })
            .collect::<Result<_, _>>()?;
    }
    Ok(rows.first().copied().unwrap_or(Lit::FALSE))
}
