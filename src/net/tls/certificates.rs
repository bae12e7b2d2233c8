//! Certificates with their keys, as they stand in files.
#![expect(clippy::disallowed_types, reason = "rustls shares its objects this way")]

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, PoisonError, RwLock};

use rustls::crypto::ring;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::sign::{CertifiedKey, SigningKey};
use x509_cert::Certificate;
use x509_cert::der::{Decode, Encode};

use super::TlsError;
use super::names::Names;

/// A certificate with the key that belongs to it. All copies have the same one, also once it was
/// replaced.
#[derive(Clone, Debug)]
pub struct Identity {
    current: Arc<RwLock<Pair>>,
    /// How often a certificate of the process was replaced.
    replaced: Arc<AtomicUsize>,
}

/// A certificate and its key.
#[derive(Clone, Debug)]
pub(super) struct Pair {
    pub(super) key: Arc<CertifiedKey>,
    /// The names that it serves, in small letters.
    pub(super) names: Vec<String>,
}

impl Identity {
    /// Reads a certificate and its key as `Pair::from_pem` does.
    ///
    /// # Errors
    /// When a text has no certificate or no key, or the key does not belong to the certificate.
    pub fn from_pem(certificates: &[u8], key: &[u8]) -> Result<Self, TlsError> {
        let current = Arc::new(RwLock::new(Pair::from_pem(certificates, key)?));
        Ok(Self { current, replaced: Arc::default() })
    }

    /// The same as one of a process whose certificates are counted together.
    pub(super) fn counted_by(self, replaced: &Arc<AtomicUsize>) -> Self {
        Self { replaced: replaced.clone(), ..self }
    }

    /// The certificate and the key of now.
    pub(super) fn pair(&self) -> Pair {
        self.current.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Has every copy have another certificate from now on.
    pub(super) fn replace(&self, pair: Pair) {
        *self.current.write().unwrap_or_else(PoisonError::into_inner) = pair;
        self.replaced.fetch_add(1, Ordering::Relaxed);
    }

    /// How often a certificate of the process was replaced.
    pub(super) fn replacements(&self) -> usize {
        self.replaced.load(Ordering::Relaxed)
    }
}

impl Pair {
    /// Reads a certificate, those that lead from it to an authority, and the key. Both texts are in
    /// the PEM format and may be one and the same; other sections of the files are passed over.
    ///
    /// # Errors
    /// When a text has no certificate or no key, or the key does not belong to the certificate.
    pub(super) fn from_pem(certificates: &[u8], key: &[u8]) -> Result<Self, TlsError> {
        let key = PrivateKeyDer::from_pem_slice(key)
            .map_err(|error| TlsError::new(format_args!("there is no private key: {error}")))?;
        let key = ring::default_provider().key_provider.load_private_key(key)?;
        Self::with_key(certificates, key)
    }

    /// The same with the key of an earlier certificate.
    pub(super) fn with_key(
        certificates: &[u8],
        key: Arc<dyn SigningKey>,
    ) -> Result<Self, TlsError> {
        let chain = read_certificates(certificates)?;
        let Some(first) = chain.first() else {
            return Err(TlsError::new("there is no certificate in it"));
        };
        let names =
            Names::of(first).ok_or_else(|| TlsError::new("the certificate cannot be read"))?;
        let names = names.of_server().map(str::to_ascii_lowercase).collect();
        // rustls compares them too, but refuses certificates of version 1, which many tools still
        // make.
        let of_key = key.public_key();
        if of_key.is_some_and(|own| public_key(first).is_none_or(|named| own.as_ref() != named)) {
            return Err(TlsError::new("the key does not belong to the certificate"));
        }
        Ok(Self { key: Arc::new(CertifiedKey::new(chain, key)), names })
    }
}

/// The public key that a certificate names, in the form of the certificate.
fn public_key(certificate: &CertificateDer<'_>) -> Option<Vec<u8>> {
    let body = Certificate::from_der(certificate).ok()?.tbs_certificate;
    body.subject_public_key_info.to_der().ok()
}

/// Whether a PEM text has a private key.
pub fn has_key(text: &[u8]) -> bool {
    PrivateKeyDer::from_pem_slice(text).is_ok()
}

/// All certificates of a PEM text.
pub(super) fn read_certificates(text: &[u8]) -> Result<Vec<CertificateDer<'static>>, TlsError> {
    let read: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(text).collect();
    read.map_err(|error| TlsError::new(format_args!("it is not in the PEM format: {error}")))
}
