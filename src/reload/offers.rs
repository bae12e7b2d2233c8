//! What a predecessor lends of its tables, before anything else passes between both processes: the
//! successor makes no memory of its own for these tables. A process of an older version drops the
//! descriptors, and skips the messages like all that it does not know.
//!
//! ```text
//! bytes          "offers" of the first table | "offers" of the second | what follows: "generation"
//! descriptors    rows of the first, rows of the second, names that the rows refer to
//! ```

use std::io;
use std::os::fd::{AsFd, BorrowedFd};
use std::os::unix::net::UnixStream;
use std::time::Duration;

use nix::errno::Errno;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::socket::MsgFlags;

use super::message::Message;
use crate::net::descriptors;
use crate::peers::wire::message::{Message as Framed, read_frame};
use crate::reactor::clock;
use crate::table::{KeptTables, Tables};

/// How long a successor waits for its predecessor to say anything. Both say something at once; a
/// predecessor that stands still just now teaches its tables.
const WAIT: Duration = Duration::from_secs(1);

/// The most bytes of offers.
const LEN_MAX: usize = 64 * 1024;

/// Offers the tables that can be lent to the process at the other end of `stream`, which has been
/// sent nothing yet. Does not wait. Returns whether there are any.
///
/// # Errors
/// What sendmsg(2) reports; `WriteZero` if not all bytes were taken.
pub fn send(stream: BorrowedFd<'_>, tables: &Tables) -> io::Result<bool> {
    let Some((rows, names)) = tables.lendable() else { return Ok(false) };
    let (mut bytes, mut fds) = (Vec::new(), Vec::new());
    for (table, rows) in rows {
        let message = Message::Offers(table.to_owned()).write_framed();
        if bytes.len() + message.len() <= LEN_MAX {
            bytes.extend(message);
            fds.push(rows);
        }
    }
    if fds.is_empty() {
        return Ok(false);
    }
    fds.push(names);
    let sent = descriptors::send(stream, &bytes, fds)?;
    if sent == bytes.len() { Ok(true) } else { Err(io::ErrorKind::WriteZero.into()) }
}

/// Takes what the predecessor, if there is one, at the other end of `stream` offers. All that
/// follows stays in the socket.
///
/// # Errors
/// What poll(2) or recvmsg(2) report.
pub fn receive(stream: Option<&UnixStream>) -> io::Result<KeptTables> {
    let Some(stream) = stream else { return Ok(KeptTables::default()) };
    if !awaits_bytes(stream)? {
        return Ok(KeptTables::default());
    }
    let mut bytes = vec![0; LEN_MAX];
    let flags = MsgFlags::MSG_DONTWAIT;
    let seen = descriptors::receive(stream.as_fd(), &mut bytes, flags | MsgFlags::MSG_PEEK)?;
    let (tables, len) = offered(bytes.get(..seen.bytes).unwrap_or_default());
    if tables.is_empty() || seen.fds.len() != tables.len() + 1 {
        return Ok(KeptTables::default()); // what is in the socket is not for this
    }
    // The same once more, to take it out.
    descriptors::receive(stream.as_fd(), bytes.get_mut(..len).unwrap_or_default(), flags)?;
    let mut fds = seen.fds;
    let names = fds.pop();
    Ok(KeptTables { names, tables: tables.into_iter().zip(fds).collect() })
}

/// Whether something comes in time.
fn awaits_bytes(stream: &UnixStream) -> io::Result<bool> {
    let until_ms = clock::now_ms() + u64::try_from(WAIT.as_millis()).unwrap_or(0);
    loop {
        let left_ms = until_ms.saturating_sub(clock::now_ms());
        let timeout = PollTimeout::try_from(left_ms).unwrap_or(PollTimeout::ZERO);
        match poll(&mut [PollFd::new(stream.as_fd(), PollFlags::POLLIN)], timeout) {
            Ok(ready) => return Ok(ready > 0),
            Err(Errno::EINTR) => {}
            Err(errno) => return Err(errno.into()),
        }
    }
}

/// The tables that the bytes begin with, and the length of these messages.
fn offered(bytes: &[u8]) -> (Vec<String>, usize) {
    let (mut tables, mut len) = (Vec::new(), 0);
    while let Ok(Some((frame, frame_len))) = read_frame(bytes.get(len..).unwrap_or_default())
        && let Ok(Framed::Note(note)) = Framed::read(frame)
        && let Some(Message::Offers(table)) = Message::read(note)
    {
        tables.push(table);
        len += frame_len;
    }
    (tables, len)
}

#[cfg(test)]
mod tests {
    use std::io::{Read, Write};
    use std::iter::repeat;

    use super::*;
    use crate::config;
    use crate::table::Memory;

    fn tables(memory: Memory) -> Tables {
        let text = "backend one\n mode tcp\n stick-table type ip size 10\nbackend two\n mode tcp\n \
                    stick-table type string size 10\n";
        let loaded = config::load_text("offers", text, &config::Request::default());
        let config = loaded.unwrap_or_else(|errors| panic!("{errors:?}")).config;
        Tables::with_memory(&config.tables, KeptTables::default(), repeat(memory)).unwrap()
    }

    #[test]
    fn offers_are_taken_and_what_follows_stays() {
        let (mut ours, mut theirs) = UnixStream::pair().unwrap();
        assert!(send(ours.as_fd(), &tables(Memory::Lendable)).unwrap());
        let next = Message::Generation(7).write_framed();
        ours.write_all(&next).unwrap();
        let KeptTables { names, tables } = receive(Some(&theirs)).unwrap();
        let named: Vec<_> = tables.iter().map(|(name, _)| name.as_str()).collect();
        assert_eq!((named, names.is_some()), (vec!["one", "two"], true));
        let mut rest = vec![0; next.len()];
        theirs.read_exact(&mut rest).unwrap();
        assert_eq!(rest, next);
    }

    #[test]
    fn a_predecessor_that_offers_nothing_is_left_to_say_something_else() {
        let (mut ours, mut theirs) = UnixStream::pair().unwrap();
        assert!(!send(ours.as_fd(), &tables(Memory::Own)).unwrap());
        // Offers without descriptors are none.
        for message in [Message::Generation(7), Message::Offers("one".to_owned())] {
            let bytes = message.write_framed();
            ours.write_all(&bytes).unwrap();
            let offered = receive(Some(&theirs)).unwrap();
            assert!(offered.names.is_none() && offered.tables.is_empty());
            let mut rest = vec![0; bytes.len()];
            theirs.read_exact(&mut rest).unwrap();
            assert_eq!(rest, bytes);
        }
        drop(ours);
        assert!(receive(Some(&theirs)).unwrap().tables.is_empty());
    }
}
