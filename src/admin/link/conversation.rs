//! What a client's socket is moved by: bytes in, bytes out, a bounded number at a time.

use crate::admin::World;

/// One client without its socket.
pub trait Conversation: std::fmt::Debug {
    /// How many bytes may be received now.
    fn receive_max(&self) -> usize;

    /// Takes bytes from the client, at most [`Conversation::receive_max`].
    fn handle_received(&mut self, bytes: &[u8], now_ms: u64);

    /// The client will send nothing more. What it sent is still answered.
    fn handle_end_of_input(&mut self);

    /// The deadline has come. Whether there is something left to say about it; the connection is
    /// over otherwise.
    fn handle_timeout(&mut self, _now_ms: u64) -> bool {
        false
    }

    /// Another process serves from now on: the connection is not kept for what is asked next.
    fn retire(&mut self) {}

    /// Adds what was moved since the last call to what is counted.
    fn count(&mut self, _world: &mut World<'_>) {}

    /// Does what was asked for and lends the bytes to be sent next. Empty if there are none now;
    /// then [`Conversation::is_busy`] says whether to call again in the next turn. Each call does a
    /// bounded amount of work.
    fn poll_transmit(&mut self, world: &mut World<'_>) -> &[u8];

    /// `count` bytes of what [`Conversation::poll_transmit`] lent were sent.
    fn handle_sent(&mut self, count: usize, now_ms: u64);

    /// Whether there is something to send or to work on without further input.
    fn is_busy(&self) -> bool;

    /// Whether everything is said and sent, so that the socket may be closed.
    fn is_finished(&self) -> bool;

    /// Whether it can go on only when the process says so, or at its deadline.
    fn is_waiting(&self) -> bool;

    /// When the client has been silent too long, or what it waits for takes too long; activity
    /// moves it. `u64::MAX` for never.
    fn deadline_ms(&self) -> u64;
}
