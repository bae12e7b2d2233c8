//! Moving bytes both ways between two connected sides, until both have ended.
//!
//! A [`Relay`] is made of two directions. `side` is one socket and its readiness, `buffers` is the
//! memory that all relays share.

pub mod buffers;
mod secured;
mod secured_side;
pub mod side;

use std::io;

use crate::config::ProxyOptions;
use crate::net::pipe::Pipe;
use buffers::{Buffers, Kept, NoMemory, Share};
use side::{Read, Side};

/// A direction that moved much in this many turns in a row is heavy, and splices where it may.
const LONG_TURNS: u8 = 2;
/// A direction that moves at least this many bytes in a turn moves much.
const LONG_TURN_BYTES: u64 = 128 * 1024;

/// What a read costs at least, in bytes of the share: TLS records may carry nothing.
const LEAST_READ: usize = 256;

/// When a direction moves bytes through a pipe, so that they stay in the kernel.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Splice {
    /// Never.
    #[default]
    Never,
    /// While the direction moves much (`option splice-auto`).
    WhenLong,
    /// From the start (`option splice-request` and `option splice-response`).
    Always,
}

impl Splice {
    /// For the direction to the server, as a frontend and its backend want it together.
    pub fn of_request(proxies: &[ProxyOptions]) -> Self {
        Self::of(proxies, |proxy| proxy.splice_request)
    }

    /// For the direction to the client, as a frontend and its backend want it together.
    pub fn of_response(proxies: &[ProxyOptions]) -> Self {
        Self::of(proxies, |proxy| proxy.splice_response)
    }

    fn of(proxies: &[ProxyOptions], always: fn(&ProxyOptions) -> bool) -> Self {
        if proxies.iter().any(always) {
            Self::Always
        } else if proxies.iter().any(|proxy| proxy.splice_auto) {
            Self::WhenLong
        } else {
            Self::Never
        }
    }
}

/// Both directions of a connection.
#[derive(Debug)]
pub struct Relay {
    /// From the client to the server.
    pub to_server: Direction,
    /// From the server to the client.
    pub to_client: Direction,
    /// The failure of a side that takes no more bytes. What that side sent before is still passed
    /// on, and then the relay fails. It is boxed because few connections have one.
    refused: Option<Box<Fault>>,
}

/// How far moving bytes came.
#[derive(Debug)]
pub enum Progress {
    /// Both directions wait for an event.
    Blocked,
    /// There is more to do in the next turn.
    More,
    /// Both directions have ended, and everything was written.
    Over,
}

/// What broke a relay.
#[derive(Debug)]
pub enum Fault {
    /// The client's side.
    Client(io::Error),
    /// The server's side.
    Server(io::Error),
    /// There is no memory for bytes that could not be written at once.
    Memory,
}

impl Fault {
    /// What broke the direction to the server.
    fn upwards(fault: DirectionFault) -> Self {
        match fault {
            DirectionFault::From(error) => Self::Client(error),
            DirectionFault::To(error) => Self::Server(error),
            DirectionFault::Memory => Self::Memory,
        }
    }

    /// What broke the direction to the client.
    fn downwards(fault: DirectionFault) -> Self {
        match fault {
            DirectionFault::From(error) => Self::Server(error),
            DirectionFault::To(error) => Self::Client(error),
            DirectionFault::Memory => Self::Memory,
        }
    }
}

impl Relay {
    /// A relay that has moved nothing yet.
    pub fn new(to_server: Splice, to_client: Splice) -> Self {
        let (to_server, to_client) = (Direction::new(to_server), Direction::new(to_client));
        Self { to_server, to_client, refused: None }
    }

    /// How much it may move in a turn, which depends on what it moved in the last turns.
    pub fn share(&self) -> Share {
        let is_heavy = self.to_client.is_heavy() || self.to_server.is_heavy();
        if is_heavy { Share::Heavy } else { Share::Light }
    }

