//! Clients that speak TLS with a proxy that has the certificates of the tests.

use std::io::{self, Write};
use std::net::{SocketAddr, TcpStream};
use std::sync::Arc;
use std::time::Duration;

use rustls::crypto::ring::default_provider;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, ClientConnection, HandshakeKind, RootCertStore, StreamOwned};

use crate::clients;

/// The authority that has signed the proxy's certificates.
const AUTHORITY: &[u8] = include_bytes!("../../tests/data/tls/ca.pem");

type Stream = StreamOwned<ClientConnection, TcpStream>;

/// Makes `count` connections one after the other that continue the session of the one before, with
/// a request on each.
pub fn resume(address: SocketAddr, count: u32) -> io::Result<()> {
    let config = config();
    clients::ask(&mut connect(address, &config)?)?;
    let mut resumed = 0;
    for _ in 0..count {
        let mut stream = connect(address, &config)?;
        clients::ask(&mut stream)?;
        resumed += u32::from(stream.conn.handshake_kind() == Some(HandshakeKind::Resumed));
    }
    println!("resumed {resumed}");
    Ok(())
}

/// Keeps `count` idle connections open behind their handshakes.
pub fn idle(address: SocketAddr, count: u32, seconds: u32) -> io::Result<()> {
    let config = config();
    let streams: io::Result<Vec<_>> = (0..count).map(|_| connect(address, &config)).collect();
    let streams = streams?;
    println!("connections {}", streams.len());
    io::stdout().flush()?;
    std::thread::sleep(Duration::from_secs(seconds.into()));
    drop(streams);
    Ok(())
}

fn config() -> Arc<ClientConfig> {
    let mut roots = RootCertStore::empty();
    roots.add(CertificateDer::from_pem_slice(AUTHORITY).unwrap()).unwrap();
    let config = ClientConfig::builder_with_provider(Arc::new(default_provider()))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(roots)
        .with_no_client_auth();
    Arc::new(config)
}

fn connect(address: SocketAddr, config: &Arc<ClientConfig>) -> io::Result<Stream> {
    let name = ServerName::try_from("site.example.org").map_err(io::Error::other)?;
    let session = ClientConnection::new(config.clone(), name).map_err(io::Error::other)?;
    let mut stream = StreamOwned::new(session, clients::connect(address)?);
    while stream.conn.is_handshaking() {
        stream.conn.complete_io(&mut stream.sock)?;
    }
    Ok(stream)
}
