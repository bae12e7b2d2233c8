//! The dialogue of client-native, the library of HAProxy's Data Plane API and ingress controller,
//! versions 4 to 6: what it sends to the Runtime API, and what it has to find in the answers.

use std::io::{Read as _, Write as _};
use std::os::unix::net::UnixStream;

use crate::support::{Flavour, Node, Place, SOON, Server, ask, source, until};
use crate::{flavours, start};

/// What it makes of an answer: every command stands behind one that asks for the severity of
/// messages, and a grave message is a failure.
fn execute(node: &Node, command: &str) -> Result<String, String> {
    let mut stream = UnixStream::connect(node.api().path()).unwrap();
    stream.write_all(format!("set severity-output number;{command}\n").as_bytes()).unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    let answer = answer.strip_suffix("\n> ").unwrap_or(&answer);
    let answer = answer.strip_suffix('\n').unwrap_or(answer);
    let is_grave = ["[3]:", "[2]:", "[1]:", "[0]:"].contains(&answer.get(1..5).unwrap_or_default());
    let rest = answer.get(1..).unwrap_or_default().to_owned();
    if is_grave { Err(rest) } else { Ok(rest) }
}

#[track_caller]
fn succeed(node: &Node, command: &str) -> String {
    execute(node, command)
        .unwrap_or_else(|error| panic!("{:?}: {command}: {error}", node.flavour()))
}

/// The three numbers of a version, and whether something stands behind a dash. A version with such
/// a suffix comes before the one without.
fn version(text: &str) -> ([u32; 3], bool) {
    let (numbers, suffix) = text.split_once('-').map_or((text, ""), |(a, b)| (a, b));
    let numbers: Vec<u32> = numbers.split('.').map(|number| number.parse().unwrap()).collect();
    (numbers.try_into().unwrap(), !suffix.is_empty())
}

fn is_at_least(text: &str, wanted: [u32; 3]) -> bool {
    let (numbers, has_suffix) = version(text);
    numbers > wanted || numbers == wanted && !has_suffix
}

/// The words of each line of `show servers state`, checked as it does.
fn servers(node: &Node, backend: &str) -> Vec<Vec<String>> {
    let text = succeed(node, &format!("show servers state {backend}"));
    let mut lines = text.lines();
    assert_eq!(lines.next().map(str::trim), Some("1"));
    let rows = lines.filter(|line| !line.trim().is_empty() && !line.starts_with('#'));
    let rows: Vec<Vec<String>> =
        rows.map(|line| line.split(' ').map(str::to_owned).collect()).collect();
    assert!(rows.iter().all(|row| row.len() >= 25), "{rows:?}");
    rows
}

fn body(place: &Place, server: &Server) -> (std::net::SocketAddr, String) {
    let front = place.address();
    let body = format!(
        "listen l\n    bind {front}\n    stick-table type ip size 1k expire 1h store conn_cnt\n    \
         stick on src\n    tcp-request connection track-sc0 src\n    server s1 {}\n",
        server.address()
    );
    (front, body)
}

#[test]
fn the_version_lets_it_use_what_there_is() {
    let place = Place::new();
    let server = Server::name(place.address(), "s1");
    let node = start(Flavour::Stickd, &place, "", &body(&place, &server).1);
    assert!(succeed(&node, "help").contains("show servers state"));
    let info = succeed(&node, "show info");
    let told = info.lines().find_map(|line| line.strip_prefix("Version: ")).unwrap();
    // Servers are added and deleted from 2.6 on, and the master socket reloads from 2.7 on. 2.8 has
    // commands about OCSP that are not here.
    assert!(is_at_least(told, [2, 6, 0]) && is_at_least(told, [2, 7, 0]), "{told}");
    assert!(!is_at_least(told, [2, 8, 0]), "{told}");
    // Version 2 of the library takes the last part but one for a commit.
    assert!(told.split_once('-').unwrap().1.contains('-'), "{told}");
    assert!(told.contains("stickd"), "{told}");
    assert_eq!(succeed(&node, "show version").trim(), format!("[6]: {told}"));
}

