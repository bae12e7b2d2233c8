//! Commands of the Runtime API: the answers to mistakes, and the effects of clear commands.

use std::collections::BTreeSet;
use std::io::Read as _;
use std::net::TcpStream;

use crate::support::{Api, Flavour, Place, SOON, Server, connect_from, source, until};
use crate::{flavours, start};

/// A `listen` section with a table that tracks clients, a checked server and a backup server, and
/// the address at which clients connect.
fn body(place: &Place, server: &Server) -> (std::net::SocketAddr, String) {
    let front = place.address();
    let body = format!(
        "listen web\n    bind {front}\n    \
         stick-table type ip size 1k expire 1h store conn_cur,conn_cnt,gpc0\n    \
         tcp-request connection track-sc0 src\n    \
         server s1 {} check inter 60s\n    server s2 {} backup\n",
        server.address(),
        server.address()
    );
    (front, body)
}

#[test]
fn mistakes_are_answered_as_by_haproxy() {
    const SERVER: &str = "Require 'backend/server'.";
    const TIMEOUT: &str = "Invalid timeout value.";
    const NO_RESOLUTION: &str =
        "set server <b>/<s> fqdn failed because no resolution is configured.";
    const NO_SSL: &str = "'set server <srv> ssl' cannot be set.  \
                          default-server should define ssl settings";
    const POINTER: &str = "Session pointer expected (use 'show sess').";
    for flavour in flavours() {
        let place = Place::new();
        let server = Server::greeting_echo(place.address(), "s1");
        let (_, body) = body(&place, &server);
        let node = start(flavour, &place, "maxconn 100", &body);
        for (command, answer) in [
            ("clear counters", ""),
            ("clear counters all", ""),
            ("clear counters foo", ""),
            ("disable agent web/", SERVER),
            ("get weight web/", SERVER),
            ("set maxconn server web/s1", "Require <maxconn>."),
            ("set maxconn server web/s1 x", "maxconn string empty or preceded by garbage"),
            ("set maxconn server web/s1 5x", "Trailing garbage in maxconn string"),
            ("set maxconn server web/s1 -1", ""),
            ("set maxconn server web/s1 0", ""),
            ("set server web/s1 fqdn", "set server <b>/<s> fqdn requires a FQDN."),
            ("set server web/s1 fqdn foo.example", NO_RESOLUTION),
            ("set server web/s1 ssl on", NO_SSL),
            ("set rate-limit connections global", "Expects an integer value."),
            ("set rate-limit connections global 7", ""),
            ("set rate-limit sessions global 8", ""),
            ("set timeout cli", "Expects an integer value."),
            ("set timeout cli 0", TIMEOUT),
            ("set timeout cli 0s", TIMEOUT),
            ("set timeout cli -1", TIMEOUT),
            ("set timeout cli 10x", TIMEOUT),
            ("set timeout cli 5m", ""),
            ("shutdown session", POINTER),
            ("shutdown session foo", POINTER),
            ("shutdown session 0x1", "No such session (use 'show sess')."),
        ] {
            assert_eq!(node.api().command(command).trim(), answer, "{flavour:?}: {command}");
        }
        let limits = ["ConnRateLimit", "SessRateLimit"].map(|field| node.api().info(field));
        assert_eq!(limits, ["7", "8"], "{flavour:?}");
    }
}

#[test]
fn one_variable_of_the_environment_or_all_are_shown() {
    let path = format!("PATH={}", std::env::var("PATH").unwrap());
    for flavour in flavours() {
        let place = Place::new();
        let server = Server::name(place.address(), "s1");
        let node = start(flavour, &place, "", &body(&place, &server).1);
        let api = node.api();
        assert_eq!(api.command("show env PATH").trim(), path, "{flavour:?}");
        assert_eq!(api.command("show env PAT").trim(), "Variable not found", "{flavour:?}");
        let all = api.command("show env");
        assert!(all.lines().any(|line| line == path), "{flavour:?}: {all}");
        assert!(api.command("user; show env PATH").contains("Permission denied"), "{flavour:?}");
    }
}

#[test]
fn the_commands_that_an_unknown_one_may_mean_are_those_of_its_first_words() {
    for flavour in flavours() {
        let place = Place::new();
        let server = Server::name(place.address(), "s1");
        let node = start(flavour, &place, "", &body(&place, &server).1);
        for (command, meant) in [
            ("set maxconn foo", ["set maxconn frontend", "set maxconn global"].as_slice()),
            ("show servers foo", &["show servers conn", "show servers state"]),
            ("show cli foo", &["show cli level", "show cli sockets"]),
            ("clear foo", &["clear counters", "clear table"]),
        ] {
            let answer = node.api().command(command);
            assert!(answer.starts_with("Unknown command, but maybe one of"), "{command}: {answer}");
            let mut rest = &answer[..];
            for meant in meant {
                let at = rest.find(&format!("\n  {meant} "));
                let at = at.unwrap_or_else(|| panic!("{flavour:?}: {command}: {meant}: {answer}"));
                rest = &rest[at..];
            }
        }
    }
}

#[test]
fn an_entry_in_use_is_not_cleared_and_that_is_said() {
    for flavour in flavours() {
        let place = Place::new();
        let server = Server::greeting_echo(place.address(), "s1");
        let (front, body) = body(&place, &server);
        let node = start(flavour, &place, "", &body);
        let api = node.api();
        let client = connect_from(source(1), front).unwrap();
        until("it is tracked", SOON, || api.used("web") == 1);
        let clear = "clear table web key 127.1.0.1";
        assert_eq!(api.command(clear).trim(), "Entry currently in use, cannot remove");
        assert_eq!(api.command("clear table web data.conn_cur gt 0").trim(), "");
        assert_eq!(api.command("clear table web").trim(), "");
        assert_eq!(api.used("web"), 1, "{flavour:?}");
        drop(client);
        until("it is cleared once it is not in use", SOON, || {
            api.command(clear).trim().is_empty() && api.used("web") == 0
        });
    }
}

