//! Effects of `chroot`, `user` and `group`, and what they must not change. Only root can use them.

use std::net::SocketAddr;
use std::os::unix::fs::{MetadataExt as _, PermissionsExt, chown};
use std::os::unix::process::CommandExt as _;
use std::path::Path;
use std::process::Command;

use crate::support::{Node, Place, SOON, Server, Spec, ask, binary_for_all, copy, source, until};

/// Whether the tests run as root. If not, prints that the test is skipped.
fn is_root() -> bool {
    let is_root = nix::unistd::Uid::effective().is_root();
    if !is_root {
        eprintln!("SKIPPED: only root can change root and user");
    }
    is_root
}

/// An empty directory for chroot(2).
fn root(place: &Place) -> std::path::PathBuf {
    let root = place.path("root");
    std::fs::create_dir(&root).unwrap();
    root
}

/// A time zone file (tzfile(5)) for a zone that is always `offset_s` seconds east of Greenwich.
fn zone(offset_s: i32) -> Vec<u8> {
    let mut file = b"TZif".to_vec();
    file.extend([0; 16]);
    for count in [0_u32, 0, 0, 0, 1, 4] {
        file.extend(count.to_be_bytes());
    }
    file.extend(offset_s.to_be_bytes());
    file.extend(b"\0\0TST\0");
    file
}

#[test]
fn log_lines_show_the_local_time_after_chroot_too() {
    if !is_root() {
        return;
    }
    let place = Place::new();
    let receiver = place.log_receiver();
    let server = Server::name(place.address(), "s1");
    let front = place.address();
    let file = place.path("zone");
    std::fs::write(&file, zone(5 * 3600)).unwrap();
    let global = format!(
        "chroot {}\nlog {} format rfc5424 local0",
        root(&place).display(),
        receiver.local_addr().unwrap()
    );
    let body = format!(
        "listen web\n    bind {front}\n    log global\n    option tcplog\n    server s1 {}\n",
        server.address()
    );
    let spec = Spec::with_global(&place, "a", &global, &body);
    let _node = spec.variable("TZ", &format!(":{}", file.display())).start();
    ask(source(1), front).unwrap();
    let mut buffer = [0; 2000];
    let line = loop {
        let len = receiver.recv(&mut buffer).unwrap();
        let line = String::from_utf8_lossy(&buffer[..len]).into_owned();
        if line.contains("web/s1") {
            break line;
        }
    };
    assert!(line.contains("+05:00"), "{line}");
}

/// The value of a line of `/proc/<pid>/status`.
fn status(pid: i32, name: &str) -> String {
    let text = std::fs::read_to_string(format!("/proc/{pid}/status")).unwrap();
    let line = text.lines().find_map(|line| line.strip_prefix(&format!("{name}:")));
    line.unwrap().split_whitespace().collect::<Vec<_>>().join(" ")
}

/// The numbers of the capabilities that a process has. It hands none on.
fn capabilities(pid: i32) -> Vec<u32> {
    let set = |name| u64::from_str_radix(&status(pid, name), 16).unwrap();
    assert_eq!((set("CapInh"), set("CapAmb")), (0, 0));
    assert_eq!(set("CapPrm"), set("CapEff"));
    (0..64).filter(|number| set("CapPrm") & (1 << number) != 0).collect()
}

/// What a worker keeps that stays root, and what a process keeps that starts its successor.
const OF_ROOT: &[u32] = &[1, 5, 24];
const OF_STARTERS: &[u32] = &[0, 1, 3, 5, 6, 7, 10, 12, 13, 18, 24];
const NET_BIND_SERVICE: u32 = 10;

/// Of some capabilities those that this machine gives to root.
fn given(capabilities: &[u32]) -> Vec<u32> {
    let own = u64::from_str_radix(&status(nix::unistd::getpid().as_raw(), "CapPrm"), 16).unwrap();
    capabilities.iter().copied().filter(|number| own & (1 << number) != 0).collect()
}

fn listen(fronts: &[SocketAddr]) -> String {
    let binds: String = fronts.iter().map(|front| format!("    bind {front}\n")).collect();
    format!("listen web\n{binds}    stick-table type ip size 1k\n    server s1 127.0.0.1:9\n")
}

/// A port that only privileged processes may listen on.
fn low_port(place: &Place) -> SocketAddr {
    SocketAddr::new(place.ip().into(), 99)
}

fn is_open(address: SocketAddr) -> bool {
    std::net::TcpStream::connect(address).is_ok()
}

/// The process that serves, which need not be the one that was started.
fn serving(node: &Node) -> i32 {
    node.api().info("Pid").parse().unwrap()
}

