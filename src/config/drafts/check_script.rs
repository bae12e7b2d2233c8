//! The checks of a backend as they were typed.

use super::check_step::{StepDraft, check_connect};
use super::http_check::HttpDraft;
use crate::config::text::diagnostic::{Parsed, Place};
use crate::config::text::report::Report;
use crate::config::{BackendHealth, CheckStep, Script, ScriptKind, Service};

/// The lines of a section about its checks.
#[derive(Clone, Debug, Default)]
pub(in crate::config) struct ScriptDraft {
    pub(in crate::config) kind: ScriptKind,
    /// The check of the `defaults` section. A line of the section replaces the check.
    pub(in crate::config) inherited: Option<Vec<StepDraft>>,
    pub(in crate::config) tcp: Vec<StepDraft>,
    /// The place of the first `tcp-check` rule.
    pub(in crate::config) tcp_place: Option<Place>,
    pub(in crate::config) service: Vec<CheckStep>,
    pub(in crate::config) http: HttpDraft,
    pub(in crate::config) program: ProgramDraft,
    pub(in crate::config) disables_on_404: bool,
    pub(in crate::config) sends_state: bool,
    pub(in crate::config) timeout_ms: Option<u32>,
    pub(in crate::config) log_checks: bool,
}

/// The lines of `external-check`.
#[derive(Clone, Debug, Default)]
pub(in crate::config) struct ProgramDraft {
    pub(in crate::config) command: Option<String>,
    pub(in crate::config) path: Option<String>,
    /// The place of the first line.
    pub(in crate::config) place: Option<Place>,
}

impl ScriptDraft {
    /// What the sections after a `defaults` section inherit: the check that is in effect there,
    /// without the rules of other kinds of checks.
    pub(in crate::config) fn inherit(&self) -> Self {
        Self {
            kind: self.kind,
            inherited: Some(self.steps()),
            timeout_ms: self.timeout_ms,
            log_checks: self.log_checks,
            disables_on_404: self.disables_on_404,
            sends_state: self.sends_state,
            program: ProgramDraft { place: None, ..self.program.clone() },
            ..Self::default()
        }
    }

    /// Sets the kind of the check. Another kind replaces the check of `defaults`.
    pub(in crate::config) fn choose(&mut self, kind: ScriptKind) {
        if self.kind != kind {
            self.kind = kind;
            self.inherited = None;
        }
    }

    /// Chooses an HTTP check. A request of the section replaces everything from `defaults`, the
    /// rules too.
    pub(in crate::config) fn choose_http(&mut self) {
        self.kind = ScriptKind::Http;
        self.inherited = None;
    }

    /// Chooses the dialogue with a service.
    pub(in crate::config) fn choose_service(&mut self, service: Service, steps: Vec<CheckStep>) {
        self.kind = ScriptKind::Service(service);
        self.inherited = None;
        self.service = steps;
    }

    /// Begins the rules of the section: they replace the rules of `defaults` of this kind.
    fn begin_own(&mut self, kind: ScriptKind) {
        if self.kind == kind {
            self.inherited = None;
        }
    }

    /// Adds a step of `tcp-check`.
    ///
    /// # Errors
    /// A `connect` follows other rules, and the first rule is no `connect`.
    pub(in crate::config) fn push_tcp(&mut self, step: StepDraft, place: Place) -> Parsed {
        if step.is_connect() {
            check_connect(&self.tcp, "tcp-check", place)?;
        }
        self.tcp.push(step);
        self.tcp_place.get_or_insert(place);
        self.begin_own(ScriptKind::Tcp);
        Ok(())
    }

    /// Adds a step of `http-check`.
    ///
    /// # Errors
    /// The step cannot follow the steps before it.
    pub(in crate::config) fn push_http(&mut self, step: StepDraft, place: Place) -> Parsed {
        self.http.push(step, place)?;
        self.begin_own(ScriptKind::Http);
        Ok(())
    }

    /// The check in effect.
    fn steps(&self) -> Vec<StepDraft> {
        if let Some(inherited) = &self.inherited {
            return inherited.clone();
        }
        match self.kind {
            ScriptKind::Connect | ScriptKind::Agent | ScriptKind::Program => Vec::new(),
            ScriptKind::Tcp => self.tcp.clone(),
            ScriptKind::Service(_) => self.service.iter().cloned().map(StepDraft::new).collect(),
            ScriptKind::Http => self.http.steps(),
        }
    }

    /// Whether a step asks for TLS.
    pub(in crate::config) fn speaks_tls(&self) -> bool {
        let asks = |step: &StepDraft| matches!(&step.step, CheckStep::Connect(it) if it.tls);
        self.steps().iter().any(asks)
    }

    /// The checks of a backend.
    pub(in crate::config) fn resolve(&self) -> BackendHealth {
        let drafts = self.steps();
        let comments = drafts.iter().enumerate();
        let comments = comments.filter_map(|(at, step)| Some((at, step.comment.clone()?)));
        let comments = comments.collect();
        let script = Script {
            kind: self.kind,
            steps: drafts.into_iter().map(|draft| draft.step).collect(),
            comments,
            disables_on_404: self.disables_on_404,
            sends_state: self.sends_state,
        };
        BackendHealth {
            script,
            timeout_ms: self.timeout_ms,
            log_checks: self.log_checks,
            program: None,
        }
    }

    /// Warns of rules that have no effect where they stand.
    pub(in crate::config) fn report(&self, report: &mut Report) {
        if let Some(place) = self.program.place.filter(|_| self.kind != ScriptKind::Program) {
            let message = "the lines of 'external-check' are ignored: 'option external-check' is \
                           not in effect";
            report.warning(place, message);
        }
        for (place, kind, rules, option) in [
            (self.tcp_place, ScriptKind::Tcp, "tcp-check", "option tcp-check"),
            (self.http.place, ScriptKind::Http, "http-check", "option httpchk"),
        ] {
            let Some(place) = place else { continue };
            if self.kind != kind {
                let message =
                    format!("the rules of '{rules}' are ignored: '{option}' is not in effect");
                report.warning(place, message);
            } else if kind == ScriptKind::Http && !self.http.has_request() {
                let message = "the rules of 'http-check' replace the whole check of 'defaults', so \
                               no request is sent: add 'option httpchk' or 'http-check send'";
                report.warning(place, message);
            }
        }
    }
}
