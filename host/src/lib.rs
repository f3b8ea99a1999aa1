//! ptwalk: a page-table walker whose architecture is a WASM plugin.
//!
//! The modules follow the data: an [`image`] of physical memory and a plugin (validated by `ptwalk_verifier`) meet in
//! an [`engine`], which answers what entries mean; [`walk`] descends the tables of the image with those answers, and
//! [`gup`] models the kernel's `get_user_pages_fast` over the same descent. Where plugins change while walks go on,
//! [`admission`] makes them ready and a [`slot`] publishes them.

pub mod admission;
pub mod audit;
pub mod bench;
pub mod compare;
pub mod engine;
pub mod errno;
pub mod extract;
pub mod fuzz;
pub mod gup;
pub mod image;
pub mod number;
pub mod plugin;
pub mod probe;
pub mod sample;
pub mod scaffold;
pub mod serve;
pub mod show;
pub mod slot;
pub mod synth;
pub mod toolchain;
pub mod typed;
pub mod walk;
pub mod watch;
mod xdg;
pub mod zone;
