//! The end that clients connect to.
#![expect(clippy::disallowed_types, reason = "rustls shares its objects this way")]

use std::collections::HashMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, PoisonError, RwLock, RwLockReadGuard};

use rustls::ServerConfig;
use rustls::crypto::ring::Ticketer;
use rustls::pki_types::CertificateDer;
use rustls::server::{
    ClientHello, NoServerSessionStorage, ResolvesServerCert, WebPkiClientVerifier,
};
use rustls::sign::CertifiedKey;

use super::TlsError;
use super::certificates::Identity;
use super::policy::Policy;
use super::trust::Trust;

/// Whether clients have to show a certificate.
#[derive(Clone, Debug, Default)]
pub enum ClientCheck {
    /// They are not asked for one.
    #[default]
    None,
    /// They may show one, which has to lead to an authority.
    Optional(Trust),
    /// They have to show one that leads to an authority.
    Required(Trust),
}

/// What a listener is made with.
#[derive(Clone, Debug)]
pub struct AcceptorOptions {
    /// The certificates. The first is for clients that ask for no name, or for one that none has.
    pub identities: Vec<Identity>,
    /// Whether a client is refused that asks for no name, or for one that no certificate has.
    pub is_strict: bool,
    /// Whether clients have to show a certificate.
    pub client: ClientCheck,
    /// Versions, cipher suites and application protocols.
    pub policy: Policy,
}

/// What all connections of a listener share.
#[derive(Clone, Debug)]
pub struct Acceptor {
    config: Arc<ServerConfig>,
    /// For clients that offer none of our application protocols. They are served without one, as
    /// OpenSSL does.
    without_protocol: Arc<ServerConfig>,
    /// Whether every client has to show a certificate.
    asks_all: bool,
    by_name: Arc<ByName>,
}

/// The certificate that a client was shown.
#[derive(Clone, Debug)]
pub(super) struct OwnCertificate(Arc<CertifiedKey>);

impl OwnCertificate {
    pub(super) fn der(&self) -> Option<&CertificateDer<'static>> {
        self.0.cert.first()
    }
}

impl Acceptor {
    /// Prepares for clients.
    ///
    /// # Errors
    /// When there is no certificate, or what was asked for does not fit together.
    pub fn new(options: AcceptorOptions) -> Result<Self, TlsError> {
        let AcceptorOptions { identities, is_strict, client, policy } = options;
        let provider = policy.provider()?;
        let builder = ServerConfig::builder_with_provider(provider.clone())
            .with_protocol_versions(&policy.versions())?;
        let asks_all = matches!(client, ClientCheck::Required(_));
        let verifier = match &client {
            ClientCheck::None => WebPkiClientVerifier::no_client_auth(),
            ClientCheck::Optional(trust) => trust.client_verifier(false, &provider)?,
            ClientCheck::Required(trust) => trust.client_verifier(true, &provider)?,
        };
        let by_name = Arc::new(ByName::new(identities, is_strict)?);
        let mut config =
            builder.with_client_cert_verifier(verifier).with_cert_resolver(by_name.clone());
        if policy.resumes {
            config.ticketer = Ticketer::new()?;
        } else {
            config.session_storage = Arc::new(NoServerSessionStorage {});
            config.send_tls13_tickets = 0;
        }
        let without_protocol = Arc::new(config.clone());
        config.alpn_protocols.clone_from(&policy.protocols);
        Ok(Self { config: Arc::new(config), without_protocol, by_name, asks_all })
    }

    /// The certificate that was chosen since this was last asked. rustls tells it to nobody, so the
    /// connection that reads a client's hello asks before and after.
    pub(super) fn take_chosen(&self) -> Option<OwnCertificate> {
        let chosen = self.by_name.chosen.swap(NONE_CHOSEN, Ordering::Relaxed);
        self.by_name.index().keys.get(chosen).cloned().map(OwnCertificate)
    }

    /// The same without one of the application protocols.
    #[must_use]
    pub fn without_protocol(&self, protocol: &[u8]) -> Self {
        let mut config = ServerConfig::clone(&self.config);
        config.alpn_protocols.retain(|own| own != protocol);
        Self { config: Arc::new(config), ..self.clone() }
    }

