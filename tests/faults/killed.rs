//! Processes that are killed in the middle of teaching, learning and handing over. In the middle
//! means here that a part of the entries has arrived, and no more comes.

use std::time::{Duration, Instant};

use nix::sys::signal::Signal;

use crate::support::{
    Api, HeldBack, Mesh, Node, Place, SOON, Table, Visitors, Wires, ask, contents, is_alive, send,
    source, until,
};

/// The entries of the mesh. They fill a socket between two processes more than once.
const ENTRIES: u32 = 25_000;

/// How long a node may take to learn everything anew: to find that its teacher is gone, to wait
/// for another, and to learn.
const RECOVERY: Duration = Duration::from_secs(20);

/// Nodes `a`, `b` and `c`, where `a` and `c` know all entries. Node `b` is not started.
struct Lesson {
    a: Node,
    c: Node,
    mesh: Mesh,
    wires: Wires,
    all: Table,
    _place: Place,
}

impl Lesson {
    fn prepare() -> Self {
        let place = Place::new();
        let table = "type ip size 100k expire 10m";
        let (mesh, wires) = Mesh::over_wires(&place, &["a", "b", "c"], table);
        let a = mesh.start(0);
        a.api().set_servers(Mesh::TABLE, (0..ENTRIES).map(source), 2);
        let all = contents(&a.api(), Mesh::TABLE);
        let c = mesh.start(2);
        Mesh::until_holds(&c, &all, SOON);
        Self { _place: place, mesh, wires, a, c, all }
    }

    /// Starts `b`, which learns a part from `a` and does not hear of `c`.
    fn begin(&self) -> Node {
        self.wires.cut(1, 2);
        self.wires.allow(0, 1, 100_000);
        let b = self.mesh.start(1);
        until("a part is taught", SOON, || self.wires.is_used_up(0, 1));
        until("a part is learned", SOON, || b.api().used(Mesh::TABLE) > 0);
        assert!(part(&b.api()));
        b
    }

    #[track_caller]
    fn ends_well(self, what: &str, b: &Node, since: Instant) {
        Mesh::until_holds(b, &self.all, RECOVERY);
        Mesh::until_holds(&self.c, &self.all, RECOVERY);
        let recovery = since.elapsed();
        for client in (0..ENTRIES).step_by(97) {
            assert_eq!(ask(source(client), self.mesh.fronts[1]).unwrap(), "s2");
        }
        eprintln!("{what}: all {ENTRIES} entries after {recovery:?}; lost 0, misrouted 0");
    }
}

/// Whether a part of the entries is there.
fn part(api: &Api) -> bool {
    (1..usize::try_from(ENTRIES).unwrap()).contains(&api.used(Mesh::TABLE))
}

#[test]
fn a_node_whose_teacher_is_killed_learns_the_rest_from_another() {
    let mut lesson = Lesson::prepare();
    let b = lesson.begin();
    lesson.a.crash();
    let killed = Instant::now();
    lesson.wires.heal();
    lesson.ends_well("teacher killed", &b, killed);
}

#[test]
fn a_node_that_is_killed_while_it_learns_begins_anew() {
    let lesson = Lesson::prepare();
    let mut b = lesson.begin();
    b.crash();
    let killed = Instant::now();
    lesson.wires.heal();
    let b = b.start_again();
    Mesh::until_holds(&lesson.a, &lesson.all, SOON);
    lesson.ends_well("learner killed", &b, killed);
}

#[test]
fn teacher_and_learner_that_are_killed_together_learn_from_the_third() {
    let mut lesson = Lesson::prepare();
    let mut b = lesson.begin();
    lesson.a.crash();
    b.crash();
    let killed = Instant::now();
    lesson.wires.heal();
    let b = b.start_again();
    lesson.a = lesson.a.start_again();
    Mesh::until_holds(&lesson.a, &lesson.all, RECOVERY);
    lesson.ends_well("teacher and learner killed", &b, killed);
}

/// A reload of a node `a`, beside a node `b`, that stands in the middle.
struct Reload {
    nodes: Vec<Node>,
    mesh: Mesh,
    all: Table,
    held: HeldBack,
    old: i32,
    _place: Place,
}

impl Reload {
    /// The successor waits for its configuration. A part of the entries is in its socket, unless it
    /// can take them over with their memory.
    fn begin(words: &[&str]) -> Self {
        Self::begin_with("type ip size 100k expire 10m origins", words)
    }

    /// The same with a table that is lent, so nothing of it is in a socket.
    fn begin_lending(words: &[&str]) -> Self {
        Self::begin_with("type ip size 100k expire 10m", words)
    }

    fn begin_with(table: &str, words: &[&str]) -> Self {
        let place = Place::new();
        let mesh = Mesh::with_table(&place, &[("a", None), ("b", None)], table);
        let nodes = vec![mesh.start_with(0, words), mesh.start(1)];
        nodes[0].api().set_servers(Mesh::TABLE, (0..ENTRIES).map(source), 2);
        let all = contents(&nodes[0].api(), Mesh::TABLE);
        Mesh::until_holds(&nodes[1], &all, SOON);
        let old = nodes[0].api().info("Pid").parse().unwrap();
        let held = HeldBack::start(&nodes[0]);
        for _ in 0..20 {
            nodes[0].api().command("show version"); // several turns: the socket is full
        }
        Self { _place: place, mesh, nodes, all, held, old }
    }

