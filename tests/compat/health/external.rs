//! `option external-check`: what the program is told, what its end means, and that no program is
//! left behind.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use nix::sys::signal::Signal;

use crate::health::states::{found, notice};
use crate::support::{Flavour, Node, Place, SOON, Spec, eventually, until};
use crate::{flavours, start};

const GLOBAL: &str = "external-check\ninsecure-fork-wanted";

/// A node that ends as processes usually do. stickd kills the programs of its checks then, which
/// outlive a process that is killed itself, as those of HAProxy do however it ends.
struct Ending(Node);

impl std::ops::Deref for Ending {
    type Target = Node;

    fn deref(&self) -> &Node {
        &self.0
    }
}

impl Drop for Ending {
    fn drop(&mut self) {
        let pid = self.0.pid();
        crate::support::send(pid, Signal::SIGTERM);
        eventually(SOON, || !crate::support::is_alive(pid));
    }
}

/// A script of the shell that can be run.
fn script(place: &Place, name: &str, text: &str) -> PathBuf {
    let path = place.write(name, &format!("#!/bin/sh\nPATH=/usr/bin:/bin\n{text}\n"));
    fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
    path
}

/// A backend whose server `s1` is checked by this program, which may take as long as `inter`.
fn backend(name: &str, command: &Path, inter: &str) -> String {
    let command = command.display();
    format!(
        "backend {name}\n    log global\n    option log-health-checks\n    \
         option external-check\n    external-check command {command}\n    \
         server s1 192.0.2.1:80 check inter {inter} fall 1 rise 1\n"
    )
}

/// The content of a file that a program writes again and again.
fn written(path: &Path) -> String {
    let mut text = String::new();
    until("the program has written", SOON, || {
        text = fs::read_to_string(path).unwrap_or_default();
        text.ends_with("END\n")
    });
    text
}

#[test]
fn the_end_of_the_program_is_the_result() {
    for flavour in flavours() {
        let place = Place::new();
        let receiver = place.log_receiver();
        let log = format!("log {} local0\n{GLOBAL}", receiver.local_addr().unwrap());
        let nowhere = place.path("nowhere");
        let cases = [
            (script(&place, "ok", "exit 0"), ["UP", "PROCOK", "0", ""]),
            (script(&place, "bad", "exit 7"), ["DOWN", "PROCERR", "7", ""]),
            (script(&place, "killed", "kill -9 $$"), ["DOWN", "PROCERR", "4294967295", ""]),
            (script(&place, "late", "sleep 60"), ["DOWN", "PROCTOUT", "0", ""]),
            (nowhere, ["DOWN", "PROCERR", "255", ""]),
        ];
        let sections = cases
            .iter()
            .enumerate()
            .map(|(number, (command, _))| backend(&format!("b{number}"), command, "2s"));
        let body: String = sections.collect();
        let node = Ending(start(flavour, &place, &log, &body));
        for (number, (command, wanted)) in cases.iter().enumerate() {
            let found = || found(&node, &format!("b{number}"));
            let fits = eventually(SOON, || found() == *wanted);
            assert!(fits, "{flavour:?}: {}: {:?}", command.display(), found());
        }
        drop(node);
        let mut lines: Vec<String> =
            (0..cases.len()).map(|_| notice(&receiver, "Health check")).collect();
        lines.sort();
        let line = |number, outcome: &str, status: &str| {
            format!(
                "<133>Health check for server b{number}/s1 {outcome}, reason: External check \
                 {status}, check duration: #ms, status: {}",
                if outcome == "succeeded" { "1/1 UP." } else { "0/1 DOWN." }
            )
        };
        let wanted = [
            line(0, "succeeded", "passed, code: 0"),
            line(1, "failed", "error, code: 7"),
            line(2, "failed", "error, code: -1"),
            line(3, "failed", "timeout, code: 0"),
            line(4, "failed", "error, code: 255"),
        ];
        assert_eq!(lines, wanted, "{flavour:?}");
    }
}

/// A program that writes all that it is told to `out.<server>`.
fn telling(place: &Place) -> PathBuf {
    let text = format!(
        "exec > {}\necho $#: \"$@\"\nenv | grep -E '^(HAPROXY|PATH)' | sort\n\
         echo $(wc -c)\nreadlink /proc/$$/fd/*\n\
         grep SigBlk /proc/self/status\necho END",
        place.path("out.$HAPROXY_SERVER_NAME").display()
    );
    script(place, "tell", &text)
}

