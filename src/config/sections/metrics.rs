//! The frontend of the Prometheus exporter: the only thing that `mode http` is for.

use super::log::report_http_log;
use crate::config::drafts::keyword_names;
use crate::config::drafts::{InExporter, ProxyDraft, ProxyKind, RuleLine, Said};
use crate::config::keywords::refused_samples;
use crate::config::keywords::{Handling, Keyword, Refusal, Scope, at_least};
use crate::config::text::diagnostic::{Mistake, Parsed, Place, Placed};
use crate::config::text::lexer::Word;
use crate::config::text::line::Line;
use crate::config::text::report::Report;
use crate::config::{MetricsEndpoint, PathPattern};

/// The limit of connections when the section has no `maxconn`: there are few scrapers.
const MAXCONN: u32 = 32;
/// The longest silence, in milliseconds, when the section has no `timeout client`. Without a limit
/// clients that never send a request would keep others out.
const TIMEOUT_CLIENT_MS: u32 = 10_000;

pub(in crate::config) const KEYWORDS: &[Keyword] = &[Keyword::new(
    "http-request use-service",
    Scope::FRONTEND,
    at_least(1),
    "prometheus-exporter [if { path|path_beg <path>... }]",
    "Serves the metrics of this process to Prometheus, in a frontend with `mode http`.",
    Handling::Proxy(read),
)
.example("http-request use-service prometheus-exporter if { path /metrics }")
.differs("HAProxy has more services and conditions; here it is one, for some paths.")];

/// The message about conditions that are not understood.
const CONDITION: &str = "only 'if { path <path> }' and 'if { path_beg <path> }' are understood: \
                         'mode http' serves nothing but the exporter";

fn read(proxy: &mut ProxyDraft, line: &Line<'_>, _: &mut Report) -> Parsed {
    let service = line.argument(0)?;
    proxy.exporter_place.get_or_insert(line.place);
    if service.value != "prometheus-exporter" {
        let message =
            format!("unknown service '{}': the only one is 'prometheus-exporter'", service.value);
        return Err(Mistake::new(service.place, message));
    }
    let words: Vec<_> = line.from(1).iter().map(|word| line.placed(word)).collect();
    proxy.exporter.extend(read_condition(&words)?);
    Ok(())
}

fn read_condition(words: &[Placed<&str>]) -> Parsed<Vec<PathPattern>> {
    let Some(first) = words.first() else { return Ok(vec![PathPattern::Any]) };
    let values: Vec<&str> = words.iter().map(|word| word.value).collect();
    let (pattern, paths): (fn(String) -> PathPattern, _) = match values.as_slice() {
        ["if", "{", "path", paths @ .., "}"] => (PathPattern::Exact, paths),
        ["if", "{", "path_beg", paths @ .., "}"] => (PathPattern::Prefix, paths),
        _ => return Err(Mistake::new(first.place, CONDITION)),
    };
    let is_understood = |path: &&str| path.starts_with('/');
    if paths.is_empty() || !paths.iter().all(is_understood) {
        let at = words.iter().skip(3).find(|word| !is_understood(&word.value)).unwrap_or(first);
        return Err(Mistake::new(at.place, format!("a path begins with '/'; {CONDITION}")));
    }
    Ok(paths.iter().map(|path| pattern((*path).to_owned())).collect())
}

/// What a proxy is, by its mode.
#[derive(Debug)]
pub(in crate::config) enum Role {
    /// The proxy serves metrics.
    Endpoint(MetricsEndpoint),
    /// The proxy relays.
    Relay,
    /// The proxy has `mode http`, from the line at this place, and does not serve metrics.
    Refused(Place),
}

