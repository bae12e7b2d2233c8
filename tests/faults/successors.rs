//! What may stand in the place of the program when a reload is asked for: nothing, garbage, other
//! programs, programs that hang and programs that lie. The old process goes on with all its entries
//! and says why.

use std::fs;
use std::net::SocketAddr;
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use nix::sys::signal::Signal;

use crate::support::{
    HeldBack, Homes, Node, Place, SOON, Server, Spec, Visitors, ask, binary, copy_program,
    is_alive, send, source, until, visit_all,
};

/// A node whose program can be replaced, and clients that it knows.
struct Replaceable {
    node: Node,
    front: SocketAddr,
    homes: Homes,
    program: PathBuf,
    _servers: Vec<Server>,
    place: Place,
}

impl Replaceable {
    fn start(words: &[&str]) -> Self {
        let place = Place::new();
        let servers: Vec<_> =
            (1..=3).map(|n| Server::name(place.address(), &format!("s{n}"))).collect();
        let front = place.address();
        let mut body = format!(
            "listen web\n    bind {front}\n    balance roundrobin\n    \
             stick-table type ip size 100k expire 10m\n    stick on src\n"
        );
        for (number, server) in (1..).zip(&servers) {
            body.push_str(&format!("    server s{number} {}\n", server.address()));
        }
        let program = place.path("balancer");
        copy_program(&binary(), &program);
        let node = Spec::new(&place, "a", &body).on(program.clone()).arguments(words).start();
        let homes = (0..300).map(|n| (source(n), ask(source(n), front).unwrap())).collect();
        Self { place, _servers: servers, front, node, homes, program }
    }

    /// Puts a file with these bytes in the place of the program.
    fn replace(&self, bytes: &[u8], mode: u32) {
        let (written, path) = (self.place.path("written"), self.place.path("next"));
        fs::write(&written, bytes).unwrap();
        copy_program(&written, &path);
        fs::set_permissions(&path, PermissionsExt::from_mode(mode)).unwrap();
        fs::rename(&path, &self.program).unwrap();
    }

    /// Puts a script there, which writes to the socket of the handover with `>&$fd`.
    fn replace_by_script(&self, script: &str) {
        let text = format!(
            "#!/bin/sh\nfd=$((2 + LISTEN_FDS))\n\
             ready() {{ text=\"ready $$\"; len=$(printf %03o ${{#text}})\n\
             printf \"\\\\000\\\\300\\\\$len$text$1\" >&$fd; }}\n\
             serves() {{ printf '\\000\\003' >&$fd; }}\n{script}\n"
        );
        self.replace(text.as_bytes(), 0o755);
    }

    /// Asks for a reload while clients come. It fails, for this reason, and nothing else happens.
    #[track_caller]
    fn fails(&self, what: &str, reason: &str) {
        let old = self.node.api().info("Pid");
        let visitors = Visitors::start(&[self.front], 1_000_000, &self.homes);
        let began = Instant::now();
        let said = self.node.api().command("reload");
        let told = began.elapsed();
        let visits = visitors.stop();
        assert!(said.starts_with("Success=0\n"), "{what}: {said}");
        assert!(said.contains(reason), "{what}: {said}");
        assert!(visits.tally.is_clean(), "{what}: {:?}", visits.tally);
        assert_eq!(self.node.api().info("Pid"), old, "{what}");
        assert!(self.node.api().used("web") >= self.homes.len() + visits.homes.len(), "{what}");
        let mut after = visit_all(&[self.front], &visits.homes);
        after.add(&visit_all(&[self.front], &self.homes));
        assert!(after.is_clean(), "{what}: {after:?}");
        eprintln!(
            "{what}: told after {told:?}; the slowest of {} clients waited {:?}; misrouted 0, \
             refused 0, lost 0",
            visits.tally.answered, visits.longest
        );
    }

    /// The right program is there again, and a reload goes well.
    #[track_caller]
    fn succeeds(&self) {
        self.replace(&fs::read(binary()).unwrap(), 0o755);
        let said = self.node.api().command("reload");
        assert!(said.starts_with("Success=1\n"), "{said}");
        let after = visit_all(&[self.front], &self.homes);
        assert!(after.is_clean(), "{after:?}");
    }
}

