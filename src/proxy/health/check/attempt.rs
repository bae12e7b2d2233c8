//! One check, from its connection to its result, as a state machine without sockets. It takes
//! events and times, and tells the loop what to do.

use std::io;

use data_encoding::HEXLOWER_PERMISSIVE;

use super::judgement::Judgement;
use super::known::{Facts, Known, Variables};
use super::result::CheckResult;
use super::{dialogue, place, request, services};
use crate::config::{
    CheckStatus, CheckStep, Connect, ConnectPort, Script, ScriptKind, SendProxy, SentText, Service,
    TlsOffer,
};
use crate::net::address::Address;
use crate::net::regex::Work;
use crate::net::tls::TlsError;

/// The most bytes of an answer that are kept.
const INPUT_LEN_MAX: usize = 16_384;

/// The work that all searches of a check may do together. It takes a few milliseconds, however the
/// server cuts its answer to pieces. A usual expression needs a twentieth of it for the longest
/// answer.
const SEARCH_WORK_MAX: u32 = 200_000;

/// A check that is under way.
#[derive(Debug)]
pub struct Attempt {
    /// The target of the first connection. A `connect` step may name another target.
    own: Target,
    for_steps: ForSteps,
    facts: Facts,
    variables: Variables,
    began_ms: u64,
    /// The check times out at this moment, in every phase.
    until_ms: u64,
    timeouts: Timeouts,
    state: State,
    /// The connection speaks TLS.
    is_secured: bool,
    /// The index of the current step; the steps before it are done.
    step: usize,
    output: Vec<u8>,
    sent: usize,
    input: Vec<u8>,
    has_ended: bool,
    /// The work that the searches may still do.
    work: Work,
}

/// What a check waits for.
#[derive(Debug, PartialEq, Eq)]
enum State {
    /// The check waits for a socket.
    Opening,
    /// The check waits until the connection is established.
    Connecting,
    /// The check waits until the TLS handshake is over.
    ShakingHands,
    /// The check waits for the server, in one of the steps.
    Talking,
    /// The check is over.
    Over(CheckResult),
}

/// How long a check may take.
#[derive(Clone, Copy, Debug)]
pub struct Timeouts {
    /// The time to connect, in milliseconds.
    pub connect_ms: u32,
    /// The time from the connection to the end, in milliseconds. None: the rest of `whole_ms`.
    pub answer_ms: Option<u32>,
    /// The time for the whole check, in milliseconds.
    pub whole_ms: u32,
}

/// Where and how to connect.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Target {
    /// The address.
    pub address: Address,
    /// The PROXY header that the connection begins with, if any.
    pub send_proxy: Option<SendProxy>,
    /// What the connection offers, if it speaks TLS. The handshake follows the PROXY header.
    pub tls: Option<TlsOffer>,
    /// The check sends nothing before the server has sent something.
    pub server_speaks_first: bool,
}

impl Target {
    /// A target at which the check may send first.
    pub fn new(address: Address, send_proxy: Option<SendProxy>) -> Self {
        Self { address, send_proxy, tls: None, server_speaks_first: false }
    }
}

/// What the steps get that ask for it.
#[derive(Clone, Debug)]
pub struct ForSteps {
    /// The version of the PROXY header.
    pub header: SendProxy,
    /// What a connection with TLS offers that the words of the server's line describe.
    pub offer: TlsOffer,
}

