//! The list of all keyword tables.

use std::sync::LazyLock;

use super::keywords::table::Table;
use super::keywords::{Keyword, inert, refused};
use super::rules;
use super::sections::health::{
    self, agent, check_script, external_check, http_check, observe, services,
};
use super::sections::{
    bind, dns, global, limits, log, log_targets, options, pages, peers, privileges, proxy, server,
    stick, tcp, timeouts, tls, userlist,
};

/// Every row: what is understood first, then what has no effect, then what is refused.
pub fn keywords() -> impl Iterator<Item = &'static Keyword> {
    let understood = [
        global::KEYWORDS,
        privileges::KEYWORDS,
        proxy::KEYWORDS,
        options::KEYWORDS,
        timeouts::KEYWORDS,
        log::KEYWORDS,
        log_targets::ring::KEYWORDS,
        log_targets::ring::SERVER_WORDS,
        peers::KEYWORDS,
        bind::KEYWORDS,
        server::KEYWORDS,
        dns::server::KEYWORDS,
        dns::resolvers::KEYWORDS,
        health::SERVER_KEYWORDS,
        agent::KEYWORDS,
        observe::KEYWORDS,
        check_script::KEYWORDS,
        http_check::KEYWORDS,
        services::KEYWORDS,
        external_check::KEYWORDS,
        stick::KEYWORDS,
        rules::KEYWORDS,
        tcp::KEYWORDS,
        tls::BIND_KEYWORDS,
        tls::BIND_SHARED,
        tls::GLOBAL_KEYWORDS,
        tls::SERVER_KEYWORDS,
        tls::SERVER_SHARED,
        limits::KEYWORDS,
        pages::requests::KEYWORDS,
        pages::stats::KEYWORDS,
        userlist::KEYWORDS,
    ];
    understood.into_iter().flatten().chain(inert::keywords()).chain(refused::keywords())
}

/// Every row by its name.
pub(super) static TABLE: LazyLock<Table> = LazyLock::new(|| Table::new(keywords()));

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::{DiagnosticKind, Request, Scope, load_text_with};

    #[test]
    fn no_keyword_has_two_rows_in_one_section() {
        let rows: Vec<&Keyword> = keywords().collect();
        for (index, row) in rows.iter().enumerate() {
            assert!(row.name_words() <= 2, "{}", row.name);
            assert!(!row.help.is_empty() || row.refusal().is_some(), "{}", row.name);
            for other in rows.iter().skip(index + 1) {
                assert!(row.name != other.name || !row.scope.meets(other.scope), "{}", row.name);
            }
        }
    }

    #[test]
    fn the_longer_name_wins() {
        let name = |first, second| TABLE.find(Scope::BACKEND, first, second).map(|row| row.name);
        assert_eq!(name("timeout", Some("connect")), Some("timeout connect"));
        assert_eq!(name("timeout", Some("foo")), None);
        assert_eq!(name("server", Some("s1")), Some("server"));
        assert_eq!(name("balence", None), None);
    }

    #[test]
    fn the_nearest_name_is_found() {
        let meant = |first, second| TABLE.meant(Scope::BACKEND, first, second);
        assert_eq!(meant("balence", Some("roundrobin")), Some("balance"));
        assert_eq!(meant("timeout", Some("conect")), Some("timeout connect"));
        assert_eq!(meant("timout", Some("connect")), Some("timeout connect"));
        assert_eq!(meant("timout", Some("nothing")), Some("timeout"));
        assert_eq!(meant("timeout", Some("nothing")), None);
        assert_eq!(meant("bakend", Some("web")), Some("backend"));
        assert_eq!(meant("xyzzy", None), None);
    }

    /// A whole configuration in which the example of a row stands in its section, beside what
    /// examples refer to.
    fn with_example(row: &Keyword) -> String {
        let Keyword { name, scope, example, .. } = *row;
        let is_in = |scopes: &[Scope]| scopes.iter().any(|other| scope.meets(*other));
        let (head, tail) = if example.starts_with("stats socket") || is_in(&[Scope::GLOBAL]) {
            ("global", "")
        } else if is_in(&[Scope::PEERS]) {
            match name {
                "peer" => ("peers others", "peer lb1 127.0.0.1:10001"),
                "bind" => ("peers others", "server lb1"),
                _ => ("peers others\n bind 127.0.0.1:10001", "server lb1"),
            }
        } else if is_in(&[Scope::RING, Scope::RING_SERVER]) {
            ("ring lines", "")
        } else if is_in(&[Scope::RESOLVERS]) {
            ("resolvers example", "nameserver other 192.0.2.54:53")
        } else if is_in(&[Scope::USERLIST]) {
            ("userlist example", "user admin insecure-password secret")
        } else if ["http-request", "stats", "monitor"].iter().any(|head| name.starts_with(head)) {
            ("listen example\n mode http\n bind 127.0.0.1:8001\n stats enable", "")
        } else if is_in(&[Scope::FRONTEND, Scope::BIND]) {
            ("frontend example", "default_backend main")
        } else {
            ("backend example", "server s1 192.0.2.1:80")
        };
        let tail = match name {
            "option external-check" => "external-check command /usr/local/bin/check",
            _ => tail,
        };
        // A server of its own in an example has the name that rules use.
        let tail = if example.contains(" s1 ") && !name.starts_with("use") { "" } else { tail };
        format!(
            "{head}\n {example}\n {tail}\n\
             backend main\n server m1 192.0.2.2:80 check\n\
             backend web\n server a 192.0.2.3:80\n\
             backend clients\n stick-table type ip size 1k store conn_rate(10s)\n\
             peers nodes\n peer lb1 127.0.0.1:10000\n\
             resolvers mydns\n nameserver dns1 192.0.2.53:53\n\
             global\n external-check\n"
        )
    }

    #[test]
    fn every_understood_keyword_has_a_help_and_an_example_that_is_accepted() {
        let request = Request { local_peer: Some("lb1".to_owned()), ..Request::default() };
        let mut wrong = Vec::new();
        for row in keywords().filter(|row| row.refusal().is_none() && !row.is_inert()) {
            let Keyword { name, help, example, .. } = row;
            if !help.ends_with('.') {
                wrong.push(format!("'{name}' has no sentence as its help: '{help}'"));
            }
            if !example.contains(name) {
                wrong.push(format!("'{name}' has no example: '{example}'"));
            }
            // The certificates of examples are those of the tests.
            let tests = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/data/tls");
            let text = with_example(row).replace("/etc/stickd/tls", tests);
            if let Err(diagnostics) = load_text_with("example.cfg", &text, &request, |_| Vec::new())
            {
                let errors = diagnostics.iter().filter(|d| d.kind == DiagnosticKind::Error);
                wrong.extend(errors.map(|error| format!("'{example}': {error}")));
            }
        }
        assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    }
}
