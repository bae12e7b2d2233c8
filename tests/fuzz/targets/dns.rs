//! Messages of nameservers, and what a resolver makes of them.

use stickd::net::dns::message::{self, Asked, RECORDS_MAX, RecordType, Reply};
use stickd::net::dns::{Command, Hold, Known, Name, Resolver, Settings, Subject, Transport};

use super::{NOW_MS, Target, none};
use crate::input::{Input, seed};

pub(super) const TARGET: Target = Target { name: "dns", run, seeds, words: none };

const NAME: &str = "a.example";
/// The types, as the first byte chooses them.
const RECORDS: [RecordType; 3] = [RecordType::A, RecordType::Aaaa, RecordType::Srv];

fn name() -> Name {
    NAME.parse().expect("a name")
}

fn run(bytes: &[u8]) {
    let mut input = Input(bytes);
    let (kind, name) = (usize::from(input.byte()) % RECORDS.len(), name());
    let asked = Asked { id: id_of(input.0), name: &name, record: RECORDS[kind] };
    if let Ok(answer) = message::read(input.0, &asked) {
        let found = match answer.reply {
            Reply::Addresses(found) => found.len(),
            Reply::Services(found) => found.len(),
            _ => 0,
        };
        assert!(u32::try_from(found).is_ok_and(|found| found <= RECORDS_MAX));
    }
    resolve(kind, input.0);
}

fn id_of(message: &[u8]) -> u16 {
    message.first_chunk().map_or(0, |id| u16::from_be_bytes(*id))
}

/// A resolver gets the message as the answer to each of its questions.
fn resolve(kind: usize, answer: &[u8]) {
    let hold =
        Hold { nx_ms: 3000, refused_ms: 4000, timeout_ms: 5000, other_ms: 6000, obsolete_ms: 0 };
    let nameservers = vec![Transport::Udp, Transport::Tcp];
    let mut resolver = Resolver::new(Settings {
        nameservers,
        hold,
        resolve_ms: 1000,
        retry_ms: 400,
        tries: 2,
        payload_size: 512,
    });
    let subject = match kind {
        0 | 1 => Subject::Addresses { name: name(), prefers_ipv4: kind == 0 },
        _ => Subject::Services(name()),
    };
    let question = resolver.ask(subject, false, NOW_MS);
    let mut now_ms = NOW_MS;
    let mut opened = 0;
    for _ in 0..8 {
        resolver.handle_time(now_ms);
        while let Some(command) = resolver.poll_command() {
            let Command::Open { exchange, message, .. } = command else { continue };
            opened += 1;
            assert!(opened < 100, "questions without end");
            let mut answer = answer.to_vec();
            if let (Some(id), Some(own)) = (answer.get_mut(..2), message.get(..2)) {
                id.copy_from_slice(own);
            }
            resolver.handle_message(exchange, &answer, now_ms);
        }
        while resolver.poll_news().is_some() {}
        if let Known::Addresses(found) = resolver.known(question) {
            assert!(found.iter().all(|ip| !ip.is_unspecified() && !ip.is_multicast()));
        }
        now_ms = resolver.next_deadline_ms().map_or(now_ms, |at_ms| at_ms.max(now_ms));
    }
    resolver.forget(question);
    assert!(resolver.poll_news().is_none());
}

fn seeds() -> Vec<Vec<u8>> {
    let name = name();
    let mut seeds = Vec::new();
    for (kind, record) in (0..).zip(RECORDS) {
        let asked = Asked { id: 7, name: &name, record };
        let question = message::write(&asked, 512).expect("a question");
        let question = &question[..question.len() - 11]; // without the OPT record
        let records: [&[u8]; 5] = [
            b"\xc0\x0c\0\x01\0\x01\0\0\0\x01\0\x04\xc0\0\x02\x01",
            b"\xc0\x0c\0\x1c\0\x01\0\0\0\x01\0\x10\x20\x01\x0d\xb8\0\0\0\0\0\0\0\0\0\0\0\x01",
            b"\xc0\x0c\0\x21\0\x01\0\0\0\x01\0\x08\0\x01\0\x02\0\x50\xc0\x0c",
            b"\xc0\x0c\0\x05\0\x01\0\0\0\x01\0\x04\x01b\xc0\x0e",
            b"\0\0\x29\x02\0\0\0\0\0\0\0",
        ];
        for flags in [[0x81, 0x80], [0x81, 0x83], [0x83, 0x80], [0x81, 0x85]] {
            for at in 0..records.len() {
                let mut answer = question.to_vec();
                answer[2..4].copy_from_slice(&flags);
                answer[6..12].copy_from_slice(&[0, 1, 0, 0, 0, 1]);
                answer.extend_from_slice(records[at]);
                answer.extend_from_slice(records[4 - at]);
                seeds.push(seed(&[kind], answer));
            }
        }
    }
    seeds
}
