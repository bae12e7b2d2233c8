//! The keywords of rules. Their lines are kept until the names of all sections are known.

use crate::config::Direction;
use crate::config::drafts::{ProxyDraft, ProxyKind, RuleKind, RuleLine, RuleStage, keyword_names};
use crate::config::keywords::{Handling, Keyword, Scope, at_least};
use crate::config::text::diagnostic::Parsed;
use crate::config::text::line::Line;
use crate::config::text::report::Report;
use Direction::{Request, Response};
use RuleKind::{
    Acl, Action, DeclareCapture, ForcePersist, IgnorePersist, InspectDelay, UseBackend, UseServer,
};

const fn row(
    name: &'static str,
    scope: Scope,
    words: usize,
    arguments: &'static str,
    keep: fn(&mut ProxyDraft, &Line<'_>, &mut Report) -> Parsed,
    help: &'static str,
) -> Keyword {
    Keyword::new(name, scope, at_least(words), arguments, help, Handling::Proxy(keep))
}

const SECTIONS: Scope = Scope::FRONTEND.and(Scope::BACKEND).and(Scope::DEFAULTS);
const FRONTENDS: Scope = Scope::FRONTEND.and(Scope::DEFAULTS);
const BACKENDS: Scope = Scope::BACKEND.and(Scope::DEFAULTS);

macro_rules! keep {
    ($kind:expr) => {
        |proxy, line, _| keep(proxy, line, $kind)
    };
}

const ACTION: &str = "<action> [if|unless <condition>]";

pub(in crate::config) const KEYWORDS: &[Keyword] = &[
    row(
        keyword_names::ACL,
        SECTIONS,
        2,
        "<name> <sample> [flags] [patterns]",
        keep!(Acl),
        "Names a test for conditions. Of several lines with the same name one has to hold.",
    )
    .example("acl is_inside src 10.0.0.0/8 192.168.0.0/16"),
    row(
        "tcp-request connection",
        FRONTENDS,
        1,
        ACTION,
        keep!(Action(RuleStage::Connection)),
        "Applies an action to a client that has just connected, before anything is read from it.",
    )
    .example("tcp-request connection reject if { src_conn_rate(clients) gt 20 }"),
    row(
        "tcp-request session",
        FRONTENDS,
        1,
        ACTION,
        keep!(Action(RuleStage::Session)),
        "Applies an action to a client whose address is final: after a PROXY header, if one comes.",
    )
    .example("tcp-request session track-sc0 src table clients"),
    row(
        "tcp-request content",
        SECTIONS,
        1,
        ACTION,
        keep!(Action(RuleStage::Content)),
        "Applies an action that depends on what the client has sent.",
    )
    .example("tcp-request content reject unless { req.ssl_hello_type 1 }"),
    row(
        "tcp-request inspect-delay",
        SECTIONS,
        1,
        "<time>",
        keep!(InspectDelay(Request)),
        "Lets content rules wait at most this time for what the client sends.",
    )
    .by_default("no wait")
    .example("tcp-request inspect-delay 5s"),
    row(
        "declare capture",
        Scope::FRONTEND,
        3,
        "request|response len <bytes>",
        keep!(DeclareCapture),
        "Declares a text of the log with at most so many bytes. It takes the next slot of its \
         side, which the converters `capture-req` and `capture-res` fill. `%hr` shows those of \
         the request, `%hs` those of the answer.",
    )
    .example("declare capture request len 64"),
    row(
        "tcp-response content",
        BACKENDS,
        1,
        ACTION,
        keep!(Action(RuleStage::Response)),
        "Applies an action that depends on what the server has sent. What the client sends goes on \
         to the server meanwhile.",
    )
    .example("tcp-response content reject if { res.len gt 0 } { res.payload(0,4) -m str FAIL }"),
    row(
        "tcp-response inspect-delay",
        BACKENDS,
        1,
        "<time>",
        keep!(InspectDelay(Response)),
        "Lets `tcp-response content` rules wait at most this time for what the server sends, from \
         when the server has accepted.",
    )
    .by_default("no wait: the rules decide when the server has accepted")
    .example("tcp-response inspect-delay 5s"),
    row(
        "use_backend",
        Scope::FRONTEND,
        1,
        "<backend> [if|unless <condition>]",
        keep!(UseBackend),
        "Sends a connection to this backend. The first line that applies counts.",
    )
    .by_default("`default_backend`")
    .example("use_backend web if { dst_port 443 }"),
    row(
        "use-server",
        Scope::BACKEND,
        1,
        "<server> [if|unless <condition>]",
        keep!(UseServer),
        "Sends a connection to this server, if it is up. The first line that applies counts.",
    )
    .by_default("what stick rules and `balance` choose")
    .example("use-server s1 if { src 10.0.0.0/8 }"),
    row(
        "force-persist",
        Scope::BACKEND,
        0,
        "if|unless <condition>",
        keep!(ForcePersist),
        "Sends a client to the server that it had before, even if that server is down.",
    )
    .example("force-persist if { src 10.0.0.0/8 }"),
    row(
        "ignore-persist",
        Scope::BACKEND,
        0,
        "if|unless <condition>",
        keep!(IgnorePersist),
        "Skips the `force-persist` lines after this line. Stick rules stay in force.",
    )
    .example("ignore-persist if { src 10.0.0.0/8 }")
    .differs("HAProxy also skips the cookies of `mode http`."),
];

fn keep(proxy: &mut ProxyDraft, line: &Line<'_>, kind: RuleKind) -> Parsed {
    if proxy.kind == ProxyKind::Defaults && proxy.name.is_empty() {
        let message = format!("'{}' stands in a 'defaults' section with a name only", line.keyword);
        return Err(line.mistake(message));
    }
    let words = line.arguments.to_vec();
    proxy.rules.push(RuleLine { kind, keyword: line.keyword, place: line.place, words });
    Ok(())
}
