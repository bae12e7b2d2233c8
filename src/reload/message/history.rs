//! What people may want to look at later: events, reloads, and how full the tables were.

use super::encoding::{decode, encode};
use crate::logging::history::{Event, Kind, PastReload, ReloadEnd};

/// The word for what is not known.
const NONE: &str = "-";

/// What the predecessor says of itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Predecessor {
    /// The version of its program.
    pub version: String,
    /// When this reload began there, in milliseconds since 1970.
    pub began_ms: Option<u64>,
}

impl Predecessor {
    /// The message as words.
    pub fn write(&self) -> String {
        let began = self.began_ms.map_or_else(|| NONE.to_owned(), |at_ms| at_ms.to_string());
        format!("version {} {began}", encode(&self.version))
    }

    /// Reads the words that follow `version`.
    pub fn read<'a>(words: &mut impl Iterator<Item = &'a str>) -> Option<Self> {
        let version = decode(words.next()?)?;
        let began_ms = match words.next()? {
            NONE => None,
            number => Some(number.parse().ok()?),
        };
        Some(Self { version, began_ms })
    }
}

/// An event as words.
pub fn write_event(event: &Event) -> String {
    let Event { at_ms, kind, text } = event;
    format!("event {at_ms} {} {}", kind.word(), encode(text))
}

/// Reads the words that follow `event`.
pub fn read_event<'a>(words: &mut impl Iterator<Item = &'a str>) -> Option<Event> {
    Some(Event {
        at_ms: words.next()?.parse().ok()?,
        kind: Kind::of_word(words.next()?)?,
        text: decode(words.next()?)?,
    })
}

/// A reload as words.
pub fn write_reload(reload: &PastReload) -> String {
    let PastReload { at_ms, generation, version, took_ms, end } = reload;
    let version = version.as_deref().map_or_else(|| NONE.into(), encode);
    let head = format!("reload {at_ms} {generation} {version} {took_ms}");
    match end {
        ReloadEnd::Served { version, pid, entries, waited, is_incomplete } => {
            let (version, part) = (encode(version), u8::from(*is_incomplete));
            format!("{head} served {version} {pid} {entries} {waited} {part}")
        }
        ReloadEnd::Failed { reason } => format!("{head} failed {}", encode(reason)),
    }
}

/// Reads the words that follow `reload`.
pub fn read_reload<'a>(words: &mut impl Iterator<Item = &'a str>) -> Option<PastReload> {
    let at_ms = words.next()?.parse().ok()?;
    let generation = words.next()?.parse().ok()?;
    let version = match words.next()? {
        NONE => None,
        version => Some(decode(version)?),
    };
    let took_ms = words.next()?.parse().ok()?;
    let end = match words.next()? {
        "served" => ReloadEnd::Served {
            version: decode(words.next()?)?,
            pid: words.next()?.parse().ok()?,
            entries: words.next()?.parse().ok()?,
            waited: words.next()?.parse().ok()?,
            is_incomplete: words.next()? == "1",
        },
        "failed" => ReloadEnd::Failed { reason: decode(words.next()?)? },
        _ => return None,
    };
    Some(PastReload { at_ms, generation, version, took_ms, end })
}

/// How full a table was, as words.
pub fn write_fill(table: &str, last_hour: &[u32]) -> String {
    let numbers: Vec<String> = last_hour.iter().map(u32::to_string).collect();
    format!("fill {} {}", encode(table), numbers.join(","))
}

/// Reads the words that follow `fill`: the table, and its entries at the end of each minute.
pub fn read_fill<'a>(words: &mut impl Iterator<Item = &'a str>) -> Option<(String, Vec<u32>)> {
    let table = decode(words.next()?)?;
    let numbers = words.next()?.split(',').filter(|number| !number.is_empty());
    let last_hour = numbers.map(|number| number.parse().ok()).collect::<Option<_>>()?;
    Some((table, last_hour))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::reload::message::Message;
    use crate::reload::message::encoding::tests::texts;

    #[test]
    fn whatever_a_text_holds_the_message_reads_back() {
        let (seed, mut texts) = texts();
        for _ in 0..1000 {
            let mut text = || texts.next().unwrap();
            let served = ReloadEnd::Served {
                version: text(),
                pid: 4711,
                entries: 100,
                waited: 3,
                is_incomplete: true,
            };
            let reload = |version, end| {
                Message::Reload(PastReload { at_ms: 1, generation: 2, version, took_ms: 3, end })
            };
            let messages = [
                Message::Event(Event { at_ms: 7, kind: Kind::Peer, text: text() }),
                Message::Predecessor(Predecessor { version: text(), began_ms: Some(9) }),
                Message::Predecessor(Predecessor { version: text(), began_ms: None }),
                Message::Fill { table: text(), last_hour: vec![1, 2, 3] },
                Message::Fill { table: text(), last_hour: vec![] },
                reload(None, served),
                reload(Some("0.5.0".to_owned()), ReloadEnd::Failed { reason: text() }),
            ];
            for message in messages {
                assert_eq!(Message::read(&message.write()), Some(message), "seed {seed}");
            }
        }
    }
}
