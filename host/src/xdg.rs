//! Where a user's files are: the XDG Base Directory Specification 0.8.

use std::path::PathBuf;

/// A path that the environment names. A relative one is to be ignored.
pub fn absolute(variable: &str) -> Option<PathBuf> {
    std::env::var_os(variable).map(PathBuf::from).filter(|path| path.is_absolute())
}

/// `$XDG_CACHE_HOME`, or `~/.cache`; `None` where neither is known.
pub fn cache_home() -> Option<PathBuf> {
    home("XDG_CACHE_HOME", ".cache")
}

/// `$XDG_DATA_HOME`, or `~/.local/share`; `None` where neither is known.
pub fn data_home() -> Option<PathBuf> {
    home("XDG_DATA_HOME", ".local/share")
}

fn home(variable: &str, below_home: &str) -> Option<PathBuf> {
    absolute(variable).or_else(|| absolute("HOME").map(|home| home.join(below_home)))
}
