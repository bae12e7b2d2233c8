//! Clients that speak TLS, and the certificates of the tests.

use std::io;
use std::net::TcpStream;
use std::path::PathBuf;
use std::sync::Arc;

use rustls::crypto::ring::default_provider;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use rustls::{
    ClientConfig, ClientConnection, RootCertStore, StreamOwned, SupportedProtocolVersion,
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
        let mut roots = RootCertStore::empty();
        roots.add(CertificateDer::from_pem_file(certificates().join("ca.pem")).unwrap()).unwrap();
        let builder = ClientConfig::builder_with_provider(Arc::new(default_provider()))
            .with_protocol_versions(versions)
            .unwrap()
            .with_root_certificates(roots);
        let mut config = match certificate {
            Some(file) => {
                let path = certificates().join(file);
                let chain = CertificateDer::pem_file_iter(&path).unwrap().map(Result::unwrap);
                let key = PrivateKeyDer::from_pem_file(&path).unwrap();
                builder.with_client_auth_cert(chain.collect(), key).unwrap()
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

/// The common name of the certificate that the other end has shown.
pub fn shown_name(stream: &TlsStream) -> String {
    let shown = stream.conn.peer_certificates().and_then(<[_]>::first).unwrap();
    let names = stickd::net::tls::names::Names::of(shown).unwrap();
    names.common_name().unwrap().to_owned()
}
