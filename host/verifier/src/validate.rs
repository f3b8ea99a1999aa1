//! WebAssembly rules and the integer subset.
