//! What a machine may lack: room on its disks, the files of sockets, descriptors, memory. Under
//! load, and in the middle of a reload.

use std::fs;
use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::os::unix::net::UnixListener;
use std::path::Path;
use std::process::Command;
use std::time::Instant;

use crate::service::Service;
use crate::support::{
    Place, SOON, Server, Spec, ask, connect_from, open_descriptors, source, until,
};

/// Changes a limit of a running process.
fn limit(pid: i32, what: &str) {
    let status = Command::new("prlimit").args([what, "--pid", &pid.to_string()]).status();
    assert!(status.unwrap().success());
}

#[test]
fn a_disk_that_is_full_stops_neither_the_service_nor_a_reload() {
    for words in [&[][..], &["-W"]] {
        let own = Service::start(|spec| spec.arguments(words));
        let visitors = own.visitors();
        let pids = [own.node.first_pid(), own.node.api().info("Pid").parse().unwrap()];
        // No file may grow: neither the log nor the pid file. Such a write draws a signal, too.
        pids.iter().for_each(|pid| limit(*pid, "--fsize=0:"));
        let written = own.node.log();
        for _ in 0..2 {
            own.reloads();
        }
        own.node.spec().configure("", "listen web\n    frobnicate 3\n");
        let said = own.node.api().command("reload");
        assert!(said.contains("'frobnicate'"), "{said}");
        assert_eq!(own.node.log(), written);
        own.is_well(&format!("a full disk {words:?}"), visitors);
        let pid = own.node.api().info("Pid").parse().unwrap();
        limit(pid, "--fsize=unlimited:");
        limit(own.node.first_pid(), "--fsize=unlimited:");
        let said = own.node.api().command("reload");
        assert!(said.contains("'frobnicate'"), "{said}");
        until("what was lost is told", SOON, || own.node.log().contains("messages were lost"));
    }
}

#[test]
fn a_start_on_a_full_disk_ends_with_the_reason_or_serves() {
    let place = Place::new();
    let server = Server::name(place.address(), "s1");
    let front = place.address();
    let body = format!("listen web\n    bind {front}\n    server s1 {}\n", server.address());
    // Messages go to a full disk.
    let script = "exec \"$0\" \"$@\" 2>/dev/full";
    let node = Spec::new(&place, "a", &body).inside(&["sh", "-c", script]).start();
    assert_eq!(ask(source(1), front).unwrap(), "s1");
    let said = node.api().command("reload");
    assert!(said.starts_with("Success=1\n"), "{said}");
    assert_eq!(ask(source(1), front).unwrap(), "s1");
}

#[test]
fn a_socket_of_the_runtime_api_that_is_unlinked_or_taken_comes_back_with_a_reload() {
    let own = Service::start(|spec| spec);
    let visitors = own.visitors();
    let path = own.node.api().path().to_owned();
    fs::remove_file(&path).unwrap();
    own.node.reload();
    assert_eq!(own.node.api().info("Pid"), own.node.pid().to_string());
    // Another program has put its own there.
    fs::remove_file(&path).unwrap();
    let other = UnixListener::bind(&path).unwrap();
    own.node.reload();
    assert_eq!(own.node.api().info("Pid"), own.node.pid().to_string());
    drop(other);
    // Its directory is gone: the reload fails and says so.
    let old = own.node.pid();
    let text = fs::read_to_string(own.node.spec().config()).unwrap();
    let inside = own.place.path("run");
    fs::create_dir(&inside).unwrap();
    let socket = inside.join("second");
    let more = format!("global\n    stats socket {} level admin\n", socket.display());
    fs::write(own.node.spec().config(), text.replace("global\n", &more)).unwrap();
    own.reloads();
    until("the old process has ended", SOON, || own.node.pid() != old);
    let old = own.node.pid();
    fs::remove_file(&socket).unwrap();
    fs::remove_dir(&inside).unwrap();
    let said = own.node.api().command("reload");
    assert!(said.starts_with("Success=0\n") && said.contains("second"), "{said}");
    assert_eq!(own.node.pid(), old);
    fs::create_dir(&inside).unwrap();
    own.reloads();
    assert!(socket.exists());
    own.is_well("sockets unlinked and taken", visitors);
}

/// A client that has its server's name, and stays.
fn stay(front: SocketAddr, number: u32) -> Option<TcpStream> {
    let mut stream = connect_from(source(number), front).ok()?;
    stream.read_exact(&mut [0; 3]).ok()?;
    Some(stream)
}

