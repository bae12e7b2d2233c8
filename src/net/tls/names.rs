//! The names in a certificate (RFC 5280 4.1.2.6 and 4.2.1.6).

use std::fmt::Write as _;

use rustls::pki_types::CertificateDer;
use x509_cert::der::asn1::{Ia5StringRef, PrintableStringRef, TeletexStringRef, Utf8StringRef};
use x509_cert::der::oid::ObjectIdentifier;
use x509_cert::der::{Decode, Tag, Tagged};
use x509_cert::ext::pkix::SubjectAltName;
use x509_cert::ext::pkix::name::GeneralName;
use x509_cert::name::Name;
use x509_cert::{Certificate, TbsCertificate};

const COMMON_NAME: &str = "CN";
const SUBJECT_ALT_NAME: ObjectIdentifier = ObjectIdentifier::new_unwrap("2.5.29.17");

/// The short names that OpenSSL has for the attributes of a distinguished name.
const ATTRIBUTES: [(&str, &str); 13] = [
    ("2.5.4.3", COMMON_NAME),
    ("2.5.4.4", "SN"),
    ("2.5.4.5", "serialNumber"),
    ("2.5.4.6", "C"),
    ("2.5.4.7", "L"),
    ("2.5.4.8", "ST"),
    ("2.5.4.9", "street"),
    ("2.5.4.10", "O"),
    ("2.5.4.11", "OU"),
    ("2.5.4.12", "title"),
    ("2.5.4.42", "GN"),
    ("0.9.2342.19200300.100.1.25", "DC"),
    ("1.2.840.113549.1.9.1", "emailAddress"),
];

/// The attributes of a distinguished name in their order, each with OpenSSL's short name for it.
pub type Attributes = Vec<(String, String)>;

/// What a certificate says of whom it was given to.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Names {
    /// The host names and addresses for which the certificate holds (subject alternative names).
    pub hosts: Vec<String>,
    /// The distinguished name of the subject.
    pub subject: Attributes,
    /// The distinguished name of the issuer.
    pub issuer: Attributes,
}

impl Names {
    /// Reads the names of a certificate; none if it cannot be read.
    pub fn of(certificate: &CertificateDer<'_>) -> Option<Self> {
        Some(Self::of_body(&Certificate::from_der(certificate).ok()?.tbs_certificate))
    }

    /// The names of a certificate that was read.
    pub(super) fn of_body(body: &TbsCertificate) -> Self {
        let extensions = body.extensions.as_deref().unwrap_or_default();
        let alternatives = extensions.iter().find(|it| it.extn_id == SUBJECT_ALT_NAME);
        let alternatives = alternatives
            .and_then(|it| SubjectAltName::from_der(it.extn_value.as_bytes()).ok())
            .map(|names| names.0)
            .unwrap_or_default();
        Self {
            hosts: alternatives.iter().filter_map(host).collect(),
            subject: attributes(&body.subject),
            issuer: attributes(&body.issuer),
        }
    }

    /// The common name of the subject.
    pub fn common_name(&self) -> Option<&str> {
        attribute(&self.subject, COMMON_NAME, 1)
    }

    /// The names under which a server with this certificate may be asked for: its hosts, and else
    /// its common name.
    pub fn of_server(&self) -> impl Iterator<Item = &str> {
        let hosts = self.hosts.iter().map(String::as_str);
        let common = self.common_name().filter(|_| self.hosts.is_empty());
        hosts.chain(common)
    }

    /// Whether one of its hosts or common names is this name, letter by letter.
    pub fn have(&self, name: &str) -> bool {
        self.all().any(|own| own == name)
    }

    /// Its hosts and its common names.
    pub fn all(&self) -> impl Iterator<Item = &str> {
        let common = self.subject.iter().filter(|(key, _)| key == COMMON_NAME);
        let common = common.map(|(_, value)| value).filter(|name| !self.hosts.contains(name));
        self.hosts.iter().chain(common).map(String::as_str)
    }

