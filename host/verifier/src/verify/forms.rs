//! What each helper computes: the plugin's closed form, or the generic stub that stands in for it.
//!
//! In: the lifted exports. Out: a [`Form`] for every helper that has a meaning under the contract. Guaranteed: stubs
//! answer as the defaults of [`ptwalk_abi::Arch`] do, so that whoever uses a form need not know where it is from.

use ptwalk_abi::{Helper, Op, Stub, ValType};

use crate::expr::{Arena, Built, ExprId, NodeBudgetSpent, Width};
use crate::lift::Lifted;

/// Where a closed form comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum FormSource {
    /// The plugin exports the helper.
    Plugin,
    /// The generic stub stands in.
    Stub(Stub),
}

/// What a helper computes, over its arguments as inputs 0, 1, … in the widths of its signature.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Form {
    /// The result, in the width of the signature.
    pub result: ExprId,
    /// Where it comes from.
    pub source: FormSource,
}

/// Width of a parameter or result.
pub(super) const fn width(ty: ValType) -> Width {
    match ty {
        ValType::I32 => Width::W32,
        ValType::I64 => Width::W64,
    }
}

/// A form for every helper that the plugin exports or that has a stub; by position in [`Helper::ALL`].
pub(super) fn resolve(lifted: &mut Lifted) -> Result<Vec<Option<Form>>, NodeBudgetSpent> {
    let exported = |lifted: &Lifted, helper| lifted.helper(helper).and_then(|export| export.result);
    let mut forms = vec![None; Helper::ALL.len()];
    for (slot, helper) in forms.iter_mut().zip(Helper::ALL.iter().copied()) {
        *slot = match exported(lifted, helper) {
            Some(result) => Some(Form { result, source: FormSource::Plugin }),
            None => {
                let permits = [Op::Present, Op::Write].map(|op| Helper::find(helper.level(), op));
                let permits = permits.map(|predicate| exported(lifted, predicate?));
                let result = stub(&mut lifted.arena, helper, permits)?;
                result.map(|result| Form { result, source: FormSource::Stub(helper.stub()) })
            }
        };
    }
    Ok(forms)
}

/// The generic definition; `permits` are the plugin's own `present` and `write` of the level.
fn stub(arena: &mut Arena, helper: Helper, permits: [Option<ExprId>; 2]) -> Result<Option<ExprId>, NodeBudgetSpent> {
    let result = width(helper.signature().result());
    let form = match helper.stub() {
        Stub::Required | Stub::Undefined => return Ok(None),
        Stub::Zero => arena.constant(result, 0)?,
        Stub::One => arena.constant(result, 1)?,
        Stub::Identity => arena.input(0, Width::W64)?,
        Stub::Equal => {
            let (a, b) = (arena.input(0, Width::W64)?, arena.input(1, Width::W64)?);
            let equal = arena.eq(a, b)?;
            arena.zext(equal, result)?
        }
        Stub::PresentAndWrite => permitted(arena, helper, permits)?,
    };
    Ok(Some(form))
}

/// `present(x) && (!write || write(x))`; a folded level is present, and without `pXd_write` nothing is writable.
fn permitted(arena: &mut Arena, helper: Helper, [present, write]: [Option<ExprId>; 2]) -> Built {
    let present = match present {
        Some(present) => arena.truth(present)?,
        None => {
            let stub = Helper::find(helper.level(), Op::Present).map(Helper::stub);
            arena.constant(Width::W1, (stub == Some(Stub::One)).into())?
        }
    };
    let writable = match write {
        Some(write) => arena.truth(write)?,
        None => arena.constant(Width::W1, 0)?,
    };
    let asked = arena.input(1, Width::W32)?;
    let asked = arena.truth(asked)?;
    let not_asked = arena.not(asked)?;
    let enough = arena.or(not_asked, writable)?;
    let granted = arena.and(present, enough)?;
    arena.zext(granted, Width::W32)
}

#[cfg(test)]
mod tests {
    use ptwalk_abi::{Arch, Config};

    use super::*;
    use crate::expr::Evaluator;
    use crate::lift::{Module, NoOracle, lift};

    /// Two helpers of its own; everything else is what the contract makes of their absence.
    struct Native;

    impl Arch for Native {
        fn pte_none(&self, _: u64) -> bool {
            false
        }
        fn pte_present(&self, x: u64) -> bool {
            x & 1 != 0
        }
        fn pte_write(&self, x: u64) -> bool {
            x & 2 != 0
        }
        fn pte_pfn(&self, _: u64) -> u64 {
            0
        }
        fn PGDIR_SHIFT(&self) -> u32 {
            0
        }
        fn PTRS_PER_PGD(&self) -> u32 {
            0
        }
        fn PTRS_PER_PTE(&self) -> u32 {
            0
        }
        fn LOWER_HALF_END(&self) -> u64 {
            0
        }
    }

    #[test]
    fn stubs_answer_as_the_defaults_of_the_trait() {
        let wat = r#"(module
            (func (export "pte_present") (param i64) (result i32)
                (i32.and (i32.wrap_i64 (local.get 0)) (i32.const 1)))
            (func (export "pte_write") (param i64) (result i32)
                (i32.and (i32.wrap_i64 (i64.shr_u (local.get 0) (i64.const 1))) (i32.const 1))))"#;
        let bytes = wat::parse_str(wat).expect("WAT");
        let module = Module::decode(&bytes).expect("within the subset");
        let mut lifted = lift(&module, &Config::DEFAULT, &mut NoOracle).expect("it has no loops");
        let forms = resolve(&mut lifted).expect("a few nodes");
        let mut stubs = 0;
        for (helper, form) in Helper::ALL.iter().copied().zip(&forms) {
            let Some(form) = form else {
                assert!(matches!(helper.stub(), Stub::Required | Stub::Undefined), "{helper}");
                continue;
            };
            stubs += usize::from(form.source != FormSource::Plugin);
            assert_eq!(lifted.arena.width(form.result), width(helper.signature().result()), "{helper}");
            for args in [[0, 0], [1, 0], [1, 1], [2, 1], [3, 1], [3, 0], [3, 3], [u64::MAX, 1 << 31]] {
                let value = Evaluator::new(args.to_vec()).value(&lifted.arena, form.result);
                assert_eq!(value, Native.call(helper, args), "{helper}{args:?}");
            }
        }
        assert!(stubs > 40, "only {stubs} stubs");
    }
}