/// Reloads. Returns the process that serves then.
fn reload(node: &Node) -> i32 {
    let said = node.api().command("reload");
    assert!(said.starts_with("Success=1"), "{said}: {}", node.log());
    said.lines().find_map(|line| line.strip_prefix("Pid: ")).unwrap().parse().unwrap()
}

#[test]
fn nothing_is_left_of_root_whatever_the_configuration_names() {
    if !is_root() {
        return;
    }
    let both = "user nobody\ngroup nogroup";
    let cases = [
        ("user nobody", Some(65534), None),
        ("uid 65534", Some(65534), None),
        ("group nogroup", None, Some(65534)),
        ("gid 65534", None, Some(65534)),
        (both, Some(65534), Some(65534)),
    ];
    for (global, uid, gid) in cases {
        let place = Place::new();
        let spec = Spec::with_global(&place, "a", global, &listen(&[place.address()]));
        let node = spec.inside(&["setpriv", "--groups", "4,5"]).start();
        let pid = node.pid();
        let four = |id: Option<u32>| vec![id.unwrap_or(0).to_string(); 4].join(" ");
        assert_eq!(status(pid, "Uid"), four(uid), "{global}");
        assert_eq!(status(pid, "Gid"), four(gid), "{global}");
        assert_eq!(status(pid, "Groups"), "", "{global}");
        assert_eq!(status(pid, "NoNewPrivs"), "1", "{global}");
        assert_eq!(capabilities(pid).is_empty(), uid.is_some(), "{global}");
    }
}

#[test]
fn what_cannot_be_given_up_is_fatal() {
    if !is_root() {
        return;
    }
    let place = Place::new();
    chown(place.dir(), Some(1), Some(1)).unwrap();
    let program = binary_for_all(&place);
    let cases = [
        ("user nobody", "become user 65534"),
        ("group nogroup", "become group 65534"),
        ("user nobody\ngroup nogroup", "become group 65534"),
        ("chroot /", "chroot to /"),
    ];
    for (global, said) in cases {
        let spec = Spec::with_global(&place, "a", global, &listen(&[place.address()]));
        let mut node = spec.on(program.clone()).user((1, 1)).start_unready();
        assert_eq!(node.wait(SOON).code(), Some(1), "{global}");
        assert!(node.log().contains(said), "{global}: {}", node.log());
    }
}

#[test]
fn a_process_of_root_keeps_what_its_successors_need_and_they_keep_it_too() {
    if !is_root() {
        return;
    }
    let place = Place::new();
    let (first, low) = (place.address(), low_port(&place));
    let spec = Spec::new(&place, "a", &listen(&[first]));
    let node = spec.clone().start();
    let kept = capabilities(node.pid());
    assert_eq!(kept, given(OF_STARTERS));
    spec.configure("", &listen(&[first, low]));
    node.reload();
    assert_eq!((capabilities(node.pid()), is_open(low)), (kept, true));
    // The next one becomes another user and keeps one capability, and its successor uses that.
    let global = "user nobody\ngroup nogroup\nsetcap cap_net_bind_service";
    let jail = root(&place);
    spec.configure(global, &listen(&[first]));
    node.reload();
    assert_eq!(capabilities(node.pid()), [NET_BIND_SERVICE]);
    assert_eq!(status(node.pid(), "Uid"), "65534 65534 65534 65534");
    chown(place.dir(), Some(65534), None).unwrap();
    for file in ["a.admin", "a.pid"] {
        chown(place.path(file), Some(65534), None).unwrap();
    }
    spec.configure(global, &listen(&[first, low]));
    node.reload();
    assert_eq!((capabilities(node.pid()), is_open(low)), (vec![NET_BIND_SERVICE], true));
    // One that is started from outside may have all of it again.
    spec.configure(&format!("chroot {}", jail.display()), &listen(&[first]));
    let before = node.pid();
    let _new = spec.arguments(&["-sf", &before.to_string()]).start();
    until("the other one serves", SOON, || node.pid() != before);
    assert_eq!(capabilities(node.pid()), given(OF_ROOT));
}

#[test]
fn a_worker_keeps_what_it_needs_and_its_successor_gets_everything_from_the_supervisor() {
    if !is_root() {
        return;
    }
    let place = Place::new();
    let (first, low) = (place.address(), low_port(&place));
    let spec = Spec::new(&place, "a", &listen(&[first])).arguments(&["-W"]);
    let node = spec.clone().start();
    let steps = [
        ("", vec![first], OF_ROOT, false),
        ("", vec![first, low], OF_ROOT, true),
        ("user nobody", vec![first], &[], false),
        ("user nobody", vec![first, low], &[], true),
        ("user nobody\nsetcap cap_net_raw", vec![first], &[13], false),
        ("external-check\ninsecure-fork-wanted", vec![first], OF_STARTERS, false),
    ];
    for (global, fronts, kept, has_low) in steps {
        spec.configure(global, &listen(&fronts));
        let worker = reload(&node);
        assert_eq!(capabilities(worker), given(kept), "{global}");
        // The supervisor keeps the socket of the worker before until it hears that the next serves.
        until("the low port is as it should be", SOON, || is_open(low) == has_low);
        assert_eq!(status(worker, "NoNewPrivs"), "1");
        assert_eq!(status(node.first_pid(), "NoNewPrivs"), "0");
    }
}

