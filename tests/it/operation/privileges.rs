//! Effects of `chroot`, `user` and `group`, and what they must not change. Only root can use them.

use crate::support::{Place, Server, Spec, ask, source};

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
