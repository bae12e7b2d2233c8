//! Nameservers that are hostile or broken, and how much asking costs.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use crate::support::nameserver::{Answer, Dnsmasq, Nameserver};
use crate::support::{
    Node, Place, SOON, Server, Spec, ask, cpu_ticks, open_descriptors, pause, resident_bytes, skip,
    source, until,
};

fn body(nameservers: &[SocketAddr], lines: &str) -> String {
    let list = nameservers.iter().enumerate();
    let list: String = list.map(|(n, at)| format!(" nameserver ns{n} {at}\n")).collect();
    format!(
        "resolvers dns\n{list} timeout resolve 50ms\n timeout retry 50ms\n resolve_retries 2\n \
         hold nx 5s\n hold timeout 5s\n hold other 5s\n{lines}"
    )
}

/// The addresses of the servers of `web`.
fn addresses(node: &Node) -> Vec<String> {
    let text = node.api().command("show servers state web");
    let rows = text.lines().skip(2).filter(|line| !line.is_empty());
    rows.map(|line| line.split(' ').nth(4).unwrap().to_owned()).collect()
}

fn counter(node: &Node, name: &str) -> u64 {
    let text = node.api().command("show resolvers");
    let mut lines = text.lines().filter_map(|line| line.trim().split_once(':'));
    lines.find(|(other, _)| *other == name).unwrap().1.trim().parse().unwrap()
}

const WEB: &str = "backend web\n default-server resolvers dns resolve-prefer ipv4 init-addr none\n";

/// What a hostile nameserver, or a stranger beside it, makes of a question.
fn hostile(head: &[u8]) -> Vec<Vec<u8>> {
    let answer = |id: u8, name: &[u8], count: [u8; 2], records: &[u8]| {
        let mut bytes = head.to_vec();
        bytes[0] ^= id;
        bytes[2] |= 0x80;
        bytes[3] = 0x80;
        bytes[6..8].copy_from_slice(&count);
        bytes[8..12].fill(0);
        if !name.is_empty() {
            bytes[13..13 + name.len()].copy_from_slice(name);
        }
        bytes.extend(records);
        bytes
    };
    let address = [0xc0, 12, 0, 1, 0, 1, 0, 0, 0, 1, 0, 4, 6, 6, 6, 6];
    let loops = [0xc0, u8::try_from(head.len()).unwrap(), 0, 1, 0, 1];
    let alias = [&[0xc0, 12, 0, 5, 0, 1, 0, 0, 0, 1, 0, 2][..], &[0xc0, 12]].concat();
    let other_owner = [&[1, b'x', 0][..], &address[2..]].concat();
    vec![
        Vec::new(),
        vec![0; 5],
        vec![0xff; 512],
        answer(1, b"", [0, 1], &address),
        answer(0, b"x", [0, 1], &address),
        answer(0, b"", [0xff, 0xff], &address),
        answer(0, b"", [0, 1], &loops),
        answer(0, b"", [0, 1], &address[..10]),
        answer(0, b"", [0, 2], &[&address[..], &address[..15]].concat()),
        answer(0, b"", [0, 1], &[&address[..11], &[200]].concat()),
        // These two are answers, with nothing in them.
        answer(0, b"", [0, 1], &alias),
        answer(0, b"", [0, 1], &other_owner),
    ]
}

#[test]
fn forged_answers_change_nothing() {
    let place = Place::new();
    let names = Nameserver::start(&place);
    names.set("a.test", Answer::Forged(hostile));
    names.hosts("good.test", &["127.0.0.2"]);
    let body = body(&[names.address()], "");
    let node = Node::start(
        &place,
        "a",
        &format!("{body}{WEB} server s1 a.test:80\n server s2 good.test:80\n"),
    );
    until("the other name is found", SOON, || addresses(&node)[1] == "127.0.0.2");
    names.until_asked("a.test", 40);
    assert_eq!(addresses(&node), ["-", "127.0.0.2"]);
    assert!(counter(&node, "invalid") > 10);
}

