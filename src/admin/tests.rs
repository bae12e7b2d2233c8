//! The commands of the Runtime API and their answers.

use super::context::peers_status::PeersView;
use super::fixture::{Fixture, NOW_MS, connecting_peers};
use super::link::command_session::CommandSession;
use super::link::session::Session;
use crate::config::Level;
use crate::config::data_type::DataType;
use crate::config::{PeersId, TableId};

/// An answer without what HAProxy and we print for addresses.
fn without_addresses(text: &str) -> String {
    let mut kept = String::new();
    let mut rest = text;
    while let Some(at) = rest.find("0x") {
        let (before, after) = rest.split_at(at);
        kept.push_str(before);
        let digits = after[2..].find(|c: char| !c.is_ascii_hexdigit()).unwrap_or(after.len() - 2);
        // Flags are short.
        kept.push_str(if digits > 9 { "0xADDRESS" } else { &after[..digits + 2] });
        rest = &after[digits + 2..];
    }
    kept + rest
}

#[test]
fn set_table_makes_an_entry_that_show_table_prints_as_haproxy_does() {
    let mut fixture = Fixture::new();
    let set = "set table web key 9.9.9.7 data.gpc0 5 data.conn_rate 7 \
               data.bytes_in_cnt 12345678901 data.server_id 2 data.conn_cur 3 data.gpt0 -1";
    assert_eq!(fixture.ask(set), "\n");
    assert_eq!(
        without_addresses(&fixture.ask("show table web")),
        "# table: web, type: ip, size:20480, used:1\n\
         0xADDRESS: key=9.9.9.7 use=0 exp=600000 server_id=2 gpt0=4294967295 gpc0=5 \
         conn_rate(10000)=7 conn_cur=3 bytes_in_cnt=12345678901 bytes_in_rate(60000)=0 gpc1=0 \
         server_key=-\n\n"
    );
    let table = fixture.shared.tables.get(TableId(0));
    assert_eq!(table.last_update().0, 1, "a local change that peers are told");
    assert_eq!(fixture.ask("set table web key 9.9.9.7 data.server_key s2"), "\n");
    assert!(fixture.ask("show table web key 9.9.9.7").ends_with(" server_key=s2\n\n"));
    assert_eq!(fixture.ask("show table web key 1.1.1.1"), "\n");
}

#[test]
fn commands_that_fail_change_nothing() {
    let mut fixture = Fixture::new();
    let names = fixture.shared.tables.names().len();
    for end in ["data.gpc0 x", "data.nope 1", "nonsense", "data.gpc0"] {
        let said = fixture.ask(&format!("set table web key 9.9.9.7 data.server_key new {end}"));
        assert_ne!(said, "\n", "{end}");
    }
    let long = "x".repeat(300);
    let said = fixture.ask(&format!("set table web key 9.9.9.7 data.server_key {long}"));
    assert!(said.contains("server name"), "{said}");
    assert_eq!(fixture.shared.tables.names().len(), names);
    assert_eq!(fixture.shared.tables.get(TableId(0)).used(), 0);
}

#[test]
fn arrays_and_tables_without_expiry_are_printed_as_haproxy_does() {
    let mut fixture = Fixture::new();
    fixture.ask("set table t_int key 12 data.http_req_rate 17 data.gpc[1] 4");
    assert_eq!(
        without_addresses(&fixture.ask("show table t_int")),
        "# table: t_int, type: integer, size:200000, used:1\n\
         0xADDRESS: key=12 use=0 exp=0 http_req_rate(10000)=17 server_key=- gpt0=0 gpt1=0 gpc0=0 \
         gpc1=4 gpc2=0 gpc0_rate(10000)=0 gpc1_rate(10000)=0\n\n"
    );
    fixture.ask(r"set table t_str key a\ b;set table t_str key k=1\\2");
    let answer = fixture.ask("show table t_str");
    assert!(answer.contains(r" key=a\ b use=0 exp=30000 server_id=0 gpc0=0"), "{answer}");
    assert!(answer.contains(r" key=k\=1\\2 use=0"), "{answer}");
}

