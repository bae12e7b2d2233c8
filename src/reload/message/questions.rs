//! What the process that serves asks an older one that drains, and what that one answers. Both go
//! over the socket of late updates: the questions in the direction that nothing else uses, the
//! answers between the late updates. An older version hears no questions, and the asker goes on
//! without an answer.

use std::fmt::Write;

use super::encoding::{decode, encode};
use crate::peers::wire::NOTE_MAX;
use crate::proxy::elders::{Question, Ticket, Told};

/// The most bytes of the lines in one answer, as they are written. The words before them are few.
const LINES_LEN_MAX: usize = NOTE_MAX - 128;

/// The question as words.
pub fn write_question(ticket: Ticket, question: &Question) -> String {
    let Ticket(ticket) = ticket;
    match question {
        Question::Sessions { from } => format!("ask {ticket} sessions {from}"),
        Question::End { id } => format!("ask {ticket} end {id}"),
        Question::EndAt { backend, server } => {
            format!("ask {ticket} end-at {} {}", encode(backend), encode(server))
        }
        Question::ForgetCounts => format!("ask {ticket} forget-counts"),
    }
}

/// Reads the words that follow `ask`.
pub fn read_question<'a>(words: &mut impl Iterator<Item = &'a str>) -> Option<(Ticket, Question)> {
    let ticket = Ticket(words.next()?.parse().ok()?);
    let question = match words.next()? {
        "sessions" => Question::Sessions { from: words.next()?.parse().ok()? },
        "end" => Question::End { id: words.next()?.parse().ok()? },
        "end-at" => {
            Question::EndAt { backend: decode(words.next()?)?, server: decode(words.next()?)? }
        }
        "forget-counts" => Question::ForgetCounts,
        _ => return None,
    };
    Some((ticket, question))
}

/// The answer as words.
pub fn write_told(ticket: Ticket, told: &Told) -> String {
    let Ticket(ticket) = ticket;
    match told {
        Told::Done(count) => format!("told {ticket} done {count}"),
        Told::Sessions { lines, next } => {
            let next = next.map_or_else(|| "-".to_owned(), |next| next.to_string());
            let mut text = format!("told {ticket} sessions {next}");
            for line in lines {
                // Writing to a string cannot fail.
                let _ = write!(text, " {}", encode(line));
            }
            text
        }
    }
}

/// Reads the words that follow `told`.
pub fn read_told<'a>(words: &mut impl Iterator<Item = &'a str>) -> Option<(Ticket, Told)> {
    let ticket = Ticket(words.next()?.parse().ok()?);
    let told = match words.next()? {
        "done" => Told::Done(words.next()?.parse().ok()?),
        "sessions" => {
            let next = match words.next()? {
                "-" => None,
                next => Some(next.parse().ok()?),
            };
            Told::Sessions { lines: words.map(decode).collect::<Option<_>>()?, next }
        }
        _ => return None,
    };
    Some((ticket, told))
}

/// As many of `lines` as one answer holds. Each line comes with its slot. A line that no answer can
/// hold is left out.
pub fn page(lines: impl Iterator<Item = (u32, String)>) -> Told {
    let (mut page, mut len) = (Vec::new(), 0);
    for (slot, line) in lines {
        let own = encode(&line).len() + 1;
        if own > LINES_LEN_MAX {
            continue;
        }
        if len + own > LINES_LEN_MAX {
            return Told::Sessions { lines: page, next: Some(slot) };
        }
        len += own;
        page.push(line);
    }
    Told::Sessions { lines: page, next: None }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::reload::message::Message;

    #[test]
    fn questions_and_answers_read_back_as_they_were_written() {
        let (ticket, text) = (Ticket(u64::MAX), || "b s%\n".to_owned());
        for question in [
            Question::Sessions { from: u32::MAX },
            Question::End { id: u64::MAX },
            Question::EndAt { backend: text(), server: String::new() },
            Question::ForgetCounts,
        ] {
            let message = Message::Ask(ticket, question);
            assert_eq!(Message::read(&message.write()), Some(message));
        }
        for told in [
            Told::Done(7),
            Told::Sessions { lines: vec![text(), text()], next: Some(3) },
            Told::Sessions { lines: Vec::new(), next: None },
        ] {
            let message = Message::Told(ticket, told);
            assert_eq!(Message::read(&message.write()), Some(message));
        }
        for text in ["ask 1 dance", "ask", "told 1 sessions", "told x done 1", "ask 1 end 1 2"] {
            assert_eq!(Message::read(text.as_bytes()), None, "{text}");
        }
    }

    #[test]
    fn a_page_holds_what_one_message_holds_and_the_next_goes_on_behind() {
        let line = |slot: u32| (slot, format!("{slot} {}", " %".repeat(100)));
        let (mut from, mut pages, mut seen) = (0, 0, Vec::new());
        loop {
            let lines = (from..500).map(line).chain([(500, "x".repeat(NOTE_MAX))]);
            let Told::Sessions { lines, next } = page(lines) else { panic!() };
            seen.extend(lines.iter().map(|line| line.split(' ').next().unwrap().to_owned()));
            pages += 1;
            let told = write_told(Ticket(u64::MAX), &Told::Sessions { lines, next });
            assert!(told.len() <= NOTE_MAX, "{}", told.len());
            match next {
                Some(next) => from = next,
                None => break,
            }
        }
        assert!(pages > 10);
        assert_eq!(seen, (0..500).map(|slot| slot.to_string()).collect::<Vec<_>>());
    }
}
