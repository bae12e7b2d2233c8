//! Variables: the sample, the actions, the converters, the lines of `global` and the commands.

use std::io::{Read, Write};

use super::lines::client_hello;
use super::samples::{Setting, compare};
use crate::support::{Flavour, Place, SOON, Server, ask, connect_from, source, until};
use crate::{flavours, start};

#[test]
fn a_variable_keeps_its_value_and_its_type() {
    let rules = [
        "tcp-request connection set-var(sess.at_connect) src_port",
        "tcp-request connection set-var(txn.too_early) int(1)",
        "tcp-request session set-var(sess.at_session) src",
        "tcp-request content set-var(txn.number) int(5)",
        "tcp-request content set-var(req.text) str(abc)",
        "tcp-request content set-var(sess.none) req.ssl_sni",
        "tcp-request content set-var(proc.all) int(9)",
        "tcp-request content set-var(sess.gone) int(9)",
        "tcp-request content unset-var(sess.gone)",
        "tcp-request content set-var(res.too_early) int(9)",
        "tcp-request content set-var(sess.copy) var(txn.number),add(2)",
    ];
    let rows = [
        ("var(sess.at_connect) -m int gt 1023", "yes"),
        ("var(txn.too_early)", "-"),
        ("var(sess.at_session) -m ip 127.1.0.0/16", "yes"),
        ("var(txn.number)", "5"),
        ("var(req.text) -m str abc", "yes"),
        ("var(req.text),upper -m str ABC", "yes"),
        ("var(req.text) -m found", "yes"),
        ("var(sess.none) -m found", "-"),
        ("var(sess.none,7)", "7"),
        ("var(txn.number,7)", "5"),
        ("var(proc.all)", "9"),
        ("var(sess.gone)", "-"),
        ("var(res.too_early)", "-"),
        ("var(sess.copy)", "7"),
        ("var(sess.number)", "-"),
        ("int(3),set-var(sess.inside),add(1)", "4"),
        ("var(sess.inside)", "3"),
        ("int(3),unset-var(sess.inside)", "3"),
        ("var(sess.inside)", "-"),
    ];
    compare(&Setting { rules: &rules, ..Setting::default() }, &rows);
}

#[test]
fn a_value_is_set_where_the_conditions_hold() {
    let rules = [
        "tcp-request content set-var(sess.a,ifexists) int(1)",
        "tcp-request content set-var(sess.b,ifnotexists) int(1)",
        "tcp-request content set-var(sess.b,ifnotexists) int(2)",
        "tcp-request content set-var(sess.c,ifempty) str(1)",
        "tcp-request content set-var(sess.d,ifempty) str()",
        "tcp-request content set-var(sess.e) int(1)",
        "tcp-request content set-var(sess.e,ifnotempty) str()",
        "tcp-request content set-var(sess.f,ifset) int(1)",
        "tcp-request content set-var(sess.g,ifnotset) int(1)",
        "tcp-request content set-var(sess.h) int(5)",
        "tcp-request content set-var(sess.h,ifgt) int(6)",
        "tcp-request content set-var(sess.i) int(5)",
        "tcp-request content set-var(sess.i,ifgt) int(4)",
        "tcp-request content set-var(sess.j) int(5)",
        "tcp-request content set-var(sess.j,iflt) int(6)",
        "tcp-request content set-var(sess.k,iflt) int(6)",
        "tcp-request content set-var(sess.l) int(5)",
        "tcp-request content set-var(sess.l,ifexists,iflt) int(6)",
        "tcp-request content set-var(sess.l,ifnotexists,iflt) int(7)",
        "tcp-request content set-var(proc.m,ifexists) int(1)",
        "tcp-request content set-var(sess.n) int(5)",
        "tcp-request content unset-var(sess.n)",
        "tcp-request content set-var(sess.n,ifexists) int(6)",
    ];
    let rows = [
        ("var(sess.a)", "-"),
        ("var(sess.b)", "1"),
        ("var(sess.c)", "-"),
        ("var(sess.d) -m found", "yes"),
        ("var(sess.e)", "1"),
        ("var(sess.f)", "-"),
        ("var(sess.g)", "1"),
        ("var(sess.h)", "5"),
        ("var(sess.i)", "4"),
        ("var(sess.j)", "6"),
        ("var(sess.k)", "6"),
        ("var(sess.l)", "6"),
        ("var(proc.m)", "1"),
        ("var(sess.n)", "-"),
        ("int(8),set-var(sess.o,ifexists)", "-"),
        ("var(sess.o)", "-"),
    ];
    compare(&Setting { rules: &rules, ..Setting::default() }, &rows);
}

/// What `get var` shows of these variables, after one client was served by a frontend with these
/// rules.
fn shown(flavour: Flavour, global: &str, rules: &[&str], names: &[&str]) -> Vec<String> {
    let place = Place::new();
    let front = place.address();
    let server = Server::name(place.address(), "s1");
    let rules: String = rules.iter().map(|rule| format!("    {rule}\n")).collect();
    let body = format!("listen in\n    bind {front}\n{rules}    server s1 {}\n", server.address());
    let node = start(flavour, &place, global, &body);
    ask(source(1), front).unwrap();
    let get = |name: &&str| node.api().command(&format!("get var {name}")).trim().to_owned();
    names.iter().map(get).collect()
}

