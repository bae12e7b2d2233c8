//! One socket of a connection, and whether it can be read and written. The loop is told only once
//! that a socket is ready, so a side keeps that until a call finds that the socket is ready no
//! longer.

use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

use mio::event::Event;

use super::secured::Secured;
use crate::net::pipe::Pipe;
use crate::net::socket;

/// A first write of up to this many bytes goes out at once even without `TCP_NODELAY`: it fits one
/// segment, and no bytes before it wait to be acknowledged. So most connections of short requests
/// never need the option.
const FIRST_WRITE_MAX: usize = 512;

/// A read that gives less than was asked for shows that the socket is empty. This is relied on only
/// when less than this many bytes came: with bulk data it may be wrong, and then the connection
/// would wait for an event that never comes.
const SHORT_READ_MAX: usize = 64 * 1024;

/// One socket of a connection: the client's or the server's.
#[derive(Debug)]
pub struct Side {
    fd: OwnedFd,
    active_ms: u64,
    /// What encrypts and decrypts, if the socket carries TLS.
    pub(super) tls: Option<Box<Secured>>,
    is_tcp: bool,
    has_no_delay: bool,
    has_written: bool,
    pub(super) readable: bool,
    pub(super) writable: bool,
    read_closed: bool,
    failed: bool,
    urgent: bool,
    pub(super) ended: bool,
    shut: bool,
    gone_when_ended: bool,
}

/// What a read found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Read {
    /// This many bytes.
    Bytes(usize),
    /// The end: the other side will send no more.
    End,
    /// Nothing at the moment.
    Nothing,
}

impl Side {
    /// The socket of an accepted client, which has inherited its options.
    pub fn accepted(fd: OwnedFd, is_tcp: bool, now_ms: u64) -> Self {
        Self { has_no_delay: true, writable: true, ..Self::connecting(fd, is_tcp, now_ms) }
    }

    /// A socket that is connecting: neither readable nor writable before an event says so.
    pub fn connecting(fd: OwnedFd, is_tcp: bool, now_ms: u64) -> Self {
        Self {
            fd,
            active_ms: now_ms,
            tls: None,
            is_tcp,
            has_no_delay: !is_tcp,
            has_written: false,
            readable: false,
            writable: false,
            read_closed: false,
            failed: false,
            urgent: false,
            ended: false,
            shut: false,
            gone_when_ended: false,
        }
    }

    /// Keeps what an event tells.
    pub fn handle_event(&mut self, event: &Event) {
        self.readable |= event.is_readable() || event.is_read_closed();
        self.writable |= event.is_writable() || event.is_write_closed();
        self.read_closed |= event.is_read_closed();
        self.urgent |= event.is_priority();
        if event.is_error() {
            // The next read or write reports which error it is.
            self.failed = true;
            self.readable = true;
            self.writable = true;
        }
    }

    /// Lets the next read try although no event has told that there is something to read.
    pub fn assume_readable(&mut self) {
        self.readable = true;
    }

    /// Keeps what the system says at once, without an event.
    pub fn look(&mut self) {
        let (is_readable, is_writable) = socket::readiness(self.fd.as_fd());
        self.readable |= is_readable;
        self.writable |= is_writable;
    }

    /// Reads into `buffer`, which must not be empty.
    ///
    /// # Errors
    /// When the socket is broken.
    #[inline]
    pub fn read(&mut self, buffer: &mut [u8]) -> io::Result<Read> {
        if self.ended {
            return Ok(Read::End);
        }
        if self.tls.is_some() {
            return self.read_secured(buffer);
        }
        if !self.readable {
            return Ok(Read::Nothing);
        }
        let len = buffer.len();
        self.settle_read(|fd| socket::receive(fd, buffer), len)
    }

    /// Copies what could be read into `buffer` and leaves it in the socket.
    ///
    /// # Errors
    /// When the socket is broken.
    pub fn peek(&mut self, buffer: &mut [u8]) -> io::Result<Read> {
        if self.ended {
            return Ok(Read::End);
        }
        if self.tls.is_some() {
            return self.peek_secured(buffer);
        }
        if !self.readable {
            return Ok(Read::Nothing);
        }
        self.settle_read(|fd| socket::peek(fd, buffer), 0)
    }

