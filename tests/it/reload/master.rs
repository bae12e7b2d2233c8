//! `-S`: the supervisor takes commands, for itself and for its workers.

use std::io::{self, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::os::unix::fs::PermissionsExt as _;
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use nix::sys::signal::Signal;
use nix::unistd::Pid;

use crate::support::{Node, Place, SOON, Server, Spec, connect_from, run_to_end, source, until};

/// How long a reader waits before the test fails.
const LIMIT: Duration = Duration::from_secs(30);

/// A supervisor with a master socket.
struct Mastered {
    node: Node,
    path: PathBuf,
    front: SocketAddr,
}

impl Mastered {
    /// `words` stand behind the path of the socket.
    fn start(place: &Place, words: &str, global: &str) -> Self {
        let server = Server::greeting_echo(place.address(), "s1");
        let front = place.address();
        let body = body(front, &server);
        let path = place.path("master");
        let option = format!("{}{words}", path.display());
        let spec = Spec::with_global(place, "a", global, &body);
        // The server answers as long as the test runs.
        std::mem::forget(server);
        Self { node: spec.arguments(&["-W", "-S", &option]).start(), path, front }
    }

    /// The answers to commands, up to the end of the connection.
    #[track_caller]
    fn ask(&self, commands: &str) -> String {
        ask(&self.path, commands).unwrap_or_else(|error| panic!("{commands}: {error}"))
    }

    fn connect(&self) -> UnixStream {
        connect(&self.path)
    }

    /// The worker that serves, as `show proc` tells.
    #[track_caller]
    fn worker(&self) -> i32 {
        self.workers("# workers\n")[0]
    }

    /// The workers below this line of `show proc`.
    #[track_caller]
    fn workers(&self, head: &str) -> Vec<i32> {
        let text = self.ask("show proc\n");
        let Some((_, below)) = text.split_once(head) else { return Vec::new() };
        let lines = below.lines().take_while(|line| !line.starts_with('#'));
        lines.map(|line| line.split(' ').next().unwrap().parse().unwrap()).collect()
    }

    /// Breaks the configuration.
    fn break_configuration(&self) {
        self.node.spec().configure("", "listen web\n    frobnicate 3\n");
    }
}

fn body(front: SocketAddr, server: &Server) -> String {
    format!(
        "listen web\n    bind {front}\n    stick-table type ip size 100k expire 1h\n    \
         stick on src\n    server s1 {}\n",
        server.address()
    )
}

fn connect(path: &Path) -> UnixStream {
    let stream = UnixStream::connect(path).unwrap();
    stream.set_read_timeout(Some(LIMIT)).unwrap();
    stream
}

fn ask(path: &Path, commands: &str) -> io::Result<String> {
    let mut stream = UnixStream::connect(path)?;
    stream.set_read_timeout(Some(LIMIT))?;
    stream.write_all(commands.as_bytes())?;
    stream.shutdown(std::net::Shutdown::Write)?;
    rest(&mut stream)
}

/// What comes up to the end of the connection.
fn rest(stream: &mut impl Read) -> io::Result<String> {
    let mut answer = String::new();
    stream.read_to_string(&mut answer)?;
    Ok(answer)
}

/// Reads until the text ends so.
#[track_caller]
fn read_until(stream: &mut UnixStream, end: &str) -> String {
    let mut text = Vec::new();
    while !text.ends_with(end.as_bytes()) {
        let mut byte = [0];
        let said = || String::from_utf8_lossy(&text).into_owned();
        let count = stream.read(&mut byte).unwrap_or_else(|error| panic!("{error}: {}", said()));
        assert!(count > 0, "the end before {end:?}: {:?}", said());
        text.push(byte[0]);
    }
    String::from_utf8(text).unwrap()
}

fn send(pid: i32, signal: Signal) {
    nix::sys::signal::kill(Pid::from_raw(pid), signal).unwrap();
}

#[test]
fn commands_reach_the_supervisor_and_the_workers() {
    let place = Place::new();
    let master = Mastered::start(&place, "", "");
    let worker = master.worker();
    assert_eq!(master.node.api().info("Pid"), worker.to_string());
    for prefix in ["@1", &format!("@!{worker}")] {
        let info = master.ask(&format!("{prefix} show info\n"));
        assert!(info.contains(&format!("\nPid: {worker}\n")), "{prefix}: {info}");
        assert!(info.ends_with("\n\n"));
    }
    let both = master.ask("@1 show cli level;@master show cli level;show cli sockets\n");
    let path = master.path.display();
    assert_eq!(
        both,
        format!("admin\n\nadmin\n\n# socket lvl processes\nunix@{path} admin master\n\n")
    );
    let said = master.ask("@1\nget weight web/s1\n@1 set map x <<\na b\n\n@\nshow proc\n");
    assert!(said.starts_with("1 (initial 1)\n\n'set map' expects three"), "{said}");
    assert!(said.contains("\n\n#<PID> "), "{said}");
    assert_eq!(
        master.ask("@2 show info\nshow proc\n"),
        "Can't find the target PID matching the prefix '@2'\n"
    );
    for refused in ["expert-mode on", "mcli-debug-mode on"] {
        assert!(master.ask(&format!("{refused}\n")).contains("is not supported"), "{refused}");
    }
    let environment = master.ask("@1 show env HAPROXY_MASTER_CLI;@1 show env HAPROXY_MWORKER\n");
    assert_eq!(environment, format!("HAPROXY_MASTER_CLI=unix@{path}\n\nHAPROXY_MWORKER=1\n\n"));
}

#[test]
fn a_prompt_tells_who_is_spoken_to() {
    let place = Place::new();
    let master = Mastered::start(&place, "", "");
    let worker = master.worker();
    let mut stream = master.connect();
    stream.write_all(b"prompt\n").unwrap();
    read_until(&mut stream, "master> ");
    stream.write_all(b"@1\n").unwrap();
    read_until(&mut stream, &format!("{worker}> "));
    stream.write_all(b"show cli level\n").unwrap();
    assert_eq!(read_until(&mut stream, "> "), format!("admin\n\n{worker}> "));
    stream.write_all(b"reload\n").unwrap();
    let said = read_until(&mut stream, "> ");
    assert!(said.contains("Success=1"), "the worker's own command: {said}");
    until("another worker serves", SOON, || master.worker() != worker);
    stream.write_all(b"@master\nshow cli level\n").unwrap();
    assert_eq!(read_until(&mut stream, "> "), "master> ");
    assert_eq!(read_until(&mut stream, "> "), "admin\n\nmaster> ");
    stream.write_all(b"quit\n").unwrap();
    assert_eq!(rest(&mut stream).unwrap(), "");
}

#[test]
fn the_level_of_the_socket_holds_everywhere() {
    let place = Place::new();
    let master = Mastered::start(&place, ",level,operator,mode,640", "");
    let mode = std::fs::metadata(&master.path).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o640);
    assert_eq!(master.ask("show cli level;@1 show cli level\n"), "operator\n\noperator\n\n");
    assert_eq!(master.ask("user\nreload\n"), "Permission denied\n\n");
    assert!(master.ask("reload\n").starts_with("Success=1\n"));
    assert_eq!(master.ask("@1 set server web/s1 state maint\n"), "Permission denied\n\n");
    let lowered = master.ask("user\n@1 show env PATH\noperator\nshow proc\n");
    assert_eq!(lowered, "Permission denied\n\nPermission denied!\n");
}