/// The role of a proxy. Mistakes about its mode are reported, except that the mode itself is
/// refused: [`refuse_mode`] reports that once for all sections.
pub(in crate::config) fn role(proxy: &ProxyDraft, proxy_id: u32, report: &mut Report) -> Role {
    let (mode, exporter) = (proxy.settings.http, proxy.exporter_place);
    match (mode, exporter.filter(|_| proxy.kind == ProxyKind::Frontend)) {
        (Some(_), Some(_)) => {}
        (Some(place), None) => {
            report.forget_http();
            return Role::Refused(place);
        }
        (None, _) => {
            if let Some(place) = exporter {
                report.error(place, "'http-request use-service' wants 'mode http'");
            }
            report_http_log(proxy, report);
            return Role::Relay;
        }
    }
    refuse_others(proxy, report);
    if !proxy.settings.log.is_empty() {
        let message = "requests for metrics are not logged: write 'no log'";
        report.warning(proxy.place, message);
    }
    let settings = &proxy.settings;
    Role::Endpoint(MetricsEndpoint {
        name: proxy.name.clone(),
        proxy_id,
        description: proxy.description.clone(),
        disabled: settings.disabled,
        binds: Vec::new(),
        maxconn: maxconn(proxy),
        backlog: settings.backlog,
        timeout_client_ms: settings.timeout_client_ms.unwrap_or(TIMEOUT_CLIENT_MS),
        options: settings.options,
        probes: settings.client_probes,
        paths: proxy.exporter.clone(),
    })
}

/// Refuses a line with `mode http` once for all sections that have their mode from this line, which
/// may stand in `defaults`.
pub(in crate::config) fn refuse_mode<'a>(
    place: Place,
    sections: &[&ProxyDraft],
    defaults: impl Iterator<Item = &'a ProxyDraft>,
    report: &mut Report,
) {
    for defaults in defaults {
        report.enter(defaults.label());
        report.forget_http();
    }
    report.enter(None);
    let names: Vec<String> = sections
        .iter()
        .take(NAMED)
        .map(|proxy| format!("{} '{}'", proxy.kind.word(), proxy.name))
        .collect();
    let more = match sections.len() - names.len() {
        0 => String::new(),
        count => format!(" and {count} more"),
    };
    let names = names.join(", ");
    let advice = if sections.iter().all(|proxy| would_relay(proxy)) {
        "; write 'mode tcp' to pass on what comes as it is"
    } else if sections.iter().any(|proxy| has_page(proxy)) {
        "; there is no statistics page: use the Runtime API or the exporter"
    } else {
        ""
    };
    let message = format!(
        "'mode http' is refused for {names}{more}: it serves only the Prometheus exporter, in a \
         'frontend' with 'http-request use-service prometheus-exporter'{advice}"
    );
    report.error(place, message);
}

/// The most sections that the message about a refused mode names.
const NAMED: usize = 3;

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
        [refused_samples::SAMPLES, refused_samples::ACLS]
            .into_iter()
            .any(|table| refused_samples::find(table, head) == Some(Refusal::HttpOnly))
    };
    line.words.iter().any(is_of_http)
}

/// Whether a section shows statistics to browsers.
fn has_page(proxy: &ProxyDraft) -> bool {
    proxy.said.iter().any(|said| said.keyword.starts_with("stats "))
}

/// The limit of connections. A `maxconn` of `defaults` is meant for frontends that relay, so such a
/// line lowers the limit but does not raise it.
fn maxconn(proxy: &ProxyDraft) -> u32 {
    let most = if proxy.says(keyword_names::MAXCONN) { u32::MAX } else { MAXCONN };
    proxy.settings.maxconn.unwrap_or(MAXCONN).min(most)
}

/// Reports the lines of such a frontend that cannot have an effect. Nothing is said of lines that
/// it inherits, because they are meant for other frontends.
fn refuse_others(proxy: &ProxyDraft, report: &mut Report) {
    const WHY: &str = "cannot stand in 'mode http', which serves only the exporter";
    for rule in &proxy.rules {
        report.error(rule.place, format!("'{}' {WHY}", rule.keyword));
    }
    if let Some(table) = &proxy.table {
        report.error(table.place, format!("'stick-table' {WHY}"));
    }
    for said in &proxy.said {
        let Said { keyword, place, in_exporter } = *said;
        match in_exporter {
            InExporter::Followed => {}
            InExporter::NoEffect(why) => {
                report.warning(place, format!("'{keyword}' has no effect here: {why}"));
            }
            InExporter::Refused => report.error(place, format!("'{keyword}' {WHY}")),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_are_met_as_a_whole_or_by_their_beginning() {
        assert!(PathPattern::Any.is_met_by("/"));
        let exact = PathPattern::Exact("/metrics".to_owned());
        assert!(exact.is_met_by("/metrics") && !exact.is_met_by("/metrics/"));
        let prefix = PathPattern::Prefix("/m".to_owned());
        assert!(prefix.is_met_by("/metrics") && !prefix.is_met_by("/"));
    }
}
