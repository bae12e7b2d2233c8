//! A running HAProxy hands its entries over to stickd, and stickd to HAProxy.

use std::path::PathBuf;
use std::sync::atomic::AtomicBool;

use crate::haproxy_or_skip;
use crate::support::{
    Place, SOON, Server, Spec, StopOnDrop, ask, ask_often, eventually, is_alive, source, until,
};

const ENTRIES: u32 = 5000;

/// Starts one program, fills its table, and starts the other program as its successor under load.
fn hand_over(old: Option<PathBuf>, new: Option<PathBuf>) {
    let place = Place::new();
    let servers: Vec<_> =
        (1..=3).map(|n| Server::name(place.address(), &format!("s{n}"))).collect();
    let front = place.address();
    let mut body = format!(
        "peers mesh\n    peer a {}\nlisten web\n    bind {front}\n    \
         stick-table type ip size 100k expire 10m peers mesh\n    stick on src\n",
        place.address()
    );
    for (number, server) in servers.iter().enumerate() {
        body.push_str(&format!("    server s{} {}\n", number + 1, server.address()));
    }
    let run = |binary: &Option<PathBuf>, arguments: &[&str]| {
        // A Runtime API socket for each, as they run side by side for a while.
        let spec = Spec::new(&place, "a", &body).arguments(arguments);
        match binary {
            Some(binary) => spec.on_haproxy(binary.clone()),
            None => spec,
        }
    };
    let old_node = run(&old, &[]).start();
    let pid = old_node.pid();
    old_node.api().set_servers("web", (0..ENTRIES).map(source), 2);
    if old.is_some() {
        // HAProxy hands over nothing before it has itself been told or given up (5 s).
        until("HAProxy is up to date", SOON, || {
            let said = old_node.api().command("show peers");
            let flags = said.split_once("id=mesh disabled=0 flags=0x").unwrap().1;
            let flags = flags.split(' ').next().unwrap();
            u32::from_str_radix(flags, 16).unwrap() & 3 == 3
        });
    }
    let stop = AtomicBool::new(false);
    let (tally, new_node) = std::thread::scope(|scope| {
        let clients = scope.spawn(|| {
            let mut n = 0;
            ask_often(front, &stop, || {
                n = (n + 1) % ENTRIES;
                (source(n), None)
            })
        });
        let guard = StopOnDrop(&stop);
        let new_node = run(&new, &["-sf", &pid.to_string()]).start();
        until("the old process has ended", SOON, || !is_alive(pid));
        drop(guard);
        (clients.join().unwrap(), new_node)
    });
    // The two programs do not pass sockets to each other: what waits in the queue of the one that
    // closes is reset by the kernel, as between two HAProxy without `expose-fd listeners`.
    assert!(tally.failed <= 2 + tally.answered / 100, "{tally:?}");
    let count = usize::try_from(ENTRIES).unwrap();
    let all = eventually(SOON, || new_node.api().used("web") == count);
    assert!(all, "{} of {ENTRIES} entries\n{}", new_node.api().used("web"), new_node.log());
    if new.is_none() {
        // HAProxy serves before it has learned; stickd does not.
        let ids = new_node.api().server_ids("web");
        let changed = ids.values().filter(|id| **id != 2).count();
        assert_eq!(changed, 0, "of {ENTRIES} entries");
        assert_eq!(ask(source(3), front).unwrap(), "s2");
    }
}

#[test]
fn stickd_takes_over_from_a_running_haproxy() {
    let Some(haproxy) = haproxy_or_skip() else { return };
    hand_over(Some(haproxy), None);
}

#[test]
fn haproxy_takes_over_from_a_running_stickd() {
    let Some(haproxy) = haproxy_or_skip() else { return };
    hand_over(None, Some(haproxy));
}