#[test]
fn mistakes_are_answered_with_the_words_of_haproxy() {
    let mut fixture = Fixture::new();
    fixture.insert(0, &[127, 0, 0, 1]);
    for (command, answer) in [
        ("show table nope", "No such table"),
        ("show table web key", "Key value expected"),
        ("show table t_int key abc", "Invalid key"),
        (
            "show table web foo",
            "Optional argument only supports \"data.<store_data_type>\" <operator> <value> and \
             key <key>",
        ),
        ("show table web data.foo", "Filter entry #1: Unknown data type"),
        (
            "show table web data.gpc0 xx 1",
            "Filter entry #1: Require and operator among \"eq\", \"ne\", \"le\", \"ge\", \"lt\", \
             \"gt\"",
        ),
        (
            "show table web data.gpc0 eq 12x",
            "Filter entry #1: Require a valid integer value to compare against",
        ),
        (
            "show table web data.http_req_cnt eq 1",
            "Filter entry #1: Data type not stored in this table",
        ),
        ("show table web data.gpc0 eq 0 data.foo", "Filter entry #2: Unknown data type"),
        (
            "show table web data.gpc0 eq 0 data.conn_cur gt 0 data.conn_cur lt 9 data.gpt0 eq 0 \
             data.gpc1 eq 0",
            "Detected extra data in filter, 16th word of input, after '0'",
        ),
        (
            "clear table",
            "Required arguments: <table> \"data.<store_data_type>\" <operator> <value> or \
             <table> key <key>",
        ),
        ("clear table nope", "No such table"),
        (
            "clear table web foo",
            "Required arguments: <table> \"data.<store_data_type>\" <operator> <value> or \
             <table> key <key>",
        ),
        ("set table", "Required arguments: <table> key <key> [data.<store_data_type> <value>]*"),
        ("set table nope", "No such table"),
        ("set table web key", "Key value expected"),
        (
            "set table web data.gpc0 1",
            "content-based lookup is only supported with the \"show\" and \"clear\" actions",
        ),
        ("set table web key 9.9.9.9 foo", "\"data.<type>\" followed by a value expected"),
        ("set table web key 9.9.9.9 data.foo 1", "Unknown data type"),
        ("set table web key 9.9.9.9 data.gpc0", "Require a valid integer value to store"),
        ("set table web key 9.9.9.9 data.gpc0 0x1", "Require a valid integer value to store"),
        ("set table web key 9.9.9.9 data.http_req_cnt 2", "Data type not stored in this table"),
        ("show peers nope", "No such peers"),
        ("show sess 0x1", "Session not found."),
        ("show stat nope 1 1", "No such proxy."),
        ("set timeout cli", "Expects an integer value."),
        ("set timeout cli 3x", "Invalid timeout value."),
        ("set timeout", "'set timeout' only supports 'cli'."),
    ] {
        assert_eq!(fixture.ask(command), format!("{answer}\n\n"), "{command}");
    }
    assert_eq!(fixture.shared.tables.get(TableId(0)).used(), 1, "nothing was made by halves");
}

#[test]
fn filters_select_by_stored_values() {
    let mut fixture = Fixture::new();
    for (key, gpc) in [("1.0.0.1", 1), ("1.0.0.2", 2), ("1.0.0.3", 3)] {
        fixture.ask(&format!("set table web key {key} data.gpc0 {gpc} data.server_id -3"));
    }
    let mut keys = |filter: &str| -> Vec<String> {
        let answer = fixture.ask(&format!("show table web {filter}"));
        answer
            .lines()
            .filter_map(|line| Some(line.split_once("key=")?.1.split_once(' ')?.0.to_owned()))
            .collect()
    };
    assert_eq!(keys("data.gpc0 eq 2"), ["1.0.0.2"]);
    assert_eq!(keys("data.gpc0 ne 2"), ["1.0.0.1", "1.0.0.3"]);
    assert_eq!(keys("data.gpc0 ge 2 data.gpc0 lt 3"), ["1.0.0.2"]);
    assert_eq!(keys("data.gpc0 le 2"), ["1.0.0.1", "1.0.0.2"]);
    assert_eq!(keys("data.gpc0 gt 3"), [""; 0]);
    assert_eq!(keys("data.server_id lt 0"), ["1.0.0.1", "1.0.0.2", "1.0.0.3"]);
    assert_eq!(keys("data.server_key eq 0"), [""; 0]);
}

