//! The keywords of rules. Their lines are kept until the names of all sections are known.

use crate::config::drafts::{ProxyDraft, RuleKind, RuleLine};
use crate::config::keywords::{Action, Keyword, Scope, at_least};
use crate::config::text::diagnostic::Parsed;
use crate::config::text::line::Line;
use crate::config::text::report::Report;

const fn row(
    name: &'static str,
    scope: Scope,
    words: usize,
    arguments: &'static str,
    keep: fn(&mut ProxyDraft, &Line<'_>, &mut Report) -> Parsed,
    help: &'static str,
) -> Keyword {
    Keyword::new(name, scope, at_least(words), arguments, help, Action::Proxy(keep))
}

const SECTIONS: Scope = Scope::FRONTEND.and(Scope::BACKEND);

macro_rules! keep {
    ($kind:ident) => {
        |proxy, line, _| keep(proxy, line, RuleKind::$kind)
    };
}

pub(in crate::config) const KEYWORDS: &[Keyword] = &[
    row("acl", SECTIONS, 2, "<name> <sample> [flags] [patterns]", keep!(Acl), "names a test"),
    row(
        "tcp-request connection",
        Scope::FRONTEND,
        1,
        "<action> [if|unless <condition>]",
        keep!(Connection),
        "as soon as a client has come in: accept, reject, silent-drop, track-sc0..2, sc-*, \
         expect-proxy layer4",
    ),
    row(
        "tcp-request session",
        Scope::FRONTEND,
        1,
        "<action> [if|unless <condition>]",
        keep!(Session),
        "once the client's address is known for sure",
    ),
    row(
        "tcp-request content",
        SECTIONS,
        1,
        "<action> [if|unless <condition>]",
        keep!(Content),
        "on what the client has sent",
    ),
    row(
        "tcp-request inspect-delay",
        SECTIONS,
        1,
        "<time>",
        keep!(InspectDelay),
        "longest wait for what content rules ask",
    ),
    row(
        "use_backend",
        Scope::FRONTEND,
        1,
        "<backend> [if|unless <condition>]",
        keep!(UseBackend),
        "where to go",
    ),
    row(
        "use-server",
        Scope::BACKEND,
        1,
        "<server> [if|unless <condition>]",
        keep!(UseServer),
        "which server to take",
    ),
    row(
        "force-persist",
        Scope::BACKEND,
        0,
        "if|unless <condition>",
        keep!(ForcePersist),
        "go to the known server even if it is down",
    ),
    row(
        "ignore-persist",
        Scope::BACKEND,
        0,
        "if|unless <condition>",
        keep!(IgnorePersist),
        "skips the `force-persist` rules below it; stick rules are no cookies",
    ),
];

fn keep(proxy: &mut ProxyDraft, line: &Line<'_>, kind: RuleKind) -> Parsed {
    let words = line.arguments.to_vec();
    proxy.rules.push(RuleLine { kind, keyword: line.keyword, place: line.place, words });
    Ok(())
}
