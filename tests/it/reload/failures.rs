//! A reload that fails: the asker learns the reason, the failure is counted, and the old process
//! goes on serving and keeps the pid file.

use std::os::unix::fs::PermissionsExt;
use std::process::{Child, Command};

use crate::support::{Node, Place, SOON, Server, Spec, ask, connect_from, is_alive, source, until};

fn web(front: std::net::SocketAddr, server: &Server) -> String {
    format!("listen web\n    bind {front}\n    server s1 {}\n", server.address())
}

/// The program's messages after a failed reload, with the old process and with a supervisor.
const WAYS: [&[&str]; 2] = [&[], &["-W"]];

#[test]
fn the_reason_reaches_who_asked_and_is_counted() {
    for way in WAYS {
        let place = Place::new();
        let server = Server::name(place.address(), "s1");
        let (front, taken) = (place.address(), place.address());
        let exporter = place.address();
        let body = format!(
            "{}frontend metrics\n    mode http\n    bind {exporter}\n    timeout client 5s\n    \
             http-request use-service prometheus-exporter\n",
            web(front, &server)
        );
        let node = Spec::new(&place, "a", &body).arguments(way).start();
        assert_eq!(node.api().info("Reloads_failed"), "0");
        // A mistake in the configuration.
        node.spec().configure("", &format!("{body}    frobnicate 3\n"));
        let said = node.api().command("reload");
        assert!(said.starts_with("Success=0\n"), "{said}");
        assert!(said.contains("a.cfg:") && said.contains("'frobnicate'"), "{said}");
        // What only the start can find.
        let _holder = std::net::TcpListener::bind(taken).unwrap();
        let second = format!("{body}listen second\n    bind {taken}\n    server s1 127.0.0.1:1\n");
        node.spec().configure("", &second);
        let said = node.api().command("reload");
        assert!(said.contains("Address already in use"), "{way:?}: {said}");
        assert_eq!(node.api().info("Reloads_failed"), "2");
        let page = crate::support::http::get(exporter, "/metrics");
        assert!(page.contains("\nstickd_reloads_failed_total 2\n"), "{page}");
        assert!(ask(source(1), front).is_ok());
        node.spec().configure("", &body);
        let said = node.api().command("reload");
        assert!(said.starts_with("Success=1\n"), "{said}");
    }
}

#[test]
fn a_successor_that_dies_does_not_keep_the_pid_file() {
    let place = Place::new();
    let server = Server::name(place.address(), "s1");
    let front = place.address();
    let program = place.path("balancer");
    crate::support::copy_program(&crate::support::binary(), &program);
    let node = Spec::new(&place, "a", &web(front, &server)).on(program.clone()).start();
    let pid = node.pid();
    let script = format!("#!/bin/sh\necho $$ > {}\nexit 3\n", place.path("a.pid").display());
    let broken = place.write("broken", &script);
    std::fs::set_permissions(&broken, PermissionsExt::from_mode(0o755)).unwrap();
    std::fs::rename(&broken, &program).unwrap();
    let said = node.api().command("reload");
    assert!(said.starts_with("Success=0\n"), "{said}");
    until("the pid file names who serves", SOON, || node.pid_in_file() == Some(pid));
    assert!(ask(source(1), front).is_ok());
}

/// A process that ends when it is told to stop. It is killed when dropped.
struct Other(Child);

impl Other {
    fn new() -> Self {
        Self(Command::new("sleep").arg("1000").spawn().unwrap())
    }

    fn pid(&self) -> String {
        self.0.id().to_string()
    }
}

impl Drop for Other {
    fn drop(&mut self) {
        self.0.kill().ok();
        self.0.wait().ok();
    }
}

#[test]
fn nobody_is_told_to_go_before_everything_that_can_fail() {
    let place = Place::new();
    let server = Server::name(place.address(), "s1");
    let body = web(place.address(), &server);
    let unwritable = place.path("nowhere").join("pid");
    for global in ["chroot /nonexistent", "chroot /etc/passwd"] {
        let mut other = Other::new();
        let arguments = ["-sf", &other.pid()];
        let spec = Spec::with_global(&place, "a", global, &body).arguments(&arguments);
        assert_eq!(spec.start_unready().wait(SOON).code(), Some(1), "{global}");
        assert!(other.0.try_wait().unwrap().is_none(), "{global}: it was told to stop");
        assert!(!place.path("a.pid").exists(), "{global}: the pid file names a dead process");
    }
    let mut other = Other::new();
    let file = unwritable.display().to_string();
    let config = place.path("a.cfg");
    Spec::new(&place, "a", &body);
    let words = ["-f", config.to_str().unwrap(), "-p", &file, "-sf", &other.pid()];
    let output = crate::support::run_to_end(&words);
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(output.status.code(), Some(1), "{said}");
    assert!(said.contains(&file), "{said}");
    assert!(other.0.try_wait().unwrap().is_none(), "it was told to stop");
}

#[test]
fn a_process_that_gave_up_its_privileges_still_stops_those_before_it() {
    if !nix::unistd::Uid::effective().is_root() {
        eprintln!("SKIPPED: only root can change the user");
        return;
    }
    let place = Place::new();
    let server = Server::greeting_echo(place.address(), "s1");
    let front = place.address();
    let old = Node::start(&place, "a", &web(front, &server));
    let open = connect_from(source(1), front).unwrap();
    let mut other = Other::new();
    let (pid, other_pid) = (old.pid().to_string(), other.pid());
    let spec = Spec::with_global(&place, "b", "user nobody", &web(front, &server));
    // With -st the one that hands over is told to end its connections as well.
    let new = spec.arguments(&["-st", &pid, &other_pid]).start();
    until("the other process was told", SOON, || other.0.try_wait().unwrap().is_some());
    until("the one that handed over was told", SOON, || !is_alive(old.first_pid()));
    let children = || crate::support::children(new.pid());
    until("nobody is left to tell them", SOON, || children().is_empty());
    drop(open);
}

