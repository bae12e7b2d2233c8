//! Sessions with peers that a successor may go on with. Their sockets come beside these messages,
//! in the same order.

use std::fmt::Write;

use super::encoding::{decode, encode};
use crate::peers::link::carry::SessionOffer;
use crate::peers::{Caller, CarriedSession, DefinitionCopy, LearnerState, Received, Version};
use crate::table::UpdateId;

/// The word for what there is not, and for no bytes.
const NOTHING: &str = "-";

const VERSIONS: [(Version, &str); 2] = [(Version::V2_0, "2.0"), (Version::V2_1, "2.1")];
const CALLERS: [(Caller, &str); 2] = [(Caller::ThisNode, "node"), (Caller::Peer, "peer")];
const PARTIAL: [(bool, &str); 2] = [(true, "partial"), (false, "whole")];

/// The most items of one list that are read.
const ITEMS_MAX: usize = 4096;

/// The message as words.
pub fn write(offer: &SessionOffer) -> String {
    let SessionOffer { section, local, peer, place, from, tables, session } = offer;
    let CarriedSession { version, caller, is_partial, age_ms, pushed, learned, unread } = session;
    let LearnerState { tables: received, definitions, current, names } = learned;
    let mut out = String::from("session");
    let mut add = |word: &str| {
        out.push(' ');
        out.push_str(word);
    };
    for text in [section, local, peer, place] {
        add(&encode(text));
    }
    add(&optional(*from));
    add(word_of(&VERSIONS, *version));
    add(word_of(&CALLERS, *caller));
    add(word_of(&PARTIAL, *is_partial));
    add(&age_ms.to_string());
    add(&tables.len().to_string());
    for ((name, pushed), received) in tables.iter().zip(pushed).zip(received) {
        let Received { last, live, position, acked, count } = received;
        let ids = [*live, *position, *acked].map(|id| optional(id.map(|id| id.0)));
        add(&encode(name));
        add(&format!("{} {} {} {count}", pushed.0, last.0, ids.join(" ")));
    }
    add(&definitions.len().to_string());
    for DefinitionCopy { table_id, name, numbers: [kind, len, data], expire_ms, params } in
        definitions
    {
        add(&format!("{table_id} {} {kind} {len} {data}", hex(name)));
        add(&optional(*expire_ms));
        add(&hex(params));
    }
    add(&optional(*current));
    add(&names.len().to_string());
    for (slot, name) in names {
        add(&format!("{slot} {}", hex(name)));
    }
    add(&hex(unread));
    out
}

/// Reads the words that follow `session`.
pub fn read<'a>(words: &mut impl Iterator<Item = &'a str>) -> Option<SessionOffer> {
    let mut text = || decode(words.next()?);
    let (section, local, peer, place) = (text()?, text()?, text()?, text()?);
    let from = read_optional(words.next()?)?;
    let version = read_word(&VERSIONS, words.next()?)?;
    let caller = read_word(&CALLERS, words.next()?)?;
    let is_partial = read_word(&PARTIAL, words.next()?)?;
    let age_ms = words.next()?.parse().ok()?;
    let (mut tables, mut pushed, mut received) = (Vec::new(), Vec::new(), Vec::new());
    for _ in 0..read_count(words)? {
        tables.push(decode(words.next()?)?);
        pushed.push(UpdateId(words.next()?.parse().ok()?));
        let last = UpdateId(words.next()?.parse().ok()?);
        let mut id = || Some(read_optional(words.next()?)?.map(UpdateId));
        let (live, position, acked) = (id()?, id()?, id()?);
        let count = words.next()?.parse().ok()?;
        received.push(Received { last, live, position, acked, count });
    }
    let mut definitions = Vec::new();
    for _ in 0..read_count(words)? {
        let table_id = words.next()?.parse().ok()?;
        let name = unhex(words.next()?)?;
        let mut number = || words.next()?.parse().ok();
        let numbers = [number()?, number()?, number()?];
        let expire_ms = read_optional(words.next()?)?;
        let params = unhex(words.next()?)?;
        definitions.push(DefinitionCopy { table_id, name, numbers, expire_ms, params });
    }
    let current = read_optional(words.next()?)?;
    let mut names = Vec::new();
    for _ in 0..read_count(words)? {
        names.push((words.next()?.parse().ok()?, unhex(words.next()?)?));
    }
    let unread = unhex(words.next()?)?;
    let learned = LearnerState { tables: received, definitions, current, names };
    let session = CarriedSession { version, caller, is_partial, age_ms, pushed, learned, unread };
    Some(SessionOffer { section, local, peer, place, from, tables, session })
}

