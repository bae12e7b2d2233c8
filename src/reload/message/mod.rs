//! The messages that two processes send each other in a handover, beside the entries of the
//! tables. A message is one line of words. The session of the handover carries the line as a note.
//! A receiver skips a message that its version does not know, so an old and a new binary can
//! follow each other. Names are encoded ([`encoding`]), so they may hold any character.
//!
//! The words of each message stay as they are: binaries of other versions read them.

pub mod checks;
pub mod counts;
pub mod encoding;
pub mod history;
pub mod marks;
pub mod names;
pub mod open;
pub mod places;
pub mod questions;
pub mod servers;
pub mod sessions;
pub mod turns;

use std::net::SocketAddr;

use super::failure::Failure;
use crate::logging::history::{Event, PastReload};
use crate::peers::link::carry::SessionOffer;
use crate::peers::wire::{MESSAGE_MAX, Writer, message};
use crate::proxy::elders::{Question, Ticket, Told};
use crate::table::UpdateId;
use checks::LastCheck;
use counts::Counts;
use encoding::{decode, encode};
use history::Predecessor;
use marks::ServerMarks;
use open::Open;
use places::ServerPlace;
use servers::ServerState;
use turns::ServerTurn;

/// One message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Message {
    /// From the successor: it has read its configuration and adopted its sockets. The number is
    /// its process id, which may have changed since the successor asked for the sockets.
    Ready(i32),
    /// From the predecessor, before all others: it can lend this table. The rows come beside.
    Offers(String),
    /// From the successor, before it is ready: it goes on with the memory of this table.
    Wants(String),
    /// From the predecessor: the memory of this table passes. The descriptors come beside the
    /// messages. The flag says whether the index grows, which takes one more.
    Lent {
        /// The table's name in the Runtime API.
        table: String,
        /// Whether the index grows.
        is_growing: bool,
    },
    /// From a successor that ends before it is ready: the reason.
    Failed(Failure),
    /// From the predecessor: its generation.
    Generation(u32),
    /// From the predecessor: the last update of a table that a remote peer has acknowledged.
    Position {
        /// The peers section.
        section: String,
        /// The remote peer.
        peer: String,
        /// The table's name in the Runtime API.
        table: String,
        /// The last update that the peer acknowledged.
        acked: UpdateId,
    },
    /// From the predecessor: in this peers section it had not yet learned everything itself.
    Unfinished(String),
    /// From the predecessor: how long it would have gone on looking for a peer that teaches.
    Searching {
        /// The peers section.
        section: String,
        /// The time left, in milliseconds.
        left_ms: u64,
    },
    /// From the predecessor: the last id in a table's update log.
    LastUpdate {
        /// The table's name in the Runtime API.
        table: String,
        /// The id.
        id: UpdateId,
    },
    /// From the predecessor: the last id in a table's update log at the moment when an older
    /// process handed over. The older process still drains and may still send changes.
    OlderLastUpdate {
        /// The older process's generation.
        generation: u32,
        /// The table's name in the Runtime API.
        table: String,
        /// The last id.
        id: UpdateId,
    },
    /// From the predecessor: the state of a server.
    Server(ServerState),
    /// From the predecessor: where a server is whose address follows from a name.
    Place(ServerPlace),
    /// From the predecessor: where nameservers say that a peer is.
    Node {
        /// The peers section.
        section: String,
        /// The peer.
        peer: String,
        /// Its address.
        address: SocketAddr,
    },
    /// From the predecessor: what else is to be known of a server.
    Marks(ServerMarks),
    /// From the predecessor: the last result of a server's checks.
    LastCheck(LastCheck),
    /// From the predecessor: the place of a server in its backend's round.
    Turn(ServerTurn),
    /// From the predecessor: how a table is declared there.
    Declaration {
        /// The table's name in the Runtime API.
        table: String,
        /// The declaration in one word, as [`super::state::declaration_of`] writes it.
        declaration: String,
    },
    /// From the predecessor: what it has counted.
    Counts(Counts),
    /// From a process that drains, or from its successor: the connections that the process has.
    Open(Open),
    /// From the predecessor: a session with a peer. Its socket comes beside the messages.
    Session(Box<SessionOffer>),
    /// From the process that serves: a question to a process that drains.
    Ask(Ticket, Question),
    /// From a process that drains: the answer.
    Told(Ticket, Told),
    /// From the predecessor: what it says of itself.
    Predecessor(Predecessor),
    /// From the predecessor: an event.
    Event(Event),
    /// From the predecessor: a reload before this one.
    Reload(PastReload),
    /// From the predecessor: how full a table was.
    Fill {
        /// The table's name in the Runtime API.
        table: String,
        /// Its entries at the end of each of the last minutes, oldest first.
        last_hour: Vec<u32>,
    },
}

