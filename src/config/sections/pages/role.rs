//! Which sections relay, which serve pages, and which are refused for their mode.

use std::collections::HashMap;

use crate::config::drafts::{InPages, ProxyDraft, RuleKind, RuleLine, Said, keyword_names};
use crate::config::keywords::{Refusal, refused_samples};
use crate::config::rules;
use crate::config::sections::log::report_http_log;
use crate::config::text::diagnostic::Place;
use crate::config::text::lexer::Word;
use crate::config::text::report::{PAGES, Report};

/// What a section is, by its mode.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::config) enum Role {
    /// It relays.
    Relay,
    /// It serves pages.
    Pages,
    /// It relays HTTP, because of `mode http` at this place.
    Refused(Place),
}

/// The roles of all sections.
pub(in crate::config) fn roles(proxies: &[ProxyDraft]) -> Vec<Role> {
    let backends = proxies.iter().filter(|proxy| proxy.kind.is_backend());
    let backends: HashMap<&str, &ProxyDraft> =
        backends.map(|proxy| (proxy.name.as_str(), proxy)).collect();
    proxies.iter().map(|proxy| role(proxy, &backends)).collect()
}

fn role(proxy: &ProxyDraft, backends: &HashMap<&str, &ProxyDraft>) -> Role {
    let Some(place) = proxy.settings.http else { return Role::Relay };
    let mut has_page = proxy.has_page();
    let mut is_of_pages = proxy.may_serve_pages();
    for name in targets(proxy) {
        // A name that refers to nothing is reported where the name is read.
        let Some(target) = backends.get(name) else { continue };
        has_page |= target.has_page();
        is_of_pages &= target.may_serve_pages();
    }
    if has_page && is_of_pages { Role::Pages } else { Role::Refused(place) }
}

/// The backends that a frontend sends its requests to.
fn targets(proxy: &ProxyDraft) -> impl Iterator<Item = &str> {
    let rules = proxy.rules.iter().filter(|line| line.kind == RuleKind::UseBackend);
    let named = rules.filter_map(|line| line.words.first()).map(|word| word.text.as_str());
    // A backend that a section with a page inherits is meant for other sections.
    let is_meant = proxy.says(keyword_names::DEFAULT_BACKEND) || !proxy.has_page();
    let default = proxy.settings.default_backend.iter().filter(move |_| is_meant);
    let targets = named.chain(default.map(|name| name.value.as_str()));
    targets.filter(|_| proxy.kind.is_frontend())
}

/// Reports the lines of a section that have no effect in its role.
pub(in crate::config) fn report_lines(proxy: &ProxyDraft, role: Role, report: &mut Report) {
    match role {
        Role::Relay => {
            report_http_log(proxy, report);
            for said in &proxy.said {
                let is_stats = said.keyword.starts_with("stats ");
                if is_stats || OF_PAGES.contains(&said.keyword) {
                    report.inert(said.place, said.keyword, PAGES);
                }
            }
        }
        Role::Pages => report_in_pages(proxy, report),
        Role::Refused(_) => report.forget_http(),
    }
}

/// The keywords of pages, besides those that begin with `stats`.
const OF_PAGES: [&str; 3] = ["http-request", "monitor-uri", "monitor fail"];

/// Reports the lines of a section with pages that cannot have an effect. Nothing is said of lines
/// that the section inherits, because they are meant for other sections.
fn report_in_pages(proxy: &ProxyDraft, report: &mut Report) {
    const WHY: &str = "cannot stand in a section that serves pages in 'mode http'";
    for rule in &proxy.rules {
        match rule.kind {
            RuleKind::Action(_) => {
                report.error(rule.place, format!("'{}' {WHY}", rule.keyword));
            }
            RuleKind::InspectDelay(_)
            | RuleKind::DeclareCapture
            | RuleKind::UseServer
            | RuleKind::ForcePersist
            | RuleKind::IgnorePersist
            | RuleKind::Stick(_) => {
                report.warning(rule.place, format!("'{}' has no effect here", rule.keyword));
            }
            RuleKind::Acl
            | RuleKind::UseBackend
            | RuleKind::HttpRequest
            | RuleKind::StatsRequest
            | RuleKind::StatsAdmin
            | RuleKind::MonitorFail => {}
        }
    }
    for said in &proxy.said {
        let Said { keyword, place, in_pages } = *said;
        match in_pages {
            InPages::Followed => {}
            InPages::NoEffect(why) => {
                report.warning(place, format!("'{keyword}' has no effect here: {why}"));
            }
        }
    }
    if proxy.kind.is_frontend() && !proxy.settings.log.is_empty() {
        let message =
            "requests for pages are not logged, only TLS handshakes that fail: write 'no log'";
        report.warning(proxy.place, message);
    }
}

/// Refuses the sections that relay HTTP, in one message that names them.
pub(in crate::config) fn refuse(refused: &[(Place, &ProxyDraft)], report: &mut Report) {
    let Some((place, _)) = refused.iter().min_by_key(|(place, _)| *place) else { return };
    report.enter(None);
    let named = refused.iter().take(NAMED);
    let names: Vec<String> =
        named.map(|(_, proxy)| format!("{} '{}'", proxy.kind.word(), proxy.name)).collect();
    let more = match refused.len() - names.len() {
        0 => String::new(),
        count => format!(" and {count} more"),
    };
    let names = names.join(", ");
    let advice = if refused.iter().all(|(_, proxy)| would_relay(proxy)) {
        "write 'mode tcp' to pass on what comes as it is, or keep HAProxy for them"
    } else {
        "keep HAProxy for them, and move the other sections to stickd"
    };
    let message = format!(
        "'mode http' is refused for {names}{more}: stickd relays TCP, and serves only pages of \
         its own over HTTP (statistics, monitor, Prometheus exporter); {advice}"
    );
    report.error(*place, message);
}

/// The most sections that the message about a refused mode names.
const NAMED: usize = 8;

/// Whether a section would work in `mode tcp`: the section sends its clients somewhere, and none of
/// its lines needs to know an HTTP request.
fn would_relay(proxy: &ProxyDraft) -> bool {
    const OF_HTTP: [&str; 3] = ["http-request", "redirect", "use-fcgi-app"];
    let is_of_http = |keyword: &&str| proxy.gaps.may_say(keyword) || proxy.says(keyword);
    let has_target = proxy.settings.default_backend.is_some()
        || proxy.kind.is_backend() && !proxy.servers.is_empty();
    has_target && !OF_HTTP.iter().any(is_of_http) && !proxy.rules.iter().any(asks_of_http)
}

/// Whether a rule has a sample or an acl that is about HTTP.
fn asks_of_http(line: &RuleLine) -> bool {
    let is_of_http = |word: &Word| {
        let bare = word.text.trim_start_matches('!');
        let head = bare.split(['(', ',']).next().unwrap_or_default();
        let is_refused = [refused_samples::SAMPLES, refused_samples::ACLS]
            .into_iter()
            .any(|table| refused_samples::find(table, head) == Some(Refusal::HttpOnly));
        is_refused || rules::asks_of_request(head)
    };
    line.words.iter().any(is_of_http)
}

/// The limit of connections when the section has no `maxconn`: there are few readers.
const MAXCONN: u32 = 32;

/// The limit of connections. A `maxconn` of `defaults` is meant for frontends that relay, so such a
/// line lowers the limit but does not raise it.
pub(in crate::config) fn maxconn(proxy: &ProxyDraft) -> u32 {
    let most = if proxy.says(keyword_names::MAXCONN) { u32::MAX } else { MAXCONN };
    proxy.settings.maxconn.unwrap_or(MAXCONN).min(most)
}
