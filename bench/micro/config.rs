//! Reading a configuration: keywords, and references between sections.

use std::fmt::Write;

use divan::Bencher;
use divan::counter::ItemsCount;
use stickd::config::{Request, load_text};

/// A configuration with this many backends of ten servers. A frontend names each backend.
fn configuration(backends: u32) -> String {
    let mut text = String::from("defaults\n mode tcp\n timeout connect 5s\n timeout client 1m\n");
    text.push_str(" timeout server 1m\n");
    for backend in 0..backends {
        let port = 1024 + backend;
        writeln!(text, "frontend f{backend}\n bind 127.0.0.1:{port}").unwrap();
        writeln!(text, " default_backend b{backend}\nbackend b{backend}").unwrap();
        text.push_str(
            " balance roundrobin\n stick-table type ip size 1k expire 1h\n stick on src\n",
        );
        for server in 0..10 {
            writeln!(text, " server s{server} 192.0.2.{server}:80 weight 10").unwrap();
        }
    }
    text
}

#[divan::bench(args = [1, 100, 1_000])]
fn load(bencher: Bencher<'_, '_>, backends: u32) {
    let text = configuration(backends);
    let request = Request::default();
    bencher
        .counter(ItemsCount::new(text.lines().count()))
        .bench_local(|| load_text("bench.cfg", &text, &request).unwrap());
}
