//! `hardening`: what is in force in which kind of process, and that reloads and checks go on.
//! `HARDENING=1` runs every other test under it, too.

use std::net::SocketAddr;
use std::os::unix::fs::PermissionsExt;

use crate::support::{Node, Place, SOON, Server, Spec, ask, source, until};

/// How many filters of seccomp(2) a process runs under.
fn filters(pid: i32) -> u32 {
    let text = std::fs::read_to_string(format!("/proc/{pid}/status")).unwrap();
    let line = text.lines().find_map(|line| line.strip_prefix("Seccomp_filters:"));
    line.unwrap().trim().parse().unwrap()
}

fn web(front: SocketAddr, server: &Server) -> String {
    format!(
        "listen web\n    bind {front}\n    stick-table type ip size 100k\n    stick on src\n    \
         server s1 {}\n",
        server.address()
    )
}

/// Reloads. Returns the process that serves then, and what confines it.
fn reload(node: &Node) -> (i32, String) {
    let said = node.api().command("reload");
    assert!(said.starts_with("Success=1"), "{said}: {}", node.log());
    let pid = said.lines().find_map(|line| line.strip_prefix("Pid: ")).unwrap();
    // The socket may still be answered by the process before.
    until("the new process answers", SOON, || node.api().info("Pid") == pid);
    (pid.parse().unwrap(), node.api().info("Hardening"))
}

#[test]
fn a_worker_is_confined_and_its_supervisor_takes_whatever_comes() {
    let place = Place::new();
    let server = Server::name(place.address(), "s1");
    let fronts = [place.address(), place.address()];
    let spec = Spec::with_global(&place, "a", "hardening on", &web(fronts[0], &server));
    let node = spec.clone().arguments(&["-W"]).start();
    let before = filters(node.first_pid());
    let confined = node.api().info("Hardening");
    assert!(confined.starts_with("seccomp refuses all but "), "{confined}");
    assert!(confined.contains("andlock"), "{confined}");
    assert!(node.log().contains(&format!("hardening: {confined}")), "{}", node.log());
    assert_eq!(ask(source(1), fronts[0]).unwrap(), "s1");
    // The next configuration names files that the worker could neither make nor read.
    let files = place.path("later");
    std::fs::create_dir(&files).unwrap();
    std::fs::write(files.join("list"), "127.0.0.0/8\n").unwrap();
    let global = format!("hardening on\nstats socket {}/admin", files.display());
    let rule = format!(
        "    tcp-request connection accept if {{ src -f {}/list }}\n    \
        tcp-request connection reject\n",
        files.display()
    );
    spec.configure(&global, &(web(fronts[1], &server) + &rule));
    let (pid, now) = reload(&node);
    assert_eq!((now, filters(pid)), (confined, before + 2));
    assert_eq!(ask(source(1), fronts[1]).unwrap(), "s1");
    assert!(files.join("admin").exists());
    // And it is let go where that is asked for.
    spec.configure("hardening off", &web(fronts[0], &server));
    let (pid, now) = reload(&node);
    assert_eq!((now.as_str(), filters(pid)), ("off", before));
    spec.configure("hardening log", &web(fronts[0], &server));
    let (_, now) = reload(&node);
    assert!(now.starts_with("seccomp logs all but ") && now.ends_with("files stay open"), "{now}");
    assert!(!node.log().contains("was refused"), "{}", node.log());
}

#[test]
fn a_process_that_starts_its_successors_does_not_pile_filters_up() {
    let place = Place::new();
    let server = Server::name(place.address(), "s1");
    let fronts = [place.address(), place.address()];
    let spec = Spec::with_global(&place, "a", "hardening on", &web(fronts[0], &server));
    let node = spec.clone().start();
    let confined = node.api().info("Hardening");
    assert!(
        confined.starts_with("seccomp refuses ") && !confined.contains("all but"),
        "{confined}"
    );
    let at_first = filters(node.pid());
    for front in [fronts[1], fronts[0], fronts[1]] {
        spec.configure("hardening on", &web(front, &server));
        let (pid, now) = reload(&node);
        assert_eq!((now, filters(pid)), (confined.clone(), at_first));
        assert_eq!(ask(source(1), front).unwrap(), "s1");
    }
}

#[test]
fn a_process_that_is_locked_in_is_confined_as_a_worker_is() {
    if !nix::unistd::geteuid().is_root() {
        return; // only root can change root
    }
    let place = Place::new();
    let server = Server::name(place.address(), "s1");
    let (front, jail) = (place.address(), place.path("jail"));
    std::fs::create_dir(&jail).unwrap();
    let global = format!("hardening on\nuser nobody\nchroot {}", jail.display());
    let node = Spec::with_global(&place, "a", &global, &web(front, &server)).start();
    assert_eq!(ask(source(1), front).unwrap(), "s1");
    assert!(node.api().info("Hardening").contains("all but"), "{}", node.log());
    node.ask_reload();
    until("the way out is logged", SOON, || node.log().contains("-sf"));
    assert_eq!(ask(source(1), front).unwrap(), "s1");
}

#[test]
fn programs_of_checks_run_and_are_refused_what_is_dangerous() {
    for words in [&[][..], &["-W"]] {
        let place = Place::new();
        let said = place.path("said");
        let unshare = "unshare -U true 2>/dev/null && echo open || echo closed";
        let script = place.write("check", &format!("#!/bin/sh\n{unshare} >{}\n", said.display()));
        std::fs::set_permissions(&script, std::fs::Permissions::from_mode(0o755)).unwrap();
        let body = format!(
            "listen web\n    bind {}\n    option external-check\n    \
             external-check command {}\n    server s1 127.0.0.1:9 check inter 1s\n",
            place.address(),
            script.display()
        );
        let global = "external-check\ninsecure-fork-wanted\nhardening on";
        let node = Spec::with_global(&place, "a", global, &body).arguments(words).start();
        let heard = || std::fs::read_to_string(&said).unwrap_or_default();
        let mut last = String::new();
        until("the program has run", SOON, || {
            last = heard(); // the next run empties it
            last.ends_with('\n')
        });
        assert_eq!(last, "closed\n", "{}", node.log());
        until("its status counts", SOON, || {
            node.api().stat("web", "s1", "check_status") == "PROCOK"
        });
    }
}