#[test]
fn clear_table_removes_what_it_is_told() {
    let mut fixture = Fixture::new();
    for last in 1..=9 {
        fixture.ask(&format!("set table web key 1.0.0.{last} data.gpc0 {last}"));
    }
    let used = |fixture: &Fixture| fixture.shared.tables.get(TableId(0)).used();
    assert_eq!(fixture.ask("clear table web key 1.0.0.1"), "\n");
    assert_eq!(used(&fixture), 8);
    assert_eq!(fixture.ask("clear table web key 1.0.0.1"), "\n");
    assert_eq!(fixture.ask("clear table web data.gpc0 gt 6"), "\n");
    assert_eq!(used(&fixture), 5);
    assert_eq!(fixture.ask("clear table web"), "\n");
    assert_eq!(used(&fixture), 0);
}

#[test]
fn a_full_table_that_evicts_nothing_refuses_the_entry() {
    let mut fixture = Fixture::new();
    assert_eq!(fixture.ask("set table t_bin key 01"), "\n");
    assert_eq!(fixture.ask("set table t_bin key 02"), "\n");
    assert_eq!(fixture.ask("set table t_bin key 03"), "Unable to allocate a new entry\n\n");
}

#[test]
fn levels_are_enforced() {
    let mut fixture = Fixture::new();
    fixture.ask("set table web key 1.0.0.1");
    let denied = "Permission denied\n\n";
    for command in
        ["show sess", "set table web key 1.0.0.2", "clear table web", "show table web key 1.0.0.1"]
    {
        assert_eq!(fixture.ask_as(Level::User, command), denied, "{command}");
    }
    assert_eq!(
        fixture.ask_as(Level::User, "show table web"),
        "# table: web, type: ip, size:20480, used:1\n\
         # contents not dumped due to insufficient privileges\n\n"
    );
    assert_eq!(fixture.ask_as(Level::User, "operator"), denied);
    assert_eq!(fixture.ask_as(Level::User, "show cli level"), "user\n\n");
    assert_eq!(fixture.ask_as(Level::Admin, "user;clear table web"), format!("\n{denied}"));
    assert_eq!(fixture.ask_as(Level::Operator, "clear table web"), "\n");
}

#[test]
fn a_dump_is_the_same_whatever_the_size_of_its_slices() {
    let mut fixture = Fixture::new();
    for key in 0..100_000_u32 {
        fixture.insert(4, &key.to_be_bytes());
    }
    let mut dump = |window| {
        let mut session = CommandSession::new(Level::Admin, 10_000, NOW_MS);
        session.handle_received(b"show table t_int\n", NOW_MS);
        fixture.drain(&mut session, window)
    };
    let whole = dump(usize::MAX);
    assert_eq!(whole.lines().count(), 100_002);
    assert_eq!(dump(997), whole);
}

#[test]
fn lists_of_many_servers_come_in_slices() {
    let mut fixture = Fixture::new();
    let server = fixture.shared.backends[0].servers[0].clone();
    fixture.shared.backends[0].servers.resize(3000, server);
    for (command, lines) in [("show servers state", 3003), ("show servers conn", 3002)] {
        let mut session = CommandSession::new(Level::Admin, 10_000, NOW_MS);
        session.handle_received(format!("{command}\n").as_bytes(), NOW_MS);
        let first = session.poll_transmit(&mut fixture.context()).len();
        assert!((1..30_000).contains(&first), "{command}: {first}");
        let whole = fixture.drain(&mut session, usize::MAX);
        assert_eq!(whole.lines().count(), lines, "{command}");
    }
}

