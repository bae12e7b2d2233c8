//! A client of the Runtime API: lines in, framed answers out.

use super::*;
use crate::admin::commands::typed::input::LINE_LEN_MAX;
use crate::admin::fixture::{Fixture, NOW_MS};

const TABLES: &str = "# table: li, type: ip, size:1048576, used:0\n\
                      # table: t_int, type: integer, size:200000, used:0\n\
                      # table: t_bin, type: binary, size:2, used:0\n\
                      # table: t_str, type: string, size:100, used:0\n\
                      # table: t_ip6, type: ipv6, size:100, used:0\n\
                      # table: web, type: ip, size:20480, used:0\n";

fn session() -> CommandSession {
    CommandSession::new(Level::Admin, 10_000, NOW_MS)
}

/// What a client that sends these bytes in one piece is told, and whether it is let go then.
fn tell(input: &[u8]) -> (String, bool) {
    let mut session = session();
    session.handle_received(input, NOW_MS);
    let text = Fixture::new().drain(&mut session, usize::MAX);
    (text, session.is_finished())
}

#[test]
fn an_answer_ends_with_an_empty_line_and_the_connection() {
    assert_eq!(tell(b"show table\n"), (format!("{TABLES}\n"), true));
    assert_eq!(tell(b"show table nope\n"), ("No such table\n\n".to_owned(), true));
    assert_eq!(tell(b"clear table web\n"), ("\n".to_owned(), true));
}

#[test]
fn a_line_may_end_with_a_carriage_return() {
    assert_eq!(tell(b"show table\r\n"), (format!("{TABLES}\n"), true));
    assert_eq!(tell(b"show cli level\r\n"), ("admin\n\n".to_owned(), true));
}

#[test]
fn a_semicolon_separates_commands() {
    let both = "admin\n\nadmin\n\n".to_owned();
    assert_eq!(tell(b" show   cli level ;\tshow cli level\n"), (both, true));
}

#[test]
fn what_came_with_the_first_line_is_answered_too() {
    let both = "admin\n\nadmin\n\n".to_owned();
    assert_eq!(tell(b"show cli level\nshow cli level\n"), (both, true));
}

#[test]
fn the_prompt_keeps_the_connection_open() {
    assert_eq!(tell(b"prompt\n"), ("\n> ".to_owned(), false));
    assert_eq!(tell(b"prompt;show cli level\n"), ("\n> admin\n\n> ".to_owned(), false));
    assert_eq!(tell(b"prompt\nshow cli level\nquit\n"), ("\n> admin\n\n> ".to_owned(), true));
    assert_eq!(tell(b"prompt;prompt;show cli level\n"), ("\n> \nadmin\n\n".to_owned(), true));
}

#[test]
fn nothing_is_said_after_quit() {
    assert_eq!(tell(b"quit\n"), (String::new(), true));
    assert_eq!(tell(b"show cli level;quit;show cli level\n"), ("admin\n\n".to_owned(), true));
}

#[test]
fn bytes_may_come_one_at_a_time() {
    let mut fixture = Fixture::new();
    let mut session = session();
    let mut text = String::new();
    for byte in b"prompt\r\nshow cli level;operator;show cli level\n" {
        session.handle_received(&[*byte], NOW_MS);
        text += &fixture.drain(&mut session, 1);
    }
    assert_eq!(text, "\n> admin\n\n> \n> operator\n\n> ");
}

#[test]
fn a_client_that_stops_sending_is_still_answered() {
    let mut fixture = Fixture::new();
    let mut session = session();
    session.handle_received(b"prompt;show cli level\nshow ta", NOW_MS);
    session.handle_end_of_input();
    assert!(!session.is_finished());
    assert_eq!(fixture.drain(&mut session, usize::MAX), "\n> admin\n\n> ");
    assert!(session.is_finished());
}

#[test]
fn a_line_without_end_is_refused() {
    let (text, finished) = tell(&[b'x'; 100_000]);
    assert_eq!(text, "Command line too long.\n\n");
    assert!(finished);
}

#[test]
fn a_line_of_nearly_the_greatest_length_is_a_line() {
    let mut line = vec![b' '; LINE_LEN_MAX - 1];
    line[..14].copy_from_slice(b"show cli level");
    line.push(b'\n');
    assert_eq!(tell(&line), ("admin\n\n".to_owned(), true));
}

#[test]
fn a_client_that_does_not_read_is_not_read() {
    let mut fixture = Fixture::new();
    let mut session = session();
    session.handle_received(b"show table\n", NOW_MS);
    assert!(!session.poll_transmit(&mut fixture.context()).is_empty());
    assert_eq!(session.receive_max(), 0);
    session.handle_received(b"show table\n", NOW_MS);
    assert_eq!(fixture.drain(&mut session, 100), format!("{TABLES}\n"));
}

#[test]
fn silence_ends_the_session() {
    let mut fixture = Fixture::new();
    let mut session = session();
    assert_eq!(session.deadline_ms(), NOW_MS + 10_000);
    session.handle_received(b"prompt;set timeout cli 1d\n", NOW_MS + 5000);
    fixture.drain(&mut session, usize::MAX);
    assert_eq!(session.deadline_ms(), NOW_MS + 86_400_000);
}

#[test]
fn garbage_is_answered_and_never_hangs() {
    let mut seed = 0x2545_f491_4f6c_dd1d_u64;
    let mut fixture = Fixture::new();
    for _ in 0..200 {
        let mut input = Vec::new();
        for _ in 0..200 {
            seed ^= seed << 13;
            seed ^= seed >> 7;
            seed ^= seed << 17;
            input.push(seed.to_le_bytes()[0]);
        }
        let mut session = session();
        session.handle_received(&input, NOW_MS);
        session.handle_received(b"\n", NOW_MS);
        let text = fixture.drain(&mut session, usize::MAX);
        assert!(text.ends_with("\n\n"), "{text}");
        assert!(session.is_finished());
    }
}

#[test]
fn a_line_of_separators_gives_way_again_and_again() {
    let mut fixture = Fixture::new();
    let mut session = session();
    let mut line = vec![b';'; 5000];
    line.push(b'\n');
    session.handle_received(&line, NOW_MS);
    let first = session.poll_transmit(&mut fixture.context()).len();
    assert!(first < SLICE_LEN_MAX + 8192, "{first}");
    let text = fixture.drain(&mut session, usize::MAX);
    assert_eq!(text.matches("Unknown command. Please").count(), 5001);
}