/// What the loop must do for a check.
#[derive(Debug, PartialEq, Eq)]
pub enum Todo<'a> {
    /// Close the socket, if there is one, and open a new one. Then call
    /// [`Attempt::handle_opened`].
    Open(Target),
    /// Wait until the socket is connected or has failed. Then call [`Attempt::handle_connected`].
    AwaitConnection,
    /// Go on with the TLS handshake until it is over or has failed. Then call
    /// [`Attempt::handle_handshake`].
    ShakeHands,
    /// Send these bytes. Then call [`Attempt::handle_sent`].
    Send(&'a [u8]),
    /// Receive. Then call [`Attempt::handle_received`].
    Receive,
    /// Do nothing more, because the check is over.
    Finish(&'a CheckResult),
}

impl Attempt {
    /// A check that begins now.
    pub fn new(own: Target, for_steps: ForSteps, timeouts: Timeouts, now_ms: u64) -> Self {
        Self {
            own,
            for_steps,
            facts: Facts::default(),
            variables: Variables::default(),
            began_ms: now_ms,
            until_ms: now_ms + u64::from(timeouts.connect_ms),
            timeouts,
            state: State::Opening,
            is_secured: false,
            step: 0,
            output: Vec::new(),
            sent: 0,
            input: Vec::new(),
            has_ended: false,
            work: Work::new(SEARCH_WORK_MAX),
        }
    }

    /// The same check with what it knows of its server.
    pub fn with_facts(self, facts: Facts) -> Self {
        Self { facts, ..self }
    }

    /// When [`Attempt::handle_timeout`] is due.
    pub fn until_ms(&self) -> u64 {
        self.until_ms
    }

    /// The bytes that were received since the last send.
    pub fn input(&self) -> &[u8] {
        &self.input
    }

    /// The result, when the check is over.
    pub fn result(&self) -> Option<&CheckResult> {
        match &self.state {
            State::Over(result) => Some(result),
            State::Opening | State::Connecting | State::ShakingHands | State::Talking => None,
        }
    }

    /// What the loop must do now.
    pub fn poll(&mut self, script: &Script, now_ms: u64) -> Todo<'_> {
        match self.state {
            State::Opening => {
                while let Some(step) = script.steps.get(self.step).filter(|s| s.is_offline()) {
                    self.do_offline(step);
                    self.step += 1;
                }
            }
            State::Talking => self.talk(script, now_ms),
            State::Connecting | State::ShakingHands | State::Over(_) => {}
        }
        match &self.state {
            State::Opening => Todo::Open(self.target(script)),
            State::Connecting => Todo::AwaitConnection,
            State::ShakingHands => Todo::ShakeHands,
            State::Talking => match self.output.get(self.sent..) {
                Some(rest) if !rest.is_empty() => Todo::Send(rest),
                _ => Todo::Receive,
            },
            State::Over(result) => Todo::Finish(result),
        }
    }

    /// Does a step that needs no connection.
    fn do_offline(&mut self, step: &CheckStep) {
        match step {
            CheckStep::Set(set) => {
                if let Some(value) = self.known().of_variable(set) {
                    self.variables.set(&set.name, value);
                }
            }
            CheckStep::Unset(name) => self.variables.unset(name),
            _ => {}
        }
    }

    fn known(&self) -> Known<'_> {
        Known { facts: &self.facts, variables: &self.variables, input: &self.input }
    }

    /// The target of the next connection.
    fn target(&self, script: &Script) -> Target {
        let mut rest = script.steps.get(self.step..).unwrap_or_default();
        let mut target = self.own.clone();
        if let Some((CheckStep::Connect(connect), after)) = rest.split_first() {
            rest = after;
            self.direct(&mut target, connect);
        }
        let is_silent = target.send_proxy.is_none() && target.tls.is_none();
        // The configuration may send nothing to an agent.
        let first = rest.iter().find(|step| match step {
            CheckStep::Send(bytes) => !bytes.is_empty(),
            step => !step.is_offline(),
        });
        target.server_speaks_first = is_silent && first.is_some_and(CheckStep::is_expected);
        target
    }

    /// Changes the target as a `connect` step says.
    fn direct(&self, target: &mut Target, connect: &Connect) {
        let own_port = target.address.ip().map(|ip| ip.port()).unwrap_or_default();
        if let Some(addr) = &connect.addr {
            target.address = addr.clone();
        }
        let port = match &connect.port {
            Some(ConnectPort::Number(port)) => Some(*port),
            Some(ConnectPort::Sample(sample)) => {
                // As in HAProxy, the lower half of a number that is too large counts.
                let number = self.known().number(sample).unwrap_or_default() & 0xffff;
                u16::try_from(number).ok()
            }
            None => None,
        };
        if let Address::Ip(ip) = &mut target.address {
            let ports = [port.unwrap_or_default(), ip.port(), own_port];
            ip.set_port(ports.into_iter().find(|port| *port != 0).unwrap_or_default());
        }
        let is_secured = connect.tls || (connect.is_default && target.tls.is_some());
        target.tls = is_secured.then(|| match connect.is_default {
            true => connect.offer.or(&self.for_steps.offer),
            false => connect.offer.clone(),
        });
        let asked = connect.send_proxy.then_some(self.for_steps.header);
        target.send_proxy = asked.or_else(|| target.send_proxy.filter(|_| connect.is_default));
    }

    /// Whether the check only connects, without sending or receiving a byte.
    pub fn is_only_connection(&self, script: &Script) -> bool {
        let before = script.steps.get(..self.step).unwrap_or_default();
        let is_silent = self.output.is_empty() && self.input.is_empty();
        let last = before.iter().rev().find(|step| !step.is_offline());
        is_silent && matches!(last, None | Some(CheckStep::Connect(_)))
    }

    /// Whether the connection is closed in the ordinary way, not reset.
    pub fn ends_gently(&self, script: &Script) -> bool {
        let before = script.steps.get(..self.step).unwrap_or_default();
        let connect = before.iter().rev().find_map(|step| match step {
            CheckStep::Connect(connect) => Some(connect),
            _ => None,
        });
        connect.map_or_else(|| script.ends_gently(), |connect| connect.linger)
    }

    /// Whether the server has closed its half of the connection.
    pub fn has_ended(&self) -> bool {
        self.has_ended
    }

    /// Goes through the steps until a step has to wait.
    fn talk(&mut self, script: &Script, now_ms: u64) {
        while self.sent == self.output.len() {
            let Some(step) = script.steps.get(self.step) else {
                return self.finish(self.passed(script), now_ms);
            };
            match step {
                CheckStep::Connect(_) => {
                    self.state = State::Opening;
                    return;
                }
                CheckStep::Comment | CheckStep::Set(_) | CheckStep::Unset(_) => {
                    self.do_offline(step);
                }
                CheckStep::Send(bytes) => self.send(bytes.clone()),
                CheckStep::SendText(text) => match self.sent_text(text) {
                    Some(bytes) => self.send(bytes),
                    None => {
                        let number = self.number(script);
                        let info = format!(
                            "tcp-check send : failed to build log-format string at step {number}"
                        );
                        let result = CheckResult::new(CheckStatus::Layer7Invalid).with_info(info);
                        return self.finish(result, now_ms);
                    }
                },
                CheckStep::SendRequest(request) => {
                    self.send(request::bytes(request, &self.known()));
                }
                CheckStep::Expect(_)
                | CheckStep::ExpectHttp(_)
                | CheckStep::ExpectLine
                | CheckStep::ExpectReply(_) => match self.judge(step, script) {
                    Judgement::Fits => {}
                    Judgement::NotYet => return,
                    Judgement::Wrong(result) => return self.finish(result, now_ms),
                },
            }
            self.step += 1;
        }
    }

    fn send(&mut self, bytes: Vec<u8>) {
        self.input.clear();
        self.output = bytes;
        self.sent = 0;
    }

    /// The bytes of a text; none if the text is not the hexadecimal digits that it has to be.
    fn sent_text(&self, sent: &SentText) -> Option<Vec<u8>> {
        let text = self.known().text(&sent.text);
        if sent.is_hex { HEXLOWER_PERMISSIVE.decode(&text).ok() } else { Some(text) }
    }

    /// Judges the answer so far by a step that expects something.
    fn judge(&mut self, step: &CheckStep, script: &Script) -> Judgement {
        let is_http = matches!(step, CheckStep::ExpectHttp(_));
        if is_http && script.disables_on_404 && self.facts.is_up {
            let code = dialogue::http_code(&self.input).filter(|code| *code == 404);
            if code.is_some() {
                let result = CheckResult::new(CheckStatus::Layer7Conditional);
                return Judgement::Wrong(CheckResult { code, ..result });
            }
        }
        let is_whole = self.has_ended || self.input.len() >= INPUT_LEN_MAX;
        let number = self.number(script);
        let known = Known { facts: &self.facts, variables: &self.variables, input: &self.input };
        let judgement = dialogue::judge(step, number, &known, is_whole, &mut self.work);
        let Judgement::Wrong(result) = judgement else { return judgement };
        let comment = place::comment(script, self.step, self.input.is_empty());
        let info = format!("{}{comment}", result.info);
        Judgement::Wrong(result.with_info(info))
    }

    /// The result after all steps are done.
    fn passed(&self, script: &Script) -> CheckResult {
        let result = passed(script, &self.input, self.is_secured);
        let Some(words) = script.steps.last().and_then(CheckStep::expect_words) else {
            return result;
        };
        let known = self.known();
        let status = words.ok_status.unwrap_or(result.status);
        let code = dialogue::code_of(words, &known).or(result.code);
        let code = code.filter(|_| status.has_code());
        let info = words.on_success.as_ref().map(|text| known.string(text));
        let result = CheckResult { status, code, ..result };
        match info {
            Some(info) => result.with_info(info),
            None => result,
        }
    }

    /// The number of the current step as messages count, from 1.
    fn number(&self, script: &Script) -> usize {
        match script.kind {
            ScriptKind::Connect | ScriptKind::Tcp | ScriptKind::Agent | ScriptKind::Program => {
                self.step + 1
            }
            ScriptKind::Http => self.step + 2,
            // HAProxy counts the connection of some checks, and a mail server's greeting twice.
            ScriptKind::Service(Service::Redis | Service::Tls | Service::Ldap) => self.step + 1,
            ScriptKind::Service(Service::Smtp) if self.step > 0 => self.step + 3,
            ScriptKind::Service(_) => self.step + 2,
        }
    }

    /// The socket is connecting, or could not be opened.
    pub fn handle_opened(&mut self, opened: io::Result<()>, script: &Script, now_ms: u64) {
        self.input.clear();
        self.output.clear();
        self.sent = 0;
        self.has_ended = false;
        match opened {
            Ok(()) => self.state = State::Connecting,
            Err(error) => self.open_failed(&error, script, now_ms),
        }
    }

    /// The socket is connected or has failed. The connection begins with `header`.
    pub fn handle_connected(
        &mut self,
        connected: io::Result<()>,
        script: &Script,
        header: Vec<u8>,
        now_ms: u64,
    ) {
        if let Err(error) = connected {
            return self.connect_failed(&error, script, now_ms);
        }
        self.output = header;
        self.is_secured = self.target(script).tls.is_some();
        if self.is_secured {
            self.state = State::ShakingHands;
        } else {
            self.begin_talking(script, now_ms);
        }
    }

    /// The TLS handshake is over, or has failed with this cause.
    pub fn handle_handshake(
        &mut self,
        done: Result<(), &'static str>,
        script: &Script,
        now_ms: u64,
    ) {
        let Err(cause) = done else { return self.begin_talking(script, now_ms) };
        let info = format!("{cause}{}", place::of_connect(script, self.step));
        self.finish(CheckResult::new(CheckStatus::Layer6Invalid).with_info(info), now_ms);
    }

    fn begin_talking(&mut self, script: &Script, now_ms: u64) {
        self.until_ms = match self.timeouts.answer_ms {
            Some(answer_ms) => now_ms + u64::from(answer_ms),
            None => self.began_ms + u64::from(self.timeouts.whole_ms),
        };
        if matches!(script.steps.get(self.step), Some(CheckStep::Connect(_))) {
            self.step += 1;
        }
        self.state = State::Talking;
    }

    /// `len` bytes were sent.
    pub fn handle_sent(&mut self, len: usize) {
        self.sent = (self.sent + len).min(self.output.len());
    }

    /// These bytes were received.
    pub fn handle_received(&mut self, bytes: &[u8]) {
        let room = INPUT_LEN_MAX - self.input.len().min(INPUT_LEN_MAX);
        self.input.extend(bytes.iter().take(room));
    }

    /// The server has closed its half of the connection.
    pub fn handle_end(&mut self) {
        self.has_ended = true;
    }

    /// The socket failed after it was connected.
    pub fn handle_failure(&mut self, error: &io::Error, script: &Script, now_ms: u64) {
        let place = place::of_step(script, self.step);
        let info = format!("{}{place}", cause_of_failure(error));
        self.finish(CheckResult::new(CheckStatus::SocketError).with_info(info), now_ms);
    }

    /// Ends the check if its time is over at `now_ms`.
    pub fn handle_timeout(&mut self, script: &Script, now_ms: u64) {
        if now_ms < self.until_ms {
            return;
        }
        let result = match self.state {
            State::Opening | State::Connecting => CheckResult::new(CheckStatus::Layer4Timeout)
                .with_info(place::of_connect(script, self.step)),
            State::ShakingHands => CheckResult::new(CheckStatus::Layer6Timeout)
                .with_info(place::of_connect(script, self.step)),
            State::Talking if script.kind == ScriptKind::Service(Service::Tls) => {
                CheckResult::new(CheckStatus::Layer6Timeout)
            }
            State::Talking => {
                let words = script.steps.get(self.step).and_then(CheckStep::expect_words);
                let status = words.and_then(|words| words.timeout_status);
                CheckResult::new(status.unwrap_or(CheckStatus::Layer7Timeout))
                    .with_info(place::of_step(script, self.step))
            }
            State::Over(_) => return,
        };
        self.finish(result, now_ms);
    }

    /// The result of a connect that the system refused at once, in HAProxy's words. If the system
    /// says that nobody listens there, the words are those of a refused connection.
    fn open_failed(&mut self, error: &io::Error, script: &Script, now_ms: u64) {
        use io::ErrorKind::{ConnectionRefused, HostUnreachable};
        let is_path = self.target(script).address.ip().is_none();
        let is_nobody = !is_path && matches!(error.kind(), ConnectionRefused | HostUnreachable);
        let cause = match error.raw_os_error() {
            Some(_) if !is_nobody => format!("General socket error ({})", cause(error)),
            Some(_) | None => cause(error),
        };
        let status = if is_path { CheckStatus::SocketError } else { CheckStatus::Layer4Problem };
        let info = format!("{cause}{}", place::of_connect(script, self.step));
        self.finish(CheckResult::new(status).with_info(info), now_ms);
    }

    fn connect_failed(&mut self, error: &io::Error, script: &Script, now_ms: u64) {
        let place = place::of_connect(script, self.step);
        let info = format!("{}{place}", cause(error));
        let result = CheckResult::new(CheckStatus::Layer4Problem).with_info(info);
        self.finish(result, now_ms);
    }

    fn finish(&mut self, result: CheckResult, now_ms: u64) {
        let duration_ms = now_ms.saturating_sub(self.began_ms);
        self.state = State::Over(CheckResult { duration_ms: Some(duration_ms), ..result });
    }
}