    /// Everything is as before, and a reload goes well.
    #[track_caller]
    fn ends_well(mesh: &Mesh, nodes: &[Node], all: &Table, what: &str, since: Instant) {
        for node in nodes {
            Mesh::until_holds(node, all, RECOVERY);
        }
        let recovery = since.elapsed();
        for client in (0..ENTRIES).step_by(97) {
            assert_eq!(ask(source(client), mesh.fronts[0]).unwrap(), "s2");
        }
        let said = nodes[0].api().command("reload");
        assert!(said.starts_with("Success=1\n"), "{said}");
        assert_eq!(nodes[0].api().used(Mesh::TABLE), all.len());
        eprintln!("{what}: all {ENTRIES} entries after {recovery:?}; lost 0, misrouted 0");
    }
}

#[test]
fn an_old_process_that_is_killed_in_the_handover_leaves_the_rest_to_the_peers() {
    let Reload { _place, mesh, nodes, all, held, old } = Reload::begin(&[]);
    // It sends nothing more.
    send(old, Signal::SIGSTOP);
    let new = held.successor();
    held.let_go();
    send(old, Signal::SIGKILL);
    let killed = Instant::now();
    until("the successor serves with a part", SOON, || {
        let info = nodes[0].api().try_command("show info");
        info.is_ok_and(|info| info.contains(&format!("\nPid: {new}\n")))
    });
    let log = nodes[0].log();
    let (_, arrived) = log.split_once("serving with the ").unwrap();
    let arrived: u32 = arrived.split(' ').next().unwrap().parse().unwrap();
    assert!((1..ENTRIES).contains(&arrived), "{arrived}");
    let what = format!("old process killed in the handover after {arrived} entries");
    Reload::ends_well(&mesh, &nodes, &all, &what, killed);
}

#[test]
fn an_old_process_that_is_killed_while_it_lends_costs_no_entry() {
    let Reload { _place, mesh, nodes, all, held, old } = Reload::begin_lending(&[]);
    send(old, Signal::SIGSTOP);
    held.let_go();
    send(old, Signal::SIGKILL);
    let killed = Instant::now();
    until("the successor serves with all", SOON, || {
        nodes[0].log().contains(&format!("serving with the {ENTRIES} entries"))
    });
    Reload::ends_well(&mesh, &nodes, &all, "old process killed while it lends", killed);
}

#[test]
fn an_old_worker_that_is_killed_in_the_handover_leaves_all_to_the_next() {
    let Reload { _place, mesh, nodes, all, held, old } = Reload::begin(&["-W"]);
    send(old, Signal::SIGSTOP);
    let new = held.successor();
    held.let_go();
    send(old, Signal::SIGKILL);
    let killed = Instant::now();
    until("a third worker serves with all entries", SOON, || {
        let info = nodes[0].api().try_command("show info").unwrap_or_default();
        let serves = |pid: i32| info.contains(&format!("\nPid: {pid}\n"));
        info.contains("\nPid: ") && !serves(old) && !serves(new)
    });
    assert!(nodes[0].api().used(Mesh::TABLE) >= all.len());
    Reload::ends_well(&mesh, &nodes, &all, "old worker killed in the handover", killed);
}

#[test]
fn a_successor_that_is_killed_in_the_handover_costs_nobody_anything() {
    for (words, who, begin) in [
        (&[][..], "successor", Reload::begin as fn(&[&str]) -> Reload),
        (&["-W"], "new worker", Reload::begin),
        (&[], "successor that takes the table over", Reload::begin_lending),
    ] {
        let Reload { _place, mesh, nodes, all, held, old } = begin(words);
        let homes = (0..1000).map(|n| (source(n), "s2".to_owned())).collect();
        let visitors = Visitors::start(&mesh.fronts, 1_000_000, &homes);
        let killed = Instant::now();
        send(held.successor(), Signal::SIGKILL);
        let reason = "was ended by SIGKILL";
        until("the reason is told", SOON, || nodes[0].log().contains(reason));
        held.put_back();
        let goes_on = ["this process goes on serving", &format!("worker {old} goes on serving")];
        let log = nodes[0].log();
        assert!(goes_on.iter().any(|words| log.contains(words)), "{log}");
        let visits = visitors.stop();
        assert!(visits.tally.is_clean(), "{:?}", visits.tally);
        assert_eq!(nodes[0].api().info("Pid"), old.to_string());
        Mesh::until_equal(&nodes, RECOVERY);
        assert_eq!(nodes[0].api().used(Mesh::TABLE), all.len() + visits.homes.len());
        let all = contents(&nodes[0].api(), Mesh::TABLE);
        let what = format!("{who} killed in the handover");
        Reload::ends_well(&mesh, &nodes, &all, &what, killed);
    }
}

#[test]
fn both_processes_of_a_handover_that_are_killed_leave_all_to_the_peers() {
    let Reload { _place, mesh, mut nodes, all, held, old } = Reload::begin(&[]);
    let new = held.successor();
    send(old, Signal::SIGSTOP);
    held.let_go();
    let killed = Instant::now();
    send(new, Signal::SIGKILL);
    send(old, Signal::SIGKILL);
    nodes[0].wait(SOON);
    until("both are gone", SOON, || !is_alive(new));
    let b = nodes.pop().unwrap();
    let a = nodes.pop().unwrap().start_again();
    Reload::ends_well(&mesh, &[a, b], &all, "both processes killed in the handover", killed);
}

#[test]
fn a_supervisor_that_is_killed_in_the_handover_leaves_no_worker_and_all_to_the_peers() {
    let Reload { _place, mesh, mut nodes, all, held, old } = Reload::begin(&["-W"]);
    let new = held.successor();
    let killed = Instant::now();
    send(nodes[0].first_pid(), Signal::SIGKILL);
    nodes[0].wait(SOON);
    until("the old worker has ended", SOON, || !is_alive(old));
    held.let_go();
    until("the new worker has ended", SOON, || !is_alive(new));
    let b = nodes.pop().unwrap();
    let a = nodes.pop().unwrap().start_again();
    Reload::ends_well(&mesh, &[a, b], &all, "supervisor killed in the handover", killed);
}
