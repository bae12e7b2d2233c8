//! The sessions between a process and its successor, and the packets that an older process sends.
//! What a successor has learned it hands over unchanged.

use stickd::peers::{Closed, PeerId, Section, Session, SessionEvent, late_updates};
use stickd::reload::message::Message;
use stickd::table::UpdateId;

use super::peers::streams;
use super::tables::{check, tables, taught};
use super::{NOW_MS, Target, none};
use crate::input::{Input, Pieces, seed};

pub(super) const TARGET: Target = Target { name: "handover", run, seeds, words: none };

const LEARNING: u8 = 0;
const TEACHING: u8 = 1;

fn run(bytes: &[u8]) {
    let mut input = Input(bytes);
    let (role, pieces) = (input.byte() % 3, Pieces::of(input.byte()));
    match role {
        LEARNING | TEACHING => converse(role, pieces, input.0),
        _ => read_late(input.0),
    }
}

fn converse(role: u8, pieces: Pieces, mut bytes: &[u8]) {
    let mut tables = tables();
    let mut section = Section::for_handover(&tables, 20);
    let mut session = match role {
        LEARNING => Session::handover_learner(&mut section, NOW_MS),
        _ => Session::handover_teacher(&mut section, &mut tables, NOW_MS),
    };
    assert!(session.queue_note(b"ready 1"));
    let mut is_sound = true;
    while is_sound && !bytes.is_empty() {
        let space = session.receive_space();
        let (piece, rest) = pieces.split(bytes, space.len());
        space[..piece.len()].copy_from_slice(piece);
        bytes = rest;
        let mut len = piece.len();
        loop {
            is_sound = session.handle_received(len, &mut section, &mut tables, NOW_MS).is_ok();
            len = 0;
            while let Some(event) = session.poll_event() {
                match event {
                    SessionEvent::Note(note) => drop(Message::read(&note)),
                    SessionEvent::LearningFinished { .. } => session.confirm(),
                    _ => {}
                }
            }
            if !is_sound || !session.has_input() {
                break;
            }
        }
        while let Some(offered) = session.poll_transmit(&mut section, &mut tables, NOW_MS) {
            let len = offered.len();
            session.handle_sent(len, NOW_MS);
        }
    }
    if role == TEACHING {
        session.finish_handover();
        session.poll_transmit(&mut section, &mut tables, NOW_MS);
    }
    session.handle_closed(Closed::ByPeer, &mut section, &mut tables, NOW_MS);
    assert_eq!(section.peer(PeerId(0)).name(), "handover");
    check(&tables);
    hand_on(&mut tables);
}

/// Hands the tables to a successor, which then has the same.
fn hand_on(before: &mut stickd::table::Tables) {
    let told = taught(before);
    let mut after = tables();
    let mut section = Section::for_handover(&after, 1000);
    let mut session = Session::handover_learner(&mut section, NOW_MS);
    let mut rest = told.as_slice();
    while !rest.is_empty() {
        let space = session.receive_space();
        let len = space.len().min(rest.len());
        space[..len].copy_from_slice(&rest[..len]);
        rest = &rest[len..];
        let mut result = session.handle_received(len, &mut section, &mut after, NOW_MS);
        while result.is_ok() && session.has_input() {
            result = session.handle_received(0, &mut section, &mut after, NOW_MS);
        }
        assert!(result.is_ok(), "a successor does not understand: {result:?}");
        while session.poll_event().is_some() {}
    }
    check(&after);
    assert_eq!(taught(&mut after), told, "a successor hands on something else");
}

fn read_late(bytes: &[u8]) {
    let mut tables = tables();
    let section = Section::for_handover(&tables, 1000);
    let origins: Vec<UpdateId> = tables.ids().map(|_| UpdateId(0)).collect();
    let (mut rest, mut notes) = (bytes, Vec::new());
    // What is no whole packet yet stays.
    while let Ok(len) =
        late_updates::read(rest, &section, &mut tables, &origins, &mut notes, NOW_MS)
    {
        assert!(len <= rest.len());
        if len == 0 {
            break;
        }
        rest = &rest[len..];
    }
    check(&tables);
    hand_on(&mut tables);
}

fn seeds() -> Vec<Vec<u8>> {
    let mut seeds = vec![seed(&[TEACHING, 0], [0, 2]), seed(&[TEACHING, 1], [0, 0, 0, 2])];
    for stream in streams("client") {
        // What a peer says after its hello is what a predecessor says.
        let mut ends = stream.iter().enumerate().filter(|(_, byte)| **byte == b'\n');
        let Some((at, _)) = ends.nth(2) else { continue };
        let body = &stream[at + 1..];
        seeds.push(seed(&[LEARNING, 0], body));
        if let Ok(len) = u8::try_from(body.len()).map(|len| len.min(0xef)) {
            // A packet of late updates: class and type, the length, the messages.
            seeds.push(seed(&[2, 0, 0, 195, len], &body[..usize::from(len).min(body.len())]));
        }
    }
    seeds
}
