//! What can be asked of a TLS session.

use super::certificate::CertificateFact;

/// With whom a session is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TlsPeer {
    /// The client.
    Client,
    /// The server.
    Server,
}

/// What is asked of a session.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SessionFact {
    /// Whether there is one.
    Exists,
    /// The name that the client asks for.
    ServerName,
    /// Whether the client asks for a name.
    HasServerName,
    /// The application protocol (ALPN).
    Protocol,
    /// The version.
    Version,
    /// The cipher suite.
    Suite,
    /// The bits of the suite's key.
    KeyBits,
    /// Whether it continues an earlier session.
    IsResumed,
    /// Whether the other end has shown a certificate in this handshake.
    HasShownCertificate,
    /// Whether the other end has shown a certificate, in this session or in the one that it
    /// continues.
    HasCertificate,
    /// A fact that is always this number in a session.
    Always(i64),
    /// A fact that no session has.
    Never,
    /// A fact about the other end's certificate.
    Certificate(CertificateFact),
    /// A fact about the certificate that the client was shown.
    OwnCertificate(CertificateFact),
}
