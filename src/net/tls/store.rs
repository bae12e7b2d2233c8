//! The certificates of the process by their files, and replacing them while it runs: the new one is
//! staged first, and then takes the place of the old one everywhere at once. Connections that are
//! open stay as they are.
#![expect(clippy::disallowed_types, reason = "rustls shares its objects this way")]

use std::sync::Arc;
use std::sync::atomic::AtomicUsize;

use super::TlsError;
use super::certificates::{Identity, Pair, has_key};
use super::report;

/// The certificates of the process.
#[derive(Clone, Debug, Default)]
pub struct CertificateStore {
    files: Vec<StoredFile>,
    staged: Option<Staged>,
    /// How often one of them was replaced.
    replaced: Arc<AtomicUsize>,
}

#[derive(Clone, Debug)]
struct StoredFile {
    name: String,
    identity: Identity,
    /// How many lines name it.
    uses: usize,
}

#[derive(Clone, Debug)]
struct Staged {
    /// The place of its file.
    file: usize,
    pair: Pair,
}

/// Why a certificate is not replaced.
#[derive(Debug)]
pub enum StoreError {
    /// No word of the configuration names such a file.
    UnknownFile,
    /// Nothing is staged.
    NothingStaged,
    /// One for this other file is staged.
    OtherStaged(String),
    /// The text is no certificate with its key.
    Unusable(TlsError),
}

impl CertificateStore {
    /// The certificate of a file. It is read once, however many lines name the file.
    ///
    /// # Errors
    /// Those of `read`.
    pub fn identity<E>(
        &mut self,
        name: &str,
        read: impl FnOnce() -> Result<Identity, E>,
    ) -> Result<Identity, E> {
        if let Some(known) = self.files.iter_mut().find(|file| file.name == name) {
            known.uses += 1;
            return Ok(known.identity.clone());
        }
        let identity = read()?.counted_by(&self.replaced);
        self.files.push(StoredFile { name: name.to_owned(), identity: identity.clone(), uses: 1 });
        Ok(identity)
    }

    /// The names of the files.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.files.iter().map(|file| file.name.as_str())
    }

    /// The name of the file for which a certificate is staged.
    pub fn staged(&self) -> Option<&str> {
        let staged = self.staged.as_ref()?;
        self.files.get(staged.file).map(|file| file.name.as_str())
    }

    /// Stages the certificate of a text in the PEM format. Without a key in it the earlier key
    /// stays. Returns whether it takes the place of one that was staged.
    ///
    /// # Errors
    /// When it cannot be used. Nothing has changed then.
    pub fn stage(&mut self, name: &str, text: &[u8]) -> Result<bool, StoreError> {
        let file = self.files.iter().position(|file| file.name == name);
        let file = file.ok_or(StoreError::UnknownFile)?;
        self.check_other(name)?;
        let pair = if has_key(text) {
            Pair::from_pem(text, text)
        } else {
            let earlier = match (&self.staged, self.files.get(file)) {
                (Some(staged), _) => staged.pair.key.key.clone(),
                (None, Some(stored)) => stored.identity.pair().key.key.clone(),
                (None, None) => return Err(StoreError::UnknownFile),
            };
            Pair::with_key(text, earlier)
        };
        let pair = pair.map_err(StoreError::Unusable)?;
        Ok(self.staged.replace(Staged { file, pair }).is_some())
    }

    /// Has every listener and server that uses the file use what was staged. Returns how many lines
    /// name the file.
    ///
    /// # Errors
    /// When nothing is staged for the file.
    pub fn commit(&mut self, name: &str) -> Result<usize, StoreError> {
        let staged = self.take_staged(name)?;
        let Some(file) = self.files.get(staged.file) else { return Ok(0) };
        file.identity.replace(staged.pair);
        Ok(file.uses)
    }

    /// Forgets what was staged.
    ///
    /// # Errors
    /// When nothing is staged for the file.
    pub fn abort(&mut self, name: &str) -> Result<(), StoreError> {
        self.take_staged(name).map(|_| ())
    }

    /// What is to be told of a file, or of what is staged for it; none if there is no such thing.
    pub fn report(&self, name: &str, is_staged: bool) -> Option<String> {
        let pair = if is_staged {
            self.staged.as_ref().filter(|_| self.staged() == Some(name))?.pair.clone()
        } else {
            self.files.iter().find(|file| file.name == name)?.identity.pair()
        };
        report::of_chain(&pair.key.cert)
    }

    fn take_staged(&mut self, name: &str) -> Result<Staged, StoreError> {
        self.check_other(name)?;
        self.staged.take().ok_or(StoreError::NothingStaged)
    }

    fn check_other(&self, name: &str) -> Result<(), StoreError> {
        match self.staged() {
            Some(other) if other != name => Err(StoreError::OtherStaged(other.to_owned())),
            Some(_) | None => Ok(()),
        }
    }
}
