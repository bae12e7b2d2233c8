//! Clients that speak TLS. They trust whoever answers: what is measured is the proxy.

use std::io::{self, Write};
use std::net::{SocketAddr, TcpStream};
use std::sync::Arc;
use std::time::Duration;

use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::ring::default_provider;
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::{
    ClientConfig, ClientConnection, DigitallySignedStruct, Error, HandshakeKind, SignatureScheme,
    StreamOwned,
};

use crate::clients;

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
    let config = ClientConfig::builder_with_provider(Arc::new(default_provider()))
        .with_safe_default_protocol_versions()
        .unwrap()
        .dangerous()
        .with_custom_certificate_verifier(Arc::new(Anyone))
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

/// Trusts every server.
#[derive(Debug)]
struct Anyone;

impl ServerCertVerifier for Anyone {
    fn verify_server_cert(
        &self,
        _: &CertificateDer<'_>,
        _: &[CertificateDer<'_>],
        _: &ServerName<'_>,
        _: &[u8],
        _: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        _: &[u8],
        _: &CertificateDer<'_>,
        _: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        Ok(HandshakeSignatureValid::assertion())
    }

    fn verify_tls13_signature(
        &self,
        _: &[u8],
        _: &CertificateDer<'_>,
        _: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        Ok(HandshakeSignatureValid::assertion())
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        default_provider().signature_verification_algorithms.supported_schemes()
    }
}
