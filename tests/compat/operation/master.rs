//! The master socket (`-S`): whom commands are for, and what the supervisor answers itself.

use std::io::Read as _;
use std::os::unix::fs::PermissionsExt as _;
use std::path::PathBuf;

use super::ask_supervisor;
use crate::flavours;
use crate::support::{
    Flavour, Node, Place, SOON, Server, Spec, connect_from, haproxy, source, until,
};

/// A supervisor that takes commands at `path`.
struct Mastered {
    flavour: Flavour,
    node: Node,
    path: PathBuf,
}

impl Mastered {
    fn start(flavour: Flavour, place: &Place, words: &str, body: &str) -> Self {
        let path = place.path("master");
        let option = format!("{}{words}", path.display());
        let spec = Spec::new(place, "a", body).arguments(&["-S", &option]).reloadable();
        let node = match flavour {
            Flavour::Stickd => spec.arguments(&["-W"]).start(),
            Flavour::Haproxy => spec.on_haproxy(haproxy().unwrap()).start(),
        };
        let master = Self { flavour, node, path };
        // HAProxy becomes the master only after its worker serves.
        let answers = || master.try_ask("show version\n").is_ok_and(|answer| !answer.is_empty());
        until("the master answers", SOON, answers);
        master
    }

    fn try_ask(&self, commands: &str) -> std::io::Result<String> {
        ask_supervisor(&self.path, commands)
    }

    #[track_caller]
    fn ask(&self, commands: &str) -> String {
        self.try_ask(commands)
            .unwrap_or_else(|error| panic!("{:?}: {commands}: {error}", self.flavour))
    }

    /// The lines of `show proc` as words, without those that differ: versions and ages.
    fn processes(&self) -> Vec<Vec<String>> {
        let text = self.try_ask("show proc\n").unwrap_or_default();
        let words = |line: &str| line.split_whitespace().map(str::to_owned).collect::<Vec<_>>();
        let kept = |words: Vec<String>| {
            let is_age = |word: &String| word.contains('d') && word.ends_with('s');
            words.into_iter().take_while(|word| !is_age(word)).collect()
        };
        text.lines().map(words).map(kept).filter(|line: &Vec<_>| !line.is_empty()).collect()
    }

    fn worker(&self) -> Option<i32> {
        let lines = self.processes();
        let at = lines.iter().position(|line| line == &["#", "workers"])?;
        lines.get(at + 1)?.first()?.parse().ok()
    }
}

fn body(place: &Place, server: &Server) -> (std::net::SocketAddr, String) {
    let front = place.address();
    (front, format!("listen web\n    bind {front}\n    server s1 {}\n", server.address()))
}

#[test]
fn a_prefix_says_whom_a_command_is_for() {
    for flavour in flavours() {
        let place = Place::new();
        let server = Server::name(place.address(), "s1");
        let master = Mastered::start(flavour, &place, "", &body(&place, &server).1);
        let worker = master.worker().unwrap();
        for (commands, expected) in [
            ("show cli level\n", "admin\n\n"),
            ("@1 show cli level\n", "admin\n\n"),
            ("@0 show cli level;@master show cli level\n", "admin\n\nadmin\n\n"),
            ("@1\nget weight web/s1\n@\nshow cli level\n", "1 (initial 1)\n\nadmin\n\n"),
            (" @1 get weight web/s1;get weight web/s1\n", "1 (initial 1)\n\n"),
            ("operator\nshow cli level\n@1 show cli level\n", "operator\n\noperator\n\n"),
            ("@1 operator;@1 show cli level\n", "\nadmin\n\n"),
            ("user\noperator\nshow proc\n", "Permission denied!\n"),
            ("user\nreload\n@1 show env\n", "Permission denied\n\nPermission denied\n\n"),
            ("@2 show info\n", "Can't find the target PID matching the prefix '@2'\n"),
            ("@!1 show info\n", "Can't find the target PID matching the prefix '@!1'\n"),
            ("@x\nshow proc\n", "Can't find the target PID matching the prefix '@x'\n"),
            ("show cli level;quit;show cli level\n", "admin\n\n"),
            ("prompt\nshow cli level\n", "master> admin\n\nmaster> "),
            ("prompt\nprompt\nshow cli level\n", "master> admin\n\n"),
            ("@1 set severity-output number;@1 show cli level;quit\n", "\nadmin\n\n"),
            ("@1 add map none <<\na b\n\n@master show cli level\n", "admin\n\n"),
            ("show cli level", ""),
        ] {
            let answer = master.ask(commands);
            let is_part = commands.contains("get weight web/s1;") || commands.contains("<<");
            let is_alike = if is_part {
                // What comes besides differs, or may: an unknown map, an unknown command.
                answer.starts_with(expected) || answer.ends_with(expected)
            } else {
                answer == expected
            };
            assert!(is_alike, "{flavour:?}: {commands}: {answer}");
        }
        let prompts = master.ask(&format!("prompt\n@1\nget weight web/s1\n@!{worker}\n@master\n"));
        let of_worker = format!("{worker}> ");
        let expected =
            format!("master> {of_worker}1 (initial 1)\n\n{of_worker}{of_worker}master> ");
        assert_eq!(prompts, expected, "{flavour:?}");
        let own = format!("@!{worker} show info\n");
        assert!(master.ask(&own).contains(&format!("\nPid: {worker}\n")), "{flavour:?}");
    }
}

