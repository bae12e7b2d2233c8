//! What all sessions have in common: a session takes the bytes that its client sends and gives the
//! bytes of the answers.

use crate::admin::context::Context;

/// One client, without its socket.
pub trait Session: std::fmt::Debug {
    /// How many bytes may be received now.
    fn receive_max(&self) -> usize;

    /// Takes bytes from the client, at most [`Session::receive_max`].
    fn handle_received(&mut self, bytes: &[u8], now_ms: u64);

    /// The client sends nothing more. The commands that it sent are still answered.
    fn handle_end_of_input(&mut self);

    /// The deadline has come. Returns whether the session has something to send about it; if not,
    /// the connection is closed.
    fn handle_timeout(&mut self, _now_ms: u64) -> bool {
        false
    }

    /// Another process serves from now on: the connection ends after the answers that the client
    /// waits for.
    fn retire(&mut self) {}

    /// Adds the bytes of the last turn to the counters.
    fn count(&mut self, _world: &mut Context<'_>) {}

    /// Does what the client asks for and returns the bytes to be sent next. If there are none,
    /// [`Session::is_busy`] says whether to call again in the next turn. The work of one call is
    /// bounded.
    fn poll_transmit(&mut self, context: &mut Context<'_>) -> &[u8];

    /// Notes that `count` bytes of those from [`Session::poll_transmit`] were sent.
    fn handle_sent(&mut self, count: usize, now_ms: u64);

    /// Whether the session has something to send or to do without further input.
    fn is_busy(&self) -> bool;

    /// Whether all answers are sent, so that the socket may be closed.
    fn is_finished(&self) -> bool;

    /// Whether the session goes on only when the process says so, or at its deadline.
    fn is_waiting(&self) -> bool;

    /// When the client has been silent too long, or has waited too long for an answer, in the
    /// loop's milliseconds. `u64::MAX` stands for never.
    fn deadline_ms(&self) -> u64;
}
