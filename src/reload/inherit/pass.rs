//! Descriptors in messages on a unix socket: listening sockets for a successor that this process
//! has not started, and the messages between a supervisor and its workers.

use std::io::{self, IoSlice};
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd, RawFd};
use std::os::unix::net::UnixStream;
use std::time::Duration;

use nix::errno::Errno;
use nix::sys::socket::{ControlMessage, MsgFlags, sendmsg};

use super::label::Label;
use super::{InheritedListener, is_listening, is_other};
use crate::net::descriptors;
use crate::net::descriptors::{FDS_PER_MESSAGE, receive};
use crate::reactor::clock;

/// The longest list of names in one message, in bytes.
const NAMES_LEN_MAX: usize = 64 * 1024;

/// The most messages that are received from one process. They carry a million sockets.
const MESSAGES_MAX: usize = 8192;

/// Sends listening sockets with their names over `socket`, a few to a message, then an empty
/// message as the end mark. Blocks until the other side has taken them, at most for `limit`.
///
/// # Errors
/// What sendmsg(2) reports; `WouldBlock` after the limit.
pub fn send_listeners(
    socket: &UnixStream,
    listeners: &[(String, RawFd)],
    limit: Duration,
) -> io::Result<()> {
    let deadline_ms = deadline_ms(limit);
    for part in listeners.chunks(FDS_PER_MESSAGE) {
        let names = part.iter().map(|(name, _)| name.as_str()).collect::<Vec<_>>().join(":");
        let fds: Vec<RawFd> = part.iter().map(|(_, fd)| *fd).collect();
        socket.set_write_timeout(Some(time_left(deadline_ms)?))?;
        send_part(socket, &names, &[ControlMessage::ScmRights(&fds)])?;
    }
    send_part(socket, "", &[])
}

