//! The master socket (`-S`): what clients send to a supervisor, and what a supervisor keeps for the
//! program that it becomes.

use std::cell::Cell;
use std::io::{self, ErrorKind, Read as _, Write as _};
use std::net::Shutdown;
use std::os::fd::{AsRawFd as _, OwnedFd, RawFd};
use std::os::linux::net::SocketAddrExt as _;
use std::os::unix::net::{SocketAddr, UnixListener, UnixStream};
use std::sync::atomic::{AtomicU64, Ordering};

use stickd::config::Level;
use stickd::reload::inherit::label::Label;
use stickd::reload::inherit::{FIRST_FD, Inherited, InheritedListener};
use stickd::reload::supervisor::history::History;
use stickd::reload::supervisor::master::MasterSocket;
use stickd::reload::supervisor::master::commands::reference;
use stickd::reload::supervisor::master::crew::{Crew, MasterListener};
use stickd::reload::supervisor::master::keep::{Keeper, Kept};
use stickd::reload::supervisor::master::show_proc::Processes;
use stickd::reload::supervisor::replace::Words;
use stickd::reload::supervisor::worker_link::Rights;

use super::{NOW_MS, Target};
use crate::input::{Input, Pieces, seed};

pub(super) const TARGET: Target = Target { name: "master", run, seeds, words };

/// The worker that serves, and one that drains.
const WORKERS: [i32; 2] = [4711, 4710];
/// The most turns that anything takes: a command needs a few, and a run has thousands at most.
const TURNS_MAX: usize = 200_000;
/// How many descriptors a supervisor has left.
const DESCRIPTORS: RawFd = 4;

fn run(bytes: &[u8]) {
    let mut input = Input(bytes);
    let (control, pieces) = (input.byte(), Pieces::of(input.byte()));
    if control & 1 != 0 {
        return read_what_was_kept(input.0);
    }
    let setting = Setting {
        level: [Level::Admin, Level::Operator, Level::User, Level::Admin]
            [usize::from(control >> 1 & 3)],
        hangs: control & 8 != 0,
        becomes_another: control & 16 != 0,
        reloads: control & 32 != 0,
    };
    let answer = talk(input.0, pieces, setting);
    if !setting.reloads && !setting.hangs {
        // After a reload it counts what the client had sent by then.
        let whole = talk(input.0, Pieces::of(0), Setting { becomes_another: false, ..setting });
        let is_same = without_more(&answer) == without_more(&whole);
        assert!(is_same, "it depends on how the stream was cut: {answer:?}, {whole:?}");
    }
}

/// An answer without the prompts for more lines: a program that goes on with a command whose lines
/// are not all there asks for them once more.
fn without_more(answer: &[u8]) -> String {
    String::from_utf8_lossy(answer).replace("+ ", "")
}

/// How a supervisor behaves.
#[derive(Clone, Copy)]
struct Setting {
    level: Level,
    /// Its workers read nothing.
    hangs: bool,
    /// It becomes another program again and again.
    becomes_another: bool,
    /// It can reload.
    reloads: bool,
}

/// A supervisor without processes.
struct Fake {
    setting: Setting,
    /// The sockets that its workers were given.
    given: Cell<Vec<UnixStream>>,
    reload: Option<u64>,
}

impl Crew for Fake {
    fn serving(&self) -> Option<i32> {
        Some(WORKERS[0])
    }
    fn is_between(&self) -> bool {
        false
    }
    fn has(&self, pid: i32) -> bool {
        WORKERS.contains(&pid)
    }
    fn give(&self, _: i32, socket: UnixStream, _: Rights) -> io::Result<()> {
        let mut given = self.given.take();
        given.push(socket);
        self.given.set(given);
        Ok(())
    }
    fn nudge(&self, _: i32) -> io::Result<()> {
        Ok(())
    }
    fn has_heard(&self, _: i32) -> bool {
        !self.setting.hangs
    }
    fn ask_reload(&mut self) -> Result<u64, &'static str> {
        if !self.setting.reloads {
            return Err("no reload");
        }
        self.reload = Some(1);
        Ok(1)
    }
    fn processes(&self) -> Processes {
        Processes::default()
    }
    fn start_log(&self) -> String {
        "started\n".to_owned()
    }
}

impl Fake {
    /// Lets the workers answer what they were given.
    fn answer(&self) {
        let given = self.given.take();
        if self.setting.hangs {
            return self.given.set(given);
        }
        for mut socket in given {
            let mut command = Vec::new();
            let read = socket.read_to_end(&mut command);
            assert!(read.is_ok() && command.ends_with(b"\n"), "a command without an end");
            // The client may be gone.
            socket.write_all(format!("{} bytes\n\n", command.len()).as_bytes()).ok();
        }
    }
}

