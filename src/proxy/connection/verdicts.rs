//! What follows from what the rules have decided about a connection.

use super::Connection;
use super::content_rules;
use super::content_rules::Decision;
use super::log_record::{Cause, Phase, Termination};
use super::response_rules;
use super::response_rules::Next;
use super::state::{Closed, State, Wanted};
use crate::proxy::shared::Turn;

impl Connection {
    /// Does what the content rules have decided.
    fn follow(&mut self, decision: Decision, turn: &mut Turn<'_>) -> Option<Wanted> {
        match decision {
            Decision::Wait => Some(Wanted::Event),
            Decision::Backend(backend) => self.enter(State::Choosing { backend, failed: None }),
            Decision::Denied(denied) => {
                self.keep_unique_id(turn);
                self.deny(denied, turn.shared);
                self.close(Termination::new(Cause::Refused, Phase::Request), turn.shared)
            }
            Decision::NoBackend => {
                self.keep_unique_id(turn);
                let frontend = turn.shared.frontend_mut(self.route.frontend);
                frontend.counters.request_errors += 1;
                self.client.discard(&mut turn.shared.buffers.scratch);
                self.close(Termination::new(Cause::ServerAbort, Phase::Connect), turn.shared)
            }
        }
    }

    /// Runs the content rules, and does what they have decided.
    pub(super) fn decide(&mut self, turn: &mut Turn<'_>) -> Option<Wanted> {
        let noted = self.noted_for_rules(turn);
        let State::AwaitingContent(rules) = &mut self.state else { return None };
        let subject = content_rules::Subject {
            client: &mut self.client,
            socket: self.socket,
            header: self.header.as_deref(),
            address: &mut self.address,
            destination: &mut self.destination,
            route: &mut self.route,
            memory: &mut self.memory,
            noted: noted.as_deref(),
        };
        let decision = rules.run(subject, turn);
        self.follow(decision, turn)
    }

    /// Looks at what the server sends, and does what the rules about that have decided.
    pub(super) fn inspect(&mut self, turn: &mut Turn<'_>) -> Option<Wanted> {
        let noted = self.noted_for_rules(turn);
        let State::Inspecting(inspecting) = &mut self.state else { return None };
        let subject = response_rules::Subject {
            client: &mut self.client,
            socket: self.socket,
            header: self.header.as_deref(),
            address: self.address,
            destination: self.destination.as_deref(),
            route: &mut self.route,
            memory: &mut self.memory,
            noted: noted.as_deref(),
        };
        match inspecting.advance(subject, turn) {
            Next::Event => Some(Wanted::Event),
            Next::Turn => Some(Wanted::Turn),
            Next::Relay => {
                let placeholder = State::Closed(Closed::new(Termination::NORMAL));
                let before = std::mem::replace(&mut self.state, placeholder);
                self.enter(before.into_passing())
            }
            Next::Close(termination) => {
                self.client.discard(&mut turn.shared.buffers.scratch);
                self.close(termination, turn.shared)
            }
            Next::Drop(termination) => {
                self.client.silence();
                self.close(termination, turn.shared)
            }
        }
    }
}
