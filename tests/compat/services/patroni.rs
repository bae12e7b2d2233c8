//! PostgreSQL, whose Patroni says who is the primary.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use super::pages::Pages;
use super::{Server, answers, greeted, is_closed, under_each_program, until_checked};
use crate::support::http;

#[test]
fn the_primary_and_the_replicas_of_patroni_are_found_by_their_pages() {
    under_each_program("patroni.cfg", |example, flavour| {
        let addresses = ["192.168.0.31", "192.168.0.32", "192.168.0.33"];
        let _servers = [1, 2, 3].map(|n| {
            let address = example.server(&format!("{}:5432", addresses[n - 1]));
            Server::greeting_echo(address, &format!("pg{n}"))
        });
        let primary = Arc::new(AtomicUsize::new(1));
        let _pages = [1, 2, 3].map(|n| {
            let primary = primary.clone();
            Pages::start(example.server(&format!("{}:8008", addresses[n - 1])), move |path| {
                let is_primary = primary.load(Ordering::SeqCst) == n;
                match path {
                    "/primary" if is_primary => 200,
                    "/replica?lag=16MB" if !is_primary => 200,
                    _ => 503,
                }
            })
        });
        let node = example.start(flavour);
        let front = example.front(5000);
        let are = |primary: [&str; 3], replicas: [&str; 3]| {
            for n in 1..=3 {
                until_checked(&node, &format!("primary/pg{n}"), primary[n - 1]);
                until_checked(&node, &format!("replicas/pg{n}"), replicas[n - 1]);
            }
        };
        are(["UP", "DOWN", "DOWN"], ["DOWN", "UP", "UP"]);
        assert_eq!(answers(front, 0..4), ["pg1"; 4]);
        assert_eq!(answers(example.front(5001), 0..4), ["pg2", "pg3", "pg2", "pg3"]);

        // Patroni makes another node the primary.
        let writer = greeted(front, "pg1");
        primary.store(3, Ordering::SeqCst);
        assert!(is_closed(&writer), "{flavour:?}");
        are(["DOWN", "DOWN", "UP"], ["UP", "UP", "DOWN"]);
        assert_eq!(answers(front, 0..4), ["pg3"; 4]);

        let page = http::get(example.front(7000), "/");
        assert!(page.contains("primary") && page.contains("pg3"), "{page}");
    });
}
