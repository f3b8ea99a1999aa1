//! Walking tables: the one descent, and what a forensic walk makes of it.
//!
//! In: an [`Image`](crate::image::Image), a [`Geometry`](ptwalk_abi::Geometry), a [`Root`] and an
//! [`Engine`](crate::engine::Engine) built with the queries of [`walk_queries`](crate::engine::query::walk_queries).
//! Out: events in ascending order of address ([`map`]), of which the commands make tables, counts and trails. Every
//! decision about what an entry means is the plugin's.

pub mod census;
pub mod descent;
pub mod map;
pub mod merge;

pub use descent::{Flow, Passed, Root, Step, TableSet, Visitor, WalkError, descend};
pub use map::{Attrs, Event, Mapping, Problem, ProblemKind, walk_map};
