//! Commands that show and change maps and the patterns of acls: the same answers, and the same
//! clients let in.

use std::net::SocketAddr;

use crate::support::{Flavour, Node, Place, Server, ask, source};
use crate::{flavours, start};

/// A frontend that refuses the clients of some lists, and uses maps. `%` stands for the folder.
const RULES: &str = "    acl listed src -f %networks
    acl own src 10.1.0.0/16
    acl numbered src -u 77 -f %networks 11.0.0.0/8
    acl port src_port gt 5
    acl port src_port 7:9
    acl insensitive str(foo) -m sub -i -f %texts
    acl found dst -m found
    acl regex str(foo) -m reg f.x b.r
    acl bytes req.payload(0,1) -m bin 0a
    acl len str(foo) -m len 1:3
    acl mapped src,map(%map) -m str no
    tcp-request connection reject if listed
    tcp-request connection reject if own port
    tcp-request connection reject if mapped
    tcp-request connection reject if numbered { src 1.2.3.4 }
    tcp-request connection reject if found regex len insensitive FALSE
    tcp-request connection set-var(sess.a) src,map_ip_int(%numbers,0)
    tcp-request connection set-var(sess.b) str(x),map_str_ip(%addresses)
    tcp-request connection set-var(sess.a) src,map_str(%map,0)
    tcp-request connection set-var(sess.a) src,map_beg(%map,0)
    tcp-request content reject if bytes
";

const FILES: [(&str, &str); 5] = [
    ("networks", "10.0.0.0/8\n\n# c\n12.0.0.0/8\n10.0.0.0/8\n"),
    ("texts", "foo\nbar\n"),
    ("map", "a one\n# no\nb two words  \na three\n"),
    ("numbers", "10.0.0.0/8 1\n192.0.2.1 2\n"),
    ("addresses", "x 192.0.2.1\ny 2001:db8::1\n"),
];

/// A node with those rules, and the address of its clients.
fn node(flavour: Flavour, place: &Place, server: &Server) -> (Node, SocketAddr) {
    for (name, text) in FILES {
        place.write(name, text);
    }
    let rules = RULES.replace('%', &format!("{}/", place.dir().display()));
    let (front, server) = (place.address(), server.address());
    let body = format!("listen web\n    bind {front}\n{rules}    server s1 {server}\n");
    (start(flavour, place, "", &body), front)
}

/// An answer without what differs: the numbers of entries, the folder, and the last blank lines.
fn plain(answer: &str, place: &Place) -> String {
    let lines = answer.trim_end_matches('\n').lines().map(|line| match line.strip_prefix("0x") {
        Some(entry) => entry.split_once(' ').map_or("", |(_, entry)| entry),
        None => line,
    });
    let folder = format!("{}/", place.dir().display());
    lines.collect::<Vec<_>>().join("\n").replace(&folder, "%")
}

const COMMANDS: &[&str] = &[
    "show map %map",
    "show map @nope",
    "show map nope",
    "show acl %map",
    "show acl %networks",
    "show acl #77",
    "show acl #78",
    "show map @1",
    "get map %map a",
    "get map %map",
    "get map",
    "get map %map nope",
    "get map nope x",
    "get map %numbers 10.1.1.1",
    "get map %numbers 192.0.2.1",
    "get map %numbers x",
    "get map %addresses x",
    "get map %addresses y",
    "get acl %networks 10.2.3.4",
    "get acl %networks 1.1.1.1",
    "get acl %texts FOO",
    "get acl nope x",
    "get acl %texts",
    "add map",
    "add map %map",
    "add map %map k",
    "add map nope k v",
    "add map %map k v w",
    "add map %map k v2",
    "show map %map",
    "get map %map k",
    "set map %map k v3",
    "show map %map",
    "set map %map nope v",
    "set map %map #0x12 v",
    "set map %map k",
    "set map nope k v",
    "del map %map k",
    "del map %map k",
    "del map %map #0x123",
    "del map %map",
    "del map nope x",
    "show map %map",
    "add map %numbers nokey 5",
    "add map %numbers 1.2.3.4 noval",
    "add acl",
    "add acl nope x",
    "add acl #77 10.9.0.0/16",
    "add acl #77 zz",
    "add acl #77 1.1.1.1 b",
    "add acl #77",
    "show acl #77",
    "get acl #77 10.9.1.1",
    "del acl #77 10.9.0.0/16",
    "del acl #77 1.2.3.4",
    "del acl nope x",
    "del acl #77",
    "add acl #77 <<\n1.2.3.4\n",
    "add map %map <<\np1 x\np2 y z \n",
    "add map %map <<\nonlykey\n",
    "add map %map k <<\np3 x\n",
    "add map %numbers <<\n9.9.9.9 1\nbad 1\n8.8.8.8 1\n",
    "add map %numbers <<\n7.7.7.7 x\n",
    "show map %map",
    "show map %numbers",
    "show cli level; add map %map <<\nq1 1\n; q2 2\n",
    "get map %map q1",
    "clear acl #77",
    "show acl #77",
    "clear acl",
    "clear map",
    "clear map @1",
    "clear map nope",
    "clear acl nope",
    "set acl #77 a b",
    "prepare map",
    "prepare map nope",
    "prepare acl nope",
    "prepare map %map",
    "prepare map %map",
    "prepare map %map",
    "prepare map %map",
    "add map @1 %map v 1",
    "add map @2 %map v 2",
    "add map @x %map v 0",
    "add map @2 %map <<\np 1\nq 2\n",
    "add map @4 %map v 4",
    "show map @1 %map",
    "show map @2 %map",
    "show map @9 %map",
    "get map %map v",
    "get map @1 %map v",
    "set map @1 %map v zz",
    "del map @1 %map v",
    "commit map @9 %map",
    "commit map @x %map",
    "commit map @2",
    "commit map %map",
    "commit map @2 nope",
    "commit map @2 %map",
    "show map %map",
    "show map @1 %map",
    "commit map @1 %map",
    "clear map @4 %map",
    "show map @4 %map",
    "commit map @4 %map",
    "show map %map",
    "clear map %map",
    "show map %map",
];

