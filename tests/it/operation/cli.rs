//! The command line: the check of a configuration, the pid file, the version, and wrong use.

use std::os::unix::process::ExitStatusExt as _;
use std::path::Path;
use std::process::{Command, Stdio};

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use crate::support::{Node, Place, SOON, Server, Spec, ask, is_alive, run_to_end, source, until};

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

/// The exit code and the whole output of `-c` for a configuration.
fn check(path: &Path) -> (Option<i32>, String) {
    let output = run_to_end(&["-c", "-f", path.to_str().unwrap()]);
    (output.status.code(), text(&output.stdout) + &text(&output.stderr))
}

#[test]
fn a_valid_configuration_is_said_to_be_valid() {
    let place = Place::new();
    let path = place.write("a.cfg", EXAMPLE);
    let output = run_to_end(&["-c", "-L", "haproxy1", "-f", path.to_str().unwrap()]);
    assert!(output.status.success(), "{}", text(&output.stderr));
    assert!(text(&output.stdout).contains("Configuration file is valid"), "{output:?}");
    let output = run_to_end(&["-c", "-q", "-L", "haproxy1", "-f", path.to_str().unwrap()]);
    assert!(output.status.success());
    assert_eq!(text(&output.stdout), "");
    let output = run_to_end(&["-c", "-q", "-V", "-L", "haproxy1", "-f", path.to_str().unwrap()]);
    let said = text(&output.stdout);
    assert!(said.ends_with("\nConfiguration file is valid\n"), "-V goes before -q: {said}");
}

/// The main use of this project.
const EXAMPLE: &str = "\
peers mypeers
    peer haproxy1 192.168.0.1:1024
    peer haproxy2 192.168.0.2:1024
    peer haproxy3 10.2.0.1:1024

backend mybackend
    mode tcp
    balance roundrobin
    stick-table type ip size 20k peers mypeers
    stick on src
    server srv1 192.168.0.30:80
    server srv2 192.168.0.31:80
";

/// Shells have programs in the background ignore SIGINT, and programs inherit that.
#[test]
fn a_signal_that_was_ignored_by_who_started_the_process_ends_it_like_any_other() {
    let place = Place::new();
    let front = place.address();
    let pid_file = place.path("pid");
    let body = format!("listen l\n    mode tcp\n    bind {front}\n    server s1 127.0.0.1:1\n");
    let path = place.write("a.cfg", &body);
    let script = "trap '' INT; exec \"$0\" -f \"$1\" -p \"$2\"";
    let mut process = Command::new("sh")
        .args(["-c", script, env!("CARGO_BIN_EXE_stickd")])
        .args([&path, &pid_file])
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    until("the process serves", SOON, || pid_file.exists());
    kill(Pid::from_raw(process.id().try_into().unwrap()), Signal::SIGINT).unwrap();
    assert_eq!(process.wait().unwrap().signal(), Some(Signal::SIGINT as i32));
}

#[test]
fn a_configuration_that_listens_nowhere_is_right_and_does_not_start() {
    let place = Place::new();
    let backend = "backend b\n    mode tcp\n";
    let resting = "frontend f\n    mode tcp\n    bind 127.0.0.1:1\n    disabled\n";
    for text in ["", backend, resting, "peers p\n    peer somebody-else 127.0.0.1:1\n"] {
        let path = place.write("a.cfg", &format!("{text}# end\n"));
        let (code, said) = check(&path);
        assert_eq!(code, Some(2), "{text}: {said}");
        assert!(said.contains("nothing is listened on"), "{text}: {said}");
        let output = run_to_end(&["-f", path.to_str().unwrap()]);
        assert_eq!(output.status.code(), Some(1), "{text}");
    }
}

#[test]
fn a_unix_path_that_is_taken_can_be_listened_on() {
    let place = Place::new();
    let prefix = format!("{}/", place.dir().display());
    let name = |len: usize| "u".repeat(len - prefix.len());
    for (bind, unix_bind) in [(true, false), (false, true)] {
        let body = |len: usize| {
            let path = if bind { format!("{prefix}{}", name(len)) } else { name(len) };
            format!("listen l\n    bind unix@{path}\n    timeout client 1s\n")
        };
        let global = if unix_bind { format!("unix-bind prefix {prefix}") } else { String::new() };
        let node = Spec::with_global(&place, "a", &global, &body(97)).start();
        assert!(place.dir().join(name(97)).exists());
        drop(node);
        let path = place.write("long.cfg", &format!("global\n {global}\n{}", body(98)));
        let (code, said) = check(&path);
        assert_eq!(code, Some(1), "{said}");
        assert!(said.contains("has at most 97"), "{said}");
    }
}

#[test]
fn a_warning_stops_only_a_configuration_that_wants_none_and_a_quiet_one_says_nothing() {
    let place = Place::new();
    let body = "listen l\n    mode tcp\n    bind 127.0.0.1:1\n    timeout client 1s\n";
    for (words, code, warns) in [
        ("ssl-dh-param-file /x", 0, true),
        ("ssl-dh-param-file /x\n zero-warning", 1, true),
        ("ssl-dh-param-file /x\n quiet", 0, false),
    ] {
        let path = place.write("a.cfg", &format!("global\n {words}\n{body}"));
        let (found, said) = check(&path);
        assert_eq!(found, Some(code), "{words}: {said}");
        assert_eq!(said.contains("'ssl-dh-param-file' has no effect"), warns, "{words}: {said}");
        assert_eq!(said.is_empty(), !warns, "{words}: {said}");
    }
}

