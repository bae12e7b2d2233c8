//! What a process tells its successor beside the entries, one message in a line, and the names of
//! the sockets that it hands over.

use stickd::config::Config;
use stickd::proxy::Shared;
use stickd::proxy::backend::Backend;
use stickd::reload::history;
use stickd::reload::inherit::label::Label;
use stickd::reload::message::names::ProxyIndexes;
use stickd::reload::message::{Message, marks, places, servers, turns};

use super::{NOW_MS, Target, load, none};

pub(super) const TARGET: Target = Target { name: "notes", run, seeds, words: none };

thread_local! {
    static CONFIG: Config = config();
}

fn config() -> Config {
    let text = "defaults\n timeout client 1s\n timeout connect 1s\n timeout server 1s\n\
                backend web\n balance leastconn\n server s1 127.0.0.1:80 check \
                agent-check agent-port 81\n \
                server s2 127.0.0.1:80 weight 10\n server s3 127.0.0.1:82 track s1\n\
                backend ring\n balance source\n hash-type consistent\n \
                stick-table type ip size 10 expire 1m\n \
                server s1 127.0.0.1:80 slowstart 10s check\n server s2 127.0.0.1:81 backup\n";
    load(text).config
}

fn shared() -> Shared {
    let mut config = CONFIG.with(Config::clone);
    Shared::new(&mut config, 100, NOW_MS).expect("there is memory")
}

fn run(bytes: &[u8]) {
    let messages: Vec<Message> =
        bytes.split(|byte| *byte == b'\n').filter_map(read_twice).collect();
    if let Ok(text) = std::str::from_utf8(bytes) {
        let label = Label::read(text);
        assert_eq!(Label::read(&label.write()), label);
    }
    let mut shared = shared();
    adopt(&messages, &mut shared);
    for state in servers::states(&shared, NOW_MS) {
        let told = Message::Server(state);
        assert_eq!(Message::read(&told.write()), Some(told));
    }
    drop((places::places(&shared), marks::marks(&shared).count(), turns::turns(&shared).count()));
    history::adopt(&messages, &mut shared.tables, NOW_MS);
}

/// A message is written as it is read.
fn read_twice(line: &[u8]) -> Option<Message> {
    let message = Message::read(line)?;
    assert_eq!(Message::read(&message.write()).as_ref(), Some(&message));
    Some(message)
}

/// What a successor does with the messages that are about servers.
fn adopt(messages: &[Message], shared: &mut Shared) {
    let indexes = ProxyIndexes::new(shared);
    for message in messages {
        match message {
            Message::Server(state) => servers::adopt(state, &indexes, shared, NOW_MS),
            Message::Place(place) => places::adopt(place, &indexes, shared),
            Message::Marks(marks) => marks.adopt(&indexes, shared),
            Message::LastUpdate { table, id } => {
                if let Some(table) = shared.tables.by_name(table) {
                    shared.tables.get_mut(table).adopt_last_update(*id);
                }
            }
            _ => {}
        }
    }
    shared.backends.iter_mut().for_each(Backend::server_changed);
    let found = messages.iter().filter_map(|message| match message {
        Message::Turn(turn) => Some(turn),
        _ => None,
    });
    turns::adopt(found, &indexes, shared);
    for message in messages {
        if let Message::Server(state) = message {
            servers::forget_agent(state, &indexes, shared, NOW_MS);
        }
    }
}

fn seeds() -> Vec<Vec<u8>> {
    let lines = [
        "server web s1 127.0.0.1:80 ready drain down 1 10 20 1234 127.0.0.2:81",
        "server web s2 127.0.0.1:80 ready ready up - 10 10 0 127.0.0.1:80 down 10 7",
        "marks web s1 127.0.0.1:80 checks-stopped admin-by-agent",
        "turn web s1 127.0.0.1:80 7 9\nturn ring s1 127.0.0.1:80 1 18446744073709551615",
        "place web s1 127.0.0.1:80 127.0.0.3 a.example b.example 80",
        "ready 1\nfailed no%20%25\ngeneration 7\nunfinished mypeers\nsearching mypeers 100",
        "position mypeers b web 7\nlast-update ring 4294967295\norigin 3 ring 7\nshape ring a/b",
        "node mypeers b [::1]:10000\nweather fine",
        "fill ring 1,2,3\nversion 0.6.0 1 2\nevent 1 error bind%20no\nreload 1 2 3 ok",
        "web@127.0.0.1:80",
    ];
    let mut seeds: Vec<Vec<u8>> = lines.map(|line| line.as_bytes().to_vec()).into();
    seeds.push(lines.join("\n").into_bytes());
    let shared = shared();
    let states = servers::states(&shared, NOW_MS).into_iter().map(Message::Server);
    let turns = turns::turns(&shared).map(Message::Turn);
    seeds.extend(states.chain(turns).map(|message| message.write()));
    seeds
}
