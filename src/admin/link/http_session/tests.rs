//! Requests and answers of the exporter, without a socket.

use std::collections::BTreeSet;

use super::*;
use crate::admin::context::peers_status::SharedTableStatus;
use crate::admin::fixture::{Fixture, NOW_MS};
use crate::admin::slice::SLICE_LEN_MAX;
use crate::config::{PageSection, StatsAccess, StatsScope, StickTable};
use crate::proxy::backend::server::AdminState;
use crate::table::Tables;

/// The metrics of haproxy 2.6.12 with their types, in its order.
const FAMILIES: &str =
    include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/data/admin/metrics_families"));

fn session() -> HttpSession {
    HttpSession::new(EndpointId(0), Ends::default(), false, 5000, NOW_MS)
}

/// What a client that sends these bytes in one piece is told, and whether it is let go then.
fn tell(fixture: &mut Fixture, bytes: &str) -> (String, bool) {
    let mut session = session();
    session.handle_received(bytes.as_bytes(), NOW_MS);
    let text = fixture.drain(&mut session, usize::MAX);
    session.count(&mut fixture.context());
    (text, session.is_finished())
}

/// The text of an answer without a length, which a client of HTTP/1.0 gets.
fn metrics(fixture: &mut Fixture, query: &str) -> String {
    let (text, is_over) = tell(fixture, &format!("GET /metrics?{query} HTTP/1.0\r\n\r\n"));
    assert!(is_over);
    text.split_once("\r\n\r\n").unwrap().1.to_owned()
}

/// An answer in chunks: its head, the text, and what follows it.
fn dechunked(answer: &str) -> (String, String, String) {
    let (head, mut rest) = answer.split_once("\r\n\r\n").unwrap();
    assert!(head.contains("\r\ntransfer-encoding: chunked"), "{head}");
    let mut text = String::new();
    loop {
        let (len, after) = rest.split_once("\r\n").unwrap();
        let len = usize::from_str_radix(len, 16).unwrap();
        text.push_str(&after[..len]);
        rest = after[len..].strip_prefix("\r\n").unwrap();
        if len == 0 {
            return (head.to_owned(), text, rest.to_owned());
        }
    }
}

#[test]
fn the_families_are_those_of_haproxy_in_its_order() {
    let text = metrics(&mut Fixture::with_endpoint(), "scope=*");
    let ours: Vec<_> = text.lines().filter_map(|line| line.strip_prefix("# TYPE ")).collect();
    let theirs: Vec<_> = FAMILIES.lines().filter(|line| !line.contains("_check_")).collect();
    let common: Vec<_> = ours.iter().filter(|name| theirs.contains(name)).copied().collect();
    assert_eq!(common, theirs);
    let own: Vec<_> = ours.iter().filter(|name| !FAMILIES.lines().any(|l| l == **name)).collect();
    assert!(own.iter().all(|name| name.starts_with("stickd_")), "{own:?}");
}

#[test]
fn the_reference_has_every_family_that_is_shown() {
    let text = metrics(&mut Fixture::with_endpoint(), "scope=*");
    let shown = text.lines().filter_map(|line| line.strip_prefix("# HELP ")).map(str::to_owned);
    let reference = metrics::reference().into_iter();
    let all: Vec<_> = reference.map(|entry| format!("{} {}", entry.name, entry.help)).collect();
    assert!(shown.into_iter().all(|line| all.contains(&line)), "{all:?}");
}

#[test]
fn every_family_says_what_it_is_and_comes_once() {
    let text = metrics(&mut Fixture::with_endpoint(), "");
    let mut seen = BTreeSet::new();
    let mut family = String::new();
    for line in text.lines() {
        if let Some(help) = line.strip_prefix("# HELP ") {
            let (name, help) = help.split_once(' ').unwrap();
            assert!(!help.is_empty() && seen.insert(name.to_owned()), "{name}");
            name.clone_into(&mut family);
        } else if !line.starts_with('#') {
            assert_eq!(line.split(['{', ' ']).next(), Some(family.as_str()));
            let value = line.rsplit(' ').next().unwrap();
            assert!(value.parse::<f64>().is_ok(), "{line}");
        }
    }
}

