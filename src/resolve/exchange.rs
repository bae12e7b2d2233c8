//! One question to one nameserver, on a socket of its own.

use std::io;
use std::io::ErrorKind;
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr, UdpSocket};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

use crate::net::address::Address;
use crate::net::dns::Transport;
use crate::net::socket;
use crate::net::socket::ConnectOptions;

/// The bytes of the length before a message on a connection (RFC 1035, section 4.2.2).
const LENGTH_LEN: usize = 2;

/// A socket with a question and what has come of the answer.
#[derive(Debug)]
pub(super) struct Exchange {
    fd: OwnedFd,
    transport: Transport,
    /// What is not sent yet.
    unsent: Vec<u8>,
    /// What has come on a connection. It is at most one message.
    input: Vec<u8>,
    readable: bool,
    writable: bool,
}

/// What has come of a step.
#[derive(Debug)]
pub(super) enum Outcome<'a> {
    /// The socket is not ready for more.
    Wait,
    /// The message is not whole yet, and there may be more of it.
    More,
    /// A message has come.
    Message(&'a [u8]),
    /// The socket is of no use any more.
    Failed {
        /// The question was sent before.
        was_sent: bool,
    },
}

impl Exchange {
    /// Opens a socket and sends a question, as far as it can be sent at once.
    pub(super) fn open(
        nameserver: SocketAddr,
        transport: Transport,
        message: &[u8],
    ) -> io::Result<Self> {
        let (fd, unsent): (OwnedFd, Vec<u8>) = match transport {
            Transport::Udp => {
                let any = match nameserver {
                    SocketAddr::V4(_) => Ipv4Addr::UNSPECIFIED.into(),
                    SocketAddr::V6(_) => Ipv6Addr::UNSPECIFIED.into(),
                };
                let socket = UdpSocket::bind(SocketAddr::new(any, 0))?; // the kernel's choice
                socket.set_nonblocking(true)?;
                socket.connect(nameserver)?;
                socket.send(message)?;
                (socket.into(), Vec::new())
            }
            Transport::Tcp => {
                let options = ConnectOptions::default();
                let fd = socket::connect(&Address::Ip(nameserver), &options)?;
                let length = u16::try_from(message.len()).map_err(io::Error::other)?;
                (fd, [&length.to_be_bytes(), message].concat())
            }
        };
        let input = Vec::new();
        Ok(Self { fd, transport, unsent, input, readable: false, writable: false })
    }

    pub(super) fn as_fd(&self) -> BorrowedFd<'_> {
        self.fd.as_fd()
    }

    pub(super) fn note(&mut self, readable: bool, writable: bool) {
        self.readable |= readable;
        self.writable |= writable;
    }

    /// Sends and receives what can be at once.
    pub(super) fn advance<'a>(&'a mut self, buffer: &'a mut [u8]) -> Outcome<'a> {
        let was_sent = self.unsent.is_empty();
        if self.transmit().is_err() {
            return Outcome::Failed { was_sent };
        }
        let was_sent = self.unsent.is_empty();
        if !self.readable {
            return Outcome::Wait;
        }
        match (socket::receive(self.fd.as_fd(), buffer), self.transport) {
            (Err(error), _) if error.kind() == ErrorKind::WouldBlock => {
                self.readable = false;
                Outcome::Wait
            }
            (Err(error), _) if error.kind() == ErrorKind::Interrupted => Outcome::More,
            (Err(_), _) | (Ok(0), Transport::Tcp) => Outcome::Failed { was_sent },
            (Ok(len), Transport::Udp) => Outcome::Message(buffer.get(..len).unwrap_or_default()),
            (Ok(len), Transport::Tcp) => {
                self.input.extend_from_slice(buffer.get(..len).unwrap_or_default());
                self.whole_message()
            }
        }
    }

    fn transmit(&mut self) -> io::Result<()> {
        if !self.writable || self.unsent.is_empty() {
            return Ok(());
        }
        match socket::send(self.fd.as_fd(), &self.unsent) {
            Ok(count) => {
                self.unsent.drain(..count);
                Ok(())
            }
            Err(error) if error.kind() == ErrorKind::WouldBlock => {
                self.writable = false;
                Ok(())
            }
            Err(error) if error.kind() == ErrorKind::Interrupted => Ok(()),
            Err(error) => Err(error),
        }
    }

    /// The message, once it is whole. Only one is awaited, so what follows it is an error.
    fn whole_message(&self) -> Outcome<'_> {
        let Some((length, message)) = self.input.split_first_chunk::<LENGTH_LEN>() else {
            return Outcome::More;
        };
        let length = usize::from(u16::from_be_bytes(*length));
        match message.len() {
            len if len < length => Outcome::More,
            len if len == length => Outcome::Message(message),
            _ => Outcome::Failed { was_sent: true },
        }
    }
}
