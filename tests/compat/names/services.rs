//! Records of services: each server takes one, with its port and weight.

use super::{ADDRESS, ADMIN, NAME, PORT, SERVICE, WEIGHT, section, states, until_states};
use crate::health::states::notice;
use crate::support::nameserver::{Answer, Nameserver, Record};
use crate::support::{Flavour, Place, SOON, until};
use crate::{flavours, start};

const SRV: &str = "_http._tcp.a.test";

/// The states of the servers without regard to their order.
fn sorted(node: &crate::support::Node, columns: &[usize]) -> Vec<String> {
    let mut found = states(node, columns);
    found.sort();
    found
}

#[test]
fn servers_take_the_records_of_a_service() {
    for flavour in flavours() {
        let place = Place::new();
        let names = Nameserver::start(&place);
        let log = place.log_receiver();
        names.hosts("h1.test", &["127.0.0.1"]);
        names.hosts("h2.test", &["127.0.0.2"]);
        names.services(SRV, &[(65535, 8001, "h1.test"), (1000, 8002, "h2.test")]);
        let body = format!(
            "{}backend web\n log {} local0\n server-template s 3 {SRV} resolvers dns \
             resolve-prefer ipv4 init-addr none weight 7 check inter 1h\n server t 127.0.0.9:80\n",
            section(names.address(), ""),
            log.local_addr().unwrap(),
        );
        let node = start(flavour, &place, "", &body);
        let all = [ADDRESS, ADMIN, WEIGHT, NAME, PORT, SERVICE];
        let expected = [
            format!("- 32 7 - 0 {SRV}"),
            format!("127.0.0.1 64 256 h1.test 8001 {SRV}"),
            format!("127.0.0.2 64 4 h2.test 8002 {SRV}"),
            "127.0.0.9 0 1 - 80 -".to_owned(),
        ];
        until(&format!("{flavour:?}: {:?}", sorted(&node, &all)), SOON, || {
            sorted(&node, &all) == expected
        });
        let before = states(&node, &[ADDRESS]);
        // Another order, another weight.
        names.services(SRV, &[(0, 8002, "h2.test"), (40_000, 8001, "h1.test")]);
        until("the weights follow", SOON, || {
            let found = states(&node, &[WEIGHT, PORT]);
            found.contains(&"0 8002".to_owned()) && found.contains(&"157 8001".to_owned())
        });
        assert_eq!(states(&node, &[ADDRESS]), before, "{flavour:?}: each keeps its record");
        // A record goes, another comes: it gets a free server.
        names.services(SRV, &[(40_000, 8001, "h1.test")]);
        let line = notice(&log, "entry removed");
        let head = line.find("s1").or_else(|| line.find("s2")).unwrap();
        let expected = "is going DOWN for maintenance (entry removed from SRV record). 2 active \
                        and 0 backup servers left. 0 sessions active, 0 requeued, 0 remaining in \
                        queue.";
        assert_eq!(&line[head + 3..], expected, "{flavour:?}");
        names.hosts("h3.test", &["127.0.0.3"]);
        names.services(SRV, &[(1, 8003, "h3.test"), (40_000, 8001, "h1.test")]);
        until("the new record has a server", SOON, || {
            let found = states(&node, &[ADDRESS, NAME, PORT]);
            found.contains(&"127.0.0.3 h3.test 8003".to_owned())
        });
        let kept = before.iter().position(|ip| ip == "127.0.0.1").unwrap();
        assert_eq!(states(&node, &[ADDRESS])[kept], "127.0.0.1", "{flavour:?}");
        // The service goes.
        names.set(SRV, Answer::Error(3));
        until("no server is left", SOON, || {
            states(&node, &[ADDRESS, PORT])[..3] == ["- 0", "- 0", "- 0"]
        });
    }
}

#[test]
fn records_may_bring_the_addresses_of_their_hosts() {
    for flavour in flavours() {
        let place = Place::new();
        let names = Nameserver::start(&place);
        let record = Record::Service(1, 8001, "h1.test".to_owned());
        let beside = vec![("h1.test".to_owned(), "127.0.0.5".parse().unwrap())];
        names.set(SRV, Answer::Beside(vec![record], beside));
        let body = format!(
            "{}backend web\n server s1 {SRV} resolvers dns resolve-prefer ipv4 init-addr none\n",
            section(names.address(), ""),
        );
        let node = start(flavour, &place, "", &body);
        until_states(&node, &[ADDRESS, PORT], &["127.0.0.5 8001"]);
        names.until_asked(SRV, 3);
        assert_eq!(names.asked("h1.test"), 0, "{flavour:?}: the host was not asked for");
    }
}

#[test]
fn the_weight_of_the_line_may_count() {
    for flavour in flavours() {
        let place = Place::new();
        let names = Nameserver::start(&place);
        names.hosts("h1.test", &["127.0.0.1"]);
        names.services(SRV, &[(1000, 8001, "h1.test")]);
        let body = format!(
            "{}backend web\n server s1 {SRV} resolvers dns resolve-prefer ipv4 init-addr none \
             resolve-opts ignore-weight weight 7\n",
            section(names.address(), ""),
        );
        let node = start(flavour, &place, "", &body);
        until_states(&node, &[ADDRESS, WEIGHT], &["127.0.0.1 7"]);
    }
}

/// HAProxy 2.6 leaves the second server in maintenance.
#[test]
fn two_records_may_have_one_host() {
    let place = Place::new();
    let names = Nameserver::start(&place);
    names.hosts("h1.test", &["127.0.0.1"]);
    names.services(SRV, &[(1, 8001, "h1.test"), (1, 8002, "h1.test")]);
    let body = format!(
        "{}backend web\n server-template s 2 {SRV} resolvers dns resolve-prefer ipv4 init-addr \
         none\n",
        section(names.address(), ""),
    );
    let node = start(Flavour::Stickd, &place, "", &body);
    until_states(&node, &[ADDRESS, PORT], &["127.0.0.1 8001", "127.0.0.1 8002"]);
}
