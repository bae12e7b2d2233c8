//! The checks of a backend as they were typed.

use super::http_request::{Names, Request};
use crate::config::text::diagnostic::{Mistake, Parsed, Place};
use crate::config::text::report::Report;
use crate::config::{
    BackendHealth, CheckStep, HttpExpect, HttpPattern, Script, ScriptKind, Server, Service,
};

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
    pub(in crate::config) timeout_ms: Option<u32>,
    pub(in crate::config) log_checks: bool,
}

/// A step as it was typed.
#[derive(Clone, Debug)]
pub(in crate::config) struct StepDraft {
    pub(in crate::config) message: Message,
    pub(in crate::config) comment: Option<String>,
}

/// What a step does, before the names of servers are known.
#[derive(Clone, Debug)]
pub(in crate::config) enum Message {
    Step(CheckStep),
    Request(Request),
}

impl StepDraft {
    /// A step without a comment.
    pub(in crate::config) fn new(message: Message) -> Self {
        Self { message, comment: None }
    }
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
    pub(in crate::config) fn begin_own(&mut self, kind: ScriptKind) {
        if self.kind == kind {
            self.inherited = None;
        }
    }

    /// Adds a step of `tcp-check`.
    ///
    /// # Errors
    /// A `connect` follows other rules, and the first rule is no `connect`.
    pub(in crate::config) fn push_tcp(&mut self, step: StepDraft, place: Place) -> Parsed {
        let is = |step: &StepDraft, wanted: fn(&CheckStep) -> bool| match &step.message {
            Message::Step(step) => wanted(step),
            Message::Request(_) => false,
        };
        let first =
            self.tcp.iter().find(|step| !is(step, |step| matches!(step, CheckStep::Comment)));
        let is_connect = |step| is(step, |step| matches!(step, CheckStep::Connect(_)));
        if is_connect(&step) && first.is_some_and(|first| !is_connect(first)) {
            let message = "'tcp-check connect' stands behind a rule of another kind: where there \
                           is a 'connect', the first rule is one too";
            return Err(Mistake::new(place, message));
        }
        self.tcp.push(step);
        self.tcp_place.get_or_insert(place);
        self.begin_own(ScriptKind::Tcp);
        Ok(())
    }

    /// The check in effect.
    fn steps(&self) -> Vec<StepDraft> {
        if let Some(inherited) = &self.inherited {
            return inherited.clone();
        }
        match self.kind {
            ScriptKind::Connect | ScriptKind::Agent => Vec::new(),
            ScriptKind::Tcp => self.tcp.clone(),
            ScriptKind::Service(_) => {
                let steps = self.service.iter().cloned();
                steps.map(|step| StepDraft::new(Message::Step(step))).collect()
            }
            ScriptKind::Http => self.http.steps(),
        }
    }

    /// The checks of a backend. If the script names the server, each checked server gets its own
    /// script.
    pub(in crate::config) fn resolve(
        &self,
        backend: &str,
        servers: &mut [Server],
    ) -> BackendHealth {
        let steps = self.steps();
        let names_server = steps.iter().any(|step| match &step.message {
            Message::Step(_) => false,
            Message::Request(request) => request.names_server(),
        });
        for server in servers.iter_mut().filter(|_| names_server) {
            if let Some(check) = &mut server.health.check {
                check.script = Some(self.script(&steps, Names { backend, server: &server.name }));
            }
        }
        BackendHealth {
            script: self.script(&steps, Names { backend, server: "" }),
            timeout_ms: self.timeout_ms,
            log_checks: self.log_checks,
        }
    }

    fn script(&self, steps: &[StepDraft], names: Names<'_>) -> Script {
        let comments = steps.iter().enumerate();
        let comments = comments.filter_map(|(at, step)| Some((at, step.comment.clone()?)));
        let comments = comments.collect();
        let steps = steps.iter().map(|step| match &step.message {
            Message::Step(step) => step.clone(),
            Message::Request(request) => CheckStep::Send(request.bytes(names)),
        });
        Script { kind: self.kind, steps: steps.collect(), comments }
    }

    /// Warns of rules that have no effect where they stand.
    pub(in crate::config) fn report(&self, report: &mut Report) {
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

/// The lines of a section as they were typed.
#[derive(Clone, Debug, Default)]
pub(in crate::config) struct HttpDraft {
    /// The request of `option httpchk`.
    pub(in crate::config) option: Option<Request>,
    /// The request of `http-check send`, which goes before `option httpchk`.
    pub(in crate::config) send: Option<Request>,
    pub(in crate::config) expects: Vec<StepDraft>,
    /// The place of the first rule.
    pub(in crate::config) place: Option<Place>,
}

impl HttpDraft {
    /// The check that the lines describe.
    pub(in crate::config) fn steps(&self) -> Vec<StepDraft> {
        let mut steps = Vec::new();
        if self.has_request() {
            steps.push(StepDraft::new(Message::Request(self.request())));
        }
        if self.expects.is_empty() {
            let works = HttpPattern::Status(vec![(200, 399)]);
            let expect = HttpExpect { negated: false, pattern: works };
            steps.push(StepDraft::new(Message::Step(CheckStep::ExpectHttp(expect))));
        }
        steps.extend(self.expects.iter().cloned());
        steps
    }

    /// Whether a request is sent. Rules of the section replace all rules of `defaults`, the request
    /// too.
    pub(in crate::config) fn has_request(&self) -> bool {
        self.option.is_some() || self.send.is_some()
    }

    /// Sets the request of `option httpchk`. If `http-check send` stands before the option, the
    /// option goes first.
    pub(in crate::config) fn set_option(&mut self, option: Request) {
        if let Some(send) = &mut self.send {
            send.method = send.method.take().filter(|_| option.method.is_none());
            send.uri = send.uri.take().filter(|_| option.uri.is_none());
            send.version = send.version.take().filter(|_| option.version.is_none());
        }
        self.option = Some(option);
    }

    pub(in crate::config) fn request(&self) -> Request {
        let option = self.option.clone().unwrap_or_default();
        let mut request = self.send.clone().unwrap_or_default();
        request.method = request.method.or(option.method);
        request.uri = request.uri.or(option.uri);
        request.version = request.version.or(option.version);
        if request.headers.is_empty() {
            request.headers = option.headers;
        }
        if request.body.is_some() {
            request.headers.retain(|(name, _)| name != "content-length");
        }
        request.body = request.body.or(option.body);
        request
    }
}