    /// Whether the certificate holds for this host. `*` stands for the first part of a name.
    pub fn match_host(&self, host: &str) -> bool {
        self.of_server().any(|name| name_matches(name, host))
    }
}

/// Whether the name of a certificate, whose first part may be `*`, stands for this host.
pub fn name_matches(name: &str, host: &str) -> bool {
    if name.eq_ignore_ascii_case(host) {
        return true;
    }
    let Some(rest) = name.strip_prefix("*.") else { return false };
    host.split_once('.').is_some_and(|(first, tail)| {
        !first.is_empty() && tail.contains('.') && tail.eq_ignore_ascii_case(rest)
    })
}

/// The `nth` attribute with this name, in small or capital letters, counted from 1, or from the
/// last one back with -1.
pub fn attribute<'a>(attributes: &'a Attributes, name: &str, nth: i32) -> Option<&'a str> {
    let of_name = attributes.iter().filter(|(key, _)| key.eq_ignore_ascii_case(name));
    let mut own = of_name.map(|(_, value)| value.as_str());
    let before = usize::try_from(nth.unsigned_abs()).ok()?.checked_sub(1)?;
    if nth > 0 { own.nth(before) } else { own.nth_back(before) }
}

/// A distinguished name in the form of OpenSSL's "one line": `/C=FR/O=Example/CN=name`.
pub fn one_line(attributes: &Attributes) -> String {
    attributes.iter().fold(String::new(), |mut line, (name, value)| {
        // Writing to a string does not fail.
        let _ = write!(line, "/{name}={value}");
        line
    })
}

fn host(name: &GeneralName) -> Option<String> {
    match name {
        GeneralName::DnsName(name) => Some(name.to_string()),
        GeneralName::IpAddress(bytes) => {
            let bytes = bytes.as_bytes();
            let v4 = <[u8; 4]>::try_from(bytes).map(std::net::IpAddr::from);
            let address = v4.or_else(|_| <[u8; 16]>::try_from(bytes).map(std::net::IpAddr::from));
            address.ok().map(|address| address.to_string())
        }
        _ => None,
    }
}

fn attributes(name: &Name) -> Attributes {
    let parts = name.0.iter().flat_map(|part| part.0.iter());
    let named = parts.filter_map(|part| {
        let oid = part.oid.to_string();
        let short = ATTRIBUTES.iter().find(|(known, _)| *known == oid).map(|(_, name)| *name);
        let value = &part.value;
        let text = match value.tag() {
            Tag::Utf8String => value.decode_as::<Utf8StringRef<'_>>().ok()?.as_str().to_owned(),
            Tag::PrintableString => {
                value.decode_as::<PrintableStringRef<'_>>().ok()?.as_str().to_owned()
            }
            Tag::Ia5String => value.decode_as::<Ia5StringRef<'_>>().ok()?.as_str().to_owned(),
            Tag::TeletexString => {
                value.decode_as::<TeletexStringRef<'_>>().ok()?.as_str().to_owned()
            }
            _ => return None,
        };
        Some((short.map_or(oid, str::to_owned), text))
    });
    named.collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_star_stands_for_one_part_of_a_name() {
        assert!(name_matches("*.example.org", "www.example.org"));
        assert!(name_matches("Www.example.org", "www.EXAMPLE.org"));
        for other in ["example.org", "a.b.example.org", ".example.org", "www.example.com"] {
            assert!(!name_matches("*.example.org", other), "{other}");
        }
        assert!(!name_matches("*.org", "example.org"));
    }

    #[test]
    fn attributes_are_counted_from_both_ends() {
        let pairs = [("OU", "a"), ("CN", "n"), ("OU", "b")];
        let list: Attributes =
            pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        let nth = |nth| attribute(&list, "OU", nth);
        assert_eq!([nth(1), nth(2), nth(3), nth(-1)], [Some("a"), Some("b"), None, Some("b")]);
        assert_eq!(one_line(&list), "/OU=a/CN=n/OU=b");
    }
}