/// The figures in the lines of the frontend, the server and the backend.
fn figures(api: &Api, fields: &[&str]) -> Vec<Vec<String>> {
    let lines = ["FRONTEND", "s1", "BACKEND"];
    let line =
        |service: &&str| fields.iter().map(|field| api.stat("web", service, field)).collect();
    lines.iter().map(line).collect()
}

#[test]
fn counters_are_cleared_as_by_haproxy() {
    const MAXIMA: [&str; 4] = ["smax", "rate_max", "conn_rate_max", "qmax"];
    const COUNTED: [&str; 5] = ["stot", "bin", "bout", "lbtot", "connect"];
    for flavour in flavours() {
        let place = Place::new();
        let mut server = Server::greeting_echo(place.address(), "s1");
        let (front, body) = body(&place, &server);
        let node = start(flavour, &place, "", &body.replace("60s", "1s fall 1 rise 1"));
        let api = node.api();
        let connect = |number| {
            let mut client = connect_from(source(number), front).unwrap();
            client.read_exact(&mut [0; 3]).unwrap();
            client
        };
        let held: Vec<TcpStream> = (0..3).map(connect).collect();
        let now = || figures(&api, &["scur"]).concat();
        until("they are connected", SOON, || now() == ["3", "3", "3"]);
        drop(connect(4));
        until("one has gone", SOON, || now() == ["3", "3", "3"]);
        let connections = |field| api.info(field).parse::<u32>().unwrap();
        let before = connections("CumConns");
        assert!(figures(&api, &MAXIMA[..2]).concat().iter().all(|figure| figure != "0"));

        api.command("clear counters");
        let cleared = |fields: &[&str]| {
            let figures = figures(&api, fields).concat();
            figures.iter().all(|figure| ["", "0"].contains(&figure.as_str()))
        };
        assert!(cleared(&MAXIMA), "{flavour:?}: {:?}", figures(&api, &MAXIMA));
        assert_eq!(connections("MaxSessRate"), 0, "{flavour:?}");
        assert_eq!(figures(&api, &["stot"]).concat(), ["4", "4", "4"], "{flavour:?}");
        assert_eq!(now(), ["3", "3", "3"], "{flavour:?}");

        server.stop();
        until("it is down", SOON, || api.stat("web", "s1", "chkdown") == "1");
        api.command("clear counters all");
        assert!(cleared(&COUNTED), "{flavour:?}: {:?}", figures(&api, &COUNTED));
        assert_eq!(api.stat("web", "s1", "chkdown"), "0", "{flavour:?}");
        assert_eq!(api.stat("web", "s1", "lastsess"), "-1", "{flavour:?}");
        assert!(connections("CumConns") >= before, "{flavour:?}: these are not cleared");
        drop(held);
        until("all have gone", SOON, || now() == ["0", "0", "0"]);
    }
}

/// HAProxy lists its commands. Every command is known here; the answers may differ.
#[test]
fn every_command_of_haproxy_is_known() {
    if flavours().len() < 2 {
        return;
    }
    let places = [Place::new(), Place::new()];
    let server = Server::name(places[0].address(), "s1");
    let [ours, theirs] = [(Flavour::Stickd, &places[0]), (Flavour::Haproxy, &places[1])]
        .map(|(flavour, place)| start(flavour, place, "", &body(place, &server).1));
    let help = theirs.api().command("help");
    let commands: BTreeSet<String> = help.lines().skip(1).filter_map(command_of).collect();
    assert!(commands.len() > 80, "{commands:?}");
    let is_unknown = |command: &&String| ours.api().command(command).starts_with("Unknown command");
    let unknown: Vec<_> = commands.iter().filter(is_unknown).collect();
    assert!(unknown.is_empty(), "{unknown:?}");
}

/// HAProxy lists its options. Every option is known here, and none is confused with another option.
#[test]
fn every_option_of_haproxy_is_known() {
    let Some(haproxy) = crate::support::haproxy() else { return };
    let help = std::process::Command::new(haproxy).arg("-h").output().unwrap();
    let help = String::from_utf8(help.stdout).unwrap() + &String::from_utf8_lossy(&help.stderr);
    let lines = help.lines().filter(|line| line.starts_with("        -"));
    let words = lines.flat_map(|line| line.split([' ', '/', '[', '{', ';', ')']));
    let is_option = |word: &&str| word.len() > 1 && word.starts_with('-') && *word != "--";
    let options: BTreeSet<&str> = words.filter(is_option).collect();
    assert!(options.len() > 25, "{options:?}");
    for option in options {
        // With `-h` behind it nothing is run.
        let output = crate::support::run_to_end(&[option, "1", "-h"]);
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(!said.contains("unknown option"), "{option}: {said}");
    }
}

/// The words of a command in a line of `help`, without arguments and explanation.
fn command_of(line: &str) -> Option<String> {
    let usage = line.strip_prefix("  ")?.split(':').next()?;
    let is_word = |word: &&str| word.chars().all(|c| c.is_ascii_lowercase() || c == '-');
    let words: Vec<_> = usage.split_whitespace().take_while(is_word).collect();
    (!words.is_empty()).then(|| words.join(" "))
}
