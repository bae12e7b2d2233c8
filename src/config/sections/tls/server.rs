//! The words about TLS of `server` lines.

use super::words;
use crate::config::drafts::ServerWords;
use crate::config::keywords::{Arity, Handling, Keyword, Scope, exactly};
use crate::config::text::diagnostic::Parsed;
use crate::config::text::line::Line;
use crate::config::text::report::Report;

const fn row(
    name: &'static str,
    arity: Arity,
    arguments: &'static str,
    help: &'static str,
    read: fn(&mut ServerWords, &Line<'_>, &mut Report) -> Parsed,
) -> Keyword {
    Keyword::new(name, Scope::SERVER, arity, arguments, help, Handling::Server(read))
}

pub(in crate::config) const KEYWORDS: &[Keyword] = &[
    row("ssl", exactly(0), "", "Speaks TLS with the server.", words::read_on)
        .example("server s1 192.0.2.1:443 ssl verify none"),
    row(
        "ca-file",
        exactly(1),
        "<file>",
        "Names the file with the authorities whose servers are trusted. \
         `@system-ca` stands for those of the system. A name without a folder is below `ca-base`.",
        words::read_authorities,
    )
    .example("server s1 192.0.2.1:443 ssl ca-file /etc/stickd/tls/ca.pem verify required"),
    row(
        "crl-file",
        exactly(1),
        "<file>",
        "Names the file with the certificates that the authorities have revoked.",
        words::read_revoked,
    )
    .by_default("none is revoked")
    .example(
        "server s1 192.0.2.1:443 ssl ca-file /etc/stickd/tls/ca.pem crl-file \
         /etc/stickd/tls/crl.pem verify required",
    ),
    row(
        "alpn",
        exactly(1),
        "<protocols>",
        "Offers these application protocols, with commas between them, the best first.",
        words::read_protocols,
    )
    .by_default("no protocol is offered")
    .example("server s1 192.0.2.1:443 ssl verify none alpn h2,http/1.1"),
    row(
        "ssl-min-ver",
        exactly(1),
        "<version>",
        "Sets the oldest version: `TLSv1.2` or `TLSv1.3`. An older one means `TLSv1.2`.",
        words::read_min,
    )
    .by_default("`TLSv1.2`")
    .example("server s1 192.0.2.1:443 ssl verify none ssl-min-ver TLSv1.3")
    .differs("HAProxy can still speak older versions where OpenSSL can."),
    row(
        "ssl-max-ver",
        exactly(1),
        "<version>",
        "Sets the newest version: `TLSv1.2` or `TLSv1.3`.",
        words::read_max,
    )
    .by_default("`TLSv1.3`")
    .example("server s1 192.0.2.1:443 ssl verify none ssl-max-ver TLSv1.2"),
    row(
        "ciphers",
        exactly(1),
        "<names>",
        "Lists the cipher suites of TLS 1.2, in OpenSSL's names with colons between them, the best \
         first. Other names, and words such as `HIGH`, are passed over with a warning.",
        words::read_ciphers,
    )
    .by_default("all that are known")
    .example("server s1 192.0.2.1:443 ssl verify none ciphers ECDHE-RSA-AES256-GCM-SHA384"),
    row(
        "ciphersuites",
        exactly(1),
        "<names>",
        "Lists the cipher suites of TLS 1.3, in OpenSSL's names with colons between them, the best \
         first.",
        words::read_ciphersuites,
    )
    .by_default("all that are known")
    .example("server s1 192.0.2.1:443 ssl verify none ciphersuites TLS_AES_256_GCM_SHA384"),
    row("no-ssl", exactly(0), "", "Undoes an `ssl` that the line inherits.", |server, _, _| {
        server.tls.on = None;
        Ok(())
    })
    .example("server s1 192.0.2.1:80 no-ssl"),
    row(
        "crt",
        exactly(1),
        "<file>",
        "Names the file with the certificate, and its key, that the server is shown if it asks.",
        |server, line, _| {
            server.tls.certificates = vec![words::word(line)?];
            Ok(())
        },
    )
    .by_default("no certificate is shown")
    .example("server s1 192.0.2.1:443 ssl verify none crt /etc/stickd/tls/site.pem"),
    row(
        "verify",
        exactly(1),
        "none|required",
        "Says whether the server has to show a certificate that one of `ca-file` has signed.",
        |server, line, _| {
            server.tls.verify = Some(words::verify(line, words::OF_SERVERS)?);
            Ok(())
        },
    )
    .by_default("`ssl-server-verify`, else `required`")
    .example("server s1 192.0.2.1:443 ssl verify none"),
    row(
        "verifyhost",
        exactly(1),
        "<name>",
        "Sets the name that the server's certificate has to have where `sni` sets none.",
        |server, line, _| {
            server.tls.verify_host = Some(line.argument(0)?.value.to_owned());
            Ok(())
        },
    )
    .by_default("any name")
    .example(
        "server s1 192.0.2.1:443 ssl ca-file /etc/stickd/tls/ca.pem verify required \
         verifyhost db.example.org",
    ),
    row(
        "no-verifyhost",
        exactly(0),
        "",
        "Undoes a `verifyhost` that the line inherits.",
        |server, _, _| {
            server.tls.verify_host = None;
            Ok(())
        },
    )
    .example("server s1 192.0.2.1:443 ssl verify none no-verifyhost"),
    row(
        "sni",
        exactly(1),
        "<expression>",
        "Sets the name that the server is asked for: a sample, for each connection.",
        |server, line, _| {
            server.tls.sni = Some(words::word(line)?);
            Ok(())
        },
    )
    .by_default("the server is asked for no name")
    .example("server s1 192.0.2.1:443 ssl verify none sni str(db.example.org)"),
    row("no-sni", exactly(0), "", "Undoes an `sni` that the line inherits.", |server, _, _| {
        server.tls.sni = None;
        Ok(())
    })
    .example("server s1 192.0.2.1:443 ssl verify none no-sni"),
    row(
        "check-ssl",
        exactly(0),
        "",
        "Has the health checks speak TLS, also where clients' connections do not.",
        |server, line, _| {
            server.tls.check.on = Some(Some(line.place));
            Ok(())
        },
    )
    .by_default("checks speak TLS if `ssl` is there, and neither `port` nor `addr`")
    .example("server s1 192.0.2.1:636 check check-ssl verify none"),
    row(
        "no-check-ssl",
        exactly(0),
        "",
        "Has the health checks speak in the clear.",
        |server, _, _| {
            server.tls.check.on = Some(None);
            Ok(())
        },
    )
    .example("server s1 192.0.2.1:443 ssl verify none check no-check-ssl"),
    row(
        "check-sni",
        exactly(1),
        "<name>",
        "Sets the name that health checks ask the server for.",
        |server, line, _| {
            server.tls.check.offer.name = Some(line.argument(0)?.value.to_owned());
            Ok(())
        },
    )
    .by_default("no name")
    .example("server s1 192.0.2.1:443 check check-ssl verify none check-sni db.example.org"),
    row(
        "check-alpn",
        exactly(1),
        "<protocols>",
        "Sets the application protocols that health checks offer.",
        |server, line, _| {
            server.tls.check.offer.protocols = Some(words::protocols(&line.argument(0)?)?);
            Ok(())
        },
    )
    .by_default("those of `alpn`")
    .example("server s1 192.0.2.1:443 check check-ssl verify none check-alpn http/1.1")
    .differs("HAProxy can check by HTTP/2. Here an HTTP check leaves `h2` out."),
    row(
        "ssl-reuse",
        exactly(0),
        "",
        "Lets a connection continue an earlier session with the server.",
        |server, _, _| {
            server.tls.limits.resumes = Some(true);
            Ok(())
        },
    )
    .example("server s1 192.0.2.1:443 ssl verify none ssl-reuse"),
    row(
        "no-ssl-reuse",
        exactly(0),
        "",
        "Begins a new session with every connection.",
        |server, _, _| {
            server.tls.limits.resumes = Some(false);
            Ok(())
        },
    )
    .example("server s1 192.0.2.1:443 ssl verify none no-ssl-reuse"),
    row(
        "no-sslv3",
        exactly(0),
        "",
        "Leaves out SSL 3, which does not exist here anyway.",
        words::read_own_limit,
    )
    .example("server s1 192.0.2.1:443 ssl verify none no-sslv3"),
    row(
        "no-tlsv10",
        exactly(0),
        "",
        "Leaves out TLS 1.0, which does not exist here anyway.",
        words::read_own_limit,
    )
    .example("server s1 192.0.2.1:443 ssl verify none no-tlsv10"),
    row(
        "no-tlsv11",
        exactly(0),
        "",
        "Leaves out TLS 1.1, which does not exist here anyway.",
        words::read_own_limit,
    )
    .example("server s1 192.0.2.1:443 ssl verify none no-tlsv11"),
    row("no-tlsv12", exactly(0), "", "Leaves out TLS 1.2.", words::read_own_limit)
        .example("server s1 192.0.2.1:443 ssl verify none no-tlsv12"),
    row("no-tlsv13", exactly(0), "", "Leaves out TLS 1.3.", words::read_own_limit)
        .example("server s1 192.0.2.1:443 ssl verify none no-tlsv13"),
    row("force-tlsv12", exactly(0), "", "Speaks TLS 1.2 only.", words::read_own_limit)
        .example("server s1 192.0.2.1:443 ssl verify none force-tlsv12"),
    row("force-tlsv13", exactly(0), "", "Speaks TLS 1.3 only.", words::read_own_limit)
        .example("server s1 192.0.2.1:443 ssl verify none force-tlsv13"),
    row(
        "no-tls-tickets",
        exactly(0),
        "",
        "Begins a new session with every connection.",
        words::read_own_limit,
    )
    .example("server s1 192.0.2.1:443 ssl verify none no-tls-tickets"),
    row(
        "tls-tickets",
        exactly(0),
        "",
        "Lets a connection continue an earlier session with the server.",
        words::read_own_limit,
    )
    .example("server s1 192.0.2.1:443 ssl verify none tls-tickets"),
];