#[test]
fn commands_have_the_same_answers_at_every_level() {
    let mut all = Vec::new();
    for flavour in flavours() {
        let place = Place::new();
        let server = Server::name(place.address(), "s1");
        let (node, _) = node(flavour, &place, &server);
        let folder = format!("{}/", place.dir().display());
        let answers = COMMANDS.iter().map(|command| {
            let typed = command.replace('%', &folder);
            let answer = plain(&node.api().command(&format!("user;{typed}")), &place);
            // What follows is a list of commands.
            let first = if answer.contains("Unknown command") { "unknown" } else { &answer };
            (*command, first.to_owned())
        });
        let answers: Vec<_> = answers.collect();
        let lists = ["show map", "show acl"].map(|command| described(&node, command, &place));
        all.push((answers, lists));
    }
    for other in all.get(1..).unwrap_or_default() {
        for (own, other) in all[0].0.iter().zip(&other.0) {
            assert_eq!(own, other);
        }
        assert_eq!(all[0].1, other.1);
    }
}

/// What a list of maps or acls says, without the figures and the lists that HAProxy has of its own.
fn described(node: &Node, command: &str, place: &Place) -> Vec<String> {
    let answer = plain(&node.api().command(command), place);
    let lines = answer.lines().filter(|line| !line.contains("'httpclient'"));
    let figures = |line: &str| line.split(" entry_cnt").next().unwrap_or_default().to_owned();
    lines.map(figures).map(|line| without_file(&line)).collect()
}

/// A line without the names of the configuration's file and the numbers of its lines.
fn without_file(line: &str) -> String {
    let mut was_line = false;
    let words = line.split(' ').map(|word| match word {
        word if word.contains(".cfg'") => "cfg",
        word if std::mem::replace(&mut was_line, word == "line") => {
            word.trim_start_matches(|digit: char| digit.is_ascii_digit())
        }
        word => word,
    });
    words.collect::<Vec<_>>().join(" ")
}

#[test]
fn a_relative_name_begins_where_the_configuration_says() {
    for flavour in flavours() {
        let place = Place::new();
        std::fs::create_dir(place.dir().join("files")).unwrap();
        place.write("files/networks", "127.1.0.1\n");
        place.write("networks", "127.1.0.2\n");
        let origin = format!("origin {}/files", place.dir().display());
        for (mode, refused) in [("config", 2), (&origin, 1)] {
            let server = Server::name(place.address(), "s1");
            let (front, server) = (place.address(), server.address());
            let body = format!(
                "listen web\n    bind {front}\n    acl listed src -f networks\n    \
                 tcp-request connection reject if listed\n    server s1 {server}\n"
            );
            let node = start(flavour, &place, &format!("default-path {mode}"), &body);
            let shown = node.api().command("show acl networks");
            let shown = shown.trim_end().split(' ').next_back();
            assert_eq!(shown, Some(&*source(refused).to_string()), "{flavour:?}: {mode}");
        }
    }
}

#[test]
fn a_changed_list_decides_about_the_next_client() {
    for flavour in flavours() {
        let place = Place::new();
        let server = Server::name(place.address(), "s1");
        let (node, front) = node(flavour, &place, &server);
        let api = node.api();
        let file = |name: &str| format!("{}/{name}", place.dir().display());
        let is_served = || ask(source(1), front).is_ok_and(|answer| answer == "s1");
        let own = api.command("show acl");
        let own = own.lines().find(|line| line.contains("acl 'src'") && line.contains("cnt=1"));
        let own = own.and_then(|line| line.split(' ').next()).unwrap().to_owned();
        let networks = file("networks");
        let map = file("map");
        for (change, back) in [
            (format!("add acl {networks} 127.0.0.0/8"), format!("del acl {networks} 127.0.0.0/8")),
            (format!("add acl #{own} 127.0.0.0/8"), format!("clear acl #{own}")),
            (format!("add map {map} 127.1.0.1 no"), format!("set map {map} 127.1.0.1 yes")),
            (format!("set map {map} 127.1.0.1 no"), format!("del map {map} 127.1.0.1")),
        ] {
            assert!(is_served(), "{flavour:?}: before {change}");
            assert_eq!(api.command(&change).trim(), "", "{flavour:?}: {change}");
            assert!(!is_served(), "{flavour:?}: {change}");
            assert_eq!(api.command(&back).trim(), "", "{flavour:?}: {back}");
        }
        assert!(is_served(), "{flavour:?}");
        assert_eq!(api.command(&format!("prepare map {map}")).trim(), "New version created: 1");
        api.command(&format!("add map @1 {map} 127.1.0.1 no"));
        assert!(is_served(), "{flavour:?}: before the commit");
        api.command(&format!("commit map @1 {map}"));
        assert!(!is_served(), "{flavour:?}: after the commit");
    }
}