#[test]
fn a_slice_is_bounded_whatever_matches() {
    let mut fixture = Fixture::new();
    for key in 0..100_000_u32 {
        fixture.insert(4, &key.to_be_bytes());
    }
    let mut session = CommandSession::new(Level::Admin, 10_000, NOW_MS);
    session.handle_received(b"show table t_int data.gpc gt 5\n", NOW_MS);
    let mut calls = 0;
    while session.is_busy() {
        let count = session.poll_transmit(&mut fixture.context()).len();
        session.handle_sent(count, NOW_MS);
        calls += 1;
    }
    assert!(calls > 90, "100,000 rows that do not match, in {calls} calls");
    session = CommandSession::new(Level::Admin, 10_000, NOW_MS);
    session.handle_received(b"show table t_int\n", NOW_MS);
    while session.is_busy() {
        let count = session.poll_transmit(&mut fixture.context()).len();
        assert!(count < 17_000, "{count}");
        session.handle_sent(count, NOW_MS);
    }
}

#[test]
fn a_table_may_change_while_it_is_dumped_and_cleared() {
    let mut fixture = Fixture::new();
    for key in 0..20_000_u32 {
        fixture.insert(4, &key.to_be_bytes());
    }
    let mut dump = CommandSession::new(Level::Admin, 10_000, NOW_MS);
    let mut clear = CommandSession::new(Level::Admin, 10_000, NOW_MS);
    dump.handle_received(b"show table t_int\n", NOW_MS);
    clear.handle_received(b"clear table t_int\n", NOW_MS);
    let mut key = 1_000_000_u32;
    while dump.is_busy() || clear.is_busy() {
        for session in [&mut dump, &mut clear] {
            let count = session.poll_transmit(&mut fixture.context()).len();
            session.handle_sent(count, NOW_MS);
        }
        key += 1;
        fixture.insert(4, &key.to_be_bytes());
    }
    let left = fixture.shared.tables.get(TableId(4)).used();
    assert!(left < 1000, "{left}");
}

#[test]
fn an_entry_whose_time_is_over_is_not_shown() {
    let mut fixture = Fixture::new();
    fixture.ask("set table web key 1.0.0.1");
    fixture.now_ms += 600_001;
    assert!(!fixture.ask("show table web").contains("key="));
    assert_eq!(fixture.ask("show table web key 1.0.0.1"), "\n");
}

#[test]
fn the_statistics_have_haproxys_columns_and_fill_the_same_ones() {
    let mut fixture = Fixture::new();
    let answer = fixture.ask("show stat");
    let mut lines = answer.lines();
    assert_eq!(
        lines.next(),
        Some(
            include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/data/admin/show_stat_header"))
                .trim_end()
        )
    );
    let captured: Vec<&str> =
        include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/data/admin/show_stat_rows"))
            .lines()
            .collect();
    for (captured, line) in captured.iter().zip(lines.by_ref()) {
        let ours: Vec<&str> = line.split(',').collect();
        let theirs: Vec<&str> = captured.split(',').collect();
        assert_eq!(ours.len(), theirs.len(), "{line}");
        assert_eq!(ours[..2], theirs[..2]);
        for (column, (ours, theirs)) in ours.iter().zip(&theirs).enumerate() {
            assert_eq!(ours.is_empty(), theirs.is_empty(), "column {column} of {line}");
        }
        // What does not depend on traffic is equal: limits, states, numbers, addresses.
        for column in [6, 17, 18, 19, 20, 23, 24, 26, 27, 28, 32, 73, 75, 76] {
            assert_eq!(ours[column], theirs[column], "column {column} of {line}");
        }
    }
    assert_eq!(lines.collect::<Vec<_>>(), [""], "as many rows, then an empty line");
    assert_eq!(captured.len(), 6);
}

