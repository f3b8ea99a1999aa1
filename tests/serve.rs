//! The service: its protocol, swaps under load, faults, and hostile clients.
//!
//! Most tests run the library in this process; what needs a process of its own (signals, limits, memory) runs the program.
//! `cargo test --release --test serve -- --ignored --nocapture soak` is the long soak, and prints its figures.

#[path = "serve/client.rs"]
mod client;
#[path = "serve/faults.rs"]
mod faults;
#[path = "serve/hostile.rs"]
mod hostile;
#[path = "serve/killed.rs"]
mod killed;
#[path = "serve/protocol.rs"]
mod protocol;
#[path = "serve/soak.rs"]
mod soak;
mod support;