#[test]
fn each_question_has_another_port_and_leaves_no_socket() {
    let place = Place::new();
    let names = Nameserver::start(&place);
    names.set("a.test", Answer::Silence);
    let node = Node::start(
        &place,
        "a",
        &format!("{}{WEB} server s1 a.test:80\n", body(&[names.address()], "")),
    );
    names.until_asked("a.test", 5);
    let before = open_descriptors(node.pid());
    names.until_asked("a.test", 40);
    assert!(open_descriptors(node.pid()) <= before + 2);
    let ports = names.ports();
    let mut different = ports.clone();
    different.sort_unstable();
    different.dedup();
    assert!(different.len() + 3 > ports.len(), "{ports:?}");
}

#[test]
fn one_good_nameserver_is_enough() {
    let place = Place::new();
    let [refusing, good] = [Nameserver::start(&place), Nameserver::start(&place)];
    refusing.set("a.test", Answer::Error(5));
    good.hosts("a.test", &["127.0.0.2"]);
    let nowhere = place.address(); // nobody listens there
    let all = [nowhere, refusing.address(), good.address()];
    let node = Node::start(&place, "a", &format!("{}{WEB} server s1 a.test:80\n", body(&all, "")));
    until("the name is found", SOON, || addresses(&node) == ["127.0.0.2"]);
    good.until_asked("a.test", 10);
    assert_eq!(addresses(&node), ["127.0.0.2"]);
}

#[test]
fn a_long_answer_comes_over_tcp() {
    let place = Place::new();
    let lines: String = (0..200)
        .map(|n| format!("host-record=many.test,127.1.{}.{}\n", n / 100, n % 100 + 1))
        .collect();
    let Some(dnsmasq) = Dnsmasq::start(&place, &lines) else {
        return skip("dnsmasq is not installed");
    };
    let body = body(&[dnsmasq.address()], "");
    let node =
        Node::start(&place, "a", &format!("{body}{WEB} server-template s 250 many.test:80\n"));
    let found = || addresses(&node).iter().filter(|ip| *ip != "-").count();
    until(&format!("all are found: {}", found()), SOON, || found() == 200);
    assert!(counter(&node, "truncated") > 0);
    let mut all = addresses(&node);
    all.retain(|ip| ip != "-");
    all.sort();
    all.dedup();
    assert_eq!(all.len(), 200, "no two servers have the same address");
}

#[test]
fn dead_nameservers_cost_clients_nothing_and_little_besides() {
    let place = Place::new();
    let names = Nameserver::start(&place);
    let server = Server::name(place.address(), "up");
    let front = place.address();
    let many: String = (0..300)
        .map(|n| format!(" server d{n} d{n}.test:80 resolvers dns init-addr none\n"))
        .collect();
    for n in 0..300 {
        names.set(&format!("d{n}.test"), Answer::Silence);
    }
    let body = body(&[names.address()], "").replace("50ms", "2s");
    let body = format!(
        "{body}listen fe\n bind {front}\n server s1 {}\nbackend web\n{many}",
        server.address()
    );
    let node = Spec::new(&place, "a", &body).descriptors(1000).start();
    names.until_asked("d299.test", 1);
    let (memory, cpu, start) = (resident_bytes(node.pid()), cpu_ticks(node.pid()), Instant::now());
    let mut longest = Duration::ZERO;
    while start.elapsed() < Duration::from_secs(2) {
        let began = Instant::now();
        assert_eq!(ask(source(1), front).unwrap(), "up");
        longest = longest.max(began.elapsed());
        pause(Duration::from_millis(10));
    }
    assert!(longest < Duration::from_millis(1500), "no client waits for an answer: {longest:?}");
    let spent = cpu_ticks(node.pid()).0 + cpu_ticks(node.pid()).1 - cpu.0 - cpu.1;
    assert!(spent < 100, "{spent} hundredths of a second in 2 s");
    assert!(resident_bytes(node.pid()) < memory + 2_000_000);
    assert!(open_descriptors(node.pid()) < 300);
}
