//! Sessions with peers go on in a reload: the other nodes notice nothing.

use std::collections::BTreeSet;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use nix::sys::signal::Signal;

use crate::support::{Homes, Mesh, Node, Place, SOON, Visitors, binary, copy_program, send, until};

/// Waits until the node knows all that its peers know: until then a session begins anew.
fn until_up_to_date(node: &Node) {
    until("up to date", SOON, || node.api().command("show mesh").contains(", up to date"));
}

/// What the node has logged of sessions that began and ended.
fn changes(node: &Node) -> Vec<String> {
    let log = node.log();
    let is_change =
        |line: &&str| line.contains("session established") || line.contains("closed by the peer");
    log.lines().filter(is_change).map(str::to_owned).collect()
}

fn gone_on(node: &Node) -> usize {
    node.log().matches(": the session goes on").count()
}

#[test]
fn other_nodes_notice_no_reload() {
    let place = Place::new();
    let mesh = Mesh::new(&place, &[("a", None), ("b", None), ("c", None)]);
    // One of them has a supervisor, which starts its processes.
    let nodes = [mesh.start(0), mesh.start_with(1, &["-W"]), mesh.start(2)];
    mesh.until_all_connected(&nodes);
    nodes.iter().for_each(until_up_to_date);
    // Of two sessions that began at the same moment one may have ended meanwhile.
    mesh.until_all_connected(&nodes);
    let before: Vec<_> = nodes.iter().map(changes).collect();
    let visitors = Visitors::start(&mesh.fronts, 0, &Homes::new());
    for round in 0..9_u64 {
        let answered = visitors.answered();
        until("clients come meanwhile", SOON, || visitors.answered() > answered + 100);
        let said = nodes[usize::try_from(round % 3).unwrap()].api().command("reload");
        assert!(said.starts_with("Success=1\n"), "{said}");
    }
    let visits = visitors.stop();
    assert!(visits.tally.is_clean(), "{:?}", visits.tally);
    Mesh::until_equal(&nodes, SOON);
    let after: Vec<_> = nodes.iter().map(changes).collect();
    assert_eq!(after, before, "sessions have begun or ended");
    assert_eq!(nodes.iter().map(gone_on).collect::<Vec<_>>(), [6; 3]);
    // What comes later reaches all nodes, in both directions of each session.
    let visitors = Visitors::start(&mesh.fronts, 100_000, &visits.homes);
    until("more clients", SOON, || visitors.answered() > 200);
    assert!(visitors.stop().tally.is_clean());
    Mesh::until_equal(&nodes, SOON);
    until("all is acknowledged", SOON, || {
        nodes.iter().all(|node| {
            let mesh = node.api().command("show mesh");
            mesh.matches(": in step").count() == 2
        })
    });
}

#[test]
fn a_session_begins_anew_where_the_tables_are_others() {
    let place = Place::new();
    let mesh = Mesh::new(&place, &[("a", None), ("b", None)]);
    let nodes = mesh.start_all();
    mesh.until_all_connected(&nodes);
    nodes.iter().for_each(until_up_to_date);
    nodes[0].api().set_servers(Mesh::TABLE, [std::net::Ipv4Addr::LOCALHOST].into_iter(), 1);
    Mesh::until_equal(&nodes, SOON);
    let before = changes(&nodes[1]);
    let text = fs::read_to_string(mesh.config(0)).unwrap();
    let table = text.lines().find(|line| line.contains("stick-table")).unwrap();
    let other = table.replace("stick-table type ip", "stick-table type ip store conn_cnt");
    assert_ne!(table, other, "the table of the mesh is written in another way");
    fs::write(mesh.config(0), text.replace(table, &other)).unwrap();
    nodes[0].reload();
    until("another session", SOON, || changes(&nodes[1]).len() > before.len());
    assert_eq!(gone_on(&nodes[0]), 0);
    assert!(nodes[0].log().contains("the session ends: the tables are others"));
    mesh.until_all_connected(&nodes);
    let keys = || nodes[0].api().server_ids(Mesh::TABLE).into_keys().collect::<BTreeSet<_>>();
    until("the entry is still there", SOON, || keys().len() == 1);
}

/// Puts a program in the place of a node's own that reads what it is sent in a handover, into
/// `got`, and does nothing with it. It says in `pid` who it is.
fn replace_by_reader(place: &Place, program: &Path) {
    let script = "#!/bin/sh\nfd=$((2 + LISTEN_FDS))\ntext=\"ready $$\"\n\
                  len=$(printf %03o ${#text})\nprintf \"\\\\000\\\\300\\\\$len$text\" >&$fd\n\
                  echo $$ >$0.pid\nexec cat <&$fd >$0.got\n";
    let path = place.write("reader", script);
    fs::set_permissions(&path, PermissionsExt::from_mode(0o755)).unwrap();
    fs::rename(&path, program).unwrap();
}

/// A successor that reads, and has been sent the sessions with these peers. It is killed.
fn kill_reader(program: &Path, peers: &[&str]) {
    let beside = |extension: &str| format!("{}.{extension}", program.display());
    let text = || fs::read_to_string(beside("pid")).ok();
    let got = || String::from_utf8_lossy(&fs::read(beside("got")).unwrap_or_default()).into_owned();
    until("it is there", SOON, || text().is_some_and(|text| text.ends_with('\n')));
    until("it has the sessions", SOON, || {
        let got = got();
        peers.iter().all(|peer| got.contains(&format!(" mesh a {peer} ")))
    });
    send(text().unwrap().trim().parse().unwrap(), Signal::SIGKILL);
}

#[test]
fn sessions_that_were_offered_go_on_when_the_reload_fails() {
    let place = Place::new();
    let program = place.path("balancer");
    copy_program(&binary(), &program);
    let mesh = Mesh::new(&place, &[("a", None), ("b", None), ("c", None)]);
    let nodes = [mesh.start_on(0, program.clone()), mesh.start(1), mesh.start(2)];
    mesh.until_all_connected(&nodes);
    nodes.iter().for_each(until_up_to_date);
    // Of two sessions that began at the same moment one may have ended meanwhile.
    mesh.until_all_connected(&nodes);
    let before: Vec<_> = nodes.iter().map(changes).collect();
    let visitors = Visitors::start(&mesh.fronts, 0, &Homes::new());
    until("clients come", SOON, || visitors.answered() > 100);
    replace_by_reader(&place, &program);
    let api = nodes[0].api();
    let asked = std::thread::spawn(move || api.command("reload"));
    kill_reader(&program, &["b", "c"]);
    let said = asked.join().unwrap();
    assert!(said.starts_with("Success=0\n") && said.contains("SIGKILL"), "{said}");
    let answered = visitors.answered();
    until("clients come afterwards", SOON, || visitors.answered() > answered + 100);
    let visits = visitors.stop();
    assert!(visits.tally.is_clean(), "{:?}", visits.tally);
    Mesh::until_equal(&nodes, SOON);
    // The sessions can still be handed over.
    let own = place.path("own");
    copy_program(&binary(), &own);
    fs::rename(&own, &program).unwrap();
    let said = nodes[0].api().command("reload");
    assert!(said.starts_with("Success=1\n"), "{said}");
    let visitors = Visitors::start(&mesh.fronts, 100_000, &visits.homes);
    until("more clients", SOON, || visitors.answered() > 200);
    assert!(visitors.stop().tally.is_clean());
    Mesh::until_equal(&nodes, SOON);
    let after: Vec<_> = nodes.iter().map(changes).collect();
    assert_eq!(after, before, "sessions have begun or ended");
    assert_eq!(gone_on(&nodes[0]), 2);
}
