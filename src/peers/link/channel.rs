//! The way to one peer: a socket, with TLS on it or without.

use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

use mio::event::Event as Readiness;
use nix::sys::socket::MsgFlags;

use crate::net::descriptors;
use crate::net::socket;
use crate::net::tls::names::Names;
use crate::net::tls::session::Session;

/// How often a call reads from the socket before it gives others their turn: records may carry
/// nothing.
const READS_MAX: usize = 4;
/// The first bytes of what can come in a TLS handshake: a message of it, or an alert.
const FIRST_BYTES: [u8; 2] = [0x16, 0x15];

/// A socket, with TLS on it or without.
#[derive(Debug)]
pub(super) struct Channel {
    fd: OwnedFd,
    readable: bool,
    writable: bool,
    tls: Option<Box<Layer>>,
    descriptors: Option<Box<Descriptors>>,
}

/// Descriptors that pass beside the bytes, in a handover.
#[derive(Debug, Default)]
struct Descriptors {
    /// Those that go with the next bytes.
    unsent: Vec<OwnedFd>,
    received: Vec<OwnedFd>,
}

impl Descriptors {
    /// Receives bytes, and the descriptors beside them. Those that are too many are closed.
    fn receive(&mut self, fd: BorrowedFd<'_>, buffer: &mut [u8]) -> io::Result<usize> {
        let message = descriptors::receive(fd, buffer, MsgFlags::MSG_DONTWAIT)?;
        let room = descriptors::FDS_PER_MESSAGE.saturating_sub(self.received.len());
        self.received.extend(message.fds.into_iter().take(room));
        Ok(message.bytes)
    }

    fn send(&mut self, fd: BorrowedFd<'_>, bytes: &[u8]) -> io::Result<usize> {
        let sent = descriptors::send(fd, bytes, self.unsent.iter().map(AsFd::as_fd))?;
        if sent > 0 {
            self.unsent.clear();
        }
        Ok(sent)
    }
}

/// TLS on a socket.
#[derive(Debug)]
struct Layer {
    session: Session,
    /// The bytes that were given to be sent and whose ciphertext is not sent yet.
    unconfirmed: usize,
    /// Whether anything has come.
    has_begun: bool,
}

/// What has been received.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Received {
    /// So many bytes.
    Bytes(usize),
    /// Nothing has come.
    Nothing,
    /// Nothing will come any more.
    End,
}

impl Channel {
    /// A channel on a socket of which no event has come. With a session the TLS handshake comes
    /// first.
    pub(super) fn new(fd: OwnedFd, tls: Option<Session>) -> Self {
        let layer = |session| Box::new(Layer { session, unconfirmed: 0, has_begun: false });
        Self { fd, readable: false, writable: false, tls: tls.map(layer), descriptors: None }
    }

    /// Notes what an event says.
    pub(super) fn note(&mut self, event: &Readiness) {
        let is_over = event.is_error() || event.is_read_closed() || event.is_write_closed();
        self.readable |= event.is_readable() || is_over;
        self.writable |= event.is_writable() || is_over;
    }

    /// The same without TLS, on a unix socket where descriptors pass beside the bytes.
    pub(super) fn passing_descriptors(fd: OwnedFd) -> Self {
        Self { descriptors: Some(Box::default()), ..Self::new(fd, None) }
    }

    /// Sends these descriptors with the next bytes: 128 at most.
    pub(super) fn queue_descriptors(&mut self, fds: Vec<OwnedFd>) {
        if let Some(descriptors) = &mut self.descriptors {
            descriptors.unsent.extend(fds);
        }
    }

    /// The descriptors that have come, in their order.
    pub(super) fn take_descriptors(&mut self) -> Vec<OwnedFd> {
        let descriptors = self.descriptors.as_mut();
        descriptors.map(|own| std::mem::take(&mut own.received)).unwrap_or_default()
    }

    /// From now on the other side can send nothing. What it has sent can be received.
    pub(super) fn stop_receiving(&mut self) {
        if let Err(error) = socket::shutdown_read(self.fd.as_fd()) {
            log::debug!("shut the socket of a handover down: {error}");
        }
        self.readable = true;
    }

    /// Something may have come without an event.
    pub(super) fn set_readable(&mut self) {
        self.readable = true;
    }

    /// Whether the socket takes bytes, as far as is known.
    pub(super) fn is_writable(&self) -> bool {
        self.writable
    }

    /// Whether something may be received.
    pub(super) fn has_input(&self) -> bool {
        self.readable || self.tls.as_ref().is_some_and(|tls| tls.session.readable_len() > 0)
    }

    /// Whether TLS is spoken.
    pub(super) fn has_tls(&self) -> bool {
        self.tls.is_some()
    }

    /// Whether a TLS handshake has to come to its end before anything passes.
    pub(super) fn is_handshaking(&self) -> bool {
        self.tls.as_ref().is_some_and(|tls| tls.session.is_handshaking())
    }

    /// The names in the certificate that the other side has shown. A certificate that cannot be
    /// read has none.
    pub(super) fn certificate(&self) -> Option<Names> {
        let certificate = self.tls.as_ref()?.session.certificate()?;
        Some(Names::of(certificate).unwrap_or_default())
    }

