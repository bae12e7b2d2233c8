//! The end that connects to servers.
#![expect(clippy::disallowed_types, reason = "rustls shares its objects this way")]

use std::net::{IpAddr, Ipv4Addr};
use std::sync::Arc;

use rustls::ClientConfig;
use rustls::client::Resumption;
use rustls::pki_types::ServerName;
use rustls::sign::SingleCertAndKey;

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

/// What all connections to a server share.
#[derive(Clone, Debug)]
pub struct Connector {
    config: Arc<ClientConfig>,
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
                let key = SingleCertAndKey::from(identity.key().clone());
                builder.with_client_cert_resolver(Arc::new(key))
            }
            None => builder.with_no_client_auth(),
        };
        config.alpn_protocols.clone_from(&policy.protocols);
        config.resumption = match policy.resumes {
            true => Resumption::in_memory_sessions(SESSIONS_KEPT),
            false => Resumption::disabled(),
        };
        Ok(Self { config: Arc::new(config) })
    }

    /// The same with other application protocols.
    #[must_use]
    pub fn with_protocols(&self, protocols: &[Vec<u8>]) -> Self {
        let mut config = ClientConfig::clone(&self.config);
        config.alpn_protocols = protocols.to_vec();
        Self { config: Arc::new(config) }
    }

    pub(super) fn config(&self) -> &Arc<ClientConfig> {
        &self.config
    }
}

/// The name to ask a server for. A name that no host can have is not sent, as none is when there is
/// no name: an address is never sent either.
pub(super) fn asked_name(name: Option<&str>) -> ServerName<'static> {
    let named = name.and_then(|name| ServerName::try_from(name.to_owned()).ok());
    named.unwrap_or_else(|| ServerName::IpAddress(IpAddr::V4(Ipv4Addr::UNSPECIFIED).into()))
}