    /// Whether clients that ask for this name, or for none, are refused.
    pub(super) fn refuses_name(&self, name: Option<&str>) -> bool {
        let index = self.by_name.index();
        self.by_name.is_strict && name.is_none_or(|name| index.with_name(name).is_none())
    }

    /// Whether every client has to show a certificate that is trusted.
    pub fn asks_for_all(&self) -> bool {
        self.asks_all
    }

    /// What a connection is made with whose client offers these application protocols.
    pub(super) fn config_for<'h>(
        &self,
        mut offered: impl Iterator<Item = &'h [u8]>,
    ) -> &Arc<ServerConfig> {
        // The client's list may be long, ours is not.
        match offered.any(|offered| self.config.alpn_protocols.iter().any(|own| own == offered)) {
            true => &self.config,
            false => &self.without_protocol,
        }
    }
}

/// The certificates by the names that they serve.
#[derive(Debug)]
struct ByName {
    identities: Vec<Identity>,
    is_strict: bool,
    index: RwLock<Index>,
    /// The place of the one that was chosen last.
    chosen: AtomicUsize,
}

/// What the certificates of a listener serve. They are named by their places among the keys.
#[derive(Debug)]
struct Index {
    /// How many certificates of the process had been replaced when this was made.
    replacements: usize,
    keys: Vec<Arc<CertifiedKey>>,
    /// A name of a certificate, which may begin with `*.`, and all certificates that have the name:
    /// one for each kind of key.
    named: HashMap<String, Vec<usize>>,
    /// The certificates for all others.
    others: Vec<usize>,
}

/// No certificate was chosen.
const NONE_CHOSEN: usize = usize::MAX;

impl ByName {
    fn new(identities: Vec<Identity>, is_strict: bool) -> Result<Self, TlsError> {
        if identities.is_empty() {
            return Err(TlsError::new("there is no certificate"));
        }
        let index = RwLock::new(Index::new(&identities, is_strict));
        Ok(Self { identities, is_strict, index, chosen: AtomicUsize::new(NONE_CHOSEN) })
    }

    /// What the certificates of now serve.
    fn index(&self) -> RwLockReadGuard<'_, Index> {
        let index = self.index.read().unwrap_or_else(PoisonError::into_inner);
        let replacements = self.identities.first().map_or(0, Identity::replacements);
        if index.replacements == replacements {
            return index;
        }
        drop(index);
        *self.index.write().unwrap_or_else(PoisonError::into_inner) =
            Index::new(&self.identities, self.is_strict);
        self.index.read().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Index {
    fn new(identities: &[Identity], is_strict: bool) -> Self {
        let replacements = identities.first().map_or(0, Identity::replacements);
        let pairs: Vec<_> = identities.iter().map(Identity::pair).collect();
        let mut named: HashMap<_, Vec<_>> = HashMap::new();
        for (at, pair) in pairs.iter().enumerate() {
            for name in &pair.names {
                named.entry(name.clone()).or_default().push(at);
            }
        }
        // A client that knows no such key may know that of a later certificate with these names.
        let first = pairs.first().map(|first| &first.names);
        let all = pairs.iter().enumerate();
        let twins = all.filter(|(_, it)| Some(&it.names) == first).map(|(at, _)| at);
        let others = if is_strict { Vec::new() } else { twins.collect() };
        let keys = pairs.iter().map(|it| it.key.clone()).collect();
        Self { replacements, keys, named, others }
    }

    fn with_name(&self, name: &str) -> Option<&Vec<usize>> {
        let name = name.to_ascii_lowercase();
        self.named.get(&name).or_else(|| {
            let (_, rest) = name.split_once('.')?;
            self.named.get(&format!("*.{rest}"))
        })
    }
}

impl ResolvesServerCert for ByName {
    fn resolve(&self, hello: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        let index = self.index();
        let named = hello.server_name().and_then(|name| index.with_name(name));
        let places = named.unwrap_or(&index.others);
        let schemes = hello.signature_schemes();
        let fits = |key: &Arc<CertifiedKey>| key.key.choose_scheme(schemes).is_some();
        let fitting = places.iter().find(|at| index.keys.get(**at).is_some_and(fits));
        let chosen = *fitting.or_else(|| places.first())?;
        self.chosen.store(chosen, Ordering::Relaxed);
        index.keys.get(chosen).cloned()
    }
}
