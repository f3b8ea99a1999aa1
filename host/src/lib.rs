//! Walks page tables in memory images; the architecture is a verified WASM plugin.
//!
//! In: a memory image and a plugin. Out: what the tables in the image map. [`image`] gives the physical memory of a
//! dump as byte slices of the mapped file.

pub mod image;
