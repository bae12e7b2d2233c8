//! A session with a peer, in each role. What the peer sends has the same effect however it is cut
//! on its way.

use std::fs;

use data_encoding::HEXLOWER;
use stickd::peers::{Closed, Options, PeerId, Section, Session, Start};
use stickd::table::Tables;

use super::tables::{self, check, taught};
use super::{NOW_MS, Target, none, samples};
use crate::input::{Input, Pieces, seed};

pub(super) const TARGET: Target = Target { name: "peers", run, seeds, words: none };

/// The roles, by the first byte.
const ACCEPTING: u8 = 0;
const CALLING: u8 = 1;
const ACCEPTED: u8 = 2;
const CALLED: u8 = 3;
const TEACHING_LOCALLY: u8 = 4;
const ROLES: u8 = 5;

/// The most that a session may want to send at once: the tables are small. A peer may ask for all
/// entries again and again.
const SENT_MAX: usize = 1 << 20;

fn run(bytes: &[u8]) {
    let mut input = Input(bytes);
    let (role, pieces) = (input.byte() % ROLES, input.byte());
    let whole = converse(role, Pieces::of(0), input.0);
    let cut = converse(role, Pieces::of(pieces.max(1)), input.0);
    assert_eq!(whole, cut, "what the peer sends has another effect when it is cut");
}

/// A whole session. Returns what the tables hold then, and how it has ended.
fn converse(role: u8, pieces: Pieces, bytes: &[u8]) -> (Vec<u8>, Option<String>) {
    let mut tables = tables::tables();
    let options = Options { pid: 7, seed: 7, updates_max: 20, start: Start::Alone };
    let mut section = Section::new(&tables::declaration(), &tables, options, NOW_MS);
    let mut session = match role {
        ACCEPTING | ACCEPTED => Session::accept(NOW_MS),
        CALLING | CALLED => Session::connect(&mut section, PeerId(1), NOW_MS),
        _ => Session::connect(&mut section, PeerId(0), NOW_MS),
    };
    let hello: &[u8] = match role {
        ACCEPTED => b"HAProxyS 2.1\na\nb 1 1\n",
        CALLED | TEACHING_LOCALLY => b"200\n",
        _ => b"",
    };
    let mut node = Node { section: &mut section, tables: &mut tables };
    let mut error = node.feed(&mut session, hello, Pieces::of(0)).err();
    // This node asks for a resync when it has the peer's hello. What the peer sends means something
    // else before that.
    for part in <[_; 2]>::from(bytes.split_at(hello_len(role, bytes))) {
        error = error.or_else(|| node.feed(&mut session, part, pieces).err());
    }
    node.send(&mut session);
    assert!(session.handle_timeout(&mut section, NOW_MS + 60_000).is_err() || error.is_some());
    session.handle_closed(Closed::ByPeer, &mut section, &mut tables, NOW_MS);
    check(&tables);
    (taught(&mut tables), error)
}

/// The length of the peer's hello, in a role in which the peer's bytes begin with it.
fn hello_len(role: u8, bytes: &[u8]) -> usize {
    let lines = match role {
        ACCEPTING => 3,
        CALLING => 1,
        _ => return 0,
    };
    let mut ends = (1..).zip(bytes).filter(|(_, byte)| **byte == b'\n').map(|(end, _)| end);
    ends.nth(lines - 1).unwrap_or(0)
}

/// This node.
struct Node<'a> {
    section: &'a mut Section,
    tables: &'a mut Tables,
}

impl Node<'_> {
    fn feed(
        &mut self,
        session: &mut Session,
        mut bytes: &[u8],
        pieces: Pieces,
    ) -> Result<(), String> {
        self.send(session);
        while !bytes.is_empty() {
            let space = session.receive_space();
            assert!(!space.is_empty(), "a session that is worked off takes nothing");
            let (piece, rest) = pieces.split(bytes, space.len());
            space[..piece.len()].copy_from_slice(piece);
            bytes = rest;
            let mut len = piece.len();
            loop {
                let handled = session.handle_received(len, self.section, self.tables, NOW_MS);
                // Where a message begins is known, where the error lies in it is not.
                handled.map_err(|error| format!("{:?}", error.kind))?;
                self.send(session);
                len = 0;
                if !session.has_input() {
                    break;
                }
            }
        }
        Ok(())
    }

    fn send(&mut self, session: &mut Session) {
        while session.poll_event().is_some() {}
        let mut sent = 0;
        while let Some(offered) = session.poll_transmit(self.section, self.tables, NOW_MS) {
            let len = offered.len();
            session.handle_sent(len, NOW_MS);
            sent += len;
            assert!(sent < SENT_MAX, "a session that sends without end");
        }
    }
}

fn seeds() -> Vec<Vec<u8>> {
    let mut seeds = vec![seed(&[CALLING, 0], "502\n"), seed(&[TEACHING_LOCALLY, 3], [0, 0])];
    for (role, from) in [(ACCEPTING, "client"), (CALLING, "server")] {
        seeds.extend(streams(from).into_iter().map(|stream| seed(&[role, 3], stream)));
    }
    let skips = |stream: &Vec<u8>, lines: usize| {
        let mut ends = stream.iter().enumerate().filter(|(_, byte)| **byte == b'\n');
        ends.nth(lines - 1).map(|(at, _)| stream[at + 1..].to_vec())
    };
    for (role, from, lines) in [(ACCEPTED, "client", 3), (CALLED, "server", 1)] {
        let streams = streams(from);
        let bodies = streams.iter().filter_map(|stream| skips(stream, lines));
        seeds.extend(bodies.map(|body| seed(&[role, 1], body)));
    }
    seeds
}

/// The captured streams of one side, of the newest version that was captured.
pub(super) fn streams(from: &str) -> Vec<Vec<u8>> {
    let mut streams = Vec::new();
    for path in samples("peers", ".txt") {
        let text = fs::read_to_string(&path).expect("a stream can be read");
        let mut stream = Vec::new();
        let mut is_wanted = false;
        for line in text.lines().filter(|line| !line.starts_with('#')) {
            if let Some(side) = line.strip_suffix(':') {
                is_wanted = side == from;
                continue;
            }
            let line = match line.split_once("| ") {
                Some(("2.6.12", _)) => continue,
                Some((_, line)) => line,
                None => line,
            };
            let hex = expanded(line.split_whitespace().next().unwrap_or_default());
            if is_wanted {
                stream.extend(HEXLOWER.decode(hex.as_bytes()).expect("a line begins with bytes"));
            }
        }
        if !stream.is_empty() {
            streams.push(stream);
        }
    }
    streams
}

/// Writes out what is repeated: `<61*16>`.
fn expanded(mut hex: &str) -> String {
    let mut all = String::new();
    while let Some((before, rest)) = hex.split_once('<') {
        let (run, after) = rest.split_once('>').expect("a repetition ends");
        let (unit, count) = run.split_once('*').expect("a repetition has a count");
        all += before;
        all += &unit.repeat(count.parse().expect("a count is a number"));
        hex = after;
    }
    all + hex
}
