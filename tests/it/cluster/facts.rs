//! What a node shows of the mesh, of the entries, and of what has happened.

use std::fs;

use serde_json::Value;

use crate::support::{Mesh, Node, Place, SOON, ask, mesh_check, source, until};

fn json(node: &Node, command: &str) -> Value {
    serde_json::from_str(&node.api().command(command)).unwrap()
}

/// The link of a node with a peer, as `show mesh json` has it.
fn link(node: &Node, peer: &str) -> Value {
    let mesh = json(node, "show mesh json");
    let links = mesh["sections"][0]["links"].as_array().unwrap().clone();
    links.into_iter().find(|link| link["peer"] == peer).unwrap()
}

fn is_in_step(node: &Node, peer: &str) -> bool {
    link(node, peer)["tables"][0]["sending"] == "in_step"
}

#[test]
fn a_link_that_is_cut_is_seen_in_the_sentence_in_the_mesh_and_among_the_events() {
    let place = Place::new();
    let mesh = Mesh::new(&place, &[("a", None), ("b", None), ("c", None)]);
    let mut nodes = mesh.start_all();
    for (node, peer) in [(0, "b"), (0, "c"), (1, "c")] {
        Mesh::until_connected(&nodes[node], peer);
    }
    (0..50).for_each(|n| drop(ask(source(n), mesh.fronts[0]).unwrap()));
    until("all in step", SOON, || is_in_step(&nodes[0], "b") && is_in_step(&nodes[0], "c"));
    // Nodes that start together look for one that knows more, for some seconds.
    until("it is whole", SOON, || nodes[0].api().command("show mesh").contains(", whole: "));
    let text = nodes[0].api().command("show mesh");
    let sentence = "Serving, whole: 2 of 2 peers connected, 3 of 3 servers up, 50 clients \
                    remembered (0.02 % of the room), none forgotten early\nnode ";
    assert!(text.starts_with(sentence), "{text}");
    let with_c = link(&nodes[0], "c");
    assert_eq!((&with_c["state"], &with_c["version"]), (&"connected".into(), &"2.1".into()));
    assert!(with_c["bytes_out"].as_u64().unwrap() > 50 * 10, "{with_c}");
    // What came before the end of a resync may have come twice.
    let learned = || link(&nodes[2], "a")["tables"][0]["learned"].as_u64();
    until("what was learned", SOON, || learned() >= Some(50));

    nodes[2].crash();
    until("the link is down", SOON, || link(&nodes[0], "c")["state"] == "down");
    (50..80).for_each(|n| drop(ask(source(n), mesh.fronts[0]).unwrap()));
    until("b in step", SOON, || is_in_step(&nodes[0], "b"));
    assert_eq!(link(&nodes[0], "c")["tables"][0]["behind"], 30);
    let text = nodes[0].api().command("show mesh");
    assert!(text.starts_with("Serving, not whole: 1 of 2 peers connected, "), "{text}");
    assert!(text.contains("  c at ") && text.contains(": down for "), "{text}");
    let events = nodes[0].api().command("show events events");
    assert!(events.contains(" peer   peer mesh/c"), "{events}");

    nodes.pop();
    let again = mesh.start(2);
    until("c in step", SOON, || is_in_step(&nodes[0], "c"));
    assert_eq!(link(&nodes[0], "c")["reconnects"], 1);
    until("c was taught", SOON, || {
        let lessons = json(&again, "show mesh json")["sections"][0]["lessons"].clone();
        lessons[0]["taught"] == "this_node" && lessons[0]["entries"].as_u64() >= Some(80)
    });
    let metrics = nodes[0].api().command("show events");
    assert!(metrics.contains("    events     : type=buffer, "), "{metrics}");
}