#[test]
fn a_reload_is_answered_by_the_program_that_follows() {
    let place = Place::new();
    let master = Mastered::start(&place, "", "");
    let (before, supervisor) = (master.worker(), master.node.first_pid());
    // Clients that ask for a reload read up to the end without ending their own half.
    let mut stream = master.connect();
    stream.write_all(b"reload\n").unwrap();
    let said = rest(&mut stream).unwrap();
    assert!(said.starts_with("Success=1\n--\n[NOTICE] "), "{said}");
    assert!(said.ends_with(": generation 2 serves\n\n"), "{said}");
    let after = master.worker();
    assert_ne!(after, before);
    assert_eq!(master.node.first_pid(), supervisor);
    master.break_configuration();
    let said = master.ask("reload\n");
    assert!(said.starts_with("Success=0\n--\n"), "{said}");
    assert!(said.contains("a.cfg:11:5: in listen 'web': unknown keyword 'frobnicate'"), "{said}");
    assert_eq!(said.matches("frobnicate").count(), 1, "{said}");
    assert_eq!(master.worker(), after);
    assert!(said.ends_with(&master.ask("show startup-logs\n")), "{said}");
    let proc = master.ask("show proc\n");
    assert!(proc.contains(&format!("{supervisor:<15} master          2 [failed: 1] ")), "{proc}");
    assert!(proc.contains(&format!("{after:<15} worker          1 ")), "{proc}");
}