impl Message {
    /// The message as a note of the session, for a process that has no session.
    pub fn write_framed(&self) -> Vec<u8> {
        let mut space = [0; MESSAGE_MAX];
        let mut out = Writer::new(&mut space);
        message::write_note(&mut out, &self.write());
        let len = out.len();
        space.get(..len).unwrap_or_default().to_vec()
    }

    /// The message as bytes.
    pub fn write(&self) -> Vec<u8> {
        match self {
            Self::Ready(pid) => format!("ready {pid}"),
            Self::Offers(table) => format!("offers {}", encode(table)),
            Self::Wants(table) => format!("wants {}", encode(table)),
            Self::Lent { table, is_growing } => {
                format!("lent {} {}", encode(table), u8::from(*is_growing))
            }
            Self::Failed(words) => format!("failed {}", encode(words.as_str())),
            Self::Generation(number) => format!("generation {number}"),
            Self::Unfinished(section) => format!("unfinished {}", encode(section)),
            Self::Searching { section, left_ms } => {
                format!("searching {} {left_ms}", encode(section))
            }
            Self::Position { section, peer, table, acked } => {
                let (section, peer, table) = (encode(section), encode(peer), encode(table));
                format!("position {section} {peer} {table} {}", acked.0)
            }
            Self::LastUpdate { table, id } => format!("last-update {} {}", encode(table), id.0),
            Self::OlderLastUpdate { generation, table, id } => {
                format!("origin {generation} {} {}", encode(table), id.0)
            }
            Self::Server(state) => state.write(),
            Self::Node { section, peer, address } => {
                format!("node {} {} {address}", encode(section), encode(peer))
            }
            Self::Place(place) => place.write(),
            Self::Marks(marks) => marks.write(),
            Self::LastCheck(check) => check.write(),
            Self::Turn(turn) => turn.write(),
            Self::Counts(counts) => counts.write(),
            Self::Open(open) => open.write(),
            Self::Session(offer) => sessions::write(offer),
            Self::Ask(ticket, question) => questions::write_question(*ticket, question),
            Self::Told(ticket, told) => questions::write_told(*ticket, told),
            Self::Declaration { table, declaration } => {
                format!("shape {} {}", encode(table), encode(declaration))
            }
            Self::Predecessor(predecessor) => predecessor.write(),
            Self::Event(event) => history::write_event(event),
            Self::Reload(reload) => history::write_reload(reload),
            Self::Fill { table, last_hour } => history::write_fill(table, last_hour),
        }
        .into_bytes()
    }

