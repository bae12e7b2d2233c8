//! The time that a frontend's rules cost for each connection. The lists of rules are: ten
//! `tcp-request connection` rules with one tracked counter, fewer rules, and no rules. Each list is
//! measured for few clients, whose entries are in the processor's cache, and for many clients.
//!
//! `cargo bench --bench rules [rounds]` prints one line for each list of rules: the nanoseconds to
//! admit a client, and the nanoseconds to end what the rules track of the client. Clients have
//! addresses in random order. Each figure is the best of several rounds, so that other work of the
//! machine has little influence.

#![expect(clippy::print_stdout, reason = "the figures are the output")]
#![expect(clippy::disallowed_methods, reason = "a bench reads the clock")]
#![expect(clippy::unwrap_used, reason = "a bench may end at once")]

use std::hint::black_box;
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::os::fd::AsFd;
use std::time::Instant;

use stickd::config;
use stickd::config::{FrontendId, Request};
use stickd::proxy::Shared;
use stickd::proxy::frontend::admission;
use stickd::proxy::frontend::admission::{Admitted, Opening};
use stickd::proxy::shared::Turn;

const CLIENTS: [u32; 2] = [100, 10_000];
const F: FrontendId = FrontendId(0);

const TRACK: &str = "track-sc0 src table clients";
const REST: [&str; 9] = [
    "accept if { src 10.0.0.0/8 192.168.0.0/16 172.16.0.1 }",
    "reject if { sc_conn_rate(0) gt 1000000 }",
    "reject if { sc_conn_cur(0) gt 1000000 }",
    "reject if { sc0_get_gpc0 gt 0 }",
    "sc-inc-gpc0(0) if { src_port lt 1024 }",
    "reject if { fe_conn gt 1000000 } !{ src 127.0.0.1 }",
    "reject if { nbsrv(out) lt 1 }",
    "reject if { sc_conn_cnt(0) gt 1000000000 } or { sc0_sess_rate gt 1000000 }",
    "accept if { src_port gt 0 }",
];

fn main() {
    let rounds = std::env::args().find_map(|word| word.parse().ok()).unwrap_or(200);
    let show = |what: &str, rules: &[&str]| {
        let [few, many] = CLIENTS.map(|clients| measure(rules, clients, rounds));
        println!("{what:<32} {:>7.1} {:>7.1} {:>9.1} {:>7.1}", few[0], few[1], many[0], many[1]);
    };
    println!("{:<32} {:>15} {:>17}", "clients", CLIENTS[0], CLIENTS[1]);
    println!(
        "{:<32} {:>7} {:>7} {:>9} {:>7}",
        "tcp-request connection", "admit", "end", "admit", "end"
    );
    show("no rules", &[]);
    show("one that looks at the address", &REST[..1]);
    show("one that tracks", &[TRACK]);
    let ten: Vec<&str> = [TRACK].into_iter().chain(REST).collect();
    show("ten, one of them tracks", &ten);
}

/// The nanoseconds to admit a client, and to end what the rules track of the client.
fn measure(rules: &[&str], clients: u32, rounds: u64) -> [f64; 2] {
    let mut text = "defaults\n mode tcp\n timeout client 1s\n timeout connect 1s\n \
                    timeout server 1s\nbackend clients\n stick-table type ip size 100k \
                    expire 1h store conn_cnt,conn_cur,conn_rate(10s),sess_rate(10s),gpc0\n\
                    backend out\n server s1 127.0.0.1:1\n\
                    frontend in\n bind 127.0.0.1:2\n default_backend out\n"
        .to_owned();
    text.extend(rules.iter().map(|rule| format!(" tcp-request connection {rule}\n")));
    let mut loaded = config::load_text("bench", &text, &Request::default()).unwrap();
    let mut shared = Shared::new(&mut loaded.config, 1000, 0).unwrap();
    // Rules may change the options of the client's socket.
    let socket = TcpListener::bind("127.0.0.1:0").unwrap();
    let mut order: Vec<SocketAddr> = (0..clients).map(client).collect();
    shuffle(&mut order);
    let mut let_in: Vec<Admitted> = Vec::with_capacity(order.len());
    let mut best = [f64::INFINITY; 2];
    // The number of operations does not depend on the number of clients.
    let rounds = rounds * u64::from(10_000 / clients);
    for now_ms in (0..rounds).map(|round| 1_000_000 + round) {
        let admit = time(clients, || {
            let mut turn = Turn { shared: &mut shared, now_ms };
            for client in &order {
                let accepted = (socket.as_fd(), Some(*client));
                let opening = Opening::default();
                let admitted = admission::admit((F, 1), accepted, opening, || None, &mut turn);
                let admitted = admitted.unwrap();
                let_in.push(black_box(admitted));
            }
        });
        let end = time(clients, || {
            let Shared { tables, variables, .. } = &mut shared;
            for Admitted { memory, .. } in let_in.drain(..) {
                memory.finish((100, 100), tables, variables, now_ms);
            }
        });
        for (best, figure) in best.iter_mut().zip([admit, end]) {
            *best = best.min(figure);
        }
    }
    best
}

/// Nanoseconds per client.
fn time(clients: u32, work: impl FnOnce()) -> f64 {
    let start = Instant::now();
    work();
    start.elapsed().as_secs_f64() * 1e9 / f64::from(clients)
}

fn client(number: u32) -> SocketAddr {
    (Ipv4Addr::from_bits(0x2000_0000 + number), 40_000).into()
}

fn shuffle(clients: &mut [SocketAddr]) {
    let mut state = 88_172_645_463_325_252_u64;
    for last in (1..clients.len()).rev() {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        let other = usize::try_from(state % (last as u64 + 1)).unwrap_or(0);
        clients.swap(last, other);
    }
}
