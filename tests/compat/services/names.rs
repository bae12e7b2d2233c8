//! Servers that are found by name, as the pods of a Kubernetes service are.

use std::cell::Cell;
use std::net::SocketAddr;

use super::{SOON, answers, ask, source, under_each_program, until};
use crate::support::nameserver::Dnsmasq;
use crate::support::{Place, Server, skip};

const NAME: &str = "cache.shop.svc.cluster.local";

#[test]
fn clients_stay_with_the_pods_of_a_name_while_others_come_and_go() {
    under_each_program("names.cfg", |example, flavour| {
        let place = Place::new();
        let address = example.server("10.96.0.10:53");
        let Some(dnsmasq) = Dnsmasq::start_at(&place, address, "local=/cluster.local/") else {
            return skip("dnsmasq is not installed");
        };
        let front = example.front(6379);
        let pods: Vec<SocketAddr> =
            (0..3).map(|_| (Place::new().ip(), example.port(6379)).into()).collect();
        let names = ["pod-1", "pod-2", "pod-3"];
        let _servers: Vec<_> =
            pods.iter().zip(names).map(|(pod, name)| Server::name(*pod, name)).collect();
        let know = |known: &[SocketAddr]| {
            let lines = known.iter().map(|pod| format!("{} {NAME}\n", pod.ip()));
            dnsmasq.set_hosts(&lines.collect::<String>());
        };
        know(&pods[..1]);
        let _node = example.start(flavour);
        until("the first pod serves", SOON, || ask(source(1), front).is_ok());
        know(&pods[1..]);
        // New clients, as those before stay where they are.
        let strangers = Cell::new(100);
        let seen = || {
            let first = strangers.replace(strangers.get() + 6);
            let mut seen: Vec<_> =
                (first..first + 6).filter_map(|n| ask(source(n), front).ok()).collect();
            seen.sort();
            seen.dedup();
            seen
        };
        until("the others serve alone", SOON, || seen() == names[1..]);
        let before = answers(front, 0..6);
        know(&pods);
        until("all serve", SOON, || seen() == names);
        assert_eq!(answers(front, 0..6), before, "{flavour:?}");
    });
}
