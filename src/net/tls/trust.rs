//! Whom to trust: authorities, revoked certificates, and how the certificate of the other end is
//! judged.
//!
//! rustls decides whether a certificate leads to an authority. Two things are judged as OpenSSL
//! judges them: a certificate that stands itself in the list of authorities is trusted, and the
//! common name counts where a certificate names no hosts.
#![expect(clippy::disallowed_types, reason = "rustls shares its objects this way")]

use std::sync::Arc;

use rustls::client::WebPkiServerVerifier;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{
    CryptoProvider, WebPkiSupportedAlgorithms, verify_tls12_signature, verify_tls13_signature,
};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, CertificateRevocationListDer, ServerName, UnixTime};
use rustls::server::WebPkiClientVerifier;
use rustls::server::danger::{ClientCertVerified, ClientCertVerifier};
use rustls::{
    CertificateError, DigitallySignedStruct, DistinguishedName, Error, RootCertStore,
    SignatureScheme,
};

use super::TlsError;
use super::certificates::read_certificates;
use super::names::Names;

/// The authorities that are trusted, and the certificates that they have revoked.
#[derive(Clone, Debug)]
pub struct Trust {
    roots: Arc<RootCertStore>,
    listed: Vec<CertificateDer<'static>>,
    revoked: Vec<CertificateRevocationListDer<'static>>,
}

impl Trust {
    /// Reads authorities, and lists of revoked certificates, from texts in the PEM format. The
    /// second text may be empty.
    ///
    /// # Errors
    /// When a text is not in the format, or has no authority that can be used.
    pub fn from_pem(authorities: &[u8], revoked: &[u8]) -> Result<Self, TlsError> {
        let listed = read_certificates(authorities)?;
        let mut roots = RootCertStore::empty();
        let (usable, _) = roots.add_parsable_certificates(listed.iter().cloned());
        if usable == 0 {
            return Err(TlsError::new("there is no certificate of an authority in it"));
        }
        let revoked: Result<Vec<_>, _> =
            CertificateRevocationListDer::pem_slice_iter(revoked).collect();
        let revoked = revoked.map_err(|error| {
            TlsError::new(format_args!("the list of revoked certificates cannot be read: {error}"))
        })?;
        Ok(Self { roots: Arc::new(roots), listed, revoked })
    }

    /// Judges the certificates of clients.
    pub(super) fn client_verifier(
        &self,
        is_required: bool,
        provider: &Arc<CryptoProvider>,
    ) -> Result<Arc<dyn ClientCertVerifier>, TlsError> {
        let builder =
            WebPkiClientVerifier::builder_with_provider(self.roots.clone(), provider.clone())
                .with_crls(self.revoked.iter().cloned())
                .allow_unknown_revocation_status();
        let builder = if is_required { builder } else { builder.allow_unauthenticated() };
        let inner = builder.build().map_err(TlsError::new)?;
        Ok(Arc::new(ClientVerifier { inner, listed: self.listed.clone() }))
    }

    fn server_verifier(
        &self,
        provider: &Arc<CryptoProvider>,
    ) -> Result<Arc<WebPkiServerVerifier>, TlsError> {
        WebPkiServerVerifier::builder_with_provider(self.roots.clone(), provider.clone())
            .with_crls(self.revoked.iter().cloned())
            .allow_unknown_revocation_status()
            .build()
            .map_err(TlsError::new)
    }
}

/// Which name the certificate of a server has to have, where the server is asked for none (SNI). A
/// name that it is asked for counts always.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum ExpectedName {
    /// Any.
    #[default]
    Any,
    /// This one.
    Fixed(String),
}

/// How the certificate of a server is judged.
#[derive(Clone, Debug)]
pub enum ServerCheck {
    /// It is not: whoever answers is taken for the server.
    None,
    /// It has to lead to an authority and to have a name.
    Required(Trust, ExpectedName),
}

#[derive(Debug)]
struct ClientVerifier {
    inner: Arc<dyn ClientCertVerifier>,
    listed: Vec<CertificateDer<'static>>,
}

