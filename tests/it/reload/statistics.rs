//! The statistics go on in a reload: no counter and no maximum jumps back.

use std::collections::BTreeMap;
use std::io::{Read, Write};
use std::net::Shutdown;

use crate::support::{Held, Node, Place, SOON, Server, Spec, ask, connect_from, source, until};

/// Every counter and every maximum, by what it is of and its name.
fn figures(node: &Node) -> BTreeMap<String, u64> {
    let info = node.api().command("show info typed");
    let stat = node.api().command("show stat typed");
    // As in `F.2.0.7.stot.1:MCP:u64:21`: the nature of a value is the second letter.
    let figure = |line: &str| {
        let mut words = line.split(':');
        let (name, tags) = (words.next()?, words.next()?);
        let nature = tags.chars().nth(1)?;
        let value = words.nth(1)?.parse().ok()?;
        (nature == 'C' || nature == 'M').then(|| (name.to_owned(), value))
    };
    info.lines().chain(stat.lines()).filter_map(figure).collect()
}

/// What is less than it was.
fn jumped_back(before: &BTreeMap<String, u64>, now: &BTreeMap<String, u64>) -> Vec<String> {
    let is_less = |(name, value): &(&String, &u64)| now.get(*name).is_none_or(|now| now < value);
    let less = before.iter().filter(is_less);
    less.map(|(name, value)| format!("{name}: {value}, then {:?}", now.get(name))).collect()
}

fn stat(node: &Node, service: &str, field: &str) -> u64 {
    node.api().stat("web", service, field).parse().unwrap()
}

#[test]
fn no_counter_and_no_maximum_jumps_back() {
    let place = Place::new();
    let (echo, nobody) = (Server::echo(place.address()), place.address());
    let _held = Held::refusing(nobody);
    let front = place.address();
    let body = format!(
        "listen web\n    bind {front}\n    retries 1\n    option redispatch\n    \
         tcp-request connection reject if {{ src 127.1.0.9 }}\n    server s1 {}\n    \
         server s2 {}\n",
        echo.address(),
        nobody,
    );
    let node = Spec::new(&place, "a", &body).reloadable().start();
    for n in 0..20 {
        let mut client = connect_from(source(n), front).unwrap();
        let _ = client.write_all(b"hello");
        let _ = client.shutdown(Shutdown::Write);
        let _ = client.read_to_end(&mut Vec::new());
    }
    let mut kept = connect_from(source(30), front).unwrap();
    kept.write_all(b"first").unwrap();
    kept.read_exact(&mut [0; 5]).unwrap();
    until("all others have ended", SOON, || stat(&node, "FRONTEND", "scur") == 1);
    node.api().command("set server web/s2 state maint");
    let before = figures(&node);
    assert!(before.values().filter(|value| **value > 0).count() > 30, "{before:?}");
    for _ in 0..2 {
        node.reload();
        let after = figures(&node);
        assert_eq!(jumped_back(&before, &after), Vec::<String>::new());
    }
    let [bytes, connections] = ["bin", "stot"].map(|field| stat(&node, "FRONTEND", field));
    assert_eq!(connections, 20);

    // The old process tells what its last connection still counts.
    kept.write_all(b"second").unwrap();
    kept.read_exact(&mut [0; 6]).unwrap();
    for (service, field) in [("FRONTEND", "bin"), ("BACKEND", "bout"), ("s1", "bin")] {
        until("the bytes of the old connection", SOON, || stat(&node, service, field) == bytes + 6);
    }
    // And at its end, what was counted last.
    kept.write_all(b"third").unwrap();
    drop(kept);
    until("the last bytes", SOON, || stat(&node, "FRONTEND", "bin") == bytes + 11);
    ask(source(1), front).unwrap_err();
    assert!(jumped_back(&before, &figures(&node)).is_empty());
}

#[test]
fn counters_that_were_cleared_stay_cleared() {
    let place = Place::new();
    let server = Server::name(place.address(), "s1");
    let front = place.address();
    let body = format!("listen web\n    bind {front}\n    server s1 {}\n", server.address());
    let node = Spec::new(&place, "a", &body).reloadable().start();
    (0..5).for_each(|n| drop(ask(source(n), front).unwrap()));
    until("all have ended", SOON, || stat(&node, "FRONTEND", "scur") == 0);
    node.reload();
    assert_eq!(stat(&node, "FRONTEND", "stot"), 5);
    node.api().command("clear counters all");
    node.reload();
    assert_eq!(stat(&node, "FRONTEND", "stot"), 0);
}
