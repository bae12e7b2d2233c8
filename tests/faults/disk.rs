//! A file system that is really full, of its own in memory. Everything lies there that the program
//! writes: its messages, the lines about clients, the pid file, the files of its sockets, and the
//! tables that are saved. It writes no others; maps and the state of servers are only read.

use std::fs::{self, File};
use std::io::Write as _;
use std::net::Ipv4Addr;
use std::path::PathBuf;
use std::process::Command;

use nix::sched::{CloneFlags, unshare};

use crate::service::Service;
use crate::support::{Place, SOON, Server, Spec, ask, skip, source, until};

/// A small file system that only this thread and the processes see that it starts.
struct Disk {
    path: PathBuf,
}

impl Disk {
    /// A file system at the place's directory. None where this user may not mount one.
    fn mount(place: &Place) -> Option<Self> {
        if let Err(error) = unshare(CloneFlags::CLONE_NEWNS) {
            eprintln!("SKIPPED: this user can mount no file system: {error}");
            return None;
        }
        let path = place.dir().to_owned();
        let target = path.display().to_string();
        let options = "size=2m,nr_inodes=100,mode=755";
        for words in
            [&["--make-rprivate", "/"][..], &["-t", "tmpfs", "-o", options, "stickd-test", &target]]
        {
            let mounted = Command::new("mount").args(words).output();
            if !mounted.as_ref().is_ok_and(|output| output.status.success()) {
                skip(&format!("a file system of its own cannot be mounted: {mounted:?}"));
                return None;
            }
        }
        Some(Self { path })
    }

    /// Leaves room for not a single byte more.
    fn fill(&self) {
        let mut file = File::create(self.path.join("filler")).unwrap();
        for len in [4096, 1] {
            while file.write_all(&vec![b'x'; len]).is_ok() {}
        }
        // What others have begun to fill still takes bytes.
        for entry in fs::read_dir(&self.path).unwrap().flatten() {
            if entry.file_type().unwrap().is_file() && entry.file_name() != "pid" {
                let mut last = File::options().append(true).open(entry.path()).unwrap();
                while last.write_all(b"\n").is_ok() {}
            }
        }
    }

    /// Leaves room for not a single file more.
    fn fill_with_files(&self) {
        fs::create_dir(self.path.join("files")).unwrap();
        while (0..1000).any(|n| self.add_file(n)) {}
    }

    fn add_file(&self, number: u32) -> bool {
        File::create_new(self.path.join(format!("files/{number}"))).is_ok()
    }

    /// Removes what filled it.
    fn free(&self) {
        fs::remove_file(self.path.join("filler")).ok();
        fs::remove_dir_all(self.path.join("files")).ok();
    }

    /// The names of files that the program makes for a moment.
    fn leftovers(&self) -> Vec<String> {
        let names = fs::read_dir(&self.path).unwrap().flatten();
        let names = names.map(|entry| entry.file_name().to_string_lossy().into_owned());
        names.filter(|name| name.ends_with(".tmp") || name.ends_with(".t")).collect()
    }
}

impl Drop for Disk {
    fn drop(&mut self) {
        // The processes on it may not have ended yet.
        Command::new("umount").arg("--lazy").arg(&self.path).status().ok();
    }
}

