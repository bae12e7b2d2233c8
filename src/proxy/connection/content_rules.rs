//! The rules that decide where a connection goes: `tcp-request content`, which may wait for what
//! the client sends, `use_backend`, `use-server`, and the keys of stick rules. What the client has
//! sent is looked at and stays in the kernel.

use std::net::SocketAddr;
use std::os::fd::AsFd;

use super::log_record::LogRecord;
use super::proxy_header;
use super::route::Route;
use crate::config::rules::{Persist, Rule, Rules};
use crate::config::{BackendId, FormatString, FrontendId, RdpCookies, ServerIndex};
use crate::net::proxy_protocol::Additions;
use crate::proxy::backend::Backend;
use crate::proxy::frontend::admission::Denied;
use crate::proxy::relay::side::{Read, Side};
use crate::proxy::rules;
use crate::proxy::rules::{
    Context, Facts, Memory, RuleObjects, RulesVerdict, Sent, Sessions, SetEnds, Sockets, Truth,
};
use crate::proxy::shared::{Shared, Turn};

/// No more than this of what a side has sent is looked at.
pub(super) const LOOK_MAX: usize = 16 * 1024;

/// How far a connection has come in the rules.
#[derive(Debug)]
pub(super) struct ContentRules {
    section: Section,
    /// The position of the content rule to go on with.
    rule: usize,
    /// When the content rules have to decide with what has come (`inspect-delay`).
    until_ms: Option<u64>,
}

/// The section that the rules stand in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Section {
    Frontend,
    Backend(BackendId),
}

/// What the rules say.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Decision {
    /// Nothing yet: the client has to send more, or time has to pass.
    Wait,
    /// The client is refused.
    Denied(Denied),
    /// The connection goes to this backend.
    Backend(BackendId),
    /// No rule names a backend, and there is no `default_backend`.
    NoBackend,
}

/// The connection that the rules are about.
#[derive(Debug)]
pub(super) struct Subject<'c> {
    /// The client's side.
    pub(super) client: &'c mut Side,
    /// The number of the listener in the frontend.
    pub(super) socket: u32,
    /// What the PROXY header says beside the addresses.
    pub(super) header: Option<&'c Additions>,
    /// The client's address.
    pub(super) address: &'c mut Option<SocketAddr>,
    /// The destination that a PROXY header or a rule names.
    pub(super) destination: &'c mut Option<Box<SocketAddr>>,
    /// Where the connection comes from and goes to.
    pub(super) route: &'c mut Route,
    /// What the rules remember of the connection.
    pub(super) memory: &'c mut Memory,
    /// What its unique id is made of, if rules may ask for that.
    pub(super) noted: Option<&'c LogRecord>,
}

impl ContentRules {
    /// Begins with the rules of the backend where that is known, else with the frontend's.
    pub(super) fn new(
        frontend: FrontendId,
        backend: Option<BackendId>,
        shared: &Shared,
        now_ms: u64,
    ) -> Self {
        Self::of(backend.map_or(Section::Frontend, Section::Backend), frontend, shared, now_ms)
    }

    fn of(section: Section, frontend: FrontendId, shared: &Shared, now_ms: u64) -> Self {
        let rules = rules_of(section, frontend, shared);
        let delay_ms = rules.inspect_delay_ms.filter(|_| !rules.content.is_empty());
        let until_ms = delay_ms.map(|delay_ms| now_ms + u64::from(delay_ms));
        Self { section, rule: 0, until_ms }
    }

    /// When to go on although nothing happens.
    pub(super) fn until_ms(&self) -> Option<u64> {
        self.until_ms
    }

    /// Goes on as far as possible.
    pub(super) fn run(&mut self, mut subject: Subject<'_>, turn: &mut Turn<'_>) -> Decision {
        loop {
            if let Some(decision) = self.run_section(&mut subject, turn) {
                return decision;
            }
            let Some(id) = subject.route.backend else { return Decision::NoBackend };
            if self.section == Section::Backend(id) {
                return Decision::Backend(id);
            }
            let backend = turn.shared.backend_mut(id);
            backend.counters.begin(turn.now_ms);
            if !backend.has_content_rules {
                return Decision::Backend(id);
            }
            let frontend = subject.route.frontend;
            *self = Self::of(Section::Backend(id), frontend, turn.shared, turn.now_ms);
        }
    }