    /// Moves what can be moved now, within its share.
    ///
    /// # Errors
    /// When a side is broken, or there is no memory left.
    pub fn advance(
        &mut self,
        client: &mut Side,
        server: &mut Side,
        buffers: &mut Buffers,
        now_ms: u64,
    ) -> Result<Progress, Fault> {
        let mut means = Means { share: self.share(), buffers, now_ms };
        if let Some(fault) = self.refused.take() {
            return self.advance_refused(*fault, client, server, &mut means);
        }
        // The server is read first: when it has answered and closed, the client's next bytes make
        // its system reset the connection, and the answer would be lost.
        let down = match self.to_client.advance(server, client, &mut means) {
            Err(DirectionFault::To(error)) => {
                client.assume_readable();
                return self.advance_refused(Fault::Client(error), client, server, &mut means);
            }
            down => down.map_err(Fault::downwards)?,
        };
        let up = match self.to_server.advance(client, server, &mut means) {
            Err(DirectionFault::To(error)) => {
                server.assume_readable();
                return self.advance_refused(Fault::Server(error), client, server, &mut means);
            }
            up => up.map_err(Fault::upwards)?,
        };
        let is_over = self.to_server.over && self.to_client.over;
        if is_over && client.session().is_none() && server.session().is_none() {
            // The close that follows tells both ends as much as a shutdown would.
            return Ok(Progress::Over);
        }
        if let Some(error) = server.late_failure() {
            return Err(Fault::Server(error));
        }
        if let Some(error) = client.late_failure() {
            return Err(Fault::Client(error));
        }
        if self.to_server.over {
            server.shut_write();
        }
        if self.to_client.over {
            client.shut_write();
        }
        let is_sent = client.flush().map_err(Fault::Client)?;
        if server.flush().map_err(Fault::Server)? && is_sent && is_over {
            return Ok(Progress::Over);
        }
        Ok(if up || down { Progress::More } else { Progress::Blocked })
    }

    /// Passes on what a side sent before it took no more bytes: a server may have answered and
    /// closed before the whole request reached it.
    fn advance_refused(
        &mut self,
        fault: Fault,
        client: &mut Side,
        server: &mut Side,
        means: &mut Means<'_>,
    ) -> Result<Progress, Fault> {
        let (direction, moved) = match &fault {
            Fault::Server(_) => {
                let moved = self.to_client.advance(server, client, means);
                (&self.to_client, moved)
            }
            Fault::Client(_) => {
                let moved = self.to_server.advance(client, server, means);
                (&self.to_server, moved)
            }
            Fault::Memory => return Err(fault),
        };
        let Ok(has_more) = moved else { return Err(fault) };
        if direction.over {
            return Err(fault);
        }
        self.refused = Some(Box::new(fault));
        Ok(if has_more { Progress::More } else { Progress::Blocked })
    }

    /// Moves only what can be moved to the server now. Returns whether there is more to do at once.
    ///
    /// # Errors
    /// When a side is broken, or there is no memory left.
    pub fn advance_to_server(
        &mut self,
        client: &mut Side,
        server: &mut Side,
        buffers: &mut Buffers,
        now_ms: u64,
    ) -> Result<bool, Fault> {
        if self.refused.is_some() {
            return Ok(false);
        }
        let mut means = Means { share: self.share(), buffers, now_ms };
        let more = match self.to_server.advance(client, server, &mut means) {
            Err(DirectionFault::To(error)) => {
                server.assume_readable();
                self.refused = Some(Box::new(Fault::Server(error)));
                return Ok(true);
            }
            more => more.map_err(Fault::upwards)?,
        };
        if let Some(error) = client.late_failure() {
            return Err(Fault::Client(error));
        }
        if self.to_server.over {
            server.shut_write();
        }
        Ok(more)
    }

    /// Ends both directions, after these bytes for the client.
    ///
    /// # Errors
    /// When there is no memory to keep them.
    pub fn end_with(&mut self, bytes: &[u8], buffers: &mut Buffers) -> Result<(), NoMemory> {
        self.to_server.over = true;
        if bytes.is_empty() { Ok(()) } else { self.to_client.begin_with(bytes, buffers) }
    }

