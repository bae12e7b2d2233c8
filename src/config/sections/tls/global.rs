//! What `global` says about TLS for all lines.

use super::words;
use crate::config::drafts::{GlobalDraft, TlsLimits};
use crate::config::keywords::{Arity, Handling, Keyword, Scope, at_least, exactly};
use crate::config::text::diagnostic::{Mistake, Parsed};
use crate::config::text::line::Line;
use crate::config::text::report::Report;

const fn row(
    name: &'static str,
    arity: Arity,
    arguments: &'static str,
    help: &'static str,
    read: fn(&mut GlobalDraft, &Line<'_>, &mut Report) -> Parsed,
) -> Keyword {
    Keyword::new(name, Scope::GLOBAL, arity, arguments, help, Handling::Global(read))
}

pub(in crate::config) const KEYWORDS: &[Keyword] = &[
    row(
        "crt-base",
        exactly(1),
        "<folder>",
        "Names the folder of the files of `crt` that are named without one.",
        |draft, line, _| {
            draft.tls.certificate_folder = Some(line.argument(0)?.value.to_owned());
            Ok(())
        },
    )
    .by_default("the working directory")
    .example("crt-base /etc/stickd/tls"),
    row(
        "ca-base",
        exactly(1),
        "<folder>",
        "Names the folder of the files of `ca-file` and `crl-file` that are named without one.",
        |draft, line, _| {
            draft.tls.authority_folder = Some(line.argument(0)?.value.to_owned());
            Ok(())
        },
    )
    .by_default("the working directory")
    .example("ca-base /etc/stickd/tls"),
    row(
        "ssl-default-bind-ciphers",
        exactly(1),
        "<names>",
        "Sets `ciphers` for the `bind` lines that do not.",
        |draft, line, _| {
            draft.tls.bind.ciphers = Some(words::word(line)?);
            Ok(())
        },
    )
    .by_default("all that are known")
    .example("ssl-default-bind-ciphers ECDHE-RSA-AES256-GCM-SHA384"),
    row(
        "ssl-default-bind-ciphersuites",
        exactly(1),
        "<names>",
        "Sets `ciphersuites` for the `bind` lines that do not.",
        |draft, line, _| {
            draft.tls.bind.ciphersuites = Some(words::word(line)?);
            Ok(())
        },
    )
    .by_default("all that are known")
    .example("ssl-default-bind-ciphersuites TLS_AES_256_GCM_SHA384"),
    row(
        "ssl-default-bind-options",
        at_least(1),
        "<words>",
        "Gives words to all `bind` lines with `ssl`: `ssl-min-ver`, `ssl-max-ver`, `no-tlsv12` and \
         its like, `no-tls-tickets`, `strict-sni`.",
        |draft, line, report| {
            let is_strict = &mut draft.tls.is_strict;
            read_options(&mut draft.tls.bind, line, report, |word| {
                *is_strict |= word == "strict-sni";
                word == "strict-sni"
            })
        },
    )
    .example("ssl-default-bind-options ssl-min-ver TLSv1.2 no-tls-tickets"),
    row(
        "ssl-default-server-ciphers",
        exactly(1),
        "<names>",
        "Sets `ciphers` for the `server` lines that do not.",
        |draft, line, _| {
            draft.tls.server.ciphers = Some(words::word(line)?);
            Ok(())
        },
    )
    .by_default("all that are known")
    .example("ssl-default-server-ciphers ECDHE-RSA-AES256-GCM-SHA384"),
    row(
        "ssl-default-server-ciphersuites",
        exactly(1),
        "<names>",
        "Sets `ciphersuites` for the `server` lines that do not.",
        |draft, line, _| {
            draft.tls.server.ciphersuites = Some(words::word(line)?);
            Ok(())
        },
    )
    .by_default("all that are known")
    .example("ssl-default-server-ciphersuites TLS_AES_256_GCM_SHA384"),
    row(
        "ssl-default-server-options",
        at_least(1),
        "<words>",
        "Gives words to all `server` lines with `ssl`: `ssl-min-ver`, `ssl-max-ver`, `no-tlsv12` \
         and its like, `no-tls-tickets`.",
        |draft, line, report| read_options(&mut draft.tls.server, line, report, |_| false),
    )
    .example("ssl-default-server-options ssl-min-ver TLSv1.2 no-tls-tickets"),
    row(
        "ssl-server-verify",
        exactly(1),
        "none|required",
        "Sets `verify` for the `server` lines that do not.",
        |draft, line, _| {
            draft.tls.server_verify = Some(words::verify(line, words::OF_SERVERS)?);
            Ok(())
        },
    )
    .by_default("`required`")
    .example("ssl-server-verify none"),
];

/// Reads a list of words that stand on a line otherwise. `other` takes those that it knows itself.
fn read_options(
    limits: &mut TlsLimits,
    line: &Line<'_>,
    report: &mut Report,
    mut other: impl FnMut(&str) -> bool,
) -> Parsed {
    let mut typed = line.arguments.iter().map(|word| line.placed(word));
    while let Some(word) = typed.next() {
        let read = match word.value {
            "ssl-min-ver" => words::read_oldest,
            "ssl-max-ver" => words::read_newest,
            "prefer-client-ciphers" => {
                report
                    .warning(word.place, "'prefer-client-ciphers' has no effect: our order counts");
                continue;
            }
            known if other(known) => continue,
            _ => {
                words::read_limit(limits, line.keyword, &word)?;
                continue;
            }
        };
        let Some(version) = typed.next() else {
            let message = format!("'{}' ends without a version", word.value);
            return Err(Mistake::new(word.place, message));
        };
        read(limits, &version)?;
    }
    Ok(())
}