/// What a client reads that sends these bytes and then nothing more.
fn talk(bytes: &[u8], pieces: Pieces, setting: Setting) -> Vec<u8> {
    static NUMBER: AtomicU64 = AtomicU64::new(0);
    let number = NUMBER.fetch_add(1, Ordering::Relaxed);
    let name = format!("stickd-fuzz-{}-{number}", std::process::id());
    let address = SocketAddr::from_abstract_name(name).expect("the name is short");
    let listener = UnixListener::bind_addr(&address).expect("there are sockets");
    listener.set_nonblocking(true).expect("sockets can be set up");
    let mut client = UnixStream::connect_addr(&address).expect("it listens");
    client.set_nonblocking(true).expect("sockets can be set up");
    let listener =
        MasterListener { fd: listener.into(), level: setting.level, address: "x".to_owned() };
    let mut supervisor = Supervisor {
        socket: MasterSocket::new(vec![listener]),
        crew: Fake { setting, given: Cell::default(), reload: None },
        now_ms: NOW_MS,
    };
    let (mut rest, mut answer) = (bytes, Vec::new());
    supervisor.turn();
    for _ in 0..TURNS_MAX {
        let (piece, after) = pieces.split(rest, 4096);
        match client.write(piece) {
            Ok(0) => {
                client.shutdown(Shutdown::Write).unwrap_or_default();
                // Each program begins anew with the lines of a command that is not complete.
                supervisor.crew.setting.becomes_another = false;
            }
            Ok(count) if count == piece.len() => rest = after,
            Ok(count) => rest = &rest[count..],
            Err(error) if error.kind() == ErrorKind::WouldBlock => {}
            Err(_) => rest = &[], // the supervisor has closed the connection
        }
        supervisor.turn();
        match client.read_to_end(&mut answer) {
            Err(error) if error.kind() == ErrorKind::WouldBlock => {}
            Ok(_) | Err(_) => return answer,
        }
    }
    panic!("a client that has said all stays for ever");
}

struct Supervisor {
    socket: MasterSocket,
    crew: Fake,
    now_ms: u64,
}

impl Supervisor {
    /// A turn of the loop, after the time until the next one is due where workers hang.
    fn turn(&mut self) {
        let ready: Vec<_> = {
            let polled = self.socket.polled(self.now_ms);
            polled.map(|(which, _, flags)| (which, flags)).collect()
        };
        self.socket.run(&ready, &mut self.crew, self.now_ms);
        self.crew.answer();
        if let Some(number) = self.crew.reload.take() {
            self.socket.note_reload(number, "Success=1\n--\n", &self.crew);
        }
        if self.crew.setting.hangs {
            // As far as the next deadline of an answer, and not of a client that asks nothing.
            let wake_ms = self.socket.wake_ms(false, self.now_ms);
            self.now_ms = wake_ms.min(self.now_ms + 10_000);
        }
        if self.crew.setting.becomes_another {
            let kept = keep(&self.socket);
            self.socket = read_again(&kept);
        }
    }
}

/// What is kept of a socket: the bytes, and the descriptors by their numbers.
fn keep(socket: &MasterSocket) -> (Vec<u8>, Vec<(RawFd, OwnedFd)>) {
    let mut keeper = Keeper::default();
    socket.keep(&mut keeper);
    let (bytes, descriptors) = keeper.finish();
    let again = descriptors
        .into_iter()
        .map(|fd| (fd.as_raw_fd(), fd.try_clone_to_owned().expect("there are descriptors")));
    (bytes, again.collect())
}

fn read_again((bytes, descriptors): &(Vec<u8>, Vec<(RawFd, OwnedFd)>)) -> MasterSocket {
    let descriptors = descriptors.iter();
    let again = descriptors.map(|(n, fd)| (*n, fd.try_clone().expect("there are descriptors")));
    let mut inherited = left(again);
    MasterSocket::of_kept(&mut Kept::new(bytes), &mut inherited).expect("it was written so")
}

/// Descriptors that were left open under these numbers.
fn left(descriptors: impl Iterator<Item = (RawFd, OwnedFd)>) -> Inherited {
    let mut inherited = Inherited::default();
    for (number, fd) in descriptors {
        let label = Label::read("x");
        inherited.add(InheritedListener { label, number: Some(number), address: None, fd });
    }
    inherited
}