    /// Runs the rules of one section. Returns nothing when they are through.
    fn run_section(&mut self, subject: &mut Subject<'_>, turn: &mut Turn<'_>) -> Option<Decision> {
        let Subject { client, socket, header, address, destination: named, .. } = subject;
        let Subject { route, memory, noted, .. } = subject;
        let Turn { shared, now_ms } = turn;
        let (frontend, now_ms) = (route.frontend, *now_ms);
        let Rules { needs_payload, needs_destination, .. } =
            *rules_of(self.section, frontend, shared);
        let destination = needs_destination
            .then(|| proxy_header::destination(client, named.as_deref()))
            .flatten();
        let (objects, scratch) = shared.for_rules();
        let looks = needs_payload || id_looks_at_content(*noted, &objects);
        let (payload, is_over) = if looks { look_at(client, scratch) } else { (&[][..], false) };
        // Nothing more will come from a client that has shut its side, also behind partial data.
        let is_over = is_over || client.has_announced_end();
        let is_final = is_over || self.until_ms.is_none_or(|until_ms| now_ms >= until_ms);
        let facts = Facts {
            client: **address,
            destination,
            socket: *socket,
            header: *header,
            tls: Sessions::of(client.session(), None),
            sockets: Sockets { client: Some(client.as_fd()), ..Sockets::default() },
            frontend,
            backend: route.backend,
            sent: Sent::ByClient(payload),
            is_final,
            page: None,
            noted: *noted,
        };
        let (frontends, backends) = (objects.frontends, objects.backends);
        let rules = match self.section {
            Section::Frontend => &frontends[frontend.index()].config.rules,
            Section::Backend(id) => &backends[id.index()].config.rules,
        };
        let mut context = Context::new(facts, objects, memory, now_ms);
        let verdict = rules::run(&rules.content, self.rule, &mut context);
        route.log_level = context.log_level.or(route.log_level);
        if let Some(ends) = context.set_ends() {
            take_ends(ends, address, named);
        }
        match verdict {
            RulesVerdict::Accepted => {}
            RulesVerdict::Waits(rule) => {
                self.rule = rule;
                return Some(Decision::Wait);
            }
            RulesVerdict::Rejected | RulesVerdict::Closed => {
                return Some(self.deny(Denied::Rejected, frontend, shared));
            }
            RulesVerdict::Dropped => return Some(self.deny(Denied::Dropped, frontend, shared)),
        }
        context.stop_waiting();
        match self.section {
            Section::Frontend => {
                let default = frontends[frontend.index()].config.default_backend;
                let chosen = first(&rules.backends, &mut context);
                let chosen = chosen.and_then(|choice| context.chosen(choice, &rules.backend_names));
                route.backend = chosen.or(default);
            }
            Section::Backend(id) => {
                let backend = &backends[id.index()];
                route.is_forced = first(&rules.persist, &mut context) == Some(&Persist::Force);
                route.wanted = wanted(rules, backend, route.is_forced, &mut context);
                let RdpCookies { persist, balance } = &backend.config.rdp;
                let cookie = |name: &Option<Box<str>>| context.rdp_cookie(name.as_deref()?);
                route.named = cookie(persist).and_then(|value| backend.server_of_cookie(value));
                route.cookie = cookie(balance).map(|value| backend.hash_of(value));
                route.keys = backend.stick.keys(|rule| context.stick_key(rule));
            }
        }
        None
    }

    fn deny(&self, denied: Denied, frontend: FrontendId, shared: &mut Shared) -> Decision {
        shared.frontend_mut(frontend).counters.denied_requests += 1;
        if let Section::Backend(id) = self.section {
            shared.backend_mut(id).counters.denied_requests += 1;
        }
        Decision::Denied(denied)
    }
}

/// Takes the ends that rules have set.
fn take_ends(
    SetEnds { client, destination }: SetEnds,
    address: &mut Option<SocketAddr>,
    named: &mut Option<Box<SocketAddr>>,
) {
    *address = client;
    if let Some(destination) = destination {
        *named = Some(Box::new(destination));
    }
}

/// What the client has sent, without taking it, and whether nothing more can come.
pub(super) fn look_at<'r>(client: &mut Side, room: &'r mut [u8]) -> (&'r [u8], bool) {
    // What came with the connection counts at the first look already.
    client.assume_readable();
    let len = room.len().min(LOOK_MAX);
    let room = &mut room[..len];
    match client.peek(room) {
        Ok(Read::Bytes(len)) => (&room[..len], len == room.len()),
        Ok(Read::Nothing) => (&[], false),
        Ok(Read::End) | Err(_) => (&[], true),
    }
}

/// Whether the unique id, which is yet to be made, is made of what the client has sent.
fn id_looks_at_content(noted: Option<&LogRecord>, objects: &RuleObjects<'_>) -> bool {
    let Some(noted) = noted else { return false };
    let frontend = &objects.frontends[noted.frontend.index()].config;
    frontend.unique_id.as_ref().is_some_and(FormatString::looks_at_content)
}

fn rules_of(section: Section, frontend: FrontendId, shared: &Shared) -> &Rules {
    match section {
        Section::Frontend => &shared.frontend(frontend).config.rules,
        Section::Backend(id) => &shared.backend(id).config.rules,
    }
}

/// The action of the first rule whose condition holds.
fn first<'a, T>(list: &'a [Rule<T>], context: &mut Context<'a, '_>) -> Option<&'a T> {
    list.iter().find(|rule| rules::applies(rule, context) == Truth::Yes).map(|rule| &rule.action)
}

/// The server that the rules name. A rule for a server that takes no clients is passed over; a
/// name that no server has ends the search, as with HAProxy.
fn wanted<'a>(
    rules: &'a Rules,
    backend: &Backend,
    is_forced: bool,
    context: &mut Context<'a, '_>,
) -> Option<ServerIndex> {
    for rule in &rules.servers {
        if rules::applies(rule, context) != Truth::Yes {
            continue;
        }
        let server = context.chosen(&rule.action, &rules.server_names)?;
        if backend.keeps_to(server, is_forced) {
            return Some(server);
        }
    }
    None
}