#[test]
fn scopes_choose_what_is_shown_and_servers_in_maintenance_can_be_left_out() {
    let mut fixture = Fixture::with_endpoint();
    let servers = metrics(&mut fixture, "scope=server");
    assert!(servers.lines().filter(|line| !line.starts_with('#')).all(|line| {
        line.starts_with("haproxy_server_") && line.contains("{proxy=\"web\",server=\"s")
    }));
    assert!(servers.contains("server=\"s3\",state=\"MAINT\"} 1\n"), "{servers}");
    assert!(!metrics(&mut fixture, "scope=server&no-maint").contains("server=\"s3\""));
    assert_eq!(metrics(&mut fixture, "scope="), "");
    let own = metrics(&mut fixture, "scope=stickd");
    assert!(own.contains("\nstickd_loop_turns_total 0\n"), "{own}");
    assert!(own.contains("\nstickd_table_fill_ratio{table=\"web\"} 0\n"), "{own}");
}

#[test]
fn the_lag_of_peers_is_what_they_have_not_acknowledged() {
    let mut fixture = Fixture::with_endpoint();
    fixture.peers.0 = crate::admin::fixture::connecting_peers();
    for key in 0..5_u32 {
        let row = fixture.insert(0, &key.to_be_bytes());
        fixture.shared.tables.get_mut(crate::config::TableId(0)).touch_local(row, NOW_MS);
    }
    let own = metrics(&mut fixture, "scope=stickd");
    let labels = "{peers=\"mypeers\",peer=\"h2\",table=\"web\"}";
    assert!(own.contains(&format!("stickd_peer_unacknowledged_updates{labels} 5\n")), "{own}");
    assert!(own.contains("stickd_peer_up{peers=\"mypeers\",peer=\"h2\"} 0\n"), "{own}");
    assert!(own.contains("\nstickd_table_updates_total{table=\"web\"} 5\n"), "{own}");
}

/// Adds small tables, and shares all tables with the peer `h2`.
fn add_tables(fixture: &mut Fixture, count: u16) {
    for number in 0..count {
        let name = format!("t{number}");
        fixture.config.tables.push(StickTable {
            wire_name: name.clone(),
            name,
            size: 1,
            data: Vec::new(),
            ..fixture.config.tables[1].clone()
        });
    }
    fixture.shared.tables = Tables::new(&fixture.config.tables).unwrap();
    fixture.peers.0 = crate::admin::fixture::connecting_peers();
    let shared = fixture.shared.tables.ids().map(SharedTableStatus::new);
    fixture.peers.0.peers[1].tables = shared.collect();
}

#[test]
fn every_table_is_told_of_whatever_slices_it_comes_in() {
    let mut fixture = Fixture::with_endpoint();
    add_tables(&mut fixture, 1000);
    let own = metrics(&mut fixture, "scope=stickd");
    let count = |name: &str| own.lines().filter(|line| line.starts_with(name)).count();
    assert_eq!(count("stickd_table_bytes{"), 1006);
    assert_eq!(count("stickd_peer_unacknowledged_updates{"), 1006);
    assert_eq!(count("stickd_peer_up{"), 1);
    assert_eq!(count("# TYPE stickd_peer_"), 8);
}

#[test]
fn requests_that_came_together_are_answered_in_turn() {
    let mut fixture = Fixture::with_endpoint();
    let get = "GET /metrics?scope=sticktable HTTP/1.1\r\nHost: a\r\n\r\n";
    let post = "POST /x HTTP/1.1\r\nContent-Length: 3\r\n\r\nabc";
    let (answers, is_over) = tell(&mut fixture, &format!("{get}{post}{get}blah\r\n\r\n"));
    assert!(is_over);
    let (head, first, rest) = dechunked(&answers);
    assert!(head.starts_with("HTTP/1.1 200 OK\r\n") && !head.contains("connection:"), "{head}");
    let (refusal, rest) = rest.split_once("</html>\n").unwrap();
    assert!(refusal.starts_with("HTTP/1.1 503 Service Unavailable\r\n"), "{refusal}");
    let (_, second, rest) = dechunked(rest);
    assert_eq!(first, second);
    assert!(rest.starts_with("HTTP/1.1 400 Bad request\r\n"), "{rest}");
    assert!(rest.contains("\r\nconnection: close\r\n"), "{rest}");
    let endpoint = &fixture.endpoints[0];
    assert_eq!((endpoint.requests, endpoint.served), (4, 2));
    assert_eq!(endpoint.responses, [0, 0, 2, 0, 1, 1]);
    assert_eq!(endpoint.counters.bytes_out, answers.len() as u64);
}