    /// Moves what can be read into `pipe`.
    ///
    /// # Errors
    /// When the socket is broken.
    pub fn read_into(&mut self, pipe: &mut Pipe) -> io::Result<Read> {
        if self.ended {
            return Ok(Read::End);
        }
        if !self.readable {
            return Ok(Read::Nothing);
        }
        let pipe_was_empty = pipe.is_empty();
        let read = self.settle_read(|fd| pipe.fill(fd), 0)?;
        // A pipe that holds many small segments may be full long before its size is reached. Then
        // it is the pipe that has stopped the read, and the socket may still be readable.
        self.readable |= read == Read::Nothing && !pipe_was_empty;
        Ok(read)
    }

    pub(super) fn settle_read(
        &mut self,
        call: impl FnOnce(BorrowedFd<'_>) -> io::Result<usize>,
        asked: usize,
    ) -> io::Result<Read> {
        match call(self.fd.as_fd()) {
            Ok(0) => {
                self.ended = true;
                Ok(Read::End)
            }
            Ok(len) => {
                if len < asked.min(SHORT_READ_MAX) {
                    self.settle_short_read();
                }
                Ok(Read::Bytes(len))
            }
            Err(error) => match error.kind() {
                io::ErrorKind::WouldBlock => {
                    self.readable = false;
                    Ok(Read::Nothing)
                }
                io::ErrorKind::Interrupted => Ok(Read::Nothing),
                _ => Err(error),
            },
        }
    }

    /// A TCP socket that gave less than was asked for is empty, unless it stopped at urgent data.
    /// If the end was announced before, these were the last bytes. To know this saves a system
    /// call.
    fn settle_short_read(&mut self) {
        if !self.is_tcp || self.urgent || self.failed {
            return;
        }
        if self.read_closed {
            self.ended = true;
        } else {
            self.readable = false;
        }
    }

    /// Writes as much as the socket takes, which may be nothing.
    ///
    /// # Errors
    /// When the socket is broken.
    #[inline]
    pub fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if self.tls.is_some() { self.write_secured(bytes) } else { self.write_plain(bytes) }
    }

    pub(super) fn write_plain(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if !self.writable {
            return Ok(0);
        }
        if !self.has_no_delay {
            self.ensure_no_delay(bytes.len())?;
        }
        let sent = self.settle_write(|fd| socket::send(fd, bytes))?;
        self.writable &= sent == bytes.len();
        Ok(sent)
    }

    /// Moves as much out of `pipe` as the socket takes, which may be nothing.
    ///
    /// # Errors
    /// When the socket is broken.
    pub fn write_from(&mut self, pipe: &mut Pipe) -> io::Result<usize> {
        if !self.writable {
            return Ok(0);
        }
        if !self.has_no_delay {
            self.ensure_no_delay(pipe.len())?;
        }
        // An event is sure to follow only when the socket has taken nothing, so the caller goes on
        // until then.
        self.settle_write(|fd| pipe.drain(fd))
    }

    fn settle_write(
        &mut self,
        call: impl FnOnce(BorrowedFd<'_>) -> io::Result<usize>,
    ) -> io::Result<usize> {
        match call(self.fd.as_fd()) {
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                self.writable = false;
                Ok(0)
            }
            Err(error) if error.kind() == io::ErrorKind::Interrupted => Ok(0),
            other => other,
        }
    }

    fn ensure_no_delay(&mut self, len: usize) -> io::Result<()> {
        if self.has_written || len > FIRST_WRITE_MAX {
            socket::set_no_delay(self.fd.as_fd())?;
            self.has_no_delay = true;
        }
        self.has_written = true;
        Ok(())
    }

    /// Treats the side as ended although the other end did not say so.
    pub fn end_reading(&mut self) {
        self.ended = true;
    }

    /// Reads and forgets what has come. The close of a socket with unread bytes resets the
    /// connection, and this connection is to be closed in order.
    pub fn discard(&mut self, scratch: &mut [u8]) {
        // An error does not matter: the socket is closed next.
        let _ = socket::receive(self.fd.as_fd(), scratch);
    }

    /// The error of a side that broke after its end. No read reports it.
    pub fn late_failure(&self) -> Option<io::Error> {
        if !(self.failed && self.ended) {
            return None;
        }
        socket::take_error(self.fd.as_fd()).err()
    }

    /// Tells the other end that nothing more will come.
    pub fn shut_write(&mut self) {
        if std::mem::replace(&mut self.shut, true) {
            return;
        }
        if self.tls.is_some() {
            self.close_secured();
        } else {
            // This fails when the socket is connected no longer; the next read reports why.
            let _ = socket::shutdown_write(self.fd.as_fd());
        }
    }