#[test]
fn the_program_is_told_of_the_section_and_the_server() {
    for flavour in flavours() {
        let place = Place::new();
        let front = place.address();
        let socket = place.path("front.sock");
        let command = telling(&place);
        let lines = format!(
            "option external-check\n    external-check command {}\n    \
             external-check path /sbin:/bin\n    default-server inter 2s",
            command.display()
        );
        let body = format!(
            "listen l1\n    bind {front}\n    {lines}\n    \
             server t1 192.0.2.1:80 check maxconn 7 id 5\n\
             listen l2\n    bind {}\n    {lines}\n    \
             server t2 192.0.2.1:80 check port 81 addr 192.0.2.2\n\
             backend b3\n    {lines}\n    server t3 unix@/run/x.sock check\n",
            socket.display()
        );
        let node = start(flavour, &place, GLOBAL, &body);
        let socket = socket.display();
        let id = |proxy: &str| node.api().stat(proxy, "BACKEND", "iid");
        let told = |arguments: String, proxy: &str, place: [&str; 2], server: [&str; 5]| {
            let [address, port, number, maxconn, name] = server;
            format!(
                "4: {arguments}\nHAPROXY_PROXY_ADDR={}\nHAPROXY_PROXY_ID={}\n\
                 HAPROXY_PROXY_NAME={proxy}\nHAPROXY_PROXY_PORT={}\nHAPROXY_SERVER_ADDR={address}\n\
                 HAPROXY_SERVER_CURCONN=0\nHAPROXY_SERVER_ID={number}\n\
                 HAPROXY_SERVER_MAXCONN={maxconn}\nHAPROXY_SERVER_NAME={name}\n\
                 HAPROXY_SERVER_PORT={port}\nHAPROXY_SERVER_PROTO=tcp\nHAPROXY_SERVER_SSL=0\n\
                 PATH=/usr/bin:/bin\n",
                place[0],
                id(proxy),
                place[1]
            )
        };
        let (ip, port) = (front.ip().to_string(), front.port().to_string());
        let path = socket.to_string();
        let wanted = [
            told(
                format!("{ip} {port} 192.0.2.1 80"),
                "l1",
                [&ip, &port],
                ["192.0.2.1", "80", "5", "7", "t1"],
            ),
            told(
                format!("{path} NOT_USED 192.0.2.1 80"),
                "l2",
                [&path, ""],
                ["192.0.2.1", "80", "1", "0", "t2"],
            ),
            told(
                "NOT_USED NOT_USED /run/x.sock NOT_USED".to_owned(),
                "b3",
                ["", ""],
                ["/run/x.sock", "", "1", "0", "t3"],
            ),
        ];
        for (name, wanted) in ["t1", "t2", "t3"].into_iter().zip(wanted) {
            let text = written(&place.path(&format!("out.{name}")));
            let rest = text.strip_prefix(&wanted);
            let rest = rest.unwrap_or_else(|| panic!("{flavour:?}: {text}, not {wanted}"));
            assert!(rest.starts_with("0\n"), "{flavour:?}: there is something to read: {rest}");
            let inherited = ["socket:", "anon_inode:"].iter().find(|kind| rest.contains(**kind));
            assert_eq!(inherited, None, "{flavour:?}: {rest}");
            assert!(rest.contains("SigBlk:\t0000000000000000"), "{flavour:?}: {rest}");
        }
    }
}

/// The shell's own line above sets its `PATH`. So this program shows what it was given.
#[test]
fn the_program_is_found_in_its_path() {
    for flavour in flavours() {
        let place = Place::new();
        let body = "backend b\n    option external-check\n    external-check command true\n    \
                    external-check path /usr/bin:/bin\n    \
                    server s1 192.0.2.1:80 check inter 2s\n";
        let node = start(flavour, &place, GLOBAL, body);
        let is_fine = || found(&node, "b")[1] == "PROCOK";
        assert!(eventually(SOON, is_fine), "{flavour:?}: {:?}", found(&node, "b"));
    }
}