    /// Gives back the buffers and pipes that it has borrowed. It is called when the connection is
    /// over.
    pub fn release(&mut self, buffers: &mut Buffers) {
        for direction in [&mut self.to_server, &mut self.to_client] {
            if let Some(kept) = direction.kept.take() {
                buffers.pool.release(kept);
            }
            if let Some(pipe) = direction.pipe.take() {
                buffers.pipes.release(pipe);
            }
        }
    }
}

/// What a direction moves bytes with in a turn.
struct Means<'a> {
    share: Share,
    buffers: &'a mut Buffers,
    now_ms: u64,
}

/// One direction of a connection.
#[derive(Debug)]
pub struct Direction {
    bytes: u64,
    kept: Option<Kept>,
    pipe: Option<Pipe>,
    splice: Splice,
    long_turns: u8,
    over: bool,
}

/// What broke a direction.
#[derive(Debug)]
enum DirectionFault {
    /// The side that is read from.
    From(io::Error),
    /// The side that is written to.
    To(io::Error),
    /// The lack of memory.
    Memory,
}

impl From<NoMemory> for DirectionFault {
    fn from(_: NoMemory) -> Self {
        Self::Memory
    }
}

impl Direction {
    fn new(splice: Splice) -> Self {
        Self { bytes: 0, kept: None, pipe: None, splice, long_turns: 0, over: false }
    }

    /// Has bytes of our own written before those that are read.
    ///
    /// # Errors
    /// When there is no memory to keep them.
    pub fn begin_with(&mut self, bytes: &[u8], buffers: &mut Buffers) -> Result<(), NoMemory> {
        self.kept = Some(buffers.pool.keep(bytes)?);
        Ok(())
    }

    /// Counts bytes that came otherwise than by reading.
    pub fn note(&mut self, len: usize) {
        self.bytes += len as u64;
    }

    /// How many bytes it has read.
    pub fn bytes(&self) -> u64 {
        self.bytes
    }

    /// Whether bytes wait to be written.
    pub fn has_pending(&self) -> bool {
        self.kept.is_some() || self.pipe.as_ref().is_some_and(|pipe| !pipe.is_empty())
    }

    /// Whether it has ended and everything was written.
    pub fn is_over(&self) -> bool {
        self.over
    }

    fn is_heavy(&self) -> bool {
        self.long_turns >= LONG_TURNS
    }

    /// Moves bytes. Returns whether there is more to do at once.
    #[inline]
    fn advance(
        &mut self,
        from: &mut Side,
        to: &mut Side,
        means: &mut Means<'_>,
    ) -> Result<bool, DirectionFault> {
        if self.is_idle(from, to) { Ok(false) } else { self.work(from, to, means) }
    }

    /// Whether there is nothing to write and nothing to read. Mostly one of both directions is.
    #[inline]
    fn is_idle(&self, from: &Side, to: &Side) -> bool {
        let holds_nothing = self.kept.is_none() && self.pipe.is_none() && to.tls.is_none();
        self.over || (holds_nothing && !from.is_readable())
    }

    #[inline(never)]
    fn work(
        &mut self,
        from: &mut Side,
        to: &mut Side,
        means: &mut Means<'_>,
    ) -> Result<bool, DirectionFault> {
        let before = self.bytes;
        let result = self.move_bytes(from, to, means);
        match self.bytes - before {
            0 => {}
            moved if moved < LONG_TURN_BYTES => self.long_turns = 0,
            _ => self.long_turns = self.long_turns.saturating_add(1),
        }
        result
    }