#[test]
fn descriptors_that_run_out_under_load_and_in_a_reload_are_survived() {
    let own = Service::start(|spec| spec);
    let mut streams: Vec<_> = (0..30).filter_map(|n| stay(own.front, 500 + n)).collect();
    assert_eq!(streams.len(), 30);
    let pid = own.node.pid();
    until("all others are gone", SOON, || own.node.api().info("CurrConns") == "30");
    let mut open = (0, 0);
    until("the number of descriptors rests", SOON, || {
        let count = open_descriptors(pid);
        open = (count, if count == open.0 { open.1 + 1 } else { 0 });
        open.1 > 20
    });
    limit(pid, &format!("--nofile={}:", open_descriptors(pid)));
    // No descriptor is left for anything.
    let began = Instant::now();
    own.node.ask_reload();
    // A descriptor of a client of the Runtime API that is gone may be enough for the start, and
    // then the new process has too few.
    until("the reload has failed", SOON, || {
        let log = own.node.log();
        let is_not_started = log.contains("start a new process");
        (is_not_started && log.contains("Too many open files"))
            || log.contains("reload: failed, this process goes on serving")
    });
    let told = began.elapsed();
    for stream in &mut streams {
        stream.write_all(b"ping").unwrap();
        stream.read_exact(&mut [0; 4]).unwrap();
    }
    let waiting: Vec<_> =
        own.homes.keys().take(15).map(|client| connect_from(*client, own.front).unwrap()).collect();
    drop(streams);
    // There is room again for the clients that wait.
    for (mut client, home) in waiting.into_iter().zip(own.homes.values()) {
        let mut name = [0; 2];
        client.read_exact(&mut name).unwrap();
        assert_eq!(name, home.as_bytes());
    }
    let visitors = own.visitors();
    limit(pid, "--nofile=1000:");
    own.reloads();
    eprintln!("no descriptor left: a reload failed within {told:?}, 15 clients waited");
    own.is_well("after descriptors ran out", visitors);
}

#[test]
fn memory_that_runs_out_in_a_reload_fails_the_reload_and_nothing_else() {
    for words in [&[][..], &["-W"]] {
        let own = Service::start(|spec| spec.arguments(words));
        let visitors = own.visitors();
        let pids = [own.node.first_pid(), own.node.api().info("Pid").parse().unwrap()];
        let old = own.node.api().info("Pid");
        // Enough for what is there, and not for a table that is as large as the new one.
        pids.iter().for_each(|pid| limit(*pid, "--as=600000000:"));
        let config = own.node.spec().config();
        let text = fs::read_to_string(config).unwrap();
        fs::write(config, text.replace("size 300k", "size 40m")).unwrap();
        let said = own.node.api().command("reload");
        assert!(said.starts_with("Success=0\n"), "{words:?}: {said}");
        eprintln!("{words:?}: {}", said.trim().lines().last().unwrap_or_default());
        assert_eq!(own.node.api().info("Pid"), old);
        fs::write(config, text).unwrap();
        own.reloads();
        own.is_well(&format!("memory short in a reload {words:?}"), visitors);
    }
}

#[test]
fn a_control_socket_that_is_unlinked_is_told_and_comes_back_with_a_reload() {
    let own = Service::start(|spec| spec);
    let visitors = own.visitors();
    let old = own.node.pid();
    let unlink = |pid: i32| {
        let name = format!("stickd-{pid}.sock");
        let mut places = [own.place.path(&name), Path::new("/run/stickd").join(&name)].into_iter();
        fs::remove_file(places.find(|path| path.exists()).unwrap()).unwrap();
    };
    unlink(old);
    // The process itself can still start one.
    own.reloads();
    let next: i32 = own.node.api().info("Pid").parse().unwrap();
    assert_ne!(next, old);
    let asks = |pid: i32| own.node.spec().clone().arguments(&["-sf", &pid.to_string()]);
    let mut last = asks(next).start_unready();
    let serves = |pid: i32| {
        let info = own.node.api().try_command("show info");
        info.is_ok_and(|info| info.contains(&format!("\nPid: {pid}\n")))
    };
    until("the last one serves", SOON, || serves(last.first_pid()));
    assert!(last.is_running());
    own.is_well("a control socket unlinked", visitors);
    // Once more, and nobody asks the process itself: its entries are lost, and not in silence.
    let lost = last.first_pid();
    unlink(lost);
    let alone = asks(lost).start_unready();
    until("another one serves", SOON, || serves(alone.first_pid()));
    let said = format!("process {lost} has no control socket: it is told to stop");
    assert!(own.node.log().contains(&said), "{}", own.node.log());
    until("the last one has ended", SOON, || !last.is_running());
}

#[test]
fn a_master_socket_that_is_unlinked_disturbs_neither_the_service_nor_a_reload() {
    let socket = Place::new();
    let path = socket.path("master");
    let option = path.display().to_string();
    let own = Service::start(|spec| spec.arguments(&["-W", "-S", &option]));
    let visitors = own.visitors();
    fs::remove_file(&path).unwrap();
    own.reloads();
    own.reloads();
    own.is_well("a master socket unlinked", visitors);
}