/// A line with the words of the variable, and what the file holds behind it. What makes sense is
/// written as it was read, and does no harm to a supervisor that goes on with it.
fn read_what_was_kept(bytes: &[u8]) {
    let at = bytes.iter().position(|byte| *byte == b'\n').unwrap_or(0);
    let (line, file) = bytes.split_at(at);
    if let Some(words) = Words::parse(&String::from_utf8_lossy(line)) {
        let again = Words::parse(&words.write()).expect("it was written so");
        assert_eq!(again.write(), words.write());
    }
    let pair = || UnixStream::pair().expect("there are sockets");
    let (ours, theirs): (Vec<_>, Vec<_>) = (0..DESCRIPTORS).map(|_| pair()).unzip();
    let all = ours.iter().chain(&theirs);
    all.for_each(|it| it.set_nonblocking(true).expect("sockets can be set up"));
    let mut inherited = left((FIRST_FD..).zip(theirs.into_iter().map(OwnedFd::from)));
    let mut kept = Kept::new(file.get(1..).unwrap_or_default());
    if let Ok(history) = History::of_kept(&mut kept) {
        history.keep(&mut Keeper::default());
    }
    let Ok(socket) = MasterSocket::of_kept(&mut kept, &mut inherited) else { return };
    let once = keep(&socket);
    let socket = read_again(&once);
    assert_eq!(keep(&socket).0.len(), once.0.len());
    let setting =
        Setting { level: Level::Admin, hangs: false, becomes_another: false, reloads: true };
    let crew = Fake { setting, given: Cell::default(), reload: None };
    let mut supervisor = Supervisor { socket, crew, now_ms: NOW_MS };
    for _ in 0..20 {
        supervisor.turn();
        for mut client in &ours {
            while client.read(&mut [0; 4096]).is_ok_and(|count| count > 0) {}
        }
    }
}

fn seeds() -> Vec<Vec<u8>> {
    let lines = [
        "show proc;show version;show cli level;show cli sockets;show startup-logs;help show",
        "@1 show info;@!4711 show stat;@!4710 show sess;@master help",
        "@1\nshow info\nprompt\nuser\n@master\nshow proc\noperator",
        "prompt\n@1\nadd acl #0 <<\n192.0.2.1\n\n@!4710\nshow x\nquit",
        "@2 show info\nshow proc",
        "@!9 show info",
        "experimental-mode on;@1 experimental-mode;expert-mode on;mcli-debug-mode on",
        "reload;show proc",
    ];
    let mut seeds: Vec<_> = Vec::new();
    for (number, line) in (0_u8..).zip(lines) {
        seeds.push(seed(&[0, 0], format!("{line}\n")));
        seeds.push(seed(&[(number % 4) << 1 | 16, 1 + number], format!("{line}\n")));
        seeds.push(seed(&[if number % 2 == 0 { 8 } else { 32 }, 7], format!("{line}\n")));
    }
    seeds.extend(reference().map(|row| seed(&[0, 0], format!("{}\n", row.example))));
    seeds.extend(kept_seeds());
    seeds
}

/// What a supervisor keeps that has had a client with each kind of state.
fn kept_seeds() -> impl Iterator<Item = Vec<u8>> {
    let mut number = FIRST_FD - 1;
    let mut descriptor = move |keeper: &mut Keeper<'_>| {
        number += 1;
        keeper.number(number);
    };
    let mut file = |clients: &[i32]| {
        let mut keeper = Keeper::default();
        History::new(NOW_MS).keep(&mut keeper);
        keeper.count(0);
        keeper.count(clients.len() as u64);
        for state in clients {
            descriptor(&mut keeper);
            [2, 1, 0, -WORKERS[0], 0].into_iter().for_each(|it| keeper.number(it));
            keeper.count(NOW_MS);
            keeper.text(b"show in");
            keeper.text(b"old output");
            keeper.number(*state);
            match state {
                2 => keeper.count(1),
                3 => {
                    keeper.number(WORKERS[0]);
                    descriptor(&mut keeper);
                    keeper.moment(Some(NOW_MS));
                }
                _ => {}
            }
        }
        keeper.finish().0
    };
    let all = [file(&[]), file(&[0, 3]), file(&[2])];
    all.into_iter().map(|file| {
        let words = b"2 12 INFO 34 0 9 34:5 33:7 32:-1\n";
        seed(&[1, 0], [&words[..], &file].concat())
    })
}

fn words() -> Vec<String> {
    let commands = reference().map(|row| row.words.to_owned());
    let others = ["@master", "@1", "@!4711", "@!4710", "@!", " <<\n", "experimental-mode on", ";"];
    commands.chain(others.map(str::to_owned)).collect()
}