#[test]
fn a_program_with_capabilities_in_its_file_keeps_them_in_reloads() {
    if !is_root() {
        return;
    }
    let place = Place::new();
    let (first, low) = (place.address(), low_port(&place));
    let program = binary_for_all(&place);
    let setcap = Command::new("setcap").arg("cap_net_bind_service=ep").arg(&program).status();
    if !setcap.is_ok_and(|status| status.success()) {
        crate::support::skip("setcap is not there, or the file system keeps no capabilities");
        return;
    }
    chown(place.dir(), Some(65534), Some(65534)).unwrap();
    for words in [&[][..], &["-W"]] {
        let spec = Spec::new(&place, "a", &listen(&[first]));
        let spec = spec.on(program.clone()).user((65534, 65534)).arguments(words);
        let node = spec.clone().start();
        reload(&node);
        spec.configure("", &listen(&[first, low]));
        let pid = reload(&node);
        assert!(is_open(low), "{words:?}");
        let kept: &[u32] = if words.is_empty() { &[NET_BIND_SERVICE] } else { &[] };
        assert_eq!(capabilities(pid), kept, "{words:?}");
    }
}

#[test]
fn programs_of_checks_gain_rights_only_where_that_is_wanted() {
    if !is_root() {
        return;
    }
    for (word, uid) in [("", "65534"), ("insecure-setuid-wanted", "0")] {
        let place = Place::new();
        let (id, said) = (place.path("id"), place.path("said"));
        copy(Path::new("/usr/bin/id"), &id);
        std::fs::set_permissions(&id, std::fs::Permissions::from_mode(0o4755)).unwrap();
        std::fs::write(&said, "").unwrap();
        chown(&said, Some(65534), None).unwrap();
        let text = format!("#!/bin/sh\n{} -u >{}\n", id.display(), said.display());
        let script = place.write("check", &text);
        std::fs::set_permissions(&script, std::fs::Permissions::from_mode(0o755)).unwrap();
        let global = format!("external-check\ninsecure-fork-wanted\nuser nobody\n{word}");
        let body = format!(
            "listen web\n    bind {}\n    option external-check\n    \
             external-check command {}\n    server s1 127.0.0.1:9 check inter 1s\n",
            place.address(),
            script.display()
        );
        let node = Spec::with_global(&place, "a", &global, &body).start();
        let heard = || std::fs::read_to_string(&said).unwrap();
        let mut last = String::new();
        until("the program has run", SOON, || {
            last = heard(); // the next run empties it
            last.ends_with('\n')
        });
        assert_eq!(last.trim(), uid, "{word}: {}", node.log());
    }
}

#[test]
fn nobody_looks_into_the_memory_unless_it_is_allowed() {
    if !is_root() {
        return;
    }
    let place = Place::new();
    let program = binary_for_all(&place);
    chown(place.dir(), Some(65534), Some(65534)).unwrap();
    for words in [&[][..], &["-W"]] {
        for (global, is_open) in [("", false), ("set-dumpable", true)] {
            let spec = Spec::with_global(&place, "a", global, &listen(&[place.address()]));
            let spec = spec.on(program.clone()).user((65534, 65534)).arguments(words);
            let node = spec.start();
            let mut pid = serving(&node);
            for reloads in 0..3 {
                let supervisor = words.first().map(|_| node.first_pid());
                for pid in [Some(pid), supervisor].into_iter().flatten() {
                    let about = format!("{words:?} '{global}' after {reloads} reloads");
                    let mut reader = Command::new("head");
                    reader.args(["-c1", &format!("/proc/{pid}/maps")]).uid(65534).gid(65534);
                    // A supervisor that has just become another program closes its memory first.
                    let mut can_read = || reader.output().unwrap().status.success();
                    until(&about, SOON, || can_read() == is_open);
                    let limits = std::fs::read_to_string(format!("/proc/{pid}/limits")).unwrap();
                    let core = limits.lines().find(|line| line.starts_with("Max core")).unwrap();
                    let soft = core.split_whitespace().nth(4).unwrap();
                    assert_eq!(soft != "0", is_open, "{about}: {core}");
                }
                pid = reload(&node);
            }
        }
    }
}