#[test]
fn a_file_system_without_room_disturbs_neither_clients_nor_reloads() {
    for words in [&[][..], &["-W"]] {
        let place = Place::new();
        let Some(disk) = Disk::mount(&place) else { return };
        let own = Service::start_in(place, |spec| {
            let config = fs::read_to_string(spec.config()).unwrap();
            let text = config.replace("defaults\n", "defaults\n    log stdout local0\n");
            fs::write(spec.config(), text).unwrap();
            spec.arguments(words)
        });
        let visitors = own.visitors();
        let pid_file = || own.node.pid_in_file();
        // Room for files, and for no byte in them.
        disk.fill();
        let written = own.node.log();
        let named = pid_file();
        own.reloads();
        own.reloads();
        assert_eq!(own.node.log(), written);
        assert_eq!(pid_file(), named, "an old file is left whole");
        // A supervisor writes its file when the reload is over already.
        until("nothing is left over", SOON, || disk.leftovers().is_empty());
        until("lines are lost, and counted", SOON, || own.node.api().info("DroppedLogs") != "0");
        own.is_well(&format!("no room for a byte {words:?}"), visitors);
        // Room for bytes, and for no new file.
        disk.free();
        let visitors = own.visitors();
        disk.fill_with_files();
        let old = own.node.api().info("Pid");
        let said = own.node.api().command("reload");
        let is_done = said.starts_with("Success=1\n");
        assert!(is_done || said.contains("No space left on device"), "{said}");
        assert_eq!(own.node.api().info("Pid") != old, is_done);
        own.is_well(&format!("no room for a file {words:?}, reloaded {is_done}"), visitors);
        // All is well when there is room.
        disk.free();
        let visitors = own.visitors();
        own.reloads();
        let pid = own.node.api().info("Pid");
        let leads = if words.is_empty() { pid } else { own.node.first_pid().to_string() };
        until("the pid file is right", SOON, || pid_file().is_some_and(|p| p.to_string() == leads));
        until("what was lost is told", SOON, || own.node.log().contains("messages were lost"));
        assert_eq!(disk.leftovers(), [""; 0]);
        own.is_well(&format!("room again {words:?}"), visitors);
    }
}

#[test]
fn a_start_without_room_for_its_files_ends_with_the_reason() {
    let place = Place::new();
    let Some(disk) = Disk::mount(&place) else { return };
    let server = Server::name(place.address(), "s1");
    let front = place.address();
    let body = format!("listen web\n    bind {front}\n    server s1 {}\n", server.address());
    for words in [&[][..], &["-W"]] {
        let spec = Spec::new(&place, "a", &body).arguments(words);
        // Files that are there already would make room for others.
        let _ = ["a.pid", "a.admin"].map(|name| fs::remove_file(place.path(name)).ok());
        place.write("a.log", "");
        disk.fill_with_files();
        let mut node = spec.start_unready();
        let status = node.wait(SOON);
        assert!(!status.success());
        assert!(node.log().contains("No space left on device"), "{}", node.log());
        disk.free();
        assert_eq!(disk.leftovers(), [""; 0]);
        drop(node);
        let node = Spec::new(&place, "a", &body).arguments(words).start();
        drop(node);
    }
}

#[test]
fn a_table_that_has_no_room_is_saved_when_there_is_room_again() {
    for words in [&[][..], &["-W"]] {
        let place = Place::new();
        let Some(disk) = Disk::mount(&place) else { return };
        let file = place.path("web.table");
        let server = Server::name(place.address(), "s1");
        let front = place.address();
        let body = format!(
            "listen web\n    bind {front}\n    stick-table type ip size 10k expire 1h save {} \
             every 100ms\n    stick on src\n    server s1 {}\n",
            file.display(),
            server.address()
        );
        let mut node = Spec::new(&place, "a", &body).arguments(words).start();
        let says = |text: &str| {
            until(text, SOON, || {
                node.api().try_command("show tables").is_ok_and(|shown| shown.contains(text))
            });
        };
        ask(source(1), front).unwrap();
        says(" entries=1 skipped");
        let before = fs::read(&file).unwrap();
        disk.fill();
        // More than the last page of the old file had room for.
        let clients = (1..=2000).map(|n| Ipv4Addr::from(0x0b00_0000 + n));
        node.api().set_servers("web", clients, 1);
        says("error=\"No space left on device");
        assert_eq!(fs::read(&file).unwrap()[..8], before[..8], "the old file stays");
        assert_eq!(ask(source(1), front).unwrap(), "s1");
        disk.free();
        says(" entries=2001 skipped");
        until("no half of a file is left", SOON, || disk.leftovers().is_empty());
        node.crash();
        let node = node.start_again();
        assert_eq!(node.api().used("web"), 2001, "{}", node.log());
    }
}
