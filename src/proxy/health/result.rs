//! What checks, agents and the connections of clients find of a server, and whether its health
//! changes by that.

use super::check::agent;
use super::check::agent::Report;
use super::check::verdict::{CheckStatus, Verdict};
use super::check::{CheckKind, Checked};
use super::log_lines;
use super::{Gravity, Why};
use crate::config::{BackendId, OnError, ServerIndex};
use crate::proxy::backend::by_agent::Author;
use crate::proxy::backend::server::{AdminState, Health, Server};
use crate::proxy::connection::route::ConnectFailure;
use crate::proxy::shared::Shared;

/// What a result says of a server.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Outcome {
    Passed,
    Failed,
    /// Nothing: only an agent's own word counts, not that it cannot be reached.
    Neutral,
}

impl Outcome {
    fn of(kind: CheckKind, status: CheckStatus) -> Self {
        match kind {
            _ if status.has_passed() => Self::Passed,
            CheckKind::Health => Self::Failed,
            CheckKind::Agent if status == CheckStatus::Layer7WrongStatus => Self::Failed,
            CheckKind::Agent => Self::Neutral,
        }
    }
}

impl Shared {
    /// Takes the result of a check.
    pub fn note_check(
        &mut self,
        backend: BackendId,
        index: ServerIndex,
        verdict: Verdict,
        now_ms: u64,
    ) {
        self.note_verdict(CheckKind::Health, backend, index, verdict, now_ms);
    }

    /// Takes what an agent was found to say, and does what it wants: of its server's
    /// administrative state, weight and limit as an operator would.
    pub fn note_agent(
        &mut self,
        backend: BackendId,
        index: ServerIndex,
        verdict: Verdict,
        input: &[u8],
        now_ms: u64,
    ) {
        let Some(line) = agent::line(input).filter(|_| verdict.status.has_passed()) else {
            return self.note_verdict(CheckKind::Agent, backend, index, verdict, now_ms);
        };
        let line = String::from_utf8_lossy(line);
        let report = Report::read(&line);
        if let Some(state) = report.admin {
            self.set_admin_state(backend, index, state, Author::Agent, now_ms);
        }
        let adjust = |word| self.adjust_weight(backend, index, word, Author::Agent, now_ms);
        let weight = report.weight.map(adjust);
        let maxconn = report.maxconn.map(|word| self.adjust_maxconn(backend, index, word));
        let warning = [weight, maxconn].into_iter().flatten().find_map(Result::err);
        let verdict = Verdict { duration_ms: verdict.duration_ms, ..report.verdict(warning) };
        self.note_verdict(CheckKind::Agent, backend, index, verdict, now_ms);
    }

    /// Takes a client's failure to connect; too many in a row count as its server's `observe`
    /// says. What this machine lacks says nothing of the server.
    pub fn note_failed_connect(
        &mut self,
        id: BackendId,
        index: ServerIndex,
        failure: ConnectFailure,
        now_ms: u64,
    ) {
        if failure == ConnectFailure::Resource {
            return;
        }
        let server = self.backend_mut(id).server_mut(index);
        let (Some(observe), Some(checked)) = (server.config.health.observe, &mut server.checked)
        else {
            return;
        };
        server.failed_in_row += 1;
        if server.failed_in_row < observe.error_limit {
            return;
        }
        server.failed_in_row = 0;
        checked.observed += 1;
        match observe.on_error {
            OnError::FastInter | OnError::FailCheck => {}
            OnError::SuddenDeath => checked.counter.put_near_edge(),
            OnError::MarkDown => checked.counter.put_on_edge(),
        }
        self.hurried.push((id, index));
        if observe.on_error == OnError::FastInter {
            return;
        }
        let limit = observe.error_limit;
        let verdict = Verdict::new(CheckStatus::Analysed).with_info(format!(
            "Detected {limit} consecutive errors, last one was: L4 unsuccessful connection"
        ));
        self.note_check(id, index, verdict, now_ms);
    }

    fn note_verdict(
        &mut self,
        kind: CheckKind,
        backend: BackendId,
        index: ServerIndex,
        verdict: Verdict,
        now_ms: u64,
    ) {
        let section = self.backend_mut(backend);
        let log_checks = section.config.health.log_checks;
        let name = section.config.name.clone();
        let server = section.server_mut(index);
        let outcome = Outcome::of(kind, verdict.status);
        let Some(checked) = server.checked_mut(kind) else { return };
        let is_news = count(checked, outcome, &verdict);
        let judged = judge(server, kind, outcome);
        if log_checks && is_news && verdict.status != CheckStatus::Checked {
            let text = log_lines::check_line(&name, server, kind, &verdict);
            self.say(backend, index, Gravity::Notice, text, now_ms);
        }
        let stays_down = judged == Some(Health::Up) && self.is_tracking_down(backend, index);
        if let Some(health) = judged.filter(|_| !stays_down) {
            let why = Why::Check(Some(&verdict).filter(|_| !log_checks));
            self.change_health(backend, index, health, why, now_ms);
        }
    }

    /// Whether the server tracks another, and that one is down.
    fn is_tracking_down(&self, backend: BackendId, index: ServerIndex) -> bool {
        let tracked = self.backend(backend).server(index).config.health.track;
        tracked.is_some_and(|(backend, server)| {
            self.backend(backend).server(server).health == Health::Down
        })
    }
}

/// Counts a result. Says whether it differs from the one before.
fn count(checked: &mut Checked, outcome: Outcome, verdict: &Verdict) -> bool {
    let (before, status_before) = (checked.counter, checked.last.status);
    match outcome {
        Outcome::Passed => checked.counter.count(true),
        Outcome::Failed => {
            checked.failed += u64::from(before.is_up());
            checked.counter.count(false);
        }
        Outcome::Neutral => {}
    }
    checked.last = verdict.clone();
    checked.counter != before || status_before != verdict.status
}

/// The health that a server has by a result, if the result decides it. Up it is by the word of
/// all who are asked, down by the word of one.
fn judge(server: &Server, kind: CheckKind, outcome: Outcome) -> Option<Health> {
    // What a tracked server's checks find comes by itself.
    let is_tracked = kind == CheckKind::Health && server.config.health.track.is_some();
    if server.admin == AdminState::Maint || is_tracked {
        return None;
    }
    match outcome {
        Outcome::Passed if kind == CheckKind::Agent && server.health == Health::Stopping => None,
        Outcome::Passed => server.is_found_up().then_some(Health::Up),
        Outcome::Failed => {
            let checked = server.checked_of(kind)?;
            (!checked.counter.is_up()).then_some(Health::Down)
        }
        Outcome::Neutral => None,
    }
}