/// Tries what a process can do to others of its machine. Prints what succeeds.
const ATTACK: &str = "
import ctypes, os, socket, sys
libc = ctypes.CDLL(None, use_errno=True)
def call(*words):
    if libc.syscall(*words) < 0:
        raise OSError(ctypes.get_errno(), '')
def connect(path):
    socket.socket(socket.AF_UNIX).connect(path)
def trace(pid):
    if libc.ptrace(16, pid, 0, 0) < 0:
        raise OSError(ctypes.get_errno(), '')
def duplicate(pid):
    call(438, libc.syscall(434, pid, 0), 4, 0)
def fill(file):
    with open(file, 'w') as stream:
        stream.write('1')
ways = [(path, connect, path) for path in sys.argv[1].split()]
ways += [(path + way.__name__, way, path) for path in sys.argv[2].split()
         for way in (fill, os.unlink, lambda path: os.rename(path, path + '2'))]
for pid in sys.argv[3].split():
    files = ['environ', 'maps', 'mem', 'stack']
    ways += [(f, open, '/proc/' + pid + '/' + f) for f in files]
    ways += [(f, os.readlink, '/proc/' + pid + '/' + f) for f in ['exe', 'cwd', 'root']]
    ways += [('fd', os.listdir, '/proc/' + pid + '/fd')]
    ways += [('trace', trace, int(pid)), ('duplicate', duplicate, int(pid))]
    if sys.argv[4] == 'signals':
        ways += [('signal', lambda pid: os.kill(pid, 0), int(pid))]
for name, way, argument in ways:
    try:
        way(argument)
        print(name)
    except OSError:
        pass
print('tried', len(ways))
";

#[test]
fn another_user_of_the_machine_gets_at_nothing() {
    if !is_root() {
        return;
    }
    // Root, root with a supervisor, and another user than the stranger or the same one.
    for (words, global, is_same) in [
        (&[][..], "", false),
        (&["-W"], "", false),
        (&["-W"], "user daemon", false),
        (&["-W"], "user nobody\ngroup nogroup", true),
        (&[], "user nobody\ngroup nogroup\nhardening on", true),
        (&[], "user nobody\ngroup nogroup\nset-dumpable", true),
    ] {
        let place = Place::new();
        let sticky = place.path("sticky");
        std::fs::create_dir(&sticky).unwrap();
        std::fs::set_permissions(&sticky, std::fs::Permissions::from_mode(0o1777)).unwrap();
        let front = sticky.join("front");
        let body = listen(&[place.address()]) + &format!("    bind {}\n", front.display());
        let spec = Spec::with_global(&place, "a", global, &body);
        let master = place.path("master").display().to_string();
        let master_words = if words.is_empty() { vec![] } else { vec!["-S", &master] };
        let node = spec.arguments(words).arguments(&master_words).start();
        let pid = serving(&node);
        let control = format!("/run/stickd/stickd-{pid}.sock");
        let sockets =
            format!("{} {} {control} {master}", place.path("a.admin").display(), front.display());
        let pids = format!("{pid} {}", node.first_pid());
        let signals = if is_same { "no" } else { "signals" };
        let files = format!("{} {}", front.display(), place.path("a.pid").display());
        let words = ["-c", ATTACK, &sockets, &files, &pids, signals];
        let mut attack = Command::new("python3");
        attack.args(words).uid(65534).gid(65534).current_dir("/");
        let Some(output) = attack.output().ok().filter(|output| output.status.success()) else {
            crate::support::skip("there is no Python for everybody");
            return;
        };
        let said = String::from_utf8(output.stdout).unwrap();
        if global.contains("set-dumpable") {
            assert!(
                said.contains("maps\n") && said.contains("fd\n"),
                "the ways lead there: {said}"
            );
        } else {
            assert!(said.starts_with("tried "), "{global}: {said}");
        }
    }
}

#[test]
fn a_pid_file_that_a_stranger_has_made_before_is_the_strangers_no_more() {
    if !is_root() {
        return;
    }
    for (global, words) in [("user daemon", &[][..]), ("hardening on", &["-W"]), ("", &[])] {
        let place = Place::new();
        let pid_file = place.path("own.pid");
        std::fs::set_permissions(place.dir(), std::fs::Permissions::from_mode(0o777)).unwrap();
        std::fs::write(&pid_file, "1\n").unwrap();
        chown(&pid_file, Some(65534), Some(65534)).unwrap();
        let path = pid_file.display().to_string();
        let spec = Spec::with_global(&place, "a", global, &listen(&[place.address()]));
        let node = spec.arguments(words).arguments(&["-p", &path]).start_unready();
        let named = || std::fs::read_to_string(&pid_file).unwrap().trim().parse();
        until("the file names the process", SOON, || named() == Ok(node.first_pid()));
        assert_eq!(std::fs::metadata(&pid_file).unwrap().uid(), 0, "{global}");
    }
}
