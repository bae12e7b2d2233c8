//! Teaching a successor over the local peer's address always comes to an end.

use super::{section, sticky_table};
use crate::peers::local_teaching::LocalTeaching;
use crate::peers::resync::Start;
use crate::peers::section::Section;
use crate::peers::session::Session;
use crate::table::Tables;

/// A section that is to teach its successor from time 0 on.
fn teacher() -> Section {
    let tables = Tables::new(&[sticky_table("t", 10)]).unwrap();
    let mut section = section(&["a"], 0, &tables, Start::Alone, 0);
    section.start_local_teaching(0);
    section
}

/// Lets time pass until `end_ms`, with `call` for each call that is wanted.
fn run(section: &mut Section, end_ms: u64, call: impl Fn(&mut Section, u64)) {
    let mut now_ms = 0;
    while now_ms < end_ms {
        while section.poll_call(now_ms) == section.local() {
            call(section, now_ms);
        }
        section.handle_timeout(now_ms);
        now_ms = section.next_deadline_ms().unwrap_or(u64::MAX).max(now_ms + 1);
    }
}

#[test]
fn it_is_given_up_when_no_socket_can_be_opened() {
    let mut section = teacher();
    let local = section.local().unwrap();
    run(&mut section, 10_000, |section, now_ms| section.handle_call_failed(local, now_ms));
    assert_eq!(section.local_teaching(), LocalTeaching::GaveUp);
}

#[test]
fn it_is_given_up_when_the_successor_never_confirms() {
    let mut section = teacher();
    let local = section.local().unwrap();
    let call = |section: &mut Section, now_ms| {
        let _ = Session::connect(section, local, now_ms);
    };
    run(&mut section, 30_000, call);
    assert!(matches!(section.local_teaching(), LocalTeaching::Teaching { .. }));
    run(&mut section, 120_000, call);
    assert_eq!(section.local_teaching(), LocalTeaching::GaveUp);
}
