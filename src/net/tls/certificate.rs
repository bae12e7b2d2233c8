//! What a certificate says, in the forms of OpenSSL and HAProxy.

use std::fmt::Write as _;

use rustls::pki_types::CertificateDer;
use sha1::{Digest, Sha1};
use x509_cert::Certificate;
use x509_cert::der::asn1::UintRef;
use x509_cert::der::oid::ObjectIdentifier;
use x509_cert::der::{Decode, Reader as _, SliceReader};
use x509_cert::spki::SubjectPublicKeyInfoOwned;
use x509_cert::time::Time;

use super::names::{Attributes, Names, attribute, one_line};

/// What is asked of a certificate.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum CertificateFact {
    /// The version, counted from 1.
    Version,
    /// The serial number.
    Serial,
    /// The hash SHA-1 of the whole.
    Sha1,
    /// The first moment at which it holds.
    NotBefore,
    /// The last moment at which it holds.
    NotAfter,
    /// The algorithm of the key.
    KeyAlgorithm,
    /// The kind and the bits of the key, as `RSA2048`.
    Key,
    /// The algorithm of the signature.
    SignatureAlgorithm,
    /// The whole, in the format DER.
    Der,
    /// Whom it was given to.
    Subject(NameForm),
    /// Who has signed it.
    Issuer(NameForm),
}

/// Which part of a distinguished name is meant, and how it is written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum NameForm {
    /// All of it, as `/C=FR/CN=name`.
    OneLine,
    /// All of it, as `CN=name,C=FR` (RFC 2253).
    Rfc2253,
    /// The value of the attribute with this name, and which of them: counted from 1, or from the
    /// last one back with -1. There is none with 0.
    Attribute(Box<str>, i32),
}

/// A certificate that was read.
#[derive(Clone, Debug)]
pub struct Details {
    names: Names,
    version: u8,
    serial: Vec<u8>,
    not_before: Option<String>,
    not_after: Option<String>,
    key_algorithm: String,
    key: Option<String>,
    signature_algorithm: String,
    der: CertificateDer<'static>,
}

/// A value that a certificate has.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum CertificateValue {
    /// A number.
    Number(i64),
    /// A text.
    Text(Vec<u8>),
    /// Bytes.
    Binary(Vec<u8>),
}

impl Details {
    /// Reads a certificate; none if it cannot be read.
    pub fn of(der: &CertificateDer<'_>) -> Option<Self> {
        let certificate = Certificate::from_der(der).ok()?;
        let body = &certificate.tbs_certificate;
        let serial = body.serial_number.as_bytes();
        let zeros = serial.iter().take_while(|byte| **byte == 0).count();
        Some(Self {
            names: Names::of_body(body),
            version: (body.version as u8).saturating_add(1),
            serial: serial.get(zeros..).unwrap_or_default().to_vec(),
            not_before: moment(&body.validity.not_before),
            not_after: moment(&body.validity.not_after),
            key_algorithm: algorithm(&body.subject_public_key_info.algorithm.oid),
            key: key(&body.subject_public_key_info),
            signature_algorithm: algorithm(&certificate.signature_algorithm.oid),
            der: der.clone().into_owned(),
        })
    }

    /// The common name of the subject.
    pub fn common_name(&self) -> Option<&str> {
        self.names.common_name()
    }

    /// A fact about it, if it has one.
    pub fn fact(&self, fact: &CertificateFact) -> Option<CertificateValue> {
        let text = |text: &str| Some(CertificateValue::Text(text.as_bytes().to_vec()));
        match fact {
            CertificateFact::Version => Some(CertificateValue::Number(self.version.into())),
            CertificateFact::Serial => Some(CertificateValue::Binary(self.serial.clone())),
            CertificateFact::Sha1 => {
                Some(CertificateValue::Binary(Sha1::digest(&self.der).to_vec()))
            }
            CertificateFact::NotBefore => text(self.not_before.as_deref()?),
            CertificateFact::NotAfter => text(self.not_after.as_deref()?),
            CertificateFact::KeyAlgorithm => text(&self.key_algorithm),
            CertificateFact::Key => text(self.key.as_deref()?),
            CertificateFact::SignatureAlgorithm => text(&self.signature_algorithm),
            CertificateFact::Der => Some(CertificateValue::Binary(self.der.to_vec())),
            CertificateFact::Subject(form) => text(&name_text(&self.names.subject, form)?),
            CertificateFact::Issuer(form) => text(&name_text(&self.names.issuer, form)?),
        }
    }
}

/// A distinguished name in a form; none if the name has no such part, or none at all.
fn name_text(name: &Attributes, form: &NameForm) -> Option<String> {
    let text = match form {
        NameForm::OneLine => one_line(name),
        NameForm::Rfc2253 => rfc2253(name),
        NameForm::Attribute(key, nth) => attribute(name, key, *nth)?.to_owned(),
    };
    Some(text).filter(|text| !text.is_empty())
}

/// RFC 2253 2: the last attribute comes first.
fn rfc2253(name: &Attributes) -> String {
    let parts: Vec<String> =
        name.iter().rev().map(|(key, value)| format!("{key}={}", escaped(value))).collect();
    parts.join(",")
}

