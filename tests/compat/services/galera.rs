//! Galera: one node writes, and `clustercheck` says which nodes may.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use super::pages::Pages;
use super::{Server, answers, greeted, is_closed, under_each_program, until_checked};
use crate::support::http;

#[test]
fn writes_go_to_one_node_of_galera_and_stay_where_they_went() {
    const NODES: [(&str, &str); 3] = [("21", "db1"), ("22", "db2"), ("23", "db3")];
    under_each_program("galera.cfg", |example, flavour| {
        let address = |host: &str, port: &str| example.server(&format!("192.168.0.{host}:{port}"));
        let _servers = NODES.map(|(host, name)| Server::greeting_echo(address(host, "3306"), name));
        // What clustercheck answers on each node.
        let in_sync = [0; 3].map(|_| Arc::new(AtomicBool::new(true)));
        let _checks = [0, 1, 2].map(|node| {
            let in_sync = in_sync[node].clone();
            let status = move |_: &str| if in_sync.load(Ordering::SeqCst) { 200 } else { 503 };
            Pages::start(address(NODES[node].0, "9200"), status)
        });
        let node = example.start(flavour);
        let (writes, reads) = (example.front(3306), example.front(3307));
        for name in ["db1", "db2", "db3"] {
            until_checked(&node, &format!("writes/{name}"), "UP");
            until_checked(&node, &format!("reads/{name}"), "UP");
        }
        assert_eq!(answers(writes, 0..5), ["db1"; 5]);
        let mut readers = answers(reads, 0..6);
        readers.sort();
        readers.dedup();
        assert_eq!(readers, ["db1", "db2", "db3"]);

        let writer = greeted(writes, "db1");
        in_sync[0].store(false, Ordering::SeqCst);
        until_checked(&node, "writes/db1", "DOWN");
        assert!(is_closed(&writer), "{flavour:?}");
        assert_eq!(answers(writes, 0..5), ["db2"; 5]);

        in_sync[0].store(true, Ordering::SeqCst);
        until_checked(&node, "writes/db1", "UP");
        assert_eq!(answers(writes, 0..5), ["db2"; 5], "{flavour:?}");
        let page = http::get(example.front(7000), "/");
        assert!(page.contains("writes") && page.contains("db2"), "{page}");
    });
}