#[test]
fn clients_stay_when_the_supervisor_becomes_another_program() {
    let place = Place::new();
    let master = Mastered::start(&place, "", "");
    let mut half = master.connect();
    half.write_all(b"@1\nprompt\n").unwrap();
    read_until(&mut half, "> ");
    half.write_all(b"show cli level; show cli ").unwrap();
    let mut operator = master.connect();
    operator.write_all(b"operator\nshow cli level\n").unwrap();
    assert_eq!(read_until(&mut operator, "\n\n"), "operator\n\n");
    let mut waiting = [(); 3].map(|()| master.connect());
    for stream in &mut waiting {
        stream.write_all(b"reload;show cli level;quit\n").unwrap();
    }
    for stream in &mut waiting {
        let said = rest(stream).unwrap();
        assert!(said.starts_with("Success=1\n--\n") && said.ends_with("\n\nadmin\n\n"), "{said}");
    }
    half.write_all(b"level\n").unwrap();
    let worker = master.worker();
    let prompt = format!("{worker}> ");
    assert_eq!(read_until(&mut half, &prompt), format!("admin\n\n{prompt}"));
    assert_eq!(read_until(&mut half, &prompt), format!("admin\n\n{prompt}"));
    operator.write_all(b"show cli level\n").unwrap();
    assert_eq!(read_until(&mut operator, "\n\n"), "operator\n\n");
}

#[test]
fn an_old_worker_can_be_asked_as_long_as_it_has_a_client() {
    let place = Place::new();
    let master = Mastered::start(&place, "", "");
    let old = master.worker();
    let mut open: TcpStream = connect_from(source(1), master.front).unwrap();
    open.read_exact(&mut [0; 3]).unwrap();
    assert!(master.ask("reload\n").starts_with("Success=1"));
    assert_eq!(master.workers("# old workers\n"), [old]);
    let sessions = master.ask(&format!("@!{old} show sess\n"));
    assert!(sessions.contains(&format!("src={}:", source(1))), "{sessions}");
    // The worker that serves has none of its own, and shows those of the old one.
    let client = format!("src={}:", source(1));
    let end = format!(" pid={old}");
    until("the new worker hears the old one", SOON, || {
        let sessions = master.ask("@1 show sess\n");
        let mut lines = sessions.lines().filter(|line| line.contains(&client));
        lines.next().is_some_and(|line| line.ends_with(&end)) && lines.next().is_none()
    });
    // Also after another reload.
    assert!(master.ask("reload\n").starts_with("Success=1"));
    let info = master.ask(&format!("@!{old} show info\n"));
    assert!(info.contains("\nStopping: 1\n"), "{info}");
    drop(open);
    until("the old worker has ended", SOON, || master.workers("# old workers\n").is_empty());
    let gone = master.ask(&format!("@!{old} show info\n"));
    assert_eq!(gone, format!("Can't find the target PID matching the prefix '@!{old}'\n"));
}

#[test]
fn a_worker_that_hangs_keeps_nobody_else_waiting() {
    let place = Place::new();
    let master = Mastered::start(&place, "", "");
    let worker = master.worker();
    send(worker, Signal::SIGSTOP);
    let began = Instant::now();
    let mut asking = [(); 3].map(|()| master.connect());
    for stream in &mut asking {
        stream.write_all(b"@1 show info;show cli level;quit\n").unwrap();
    }
    assert_eq!(master.worker(), worker);
    assert!(began.elapsed() < SOON, "others are served");
    for stream in &mut asking {
        let said = rest(stream).unwrap();
        assert_eq!(said, format!("Worker {worker} does not answer.\n\nadmin\n\n"));
    }
    assert!(began.elapsed() < Duration::from_secs(20));
    send(worker, Signal::SIGCONT);
    assert!(master.ask("@1 show info\n").contains(&format!("\nPid: {worker}\n")));
}

#[test]
fn a_client_that_reads_slowly_gets_everything_and_disturbs_nobody() {
    let place = Place::new();
    let master = Mastered::start(&place, "", "");
    let fill: String = (0..20_000u32)
        .map(|n| format!("@1 set table web key 10.0.{}.{}\n", n / 256, n % 256))
        .collect();
    let mut filling = master.connect();
    let mut reading = filling.try_clone().unwrap();
    let reader = std::thread::spawn(move || rest(&mut reading).unwrap().len());
    filling.write_all(fill.as_bytes()).unwrap();
    filling.shutdown(std::net::Shutdown::Write).unwrap();
    assert_eq!(reader.join().unwrap(), 20_000);
    let mut slow = master.connect();
    slow.write_all(b"@1 show table web\n").unwrap();
    slow.shutdown(std::net::Shutdown::Write).unwrap();
    slow.read_exact(&mut [0; 10]).unwrap();
    assert!(master.ask("@1 show info\n").contains("\nPid: "));
    // The answer goes on where the supervisor becomes another program.
    assert!(master.ask("reload\n").starts_with("Success=1"));
    let table = rest(&mut slow).unwrap();
    assert_eq!(table.lines().filter(|line| line.contains("key=10.0.")).count(), 20_000);
}