#[test]
fn a_head_is_all_that_is_said_to_head() {
    let mut fixture = Fixture::with_endpoint();
    let (answer, is_over) = tell(&mut fixture, "HEAD /metrics HTTP/1.1\r\nHost: a\r\n\r\n");
    assert!(answer.ends_with("\r\n\r\n") && answer.starts_with("HTTP/1.1 200 OK\r\n"), "{answer}");
    assert!(!is_over);
    let (answer, _) = tell(&mut fixture, "HEAD / HTTP/1.1\r\nConnection: close\r\n\r\n");
    assert!(answer.ends_with("\r\nconnection: close\r\n\r\n"), "{answer}");
}

#[test]
fn a_request_that_does_not_come_whole_in_time_is_told_so() {
    let mut fixture = Fixture::with_endpoint();
    let mut session = session();
    session.handle_received(b"GET / HT", NOW_MS);
    assert_eq!(fixture.drain(&mut session, usize::MAX), "");
    assert_eq!(session.deadline_ms(), NOW_MS + 5000);
    assert!(session.handle_timeout(NOW_MS + 5000));
    let answer = fixture.drain(&mut session, usize::MAX);
    assert!(answer.starts_with("HTTP/1.1 408 "), "{answer}");
    assert!(session.is_finished());
    assert!(!session.handle_timeout(NOW_MS + 10_000));
}

#[test]
fn silence_after_an_answer_is_no_mistake() {
    let mut fixture = Fixture::with_endpoint();
    let mut session = session();
    session.handle_received(b"HEAD / HTTP/1.1\r\n\r\n", NOW_MS);
    fixture.drain(&mut session, usize::MAX);
    assert!(!session.handle_timeout(NOW_MS + 5000));
}

#[test]
fn a_connection_is_not_kept_for_a_process_that_goes() {
    let mut fixture = Fixture::with_endpoint();
    let mut idle = session();
    idle.retire();
    assert!(idle.is_finished());
    let mut busy = session();
    busy.handle_received(b"GET /metrics HTTP/1.1\r\n\r\n", NOW_MS);
    let begun = busy.poll_transmit(&mut fixture.context()).len();
    busy.handle_sent(begun, NOW_MS);
    busy.retire();
    assert!(!busy.is_finished());
    assert!(fixture.drain(&mut busy, usize::MAX).ends_with("\r\n0\r\n\r\n"));
    assert!(busy.is_finished());
}

#[test]
fn a_proxy_header_comes_first_where_one_is_expected() {
    let mut fixture = Fixture::with_endpoint();
    let mut ask = |bytes: &str| {
        let mut session = HttpSession::new(EndpointId(0), Ends::default(), true, 5000, NOW_MS);
        session.handle_received(bytes.as_bytes(), NOW_MS);
        let text = fixture.drain(&mut session, usize::MAX);
        (text, session.is_finished())
    };
    let request = "HEAD / HTTP/1.1\r\n\r\n";
    let (answer, is_over) = ask(&format!("PROXY UNKNOWN\r\n{request}"));
    assert!(answer.starts_with("HTTP/1.1 503 ") && !is_over, "{answer}");
    assert_eq!(ask(request), (String::new(), true));
}

#[test]
fn nobody_can_make_a_turn_long_or_the_memory_grow() {
    let mut fixture = Fixture::with_endpoint();
    let server = fixture.shared.backends[0].servers[0].clone();
    fixture.shared.backends[0].servers.fill(3000, &server);
    add_tables(&mut fixture, 3000);
    let mut session = session();
    session.handle_received(b"GET /metrics HTTP/1.1\r\n\r\n", NOW_MS);
    let mut slices = 0;
    while session.is_busy() {
        let count = session.poll_transmit(&mut fixture.context()).len();
        assert!(count < 3 * SLICE_LEN_MAX, "{count}");
        session.handle_sent(count, NOW_MS);
        slices += 1;
    }
    assert!(slices > 100, "{slices}");
}

