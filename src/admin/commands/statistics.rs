//! `show stat`: HAProxy 2.6's statistics of frontends, backends and servers. `clear counters`: sets
//! them to zero.

use super::answer::{Answer, Job, JobState};
use super::client_settings::ClientSettings;
use super::show_resolvers;
use super::typed::command_line::{CommandLine, text};
use crate::admin::context::Context;
use crate::admin::stats::export::Export;
use crate::admin::stats::object::Object;
use crate::admin::stats::rows::Filter;
use crate::admin::stats::typed::Format;
use crate::config::Level;
use crate::proxy::backend::Backend;
use crate::proxy::counters::Clear;
use crate::proxy::elders::Question;

/// `show stat [<iid> <type> <sid>] [no-maint] [up]`.
pub(super) fn show_stat(
    line: &CommandLine,
    _: &mut ClientSettings,
    context: &mut Context<'_>,
) -> Answer {
    let mut filter = Filter::ALL;
    let mut rest = line.from(2);
    if let [word, domain, after @ ..] = rest
        && word == b"domain"
    {
        match domain.as_slice() {
            b"proxy" => rest = after,
            b"resolvers" => return show_resolvers::statistics(line, context),
            _ => return Answer::error("Invalid statistics domain."),
        }
    }
    if let [proxy, types, server, after @ ..] = rest {
        let number = |word: &[u8]| text(word).parse::<i64>().ok();
        let proxy = match number(proxy) {
            Some(number) => u32::try_from(number).ok(),
            None => match proxy_id(context, &text(proxy)) {
                Some(id) => Some(id),
                None => return Answer::error("No such proxy."),
            },
        };
        filter.proxy = proxy;
        filter.types = number(types).unwrap_or(-1);
        filter.server = number(server).and_then(|server| u32::try_from(server).ok());
        rest = after;
    }
    for word in rest {
        match word.as_slice() {
            b"no-maint" => filter.no_maint = true,
            b"up" => filter.up = true,
            _ => {}
        }
    }
    let format = Format::of(line.has("json"), line.has("typed"));
    Answer::job(Export::new(filter, format, line.has("desc"), context))
}

/// The number of the proxy with this name.
pub(super) fn proxy_id(context: &Context<'_>, name: &str) -> Option<u32> {
    let frontends = context.shared.frontends.iter().map(Object::Frontend);
    let endpoints = context.endpoints.iter().map(Object::Endpoint);
    let backends = context.shared.backends.iter().map(Object::Backend);
    let mut proxies = frontends.chain(endpoints).chain(backends);
    proxies.find(|proxy| proxy.proxy_name() == name).map(|proxy| proxy.proxy_id())
}

impl Job for Export {
    fn advance(&mut self, context: &mut Context<'_>, out: &mut Vec<u8>) -> JobState {
        match Self::advance(self, context, out) {
            true => JobState::Finished,
            false => JobState::Unfinished,
        }
    }
}

/// `clear counters [all]`: sets the maxima to zero, or all counters that `show stat` prints. Of the
/// counters of the process, only the maxima are cleared. What older processes have counted and not
/// told yet is cleared too.
pub(super) fn clear_counters(
    line: &CommandLine,
    client: &mut ClientSettings,
    context: &mut Context<'_>,
) -> Answer {
    let is_all = line.word(2).is_some_and(|word| word == b"all");
    if is_all && client.level < Level::Admin {
        return Answer::denied();
    }
    let what = if is_all { Clear::All } else { Clear::Maxima };
    for frontend in &mut context.shared.frontends {
        frontend.counters.clear(what);
    }
    context.clients.clear_listener_counters(what);
    for endpoint in &mut *context.endpoints {
        endpoint.clear_counters(what);
    }
    for backend in &mut context.shared.backends {
        clear_backend(backend, what);
    }
    if is_all {
        context.nameservers.clear_counters();
        for generation in context.shared.elders.generations() {
            context.shared.elders.ask(generation, Question::ForgetCounts, context.now_ms);
        }
    }
    let totals = &mut context.shared.totals;
    totals.rate.clear_max();
    totals.accept_rate.clear_max();
    Answer::text("")
}

