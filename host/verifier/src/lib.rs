//! Decides whether a plugin is safe and lawful, for every input.
//!
//! In: the bytes of a WASM module and a frozen configuration. Out: a type per stage, each built only from the one
//! before. [`validate`] checks WebAssembly's own rules, then ptwalk's integer subset, the whitelist of imports and
//! exports, signatures and sizes; [`lift`] turns each export into a closed form by exact symbolic execution; [`verify`]
//! proves that the forms are safe and keep the [`laws`]. Nothing of a plugin is ever compiled or run natively here.
#![forbid(unsafe_code)]

pub mod bits;
pub mod blast;
pub mod code;
pub mod deadline;
pub mod diagram;
pub mod expr;
pub mod fault;
mod hash;
pub mod laws;
pub mod lift;
pub mod limits;
pub mod op;
pub mod reduce;
pub mod report;
pub mod source;
pub mod text;
pub mod validate;
pub mod verify;