/// One message: the length of the names as four bytes, the names, and the descriptors.
fn send_part(socket: &UnixStream, names: &str, control: &[ControlMessage<'_>]) -> io::Result<()> {
    let len = u32::try_from(names.len()).map_err(|_| io::ErrorKind::InvalidInput)?;
    let message = [&len.to_be_bytes(), names.as_bytes()].concat();
    let sent = sendmsg::<()>(
        socket.as_raw_fd(),
        &[IoSlice::new(&message)],
        control,
        MsgFlags::MSG_NOSIGNAL,
        None,
    )?;
    if sent < message.len() {
        io::Write::write_all(&mut &*socket, message.get(sent..).unwrap_or_default())?;
    }
    Ok(())
}

/// Receives what [`send_listeners`] sends, of process `sender` only, within `limit`.
///
/// # Errors
/// What recvmsg(2) reports; `WouldBlock` after the limit; `UnexpectedEof` when the sender went
/// away before its end mark; `InvalidData` when names and descriptors do not match;
/// `PermissionDenied` when another process sends, or the kernel was not asked who does.
pub fn receive_listeners(
    socket: &UnixStream,
    sender: u32,
    limit: Duration,
) -> io::Result<Vec<InheritedListener>> {
    let deadline_ms = deadline_ms(limit);
    let mut listeners = Vec::new();
    for _ in 0..MESSAGES_MAX {
        socket.set_read_timeout(Some(time_left(deadline_ms)?))?;
        let (len, fds) = receive_header(socket, sender)?;
        if len == 0 {
            return Ok(listeners);
        }
        if len > NAMES_LEN_MAX {
            return Err(io::ErrorKind::InvalidData.into());
        }
        let mut names = vec![0; len];
        io::Read::read_exact(&mut &*socket, &mut names)?;
        let names = String::from_utf8(names).map_err(|_| io::ErrorKind::InvalidData)?;
        let is_known = |(name, fd): (&str, &OwnedFd)| is_listening(fd) || is_other(name);
        if names.split(':').count() != fds.len() || !names.split(':').zip(&fds).all(is_known) {
            return Err(io::ErrorKind::InvalidData.into());
        }
        let named = names.split(':').zip(fds);
        listeners.extend(named.map(|(name, fd)| InheritedListener::new(Label::read(name), fd)));
    }
    Err(io::ErrorKind::InvalidData.into())
}

/// The four bytes of length, and the descriptors that came with them.
fn receive_header(socket: &UnixStream, sender: u32) -> io::Result<(usize, Vec<OwnedFd>)> {
    let mut header = [0; 4];
    let message = receive(socket.as_fd(), &mut header, MsgFlags::MSG_WAITALL)?;
    if message.bytes < header.len() {
        return Err(io::ErrorKind::UnexpectedEof.into());
    }
    if message.is_cut {
        return Err(Errno::EMFILE.into());
    }
    if message.sender != Some(sender) {
        let who =
            message.sender.map_or_else(|| "nobody".to_owned(), |pid| format!("process {pid}"));
        let why = format!("{who} answers in the name of process {sender}");
        return Err(io::Error::new(io::ErrorKind::PermissionDenied, why));
    }
    let len =
        usize::try_from(u32::from_be_bytes(header)).map_err(|_| io::ErrorKind::InvalidData)?;
    Ok((len, message.fds))
}

/// Sends `bytes`, with a descriptor or without, as one message on a socket that keeps messages
/// apart. Does not wait.
///
/// # Errors
/// What sendmsg(2) reports.
pub fn send_message(link: &UnixStream, bytes: &[u8], fd: Option<BorrowedFd<'_>>) -> io::Result<()> {
    descriptors::send(link.as_fd(), bytes, fd)?;
    Ok(())
}

/// Receives what [`send_message`] sends. Returns the number of bytes and the descriptor. The
/// descriptor is missing, too, if this process has no free descriptor.
///
/// # Errors
/// What recvmsg(2) reports; `WouldBlock` when there is nothing; `UnexpectedEof` when the sender
/// went away.
pub fn receive_message(
    link: &UnixStream,
    bytes: &mut [u8],
) -> io::Result<(usize, Option<OwnedFd>)> {
    let mut message = receive(link.as_fd(), bytes, MsgFlags::MSG_DONTWAIT)?;
    if message.bytes == 0 {
        return Err(io::ErrorKind::UnexpectedEof.into());
    }
    Ok((message.bytes, message.fds.pop()))
}

fn deadline_ms(limit: Duration) -> u64 {
    clock::now_ms().saturating_add(u64::try_from(limit.as_millis()).unwrap_or(u64::MAX))
}

/// The time until a deadline.
///
/// # Errors
/// `WouldBlock` when no time is left, like a read or write that has waited in vain.
fn time_left(deadline_ms: u64) -> io::Result<Duration> {
    let left_ms = deadline_ms.saturating_sub(clock::now_ms());
    if left_ms == 0 {
        return Err(io::ErrorKind::WouldBlock.into());
    }
    Ok(Duration::from_millis(left_ms))
}

#[cfg(test)]
mod tests {
    use std::net::TcpListener;
    use std::os::fd::AsFd;

    use super::*;
    use crate::reload::control::name_senders;

    const LIMIT: Duration = Duration::from_secs(5);

    fn pair() -> (UnixStream, UnixStream) {
        let (ours, theirs) = UnixStream::pair().unwrap();
        name_senders(theirs.as_fd()).unwrap();
        (ours, theirs)
    }

    #[test]
    fn descriptors_that_nobody_has_room_for_are_closed() {
        let (ours, theirs) = pair();
        let (mut reader, writer) = io::pipe().unwrap();
        let fds = vec![writer.as_raw_fd(); 250];
        let rights = [ControlMessage::ScmRights(&fds)];
        sendmsg::<()>(ours.as_raw_fd(), &[IoSlice::new(b"x")], &rights, MsgFlags::empty(), None)
            .unwrap();
        let (len, fd) = receive_message(&theirs, &mut [0; 8]).unwrap();
        assert!(len == 1 && fd.is_none());
        drop(writer);
        // The pipe has ended if nobody has its other end.
        let mut polled = [nix::poll::PollFd::new(reader.as_fd(), nix::poll::PollFlags::POLLIN)];
        assert_eq!(nix::poll::poll(&mut polled, nix::poll::PollTimeout::ZERO), Ok(1));
        assert_eq!(io::Read::read(&mut reader, &mut [0]).unwrap(), 0);
    }

    #[test]
    fn listeners_cross_a_socket_with_their_names() {
        let (ours, theirs) = pair();
        let sockets: Vec<_> = (0..3).map(|_| TcpListener::bind("127.0.0.1:0").unwrap()).collect();
        let named: Vec<_> =
            sockets.iter().enumerate().map(|(n, s)| (format!("web.{n}"), s.as_raw_fd())).collect();
        send_listeners(&ours, &named, LIMIT).unwrap();
        let received = receive_listeners(&theirs, std::process::id(), LIMIT).unwrap();
        assert_eq!(received.len(), 3);
        for (listener, socket) in received.into_iter().zip(&sockets) {
            let again = TcpListener::from(listener.fd);
            assert_eq!(again.local_addr().unwrap(), socket.local_addr().unwrap());
        }
    }

    #[test]
    fn what_another_process_sends_is_not_taken() {
        let socket = TcpListener::bind("127.0.0.1:0").unwrap();
        for (pair, sender) in [(pair(), 1), (UnixStream::pair().unwrap(), std::process::id())] {
            send_listeners(&pair.0, &[("web".to_owned(), socket.as_raw_fd())], LIMIT).unwrap();
            let error = receive_listeners(&pair.1, sender, LIMIT).unwrap_err();
            assert_eq!(error.kind(), io::ErrorKind::PermissionDenied);
        }
    }

    #[test]
    fn nobody_is_waited_for_longer_than_the_limit() {
        let (ours, theirs) = pair();
        let limit = Duration::from_millis(20);
        let error = receive_listeners(&theirs, std::process::id(), limit).unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::WouldBlock);
        let socket = TcpListener::bind("127.0.0.1:0").unwrap();
        let many = vec![("n".repeat(200), socket.as_raw_fd()); 5000];
        let error = send_listeners(&ours, &many, limit).unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::WouldBlock);
    }

    #[test]
    fn a_sender_that_goes_away_is_an_error() {
        let (ours, theirs) = pair();
        drop(ours);
        let error = receive_listeners(&theirs, std::process::id(), LIMIT).unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::UnexpectedEof);
    }

    #[test]
    fn descriptors_that_do_not_listen_are_refused() {
        let (ours, theirs) = pair();
        send_listeners(&ours, &[("web".to_owned(), theirs.as_raw_fd())], LIMIT).unwrap();
        let error = receive_listeners(&theirs, std::process::id(), LIMIT).unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::InvalidData);
    }
}