/// Clears how often something was down, but not for how long, as HAProxy does.
fn clear_backend(backend: &mut Backend, what: Clear) {
    backend.counters.clear(what);
    backend.queues.clear_max();
    for server in backend.servers.iter_mut() {
        server.counters.clear(what);
        if what == Clear::All {
            server.outage.count = 0;
            for checked in [&mut server.checked, &mut server.agent].into_iter().flatten() {
                (checked.failed, checked.observed) = (0, 0);
            }
        }
    }
    if what == Clear::All {
        backend.outage.count = 0;
    }
}

#[cfg(test)]
mod tests {
    use crate::admin::fixture::Fixture;

    #[test]
    fn the_statistics_have_haproxys_columns_and_fill_the_same_ones() {
        let mut fixture = Fixture::new();
        let answer = fixture.ask("show stat");
        let mut lines = answer.lines();
        assert_eq!(
            lines.next(),
            Some(
                include_str!(concat!(
                    env!("CARGO_MANIFEST_DIR"),
                    "/tests/data/admin/show_stat_header"
                ))
                .trim_end()
            )
        );
        let captured: Vec<&str> =
            include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/data/admin/show_stat_rows"))
                .lines()
                .collect();
        for (captured, line) in captured.iter().zip(lines.by_ref()) {
            let ours: Vec<&str> = line.split(',').collect();
            let theirs: Vec<&str> = captured.split(',').collect();
            assert_eq!(ours.len(), theirs.len(), "{line}");
            assert_eq!(ours[..2], theirs[..2]);
            for (column, (ours, theirs)) in ours.iter().zip(&theirs).enumerate() {
                assert_eq!(ours.is_empty(), theirs.is_empty(), "column {column} of {line}");
            }
            // What does not depend on traffic is equal: limits, states, numbers, addresses.
            for column in [6, 17, 18, 19, 20, 23, 24, 26, 27, 28, 32, 73, 75, 76] {
                assert_eq!(ours[column], theirs[column], "column {column} of {line}");
            }
        }
        assert_eq!(lines.collect::<Vec<_>>(), [""], "as many rows, then an empty line");
        assert_eq!(captured.len(), 6);
    }

    #[test]
    fn the_statistics_can_be_narrowed() {
        let mut fixture = Fixture::new();
        let mut rows = |arguments: &str| -> Vec<String> {
            let answer = fixture.ask(&format!("show stat {arguments}"));
            let name = |line: &str| line.split(',').take(2).collect::<Vec<_>>().join("/");
            answer.lines().skip(1).filter(|line| !line.is_empty()).map(name).collect()
        };
        assert_eq!(rows("4 4 -1"), ["web/s1", "web/s2", "web/s3"]);
        assert_eq!(rows("web 4 2"), ["web/s2"]);
        assert_eq!(rows("-1 1 -1"), ["fe/FRONTEND", "fe2/FRONTEND"]);
        assert_eq!(rows("4 6 -1 no-maint"), ["web/s1", "web/s2", "web/BACKEND"]);
        assert_eq!(rows("4").len(), 6);
    }

    #[test]
    fn mistakes_are_answered_with_the_words_of_haproxy() {
        let mut fixture = Fixture::new();
        fixture.converse(&[("show stat nope 1 1", "No such proxy.")]);
    }

    #[test]
    fn figures_are_shown_typed_and_as_json() {
        let mut fixture = Fixture::new();
        let typed = fixture.ask("show stat web 4 2 typed");
        assert!(
            typed.starts_with("S.4.2.0.pxname.1:KNS:str:web\nS.4.2.1.svname.1:KNS:str:s2\n"),
            "{typed}"
        );
        assert!(typed.contains("\nS.4.2.19.act.1:SGP:u32:0\n"));
        assert!(typed.contains("\nS.4.2.55.lastsess.1:MAP:s32:-1\n"));
        assert!(typed.ends_with("\nS.4.2.105.ssl_failed_handshake.1:MCP:u64:0\n\n"));
        assert!(fixture.ask("show stat typed").contains("\nB.4.0.19.act.1:MGP:u32:1\n"));
        let json = fixture.ask("show stat json");
        assert!(json.starts_with("[[{\"objType\":\"Frontend\",\"proxyId\":2,\"id\":0,\"field\":{"));
        assert!(json.ends_with("}}]]\n\n"));
        assert_eq!(json.matches("],[").count(), 5, "six rows");
    }
}