    /// Reads a message. Returns `None` for a message that this version does not know.
    pub fn read(bytes: &[u8]) -> Option<Self> {
        let text = std::str::from_utf8(bytes).ok()?;
        let mut words = text.split(' ');
        let message = match words.next()? {
            "ready" => Self::Ready(words.next()?.parse().ok()?),
            "offers" => Self::Offers(decode(words.next()?)?),
            "wants" => Self::Wants(decode(words.next()?)?),
            "lent" => {
                let table = decode(words.next()?)?;
                Self::Lent { table, is_growing: words.next()? != "0" }
            }
            "failed" => Self::Failed(Failure::new(&decode(words.next()?)?)),
            "generation" => Self::Generation(words.next()?.parse().ok()?),
            "unfinished" => Self::Unfinished(decode(words.next()?)?),
            "searching" => Self::Searching {
                section: decode(words.next()?)?,
                left_ms: words.next()?.parse().ok()?,
            },
            "position" => Self::Position {
                section: decode(words.next()?)?,
                peer: decode(words.next()?)?,
                table: decode(words.next()?)?,
                acked: UpdateId(words.next()?.parse().ok()?),
            },
            "last-update" => Self::LastUpdate {
                table: decode(words.next()?)?,
                id: UpdateId(words.next()?.parse().ok()?),
            },
            "origin" => Self::OlderLastUpdate {
                generation: words.next()?.parse().ok()?,
                table: decode(words.next()?)?,
                id: UpdateId(words.next()?.parse().ok()?),
            },
            "server" => Self::Server(ServerState::read(&mut words)?),
            "turn" => Self::Turn(ServerTurn::read(&mut words)?),
            "shape" => Self::Declaration {
                table: decode(words.next()?)?,
                declaration: decode(words.next()?)?,
            },
            "counts" => Self::Counts(Counts::read(&mut words)?),
            "open" => Self::Open(Open::read(&mut words)?),
            "session" => Self::Session(Box::new(sessions::read(&mut words)?)),
            "ask" => {
                let (ticket, question) = questions::read_question(&mut words)?;
                Self::Ask(ticket, question)
            }
            "told" => {
                let (ticket, told) = questions::read_told(&mut words)?;
                Self::Told(ticket, told)
            }
            "node" => Self::Node {
                section: decode(words.next()?)?,
                peer: decode(words.next()?)?,
                address: words.next()?.parse().ok()?,
            },
            "place" => Self::Place(ServerPlace::read(&mut words)?),
            "last-check" => Self::LastCheck(LastCheck::read(&mut words)?),
            "marks" => Self::Marks(ServerMarks::read(&mut words)?),
            "version" => Self::Predecessor(Predecessor::read(&mut words)?),
            "event" => Self::Event(history::read_event(&mut words)?),
            "reload" => Self::Reload(history::read_reload(&mut words)?),
            "fill" => {
                let (table, last_hour) = history::read_fill(&mut words)?;
                Self::Fill { table, last_hour }
            }
            _ => return None,
        };
        words.next().is_none().then_some(message)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::proxy::backend::balance::RoundPosition;
    use crate::proxy::backend::server::{AdminState, Health};
    use crate::reload::message::marks::Mark;
    use crate::reload::message::names::ServerName;
    use crate::reload::message::servers::Setting;

    #[test]
    fn every_message_reads_back_as_it_was_written() {
        let messages = [
            Message::Ready(4711),
            Message::Failed(Failure::new("bind 127.0.0.1:80: no\n100 % of it")),
            Message::Generation(7),
            Message::Position {
                section: "mypeers".to_owned(),
                peer: "haproxy2".to_owned(),
                table: "mybackend".to_owned(),
                acked: UpdateId(u32::MAX),
            },
            Message::Node {
                section: "mypeers".to_owned(),
                peer: "lb-0".to_owned(),
                address: "[::1]:10000".parse().unwrap(),
            },
            Message::LastUpdate { table: "mypeers/t1".to_owned(), id: UpdateId(3) },
            Message::OlderLastUpdate { generation: 3, table: "web".to_owned(), id: UpdateId(7) },
        ];
        for message in messages {
            assert_eq!(Message::read(&message.write()), Some(message));
        }
    }

    #[test]
    fn whatever_a_name_holds_the_message_reads_back() {
        let (seed, mut texts) = encoding::tests::texts();
        let mut text = || texts.next().unwrap();
        for _ in 0..5_000 {
            let mut name = || ServerName { backend: text(), server: text(), address: text() };
            let (of_state, of_turn, of_marks) = (name(), name(), name());
            let server = ServerState {
                name: of_state,
                address: text(),
                admin: Setting { configured: AdminState::Ready, now: AdminState::Maint },
                health: Health::Up,
                counter: None,
                weight: Setting { configured: 1, now: 1 },
                age_ms: 0,
                agent: None,
            };
            let marks = vec![Mark::ChecksStopped, Mark::AdminByAgent];
            let messages = [
                Message::Position {
                    section: text(),
                    peer: text(),
                    table: text(),
                    acked: UpdateId(1),
                },
                Message::Unfinished(text()),
                Message::Offers(text()),
                Message::Wants(text()),
                Message::Lent { table: text(), is_growing: true },
                Message::Searching { section: text(), left_ms: 4711 },
                Message::Declaration { table: text(), declaration: text() },
                Message::Turn(ServerTurn {
                    name: of_turn,
                    turn: RoundPosition { ahead: 7, round: u64::MAX },
                }),
                Message::LastUpdate { table: text(), id: UpdateId(3) },
                Message::Server(server),
                Message::Marks(ServerMarks { name: of_marks, marks }),
            ];
            for message in messages {
                assert_eq!(Message::read(&message.write()), Some(message), "seed {seed}");
            }
        }
    }

    #[test]
    fn messages_about_servers_keep_the_words_that_other_versions_read() {
        let texts = [
            "server web s1 127.0.0.1:80 ready drain down 1 10 20 1234 127.0.0.2:81",
            "server web s%201 127.0.0.1:80 ready ready up - 10 10 0 127.0.0.1:80 down 10 7",
            "marks web s1 127.0.0.1:80 checks-stopped admin-by-agent",
            "turn web s1 127.0.0.1:80 7 9",
        ];
        for text in texts {
            let message = Message::read(text.as_bytes()).unwrap();
            assert_eq!(String::from_utf8(message.write()).unwrap(), text);
        }
        let Some(Message::Server(state)) = Message::read(texts[0].as_bytes()) else { panic!() };
        assert_eq!((&*state.name.address, &*state.address), ("127.0.0.1:80", "127.0.0.2:81"));
        assert_eq!(state.admin, Setting { configured: AdminState::Ready, now: AdminState::Drain });
        assert_eq!(state.weight, Setting { configured: 10, now: 20 });
    }

    #[test]
    fn unknown_and_broken_messages_are_skipped() {
        for text in ["", "weather fine", "generation", "generation x", "ready or not", "\u{fffd}"] {
            assert_eq!(Message::read(text.as_bytes()), None, "{text}");
        }
        assert_eq!(Message::read(&[0xff]), None);
    }
}
