//! A side with TLS: reading, writing and closing go through the session.

use std::io;
use std::os::fd::AsFd;

use super::secured::Secured;
use super::side::{Read, Side};
use crate::net::socket;
use crate::net::tls::session::Session;

/// How often a call reads from the socket before it gives others their turn: records may carry
/// nothing.
const READS_MAX: usize = 8;

impl Side {
    /// Has everything that follows go through TLS.
    pub fn secure(&mut self, session: Session) {
        self.tls = Some(Box::new(Secured::new(session)));
    }

    /// The TLS session, if there is one.
    pub fn session(&self) -> Option<&Session> {
        self.tls.as_ref().map(|secured| &secured.session)
    }

    /// Whether a TLS handshake has to come to its end before anything passes.
    pub fn is_handshaking(&self) -> bool {
        self.session().is_some_and(Session::is_handshaking)
    }

    /// Goes on with the handshake. Returns whether it is over.
    ///
    /// # Errors
    /// When the socket is broken or has ended, or the other end breaks the protocol or is not
    /// trusted.
    pub fn shake_hands(&mut self) -> io::Result<bool> {
        for _ in 0..READS_MAX {
            self.flush()?;
            if !self.is_handshaking() {
                return Ok(true);
            }
            if !self.readable {
                return Ok(false);
            }
            let read = self.receive_secured(0);
            if read.is_err() {
                // An alert tells the other end why.
                self.flush()?;
            }
            if read? == Read::End {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
        }
        Ok(false)
    }

    /// Sends what waits to be sent: ciphertext, and the end. Returns whether nothing is left.
    ///
    /// # Errors
    /// When the socket is broken.
    #[inline]
    pub fn flush(&mut self) -> io::Result<bool> {
        if self.tls.is_none() { Ok(true) } else { self.flush_with_tls() }
    }

    #[inline(never)]
    fn flush_with_tls(&mut self) -> io::Result<bool> {
        let Some(mut secured) = self.tls.take() else { return Ok(true) };
        let result = self.flush_secured(&mut secured);
        self.tls = Some(secured);
        result
    }

    fn flush_secured(&mut self, secured: &mut Secured) -> io::Result<bool> {
        let is_sent = secured.session.flush(|unsent| {
            let sent = self.write_plain(unsent)?;
            Ok((sent > 0 || self.writable).then_some(sent))
        })?;
        if !is_sent {
            return Ok(false);
        }
        if std::mem::take(&mut secured.is_closing) {
            // This fails when the socket is connected no longer; the next read reports why.
            let _ = socket::shutdown_write(self.as_fd());
        }
        Ok(true)
    }

    /// Reads ciphertext once.
    fn receive_secured(&mut self, wanted: usize) -> io::Result<Read> {
        let Some(mut secured) = self.tls.take() else { return Ok(Read::Nothing) };
        let room = Session::room_for(wanted);
        let session = &mut secured.session;
        let read = self
            .settle_read(|fd| session.receive(wanted, |buffer| socket::receive(fd, buffer)), room);
        // The end of the socket is not yet the end of the plaintext.
        secured.has_ended |= std::mem::take(&mut self.ended);
        self.tls = Some(secured);
        read
    }

    #[inline(never)]
    pub(super) fn read_secured(&mut self, buffer: &mut [u8]) -> io::Result<Read> {
        for _ in 0..READS_MAX {
            let Some(secured) = &mut self.tls else { break };
            let len = secured.session.read(buffer);
            if len > 0 {
                return Ok(Read::Bytes(len));
            }
            if secured.is_over() {
                self.ended = true;
                return Ok(Read::End);
            }
            if !self.readable {
                break;
            }
            self.receive_secured(buffer.len())?;
        }
        Ok(Read::Nothing)
    }

    pub(super) fn peek_secured(&mut self, buffer: &mut [u8]) -> io::Result<Read> {
        for _ in 0..READS_MAX {
            let has_enough = |secured: &Secured| secured.session.readable_len() >= buffer.len();
            if !self.readable || self.tls.as_deref().is_none_or(has_enough) {
                break;
            }
            self.receive_secured(buffer.len())?;
        }
        let Some(secured) = &self.tls else { return Ok(Read::Nothing) };
        Ok(match secured.session.peek(buffer) {
            0 if secured.is_over() => Read::End,
            0 => Read::Nothing,
            len => Read::Bytes(len),
        })
    }

    /// Takes all of `bytes`, unless earlier bytes still wait to be sent.
    #[inline(never)]
    pub(super) fn write_secured(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if !self.flush()? {
            return Ok(0);
        }
        let Some(secured) = &mut self.tls else { return Ok(0) };
        secured.session.write(bytes)?;
        self.flush()?;
        Ok(bytes.len())
    }

    pub(super) fn close_secured(&mut self) {
        let Some(secured) = &mut self.tls else { return };
        // Without the notice, the end of the socket is the end.
        let _ = secured.session.close();
        secured.is_closing = true;
        // The next read or write reports what is wrong.
        let _ = self.flush();
    }
}