#[test]
fn the_statistics_can_be_narrowed() {
    let mut fixture = Fixture::new();
    let mut rows = |arguments: &str| -> Vec<String> {
        let answer = fixture.ask(&format!("show stat {arguments}"));
        let name = |line: &str| line.split(',').take(2).collect::<Vec<_>>().join("/");
        answer.lines().skip(1).filter(|line| !line.is_empty()).map(name).collect()
    };
    assert_eq!(rows("4 4 -1"), ["web/s1", "web/s2", "web/s3"]);
    assert_eq!(rows("web 4 2"), ["web/s2"]);
    assert_eq!(rows("-1 1 -1"), ["fe/FRONTEND", "fe2/FRONTEND"]);
    assert_eq!(rows("4 6 -1 no-maint"), ["web/s1", "web/s2", "web/BACKEND"]);
    assert_eq!(rows("4").len(), 6);
}

#[test]
fn peers_are_shown_in_the_shape_of_haproxys() {
    let mut fixture = Fixture::new();
    fixture.peers.0 = connecting_peers();
    let ours = without_addresses(&fixture.ask("show peers"));
    let theirs = without_addresses(include_str!(concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/tests/data/admin/show_peers"
    )));
    // Times of day depend on the zone, and some counters exist only there.
    let shape = |text: &str| -> Vec<String> {
        let blank = |word: &str| {
            let own = ["task_calls=", "update=", "localupdate=", "[", "0xADDRESS:["];
            match own.iter().find(|prefix| word.starts_with(**prefix)) {
                Some(prefix) => (*prefix).to_owned(),
                None => word.to_owned(),
            }
        };
        text.lines()
            .map(|line| {
                let indent = line.len() - line.trim_start().len();
                let words: Vec<_> = line.split_whitespace().map(blank).collect();
                " ".repeat(indent) + &words.join(" ")
            })
            .collect()
    };
    for (ours, theirs) in shape(&ours).iter().zip(&shape(&theirs)) {
        assert_eq!(ours, theirs);
    }
    assert_eq!(ours.lines().count(), theirs.lines().count());
}

#[test]
fn help_is_laid_out_as_haproxys() {
    let mut fixture = Fixture::new();
    let everyones = [
        "  help [<command>]                        : list matching or all commands\n",
        "  prompt                                  : toggle interactive mode with prompt\n",
        "  quit                                    : disconnect\n\n",
    ]
    .concat();
    assert_eq!(
        fixture.ask("help show table"),
        format!(
            "The following commands are valid at this level:\n  show table <table> [<filter>]*  \
             \u{20}       : report table usage stats or dump this table's contents (filter: \
             data/key)\n{everyones}"
        )
    );
    let unknown = fixture.ask("");
    assert!(
        unknown.starts_with("Unknown command. Please enter one of the following commands only:\n")
    );
    assert!(unknown.ends_with(&everyones));
    for slip in ["show tabel", "shwo table", "sho", "show", "clear"] {
        let answer = fixture.ask(slip);
        assert!(
            answer.starts_with(
                "Unknown command, but maybe one of the following ones is a better match:\n"
            ),
            "{slip}: {answer}"
        );
        assert!(answer.contains(" table <table> [<filter>]*") || slip == "sho", "{answer}");
    }
}

#[test]
fn server_ids_are_stored_where_the_stick_rules_look() {
    let mut fixture = Fixture::new();
    fixture.ask("set table web key 127.0.0.1 data.server_id 2");
    let table = fixture.shared.tables.get(TableId(0));
    let row = table.find(&[127, 0, 0, 1], NOW_MS).unwrap();
    assert_eq!(table.get_u32(row, table.cell(DataType::ServerId).unwrap(), 0), 2);
}

#[test]
fn peers_that_are_really_there_are_shown() {
    let mut fixture = Fixture::new();
    let options =
        crate::peers::link::PeersOptions { pid: 1, seed: 1, start: crate::peers::Start::Alone };
    let tables = &fixture.shared.tables;
    let peers = crate::peers::link::Peers::new(&fixture.config, tables, options, NOW_MS);
    fixture.peers.0 = PeersView::section(&peers, PeersId(0), NOW_MS);
    let answer = fixture.ask("show peers mypeers");
    assert!(answer.contains(" id=mypeers disabled=0 flags=0x1 resync_timeout=5s "), "{answer}");
    assert!(answer.contains(" id=h2(remote,active) addr=127.0.0.1:21025 last_status=NONE"));
    assert!(answer.contains(" id=h1(local,inactive) addr=127.0.0.1:21024 last_status=NONE"));
    assert_eq!(answer.matches(" local_id=1 remote_id=0 ").count(), 2);
    assert_eq!(answer.matches(" id=web update=0 localupdate=0 ").count(), 2);
    assert_eq!(answer.lines().count(), 26, "{answer}");
}