#[test]
fn garbage_in_the_place_of_the_program_is_told_and_harms_nobody() {
    let whole = fs::read(binary()).unwrap();
    let mut of_another_machine = whole.clone();
    of_another_machine[18] ^= 0x55; // e_machine
    for (words, way) in [(&[][..], ""), (&["-W"], ", with a supervisor")] {
        let own = Replaceable::start(words);
        let told = |what: &str, reason: &str| own.fails(&format!("{what}{way}"), reason);
        own.replace(b"just a text\n", 0o755);
        told("a text", "balancer: Exec format error");
        own.replace(b"", 0o755);
        told("an empty file", "balancer: Exec format error");
        own.replace(&whole, 0o644);
        told("a file that is no program", "balancer: Permission denied");
        own.replace(&of_another_machine, 0o755);
        told("a program for another machine", "balancer: Exec format error");
        // The rest may be what only debuggers read.
        own.replace(&whole[..whole.len().min(100_000)], 0o755);
        told("the beginning of the program", "");
        fs::remove_file(&own.program).unwrap();
        told("no file", "balancer: No such file or directory");
        fs::create_dir(&own.program).unwrap();
        told("a directory", "balancer: Permission denied");
        fs::remove_dir(&own.program).unwrap();
        own.replace(&fs::read("/bin/true").unwrap(), 0o755);
        told("another program", "exited with status 0");
        own.replace(b"#!/bin/sh\nkill -SEGV $$\n", 0o755);
        told("a program that crashes", "was ended by SIGSEGV");
        own.succeeds();
    }
}

#[test]
fn a_successor_that_lies_takes_nothing_over() {
    let own = Replaceable::start(&[]);
    own.replace_by_script("ready; exit 3");
    own.fails("ready, and gone", "it exited with status 3");
    own.replace_by_script("serves; ready; exit 4");
    own.fails("it says at once that it serves, and is gone", "it exited with status 4");
    own.replace_by_script("printf 'GET / HTTP/1.0\\r\\n\\r\\n' >&$fd; exit 5");
    own.fails("words of another protocol, and gone", "it exited with status 5");
    own.replace_by_script("printf '\\377\\377\\377' >&$fd; exec sleep 1000");
    own.fails("no message at all, and stays", "the new process went away");
    own.succeeds();
}

/// The clients are held back at the end of a handover, so they wait until the old process gives up.
#[test]
fn a_successor_that_says_at_once_that_it_serves_and_hangs_is_given_up() {
    let own = Replaceable::start(&[]);
    own.replace_by_script(r"ready '\000\003'; exec sleep 1000");
    own.fails("it says that it serves, and hangs", "no progress for 5 s");
    own.succeeds();
}

#[test]
fn a_successor_that_never_stops_talking_holds_nobody_up() {
    let own = Replaceable::start(&[]);
    own.replace_by_script("echo $$ >$0.pid; exec yes >&$fd");
    let asked = {
        let api = own.node.api();
        std::thread::spawn(move || api.command("reload"))
    };
    let pid_file = own.place.path("balancer.pid");
    let pid = || fs::read_to_string(&pid_file).ok()?.trim().parse::<i32>().ok();
    until("it talks", SOON, || pid().is_some());
    let visitors = Visitors::start(&[own.front], 1_000_000, &own.homes);
    crate::support::pause(Duration::from_secs(1));
    until("clients are served", SOON, || visitors.answered() > 20);
    let visits = visitors.stop();
    send(pid().unwrap(), Signal::SIGKILL);
    let said = asked.join().unwrap();
    assert!(said.starts_with("Success=0\n"), "{said}");
    assert!(visits.tally.is_clean(), "{:?}", visits.tally);
    assert!(visits.longest < SOON / 2, "{:?}", visits.longest);
    eprintln!(
        "it never stops talking: the slowest of {} clients waited {:?}",
        visits.tally.answered, visits.longest
    );
    own.succeeds();
}

#[test]
fn a_successor_that_hangs_in_its_start_is_given_up() {
    let own = Replaceable::start(&[]);
    let old = own.node.pid();
    let began = Instant::now();
    let held = HeldBack::start(&own.node);
    let visitors = Visitors::start(&[own.front], 1_000_000, &own.homes);
    until("it is given up", Duration::from_secs(40), || {
        own.node.log().contains("not ready after 30 s")
    });
    let given_up = began.elapsed();
    let visits = visitors.stop();
    assert!(visits.tally.is_clean(), "{:?}", visits.tally);
    until("it is gone", SOON, || !is_alive(held.successor()));
    held.put_back();
    assert_eq!(own.node.pid(), old);
    own.succeeds();
    eprintln!("it hangs in its start: given up after {given_up:?}; misrouted 0, refused 0, lost 0");
}
