//! The words about TLS that `bind` lines and `server` lines have both.

/// The rows of these words, made by the function `row` of the place. `$line` is a line to which the
/// words can be added.
macro_rules! shared_rows {
    ($line:literal) => {
        [
            row(
                "crl-file",
                exactly(1),
                "<file>",
                "Names the file with the certificates that the authorities have revoked.",
                words::read_revoked,
            )
            .by_default("none is revoked")
            .example(concat!(
                $line,
                " ca-file /etc/stickd/tls/ca.pem crl-file /etc/stickd/tls/crl.pem verify required"
            )),
            row(
                "alpn",
                exactly(1),
                "<protocols>",
                "Offers these application protocols, with commas between them, the best first.",
                words::read_protocols,
            )
            .by_default("no protocol is offered")
            .example(concat!($line, " alpn h2,http/1.1")),
            row(
                "ssl-min-ver",
                exactly(1),
                "<version>",
                "Sets the oldest version: `TLSv1.2` or `TLSv1.3`. An older one means `TLSv1.2`.",
                words::read_min,
            )
            .by_default("`TLSv1.2`")
            .example(concat!($line, " ssl-min-ver TLSv1.3"))
            .differs("HAProxy can still speak older versions where OpenSSL can."),
            row(
                "ssl-max-ver",
                exactly(1),
                "<version>",
                "Sets the newest version: `TLSv1.2` or `TLSv1.3`.",
                words::read_max,
            )
            .by_default("`TLSv1.3`")
            .example(concat!($line, " ssl-max-ver TLSv1.2")),
            row(
                "ciphers",
                exactly(1),
                "<names>",
                "Lists the cipher suites of TLS 1.2, in OpenSSL's names with colons between them, \
                 the best first. Other names, and words such as `HIGH`, are passed over with a \
                 warning.",
                words::read_ciphers,
            )
            .by_default("all that are known")
            .example(concat!($line, " ciphers ECDHE-RSA-AES256-GCM-SHA384")),
            row(
                "ciphersuites",
                exactly(1),
                "<names>",
                "Lists the cipher suites of TLS 1.3, in OpenSSL's names with colons between them, \
                 the best first.",
                words::read_ciphersuites,
            )
            .by_default("all that are known")
            .example(concat!($line, " ciphersuites TLS_AES_256_GCM_SHA384")),
            row(
                "no-sslv3",
                exactly(0),
                "",
                "Leaves out SSL 3, which does not exist here anyway.",
                words::read_own_limit,
            )
            .example(concat!($line, " no-sslv3")),
            row(
                "no-tlsv10",
                exactly(0),
                "",
                "Leaves out TLS 1.0, which does not exist here anyway.",
                words::read_own_limit,
            )
            .example(concat!($line, " no-tlsv10")),
            row(
                "no-tlsv11",
                exactly(0),
                "",
                "Leaves out TLS 1.1, which does not exist here anyway.",
                words::read_own_limit,
            )
            .example(concat!($line, " no-tlsv11")),
            row("no-tlsv12", exactly(0), "", "Leaves out TLS 1.2.", words::read_own_limit)
                .example(concat!($line, " no-tlsv12")),
            row("no-tlsv13", exactly(0), "", "Leaves out TLS 1.3.", words::read_own_limit)
                .example(concat!($line, " no-tlsv13")),
            row("force-tlsv12", exactly(0), "", "Speaks TLS 1.2 only.", words::read_own_limit)
                .example(concat!($line, " force-tlsv12")),
            row("force-tlsv13", exactly(0), "", "Speaks TLS 1.3 only.", words::read_own_limit)
                .example(concat!($line, " force-tlsv13")),
        ]
    };
}
pub(super) use shared_rows;