    fn move_bytes(
        &mut self,
        from: &mut Side,
        to: &mut Side,
        means: &mut Means<'_>,
    ) -> Result<bool, DirectionFault> {
        let mut budget = means.share.bytes();
        loop {
            if !self.flush(to, means).map_err(DirectionFault::To)? {
                return Ok(false);
            }
            if from.has_ended() {
                self.give_back_pipe(means.buffers);
                self.over = true;
                return Ok(false);
            }
            if budget == 0 || !from.is_readable() {
                if !from.is_readable() {
                    self.give_back_pipe(means.buffers);
                }
                return Ok(from.is_readable());
            }
            let moved = if self.wants_pipe(means.buffers) {
                self.read_into_pipe(from).map_err(DirectionFault::From)?
            } else {
                self.copy(from, to, means)?
            };
            if moved > 0 {
                self.bytes += moved as u64;
                from.set_active(means.now_ms);
            }
            budget = budget.saturating_sub(moved.max(LEAST_READ));
        }
    }

    /// Writes the bytes that wait. Returns whether none are left.
    fn flush(&mut self, to: &mut Side, means: &mut Means<'_>) -> io::Result<bool> {
        if !to.flush()? {
            return Ok(false);
        }
        if let Some(kept) = &mut self.kept {
            let sent = to.write(kept.bytes())?;
            if sent > 0 {
                to.set_active(means.now_ms);
            }
            if !kept.consume(sent) {
                return Ok(false);
            }
            if let Some(kept) = self.kept.take() {
                means.buffers.pool.release(kept);
            }
        }
        let Some(pipe) = &mut self.pipe else { return Ok(true) };
        while !pipe.is_empty() {
            if to.write_from(pipe)? == 0 {
                return Ok(false);
            }
            to.set_active(means.now_ms);
        }
        Ok(true)
    }

    /// Reads once and writes at once. What the other side does not take is kept.
    fn copy(
        &mut self,
        from: &mut Side,
        to: &mut Side,
        means: &mut Means<'_>,
    ) -> Result<usize, DirectionFault> {
        let buffers = &mut *means.buffers;
        let read_max = buffers.read_max(means.share);
        let room = &mut buffers.scratch[..read_max];
        let len = match from.read(room).map_err(DirectionFault::From)? {
            Read::Bytes(len) => len,
            Read::End | Read::Nothing => return Ok(0),
        };
        let sent = to.write(&buffers.scratch[..len]).map_err(DirectionFault::To)?;
        if sent > 0 {
            to.set_active(means.now_ms);
        }
        if sent < len {
            self.kept = Some(buffers.pool.keep(&buffers.scratch[sent..len])?);
        }
        Ok(len)
    }

    fn read_into_pipe(&mut self, from: &mut Side) -> io::Result<usize> {
        let Some(pipe) = &mut self.pipe else { return Ok(0) };
        match from.read_into(pipe)? {
            Read::Bytes(len) => Ok(len),
            Read::End | Read::Nothing => Ok(0),
        }
    }

    fn wants_pipe(&mut self, buffers: &mut Buffers) -> bool {
        if self.pipe.is_some() {
            return true;
        }
        let wanted = match self.splice {
            Splice::Never => false,
            Splice::WhenLong => self.is_heavy(),
            Splice::Always => true,
        };
        if wanted {
            self.pipe = buffers.pipes.lend();
        }
        self.pipe.is_some()
    }