/// The system's words for an error, without the error number.
pub(super) fn cause(error: &io::Error) -> String {
    let text = error.to_string();
    text.split(" (os error").next().unwrap_or_default().to_owned()
}

/// HAProxy's words for a connection that broke after it was established.
fn cause_of_failure(error: &io::Error) -> String {
    match TlsError::inside(error) {
        Some(_) => "SSL fatal error".to_owned(),
        None => cause(error),
    }
}

/// The result after all steps of a script are done.
fn passed(script: &Script, input: &[u8], is_secured: bool) -> CheckResult {
    let connected = if is_secured { CheckStatus::Layer6Passed } else { CheckStatus::Layer4Passed };
    let is = |wanted: fn(&CheckStep) -> bool| script.steps.iter().any(wanted);
    let connects = is(|step| matches!(step, CheckStep::Connect(_)));
    let is_talk = is(|step| !step.is_offline() && !matches!(step, CheckStep::Connect(_)));
    match script.kind {
        ScriptKind::Tcp if is_talk => {
            let result = CheckResult::new(CheckStatus::Layer7Passed).with_info("(tcp-check)");
            CheckResult { code: Some(0), ..result }
        }
        ScriptKind::Http => {
            let code = dialogue::http_code(input);
            CheckResult { code, ..CheckResult::new(CheckStatus::Layer7Passed) }
        }
        ScriptKind::Tcp if connects => CheckResult::new(connected).with_info("(tcp-check)"),
        ScriptKind::Tcp | ScriptKind::Connect | ScriptKind::Program => CheckResult::new(connected),
        ScriptKind::Agent => CheckResult::new(CheckStatus::Layer7Passed),
        ScriptKind::Service(service) => services::passed(service, input),
    }
}
