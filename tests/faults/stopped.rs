//! Processes that are stopped for a while and go on: nodes, servers, old processes, successors,
//! supervisors. A stopped process is what a machine with too little memory or a paused virtual
//! machine looks like.

use std::io::Read as _;
use std::time::{Duration, Instant};

use nix::sys::signal::Signal;

use crate::support::{
    HeldBack, Homes, Mesh, Node, Place, SOON, Server, Spec, Visitors, ask, connect_from, contents,
    is_alive, pause, process_state, send, source, until, visit_all,
};

#[test]
fn clients_of_a_node_that_is_stopped_wait_and_are_served() {
    let place = Place::new();
    let mesh = Mesh::new(&place, &[("a", None), ("b", None), ("c", None)]);
    let nodes = mesh.start_all();
    mesh.until_all_connected(&nodes);
    let come = |n: u32| (source(n), ask(source(n), mesh.fronts[1]).unwrap());
    let known: Homes = (0..300).map(come).collect();
    Mesh::until_equal(&nodes, SOON);
    let visitors = Visitors::start(&mesh.fronts, 1_000_000, &known);
    let stopped = Instant::now();
    send(nodes[1].pid(), Signal::SIGSTOP);
    let waiting: Vec<_> =
        known.keys().map(|client| connect_from(*client, mesh.fronts[1]).unwrap()).collect();
    // For longer than the other nodes wait for a sign of life.
    for node in [0, 2] {
        until("it is given up", SOON, || !Mesh::is_connected(&nodes[node], "b"));
    }
    let stopped = stopped.elapsed();
    send(nodes[1].pid(), Signal::SIGCONT);
    let goes_on = Instant::now();
    for (mut client, home) in waiting.into_iter().zip(known.values()) {
        let mut name = [0; 2];
        client.read_exact(&mut name).unwrap();
        assert_eq!(name, home.as_bytes());
    }
    let served = goes_on.elapsed();
    mesh.until_all_connected(&nodes);
    let visits = visitors.stop();
    Mesh::until_equal(&nodes, SOON);
    let equal = goes_on.elapsed();
    assert!(visits.tally.is_clean(), "{:?}", visits.tally);
    let after = visit_all(&mesh.fronts, &visits.homes);
    assert!(after.is_clean(), "{after:?}");
    eprintln!(
        "a node stopped for {stopped:?}: 300 waiting clients served {served:?} after it went on, \
         tables equal after {equal:?}; {} connections meanwhile, misrouted 0, refused 0",
        visits.tally.answered
    );
}

#[test]
fn a_server_that_is_stopped_holds_up_nobody_but_its_own_clients() {
    let place = Place::new();
    let names: Vec<_> = (1..=2).map(|n| Server::name(place.address(), &format!("s{n}"))).collect();
    let (front, hidden) = (place.address(), place.address());
    // A process that can be stopped stands for the first server.
    let body = format!("listen s\n    bind {hidden}\n    server s {}\n", names[0].address());
    let server = Node::start(&place, "server", &body);
    let body = format!(
        "listen web\n    bind {front}\n    balance roundrobin\n    \
         stick-table type ip size 1k expire 10m\n    stick on src\n    \
         option tcp-check\n    tcp-check expect string s\n    \
         default-server check inter 500ms fall 3 rise 1\n    timeout check 500ms\n    \
         server s1 {hidden}\n    server s2 {}\n",
        names[1].address()
    );
    let node = Node::start(&place, "a", &body);
    let come = |n: u32| (source(n), ask(source(n), front).unwrap());
    let homes: Homes = (0..100).map(come).collect();
    let (of_first, of_second): (Homes, Homes) =
        homes.into_iter().partition(|(_, name)| name == "s1");
    assert!(of_first.len() > 10 && of_second.len() > 10);
    send(server.pid(), Signal::SIGSTOP);
    let waiting: Vec<_> =
        of_first.keys().take(10).map(|client| connect_from(*client, front).unwrap()).collect();
    let began = Instant::now();
    let others = visit_all(&[front], &of_second);
    assert!(others.is_clean(), "{others:?}");
    let others = began.elapsed();
    let status = || node.api().stat("web", "s1", "status");
    until("the server is down", SOON, || status().starts_with("DOWN"));
    let down = began.elapsed();
    // Those who come now are sent elsewhere, and stay there.
    let elsewhere: Homes =
        of_first.keys().skip(10).map(|client| (*client, "s2".to_owned())).collect();
    let moved = visit_all(&[front], &elsewhere);
    assert!(moved.is_clean(), "{moved:?}");
    send(server.pid(), Signal::SIGCONT);
    for mut client in waiting {
        let mut name = [0; 2];
        client.read_exact(&mut name).unwrap();
        assert_eq!(&name, b"s1");
    }
    until("the server is up", SOON, || status().starts_with("UP"));
    let moved = visit_all(&[front], &elsewhere);
    assert!(moved.is_clean(), "{moved:?}");
    let names: std::collections::BTreeSet<_> =
        (1000..1010).map(|n| ask(source(n), front).unwrap()).collect();
    assert_eq!(names.len(), 2, "{names:?}");
    eprintln!(
        "a server stopped: seen after {down:?}, {} clients of another server served within \
         {others:?}, 10 waiting clients served by their own server",
        of_second.len()
    );
}

