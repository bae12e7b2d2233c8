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
//! | `trust` | authorities, revoked certificates, and how a certificate is judged |
//! | `policy` | versions, cipher suites and application protocols |
//! | `names` | the names in a certificate |
//! | `hello` | what a client says before anything is encrypted |

pub mod acceptor;
pub mod certificates;
pub mod connector;
pub mod hello;
pub mod names;
pub mod policy;
pub mod session;
pub mod trust;

use std::fmt;

/// Why TLS cannot be used as it was asked for, or why a handshake has failed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TlsError(String);

impl TlsError {
    fn new(text: impl fmt::Display) -> Self {
        Self(text.to_string())
    }
}

impl fmt::Display for TlsError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for TlsError {}

impl From<rustls::Error> for TlsError {
    fn from(error: rustls::Error) -> Self {
        Self(error.to_string())
    }
}
