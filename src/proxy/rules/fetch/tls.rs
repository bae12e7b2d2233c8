//! The values of samples about the TLS sessions of a connection, and about what has failed.

use std::fmt;

use crate::net::tls::certificate::{CertificateFact, CertificateValue, Details};
use crate::net::tls::facts::{SessionFact, TlsPeer};
use crate::net::tls::session::Session;
use crate::proxy::connection::entry_failure::{EntryFailure, ServerFailure};
use crate::proxy::rules::context::{Context, Sessions};
use crate::proxy::rules::value::Value;

/// What has failed at a side of a connection.
#[derive(Clone, Copy, Debug)]
pub(super) enum SideFailure {
    Nothing,
    Client(EntryFailure),
    Server(ServerFailure),
    /// The TLS session, behind the handshake.
    Broken,
}

impl SideFailure {
    fn of(session: Option<&Session>) -> Self {
        if session.is_some_and(Session::has_broken) { Self::Broken } else { Self::Nothing }
    }

    /// HAProxy's number for it.
    pub(super) fn number<'a>(self) -> Value<'a> {
        let code = match self {
            Self::Nothing => 0,
            Self::Client(failure) => failure.code(),
            Self::Server(failure) => failure.code(),
            Self::Broken => 43,
        };
        Value::Integer(code.into())
    }

    /// HAProxy's words for it.
    pub(super) fn text<'a>(self) -> Value<'a> {
        Value::Text(self.to_string().into_bytes().into())
    }
}

impl fmt::Display for SideFailure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Nothing => f.write_str("Success"),
            Self::Client(failure) => write!(f, "{failure}"),
            Self::Server(failure) => write!(f, "{failure}"),
            Self::Broken => f.write_str("SSL fatal error"),
        }
    }
}

impl Context<'_, '_> {
    /// What has failed at a side; none of a server that is not connected to.
    pub(super) fn failure(&self, peer: TlsPeer) -> Option<SideFailure> {
        let Sessions { client, server, failures } = self.facts.tls;
        match peer {
            TlsPeer::Client => {
                let failed = failures.client.map(SideFailure::Client);
                Some(failed.unwrap_or_else(|| SideFailure::of(client)))
            }
            TlsPeer::Server => {
                let is_there = self.facts.sockets.server.is_some();
                let failed = failures.server.map(SideFailure::Server);
                failed.or_else(|| is_there.then(|| SideFailure::of(server)))
            }
        }
    }
}

impl<'a> Sessions<'a> {
    /// A fact about the session with a peer.
    pub(super) fn fact(self, peer: TlsPeer, fact: &SessionFact) -> Option<Value<'a>> {
        let session = match peer {
            TlsPeer::Client => self.client,
            TlsPeer::Server => self.server,
        };
        // These are known of a connection in the clear too.
        let flag = match fact {
            SessionFact::Exists => session.is_some(),
            SessionFact::HasServerName => session.is_some_and(|it| it.server_name().is_some()),
            SessionFact::IsResumed => session.is_some_and(Session::is_resumed),
            SessionFact::ServerName
            | SessionFact::Protocol
            | SessionFact::Version
            | SessionFact::Suite
            | SessionFact::KeyBits
            | SessionFact::HasShownCertificate
            | SessionFact::HasCertificate
            | SessionFact::Always(_)
            | SessionFact::Never
            | SessionFact::Certificate(_)
            | SessionFact::OwnCertificate(_) => return of_session(session?, fact),
        };
        Some(Value::Bool(flag))
    }
}

fn of_session<'a>(session: &'a Session, fact: &SessionFact) -> Option<Value<'a>> {
    Some(match fact {
        SessionFact::ServerName => Value::borrowed(session.server_name()?),
        SessionFact::Protocol => Value::borrowed(session.protocol()?),
        SessionFact::Version => Value::borrowed(session.version()?),
        SessionFact::Suite => Value::borrowed(session.suite()?),
        SessionFact::KeyBits => Value::Integer(session.key_bits()?.into()),
        SessionFact::HasShownCertificate => {
            Value::Bool(session.certificate().is_some() && !session.is_resumed())
        }
        SessionFact::HasCertificate => Value::Bool(session.certificate().is_some()),
        SessionFact::Always(number) => Value::Integer(*number),
        SessionFact::Certificate(fact) => of_certificate(session.certificate_details()?, fact)?,
        SessionFact::OwnCertificate(fact) => {
            of_certificate(session.own_certificate_details()?, fact)?
        }
        SessionFact::Never
        | SessionFact::Exists
        | SessionFact::HasServerName
        | SessionFact::IsResumed => return None,
    })
}

fn of_certificate<'a>(certificate: &'a Details, fact: &CertificateFact) -> Option<Value<'a>> {
    Some(match certificate.fact(fact)? {
        CertificateValue::Number(number) => Value::Integer(number),
        CertificateValue::Text(text) => Value::Text(text.into()),
        CertificateValue::Binary(bytes) => Value::Binary(bytes.into()),
    })
}
