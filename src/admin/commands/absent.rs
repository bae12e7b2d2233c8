//! The commands of HAProxy 2.6 that stickd does not have. A client that sends such a command is
//! told the reason.

use super::command_line::CommandLine;

const TLS: &str = "there is no TLS here";
const HTTP: &str = "it is about HTTP, which is not processed here";
const INSIDE: &str = "it shows the inside of HAProxy; see 'show activity'";

/// The words that such commands begin with, and the reasons.
const ABSENT: &[(&str, &str)] = &[
    ("abort ssl", TLS),
    ("add ssl", TLS),
    ("commit ssl", TLS),
    ("del ssl", TLS),
    ("disable dynamic-cookie", HTTP),
    ("enable dynamic-cookie", HTTP),
    ("new ssl", TLS),
    ("set dynamic-cookie-key", HTTP),
    ("set profiling", INSIDE),
    ("set ssl", TLS),
    ("show cache", HTTP),
    ("show fd", INSIDE),
    ("show libs", INSIDE),
    ("show pools", INSIDE),
    ("show profiling", INSIDE),
    ("show schema", "'show info json' and 'show stat json' have HAProxy's schema"),
    ("show ssl", TLS),
    ("show startup-logs", "they are on standard error and in the log"),
    ("show tasks", INSIDE),
    ("show threads", INSIDE),
    ("show tls-keys", TLS),
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