#[test]
fn a_hundred_clients_are_served_at_a_time_and_idle_ones_make_room() {
    let place = Place::new();
    let master = Mastered::start(&place, "", "");
    let mut clients: Vec<UnixStream> = (0..100).map(|_| master.connect()).collect();
    for stream in &mut clients {
        stream.write_all(b"@1 show cli level\n").unwrap();
    }
    for stream in &mut clients {
        assert_eq!(read_until(stream, "\n\n"), "admin\n\n");
    }
    let _more: Vec<UnixStream> = (0..100).map(|_| master.connect()).collect();
    assert_eq!(master.ask("@1 show cli level\n"), "admin\n\n");
    until("the crowd is told of", SOON, || master.node.log().contains("places are taken"));
}

#[test]
fn strangers_do_no_harm() {
    let place = Place::new();
    let master = Mastered::start(&place, "", "");
    // Who asks and goes away is still obeyed.
    let before = master.worker();
    let mut stream = master.connect();
    stream.write_all(b"reload\n").unwrap();
    drop(stream);
    until("another worker serves", SOON, || master.worker() != before);
    let long = format!("@1 {}\n", "x".repeat(20_000));
    assert_eq!(master.ask(&long), "Command line too long.\n\n");
    for noise in ["\0\u{1}\u{2}\n", "@@@ @1 @2\n", ";;;;\n", "@1 ;@1\n;\n", "@1 <<\n\n", "@!-1 x\n"]
    {
        drop(master.ask(noise));
    }
    let mut unread = master.connect();
    unread.write_all("@1 show info\n".repeat(1000).as_bytes()).unwrap();
    drop(unread);
    assert!(master.ask("@1 show info\n").contains("\nPid: "));
    send(master.worker(), Signal::SIGKILL);
}

#[test]
fn a_worker_without_privileges_is_reached_without_a_path() {
    if !nix::unistd::Uid::effective().is_root() {
        eprintln!("SKIPPED: only root can change the user");
        return;
    }
    let place = Place::new();
    let jail = place.path("jail");
    std::fs::create_dir(&jail).unwrap();
    let global = format!("user nobody\nchroot {}", jail.display());
    let master = Mastered::start(&place, "", &global);
    assert!(master.ask("reload\n").starts_with("Success=1"));
    let worker = master.worker();
    assert!(master.ask("@1 show info\n").contains(&format!("\nPid: {worker}\n")));
}

#[test]
fn a_master_socket_that_cannot_be_opened_ends_the_start() {
    let place = Place::new();
    let body =
        format!("listen web\n    bind {}\n    mode tcp\n    timeout client 1s\n", place.address());
    let path = place.write("a.cfg", &body);
    let said = |options: &[&str]| {
        let output = run_to_end(&[options, &["-f", path.to_str().unwrap()]].concat());
        assert_eq!(output.status.code(), Some(1), "{options:?}");
        String::from_utf8_lossy(&output.stderr).into_owned()
    };
    let text = said(&["-W", "-S", "/nonexistent/directory/master"]);
    assert!(text.contains("-S: bind unix@/nonexistent/directory/master: "), "{text}");
    let text = said(&["-c", "-W", "-S", "/run/x,levl,user"]);
    assert!(text.contains("-S:8: unknown keyword 'levl'; did you mean 'level'?"), "{text}");
    let text = said(&["-c", "-W", "-S", "master"]);
    assert!(text.contains("-S:1: '-S': address 'master' "), "{text}");
}

/// What client-native, and with it dataplaneapi, says to a master socket.
#[test]
fn dataplaneapi_finds_what_it_expects() {
    let place = Place::new();
    let master = Mastered::start(&place, "", "");
    let execute = |command: &str| {
        let mut stream = master.connect();
        stream.write_all(command.as_bytes()).unwrap();
        rest(&mut stream).unwrap()
    };
    let worker = |command: &str| {
        let said = execute(&format!("@1 set severity-output number;@1 {command};quit\n"));
        said.strip_prefix('\n').unwrap_or_else(|| panic!("{said}")).to_owned()
    };
    assert!(worker("show info typed").contains("0.Name.1:POS:str:HAProxy\n"));
    assert!(worker("show stat").starts_with("# pxname,svname,"));
    assert!(worker("show servers state").starts_with("1\n# be_id be_name "));
    assert_eq!(worker("set server web/s1 state drain"), "\n");
    assert_eq!(worker("set server web/s1 state ready"), "\n");
    let reload = || execute("reload;quit\n").split_once("\n--\n").unwrap().0.to_owned();
    assert_eq!(reload(), "Success=1");
    assert!(execute("show proc;quit\n").contains("# workers\n"));
    assert!(execute("show version;quit\n").starts_with("2.6."));
    master.break_configuration();
    assert_eq!(reload(), "Success=0");
}
