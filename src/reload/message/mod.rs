//! What two processes tell each other beside the tables: one line of words to a note, carried by
//! the handover session. A note that this version does not know is skipped, so that old and new
//! binaries can follow each other. Names are encoded (word.rs): whatever they hold, they come back.

pub mod word;

use super::failure::LastWords;
use super::server_state::ServerNote;
use super::server_state::marks::ServerMarks;
use super::server_state::turns::ServerTurn;
use crate::table::UpdateId;
use word::{decode, encode};

/// One note.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Note {
    /// From the successor: configuration read, sockets adopted, ready to be taught. With its
    /// process id, which may have changed since it asked.
    Ready(i32),
    /// From a successor that ends before it is ready: why.
    Failed(LastWords),
    /// From the predecessor: which generation it is.
    Generation(u32),
    /// From the predecessor: what a remote peer has acknowledged of a table.
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
    /// From the predecessor: it had not learned everything itself in this peers section.
    Unfinished(String),
    /// From the predecessor: how long it would still have looked for a teacher.
    Searching {
        /// The peers section.
        section: String,
        /// The time left.
        left_ms: u64,
    },
    /// From the predecessor: the last id that a table's update log gave out.
    LastUpdate {
        /// The table's name in the Runtime API.
        table: String,
        /// The id.
        id: UpdateId,
    },
    /// From the predecessor: where a table's update log ended when an older process handed over
    /// that may still tell something.
    Origin {
        /// The older process's generation.
        generation: u32,
        /// The table's name in the Runtime API.
        table: String,
        /// The last id.
        id: UpdateId,
    },
    /// From the predecessor: the state of a server.
    Server(ServerNote),
    /// From the predecessor: what else is to be known of a server.
    Marks(ServerMarks),
    /// From the predecessor: where a server stands in its backend's round.
    Turn(ServerTurn),
    /// From the predecessor: how a table is declared there.
    Shape {
        /// The table's name in the Runtime API.
        table: String,
        /// The declaration as [`super::table_shape`] has it.
        shape: String,
    },
}

impl Note {
    /// The note as bytes.
    pub fn write(&self) -> Vec<u8> {
        match self {
            Self::Ready(pid) => format!("ready {pid}"),
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
            Self::Origin { generation, table, id } => {
                format!("origin {generation} {} {}", encode(table), id.0)
            }
            Self::Server(note) => note.write(),
            Self::Marks(marks) => marks.write(),
            Self::Turn(turn) => turn.write(),
            Self::Shape { table, shape } => format!("shape {} {}", encode(table), encode(shape)),
        }
        .into_bytes()
    }

    /// The note in `bytes`, or nothing when it is not known.
    pub fn read(bytes: &[u8]) -> Option<Self> {
        let text = std::str::from_utf8(bytes).ok()?;
        let mut words = text.split(' ');
        let note = match words.next()? {
            "ready" => Self::Ready(words.next()?.parse().ok()?),
            "failed" => Self::Failed(LastWords::new(&decode(words.next()?)?)),
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
            "origin" => Self::Origin {
                generation: words.next()?.parse().ok()?,
                table: decode(words.next()?)?,
                id: UpdateId(words.next()?.parse().ok()?),
            },
            "server" => Self::Server(ServerNote::read(&mut words)?),
            "turn" => Self::Turn(ServerTurn::read(&mut words)?),
            "shape" => Self::Shape { table: decode(words.next()?)?, shape: decode(words.next()?)? },
            "marks" => Self::Marks(ServerMarks::read(&mut words)?),
            _ => return None,
        };
        words.next().is_none().then_some(note)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::proxy::backend::balance::Turn;
    use crate::proxy::backend::server::{AdminState, Health};
    use crate::reload::server_state::marks::Mark;

    #[test]
    fn every_note_reads_back_as_it_was_written() {
        let notes = [
            Note::Ready(4711),
            Note::Failed(LastWords::new("bind 127.0.0.1:80: no\n100 % of it")),
            Note::Generation(7),
            Note::Position {
                section: "mypeers".to_owned(),
                peer: "haproxy2".to_owned(),
                table: "mybackend".to_owned(),
                acked: UpdateId(u32::MAX),
            },
            Note::LastUpdate { table: "mypeers/t1".to_owned(), id: UpdateId(3) },
            Note::Origin { generation: 3, table: "web".to_owned(), id: UpdateId(7) },
        ];
        for note in notes {
            assert_eq!(Note::read(&note.write()), Some(note));
        }
    }

    #[test]
    fn whatever_a_name_holds_the_note_reads_back() {
        let (seed, mut texts) = word::tests::texts();
        let mut text = || texts.next().unwrap();
        for _ in 0..5_000 {
            let server = ServerNote {
                backend: text(),
                server: text(),
                address: (text(), text()),
                admin: (AdminState::Ready, AdminState::Maint),
                health: Health::Up,
                counter: None,
                weight: (1, 1),
                age_ms: 0,
                agent: None,
            };
            let marks = vec![Mark::ChecksStopped, Mark::AdminByAgent];
            let notes = [
                Note::Position { section: text(), peer: text(), table: text(), acked: UpdateId(1) },
                Note::Unfinished(text()),
                Note::Searching { section: text(), left_ms: 4711 },
                Note::Shape { table: text(), shape: text() },
                Note::Turn(ServerTurn {
                    backend: text(),
                    server: text(),
                    address: text(),
                    turn: Turn { ahead: 7, round: u64::MAX },
                }),
                Note::LastUpdate { table: text(), id: UpdateId(3) },
                Note::Server(server),
                Note::Marks(ServerMarks {
                    backend: text(),
                    server: text(),
                    address: text(),
                    marks,
                }),
            ];
            for note in notes {
                assert_eq!(Note::read(&note.write()), Some(note), "seed {seed}");
            }
        }
    }

    #[test]
    fn unknown_and_broken_notes_are_skipped() {
        for text in ["", "weather fine", "generation", "generation x", "ready or not", "\u{fffd}"] {
            assert_eq!(Note::read(text.as_bytes()), None, "{text}");
        }
        assert_eq!(Note::read(&[0xff]), None);
    }
}
