//! The values of samples about the TLS sessions of a connection.

use crate::net::tls::certificate::{CertificateFact, CertificateValue, Details};
use crate::net::tls::facts::{SessionFact, TlsPeer};
use crate::net::tls::session::Session;
use crate::proxy::rules::context::Sessions;
use crate::proxy::rules::value::Value;

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
