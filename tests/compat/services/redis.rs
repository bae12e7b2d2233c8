//! Redis, which says itself who is the master.

use std::io::{BufRead, BufReader, Write};
use std::net::{SocketAddr, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use super::{Server, connect_from, is_closed, source, under_each_program, until_checked};

/// A Redis that answers what the check and a client ask.
fn redis(address: SocketAddr, name: &'static str, is_master: Arc<AtomicBool>) -> Server {
    Server::start(address, move |mut stream| {
        for line in BufReader::new(stream.try_clone()?).lines() {
            let answer = match line?.as_str() {
                "PING" => "+PONG".to_owned(),
                "info replication" if is_master.load(Ordering::SeqCst) => "role:master".to_owned(),
                "info replication" => "role:slave".to_owned(),
                "QUIT" => return stream.write_all(b"+OK\r\n"),
                _ => name.to_owned(),
            };
            write!(stream, "{answer}\r\n")?;
        }
        Ok(())
    })
}

/// A client that has asked a Redis for its name.
#[track_caller]
fn client_of(front: SocketAddr, name: &str) -> TcpStream {
    let mut stream = connect_from(source(1), front).unwrap();
    stream.write_all(b"name\r\n").unwrap();
    let mut line = String::new();
    BufReader::new(&mut stream).read_line(&mut line).unwrap();
    assert_eq!(line.trim(), name);
    stream
}

#[test]
fn clients_of_redis_follow_the_master() {
    under_each_program("redis-sentinel.cfg", |example, flavour| {
        let is_master = [true, false, false].map(|master| Arc::new(AtomicBool::new(master)));
        let _servers = [1, 2, 3].map(|n| {
            let address = example.server(&format!("192.168.0.4{n}:6379"));
            redis(address, ["redis1", "redis2", "redis3"][n - 1], is_master[n - 1].clone())
        });
        let node = example.start(flavour);
        for (server, state) in [("redis/redis1", "UP"), ("redis/redis2", "DOWN")] {
            until_checked(&node, server, state);
        }
        until_checked(&node, "redis/redis3", "DOWN");
        let client = client_of(example.front(6379), "redis1");
        // Sentinel promotes another one.
        is_master[0].store(false, Ordering::SeqCst);
        is_master[2].store(true, Ordering::SeqCst);
        assert!(is_closed(&client), "{flavour:?}");
        until_checked(&node, "redis/redis3", "UP");
        client_of(example.front(6379), "redis3");
    });
}
