//! The laws of one verification: the host's, and those of law files.
//!
//! In: nothing, or the text of a law file. Out: a [`LawSet`], parsed once and used for any number of plugins and
//! configurations. Guaranteed: every law of the host is in it, whatever a file says; what is wrong with a file is kept
//! and refuses every plugin that is verified with it. Not handled: deciding laws.

use sha2::{Digest, Sha256};

use crate::laws::{self, Law, LawError, Overruled};
use crate::report::{Diagnostic, Warning};

/// Laws to verify plugins against.
#[derive(Clone, Debug)]
pub struct LawSet {
    laws: Vec<Law>,
    overruled: Vec<Overruled>,
    errors: Vec<LawError>,
    sha256: [u8; 32],
}

impl LawSet {
    /// The host's laws.
    ///
    /// # Errors
    /// Where the host's own table is wrong, which a test of the laws excludes.
    pub fn host() -> Result<LawSet, LawError> {
        let mut hash = Sha256::new();
        for law in ptwalk_abi::LAWS {
            hash_part(&mut hash, law.id);
            hash_part(&mut hash, law.text);
        }
        let laws = laws::host_laws()?;
        Ok(LawSet { laws, overruled: Vec::new(), errors: Vec::new(), sha256: hash.finalize().into() })
    }

    /// No laws, for what is decided without them.
    pub(super) fn none() -> LawSet {
        LawSet { laws: Vec::new(), overruled: Vec::new(), errors: Vec::new(), sha256: [0; 32] }
    }

    /// The host's laws and those of a file. A law of the file with the name of one of the host's is left out, with a
    /// warning.
    ///
    /// # Errors
    /// As [`LawSet::host`]. What is wrong with the file is no error here: see [`LawSet::errors`].
    pub fn with_file(text: &str) -> Result<LawSet, LawError> {
        let host = LawSet::host()?;
        let mut hash = Sha256::new();
        hash.update(host.sha256);
        hash_part(&mut hash, text);
        let file = laws::parse_file(text);
        let (laws, overruled) = laws::merge(host.laws, file.laws);
        Ok(LawSet { laws, overruled, errors: file.errors, sha256: hash.finalize().into() })
    }

    /// The laws, the host's first.
    pub fn laws(&self) -> &[Law] {
        &self.laws
    }

    /// What is wrong with the file, with the excerpt to show. Laws that are in order are in [`LawSet::laws`] all the
    /// same.
    pub fn errors(&self) -> &[LawError] {
        &self.errors
    }

    /// SHA-256 over the texts of all laws, in 64 lower-case hexadecimal digits.
    pub fn sha256_hex(&self) -> String {
        self.sha256.iter().map(|byte| format!("{byte:02x}")).collect()
    }

    /// The errors of the file as reasons to refuse.
    pub(super) fn diagnostics(&self) -> impl Iterator<Item = Diagnostic> {
        self.errors.iter().map(|error| {
            let code = super::code(error.code());
            let reason = "a law that says nothing must not look as if it had been kept";
            Diagnostic::new(code, format!("law file {error}"), reason).suggest(code.explain().fix)
        })
    }

    /// The warnings about the file.
    pub(super) fn warnings(&self) -> impl Iterator<Item = Warning> {
        self.overruled.iter().map(|overruled| Warning::new(format!("{}: {overruled}", Overruled::CODE)))
    }
}

/// Hashes a text so that no two lists of texts hash alike.
fn hash_part(hash: &mut Sha256, text: &str) {
    hash.update((text.len() as u64).to_le_bytes());
    hash.update(text);
}
