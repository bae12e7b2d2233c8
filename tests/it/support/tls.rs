//! Clients and servers that speak TLS, and the certificates of the tests.

use std::io;
use std::net::TcpStream;
use std::path::PathBuf;
use std::sync::Arc;

use rustls::crypto::ring::default_provider;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use rustls::server::WebPkiClientVerifier;
use rustls::{
    ClientConfig, ClientConnection, RootCertStore, ServerConfig, ServerConnection, StreamOwned,
    SupportedProtocolVersion,
};

/// The folder of the certificates.
pub fn certificates() -> PathBuf {
    concat!(env!("CARGO_MANIFEST_DIR"), "/tests/data/tls").into()
}

/// The lines of `global` that let words name the certificates without a folder.
pub fn tls_global() -> String {
    let folder = certificates();
    format!("crt-base {0}\n    ca-base {0}", folder.display())
}

/// A connection of a client that speaks TLS.
pub type TlsStream = StreamOwned<ClientConnection, TcpStream>;

/// What clients with TLS have in common, such as the sessions that they can continue.
#[derive(Clone)]
pub struct TlsClient {
    config: Arc<ClientConfig>,
}

impl TlsClient {
    /// Trusts the authority of the tests.
    pub fn new() -> Self {
        Self::with(rustls::ALL_VERSIONS, None, &[])
    }

    /// The same with these versions, the certificate of a file, and these application protocols.
    pub fn with(
        versions: &[&'static SupportedProtocolVersion],
        certificate: Option<&str>,
        protocols: &[&str],
    ) -> Self {
        let builder = ClientConfig::builder_with_provider(Arc::new(default_provider()))
            .with_protocol_versions(versions)
            .unwrap()
            .with_root_certificates(authorities());
        let mut config = match certificate {
            Some(file) => {
                let (chain, key) = identity(file);
                builder.with_client_auth_cert(chain, key).unwrap()
            }
            None => builder.with_no_client_auth(),
        };
        config.alpn_protocols = protocols.iter().map(|name| name.as_bytes().to_vec()).collect();
        Self { config: Arc::new(config) }
    }

    /// Shakes hands over a connection and asks for a name.
    ///
    /// # Errors
    /// When the handshake fails, or the certificate has another name.
    pub fn over(&self, stream: TcpStream, name: &str) -> io::Result<TlsStream> {
        stream.set_read_timeout(Some(super::SOON))?;
        let name = ServerName::try_from(name.to_owned()).map_err(io::Error::other)?;
        let connection =
            ClientConnection::new(self.config.clone(), name).map_err(io::Error::other)?;
        let mut stream = StreamOwned::new(connection, stream);
        while stream.conn.is_handshaking() {
            stream.conn.complete_io(&mut stream.sock)?;
        }
        Ok(stream)
    }
}

/// A connection of a server that speaks TLS.
pub type TlsServerStream = StreamOwned<ServerConnection, TcpStream>;

/// What a server with TLS shows its clients, and what it wants of them.
#[derive(Clone)]
pub struct TlsHost {
    config: Arc<ServerConfig>,
}

impl TlsHost {
    /// Shows the certificate of a file to everybody.
    pub fn new(certificate: &str) -> Self {
        Self::with(rustls::ALL_VERSIONS, certificate, false, &[])
    }

    /// The same with these versions and application protocols, and perhaps with the wish for a
    /// certificate of the client.
    pub fn with(
        versions: &[&'static SupportedProtocolVersion],
        certificate: &str,
        asks_for_certificate: bool,
        protocols: &[&str],
    ) -> Self {
        let provider = Arc::new(default_provider());
        let builder = ServerConfig::builder_with_provider(provider.clone())
            .with_protocol_versions(versions)
            .unwrap();
        let builder = match asks_for_certificate {
            true => {
                let roots = Arc::new(authorities());
                let verifier = WebPkiClientVerifier::builder_with_provider(roots, provider);
                builder.with_client_cert_verifier(verifier.build().unwrap())
            }
            false => builder.with_no_client_auth(),
        };
        let (chain, key) = identity(certificate);
        let mut config = builder.with_single_cert(chain, key).unwrap();
        config.alpn_protocols = protocols.iter().map(|name| name.as_bytes().to_vec()).collect();
        Self { config: Arc::new(config) }
    }

    /// Shakes hands with a client that has connected.
    ///
    /// # Errors
    /// When the handshake fails.
    pub fn over(&self, stream: TcpStream) -> io::Result<TlsServerStream> {
        let connection = ServerConnection::new(self.config.clone()).map_err(io::Error::other)?;
        let mut stream = StreamOwned::new(connection, stream);
        while stream.conn.is_handshaking() {
            stream.conn.complete_io(&mut stream.sock)?;
        }
        Ok(stream)
    }
}

fn authorities() -> RootCertStore {
    let mut roots = RootCertStore::empty();
    roots.add(CertificateDer::from_pem_file(certificates().join("ca.pem")).unwrap()).unwrap();
    roots
}

fn identity(file: &str) -> (Vec<CertificateDer<'static>>, PrivateKeyDer<'static>) {
    let path = certificates().join(file);
    let chain = CertificateDer::pem_file_iter(&path).unwrap().map(Result::unwrap);
    (chain.collect(), PrivateKeyDer::from_pem_file(&path).unwrap())
}

/// The common name of the certificate that the other end has shown.
pub fn shown_name(stream: &TlsStream) -> String {
    let shown = stream.conn.peer_certificates().and_then(<[_]>::first).unwrap();
    let names = stickd::net::tls::names::Names::of(shown).unwrap();
    names.common_name().unwrap().to_owned()
}
