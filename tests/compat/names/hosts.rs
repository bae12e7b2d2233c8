//! Addresses of hosts: who gets which, when servers are lost and when they come back.

use std::net::SocketAddr;

use super::{ADDRESS, ADMIN, NAME, OPERATION, PORT, SERVICE, section, states, until_states};
use crate::health::states::notice;
use crate::support::nameserver::{Answer, Dnsmasq, Nameserver, Record};
use crate::support::{Place, SOON, Server, ask, skip, source, until};
use crate::{flavours, start};

#[test]
fn a_server_follows_its_name() {
    for flavour in flavours() {
        let place = Place::new();
        let names = Nameserver::start(&place);
        let log = place.log_receiver();
        let body = format!(
            "{}backend web\n log {} local0\n server s1 a.test:80 resolvers dns resolve-prefer \
             ipv4 init-addr none\n",
            section(names.address(), ""),
            log.local_addr().unwrap(),
        );
        let node = start(flavour, &place, "", &body);
        let all = [ADDRESS, OPERATION, ADMIN, NAME, PORT, SERVICE];
        until_states(&node, &all, &["- 0 32 a.test 80 -"]);
        assert_eq!(node.api().stat("web", "s1", "status"), "MAINT (resolution)");
        assert_eq!(node.api().stat("web", "s1", "addr"), "");
        names.hosts("a.test", &["127.0.0.2"]);
        until_states(&node, &all, &["127.0.0.2 2 0 a.test 80 -"]);
        for line in [
            "<133>web/s1 changed its IP from (none) to 127.0.0.2 by dns/ns1.",
            "<133>Server web/s1 ('a.test') is UP/READY (resolves again).",
            "<133>Server web/s1 administratively READY thanks to valid DNS answer.",
        ] {
            assert_eq!(notice(&log, "web/s1"), line, "{flavour:?}");
        }
        assert_eq!(node.api().stat("web", "s1", "status"), "no check");
        assert_eq!(node.api().stat("web", "s1", "addr"), "127.0.0.2:80");
        names.hosts("a.test", &["127.0.0.3"]);
        until_states(&node, &[ADDRESS], &["127.0.0.3"]);
        let line = "<133>web/s1 changed its IP from 127.0.0.2 to 127.0.0.3 by dns/ns1.";
        assert_eq!(notice(&log, "web/s1"), line, "{flavour:?}");
    }
}

#[test]
fn a_server_without_a_good_answer_is_in_maintenance_after_a_while() {
    for flavour in flavours() {
        for (answer, why) in [
            (Answer::Error(3), "DNS NX status"),
            (Answer::Records(Vec::new()), "DNS NX status"),
            (Answer::Error(5), "DNS refused status"),
            (Answer::Silence, "DNS timeout status"),
            (Answer::Error(2), "unspecified DNS error"),
        ] {
            let place = Place::new();
            let names = Nameserver::start(&place);
            let log = place.log_receiver();
            names.hosts("a.test", &["127.0.0.2"]);
            let body = format!(
                "{}backend web\n log {} local0\n server s1 a.test:80 resolvers dns \
                 resolve-prefer ipv4 init-addr none\n server s2 127.0.0.1:80\n",
                section(names.address(), ""),
                log.local_addr().unwrap(),
            );
            let node = start(flavour, &place, "", &body);
            until_states(&node, &[ADDRESS], &["127.0.0.2", "127.0.0.1"]);
            // HAProxy does not tell an empty answer from a wrong one at once.
            if !matches!(answer, Answer::Records(_)) || flavour == crate::support::Flavour::Stickd {
                names.set("a.test", answer);
                let line = notice(&log, "maintenance");
                let expected = format!(
                    "<129>Server web/s1 is going DOWN for maintenance ({why}). 1 active and 0 \
                     backup servers left. 0 sessions active, 0 requeued, 0 remaining in queue."
                );
                assert_eq!(line, expected, "{flavour:?}");
                until_states(&node, &[ADDRESS, ADMIN], &["- 32", "127.0.0.1 0"]);
                names.hosts("a.test", &["127.0.0.2"]);
                until_states(&node, &[ADDRESS, ADMIN], &["127.0.0.2 0", "127.0.0.1 0"]);
            }
        }
    }
}

