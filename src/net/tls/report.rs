//! What `show ssl cert` tells of a certificate, in OpenSSL's forms.

use std::net::IpAddr;

use rustls::pki_types::CertificateDer;
use x509_cert::Certificate;
use x509_cert::der::Decode;
use x509_cert::time::Time;

use super::certificate::{CertificateFact, CertificateValue, Details};
use super::names::{Names, one_line};

const MONTHS: [&str; 12] =
    ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];

/// The lines about a certificate and those that lead from it to an authority; none if it cannot be
/// read.
pub(super) fn of_chain(chain: &[CertificateDer<'_>]) -> Option<String> {
    let first = chain.first()?;
    let details = Details::of(first)?;
    let body = Certificate::from_der(first).ok()?.tbs_certificate;
    let names = Names::of(first)?;
    // As HAProxy writes it, an address leaves its place empty.
    let host = |host: &String| match host.parse::<IpAddr>() {
        Ok(_) => String::new(),
        Err(_) => format!("DNS:{host}"),
    };
    let hosts: Vec<_> = names.hosts.iter().map(host).collect();
    let mut text = format!(
        "Serial: {}\nnotBefore: {}\nnotAfter: {}\n",
        hexadecimal(details.fact(&CertificateFact::Serial)),
        date(&body.validity.not_before),
        date(&body.validity.not_after),
    );
    if !hosts.is_empty() {
        text += &format!("Subject Alternative Name: {}\n", hosts.join(", "));
    }
    text += &format!(
        "Algorithm: {}\nSHA1 FingerPrint: {}\nSubject: {}\nIssuer: {}\n",
        plain(details.fact(&CertificateFact::Key)),
        hexadecimal(details.fact(&CertificateFact::Sha1)),
        one_line(&names.subject),
        one_line(&names.issuer),
    );
    for link in chain.iter().skip(1).filter_map(Names::of) {
        let (subject, issuer) = (one_line(&link.subject), one_line(&link.issuer));
        text += &format!("Chain Subject: {subject}\nChain Issuer: {issuer}\n");
    }
    Some(text + "OCSP Response Key: \n")
}

/// As `Nov  3 20:53:24 2126 GMT`.
fn date(time: &Time) -> String {
    let date = time.to_date_time();
    let month = MONTHS.get(usize::from(date.month()).saturating_sub(1)).unwrap_or(&"");
    let (day, hour, minute, second) = (date.day(), date.hour(), date.minutes(), date.seconds());
    format!("{month} {day:2} {hour:02}:{minute:02}:{second:02} {} GMT", date.year())
}

fn hexadecimal(value: Option<CertificateValue>) -> String {
    match value {
        Some(CertificateValue::Binary(bytes)) => {
            bytes.iter().map(|byte| format!("{byte:02X}")).collect()
        }
        Some(CertificateValue::Number(_) | CertificateValue::Text(_)) | None => String::new(),
    }
}

fn plain(value: Option<CertificateValue>) -> String {
    match value {
        Some(CertificateValue::Text(text)) => String::from_utf8_lossy(&text).into_owned(),
        Some(CertificateValue::Number(_) | CertificateValue::Binary(_)) | None => String::new(),
    }
}
