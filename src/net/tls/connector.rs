//! The end that connects to servers.
#![expect(clippy::disallowed_types, reason = "rustls shares its objects this way")]

use std::net::{IpAddr, Ipv4Addr};
use std::sync::{Arc, PoisonError, RwLock};

use rustls::client::{ResolvesClientCert, Resumption};
use rustls::pki_types::ServerName;
use rustls::sign::CertifiedKey;
use rustls::{ClientConfig, SignatureScheme};

use super::TlsError;
use super::certificates::Identity;
use super::policy::Policy;
use super::trust::{ServerCheck, ServerVerifier};

/// How many earlier sessions with a server are kept, so that they can be continued.
const SESSIONS_KEPT: usize = 64;

/// What the connections to a server are made with.
#[derive(Clone, Debug)]
pub struct ConnectorOptions {
    /// How the server's certificate is judged.
    pub check: ServerCheck,
    /// The certificate that the server is shown if it asks for one.
    pub identity: Option<Identity>,
    /// Versions, cipher suites and application protocols.
    pub policy: Policy,
}

/// The certificate that servers are shown which ask for one: the one of now.
#[derive(Debug)]
struct OwnCertificate(Identity);

impl ResolvesClientCert for OwnCertificate {
    fn resolve(&self, _: &[&[u8]], _: &[SignatureScheme]) -> Option<Arc<CertifiedKey>> {
        Some(self.0.pair().key)
    }

    fn has_certs(&self) -> bool {
        true
    }
}

/// What all connections to a server share.
#[derive(Clone, Debug)]
pub struct Connector {
    current: Arc<RwLock<Current>>,
    /// The certificate that servers are shown which ask for one.
    identity: Option<Identity>,
    resumes: bool,
}

/// What connections are made with.
#[derive(Debug)]
struct Current {
    config: Arc<ClientConfig>,
    /// How many certificates of the process had been replaced when its first session began.
    replacements: usize,
}

impl Connector {
    /// Prepares for a server.
    ///
    /// # Errors
    /// When what was asked for does not fit together.
    pub fn new(options: &ConnectorOptions) -> Result<Self, TlsError> {
        let ConnectorOptions { check, identity, policy } = options;
        let provider = policy.provider()?;
        let verifier = ServerVerifier::new(check, &provider)?;
        let builder = ClientConfig::builder_with_provider(provider)
            .with_protocol_versions(&policy.versions())?
            .dangerous()
            .with_custom_certificate_verifier(Arc::new(verifier));
        let mut config = match identity {
            Some(identity) => {
                builder.with_client_cert_resolver(Arc::new(OwnCertificate(identity.clone())))
            }
            None => builder.with_no_client_auth(),
        };
        config.alpn_protocols.clone_from(&policy.protocols);
        config.resumption = resumption(policy.resumes);
        Ok(Self::with(config, identity.clone(), policy.resumes))
    }

    fn with(config: ClientConfig, identity: Option<Identity>, resumes: bool) -> Self {
        let replacements = identity.as_ref().map_or(0, Identity::replacements);
        let current = Current { config: Arc::new(config), replacements };
        Self { current: Arc::new(RwLock::new(current)), identity, resumes }
    }

    /// The same with other application protocols.
    #[must_use]
    pub fn with_protocols(&self, protocols: &[Vec<u8>]) -> Self {
        let mut config = ClientConfig::clone(&self.config());
        config.alpn_protocols = protocols.to_vec();
        Self::with(config, self.identity.clone(), self.resumes)
    }

    /// What a connection is made with. Once a certificate was replaced, earlier sessions are
    /// continued no more: the server knows us in them by the earlier certificate.
    pub(super) fn config(&self) -> Arc<ClientConfig> {
        let current = self.current.read().unwrap_or_else(PoisonError::into_inner);
        let replacements = self.identity.as_ref().map_or(0, Identity::replacements);
        if current.replacements == replacements {
            return current.config.clone();
        }
        let mut config = ClientConfig::clone(&current.config);
        drop(current);
        config.resumption = resumption(self.resumes);
        let config = Arc::new(config);
        let renewed = Current { config: config.clone(), replacements };
        *self.current.write().unwrap_or_else(PoisonError::into_inner) = renewed;
        config
    }
}

fn resumption(resumes: bool) -> Resumption {
    match resumes {
        true => Resumption::in_memory_sessions(SESSIONS_KEPT),
        false => Resumption::disabled(),
    }
}

/// The name to ask a server for. A name that no host can have is not sent, as none is when there is
/// no name: an address is never sent either.
pub(super) fn asked_name(name: Option<&str>) -> ServerName<'static> {
    let named = name.and_then(|name| ServerName::try_from(name.to_owned()).ok());
    named.unwrap_or_else(|| ServerName::IpAddress(IpAddr::V4(Ipv4Addr::UNSPECIFIED).into()))
}