#[test]
fn it_reads_the_figures() {
    for flavour in flavours() {
        let place = Place::new();
        let server = Server::name(place.address(), "s1");
        let (front, body) = body(&place, &server);
        let node = start(flavour, &place, "", &body);
        assert_eq!(ask(source(1), front).unwrap(), "s1");
        let info = succeed(&node, "show info typed");
        let field = |number: &str| {
            let mut lines = info.lines();
            let line = lines.find(|line| line.split('.').next() == Some(number)).unwrap();
            line.split(':').nth(3).unwrap().to_owned()
        };
        assert_eq!(field("3"), "1", "{flavour:?}: threads");
        assert!(field("6").parse::<i32>().unwrap() > 0, "{flavour:?}: the process");
        let rows = succeed(&node, "show stat");
        let mut rows = rows.get(2..).unwrap().lines();
        let keys: Vec<&str> = rows.next().unwrap().split(',').collect();
        let place_of_type = keys.iter().position(|key| *key == "type").unwrap();
        let rows = rows.map(|row| row.split(',').collect::<Vec<_>>());
        let rows: Vec<_> = rows.filter(|row| row.len() >= keys.len()).collect();
        let kinds: Vec<&str> = rows.iter().map(|row| row[place_of_type]).collect();
        assert_eq!(kinds, ["0", "2", "1"], "{flavour:?}");
        let tables = succeed(&node, "show table");
        let table: Vec<&str> = tables.lines().next().unwrap().split(',').collect();
        assert_eq!(table[..2], ["# table: l", " type: ip"], "{flavour:?}");
        assert!(table[2].starts_with(" size:") && table[3].starts_with(" used:"), "{flavour:?}");
        succeed(&node, &format!("set table l key {} data.conn_cnt 7", source(1)));
        let entries = succeed(&node, &format!("show table l key {}", source(1)));
        let entry = entries.lines().find(|line| line.starts_with("0x")).unwrap();
        let (_, words) = entry.split_once(':').unwrap();
        let words: Vec<&str> = words.split_ascii_whitespace().collect();
        assert!(words.contains(&"conn_cnt=7") && words.contains(&"server_id=1"), "{flavour:?}");
        succeed(&node, "clear counters");
        succeed(&node, "clear counters all");
    }
}

#[test]
fn it_adds_changes_and_deletes_servers() {
    for flavour in flavours() {
        let place = Place::new();
        let server = Server::name(place.address(), "s1");
        let (front, body) = body(&place, &server);
        let node = start(flavour, &place, "", &body);
        let address = server.address();
        let words = format!("{address} check inter 100ms weight 12 maxconn 30");
        succeed(&node, &format!("add server l/n {words}"));
        let again = execute(&node, &format!("add server l/n {words}"));
        assert!(again.unwrap_err().contains("Already exists"), "{flavour:?}");
        assert!(execute(&node, "add server l/m 127.0.0.1:1 nonsense").is_err(), "{flavour:?}");
        assert!(execute(&node, "enable agent l/n").is_err(), "{flavour:?}");
        succeed(&node, "enable health l/n");
        let admin = |name: &str| {
            let rows = servers(&node, "l");
            let row = rows.into_iter().find(|row| row[3] == name).unwrap();
            (row[4].clone(), row[6].clone(), row[7].clone(), row[18].clone())
        };
        let (ip, port) = (address.ip().to_string(), address.port().to_string());
        assert_eq!(admin("n"), (ip, "1".into(), "12".into(), port.clone()), "{flavour:?}");
        succeed(&node, "enable server l/n");
        assert_eq!(admin("n").1, "0", "{flavour:?}");
        assert!(execute(&node, "del server l/n").is_err(), "{flavour:?}");
        succeed(&node, &format!("set server l/n addr 127.0.0.9 port {port}"));
        succeed(&node, "set server l/n weight 50%");
        succeed(&node, "set server l/n check-port 7");
        succeed(&node, "set server l/n health down");
        succeed(&node, "set server l/n state drain");
        let (ip, admin_bits, weight, _) = admin("n");
        assert_eq!((ip.as_str(), &*admin_bits, &*weight), ("127.0.0.9", "8", "6"), "{flavour:?}");
        succeed(&node, "disable server l/n");
        until("it is deleted", SOON, || execute(&node, "del server l/n").is_ok());
        assert_eq!(servers(&node, "l").len(), 1, "{flavour:?}");
        assert_eq!(ask(source(1), front).unwrap(), "s1", "{flavour:?}");
    }
}