#[test]
fn a_reload_hands_over_the_history_of_reloads_and_events() {
    let place = Place::new();
    let mesh = Mesh::new(&place, &[("a", None)]);
    let node = mesh.start(0);
    (0..20).for_each(|n| drop(ask(source(n), mesh.fronts[0]).unwrap()));
    node.api().command("set server web/s3 state maint");
    let config = node.spec().dir().join("a.cfg");
    let good = fs::read_to_string(&config).unwrap();
    fs::write(&config, format!("{good}\nlisten other\n    nonsense\n")).unwrap();
    let answer = node.api().command("reload");
    assert!(answer.starts_with("Success=0"), "{answer}");
    fs::write(&config, good).unwrap();
    node.reload();
    node.reload();
    until("both reloads", SOON, || {
        let reloads = json(&node, "show reloads json")["reloads"].clone();
        reloads.as_array().is_some_and(|reloads| reloads.len() == 3)
    });
    let reloads = json(&node, "show reloads json")["reloads"].clone();
    let reason = reloads[0]["reason"].as_str().unwrap();
    assert!(reason.contains("nonsense") && reloads[0]["generation"] == 1, "{reloads}");
    for (at, generation) in [(1, 1), (2, 2)] {
        let reload = &reloads[at];
        assert_eq!((&reload["failed"], &reload["generation"]), (&false.into(), &generation.into()));
        assert_eq!((&reload["entries"], &reload["version"]), (&20.into(), &reload["new_version"]));
        assert!(reload["took_ms"].as_u64().unwrap() < 10_000, "{reload}");
        assert!(
            reload["waited"].is_u64() && reload["at_ms"].as_u64() > reloads[0]["at_ms"].as_u64()
        );
    }
    let text = node.api().command("show reloads");
    assert!(text.contains(" generation 1 goes on, version ") && text.contains("2 to 3"), "{text}");
    let events = node.api().command("show events events");
    let place_of = |text: &str| events.find(text).unwrap_or_else(|| panic!("{text}: {events}"));
    let maintenance = place_of(" server Server web/s3 is going DOWN for maintenance");
    let failed = place_of(" reload reload: failed, this process goes on serving: ");
    assert!(maintenance < failed && failed < place_of(" reload generation 3 serves"), "{events}");
    for line in node.api().command("show events events json").lines().filter(|l| !l.is_empty()) {
        let event: Value = serde_json::from_str(line).unwrap();
        assert!(event["at_ms"].as_u64().unwrap() > 1_700_000_000_000, "{line}");
    }
}

#[test]
fn it_is_known_who_is_stuck_where_since_when_and_by_whom() {
    let place = Place::new();
    let members = [("a", None), ("b", None)];
    let mesh = Mesh::with_table(&place, &members, "type ip size 1k expire 10m origins");
    let nodes = mesh.start_all();
    Mesh::until_connected(&nodes[0], "b");
    let name = ask(source(7), mesh.fronts[0]).unwrap();
    let show = format!("show stick {} json", source(7));
    let entry = json(&nodes[0], &show)["entries"][0].clone();
    assert_eq!((&entry["table"], &entry["by"]), (&"web".into(), &"rule".into()));
    assert_eq!(entry["servers"][0]["server"], name);
    assert_eq!(entry["rule"], "stick on src");
    assert!(entry["at"].as_str().unwrap().contains("a.cfg:"), "{entry}");
    assert!(entry["since_ms"].as_u64().unwrap() > 1_700_000_000_000, "{entry}");
    until("b has it", SOON, || nodes[1].api().used(Mesh::TABLE) == 1);
    let entry = json(&nodes[1], &show)["entries"][0].clone();
    assert_eq!((&entry["by"], &entry["peer"]), (&"peer".into(), &"a".into()));
    let text = nodes[1].api().command(&format!("show stick {} web", source(7)));
    let ends = |minutes: u32| format!("is stuck to web/{name}, ends in {minutes}m");
    assert!(text.contains(&ends(9)) || text.contains(&ends(10)), "{text}");
    assert!(text.contains("\n  since ") && text.ends_with("  learned from peer a\n\n"), "{text}");
    node_says(&nodes[1], &format!("show stick {}", source(8)), "No entry has this key.\n\n");
    node_says(&nodes[1], &format!("show stick {} other", source(8)), "No such table\n\n");
    nodes[1].reload();
    let entry = json(&nodes[1], &show)["entries"][0].clone();
    assert_eq!(
        (&entry["by"], &entry["servers"][0]["server"]),
        (&"predecessor".into(), &name.into())
    );
}

fn node_says(node: &Node, command: &str, answer: &str) {
    assert_eq!(node.api().command(command), answer);
}