#[test]
fn all_mistakes_are_reported_in_one_run_each_with_its_place() {
    let place = Place::new();
    let path = place.write(
        "a.cfg",
        "global\n    nbthread 0\n\nbackend web\n    mode tcp\n    balence roundrobin\n    \
         stick-table type ipx size 20k\n    stick on src table nowhere\n    \
         server s1 127.0.0.1:http:80\n    server s1 127.0.0.1:81\n    \
         timeout connect 5parsecs\n\nfrontend in\n    bind 127.0.0.1:99999\n    \
         default_backend webb\n",
    );
    let (code, said) = check(&path);
    assert_eq!(code, Some(1), "{said}");
    for line in [2, 6, 7, 9, 11, 14] {
        let place = format!("a.cfg:{line}");
        assert!(said.contains(&place), "line {line} is not mentioned in: {said}");
    }
    assert!(said.contains("balance"), "the nearest keyword: {said}");
    assert!(said.trim_end().ends_with(": 8 errors"), "{said}");
    assert!(!said.contains("Configuration file is valid"));
}

#[test]
fn names_that_lead_nowhere_are_reported() {
    let place = Place::new();
    let path = place.write(
        "a.cfg",
        "frontend in\n    mode tcp\n    bind 127.0.0.1:1\n    default_backend webb\n\
         backend web\n    mode tcp\n    stick on src table nowhere\n    \
         stick-table type ip size 1k peers nobody\n    server s1 127.0.0.1:80\n",
    );
    let (code, said) = check(&path);
    assert_eq!(code, Some(1), "{said}");
    for name in ["webb", "nowhere", "nobody"] {
        assert!(said.contains(name), "{name} is not mentioned in: {said}");
    }
}

#[test]
fn what_is_not_supported_is_refused_by_name() {
    for (line, word) in
        [("mode http", "http"), ("filter trace", "filter"), ("frobnicate 3", "frobnicate")]
    {
        let place = Place::new();
        let text = format!("backend web\n    mode tcp\n    {line}\n");
        let (code, said) = check(&place.write("a.cfg", &text));
        assert_eq!(code, Some(1), "{line}: {said}");
        assert!(said.contains("a.cfg:3"), "{line}: {said}");
        assert!(said.contains(word), "{line}: {said}");
    }
}

#[test]
fn a_missing_file_is_reported() {
    let (code, said) = check(Path::new("/nonexistent/stickd.cfg"));
    assert_eq!(code, Some(1), "{said}");
    assert!(said.contains("/nonexistent/stickd.cfg"), "{said}");
}

#[test]
fn a_directory_and_several_files_make_one_configuration() {
    let place = Place::new();
    let (server, front) = (Server::name(place.address(), "s1"), place.address());
    let dir = place.path("conf.d");
    std::fs::create_dir(&dir).unwrap();
    std::fs::write(
        dir.join("10-in.cfg"),
        format!("frontend in\n    bind {front}\n    default_backend out\n"),
    )
    .unwrap();
    std::fs::write(
        dir.join("20-out.cfg"),
        format!("backend out\n    server s1 {}\n", server.address()),
    )
    .unwrap();
    let spec = Spec::new(&place, "a", "").arguments(&["-f", dir.to_str().unwrap()]);
    let _node = spec.start();
    assert_eq!(ask(source(1), front).unwrap(), "s1");
}

#[test]
fn the_pid_file_names_the_process_and_stays_after_its_end_as_with_haproxy() {
    let place = Place::new();
    let (server, front) = (Server::name(place.address(), "s1"), place.address());
    let body = format!("listen web\n    bind {front}\n    server s1 {}", server.address());
    let mut node = Node::start(&place, "a", &body);
    let read = || std::fs::read_to_string(place.path("a.pid")).unwrap();
    let own = format!("{}\n", node.first_pid());
    assert_eq!(read(), own);
    assert_eq!(node.api().info("Pid"), node.first_pid().to_string());
    node.signal(Signal::SIGTERM);
    node.wait(SOON);
    assert_eq!(read(), own);
}

#[test]
fn a_daemon_serves_in_the_background() {
    let place = Place::new();
    let (server, front) = (Server::name(place.address(), "s1"), place.address());
    let body = format!("listen web\n    bind {front}\n    server s1 {}", server.address());
    let spec = Spec::new(&place, "a", &body).arguments(&["-D"]);
    let mut node = spec.start_unready();
    assert!(node.wait(SOON).success(), "the command itself returns");
    until("a pid file", SOON, || node.pid_in_file().is_some());
    let pid = node.pid();
    assert_ne!(pid, node.first_pid());
    let served = ask(source(1), front);
    node.signal(Signal::SIGTERM);
    until("the daemon has ended", SOON, || !is_alive(pid));
    assert_eq!(served.unwrap(), "s1");
}

