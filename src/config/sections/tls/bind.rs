//! The words about TLS of `bind` lines.

use super::shared::shared_rows;
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

/// The words that `server` lines have too.
pub(in crate::config) const SHARED: &[Keyword] =
    &shared_rows!("bind :443 ssl crt /etc/stickd/tls/site.pem");

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
        "no-tls-tickets",
        exactly(0),
        "",
        "Lets no client continue an earlier session.",
        words::read_own_limit,
    )
    .example("bind :443 ssl crt /etc/stickd/tls/site.pem no-tls-tickets"),
];