/// RFC 2253 2.4. As OpenSSL does, what is not in ASCII is escaped too.
fn escaped(value: &str) -> String {
    let last = value.len().saturating_sub(1);
    let mut text = String::with_capacity(value.len());
    for (at, byte) in value.bytes().enumerate() {
        match byte {
            b',' | b'+' | b'"' | b'\\' | b'<' | b'>' | b';' => {
                text.push('\\');
                text.push(char::from(byte));
            }
            b'#' if at == 0 => text.push_str("\\#"),
            b' ' if at == 0 || at == last => text.push_str("\\ "),
            b' '..=b'~' => text.push(char::from(byte)),
            // Writing to a string does not fail.
            _ => drop(write!(text, "\\{byte:02X}")),
        }
    }
    text
}

/// A moment as HAProxy writes it: the year has two digits, so a year after 2099 has no text.
fn moment(time: &Time) -> Option<String> {
    let date = time.to_date_time();
    let is_short = match time {
        Time::UtcTime(_) => true,
        Time::GeneralTime(_) => (2000..2100).contains(&date.year()),
    };
    let (day, clock) = ((date.month(), date.day()), (date.hour(), date.minutes(), date.seconds()));
    is_short.then(|| {
        let (year, month, day) = (date.year() % 100, day.0, day.1);
        let (hour, minute, second) = clock;
        format!("{year:02}{month:02}{day:02}{hour:02}{minute:02}{second:02}Z")
    })
}

/// The kind and the bits of a key of RSA or of an elliptic curve.
fn key(info: &SubjectPublicKeyInfoOwned) -> Option<String> {
    let curve = || info.algorithm.parameters.as_ref()?.decode_as::<ObjectIdentifier>().ok();
    match algorithm(&info.algorithm.oid).as_str() {
        "rsaEncryption" => Some(format!("RSA{}", rsa_bits(info.subject_public_key.as_bytes()?)?)),
        "id-ecPublicKey" => {
            let curve = curve()?.to_string();
            let bits = CURVES.iter().find(|(known, _)| *known == curve).map(|(_, bits)| bits)?;
            Some(format!("EC{bits}"))
        }
        _ => None,
    }
}

/// The bits of the number that the key of RSA is about (RFC 8017 A.1.1).
fn rsa_bits(key: &[u8]) -> Option<usize> {
    let mut reader = SliceReader::new(key).ok()?;
    let bits = reader.sequence(|inner| {
        let modulus = UintRef::decode(inner)?;
        UintRef::decode(inner)?;
        let bytes = modulus.as_bytes();
        let unused = bytes.first().map_or(0, |first| first.leading_zeros() as usize);
        Ok(bytes.len() * 8 - unused)
    });
    bits.ok()
}

const CURVES: [(&str, u32); 5] = [
    ("1.2.840.10045.3.1.7", 256),
    ("1.3.132.0.10", 256),
    ("1.3.132.0.33", 224),
    ("1.3.132.0.34", 384),
    ("1.3.132.0.35", 521),
];

/// The name that OpenSSL has for an algorithm; its number if there is none.
fn algorithm(oid: &ObjectIdentifier) -> String {
    let number = oid.to_string();
    let known = ALGORITHMS.iter().find(|(known, _)| *known == number).map(|(_, name)| *name);
    known.map_or(number, str::to_owned)
}

const ALGORITHMS: [(&str, &str); 19] = [
    ("1.2.840.10045.2.1", "id-ecPublicKey"),
    ("1.2.840.113549.1.1.1", "rsaEncryption"),
    ("1.2.840.10040.4.1", "dsaEncryption"),
    ("1.2.840.113549.1.1.10", "RSASSA-PSS"),
    ("1.3.101.110", "X25519"),
    ("1.3.101.112", "ED25519"),
    ("1.3.101.113", "ED448"),
    ("1.2.840.113549.1.1.4", "RSA-MD5"),
    ("1.2.840.113549.1.1.5", "RSA-SHA1"),
    ("1.2.840.113549.1.1.14", "RSA-SHA224"),
    ("1.2.840.113549.1.1.11", "RSA-SHA256"),
    ("1.2.840.113549.1.1.12", "RSA-SHA384"),
    ("1.2.840.113549.1.1.13", "RSA-SHA512"),
    ("1.2.840.10045.4.1", "ecdsa-with-SHA1"),
    ("1.2.840.10045.4.3.1", "ecdsa-with-SHA224"),
    ("1.2.840.10045.4.3.2", "ecdsa-with-SHA256"),
    ("1.2.840.10045.4.3.3", "ecdsa-with-SHA384"),
    ("1.2.840.10045.4.3.4", "ecdsa-with-SHA512"),
    ("2.16.840.1.101.3.4.3.2", "dsa_with_SHA256"),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_written_in_the_order_of_their_form() {
        let pairs = [("C", "FR"), ("O", "a, b"), ("CN", " #1é ")];
        let name: Attributes =
            pairs.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect();
        let text = |form| name_text(&name, &form);
        assert_eq!(text(NameForm::OneLine).as_deref(), Some("/C=FR/O=a, b/CN= #1é "));
        let short = text(NameForm::Rfc2253);
        assert_eq!(short.as_deref(), Some("CN=\\ #1\\C3\\A9\\ ,O=a\\, b,C=FR"));
        assert_eq!(text(NameForm::Attribute("o".into(), 1)).as_deref(), Some("a, b"));
        assert_eq!(text(NameForm::Attribute("O".into(), 0)), None);
        assert_eq!(text(NameForm::Attribute("O".into(), 2)), None);
        assert_eq!(text(NameForm::Attribute("O".into(), -1)).as_deref(), Some("a, b"));
        assert_eq!(text(NameForm::Attribute("O".into(), i32::MIN)), None);
        assert_eq!(name_text(&Attributes::new(), &NameForm::OneLine), None);
    }
}
