//! The API servers of a Kubernetes cluster, and the page that keepalived asks.

use super::{SOON, answers, ask, named, source, under_each_program, until, until_checked};
use crate::support::http;

#[test]
fn the_address_of_a_kubernetes_api_is_given_up_when_no_server_is_left() {
    under_each_program("kubernetes-api.cfg", |example, flavour| {
        let addresses = ["192.168.0.11:6443", "192.168.0.12:6443", "192.168.0.13:6443"];
        let names = ["control-1", "control-2", "control-3"];
        let servers: Vec<_> = addresses.into_iter().zip(names).collect();
        let mut servers = named(example, &servers);
        let node = example.start(flavour);
        let state = |name: &str, state| until_checked(&node, &format!("api-servers/{name}"), state);
        let health = || {
            let request = "GET /healthz HTTP/1.1\r\nHost: keepalived\r\nConnection: close\r\n\r\n";
            let answer = http::exchange(example.front(8081), request);
            answer.split(' ').nth(1).unwrap().to_owned()
        };
        for name in names {
            state(name, "UP");
        }
        assert_eq!(health(), "200", "{flavour:?}");
        let mut seen = answers(example.front(6443), 0..6);
        seen.sort();
        seen.dedup();
        assert_eq!(seen, names);

        servers[0].stop();
        state(names[0], "DOWN");
        assert!(!answers(example.front(6443), 0..6).contains(&names[0].to_owned()));
        servers[1].stop();
        servers[2].stop();
        until("keepalived is told", SOON, || health() == "503");
        assert!(ask(source(1), example.front(6443)).is_err());
    });
}
