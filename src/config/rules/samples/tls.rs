//! Samples of the TLS sessions of a connection: with the client, and with the server.

use super::row::{SampleRow, row};
use crate::config::rules::expression::Fetch;
use crate::config::rules::expression::ValueType::{Bool, Integer, Text};
use crate::net::tls::facts::SessionFact as Fact;
use crate::net::tls::facts::TlsPeer::{Client, Server};

/// `$peer` is with whom the session is.
macro_rules! session {
    ($peer:ident, $name:literal, $kind:ident, $fact:expr, $help:expr, $example:expr) => {
        row($name, "", $kind, |_| Ok(Fetch::Tls($peer, $fact)), $help, $example)
    };
}

pub(super) const SAMPLES: &[SampleRow] = &[
    row(
        "fc_err",
        "",
        Integer,
        |_| Ok(Fetch::FailureNumber(Client)),
        "Why the client was refused at its PROXY header or in the TLS handshake, as HAProxy's \
         number: 24 is an end before the hello, 26 a timeout, 31 a certificate that is not \
         trusted, 34 any other failure of a handshake, 43 one behind the handshake. 0 if nothing \
         has failed. It is for `error-log-format`.",
        "error-log-format \"%ci %f %[fc_err] %[fc_err_str]\"",
    ),
    row(
        "fc_err_str",
        "",
        Text,
        |_| Ok(Fetch::FailureText(Client)),
        "The same as `fc_err` in words; `Success` if nothing has failed.",
        "error-log-format \"%ci %f %{+Q}[fc_err_str]\"",
    ),
    row(
        "bc_err",
        "",
        Integer,
        |_| Ok(Fetch::FailureNumber(Server)),
        "Why the TLS handshake with the server has failed, as HAProxy's number: 32 or 33 is a \
         certificate with another name than `verifyhost` or `sni` says, 34 any other failure, 43 \
         one behind the handshake. 0 if nothing has failed; no value without a connection to a \
         server.",
        "log-format \"%ci %b/%s %ts %[bc_err] %[bc_err_str]\"",
    ),
    row(
        "bc_err_str",
        "",
        Text,
        |_| Ok(Fetch::FailureText(Server)),
        "The same as `bc_err` in words; `Success` if nothing has failed.",
        "log-format \"%ci %b/%s %ts %{+Q}[bc_err_str]\"",
    ),
    session!(
        Client,
        "ssl_fc",
        Bool,
        Fact::Exists,
        "Whether the client speaks TLS with the listener.",
        "tcp-request session reject unless { ssl_fc }"
    ),
    session!(
        Client,
        "ssl_fc_sni",
        Text,
        Fact::ServerName,
        "The name that a TLS client of the listener asks for.",
        "use_backend web if { ssl_fc_sni -i shop.example.org }"
    ),
    session!(
        Client,
        "ssl_fc_has_sni",
        Bool,
        Fact::HasServerName,
        "Whether a TLS client of the listener asks for a name.",
        "tcp-request content reject unless { ssl_fc_has_sni }"
    ),
    session!(
        Client,
        "ssl_fc_alpn",
        Text,
        Fact::Protocol,
        "The application protocol (ALPN) that was agreed on with a TLS client.",
        "use_backend web if { ssl_fc_alpn mqtt }"
    ),
    session!(
        Client,
        "ssl_fc_npn",
        Text,
        Fact::Never,
        "No value: NPN, which ALPN has replaced, is not spoken.",
        "use_backend web if { ssl_fc_npn mqtt }"
    ),
    session!(
        Client,
        "ssl_fc_protocol",
        Text,
        Fact::Version,
        "The version of TLS that is spoken with the client: `TLSv1.2` or `TLSv1.3`.",
        "use_backend web if { ssl_fc_protocol TLSv1.2 }"
    ),
    session!(
        Client,
        "ssl_fc_cipher",
        Text,
        Fact::Suite,
        "The cipher suite that is used with the client, by OpenSSL's name.",
        "log-format \"%ci %[ssl_fc_protocol] %[ssl_fc_cipher]\""
    ),
    session!(Client, "ssl_fc_alg_keysize", Integer, Fact::KeyBits, FC_BITS, FC_BITS_EXAMPLE),
    session!(Client, "ssl_fc_use_keysize", Integer, Fact::KeyBits, FC_BITS, FC_BITS_EXAMPLE),
    session!(
        Client,
        "ssl_fc_is_resumed",
        Bool,
        Fact::IsResumed,
        "Whether the client continues an earlier TLS session.",
        "log-format \"%ci %[ssl_fc_is_resumed]\""
    ),
    session!(
        Client,
        "ssl_fc_has_crt",
        Bool,
        Fact::HasShownCertificate,
        "Whether the client has shown a certificate in this handshake. It has not where it \
         continues an earlier session: `ssl_c_used` is true there too.",
        "use_backend web if { ssl_fc_has_crt }"
    ),
    session!(
        Client,
        "ssl_fc_has_early",
        Bool,
        Fact::Always(0),
        "False: what a client sends before the handshake is over is not taken (0-RTT).",
        "tcp-request content reject if { ssl_fc_has_early }"
    ),
    session!(
        Client,
        "ssl_c_used",
        Bool,
        Fact::HasCertificate,
        "Whether the client has shown a certificate, in this TLS session or in the one that it \
         continues.",
        "use_backend web if { ssl_c_used }"
    ),
    session!(Client, "ssl_c_verify", Integer, Fact::Always(0), JUDGED, "acl ok ssl_c_verify 0"),
    session!(Client, "ssl_c_err", Integer, Fact::Always(0), JUDGED, "acl ok ssl_c_err 0"),
    session!(Client, "ssl_c_ca_err", Integer, Fact::Always(0), JUDGED, "acl ok ssl_c_ca_err 0"),
    session!(
        Client,
        "ssl_c_ca_err_depth",
        Integer,
        Fact::Always(0),
        JUDGED,
        "acl ok ssl_c_ca_err_depth 0"
    ),
    session!(
        Server,
        "ssl_bc",
        Bool,
        Fact::Exists,
        "Whether TLS is spoken with the server. It is known in the rules of `tcp-response` and in \
         the log.",
        "log-format \"%ci %s %[ssl_bc]\""
    ),
    session!(
        Server,
        "ssl_bc_alpn",
        Text,
        Fact::Protocol,
        "The application protocol (ALPN) that was agreed on with the server.",
        "log-format \"%ci %s %[ssl_bc_alpn]\""
    ),
    session!(
        Server,
        "ssl_bc_npn",
        Text,
        Fact::Never,
        "No value: NPN, which ALPN has replaced, is not spoken.",
        "log-format \"%ci %s %[ssl_bc_npn]\""
    ),
    session!(
        Server,
        "ssl_bc_protocol",
        Text,
        Fact::Version,
        "The version of TLS that is spoken with the server: `TLSv1.2` or `TLSv1.3`.",
        "log-format \"%ci %s %[ssl_bc_protocol]\""
    ),
    session!(
        Server,
        "ssl_bc_cipher",
        Text,
        Fact::Suite,
        "The cipher suite that is used with the server, by OpenSSL's name.",
        "log-format \"%ci %s %[ssl_bc_cipher]\""
    ),
    session!(Server, "ssl_bc_alg_keysize", Integer, Fact::KeyBits, BC_BITS, BC_BITS_EXAMPLE),
    session!(Server, "ssl_bc_use_keysize", Integer, Fact::KeyBits, BC_BITS, BC_BITS_EXAMPLE),
    session!(
        Server,
        "ssl_bc_is_resumed",
        Bool,
        Fact::IsResumed,
        "Whether an earlier TLS session with the server is continued.",
        "log-format \"%ci %s %[ssl_bc_is_resumed]\""
    ),
];

const FC_BITS: &str = "The bits of the key of the cipher suite that is used with the client.";
const FC_BITS_EXAMPLE: &str =
    "use_backend web if { ssl_fc_alg_keysize 128 } or { ssl_fc_use_keysize 128 }";
const BC_BITS: &str = "The bits of the key of the cipher suite that is used with the server.";
const BC_BITS_EXAMPLE: &str = "log-format \"%s %[ssl_bc_alg_keysize] %[ssl_bc_use_keysize]\"";
const JUDGED: &str = "Always 0 for a TLS client: one whose certificate is not trusted is refused \
                      in the handshake.";
