//! Which versions, cipher suites and application protocols a TLS connection may have, in the words
//! of OpenSSL and HAProxy.
#![expect(clippy::disallowed_types, reason = "rustls shares its objects this way")]

use std::sync::Arc;

use rustls::crypto::{CryptoProvider, ring};
use rustls::{CipherSuite, SupportedCipherSuite, SupportedProtocolVersion};

use super::TlsError;

/// A version of TLS that can be spoken. Older versions are not safe, and rustls does
/// not have them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Version {
    /// TLS 1.2.
    Tls12,
    /// TLS 1.3.
    Tls13,
}

/// What a connection may have.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Policy {
    /// The oldest version.
    pub oldest: Version,
    /// The newest version.
    pub newest: Version,
    /// The cipher suites of TLS 1.2, the best first; all that are known if there is no list.
    pub suites12: Option<Vec<CipherSuite>>,
    /// The cipher suites of TLS 1.3.
    pub suites13: Option<Vec<CipherSuite>>,
    /// The application protocols (ALPN), the best first.
    pub protocols: Vec<Vec<u8>>,
    /// Whether a connection may continue an earlier one.
    pub resumes: bool,
}

impl Default for Policy {
    fn default() -> Self {
        Self {
            oldest: Version::Tls12,
            newest: Version::Tls13,
            suites12: None,
            suites13: None,
            protocols: Vec::new(),
            resumes: true,
        }
    }
}

/// The names that OpenSSL has for the cipher suites that are known, with their numbers.
const SUITES: [(&str, CipherSuite); 9] = [
    ("TLS_AES_256_GCM_SHA384", CipherSuite::TLS13_AES_256_GCM_SHA384),
    ("TLS_AES_128_GCM_SHA256", CipherSuite::TLS13_AES_128_GCM_SHA256),
    ("TLS_CHACHA20_POLY1305_SHA256", CipherSuite::TLS13_CHACHA20_POLY1305_SHA256),
    ("ECDHE-ECDSA-AES256-GCM-SHA384", CipherSuite::TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384),
    ("ECDHE-ECDSA-AES128-GCM-SHA256", CipherSuite::TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256),
    ("ECDHE-ECDSA-CHACHA20-POLY1305", CipherSuite::TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256),
    ("ECDHE-RSA-AES256-GCM-SHA384", CipherSuite::TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384),
    ("ECDHE-RSA-AES128-GCM-SHA256", CipherSuite::TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256),
    ("ECDHE-RSA-CHACHA20-POLY1305", CipherSuite::TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256),
];

/// The cipher suite with this name of OpenSSL, if it is known.
pub fn suite(name: &str) -> Option<CipherSuite> {
    SUITES.iter().find(|(known, _)| *known == name).map(|(_, suite)| *suite)
}

/// The name that OpenSSL has for a cipher suite.
pub fn suite_name(suite: CipherSuite) -> Option<&'static str> {
    SUITES.iter().find(|(_, known)| *known == suite).map(|(name, _)| *name)
}

/// The bits of the key of a cipher suite.
pub fn key_bits(suite: CipherSuite) -> Option<u32> {
    let name = suite_name(suite)?;
    Some(if name.contains("128") { 128 } else { 256 })
}

impl Policy {
    /// The versions, for rustls.
    pub(super) fn versions(&self) -> Vec<&'static SupportedProtocolVersion> {
        let known =
            [(Version::Tls12, &rustls::version::TLS12), (Version::Tls13, &rustls::version::TLS13)];
        let may_be = |version: &Version| (self.oldest..=self.newest).contains(version);
        known.into_iter().filter(|(version, _)| may_be(version)).map(|(_, it)| it).collect()
    }

    /// The cryptography with the cipher suites of the policy.
    ///
    /// # Errors
    /// When no suite is left for the versions.
    pub(super) fn provider(&self) -> Result<Arc<CryptoProvider>, TlsError> {
        let mut provider = ring::default_provider();
        let known = provider.cipher_suites;
        let mut suites = Vec::with_capacity(known.len());
        for (wanted, is_new) in [(&self.suites13, true), (&self.suites12, false)] {
            let own = known.iter().copied().filter(|suite| is_of_13(*suite) == is_new);
            match wanted {
                None => suites.extend(own),
                Some(wanted) => suites.extend(
                    wanted
                        .iter()
                        .filter_map(|wanted| own.clone().find(|suite| suite.suite() == *wanted)),
                ),
            }
        }
        let may_be = |suite: &SupportedCipherSuite| match is_of_13(*suite) {
            true => self.newest == Version::Tls13,
            false => self.oldest == Version::Tls12,
        };
        if !suites.iter().any(may_be) {
            return Err(TlsError::new("no cipher suite is left"));
        }
        provider.cipher_suites = suites;
        Ok(Arc::new(provider))
    }
}

fn is_of_13(suite: SupportedCipherSuite) -> bool {
    suite.tls13().is_some()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_known_suite_has_a_name() {
        let known = ring::default_provider().cipher_suites;
        assert_eq!(known.len(), SUITES.len());
        assert!(known.iter().all(|suite| suite_name(suite.suite()).is_some()));
        assert!(SUITES.iter().all(|(name, number)| suite(name) == Some(*number)));
    }

    #[test]
    fn a_policy_without_a_suite_for_its_versions_is_refused() {
        let policy =
            Policy { oldest: Version::Tls13, suites13: Some(Vec::new()), ..Policy::default() };
        assert!(policy.provider().is_err());
        let both = Policy { oldest: Version::Tls12, ..policy };
        assert_eq!(both.provider().map(|provider| provider.cipher_suites.len()), Ok(6));
        assert_eq!(both.versions().len(), 2);
    }
}