/// Sends each command and compares the answer, without the empty line at its end.
fn converse(fixture: &mut Fixture, dialogue: &[(&str, &str)]) {
    for (command, answer) in dialogue {
        let answer = match *answer {
            "" => "\n".to_owned(),
            answer => format!("{answer}\n\n"),
        };
        assert_eq!(fixture.ask(command), answer, "{command}");
    }
}

/// The line of `show servers state` about a server, without the names and the time.
fn state_of(fixture: &mut Fixture, server: &str) -> String {
    let answer = fixture.ask("show servers state web");
    let line = answer.lines().find(|line| line.contains(&format!(" {server} "))).unwrap();
    let words: Vec<&str> = line.split(' ').skip(4).collect();
    words.join(" ")
}

#[test]
fn an_operator_changes_what_is_wanted_of_a_server() {
    let mut fixture = Fixture::new();
    let state = |fixture: &mut Fixture| state_of(fixture, "s1");
    assert_eq!(state(&mut fixture), "127.0.0.1 2 0 1 1 2 1 0 2 0 0 0 0 - 21091 - 0 0 - - 0");
    converse(&mut fixture, &[("set server web/s1 state drain", "")]);
    assert_eq!(state(&mut fixture), "127.0.0.1 2 8 1 1 0 1 0 2 0 0 0 0 - 21091 - 0 0 - - 0");
    converse(&mut fixture, &[("disable server web/s1", "")]);
    assert_eq!(state(&mut fixture), "127.0.0.1 0 1 1 1 0 1 0 0 0 0 0 0 - 21091 - 0 0 - - 0");
    converse(&mut fixture, &[("enable server web/s1", "")]);
    assert_eq!(state(&mut fixture), "127.0.0.1 2 0 1 1 0 1 0 2 0 0 0 0 - 21091 - 0 0 - - 0");
    converse(&mut fixture, &[("set server web/s1 health stopping", "")]);
    assert!(state(&mut fixture).starts_with("127.0.0.1 3 0 "));
    converse(&mut fixture, &[("set server web/s1 health down", "")]);
    assert!(state(&mut fixture).starts_with("127.0.0.1 0 0 "));
    assert_eq!(fixture.shared.backends[0].active(), 0);
    converse(&mut fixture, &[("set server web/s1 health up", "")]);
    assert_eq!(fixture.shared.backends[0].active(), 1);
    assert!(state_of(&mut fixture, "s3").starts_with("127.0.0.1 0 5 "), "disabled in the file");
    converse(&mut fixture, &[("set server web/s3 state ready", "")]);
    assert!(state_of(&mut fixture, "s3").starts_with("127.0.0.1 2 4 "));
    assert_eq!(fixture.shared.backends[0].active(), 2);
}

#[test]
fn weights_change_and_are_told() {
    let mut fixture = Fixture::new();
    converse(
        &mut fixture,
        &[
            ("get weight web/s2", "5 (initial 5)"),
            ("set weight web/s2 200%", ""),
            ("get weight web/s2", "10 (initial 5)"),
            ("set server web/s2 weight 0", ""),
            ("get weight web/s2", "0 (initial 5)"),
            ("set weight web/s2 300", "Absolute weight can only be between 0 and 256 inclusive."),
            ("set weight web/s2", "Require <weight> or <weight%>."),
            ("set server web/s2 weight", "Require <weight> or <weight%>."),
            ("set weight web/s2 1a", "Trailing garbage in weight string"),
        ],
    );
    fixture.config.backends[0].balance = crate::config::Balance::StaticRr;
    fixture.shared = crate::proxy::Shared::new(&fixture.config, 2000, NOW_MS).unwrap();
    let refusal =
        "Backend is using a static LB algorithm and only accepts weights '0%' and '100%'.";
    converse(
        &mut fixture,
        &[
            ("set weight web/s2 3", refusal),
            ("set weight web/s2 0%", ""),
            ("set weight web/s2 100%", ""),
        ],
    );
}