#[test]
fn an_address_in_use_ends_the_start_with_a_message() {
    let place = Place::new();
    let taken = Server::name(place.address(), "s1");
    let body = format!("listen web\n    bind {}\n    server s1 127.0.0.1:1", taken.address());
    let mut node = Spec::new(&place, "a", &body).start_unready();
    assert_eq!(node.wait(SOON).code(), Some(1));
    assert!(node.log().contains(&taken.address().to_string()), "{}", node.log());
}

#[test]
fn the_version_reads_as_a_version() {
    let said = text(&run_to_end(&["-v"]).stdout);
    let version = said.split(' ').find(|word| word.starts_with(|c: char| c.is_ascii_digit()));
    let version = version.unwrap_or_else(|| panic!("no version in {said}"));
    let core = version.split(['-', '+']).next().unwrap();
    assert_eq!(core.split('.').filter(|part| part.parse::<u32>().is_ok()).count(), 3, "{said}");
    assert!(run_to_end(&["-vv"]).stdout.len() > said.len());
}

#[test]
fn wrong_use_is_explained() {
    let output = run_to_end(&["--no-such-option"]);
    assert_eq!(output.status.code(), Some(1));
    assert!(!output.stderr.is_empty());
    let output = run_to_end(&[]);
    assert_eq!(output.status.code(), Some(1));
    let help = run_to_end(&["-h"]);
    let said = text(&help.stdout) + &text(&help.stderr);
    for option in ["-f", "-c", "-sf", "-st", "-p", "-L", "-D"] {
        assert!(said.contains(option), "{option} is not in {said}");
    }
}

#[test]
fn a_condition_is_evaluated_with_the_exit_status_of_haproxy() {
    for (condition, status) in [
        ("1", 0),
        ("0", 1),
        ("", 1),
        ("feature(EPOLL)", 0),
        ("feature(LUA)", 1),
        ("version_atleast(2.4) && !streq(\"$PATH\",)", 0),
        ("nonsense(", 2),
    ] {
        let output = run_to_end(&["-cc", condition]);
        assert_eq!(output.status.code(), Some(status), "{condition}: {output:?}");
    }
}

#[test]
fn options_of_haproxy_do_what_they_do_there() {
    let place = Place::new();
    let body = "listen l\n    mode tcp\n    bind 127.0.0.1:1\n    timeout client 1s\n";
    let path = place.write("a.cfg", &format!("global\n ssl-dh-param-file /x\n{body}"));
    let checked = |options: &[&str]| {
        let output = run_to_end(&[options, &["-c", "-f", path.to_str().unwrap()]].concat());
        (output.status.code(), text(&output.stdout), text(&output.stderr))
    };
    let (status, _, said) = checked(&["-dW"]);
    assert_eq!(status, Some(1), "{said}");
    assert!(said.contains("-dW was given"), "{said}");
    let (status, listed, _) = checked(&["-dL"]);
    assert_eq!(status, Some(0));
    assert!(listed.starts_with("List of loaded object files:\n/"), "{listed}");
    assert!(listed.contains("/libc.so") && listed.contains("is valid"), "{listed}");
    let (status, _, said) = checked(&["-S", "/run/master.sock", "-dp"]);
    assert_eq!(status, Some(0), "{said}");
    assert!(said.contains("-S has no effect: there is no supervisor without -W"), "{said}");
}

#[test]
fn a_frontend_without_maxconn_has_that_of_the_command_line() {
    let place = Place::new();
    let body = format!(
        "listen a\n    bind {}\nlisten b\n    bind {}\n    maxconn 5",
        place.address(),
        place.address()
    );
    let node = Spec::new(&place, "a", &body).arguments(&["-N", "7", "-V"]).start();
    let limits = ["a", "b"].map(|name| node.api().stat(name, "FRONTEND", "slim"));
    assert_eq!(limits, ["7", "5"]);
    assert!(node.log().contains("polling with epoll"), "{}", node.log());
}

#[test]
fn the_keywords_are_listed_with_those_that_are_refused() {
    for option in ["--keywords", "-dKall", "--manual"] {
        let output = run_to_end(&[option]);
        assert!(output.status.success());
        let said = text(&output.stdout);
        for words in [
            "\nKeywords of global\n",
            "\n    stick-table ",
            "\n    accept-proxy\n",
            "\n    Refused: HTTP only",
            " proto,",
        ] {
            assert!(said.contains(words), "{words}: {said}");
        }
    }
}

#[test]
fn the_manual_tells_of_one_word_or_names_the_nearest() {
    let output = run_to_end(&["--manual", "timeout", "client"]);
    assert!(output.status.success());
    let said = text(&output.stdout);
    assert!(said.contains("\n    timeout client <time>\n"), "{said}");
    assert!(!said.contains("timeout server"), "{said}");
    let output = run_to_end(&["--manual", "maxcon"]);
    assert_eq!(output.status.code(), Some(1));
    assert!(text(&output.stderr).contains("did you mean 'maxconn'?"), "{output:?}");
}