/// Takes a certificate that stands itself in the list of authorities, which the rules of the web do
/// not allow for the certificate of an end.
fn accept_listed<T>(
    judged: Result<T, Error>,
    accepted: T,
    end: &CertificateDer<'_>,
    listed: &[CertificateDer<'static>],
) -> Result<T, Error> {
    match judged {
        Err(Error::InvalidCertificate(CertificateError::Other(_)))
            if listed.iter().any(|own| own.as_ref() == end.as_ref()) =>
        {
            Ok(accepted)
        }
        judged => judged,
    }
}

impl ClientCertVerifier for ClientVerifier {
    fn offer_client_auth(&self) -> bool {
        self.inner.offer_client_auth()
    }

    fn client_auth_mandatory(&self) -> bool {
        self.inner.client_auth_mandatory()
    }

    fn root_hint_subjects(&self) -> &[DistinguishedName] {
        self.inner.root_hint_subjects()
    }

    fn verify_client_cert(
        &self,
        end: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        now: UnixTime,
    ) -> Result<ClientCertVerified, Error> {
        let judged = self.inner.verify_client_cert(end, intermediates, now);
        accept_listed(judged, ClientCertVerified::assertion(), end, &self.listed)
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        self.inner.verify_tls12_signature(message, certificate, signed)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        self.inner.verify_tls13_signature(message, certificate, signed)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.inner.supported_verify_schemes()
    }
}

/// Judges the certificates of servers.
#[derive(Debug)]
pub(super) struct ServerVerifier {
    check: Option<RequiredServer>,
    provider: Arc<CryptoProvider>,
}

#[derive(Debug)]
struct RequiredServer {
    inner: Arc<WebPkiServerVerifier>,
    listed: Vec<CertificateDer<'static>>,
    name: ExpectedName,
}

impl ServerVerifier {
    pub(super) fn new(
        check: &ServerCheck,
        provider: &Arc<CryptoProvider>,
    ) -> Result<Self, TlsError> {
        let check = match check {
            ServerCheck::None => None,
            ServerCheck::Required(trust, name) => Some(RequiredServer {
                inner: trust.server_verifier(provider)?,
                listed: trust.listed.clone(),
                name: name.clone(),
            }),
        };
        Ok(Self { check, provider: provider.clone() })
    }

    fn judge_signature(
        &self,
        verify: impl FnOnce(&WebPkiSupportedAlgorithms) -> Result<HandshakeSignatureValid, Error>,
    ) -> Result<HandshakeSignatureValid, Error> {
        match self.check {
            Some(_) => verify(&self.provider.signature_verification_algorithms),
            // Nobody in particular has to answer, so it does not matter who has signed.
            None => Ok(HandshakeSignatureValid::assertion()),
        }
    }
}

impl RequiredServer {
    fn verify(
        &self,
        end: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        asked: &ServerName<'_>,
        now: UnixTime,
    ) -> Result<(), Error> {
        // The name comes last in what rustls looks at, and is judged below.
        let judged = match self.inner.verify_server_cert(end, intermediates, asked, &[], now) {
            Err(Error::InvalidCertificate(
                CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. },
            ))
            | Ok(_) => Ok(()),
            Err(error) => Err(error),
        };
        accept_listed(judged, (), end, &self.listed)?;
        let expected = match (asked, &self.name) {
            (ServerName::DnsName(name), _) => name.as_ref(),
            (_, ExpectedName::Fixed(name)) => name.as_str(),
            (_, ExpectedName::Any) => return Ok(()),
        };
        if Names::of(end).is_some_and(|names| names.match_host(expected)) {
            Ok(())
        } else {
            Err(Error::InvalidCertificate(CertificateError::NotValidForName))
        }
    }
}

impl ServerCertVerifier for ServerVerifier {
    fn verify_server_cert(
        &self,
        end: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        asked: &ServerName<'_>,
        _ocsp_response: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        if let Some(check) = &self.check {
            check.verify(end, intermediates, asked, now)?;
        }
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        self.judge_signature(|by| verify_tls12_signature(message, certificate, signed, by))
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        self.judge_signature(|by| verify_tls13_signature(message, certificate, signed, by))
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.provider.signature_verification_algorithms.supported_schemes()
    }
}
