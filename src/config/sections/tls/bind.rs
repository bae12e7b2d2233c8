//! The words about TLS of `bind` lines.

use super::words;
use crate::config::drafts::BindDraft;
use crate::config::keywords::{Arity, Handling, Keyword, Scope, exactly};
use crate::config::text::diagnostic::Parsed;
use crate::config::text::line::Line;
use crate::config::text::report::Report;

const fn row(
    name: &'static str,
    arity: Arity,
    arguments: &'static str,
    help: &'static str,
    read: fn(&mut BindDraft, &Line<'_>, &mut Report) -> Parsed,
) -> Keyword {
    Keyword::new(name, Scope::BIND, arity, arguments, help, Handling::Bind(read))
}

pub(in crate::config) const KEYWORDS: &[Keyword] = &[
    row(
        "ssl",
        exactly(0),
        "",
        "Ends TLS here: clients speak TLS, and servers get what was encrypted.",
        words::read_on,
    )
    .example("bind :443 ssl crt /etc/stickd/tls/site.pem"),
    row(
        "ca-file",
        exactly(1),
        "<file>",
        "Names the file with the authorities whose clients are trusted. \
         `@system-ca` stands for those of the system. A name without a folder is below `ca-base`.",
        words::read_authorities,
    )
    .example(
        "bind :443 ssl crt /etc/stickd/tls/site.pem ca-file /etc/stickd/tls/ca.pem \
         verify required",
    ),
    row(
        "crl-file",
        exactly(1),
        "<file>",
        "Names the file with the certificates that the authorities have revoked.",
        words::read_revoked,
    )
    .by_default("none is revoked")
    .example(
        "bind :443 ssl crt /etc/stickd/tls/site.pem ca-file /etc/stickd/tls/ca.pem \
         crl-file /etc/stickd/tls/crl.pem verify required",
    ),
    row(
        "alpn",
        exactly(1),
        "<protocols>",
        "Offers these application protocols, with commas between them, the best first.",
        words::read_protocols,
    )
    .by_default("no protocol is offered")
    .example("bind :443 ssl crt /etc/stickd/tls/site.pem alpn h2,http/1.1"),
    row(
        "ssl-min-ver",
        exactly(1),
        "<version>",
        "Sets the oldest version: `TLSv1.2` or `TLSv1.3`. An older one means `TLSv1.2`.",
        words::read_min,
    )
    .by_default("`TLSv1.2`")
    .example("bind :443 ssl crt /etc/stickd/tls/site.pem ssl-min-ver TLSv1.3")
    .differs("HAProxy can still speak older versions where OpenSSL can."),
    row(
        "ssl-max-ver",
        exactly(1),
        "<version>",
        "Sets the newest version: `TLSv1.2` or `TLSv1.3`.",
        words::read_max,
    )
    .by_default("`TLSv1.3`")
    .example("bind :443 ssl crt /etc/stickd/tls/site.pem ssl-max-ver TLSv1.2"),
    row(
        "ciphers",
        exactly(1),
        "<names>",
        "Lists the cipher suites of TLS 1.2, in OpenSSL's names with colons between them, the best \
         first. Other names, and words such as `HIGH`, are passed over with a warning.",
        words::read_ciphers,
    )
    .by_default("all that are known")
    .example("bind :443 ssl crt /etc/stickd/tls/site.pem ciphers ECDHE-RSA-AES256-GCM-SHA384"),
    row(
        "ciphersuites",
        exactly(1),
        "<names>",
        "Lists the cipher suites of TLS 1.3, in OpenSSL's names with colons between them, the best \
         first.",
        words::read_ciphersuites,
    )
    .by_default("all that are known")
    .example("bind :443 ssl crt /etc/stickd/tls/site.pem ciphersuites TLS_AES_256_GCM_SHA384"),
    row(
        "crt",
        exactly(1),
        "<path>",
        "Names a file with a certificate, those that lead to its authority, and its key, or a \
         folder of such files. The word may be repeated: a client is shown the certificate that \
         has the name for which it asks, and else the first. The key may stand in a file of its \
         own with `.key` behind the name.",
        |bind, line, _| {
            bind.tls.certificates.push(words::word(line)?);
            Ok(())
        },
    )
    .example("bind :443 ssl crt /etc/stickd/tls/site.pem"),
    row(
        "verify",
        exactly(1),
        "none|optional|required",
        "Says whether clients have to show a certificate that one of `ca-file` has signed.",
        |bind, line, _| {
            bind.tls.verify = Some(words::verify(line, words::OF_CLIENTS)?);
            Ok(())
        },
    )
    .by_default("`none`")
    .example(
        "bind :443 ssl crt /etc/stickd/tls/site.pem ca-file /etc/stickd/tls/ca.pem \
         verify required",
    ),
    row(
        "strict-sni",
        exactly(0),
        "",
        "Refuses clients that ask for no name, or for one that no certificate has.",
        |bind, _, _| {
            bind.tls.is_strict = true;
            Ok(())
        },
    )
    .example("bind :443 ssl crt /etc/stickd/tls/site.pem strict-sni"),
    row("no-alpn", exactly(0), "", "Undoes an `alpn` that stands before it.", |bind, _, _| {
        bind.tls.protocols.clear();
        Ok(())
    })
    .example("bind :443 ssl crt /etc/stickd/tls/site.pem no-alpn"),
    row(
        "no-sslv3",
        exactly(0),
        "",
        "Leaves out SSL 3, which does not exist here anyway.",
        words::read_own_limit,
    )
    .example("bind :443 ssl crt /etc/stickd/tls/site.pem no-sslv3"),
    row(
        "no-tlsv10",
        exactly(0),
        "",
        "Leaves out TLS 1.0, which does not exist here anyway.",
        words::read_own_limit,
    )
    .example("bind :443 ssl crt /etc/stickd/tls/site.pem no-tlsv10"),
    row(
        "no-tlsv11",
        exactly(0),
        "",
        "Leaves out TLS 1.1, which does not exist here anyway.",
        words::read_own_limit,
    )
    .example("bind :443 ssl crt /etc/stickd/tls/site.pem no-tlsv11"),
    row("no-tlsv12", exactly(0), "", "Leaves out TLS 1.2.", words::read_own_limit)
        .example("bind :443 ssl crt /etc/stickd/tls/site.pem no-tlsv12"),
    row("no-tlsv13", exactly(0), "", "Leaves out TLS 1.3.", words::read_own_limit)
        .example("bind :443 ssl crt /etc/stickd/tls/site.pem no-tlsv13"),
    row("force-tlsv12", exactly(0), "", "Speaks TLS 1.2 only.", words::read_own_limit)
        .example("bind :443 ssl crt /etc/stickd/tls/site.pem force-tlsv12"),
    row("force-tlsv13", exactly(0), "", "Speaks TLS 1.3 only.", words::read_own_limit)
        .example("bind :443 ssl crt /etc/stickd/tls/site.pem force-tlsv13"),
    row(
        "no-tls-tickets",
        exactly(0),
        "",
        "Lets no client continue an earlier session.",
        words::read_own_limit,
    )
    .example("bind :443 ssl crt /etc/stickd/tls/site.pem no-tls-tickets"),
];
