//! The commands, run against a configuration with maps and acls.

use crate::admin::fixture::{Fixture, NOW_MS};
use crate::admin::link::command_session::CommandSession;
use crate::admin::link::session::Session;
use crate::config::Level;

/// The fixture's acl has the pattern `/metrics` and the number 0.
#[test]
fn patterns_come_and_go() {
    let mut fixture = Fixture::new();
    fixture.converse(&[
        ("show acl #0", "0x000000000001 /metrics"),
        ("add acl #0 /other", ""),
        ("show acl #0", "0x000000000001 /metrics\n0x000000000002 /other"),
        ("del acl #0 #0x000000000001", ""),
        ("get acl #0 /metrics", "type=str, case=sensitive, match=no"),
        ("get acl #0 /other", "type=str, case=sensitive, match=yes, idx=tree, pattern=\"/other\""),
        ("prepare acl #0", "New version created: 1"),
        ("add acl @1 #0 /new", ""),
        ("show acl #0", "0x000000000002 /other"),
        ("show acl @1 #0", "0x000000000003 /new"),
        ("commit acl @1 #0", ""),
        ("show acl #0", "0x000000000003 /new"),
        ("clear acl #0", ""),
        ("show acl #0", ""),
    ]);
}

#[test]
fn a_long_list_is_shown_and_cleared_in_slices() {
    let mut fixture = Fixture::new();
    for number in 0..10_000 {
        assert_eq!(fixture.ask(&format!("add acl #0 pattern-{number}")), "\n");
    }
    let mut session = CommandSession::new(Level::User, 10_000, NOW_MS);
    session.handle_received(b"show acl #0\n", NOW_MS);
    let first = session.poll_transmit(&mut fixture.context()).len();
    assert!((1..30_000).contains(&first), "{first}");
    let whole = fixture.drain(&mut session, usize::MAX);
    assert_eq!(whole.lines().filter(|line| line.contains(' ')).count(), 10_001);
    let mut session = CommandSession::new(Level::User, 10_000, NOW_MS);
    session.handle_received(b"clear acl #0\n", NOW_MS);
    assert_eq!(session.poll_transmit(&mut fixture.context()), b"");
    assert!(session.is_busy());
    assert_eq!(fixture.ask("show acl #0"), "\n");
    assert_eq!(fixture.drain(&mut session, usize::MAX), "\n");
}

#[test]
fn lines_behind_a_command_are_its_payload_up_to_an_empty_line() {
    let mut fixture = Fixture::new();
    let mut session = CommandSession::new(Level::User, 10_000, NOW_MS);
    for (sent, answer) in
        [("prompt\n", "\n> "), ("show version;add map nope <<\n", "+ "), ("a b; c\n", "+ ")]
    {
        session.handle_received(sent.as_bytes(), NOW_MS);
        assert_eq!(fixture.drain(&mut session, usize::MAX), answer, "{sent}");
    }
    session.handle_received(b"\nshow cli level\n", NOW_MS);
    let answers = fixture.drain(&mut session, usize::MAX);
    let unknown = "Unknown map identifier. Please use #<id> or <file>.\n\n> ";
    assert!(answers.ends_with(&format!("{unknown}user\n\n> ")), "{answers}");
    let line = [b"x".repeat(1000), b"\n".to_vec()].concat();
    session.handle_received(b"add map nope <<\n", NOW_MS);
    for _ in 0..100 {
        session.handle_received(&line, NOW_MS);
        fixture.drain(&mut session, usize::MAX);
    }
    assert!(session.is_finished());
}
