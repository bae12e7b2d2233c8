//! The Runtime API and the log lines have HAProxy's form. They are compared with a real HAProxy.

use std::collections::BTreeSet;
use std::path::PathBuf;

use crate::haproxy_or_skip;
use crate::support::{Node, Place, Server, Spec, ask, source};

struct Both {
    stickd: Node,
    haproxy: Node,
    _server: Server,
    lines: [String; 2],
    _place: Place,
}

/// Runs both programs with the same configuration, and lets a client connect to each.
fn both(haproxy: PathBuf) -> Both {
    let place = Place::new();
    let server = Server::name(place.address(), "s1");
    let mut lines = Vec::new();
    let mut start = |name: &str, haproxy: Option<PathBuf>| {
        let front = place.address();
        let receiver = place.log_receiver();
        let global = format!("log {} local0", receiver.local_addr().unwrap());
        let body = format!(
            "peers mesh\n    peer {name} {}\n\
             frontend in\n    bind {front}\n    log global\n    option tcplog\n    \
             default_backend out\n\
             backend out\n    stick-table type ip size 1k expire 1h peers mesh \
             store gpc0,conn_cnt\n    \
             stick on src\n    server s1 {}\n    server s2 {} disabled\n    server s3 {} backup",
            place.address(),
            server.address(),
            server.address(),
            server.address()
        );
        let spec = Spec::with_global(&place, name, &global, &body);
        let node = match haproxy {
            Some(binary) => spec.on_haproxy(binary).start(),
            None => spec.start(),
        };
        ask(source(1), front).unwrap();
        let mut buffer = [0; 4096];
        let line = loop {
            let count = receiver.recv(&mut buffer).unwrap();
            let line = String::from_utf8_lossy(&buffer[..count]).into_owned();
            if line.contains(" in out/s1 ") {
                break line;
            }
        };
        lines.push(line);
        node
    };
    let stickd = start("a", None);
    let haproxy = start("h", Some(haproxy));
    let lines = lines.try_into().unwrap();
    Both { stickd, haproxy, _server: server, lines, _place: place }
}

/// The text with `N` instead of every number and `P` instead of every memory address.
fn shape(text: &str) -> String {
    let mut shape = String::new();
    let mut rest = text;
    while let Some(first) = rest.chars().next() {
        let digits = rest.find(|c: char| !c.is_ascii_digit()).unwrap_or(rest.len());
        if let Some(hex) = rest.strip_prefix("0x") {
            shape.push('P');
            rest = hex.trim_start_matches(|c: char| c.is_ascii_hexdigit());
        } else if digits > 0 {
            shape.push('N');
            rest = &rest[digits..];
        } else {
            shape.push(first);
            rest = &rest[first.len_utf8()..];
        }
    }
    shape
}

#[test]
fn log_lines_have_the_same_form() {
    let Some(haproxy) = haproxy_or_skip() else { return };
    let both = both(haproxy);
    let [stickd, haproxy] = both.lines.map(|line| {
        shape(line.trim_end()).replace("stickd[", "program[").replace("haproxy[", "program[")
    });
    assert_eq!(stickd, haproxy);
}

#[test]
fn tables_are_shown_in_the_same_form() {
    let Some(haproxy) = haproxy_or_skip() else { return };
    let both = both(haproxy);
    for command in [
        "show table",
        "show table out",
        "show table nowhere",
        "show table out key 127.1.0.1",
        "show table out data.gpc0 gt 5",
        "set table out key 10.0.0.1 data.gpc0 3",
        "set table out key 10.0.0.1 data.nothing 3",
        "set table nowhere key 10.0.0.1 data.gpc0 3",
        "show table out data.gpc0 gt 2",
        "clear table out key 10.0.0.1",
        "clear table nowhere",
        "clear table out",
        "show table out",
        "show table;show table out",
    ] {
        let [stickd, haproxy] =
            [&both.stickd, &both.haproxy].map(|node| shape(&node.api().command(command)));
        assert_eq!(stickd, haproxy, "{command}");
    }
}

#[test]
fn statistics_have_the_same_columns_and_lines() {
    let Some(haproxy) = haproxy_or_skip() else { return };
    let both = both(haproxy);
    let [stickd, haproxy] =
        [&both.stickd, &both.haproxy].map(|node| node.api().command("show stat"));
    assert_eq!(stickd.lines().next(), haproxy.lines().next(), "the header");
    let names = |text: &str| -> Vec<String> {
        let lines = text.lines().skip(1).filter(|line| !line.is_empty());
        lines.map(|line| line.split(',').take(2).collect::<Vec<_>>().join(",")).collect()
    };
    assert_eq!(names(&stickd), names(&haproxy));
    let columns = |text: &str| -> BTreeSet<usize> {
        let lines = text.lines().filter(|line| !line.is_empty());
        lines.map(|line| line.matches(',').count()).collect()
    };
    assert_eq!(columns(&stickd), columns(&haproxy), "the number of columns");
}

#[test]
fn the_process_is_described_in_the_same_fields_and_order() {
    let Some(haproxy) = haproxy_or_skip() else { return };
    let both = both(haproxy);
    let fields = |node: &Node| -> Vec<String> {
        let said = node.api().command("show info");
        said.lines().filter_map(|line| Some(line.split_once(':')?.0.to_owned())).collect()
    };
    let (stickd, haproxy) = (fields(&both.stickd), fields(&both.haproxy));
    let mut rest = haproxy.iter();
    let common: Vec<_> = stickd.iter().filter(|field| haproxy.contains(field)).collect();
    assert!(common.len() > 20, "only {common:?}");
    for field in common {
        assert!(rest.any(|other| other == field), "{field} is out of order in {stickd:?}");
    }
}

#[test]
fn peers_are_shown_with_the_same_words() {
    let Some(haproxy) = haproxy_or_skip() else { return };
    let both = both(haproxy);
    let words = |node: &Node, name: &str| -> BTreeSet<String> {
        let said = node.api().command("show peers").replace(&format!("id={name}("), "id=SELF(");
        let names =
            said.split([' ', '\n']).filter_map(|word| Some(word.split_once('=')?.0.to_owned()));
        names.collect()
    };
    let (stickd, haproxy) = (words(&both.stickd, "a"), words(&both.haproxy, "h"));
    let missing: Vec<_> = haproxy.difference(&stickd).collect();
    assert!(missing.is_empty(), "not shown: {missing:?} (shown: {stickd:?})");
}