#[test]
fn a_server_is_drained_at_a_rate_on_all_nodes() {
    let place = Place::new();
    let mesh = Mesh::new(&place, &[("a", None), ("b", None)]);
    let nodes = mesh.start_all();
    Mesh::until_connected(&nodes[0], "b");
    nodes[0].api().set_servers(Mesh::TABLE, (0..300).map(source), 2);
    nodes[0].api().set_servers(Mesh::TABLE, (300..400).map(source), 1);
    until("b has all", SOON, || nodes[1].api().used(Mesh::TABLE) == 400);
    let answer = nodes[0].api().command("drain server web/s2 1");
    assert_eq!(answer, "web/s2: 300 entries are left, 1 go in a second\n\n");
    until("the first has gone", SOON, || entries(&nodes[0], "s2") < 300);
    assert!(entries(&nodes[0], "s2") > 250, "slowly");
    let answer = nodes[0].api().command("drain server web/s2 0");
    assert!(answer.starts_with("web/s2: not drained any more, "), "{answer}");
    nodes[0].api().command("drain server web/s2 1000");
    until("all have gone", SOON, || entries(&nodes[0], "s2") == 0);
    // The clients of the drained server are spread over the others, those of others stay.
    assert_eq!(ask(source(350), mesh.fronts[0]).unwrap(), "s1");
    assert_ne!(ask(source(5), mesh.fronts[0]).unwrap(), "s2");
    until("b has given them up too", SOON, || entries(&nodes[1], "s2") == 0);
    until("the end among the events", SOON, || {
        let events = nodes[0].api().command("show events events");
        events.contains(" server Server web/s2: no stick entry names it any more")
    });
}

/// The entries of a server, as `show tables json` has them.
fn entries(node: &Node, server: &str) -> u64 {
    let tables = json(node, "show tables json");
    let servers = tables["tables"][0]["servers"].as_array().unwrap().clone();
    let own = servers.into_iter().find(|own| own["server"] == server).unwrap();
    own["entries"].as_u64().unwrap()
}

#[test]
fn the_figures_are_metrics_too() {
    let place = Place::new();
    let mesh = Mesh::new(&place, &[("a", None), ("b", None)]);
    let nodes = mesh.start_all();
    Mesh::until_connected(&nodes[0], "b");
    let page = place.address();
    let metrics = format!(
        "frontend metrics\n    mode http\n    bind {page}\n    \
         http-request use-service prometheus-exporter if {{ path /metrics }}\n"
    );
    let body = fs::read_to_string(nodes[0].spec().dir().join("a.cfg")).unwrap();
    fs::write(nodes[0].spec().dir().join("a.cfg"), format!("{body}\n{metrics}")).unwrap();
    nodes[0].reload();
    ask(source(1), mesh.fronts[0]).unwrap();
    let text = || crate::support::http::get(page, "/metrics");
    until("all is well", SOON, || text().contains("\nstickd_whole 1\n"));
    let text = text();
    for start in [
        "stickd_table_server_entries{table=\"web\",proxy=\"web\",server=\"s1\"} ",
        "stickd_peer_sessions_total{peers=\"mesh\",peer=\"b\"} ",
        "stickd_peer_sent_bytes_total{peers=\"mesh\",peer=\"b\"} ",
        "stickd_peer_errors_total{peers=\"mesh\",peer=\"b\"} 0",
    ] {
        assert!(text.contains(&format!("\n{start}")), "{start}\n{text}");
    }
}

#[test]
fn nodes_that_hold_the_same_have_the_same_digest_and_others_are_told_apart() {
    let place = Place::new();
    let mesh = Mesh::new(&place, &[("a", None), ("b", None), ("c", None)]);
    let nodes = mesh.start_all();
    mesh.until_all_connected(&nodes);
    for n in 0..60 {
        ask(source(n), mesh.fronts[usize::from(n % 3 == 1)]).unwrap();
    }
    let digest =
        |node: &Node| json(node, "show mesh json")["sections"][0]["tables"][0]["digest"].clone();
    until("the same digest", SOON, || {
        nodes
            .iter()
            .all(|node| node.api().used(Mesh::TABLE) == 60 && digest(node) == digest(&nodes[0]))
    });
    let sockets = ["a.admin", "b.admin", "c.admin"].map(|name| place.path(name));
    let (is_same, said) = mesh_check(&sockets);
    let digest = digest(&nodes[0]).as_str().unwrap().to_owned();
    assert_eq!(said, format!("web: the same 60 entries on 3 nodes, digest {digest}\n"));
    assert!(is_same);
    assert!(nodes[1].api().command("show tables").contains(&format!(" digest={digest}\n")));

    // A removal is not told to peers.
    nodes[1].api().command(&format!("clear table {} key {}", Mesh::TABLE, source(7)));
    let (is_same, said) = mesh_check(&sockets);
    assert!(!is_same && said.starts_with("web: 1 key differs\n"), "{said}");
    let line = format!("nothing at {}, ", sockets[1].display());
    assert!(said.contains(&format!("  {}: ", source(7))) && said.contains(&line), "{said}");
}