    /// Gives the pipe back, so that a direction that pauses holds none.
    fn give_back_pipe(&mut self, buffers: &mut Buffers) {
        if let Some(pipe) = self.pipe.take() {
            buffers.pipes.release(pipe);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::{Read as _, Write as _};
    use std::net::{TcpListener, TcpStream};
    use std::os::fd::OwnedFd;

    struct Story {
        client: TcpStream,
        server: TcpStream,
        client_side: Side,
        server_side: Side,
        relay: Relay,
        buffers: Buffers,
    }

    fn pair() -> (TcpStream, OwnedFd) {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let outer = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
        let (inner, _) = listener.accept().unwrap();
        inner.set_nonblocking(true).unwrap();
        outer.set_read_timeout(Some(std::time::Duration::from_secs(5))).unwrap();
        (outer, inner.into())
    }

    impl Story {
        fn new(splice: Splice) -> Self {
            let ((client, client_fd), (server, server_fd)) = (pair(), pair());
            Self {
                client,
                server,
                client_side: Side::ready(client_fd, true),
                server_side: Side::ready(server_fd, true),
                relay: Relay::new(splice, splice),
                buffers: Buffers::new(16_384, 8),
            }
        }

        fn advance(&mut self) -> Result<Progress, Fault> {
            self.client_side.set_ready();
            self.server_side.set_ready();
            self.relay.advance(&mut self.client_side, &mut self.server_side, &mut self.buffers, 1)
        }
    }

    #[test]
    fn bytes_pass_both_ways() {
        let mut story = Story::new(Splice::Never);
        story.client.write_all(b"question").unwrap();
        story.server.write_all(b"answer").unwrap();
        assert!(matches!(story.advance(), Ok(Progress::Blocked)));
        let mut got = [0; 8];
        story.server.read_exact(&mut got).unwrap();
        assert_eq!(&got, b"question");
        story.client.read_exact(&mut got[..6]).unwrap();
        assert_eq!(&got[..6], b"answer");
    }

    #[test]
    fn a_half_close_is_passed_on_and_the_other_direction_goes_on() {
        for splice in [Splice::Never, Splice::Always] {
            let mut story = Story::new(splice);
            story.client.write_all(b"all I have").unwrap();
            story.client.shutdown(std::net::Shutdown::Write).unwrap();
            while !story.relay.to_server.is_over() {
                assert!(!matches!(story.advance(), Ok(Progress::Over) | Err(_)));
            }
            let mut got = Vec::new();
            story.server.read_to_end(&mut got).unwrap();
            assert_eq!(got, b"all I have");
            story.server.write_all(b"late answer").unwrap();
            drop(story.server.try_clone().unwrap());
            story.server.shutdown(std::net::Shutdown::Write).unwrap();
            while !matches!(story.advance().unwrap(), Progress::Over) {}
            let mut answer = [0; 11];
            story.client.read_exact(&mut answer).unwrap();
            assert_eq!(&answer, b"late answer");
        }
    }

    #[test]
    fn a_slow_reader_costs_one_bounded_buffer() {
        let mut story = Story::new(Splice::Never);
        story.server.set_nonblocking(true).unwrap();
        let chunk = vec![1; 1 << 20];
        let mut written = 0;
        for _ in 0..200 {
            match story.server.write(&chunk) {
                Ok(len) => written += len,
                Err(error) => assert_eq!(error.kind(), io::ErrorKind::WouldBlock),
            }
            story.advance().unwrap();
        }
        assert!(story.relay.to_client.has_pending());
        let read = story.relay.to_client.bytes();
        story.advance().unwrap();
        assert_eq!(story.relay.to_client.bytes(), read, "nothing is read while something waits");
        let mut got = 0;
        story.client.set_nonblocking(true).unwrap();
        let mut sink = vec![0; 1 << 20];
        while got < written {
            story.advance().unwrap();
            match story.client.read(&mut sink) {
                Ok(len) => got += len,
                Err(error) => assert_eq!(error.kind(), io::ErrorKind::WouldBlock),
            }
        }
        assert!(!story.relay.to_client.has_pending());
    }

    #[test]
    fn a_long_transfer_through_pipes_arrives_whole() {
        for splice in [Splice::WhenLong, Splice::Always] {
            let mut story = Story::new(splice);
            story.server.set_nonblocking(true).unwrap();
            story.client.set_nonblocking(true).unwrap();
            let data: Vec<u8> = (0..8_000_000u32).map(|n| n.to_le_bytes()[0] ^ 0x5a).collect();
            let (mut sent, mut got) = (0, Vec::new());
            let mut sink = vec![0; 1 << 16];
            while got.len() < data.len() {
                if let Ok(len) = story.server.write(&data[sent..]) {
                    sent += len;
                }
                story.advance().unwrap();
                if let Ok(len) = story.client.read(&mut sink) {
                    got.extend_from_slice(&sink[..len]);
                }
            }
            assert!(got == data);
            story.advance().unwrap();
            assert!(story.relay.to_client.pipe.is_none(), "a pause gives the pipe back");
        }
    }

    #[test]
    fn a_connection_is_heavy_while_it_moves_much() {
        let mut story = Story::new(Splice::Never);
        story.server.set_nonblocking(true).unwrap();
        story.client.set_nonblocking(true).unwrap();
        assert_eq!(story.relay.share(), Share::Light);
        let chunk = vec![1; 1 << 20];
        let mut sink = vec![0; 1 << 20];
        let mut rounds = 0;
        while story.relay.share() == Share::Light {
            // Fills the kernel's buffers before the relay looks.
            while story.server.write(&chunk).is_ok() {}
            story.advance().unwrap();
            while story.client.read(&mut sink).is_ok() {}
            rounds += 1;
            assert!(rounds < 100, "full buffers never made it heavy");
        }
        loop {
            story.advance().unwrap();
            let got = story.client.read(&mut sink);
            if got.is_err() && !story.relay.to_client.has_pending() {
                break;
            }
        }
        story.server.write_all(b"short").unwrap();
        story.advance().unwrap();
        assert_eq!(story.relay.share(), Share::Light);
    }

    /// Advances until the relay is over or has failed.
    fn run(story: &mut Story) -> Result<Progress, Fault> {
        loop {
            match story.advance() {
                Ok(Progress::Over) => return Ok(Progress::Over),
                Ok(_) => {}
                Err(fault) => return Err(fault),
            }
        }
    }

    #[test]
    fn a_side_that_takes_no_more_is_still_heard() {
        for splice in [Splice::Never, Splice::Always] {
            // The server answers and closes before the request reaches it.
            let mut story = Story::new(splice);
            story.server.write_all(b"too many").unwrap();
            story.server.shutdown(std::net::Shutdown::Both).unwrap();
            story.client.write_all(b"question").unwrap();
            // As if the answer came after the server was read.
            story.server_side.write(b"header").unwrap();
            story.relay.to_server.kept = Some(story.buffers.pool.keep(b"more").unwrap());
            let Story { client_side, server_side, relay, buffers, .. } = &mut story;
            let more = relay.advance_to_server(client_side, server_side, buffers, 1);
            assert!(more.unwrap());
            assert!(matches!(run(&mut story), Err(Fault::Server(_))));
            let mut answer = [0; 8];
            story.client.read_exact(&mut answer).unwrap();
            assert_eq!(&answer, b"too many");
        }
    }

    #[test]
    fn what_a_client_sent_before_it_left_reaches_the_server() {
        for splice in [Splice::Never, Splice::Always] {
            let mut story = Story::new(splice);
            story.client.write_all(b"SET a 1").unwrap();
            story.client.shutdown(std::net::Shutdown::Both).unwrap();
            // The client's system answers the first bytes with a reset.
            story.client_side.write(b"greeting").unwrap();
            story.server.write_all(b"more").unwrap();
            assert!(matches!(run(&mut story), Err(Fault::Client(_))));
            let mut got = [0; 7];
            story.server.read_exact(&mut got).unwrap();
            assert_eq!(&got, b"SET a 1");
        }
    }

    #[test]
    fn a_reset_is_told_apart_from_an_end() {
        let story = Story::new(Splice::Never);
        nix::sys::socket::setsockopt(
            &story.client,
            nix::sys::socket::sockopt::Linger,
            &libc::linger { l_onoff: 1, l_linger: 0 },
        )
        .unwrap();
        let Story { client, mut client_side, mut server_side, mut relay, mut buffers, .. } = story;
        drop(client);
        let result = relay.advance(&mut client_side, &mut server_side, &mut buffers, 1);
        assert!(matches!(result, Err(Fault::Client(_))), "{result:?}");
    }
}
