//! A service that answers walks while its plugin changes, and a socket for it.
//!
//! In: an image, roots, a plugin to begin with; then requests, as values or as lines of JSON (docs/serving.md). Out:
//! answers, each of one generation of the plugin and signed with it. [`Service`] is all of it without a socket;
//! [`Server`] serves many clients over a Unix-domain socket; [`follow`] swaps when a file changes. Guaranteed: what a
//! client sends is bounded before it is kept, what it asks is bounded before it is done, and a client that is slow, mute or
//! hostile costs the others nothing but its share of the connections. Not handled: other hosts, and other users than the
//! owner of the socket.

mod answer;
mod connection;
mod error;
pub mod follow;
mod gate;
mod limits;
mod metrics;
mod page;
mod registry;
mod request;
mod server;
mod service;
mod socket;
mod status;

pub use error::{AnswerError, RequestError};
pub use limits::Limits;
pub use request::{DumpRequest, GupRequest, Request, SwapRequest, Verb, WalkRequest};
pub use server::{Drained, Server, Stop};
pub use service::{Service, Setup, Swapped};
pub use socket::BindError;