/// What comes of a form that a browser sends with these headers.
fn result_of(fixture: &mut Fixture, headers: &str, form: &str) -> String {
    let head = format!("POST /stats HTTP/1.1\r\nHost: a:80\r\n{headers}");
    let (answer, _) = tell(fixture, &format!("{head}Content-Length: {}\r\n\r\n{form}", form.len()));
    let (_, result) = answer.split_once("location: /stats;st=").unwrap();
    result[..4].to_owned()
}

/// A process whose page lets everybody act.
fn with_page() -> Fixture {
    let mut fixture = Fixture::with_endpoint();
    let always = crate::config::rules::Condition { negated: true, alternatives: Vec::new() };
    let options = StatsPageOptions { uri: "/stats".to_owned(), ..StatsPageOptions::default() };
    let page = StatsAccess { options, rules: Vec::new(), admin: vec![always] };
    fixture.endpoints[0].config.section = PageSection { rules: Vec::new(), stats: Some(page) };
    fixture
}

#[test]
fn a_form_that_another_site_sends_is_refused() {
    let mut fixture = with_page();
    let form = "s=s1&action=drain&b=web";
    for headers in [
        "Sec-Fetch-Site: cross-site\r\n",
        "Sec-Fetch-Site: same-site\r\n",
        "Origin: http://evil\r\n",
        "Origin: http://a\r\n",
        "Origin: null\r\n",
    ] {
        assert_eq!(result_of(&mut fixture, headers, form), "DENY", "{headers}");
    }
    for headers in
        ["", "Sec-Fetch-Site: same-origin\r\nOrigin: http://b\r\n", "Origin: http://A:80\r\n"]
    {
        assert_eq!(result_of(&mut fixture, headers, form), "DONE", "{headers}");
    }
}

#[test]
fn a_form_gives_up_the_entries_of_a_server() {
    let mut fixture = with_page();
    let give_up = |action: &str| format!("s=s1&action={action}&b=web");
    assert_eq!(result_of(&mut fixture, "", &give_up("giveup")), "DONE");
    assert_eq!(fixture.shared.backends[0].servers[0].admin, AdminState::Drain);
    assert_eq!(result_of(&mut fixture, "", &give_up("keep")), "DONE");
}

#[test]
fn a_form_forgets_an_entry() {
    let mut fixture = with_page();
    fixture.insert(0, &[1, 2, 3, 4]);
    let forget = |key: &str| format!("table=web&key={key}&action=forget");
    assert_eq!(result_of(&mut fixture, "", &forget("x")), "ERRP");
    assert_eq!(fixture.shared.tables.get(crate::config::TableId(0)).used(), 1);
    assert_eq!(result_of(&mut fixture, "", &forget("1.2.3.4")), "DONE");
    assert_eq!(fixture.shared.tables.get(crate::config::TableId(0)).used(), 0);
    let unknown = "table=web&key=1.2.3.4&action=move&to=web/none";
    assert_eq!(result_of(&mut fixture, "", unknown), "ERRP");
    fixture.insert(0, &[1, 2, 3, 4]);
    let page = fixture.endpoints[0].config.section.stats.as_mut().unwrap();
    page.options.scopes = vec![StatsScope::Named("other".to_owned())];
    assert_eq!(result_of(&mut fixture, "", &forget("1.2.3.4")), "ERRP", "not of this page");
    assert_eq!(fixture.shared.tables.get(crate::config::TableId(0)).used(), 1);
}

#[test]
fn a_browser_may_do_nothing_with_the_page_but_show_it() {
    let mut fixture = with_page();
    for path in ["/stats", "/stats;live", "/stats;script", "/stats;csv"] {
        let (answer, _) = tell(&mut fixture, &format!("GET {path} HTTP/1.1\r\n\r\n"));
        let (head, _) = answer.split_once("\r\n\r\n").unwrap();
        for field in [
            "\r\ncontent-security-policy: default-src 'none'; script-src 'self'; ",
            " frame-ancestors 'none'\r\n",
            "\r\nx-content-type-options: nosniff\r\n",
            "\r\nreferrer-policy: same-origin\r\n",
        ] {
            assert!(head.contains(field), "{path}: {head}");
        }
    }
}