    /// Makes the later close reset the connection.
    pub fn reset_on_close(&self) {
        if self.is_tcp {
            // On failure it is an ordinary close.
            let _ = socket::set_reset_on_close(self.fd.as_fd());
        }
    }

    /// Makes the later close send nothing to the other end.
    pub fn silence(&self) {
        if self.is_tcp {
            // On failure it is an ordinary close.
            let _ = socket::silence(self.fd.as_fd());
        }
    }

    /// Sets whether the other end counts as gone when it sends no more, although it may only have
    /// closed its half of the connection.
    pub fn set_gone_when_ended(&mut self, is_gone: bool) {
        self.gone_when_ended = is_gone;
    }

    /// Whether the other end is gone: it has reset the connection, or it sends no more and that
    /// counts as gone. Otherwise the end of what it sends may be half a close, and the other end
    /// waits for an answer.
    pub fn has_left(&self) -> bool {
        self.failed || (self.gone_when_ended && self.read_closed)
    }

    /// Whether the other end is gone, or sends no more and has sent nothing that is still unread.
    pub fn has_left_silently(&self) -> bool {
        self.has_left()
            || (self.read_closed
                && matches!(socket::peek(self.fd.as_fd(), &mut [0]), Ok(0) | Err(_)))
    }

    /// How a connect has ended; nothing while it goes on.
    pub fn connected(&self) -> Option<io::Result<()>> {
        if self.failed {
            return Some(socket::take_error(self.fd.as_fd()).and_then(|()| {
                // A server that accepts and closes at once has accepted; a read finds the end.
                if self.read_closed { Ok(()) } else { Err(io::ErrorKind::NotConnected.into()) }
            }));
        }
        self.writable.then_some(Ok(()))
    }

    /// How a connect has ended, and the TLS handshake that may follow; nothing while they go on.
    pub fn reached(&mut self) -> Option<io::Result<()>> {
        match self.connected()? {
            Ok(()) if self.is_handshaking() => match self.shake_hands() {
                Ok(is_over) => is_over.then_some(Ok(())),
                Err(error) => Some(Err(error)),
            },
            connected => Some(connected),
        }
    }

    /// Whether a read may find something.
    pub fn is_readable(&self) -> bool {
        self.readable || self.ended || self.tls.as_ref().is_some_and(|tls| tls.has_news())
    }

    /// Whether bytes that were written still wait to be sent.
    pub fn has_unsent(&self) -> bool {
        self.tls.as_ref().is_some_and(|tls| tls.has_unsent())
    }

    /// Whether a write may go.
    pub fn is_writable(&self) -> bool {
        self.writable
    }

    /// Whether the other end has said that it sends no more. Earlier bytes may still be unread.
    pub fn has_announced_end(&self) -> bool {
        self.read_closed || self.ended
    }

    /// Whether the other end has said that it sends no more, and everything was read.
    pub fn has_ended(&self) -> bool {
        self.ended
    }

    /// Whether the other end was told that nothing more will come.
    pub fn is_shut(&self) -> bool {
        self.shut
    }

    /// Whether it is a TCP socket, not a unix one.
    pub fn is_tcp(&self) -> bool {
        self.is_tcp
    }

    /// The timeout that applies to it, in milliseconds: `fin_ms` when one direction is closed, else
    /// the tunnel's, and `plain_ms` where that is not configured.
    pub fn timeout_ms(
        &self,
        plain_ms: Option<u32>,
        fin_ms: Option<u32>,
        tunnel_ms: Option<u32>,
    ) -> Option<u32> {
        fin_ms.filter(|_| self.ended || self.shut).or(tunnel_ms).or(plain_ms)
    }

    /// When bytes last passed in either direction.
    pub fn active_ms(&self) -> u64 {
        self.active_ms
    }

    /// Keeps that bytes pass now.
    pub fn set_active(&mut self, now_ms: u64) {
        self.active_ms = now_ms;
    }
}

impl AsFd for Side {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.fd.as_fd()
    }
}

impl From<Side> for OwnedFd {
    fn from(side: Side) -> Self {
        side.fd
    }
}

#[cfg(test)]
impl Side {
    /// A connected side that is taken to be readable and writable: the calls find out.
    pub(crate) fn ready(fd: OwnedFd, is_tcp: bool) -> Self {
        Self { readable: true, ..Self::accepted(fd, is_tcp, 0) }
    }

    /// Does what an event would do.
    pub(super) fn set_ready(&mut self) {
        self.readable = true;
        self.writable = true;
    }
}