/// The entries of a node that is reloaded. They fill a socket more than once.
const ENTRIES: u32 = 25_000;

fn mesh_with_entries(place: &Place) -> (Mesh, Vec<Node>) {
    let mesh = Mesh::new(place, &[("a", None), ("b", None)]);
    let nodes = mesh.start_all();
    mesh.until_all_connected(&nodes);
    nodes[0].api().set_servers(Mesh::TABLE, (0..ENTRIES).map(source), 2);
    Mesh::until_equal(&nodes, SOON);
    (mesh, nodes)
}

/// Waits until the process has nothing to do.
#[track_caller]
fn until_idle(pid: i32) {
    let has_loop = || {
        let fds = std::fs::read_dir(format!("/proc/{pid}/fd")).unwrap();
        let mut links = fds.filter_map(|fd| std::fs::read_link(fd.ok()?.path()).ok());
        links.any(|link| link.to_string_lossy().contains("[eventpoll]"))
    };
    let mut looks = 0;
    until("the process waits", SOON, || {
        looks = if process_state(pid) == Some('S') && has_loop() { looks + 1 } else { 0 };
        looks == 30
    });
}

#[test]
fn a_successor_that_is_stopped_in_the_handover_is_given_up() {
    let place = Place::new();
    let (mesh, nodes) = mesh_with_entries(&place);
    let known = (0..1000).map(|n| (source(n), "s2".to_owned())).collect();
    let old = nodes[0].pid();
    let held = HeldBack::start(&nodes[0]);
    let new = held.successor();
    // The successor has read a part, and waits for more.
    send(old, Signal::SIGSTOP);
    held.let_go();
    until_idle(new);
    send(new, Signal::SIGSTOP);
    send(old, Signal::SIGCONT);
    let stopped = Instant::now();
    let visitors = Visitors::start(&mesh.fronts, 1_000_000, &known);
    until("it is given up", SOON, || nodes[0].log().contains("no progress for 5 s"));
    let given_up = stopped.elapsed();
    until("it is gone", SOON, || !is_alive(new));
    let visits = visitors.stop();
    assert!(visits.tally.is_clean(), "{:?}", visits.tally);
    assert_eq!(nodes[0].pid(), old);
    Mesh::until_equal(&nodes, SOON);
    assert_eq!(nodes[0].api().used(Mesh::TABLE), 25_000 + visits.homes.len());
    nodes[0].reload();
    assert_eq!(nodes[0].api().used(Mesh::TABLE), 25_000 + visits.homes.len());
    eprintln!(
        "a successor stopped in the handover: given up after {given_up:?}; {} connections \
         meanwhile, misrouted 0, refused 0, lost 0",
        visits.tally.answered
    );
}