#[test]
fn sizes_leave_out_what_does_not_fit() {
    let rules = [
        "tcp-request content set-var(sess.a) int(1)",
        "tcp-request content set-var(txn.b) int(2)",
        "tcp-request content set-var(req.c) int(3)",
        "tcp-request content set-var(proc.a) var(sess.a)",
        "tcp-request content set-var(proc.b) var(txn.b)",
        "tcp-request content set-var(proc.c) var(req.c)",
    ];
    let names = ["proc.a", "proc.b", "proc.c"];
    let found = |number| format!("type=sint value=<{number}>");
    let cases: [(&str, u32, [bool; 3]); 6] = [
        ("reqres", 79, [true, true, false]),
        ("txn", 80, [true, true, false]),
        ("txn", 79, [true, false, false]),
        ("sess", 160, [true, true, false]),
        ("sess", 80, [true, false, false]),
        ("sess", 79, [false, false, false]),
    ];
    for flavour in flavours() {
        for (scope, size, fits) in cases {
            let global = format!("tune.vars.{scope}-max-size {size}");
            let seen = shown(flavour, &global, &rules, &names);
            for ((number, fits), seen) in (1..).zip(fits).zip(seen) {
                let is_right = seen.ends_with(&found(number)) == fits;
                assert!(is_right, "{flavour:?}: {global}: variable {number}: {seen}");
            }
        }
    }
}

#[test]
fn commands_read_and_set_variables_of_the_process() {
    let commands = [
        ("get var proc.number", "proc.number: type=sint value=<12>"),
        ("get var proc.text", "proc.text: type=str value=<abc>"),
        ("get var proc.address", "proc.address: type=ipv4 value=<192.0.2.1>"),
        ("get var proc.truth", "proc.truth: type=bool value=<1>"),
        ("get var proc.copy", "proc.copy: type=sint value=<13>"),
        ("get var proc.nothing", "Variable not found."),
        ("get var", "Missing process-wide variable identifier."),
        ("set var proc.number int(1)", "This command is restricted to experimental mode only."),
        ("experimental-mode", "experimental-mode is OFF"),
        ("experimental-mode on; experimental-mode", "experimental-mode is ON"),
        (
            "experimental-mode on; set var proc.number int(1); get var proc.number",
            "proc.number: type=sint value=<1>",
        ),
        (
            "experimental-mode on; set var proc.new expr str(a\\ b); get var proc.new",
            "proc.new: type=str value=<a b>",
        ),
        ("get var proc.new", "proc.new: type=str value=<a b>"),
        ("experimental-mode on; set var", "Missing process-wide variable identifier."),
        ("experimental-mode on; set var proc.x", "Missing either 'expr', 'fmt' or expression."),
    ];
    let global = "set-var proc.number int(5),add(7)\nset-var proc.text str(abc)\n\
                  set-var proc.address ipv4(192.0.2.1)\nset-var proc.truth bool(true)\n\
                  set-var proc.copy var(proc.number),add(1)";
    for flavour in flavours() {
        let place = Place::new();
        let body = format!("listen in\n    bind {}\n", place.address());
        let node = start(flavour, &place, global, &body);
        let answer = node.api().command("get var proc.number");
        assert_eq!(answer, "proc.number: type=sint value=<12>\n", "{flavour:?}");
        for (command, expected) in commands {
            assert_eq!(node.api().command(command).trim(), expected, "{flavour:?}: {command}");
        }
        let refused = [
            "set var sess.x int(1)",
            "set var x int(1)",
            "set var proc.x src",
            "set var proc.x nosuch",
            "set var proc.x int(1),nosuch",
        ];
        for command in refused {
            let said = node.api().command(&format!("experimental-mode on; {command}"));
            assert_ne!(said.trim(), "", "{flavour:?}: {command}");
        }
    }
}

#[test]
fn a_rule_that_sets_a_variable_waits_for_nothing() {
    for flavour in flavours() {
        let place = Place::new();
        let front = place.address();
        let server = Server::greeting_echo(place.address(), "s1");
        let body = format!(
            "listen in\n    bind {front}\n    tcp-request inspect-delay 5s\n    \
             tcp-request content set-var(sess.early) req.ssl_sni\n    \
             tcp-request content set-var(proc.came) int(1)\n    \
             tcp-request content reject unless {{ req.ssl_hello_type 1 }}\n    \
             tcp-request content set-var(proc.late) req.ssl_sni\n    server s1 {}\n",
            server.address()
        );
        let node = start(flavour, &place, "", &body);
        let mut client = connect_from(source(1), front).unwrap();
        let get = |name: &str| node.api().command(&format!("get var {name}")).trim().to_owned();
        until("the rules wait", SOON, || get("proc.came").ends_with("<1>"));
        client.write_all(&client_hello("www.example.org")).unwrap();
        client.read_exact(&mut [0; 3]).unwrap();
        assert_eq!(get("proc.late"), "proc.late: type=str value=<www.example.org>", "{flavour:?}");
    }
}