fn is_alive(pid: &str) -> bool {
    // The dead that nobody has waited for are in state Z.
    fs::read_to_string(format!("/proc/{pid}/stat"))
        .is_ok_and(|stat| !stat.rsplit(") ").next().unwrap().starts_with('Z'))
}

/// HAProxy leaves what a late program has started.
#[test]
fn a_late_program_is_killed_with_what_it_has_started() {
    let place = Place::new();
    let pids = place.path("pids");
    let text = format!("sleep 300 &\necho $! >> {}\nwait", pids.display());
    let body = backend("b", &script(&place, "late", &text), "400ms");
    let mut node = Spec::with_global(&place, "a", GLOBAL, &body).start();
    let started = || -> Vec<String> {
        let text = fs::read_to_string(&pids).unwrap_or_default();
        text.lines().map(str::to_owned).collect()
    };
    until("several programs were late", SOON, || started().len() > 2);
    assert!(found(&node, "b")[1].ends_with("PROCTOUT"));
    let all = started();
    until("the first one is dead", SOON, || !is_alive(&all[0]));
    let before = started().len();
    until("one is running", SOON, || {
        started().len() > before && is_alive(started().last().unwrap())
    });
    node.signal(Signal::SIGTERM);
    node.wait(SOON);
    until("none is left", SOON, || started().iter().all(|pid| !is_alive(pid)));
}

/// The worker of a supervisor has children of several kinds: those of checks are its own.
#[test]
fn programs_run_on_after_a_reload_and_end_with_their_process() {
    let place = Place::new();
    let pids = place.path("pids");
    let text = format!("sleep 300 &\necho $! >> {}\nwait", pids.display());
    let body = backend("b", &script(&place, "ok", "exit 0"), "2s")
        + &backend("late", &script(&place, "late", &text), "60s");
    let spec = Spec::with_global(&place, "a", GLOBAL, &body).reloadable();
    let node = Ending(spec.start());
    let started = || -> Vec<String> {
        let text = fs::read_to_string(&pids).unwrap_or_default();
        text.lines().map(str::to_owned).collect()
    };
    until("a program is running", SOON, || started().len() == 1);
    until("the other passes", SOON, || found(&node, "b")[1] == "PROCOK");
    node.reload();
    until("the program of the old process is gone", SOON, || !is_alive(&started()[0]));
    until("the new process has started one", SOON, || started().len() == 2);
    until("the other passes again", SOON, || found(&node, "b")[1] == "PROCOK");
    assert!(is_alive(&started()[1]));
    assert_eq!(node.flavour(), Flavour::Stickd);
}

/// Only so many programs run at a time, and every server has its turn.
#[test]
fn programs_wait_for_room() {
    let place = Place::new();
    let go = place.path("go");
    let text = format!("until [ -e {} ]; do sleep 0.3; done", go.display());
    let command = script(&place, "slow", &text);
    let mut body = format!(
        "backend b\n    option external-check\n    external-check command {}\n    \
         default-server inter 20s init-state down rise 1\n",
        command.display()
    );
    for number in 1..=70 {
        body += &format!("    server s{number} 192.0.2.1:80 check\n");
    }
    let global = format!("{GLOBAL}\nmax-spread-checks 10");
    let node = Spec::with_global(&place, "a", &global, &body).start();
    let running = || crate::support::children(node.pid()).len();
    until("there is no more room", SOON, || running() == 32);
    fs::write(&go, "").unwrap();
    until("all are up", SOON, || {
        assert!(running() <= 32);
        node.api().stat("b", "BACKEND", "act") == "70"
    });
}

#[test]
fn programs_run_as_the_user_of_the_process() {
    if !nix::unistd::Uid::effective().is_root() {
        eprintln!("SKIPPED: only root can change its user");
        return;
    }
    for flavour in flavours() {
        let place = Place::new();
        let command = script(&place, "who", "exit $(($(id -u) % 256))");
        let body = backend("b", &command, "2s");
        let global = format!("{GLOBAL}\nuid 65534\ngid 65534");
        let node = start(flavour, &place, &global, &body);
        let code = || found(&node, "b")[2].clone();
        assert!(eventually(SOON, || code() == "254"), "{flavour:?}: {:?}", found(&node, "b"));
    }
}
