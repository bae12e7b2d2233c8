//! Messages on the sockets between processes: of a supervisor and its workers, and of a process
//! that takes over the listening sockets of another.

use std::io::{ErrorKind, Write as _};
use std::mem::discriminant;
use std::net::Shutdown;
use std::os::fd::AsFd as _;
use std::os::unix::net::UnixStream;
use std::time::Duration;

use stickd::reload::control;
use stickd::reload::inherit::pass::{receive_listeners, send_message};
use stickd::reload::supervisor::worker_link::{WorkerLink, WorkerMessage};

use super::{Target, none};
use crate::input::{Input, seed};

pub(super) const TARGET: Target = Target { name: "links", run, seeds, words: none };

/// The most bytes that a pair of sockets takes for certain without a reader.
const LEN_MAX: usize = 8000;

fn run(bytes: &[u8]) {
    let mut input = Input(bytes);
    let choice = input.byte();
    let bytes = input.take(LEN_MAX);
    if choice & 1 == 0 { of_supervisor(bytes, choice & 2 != 0) } else { of_predecessor(bytes) }
}

/// Each line is a message of a supervisor, with a descriptor or without. What a worker has
/// understood is sent as it came.
fn of_supervisor(bytes: &[u8], has_descriptor: bool) {
    for line in bytes.split(|byte| *byte == b'\n').filter(|line| !line.is_empty()).take(8) {
        let (ours, theirs) = WorkerLink::pair().expect("there are sockets");
        let sender = ours.as_fd().try_clone_to_owned().expect("there are descriptors");
        let fd = has_descriptor.then(|| theirs.as_fd());
        send_message(&sender.into(), line, fd).expect("the message fits");
        let Ok(Some(message)) = WorkerLink::new(theirs).receive() else { continue };
        assert_eq!(again(&message), Some(discriminant(&message)));
    }
}

/// The kind of the message after it was sent once more.
fn again(message: &WorkerMessage) -> Option<std::mem::Discriminant<WorkerMessage>> {
    let (ours, theirs) = WorkerLink::pair().expect("there are sockets");
    ours.send(message).expect("the message fits");
    let received = WorkerLink::new(theirs).receive().expect("the message has come");
    received.as_ref().map(discriminant)
}

/// A stream of lists of sockets that has no sockets. It ends, so nothing is waited for.
fn of_predecessor(bytes: &[u8]) {
    let (ours, mut theirs) = UnixStream::pair().expect("there are sockets");
    control::name_senders(ours.as_fd()).expect("the kernel names senders");
    theirs.write_all(bytes).expect("the bytes fit");
    theirs.shutdown(Shutdown::Write).expect("the end can be said");
    match receive_listeners(&ours, std::process::id(), Duration::from_secs(5)) {
        Ok(listeners) => {
            assert!(listeners.is_empty(), "sockets that were not sent");
            assert!(bytes.starts_with(&[0; 4]), "an end that was not sent");
        }
        Err(error) => assert_ne!(error.kind(), ErrorKind::WouldBlock, "it waits"),
    }
}

fn seeds() -> Vec<Vec<u8>> {
    vec![
        seed(&[0], "s\x02\x032.6.12-stickd\nlhello\nr\nfbind no\nn\np\nF\nc"),
        seed(&[2], "c\x01\x01\nn\nc\x02\nx"),
        seed(&[1], [0, 0, 0, 0]),
        seed(&[1], b"\0\0\0\x05web:1\0\0\0\0"),
        seed(&[1], b"\xff\0\0\x05web"),
    ]
}
