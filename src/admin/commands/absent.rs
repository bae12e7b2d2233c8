//! The commands of HAProxy 2.6 that stickd does not have. A client that sends such a command is
//! told the reason.

use super::typed::command_line::CommandLine;

const CRT_LIST: &str = "certificates are named by 'bind' lines alone, not by lists of them";
const STORE: &str = "certificates come and go with the configuration: change it and reload; \
                     'set ssl cert' replaces one";
const TRUST: &str = "authorities and lists of revoked certificates are read with the \
                     configuration: write the file and reload";
const OCSP: &str = "no OCSP responses are sent";
const TICKETS: &str = "the process makes the keys of session tickets, and tells them to nobody";
const LIBRARY: &str = "TLS is rustls, which is a part of this program";
const HTTP: &str = "it is about HTTP, which is not processed here";
const INSIDE: &str = "it shows the inside of HAProxy; see 'show activity'";

/// The words that such commands begin with, and the reasons.
const ABSENT: &[(&str, &str)] = &[
    ("abort ssl ca-file", TRUST),
    ("abort ssl crl-file", TRUST),
    ("add ssl", CRT_LIST),
    ("commit ssl ca-file", TRUST),
    ("commit ssl crl-file", TRUST),
    ("del ssl crt-list", CRT_LIST),
    ("del ssl ca-file", TRUST),
    ("del ssl crl-file", TRUST),
    ("del ssl", STORE),
    ("new ssl ca-file", TRUST),
    ("new ssl crl-file", TRUST),
    ("new ssl crlfile", TRUST),
    ("new ssl", STORE),
    ("set ssl ca-file", TRUST),
    ("set ssl crl-file", TRUST),
    ("set ssl ocsp-response", OCSP),
    ("set ssl tls-key", TICKETS),
    ("show ssl ca-file", TRUST),
    ("show ssl crl-file", TRUST),
    ("show ssl crt-list", CRT_LIST),
    ("show ssl ocsp-response", OCSP),
    ("show ssl providers", LIBRARY),
    ("show tls-keys", TICKETS),
    ("disable dynamic-cookie", HTTP),
    ("enable dynamic-cookie", HTTP),
    ("set dynamic-cookie-key", HTTP),
    ("set profiling", INSIDE),
    ("show cache", HTTP),
    ("show fd", INSIDE),
    ("show libs", INSIDE),
    ("show pools", INSIDE),
    ("show profiling", INSIDE),
    ("show schema", "'show info json' and 'show stat json' have HAProxy's schema"),
    ("show startup-logs", "they are on standard error and in the log"),
    ("show tasks", INSIDE),
    ("show threads", INSIDE),
    ("show trace", INSIDE),
    ("trace", INSIDE),
    ("debug dev", INSIDE),
    ("expert-mode", INSIDE),
    ("mcli-debug-mode", INSIDE),
    ("httpclient", HTTP),
];

/// Why stickd does not have the command, if the line names a command that only HAProxy has.
pub(super) fn reason(line: &CommandLine) -> Option<String> {
    let is_named = |own: &str| {
        let mut given = line.from(0).iter();
        own.split(' ').all(|word| given.next().is_some_and(|given| given == word.as_bytes()))
    };
    let (words, why) = ABSENT.iter().find(|(words, _)| is_named(words))?;
    Some(format!("'{words}' is not supported: {why}."))
}