fn read_count<'a>(words: &mut impl Iterator<Item = &'a str>) -> Option<usize> {
    words.next()?.parse().ok().filter(|count| *count <= ITEMS_MAX)
}

fn word_of<T: Copy + PartialEq>(words: &[(T, &'static str)], value: T) -> &'static str {
    words.iter().find(|(own, _)| *own == value).map_or(NOTHING, |(_, word)| word)
}

fn read_word<T: Copy>(words: &[(T, &str)], word: &str) -> Option<T> {
    words.iter().find(|(_, own)| *own == word).map(|(value, _)| *value)
}

fn optional<T: ToString>(value: Option<T>) -> String {
    value.map_or_else(|| NOTHING.to_owned(), |value| value.to_string())
}

#[expect(clippy::option_option, reason = "nothing, or what cannot be read")]
fn read_optional<T: std::str::FromStr>(word: &str) -> Option<Option<T>> {
    if word == NOTHING { Some(None) } else { word.parse().ok().map(Some) }
}

/// Bytes as one word.
fn hex(bytes: &[u8]) -> String {
    if bytes.is_empty() {
        return NOTHING.to_owned();
    }
    bytes.iter().fold(String::with_capacity(2 * bytes.len()), |mut text, byte| {
        // Writing to a string cannot fail.
        let _ = write!(text, "{byte:02x}");
        text
    })
}

fn unhex(word: &str) -> Option<Vec<u8>> {
    if word == NOTHING {
        return Some(Vec::new());
    }
    let digit = |byte: u8| char::from(byte).to_digit(16).and_then(|digit| u8::try_from(digit).ok());
    let (pairs, rest) = word.as_bytes().as_chunks::<2>();
    let bytes = pairs.iter().map(|[high, low]| Some(digit(*high)? << 4 | digit(*low)?));
    bytes.collect::<Option<Vec<u8>>>().filter(|_| rest.is_empty() && !word.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::reload::message::Message;

    #[test]
    fn a_session_reads_back_as_it_was_written() {
        let received = Received {
            last: UpdateId(7),
            live: Some(UpdateId(u32::MAX)),
            position: None,
            acked: Some(UpdateId(0)),
            count: u64::MAX,
        };
        let definition = DefinitionCopy {
            table_id: 3,
            name: b"\0w b".to_vec(),
            numbers: [4, 4, u64::MAX],
            expire_ms: Some(0),
            params: Vec::new(),
        };
        let session = CarriedSession {
            version: Version::V2_1,
            caller: Caller::Peer,
            is_partial: true,
            age_ms: 12,
            pushed: vec![UpdateId(5), UpdateId(6)],
            learned: LearnerState {
                tables: vec![received, Received::default()],
                definitions: vec![
                    definition.clone(),
                    DefinitionCopy { expire_ms: None, ..definition },
                ],
                current: Some(3),
                names: vec![(1, b"s1".to_vec()), (128, b"\xff".to_vec())],
            },
            unread: vec![10, 0, 255],
        };
        let offer = SessionOffer {
            section: "my peers".to_owned(),
            local: String::new(),
            peer: "b".to_owned(),
            place: "Known(1)".to_owned(),
            from: Some("[::1]:10000".parse().unwrap()),
            tables: vec!["a b".to_owned(), "c".to_owned()],
            session: session.clone(),
        };
        let empty = CarriedSession {
            caller: Caller::ThisNode,
            pushed: Vec::new(),
            learned: LearnerState::default(),
            unread: Vec::new(),
            ..session
        };
        let bare = SessionOffer { from: None, tables: Vec::new(), session: empty, ..offer.clone() };
        for offer in [offer, bare] {
            let text = write(&offer);
            assert_eq!(read(&mut text.split(' ').skip(1)), Some(offer.clone()), "{text}");
            let message = Message::Session(Box::new(offer));
            assert_eq!(Message::read(&message.write()), Some(message));
            assert_eq!(Message::read(text.rsplit_once(' ').unwrap().0.as_bytes()), None);
        }
    }
}