#[test]
fn addresses_change_and_the_change_is_told() {
    let mut fixture = Fixture::new();
    converse(
        &mut fixture,
        &[
            (
                "set server web/s1 addr 127.0.0.1",
                "no need to change the addr by 'stats socket command'",
            ),
            (
                "set server web/s1 addr 127.0.0.2",
                "IP changed from '127.0.0.1' to '127.0.0.2' by 'stats socket command'",
            ),
            (
                "set server web/s1 addr ::1 port 44",
                "IP changed from '127.0.0.2' to '::1', port changed from '21091' to '44' by \
                 'stats socket command'",
            ),
            ("set server web/s1 addr foo", "Invalid addr 'foo' by 'stats socket command'"),
            (
                "set server web/s1 addr ::2 port",
                "IP changed from '::1' to '::2', problem converting port '' to an int by 'stats \
                 socket command'",
            ),
            (
                "set server web/s1 addr",
                "set server <b>/<s> addr requires an address and optionally a port.",
            ),
        ],
    );
    assert!(state_of(&mut fixture, "s1").contains(" - 44 - "));
    assert!(fixture.ask("show stat web 4 1").contains(",[::1]:44,"));
}

#[test]
fn mistakes_about_servers_are_answered_with_the_words_of_haproxy() {
    let mut fixture = Fixture::new();
    let required = "Require 'backend/server'.";
    converse(
        &mut fixture,
        &[
            ("set server", required),
            ("set server web state ready", required),
            ("get weight web/x", "No such server."),
            ("enable server nope/x", "No such backend."),
            ("disable server", required),
            (
                "set server web/s1 state foo",
                "'set server <srv> state' expects 'ready', 'drain' and 'maint'.",
            ),
            (
                "set server web/s1 health",
                "'set server <srv> health' expects 'up', 'stopping', or 'down'.",
            ),
            ("set server web/s1 agent up", "agent checks are not enabled on this server."),
            ("set server web/s1 fqdn x", "'set server <srv> fqdn' is not supported."),
            (
                "enable health web/s1",
                "Health check was not configured on this server, cannot enable.",
            ),
            ("disable health web/s1", ""),
            ("show servers state nope", "Can't find backend."),
            ("shutdown session", "Session pointer expected (use 'show sess')."),
            ("shutdown session 0x1", "No such session (use 'show sess')."),
            ("shutdown sessions server web/s9", "No such server."),
            ("shutdown sessions server web/s1", ""),
            ("set maxconn frontend", "A frontend name is expected."),
            ("set maxconn frontend nope 3", "No such frontend."),
            ("set maxconn frontend fe", "Integer value expected."),
            ("set maxconn frontend fe -1", "Value out of range."),
            ("set maxconn frontend fe 2147483647", ""),
            ("set maxconn frontend fe 2147483648", "Value out of range."),
            ("set maxconn server", "Require 'backend/server'."),
            ("set maxconn server web/s1", "Require <maxconn>."),
            ("set maxconn global", "Expects an integer value."),
            ("set maxconn global 2001", "Value out of range."),
        ],
    );
}

#[test]
fn the_limit_of_the_exporters_connections_changes() {
    let mut fixture = Fixture::with_endpoint();
    converse(&mut fixture, &[("set maxconn frontend stats 3", "")]);
    assert_eq!(fixture.endpoints[0].maxconn, 3);
    // It is not above what the whole process takes.
    converse(&mut fixture, &[("set maxconn frontend stats 2000", "")]);
    converse(&mut fixture, &[("set maxconn frontend stats 2001", "Value out of range.")]);
    assert_eq!(fixture.endpoints[0].maxconn, 2000);
}