#[test]
fn servers_of_one_name_share_its_addresses() {
    for flavour in flavours() {
        let place = Place::new();
        let names = Nameserver::start(&place);
        names.hosts("a.test", &["127.0.0.1", "127.0.0.2"]);
        let body = format!(
            "{}backend web\n server-template s 3 a.test:80 resolvers dns resolve-prefer ipv4 \
             init-addr none\n server t 127.0.0.9:80\n",
            section(names.address(), ""),
        );
        let node = start(flavour, &place, "", &body);
        let shared = |expected: &[&str]| {
            let mut found = states(&node, &[ADDRESS]);
            found.sort();
            found == expected
        };
        let until_shared = |expected: &[&str]| {
            until(&format!("{flavour:?}: {expected:?}"), SOON, || shared(expected));
        };
        until_shared(&["-", "127.0.0.1", "127.0.0.2", "127.0.0.9"]);
        let before = states(&node, &[ADDRESS]);
        names.hosts("a.test", &["127.0.0.3", "127.0.0.2", "127.0.0.1"]);
        until_shared(&["127.0.0.1", "127.0.0.2", "127.0.0.3", "127.0.0.9"]);
        let after = states(&node, &[ADDRESS]);
        assert_eq!(before[..2], after[..2], "{flavour:?}: servers keep their addresses");
        names.hosts("a.test", &["127.0.0.2"]);
        until_shared(&["-", "-", "127.0.0.2", "127.0.0.9"]);
        let at = after.iter().position(|ip| ip == "127.0.0.2").unwrap();
        if flavour == crate::support::Flavour::Stickd {
            assert_eq!(states(&node, &[ADDRESS])[at], "127.0.0.2");
        }
    }
}

#[test]
fn the_words_of_a_server_choose_among_the_addresses() {
    let all = ["127.0.1.1", "127.0.0.1", "::1", "127.0.2.1"];
    for flavour in flavours() {
        for (words, expected) in [
            ("resolve-prefer ipv4 resolve-net 127.0.2.0/24", ["127.0.2.1"].as_slice()),
            ("", &["::1"]),
            ("resolve-prefer ipv6", &["::1"]),
        ] {
            let place = Place::new();
            let names = Nameserver::start(&place);
            names.hosts("a.test", &all);
            let body = format!(
                "{}backend web\n server s1 a.test:80 resolvers dns init-addr none {words}\n",
                section(names.address(), ""),
            );
            let node = start(flavour, &place, "", &body);
            until_states(&node, &[ADDRESS], expected);
        }
        let place = Place::new();
        let names = Nameserver::start(&place);
        names.hosts("a.test", &all[..1]);
        let body = format!(
            "{}backend web\n server-template s 2 a.test:80 resolvers dns resolve-prefer ipv4 \
             init-addr none resolve-opts allow-dup-ip\n",
            section(names.address(), ""),
        );
        let node = start(flavour, &place, "", &body);
        until_states(&node, &[ADDRESS], &["127.0.1.1", "127.0.1.1"]);
    }
}

#[test]
fn a_missing_address_is_held_until_it_is_obsolete() {
    for flavour in flavours() {
        let place = Place::new();
        let names = Nameserver::start(&place);
        names.hosts("a.test", &["127.0.0.1"]);
        let body = format!(
            "{}backend web\n server s1 a.test:80 resolvers dns resolve-prefer ipv4 init-addr \
             none\n",
            section(names.address(), "hold obsolete 3s"),
        );
        let node = start(flavour, &place, "", &body);
        until_states(&node, &[ADDRESS], &["127.0.0.1"]);
        names.hosts("a.test", &["127.0.0.2"]);
        names.until_asked("a.test", 3);
        assert_eq!(states(&node, &[ADDRESS]), ["127.0.0.1"], "{flavour:?}");
        until_states(&node, &[ADDRESS], &["127.0.0.2"]);
    }
}

#[test]
fn other_names_lead_to_the_address() {
    for flavour in flavours() {
        let place = Place::new();
        let names = Nameserver::start(&place);
        fn aliased(head: &[u8]) -> Vec<Vec<u8>> {
            let mut bytes = head.to_vec();
            bytes[2] |= 0x80;
            bytes[3] = 0x80;
            bytes[6..12].copy_from_slice(&[0, 2, 0, 0, 0, 0]);
            let target = bytes.len() + 12;
            bytes.extend([0xc0, 12, 0, 5, 0, 1, 0, 0, 0, 1, 0, 8, 1, b'b', 4]);
            bytes.extend(b"test\0");
            bytes.extend([0xc0, u8::try_from(target).unwrap(), 0, 1, 0, 1, 0, 0, 0, 1, 0, 4]);
            bytes.extend([127, 0, 0, 7]);
            vec![bytes]
        }
        names.set("a.test", Answer::Forged(aliased));
        let body = format!(
            "{}backend web\n server s1 a.test:80 resolvers dns resolve-prefer ipv4 init-addr \
             none\n",
            section(names.address(), ""),
        );
        let node = start(flavour, &place, "", &body);
        until_states(&node, &[ADDRESS], &["127.0.0.7"]);
    }
}

