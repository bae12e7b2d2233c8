//! The results of checks, of agents and of clients' connects, and whether a result changes the
//! health of its server.

use super::check::agent;
use super::check::agent::Report;
use super::check::result::CheckResult;
use super::check::{CheckKind, Checked};
use super::log_lines;
use super::notice::Why;
use crate::config::{BackendId, CheckStatus, OnError, ServerIndex, Severity};
use crate::proxy::backend::server::{Author, Health, Server};
use crate::proxy::connection::route::ConnectFailure;
use crate::proxy::shared::Shared;

/// The meaning of a result for its server.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Outcome {
    Passed,
    /// The check passed, but the server wants no new clients.
    Conditional,
    Failed,
    /// No meaning. An agent counts only if it answers: an agent that cannot be reached says nothing
    /// of the server.
    Neutral,
}

impl Outcome {
    fn of(kind: CheckKind, status: CheckStatus) -> Self {
        match kind {
            _ if status == CheckStatus::Layer7Conditional => Self::Conditional,
            _ if status.has_passed() => Self::Passed,
            CheckKind::Health => Self::Failed,
            CheckKind::Agent if status == CheckStatus::Layer7WrongStatus => Self::Failed,
            CheckKind::Agent => Self::Neutral,
        }
    }
}

impl Shared {
    /// Takes the result of a check.
    pub fn take_check_result(
        &mut self,
        backend: BackendId,
        index: ServerIndex,
        result: CheckResult,
        now_ms: u64,
    ) {
        self.take_result(CheckKind::Health, backend, index, result, now_ms);
    }

    /// Takes the answer of an agent, and does what the agent wants: an agent may change the
    /// administrative state, the weight and the limit of its server, as an operator may.
    pub fn take_agent_result(
        &mut self,
        backend: BackendId,
        index: ServerIndex,
        result: CheckResult,
        input: &[u8],
        now_ms: u64,
    ) {
        let Some(line) = agent::line(input).filter(|_| result.status.has_passed()) else {
            return self.take_result(CheckKind::Agent, backend, index, result, now_ms);
        };
        let line = String::from_utf8_lossy(line);
        let report = Report::read(&line);
        if let Some(state) = report.admin {
            self.set_admin_state(backend, index, state, Author::Agent, now_ms);
        }
        let adjust = |word| self.set_server_weight(backend, index, word, Author::Agent, now_ms);
        let weight = report.weight.map(adjust);
        let maxconn = report.maxconn.map(|word| self.set_agent_maxconn(backend, index, word));
        let warning = [weight, maxconn].into_iter().flatten().find_map(Result::err);
        let result = CheckResult { duration_ms: result.duration_ms, ..report.result(warning) };
        self.take_result(CheckKind::Agent, backend, index, result, now_ms);
    }

    /// Takes a client's failure to connect. Too many failures in a row have the effect that
    /// `observe` configures for the server. A failure for want of this machine's resources says
    /// nothing of the server.
    pub fn count_failed_connect(
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
        let observe = server.config.settings.health.observe;
        let Some(checked) = server.checked.as_mut().filter(|_| observe.is_on) else { return };
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
        let result = CheckResult::new(CheckStatus::Analysed).with_info(format!(
            "Detected {limit} consecutive errors, last one was: L4 unsuccessful connection"
        ));
        self.take_check_result(id, index, result, now_ms);
    }

    fn take_result(
        &mut self,
        kind: CheckKind,
        backend: BackendId,
        index: ServerIndex,
        result: CheckResult,
        now_ms: u64,
    ) {
        let section = self.backend_mut(backend);
        let log_checks = section.config.health.log_checks;
        let name = section.config.name.clone();
        let server = section.server_mut(index);
        let outcome = Outcome::of(kind, result.status);
        let Some(checked) = server.checked_mut(kind) else { return };
        let is_news = count(checked, outcome, &result);
        let judged = judge(server, kind, outcome);
        if log_checks && is_news && result.status != CheckStatus::Checked {
            let text = log_lines::check_line(&name, server, kind, &result);
            self.log_server(backend, index, Severity::Notice, text, now_ms);
        }
        let stays_down = judged.is_some_and(|health| health != Health::Down)
            && self.is_tracking_down(backend, index);
        if let Some(health) = judged.filter(|_| !stays_down) {
            let why = Why::Check(Some(&result).filter(|_| !log_checks));
            self.change_health(backend, index, health, why, now_ms);
        }
    }

    /// Whether the server tracks another server that is down.
    fn is_tracking_down(&self, backend: BackendId, index: ServerIndex) -> bool {
        let tracked = self.backend(backend).server(index).config.health.track;
        tracked.is_some_and(|(backend, server)| {
            self.backend(backend).server(server).health == Health::Down
        })
    }
}

/// Counts a result. Returns whether the result differs from the result before.
fn count(checked: &mut Checked, outcome: Outcome, result: &CheckResult) -> bool {
    let (before, status_before) = (checked.counter, checked.last.status);
    match outcome {
        Outcome::Passed | Outcome::Conditional => checked.counter.count(true),
        Outcome::Failed => {
            checked.failed += u64::from(before.is_up());
            checked.counter.count(false);
        }
        Outcome::Neutral => {}
    }
    checked.last = result.clone();
    checked.counter != before || status_before != result.status
}

/// The health that a result gives its server, if the result decides. A server is up if its checks
/// and its agent agree on that; either of them is enough to take it down.
fn judge(server: &Server, kind: CheckKind, outcome: Outcome) -> Option<Health> {
    // The health of a server that tracks another comes from that server.
    let is_tracked = kind == CheckKind::Health && server.config.health.track.is_some();
    if server.is_in_maintenance() || is_tracked {
        return None;
    }
    match outcome {
        Outcome::Passed if kind == CheckKind::Agent && server.health == Health::Stopping => None,
        Outcome::Passed => server.is_found_up().then_some(Health::Up),
        Outcome::Conditional => server.is_found_up().then_some(Health::Stopping),
        Outcome::Failed => {
            let checked = server.checked_of(kind)?;
            (!checked.counter.is_up()).then_some(Health::Down)
        }
        Outcome::Neutral => None,
    }
}
