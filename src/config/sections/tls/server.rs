//! The words about TLS of `server` lines.

use super::shared::shared_rows;
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

/// The words that `bind` lines have too.
pub(in crate::config) const SHARED: &[Keyword] =
    &shared_rows!("server s1 192.0.2.1:443 ssl verify none");

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