#[test]
fn nameservers_may_speak_tcp_only() {
    for flavour in flavours() {
        let place = Place::new();
        let names = Nameserver::start(&place);
        let address = Record::Address("127.0.0.4".parse().unwrap());
        names.set("a.test", Answer::OnlyByTcp(vec![address]));
        let section =
            section(names.address(), "").replace("nameserver ns1 ", "nameserver ns1 tcp@");
        let body = format!(
            "{section}backend web\n server s1 a.test:80 resolvers dns resolve-prefer ipv4 \
             init-addr none\n",
        );
        let node = start(flavour, &place, "", &body);
        until_states(&node, &[ADDRESS], &["127.0.0.4"]);
    }
}

/// The ways of dnsmasq, and real traffic.
#[test]
fn clients_reach_the_servers_that_dnsmasq_knows() {
    for flavour in flavours() {
        let place = Place::new();
        let Some(dnsmasq) = Dnsmasq::start(&place, "") else {
            return skip("dnsmasq is not installed");
        };
        let front = place.address();
        let port = place.address().port();
        let [one, two]: [SocketAddr; 2] =
            [1, 2].map(|n| format!("127.{}.77.1:{port}", 60 + n).parse().unwrap());
        let _servers = [Server::name(one, "one"), Server::name(two, "two")];
        let section = section(dnsmasq.address(), "");
        let body = format!(
            "{section}frontend fe\n bind {front}\n default_backend web\n\
             backend web\n balance roundrobin\n server-template s 1-2 pool.test:{port} resolvers \
             dns resolve-prefer ipv4 init-addr none check inter 100ms\n",
        );
        let node = start(flavour, &place, "", &body);
        until_states(&node, &[ADDRESS], &["-", "-"]);
        dnsmasq.set_hosts(&format!("{} pool.test\n", one.ip()));
        until("the first server is up", SOON, || {
            ask(source(1), front).is_ok_and(|name| name == "one")
        });
        dnsmasq.set_hosts(&format!("{} pool.test\n{} pool.test\n", one.ip(), two.ip()));
        until("both get clients", SOON, || {
            let two = (0..4).filter_map(|_| ask(source(1), front).ok());
            let two: Vec<String> = two.collect();
            two.contains(&"one".to_owned()) && two.contains(&"two".to_owned())
        });
        dnsmasq.set_hosts(&format!("{} pool.test\n", two.ip()));
        until("the other is left", SOON, || {
            (0..4).all(|_| ask(source(1), front).is_ok_and(|name| name == "two"))
        });
        drop(node);
    }
}

#[test]
fn entries_may_follow_an_address_from_server_to_server() {
    for flavour in flavours() {
        let place = Place::new();
        let names = Nameserver::start(&place);
        let front = place.address();
        let port = place.address().port();
        let [one, two]: [SocketAddr; 2] =
            [1, 2].map(|n| format!("127.{}.78.1:{port}", 60 + n).parse().unwrap());
        let _servers = [Server::name(one, "one"), Server::name(two, "two")];
        names.hosts("one.test", &[&one.ip().to_string()]);
        names.hosts("two.test", &[&two.ip().to_string()]);
        let section = section(names.address(), "");
        let body = format!(
            "{section}frontend fe\n bind {front}\n default_backend web\n\
             backend web\n default-server resolve-prefer ipv4 init-addr none resolvers dns\n \
             stick-table type ip size 100 srvkey addr\n stick on src\n \
             server s1 one.test:{port}\n server s2 two.test:{port}\n",
        );
        let node = start(flavour, &place, "", &body);
        let [first, second] = [one, two].map(|at| at.ip().to_string());
        until_states(&node, &[ADDRESS], &[&first, &second]);
        let before = ask(source(1), front).unwrap();
        names.hosts("one.test", &[&second]);
        names.hosts("two.test", &[&first]);
        until_states(&node, &[ADDRESS], &[&second, &first]);
        for _ in 0..3 {
            assert_eq!(ask(source(1), front).unwrap(), before, "{flavour:?}");
        }
    }
}

#[test]
fn servers_that_track_a_missing_server_are_in_maintenance_with_it() {
    for flavour in flavours() {
        let place = Place::new();
        let names = Nameserver::start(&place);
        let server = Server::silent(place.address());
        let body = format!(
            "{}backend web\n server s1 a.test:{} resolvers dns resolve-prefer ipv4 init-addr none \
             check\n server s2 127.0.0.9:80 track s1\n",
            section(names.address(), ""),
            server.address().port(),
        );
        let node = start(flavour, &place, "", &body);
        let status = |server: &str| node.api().stat("web", server, "status");
        let until_status = |expected: &str| {
            until(&format!("{flavour:?}: {}", status("s2")), SOON, || status("s2") == expected);
        };
        until_status("MAINT (via web/s1)");
        assert_eq!(status("s1"), "MAINT (resolution)");
        names.hosts("a.test", &[&server.address().ip().to_string()]);
        until_status("UP");
        names.hosts("a.test", &[]);
        until_status("MAINT (via web/s1)");
    }
}