    /// Goes on with the TLS handshake. Returns whether it is over.
    ///
    /// # Errors
    /// When the socket is broken or has ended, or the other side breaks the protocol or is not
    /// trusted (`InvalidData`).
    pub(super) fn shake_hands(&mut self) -> io::Result<bool> {
        for _ in 0..READS_MAX {
            self.flush()?;
            if !self.is_handshaking() {
                return Ok(true);
            }
            if !self.readable {
                return Ok(false);
            }
            if self.receive_secured()? == Received::End {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
        }
        Ok(false)
    }

    /// Receives into `buffer`. The TLS handshake must be over.
    ///
    /// # Errors
    /// What recv(2) reports, and `InvalidData` when the other side breaks TLS.
    pub(super) fn receive(&mut self, buffer: &mut [u8]) -> io::Result<Received> {
        for _ in 0..READS_MAX {
            match &mut self.tls {
                None => return self.receive_plain(buffer),
                Some(tls) => match tls.session.read(buffer) {
                    0 if tls.session.has_ended() => return Ok(Received::End),
                    0 => {}
                    len => return Ok(Received::Bytes(len)),
                },
            }
            match self.receive_secured()? {
                Received::Bytes(_) => {}
                other => return Ok(other),
            }
        }
        Ok(Received::Nothing)
    }

    fn receive_plain(&mut self, buffer: &mut [u8]) -> io::Result<Received> {
        let mut descriptors = self.descriptors.take();
        let received = self.read(|fd| match &mut descriptors {
            Some(descriptors) => descriptors.receive(fd, buffer),
            None => socket::receive(fd, buffer),
        });
        self.descriptors = descriptors;
        received
    }

    /// Receives ciphertext once.
    fn receive_secured(&mut self) -> io::Result<Received> {
        let Some(mut tls) = self.tls.take() else { return Ok(Received::Nothing) };
        let received = self.read(|fd| {
            if !tls.has_begun {
                tls.has_begun = check_first_byte(fd)?;
            }
            tls.session.receive(0, |room| socket::receive(fd, room))
        });
        self.tls = Some(tls);
        if received.is_err() {
            // An alert tells the other side why, as far as the socket takes it.
            let _ = self.flush();
        }
        received
    }

    fn read(
        &mut self,
        read: impl FnOnce(BorrowedFd<'_>) -> io::Result<usize>,
    ) -> io::Result<Received> {
        if !self.readable {
            return Ok(Received::Nothing);
        }
        match read(self.fd.as_fd()) {
            Ok(0) => Ok(Received::End),
            Ok(len) => Ok(Received::Bytes(len)),
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                self.readable = false;
                Ok(Received::Nothing)
            }
            Err(error) => Err(error),
        }
    }

    /// Whether the other side has closed behind what was received.
    pub(super) fn is_closed_by_peer(&self) -> bool {
        if self.tls.as_ref().is_some_and(|tls| tls.session.has_ended()) {
            return true;
        }
        match socket::peek(self.fd.as_fd(), &mut [0]) {
            Ok(0) => true,
            Ok(_) => false,
            Err(error) => error.kind() != io::ErrorKind::WouldBlock,
        }
    }

    /// Sends of `bytes` what the socket takes, and returns how much that is. With TLS it counts
    /// when all is sent, and until then the next call must have the same bytes in front.
    ///
    /// # Errors
    /// What send(2) reports.
    pub(super) fn send(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if !self.flush()? {
            return Ok(0);
        }
        let Some(tls) = &mut self.tls else { return self.send_plain(bytes) };
        if tls.unconfirmed == 0 {
            tls.session.write(bytes)?;
            tls.unconfirmed = bytes.len();
            if !self.flush()? {
                return Ok(0);
            }
        }
        Ok(self.tls.as_mut().map_or(0, |tls| std::mem::take(&mut tls.unconfirmed)))
    }

    /// Sends the ciphertext that waits. Returns whether none is left.
    ///
    /// # Errors
    /// What send(2) reports.
    pub(super) fn flush(&mut self) -> io::Result<bool> {
        let Some(mut tls) = self.tls.take() else { return Ok(true) };
        let result = tls.session.flush(|unsent| match self.writable {
            true => self.send_plain(unsent).map(Some),
            false => Ok(None),
        });
        self.tls = Some(tls);
        result
    }

    fn send_plain(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let sent = match &mut self.descriptors {
            Some(descriptors) => descriptors.send(self.fd.as_fd(), bytes),
            None => socket::send(self.fd.as_fd(), bytes),
        };
        match sent {
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                self.writable = false;
                Ok(0)
            }
            result => result,
        }
    }

    /// Nothing is to be sent until an event says that the socket takes bytes.
    pub(super) fn set_unwritable(&mut self) {
        self.writable = false;
    }

    /// The socket alone.
    pub(super) fn into_fd(self) -> OwnedFd {
        self.fd
    }
}

impl AsFd for Channel {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.fd.as_fd()
    }
}

/// Looks at the first byte that comes. Returns whether it is there.
///
/// # Errors
/// What recv(2) reports, and `InvalidData` when the other side does not speak TLS.
fn check_first_byte(fd: BorrowedFd<'_>) -> io::Result<bool> {
    let mut first = [0];
    let len = socket::peek(fd, &mut first)?;
    if len > 0 && !FIRST_BYTES.contains(&first[0]) {
        return Err(io::Error::new(io::ErrorKind::InvalidData, "it does not speak TLS"));
    }
    Ok(len > 0)
}
