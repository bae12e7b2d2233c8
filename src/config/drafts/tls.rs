//! The words about TLS of a `bind` or `server` line, and what `global` says for all of them.

use crate::config::TlsOffer;
use crate::config::text::diagnostic::{Place, Placed};
use crate::net::tls::connector::Connector;
use crate::net::tls::policy::{Policy, Version};

/// The words about TLS of one line.
#[derive(Clone, Debug, Default)]
pub(in crate::config) struct TlsDraft {
    /// The place of `ssl`; none without the word, or after `no-ssl`.
    pub(in crate::config) on: Option<Place>,
    /// `crt`: files and folders of certificates.
    pub(in crate::config) certificates: Vec<Placed<String>>,
    /// `ca-file`: the authorities that are trusted.
    pub(in crate::config) authorities: Option<Placed<String>>,
    /// `crl-file`: what they have revoked.
    pub(in crate::config) revoked: Option<Placed<String>>,
    /// `verify`: whether the other end has to show a certificate.
    pub(in crate::config) verify: Option<Verify>,
    /// `alpn`: the application protocols.
    pub(in crate::config) protocols: Vec<Vec<u8>>,
    /// Versions, cipher suites and tickets.
    pub(in crate::config) limits: TlsLimits,
    /// `strict-sni`: clients have to ask for a name that a certificate has.
    pub(in crate::config) is_strict: bool,
    /// `sni`: the expression that gives the name which a server is asked for.
    pub(in crate::config) sni: Option<Placed<String>>,
    /// `verifyhost`: the name that a server's certificate has to have.
    pub(in crate::config) verify_host: Option<String>,
    /// What checks do otherwise.
    pub(in crate::config) check: TlsCheckDraft,
}

/// What checks of a server do otherwise than its clients' connections.
#[derive(Clone, Debug, Default)]
pub(in crate::config) struct TlsCheckDraft {
    /// The place of `check-ssl`, or none after `no-check-ssl`; without either it is as `ssl` says.
    pub(in crate::config) on: Option<Option<Place>>,
    /// `check-sni` and `check-alpn`.
    pub(in crate::config) offer: TlsOffer,
    /// What the files of the line have led to, if a check may speak TLS.
    pub(in crate::config) connector: Option<Connector>,
}

/// Whether the other end has to show a certificate.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::config) enum Verify {
    None,
    Optional,
    Required,
}

/// Versions, cipher suites and tickets. What a line does not say, `global` says.
#[derive(Clone, Debug, Default)]
pub(in crate::config) struct TlsLimits {
    pub(in crate::config) oldest: Option<Version>,
    pub(in crate::config) newest: Option<Version>,
    /// The names of cipher suites of TLS 1.2.
    pub(in crate::config) ciphers: Option<Placed<String>>,
    /// The names of cipher suites of TLS 1.3.
    pub(in crate::config) ciphersuites: Option<Placed<String>>,
    /// Whether a connection may continue an earlier one.
    pub(in crate::config) resumes: Option<bool>,
}

/// What `global` says about TLS.
#[derive(Clone, Debug, Default)]
pub(in crate::config) struct TlsDefaults {
    /// `crt-base`: where certificates are that are named without a folder.
    pub(in crate::config) certificate_folder: Option<String>,
    /// `ca-base`: the same for authorities.
    pub(in crate::config) authority_folder: Option<String>,
    /// `ssl-default-bind-…`.
    pub(in crate::config) bind: TlsLimits,
    /// `strict-sni` of `ssl-default-bind-options`.
    pub(in crate::config) is_strict: bool,
    /// `ssl-default-server-…`.
    pub(in crate::config) server: TlsLimits,
    /// `ssl-server-verify`.
    pub(in crate::config) server_verify: Option<Verify>,
}

impl TlsLimits {
    /// What is not said here is as in `defaults`.
    pub(in crate::config) fn or(&self, defaults: &Self) -> Self {
        Self {
            oldest: self.oldest.or(defaults.oldest),
            newest: self.newest.or(defaults.newest),
            ciphers: self.ciphers.clone().or_else(|| defaults.ciphers.clone()),
            ciphersuites: self.ciphersuites.clone().or_else(|| defaults.ciphersuites.clone()),
            resumes: self.resumes.or(defaults.resumes),
        }
    }

    /// The versions and tickets as a policy.
    pub(in crate::config) fn policy(&self) -> Policy {
        let Policy { oldest, newest, resumes, .. } = Policy::default();
        Policy {
            oldest: self.oldest.unwrap_or(oldest),
            newest: self.newest.unwrap_or(newest),
            resumes: self.resumes.unwrap_or(resumes),
            ..Policy::default()
        }
    }
}
