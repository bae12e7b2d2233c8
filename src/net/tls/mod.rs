//! TLS without sockets: bytes go in, bytes come out, and the caller moves them. The protocol itself
//! is rustls's; what stands here is what stickd's listeners, servers, checks and peers share.
//!
//! ```text
//!   files --> certificates --> acceptor  --+
//!             trust        --> connector --+--> session    one connection
//!             policy       -->           --+
//! ```
//!
//! | file | what it is |
//! |------|------------|
//! | `session` | one connection: ciphertext to plaintext and back |
//! | `acceptor` | the end that clients connect to: certificates by name, the client's certificate |
//! | `connector` | the end that connects to servers: whom to trust, which name to ask for |
//! | `certificates` | certificates with their keys, as they stand in files |
//! | `store` | the certificates of the process by their files, and replacing them |
//! | `report` | what is told of a certificate |
//! | `trust` | authorities, revoked certificates, and how a certificate is judged |
//! | `policy` | versions, cipher suites and application protocols |
//! | `names` | the names in a certificate |
//! | `certificate` | what else a certificate says |
//! | `facts` | what can be asked of a session |
//! | `hello` | what a client says before anything is encrypted |

pub mod acceptor;
pub mod certificate;
pub mod certificates;
pub mod connector;
pub mod facts;
pub mod hello;
pub mod names;
pub mod policy;
mod report;
pub mod session;
pub mod store;
pub mod trust;

use std::fmt;
use std::io;

use rustls::CertificateError;

/// Why TLS cannot be used as it was asked for, or why a handshake has failed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TlsError {
    text: String,
    fault: Fault,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Fault {
    /// The certificate of the other end has not the name that it has to have.
    Name,
    /// The certificate of the other end is not trusted.
    Trust,
    Other,
}

impl TlsError {
    fn new(text: impl fmt::Display) -> Self {
        Self { text: text.to_string(), fault: Fault::Other }
    }

    /// Whether the certificate of the other end has not the name that it has to have.
    pub fn is_about_name(&self) -> bool {
        self.fault == Fault::Name
    }

    /// Whether the certificate of the other end is not trusted, whatever its name is.
    pub fn is_about_trust(&self) -> bool {
        self.fault == Fault::Trust
    }

    /// The error inside another one, if TLS has failed.
    pub fn inside(error: &io::Error) -> Option<&Self> {
        error.get_ref()?.downcast_ref()
    }
}

impl fmt::Display for TlsError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl std::error::Error for TlsError {}

impl From<rustls::Error> for TlsError {
    fn from(error: rustls::Error) -> Self {
        let fault = match &error {
            rustls::Error::InvalidCertificate(CertificateError::NotValidForName) => Fault::Name,
            rustls::Error::InvalidCertificate(_) => Fault::Trust,
            _ => Fault::Other,
        };
        Self { fault, ..Self::new(error) }
    }
}