#[test]
fn the_help_of_the_master_is_that_of_haproxy() {
    let mut seen: Vec<Vec<String>> = Vec::new();
    for flavour in flavours() {
        let place = Place::new();
        let server = Server::name(place.address(), "s1");
        let master = Mastered::start(flavour, &place, "", &body(&place, &server).1);
        // HAProxy has this since 2.7, and another text for a reload that does not answer.
        let is_common = |line: &&str| !line.contains("startup-logs") && !line.contains(" reload ");
        let lines = |text: String| text.lines().filter(is_common).map(str::to_owned).collect();
        seen.push(lines(master.ask("help\n")));
        let said = master.ask("show cli foo\n");
        assert!(said.starts_with("Unknown command, but maybe one of the following"), "{said}");
        assert!(
            master.ask("\n").starts_with("Unknown command. Please enter one of"),
            "{flavour:?}"
        );
    }
    assert!(seen.iter().all(|lines| lines == &seen[0] && lines.len() > 10), "{seen:?}");
}

#[test]
fn the_options_of_the_socket_decide_who_may_do_what() {
    for flavour in flavours() {
        let place = Place::new();
        let server = Server::name(place.address(), "s1");
        let words = ",level,operator,mode,600,uid,0";
        let master = Mastered::start(flavour, &place, words, &body(&place, &server).1);
        let mode = std::fs::metadata(&master.path).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600, "{flavour:?}");
        let levels = master.ask("show cli level\n@1 show cli level\n");
        assert_eq!(levels, "operator\n\noperator\n\n", "{flavour:?}");
        assert_eq!(master.ask("user\nreload\n"), "Permission denied\n\n", "{flavour:?}");
        let variables = "@1 show env HAPROXY_MASTER_CLI;@1 show env HAPROXY_MWORKER\n";
        let path = master.path.display();
        let expected = format!("HAPROXY_MASTER_CLI=unix@{path}\n\nHAPROXY_MWORKER=1\n\n");
        assert_eq!(master.ask(variables), expected, "{flavour:?}");
    }
}

#[test]
fn the_processes_are_listed_with_the_reloads_that_each_has_seen() {
    let mut seen = Vec::new();
    for flavour in flavours() {
        let place = Place::new();
        let server = Server::greeting_echo(place.address(), "s1");
        let (front, body) = body(&place, &server);
        let master = Mastered::start(flavour, &place, "", &body);
        let first = master.worker().unwrap();
        let mut open = connect_from(source(1), front).unwrap();
        open.read_exact(&mut [0; 3]).unwrap();
        // HAProxy 2.6 closes the connection without an answer.
        drop(master.try_ask("reload\n"));
        until("another worker", SOON, || master.worker().is_some_and(|pid| pid != first));
        let second = master.worker().unwrap();
        let sessions = master.ask(&format!("@!{first} show sess\n"));
        assert!(sessions.contains(&format!("src={}:", source(1))), "{flavour:?}: {sessions}");
        master.node.spec().configure("", "listen web\n    frobnicate\n");
        drop(master.try_ask("reload\n"));
        let has_failed = || master.processes().iter().flatten().any(|word| word == "1]");
        until("the reload has failed", SOON, has_failed);
        let names = [(first, "first"), (second, "second"), (master.node.first_pid(), "master")];
        let named = |word: String| {
            let found = names.iter().find(|(pid, _)| word == pid.to_string());
            found.map_or(word, |(_, name)| (*name).to_owned())
        };
        let lines = master.processes().into_iter();
        let lines = lines.map(|line| line.into_iter().map(named).collect::<Vec<_>>().join(" "));
        seen.push(lines.collect::<Vec<_>>());
    }
    let expected = [
        "#<PID> <type> <reloads> <uptime> <version>",
        "master master 2 [failed: 1]",
        "# workers",
        "second worker 1",
        "# old workers",
        "first worker 2",
        "# programs",
    ];
    assert!(seen.iter().all(|lines| lines == &expected), "{seen:?}");
}