/// The successor serves without its predecessor after 15 s. When the predecessor comes back, one of
/// the two has to go.
#[test]
fn an_old_process_that_comes_back_too_late_leaves_the_service_to_its_successor() {
    let place = Place::new();
    let (mesh, mut nodes) = mesh_with_entries(&place);
    let old = nodes[0].pid();
    let held = HeldBack::start(&nodes[0]);
    let new = held.successor();
    for _ in 0..20 {
        nodes[0].api().command("show version"); // several turns: the socket is full
    }
    let stopped = Instant::now();
    send(old, Signal::SIGSTOP);
    held.let_go();
    until("the successor serves without it", Duration::from_secs(30), || {
        nodes[0].log().contains("serving with the ")
    });
    let served = stopped.elapsed();
    until("it knows all from the peer", SOON, || nodes[0].api().used(Mesh::TABLE) == 25_000);
    // New clients, and one that is moved by command.
    let known: Homes = (0..1000).map(|n| (source(n), "s2".to_owned())).collect();
    let visitors = Visitors::start(&mesh.fronts, 1_000_000, &known);
    nodes[0].api().set_servers(Mesh::TABLE, [source(24_999)].into_iter(), 3);
    until("clients have come", 3 * SOON, || visitors.answered() >= 200);
    let visits = visitors.stop();
    assert!(visits.tally.is_clean() && visits.homes.len() > 10, "{:?}", visits.tally);
    Mesh::until_equal(&nodes, SOON);
    // Clients that the old process does not know come while it alone could accept them.
    send(new, Signal::SIGSTOP);
    let waiting: Vec<_> =
        visits.homes.keys().map(|client| connect_from(*client, mesh.fronts[0]).unwrap()).collect();
    let goes_on = Instant::now();
    send(old, Signal::SIGCONT);
    until("it knows that it stood still", SOON, || nodes[0].log().contains("stood still"));
    until_idle(old);
    send(new, Signal::SIGCONT);
    for (mut client, home) in waiting.into_iter().zip(visits.homes.values()) {
        let mut name = [0; 2];
        client.read_exact(&mut name).unwrap();
        assert_eq!(name, home.as_bytes());
    }
    until("the old process ends", SOON, || !is_alive(old));
    let gone = goes_on.elapsed();
    assert_eq!(nodes[0].api().info("Pid"), new.to_string());
    Mesh::until_equal(&nodes, SOON);
    let rows = contents(&nodes[0].api(), Mesh::TABLE);
    assert_eq!(rows.len(), 25_000 + visits.homes.len());
    assert_eq!(rows[&source(24_999).to_string()]["server_id"], "3");
    let after = visit_all(&mesh.fronts, &visits.homes);
    assert!(after.is_clean(), "{after:?}");
    eprintln!(
        "an old process stopped in the handover: the successor served after {served:?}, and the \
         old process ended {gone:?} after it went on; misrouted 0, refused 0, lost 0"
    );
    nodes[0].is_running();
}

#[test]
fn a_supervisor_that_is_stopped_delays_a_reload_and_nothing_else() {
    let place = Place::new();
    let servers: Vec<_> =
        (1..=2).map(|n| Server::name(place.address(), &format!("s{n}"))).collect();
    let front = place.address();
    let mut body = format!(
        "listen web\n    bind {front}\n    balance roundrobin\n    \
         stick-table type ip size 10k\n    stick on src\n"
    );
    for (number, server) in (1..).zip(&servers) {
        body.push_str(&format!("    server s{number} {}\n", server.address()));
    }
    let node = Spec::new(&place, "a", &body).arguments(&["-W"]).start();
    let old = node.api().info("Pid");
    let visitors = Visitors::start(&[front], 0, &Homes::new());
    send(node.first_pid(), Signal::SIGSTOP);
    node.ask_reload();
    let asked = {
        let api = node.api();
        std::thread::spawn(move || api.command("reload"))
    };
    pause(Duration::from_secs(2));
    assert_eq!(node.api().info("Pid"), old);
    send(node.first_pid(), Signal::SIGCONT);
    let goes_on = Instant::now();
    let said = asked.join().unwrap();
    assert!(said.starts_with("Success=1\n"), "{said}");
    let recovery = goes_on.elapsed();
    assert_ne!(node.api().info("Pid"), old);
    let visits = visitors.stop();
    assert!(visits.tally.is_clean(), "{:?}", visits.tally);
    let after = visit_all(&[front], &visits.homes);
    assert!(after.is_clean(), "{after:?}");
    eprintln!(
        "a supervisor stopped for 2 s: the reload was done {recovery:?} after it went on; {} \
         connections meanwhile, misrouted 0, refused 0",
        visits.tally.answered
    );
}