#[test]
fn a_check_of_the_configuration_looks_for_what_it_needs() {
    let place = Place::new();
    let server = Server::name(place.address(), "s1");
    let body = web(place.address(), &server);
    let check = |global: &str| {
        Spec::with_global(&place, "a", global, &body);
        let config = place.path("a.cfg");
        let output = crate::support::run_to_end(&["-c", "-f", config.to_str().unwrap()]);
        (output.status.code(), String::from_utf8_lossy(&output.stderr).into_owned())
    };
    let (status, said) = check("chroot /nonexistent/root");
    assert_eq!(status, Some(0), "another machine may have it: {said}");
    assert!(said.contains("chroot /nonexistent/root: does not exist"), "{said}");
    let (status, said) = check("user nosuchuser\ngroup nosuchgroup");
    assert_eq!(status, Some(1), "{said}");
    assert!(said.contains("nosuchuser") && said.contains("nosuchgroup"), "{said}");
    let (status, said) = check("stats socket /nonexistent/admin");
    assert_eq!(status, Some(0), "a service manager may make it: {said}");
    assert!(said.contains("/nonexistent does not exist"), "{said}");
    assert_eq!(check("chroot /tmp"), (Some(0), String::new()));
}

/// The status and the output of `stickd --reload` with the configuration of a node.
fn reload_by_command(place: &Place) -> (Option<i32>, String) {
    let config = place.path("a.cfg");
    let output = crate::support::run_to_end(&["--reload", "-f", config.to_str().unwrap()]);
    let said = [output.stdout, output.stderr].concat();
    (output.status.code(), String::from_utf8_lossy(&said).into_owned())
}

#[test]
fn a_command_reloads_and_ends_with_how_it_went() {
    for way in WAYS {
        let place = Place::new();
        let server = Server::name(place.address(), "s1");
        let (front, taken) = (place.address(), place.address());
        let body = web(front, &server);
        let node = Spec::new(&place, "a", &body).arguments(way).start();
        let (status, said) = reload_by_command(&place);
        assert_eq!(status, Some(0), "{said}");
        assert!(said.starts_with("Generation: 2\nPid: "), "{said}");
        assert_eq!(node.api().info("Reload_generation"), "2");
        // A broken configuration is told at once, and nobody is bothered with it.
        node.spec().configure("", &format!("{body}    frobnicate 3\n"));
        let (status, said) = reload_by_command(&place);
        assert_eq!(status, Some(1), "{said}");
        assert!(said.contains("'frobnicate'"), "{said}");
        assert_eq!(node.api().info("Reloads_failed"), "0");
        let _holder = std::net::TcpListener::bind(taken).unwrap();
        node.spec().configure("", &format!("{body}    bind {taken}\n"));
        let (status, said) = reload_by_command(&place);
        assert_eq!(status, Some(1), "{said}");
        assert!(said.contains("Address already in use"), "{said}");
        assert_eq!(node.api().info("Reloads_failed"), "1");
    }
}

#[test]
fn a_command_that_finds_nobody_to_reload_says_so() {
    let place = Place::new();
    let server = Server::name(place.address(), "s1");
    Spec::new(&place, "a", &web(place.address(), &server));
    let (status, said) = reload_by_command(&place);
    assert_eq!(status, Some(1), "{said}");
    assert!(said.contains("no running process answers"), "{said}");
    assert!(said.contains(&place.path("a.admin").display().to_string()), "{said}");
    place.write("a.cfg", &format!("defaults\n    mode tcp\n{}", web(place.address(), &server)));
    let (status, said) = reload_by_command(&place);
    assert_eq!(status, Some(1), "{said}");
    assert!(said.contains("'level admin'"), "{said}");
}

#[test]
fn a_command_that_the_old_process_did_not_read_any_more_is_sent_again() {
    use std::io::{BufRead, BufReader, Write};

    let place = Place::new();
    let (socket, config) = (place.path("api"), place.path("a.cfg"));
    let text = format!(
        "global\n    stats socket {} level admin\nlisten web\n    bind {}\n",
        socket.display(),
        place.address()
    );
    std::fs::write(&config, text).unwrap();
    let listener = std::os::unix::net::UnixListener::bind(&socket).unwrap();
    let server = std::thread::spawn(move || {
        let (first, _) = listener.accept().unwrap();
        // The command is there and is not read: the client sees the connection reset.
        let mut waiting = [nix::poll::PollFd::new(
            std::os::fd::AsFd::as_fd(&first),
            nix::poll::PollFlags::POLLIN,
        )];
        assert_eq!(nix::poll::poll(&mut waiting, 10_000u16), Ok(1));
        drop(first);
        let (mut second, _) = listener.accept().unwrap();
        let mut command = String::new();
        BufReader::new(&second).read_line(&mut command).unwrap();
        second.write_all(b"Success=1\n--\nGeneration: 3\n\n").unwrap();
        command
    });
    let output = crate::support::run_to_end(&["--reload", "-f", config.to_str().unwrap()]);
    assert!(output.status.success(), "{output:?}");
    assert_eq!(String::from_utf8_lossy(&output.stdout), "Generation: 3\n");
    assert_eq!(server.join().unwrap(), "reload\n");
}