#[test]
fn limits_of_connections_change() {
    let mut fixture = Fixture::new();
    converse(&mut fixture, &[("set maxconn frontend fe 5", ""), ("set maxconn global 7", "")]);
    assert_eq!(fixture.shared.frontends[0].maxconn, Some(5));
    assert_eq!(fixture.shared.totals.maxconn, 7);
    converse(&mut fixture, &[("set maxconn server web/s1 3", "")]);
    assert_eq!(fixture.shared.backends[0].servers[0].maxconn, 3);
    converse(&mut fixture, &[("set maxconn global 0", "")]);
    assert_eq!(fixture.shared.totals.maxconn, 2000);
}

#[test]
fn messages_tell_how_grave_they_are_where_that_is_wanted() {
    let mut fixture = Fixture::new();
    let said = fixture.ask(
        "set severity-output number;show cli level;get weight web/s1;set weight web/nope 2;set \
         severity-output string;set weight web/nope 2;set severity-output none;get weight web",
    );
    assert_eq!(
        said,
        "\n[6]: admin\n\n1 (initial 1)\n\n[3]: No such server.\n\n\n[err]: No such server.\n\n\n\
         Require 'backend/server'.\n\n"
    );
}

#[test]
fn servers_and_backends_are_listed() {
    let mut fixture = Fixture::new();
    assert_eq!(fixture.ask("show backend"), "# name\nweb\n\n");
    let said = fixture.ask("show servers conn web");
    assert_eq!(said.lines().nth(1), Some("web/s1 4/1 127.0.0.1 21091 - 5000 0 0 0 0 0 -1 0 0"));
    assert_eq!(said.lines().count(), 5);
}

#[test]
fn only_administrators_change_servers() {
    let mut fixture = Fixture::new();
    let denied = "Permission denied\n\n";
    for command in [
        "set server web/s1 state maint",
        "enable server web/s1",
        "disable server web/s1",
        "enable health web/s1",
        "set weight web/s1 3",
        "set maxconn global 3",
        "set maxconn frontend fe 3",
        "shutdown session 0x1",
        "shutdown sessions server web/s1",
    ] {
        assert_eq!(fixture.ask_as(Level::Operator, command), denied, "{command}");
    }
    for command in ["get weight web/s1", "show servers state", "show servers conn", "show backend"]
    {
        assert_ne!(fixture.ask_as(Level::User, command), denied, "{command}");
    }
}

#[test]
fn figures_are_shown_typed_and_as_json() {
    let mut fixture = Fixture::new();
    let typed = fixture.ask("show stat web 4 2 typed");
    assert!(
        typed.starts_with("S.4.2.0.pxname.1:KNS:str:web\nS.4.2.1.svname.1:KNS:str:s2\n"),
        "{typed}"
    );
    assert!(typed.contains("\nS.4.2.19.act.1:SGP:u32:0\n"));
    assert!(typed.contains("\nS.4.2.55.lastsess.1:MAP:s32:-1\n"));
    assert!(typed.ends_with("\nS.4.2.105.ssl_failed_handshake.1:MCP:u64:0\n\n"));
    assert!(fixture.ask("show stat typed").contains("\nB.4.0.19.act.1:MGP:u32:1\n"));
    let json = fixture.ask("show stat json");
    assert!(json.starts_with("[[{\"objType\":\"Frontend\",\"proxyId\":2,\"id\":0,\"field\":{"));
    assert!(json.ends_with("}}]]\n\n"));
    assert_eq!(json.matches("],[").count(), 5, "six rows");
    let typed = fixture.ask("show info typed");
    assert!(typed.starts_with("0.Name.1:POS:str:HAProxy\n1.Version.1:POS:str:"), "{typed}");
    assert!(typed.contains("\n51.description.1:COS:str:a b c\n"));
    assert!(typed.contains("\n73.Reload_generation.1:MGP:u64:0\n"), "{typed}");
    let json = fixture.ask("show info json");
    assert!(json.starts_with("[{\"field\":{\"pos\":0,\"name\":\"Name\"},\"processNum\":1,"));
    assert!(json.ends_with("\"value\":0}}]\n\n"), "{json}");
}
