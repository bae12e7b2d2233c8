//! The commands of HAProxy 2.7, and some newer ones, that stickd does not have. A client that sends
//! such a command is told the reason.

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

const POOLS: &str = "memory is not kept in pools by its use; see 'show info' and the metrics";
const PROFILING: &str = "nothing is profiled; see 'show activity'";

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
    ("set profiling", PROFILING),
    ("show cache", HTTP),
    ("show fd", "/proc/<pid>/fd lists the descriptors"),
    ("show pools", POOLS),
    ("show profiling", PROFILING),
    ("show tasks", "'show sess' lists all that runs"),
    ("show threads", "there is one thread; see 'show activity'"),
    ("show trace", INSIDE),
    ("trace", INSIDE),
    ("debug dev", INSIDE),
    ("expert-mode", "no command needs it"),
    ("mcli-debug-mode", "no command needs it"),
    ("dump stats-file", "statistics are not kept in a file; a reload hands on what it can"),
    ("set anon", "nothing is printed without names"),
    ("set global-key", "nothing is printed without names"),
    ("show anon", "nothing is printed without names"),
    ("show quic", "there is no QUIC here"),
    ("show dev", INSIDE),
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
