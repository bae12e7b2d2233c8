//! Deciding by rules where a connection goes: `tcp-request content`, which may wait for what the
//! client sends, `use_backend`, `use-server`, and the keys of stick rules. What the client has
//! sent stays in the kernel: it is looked at, not taken.

use std::net::SocketAddr;

use super::proxy_header;
use super::proxy_header::Carried;
use super::route::Route;
use crate::config::rules::{Persist, Rule, Rules};
use crate::config::{BackendId, FrontendId};
use crate::proxy::frontend::admission::Denied;
use crate::proxy::relay::side::{Read, Side};
use crate::proxy::rules;
use crate::proxy::rules::{Context, Facts, RulesVerdict, TrackedEntries, Truth};
use crate::proxy::shared::Shared;

/// No more than this of what a client has sent is looked at.
const LOOK_MAX: usize = 16 * 1024;

/// A connection that waits for rules to decide.
#[derive(Debug)]
pub struct Deciding {
    stage: Stage,
    /// The content rule to go on with.
    rule: usize,
    /// When the content rules have to make do with what there is.
    until_ms: Option<u64>,
}

/// Whose rules decide.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stage {
    Frontend,
    Backend(BackendId),
}

/// What came of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Decision {
    /// Nothing yet: the client has to send more, or time has to pass.
    Wait,
    /// The client is refused.
    Denied(Denied),
    /// It is known where the connection goes.
    Made,
}

/// The connection that is decided about.
#[derive(Debug)]
pub struct Subject<'c> {
    /// The client's side.
    pub client: &'c mut Side,
    /// The client's address.
    pub address: Option<SocketAddr>,
    /// What a header has told.
    pub carried: Option<&'c Carried>,
    /// Where it comes from and goes to.
    pub route: &'c mut Route,
    /// What it tracks.
    pub tracks: &'c mut Option<Box<TrackedEntries>>,
}

impl Deciding {
    /// What a connection has to wait for, if anything: where neither its frontend nor its backend
    /// has such rules it does not wait at all.
    pub fn begin(
        frontend: FrontendId,
        backend: Option<BackendId>,
        shared: &Shared,
        now_ms: u64,
    ) -> Option<Self> {
        let stage = match backend {
            _ if shared.frontend(frontend).decides => Stage::Frontend,
            Some(id) if shared.backend(id).decides => Stage::Backend(id),
            Some(_) | None => return None,
        };
        Some(Self::at(stage, frontend, shared, now_ms))
    }

    fn at(stage: Stage, frontend: FrontendId, shared: &Shared, now_ms: u64) -> Self {
        let rules = rules_of(stage, frontend, shared);
        let delay_ms = rules.inspect_delay_ms.filter(|_| !rules.content.is_empty());
        Self { stage, rule: 0, until_ms: delay_ms.map(|delay_ms| now_ms + u64::from(delay_ms)) }
    }

    /// When to go on although nothing happens.
    pub fn until_ms(&self) -> Option<u64> {
        self.until_ms
    }

    /// Goes as far as it can.
    pub fn advance(
        &mut self,
        mut subject: Subject<'_>,
        shared: &mut Shared,
        now_ms: u64,
    ) -> Decision {
        loop {
            match self.run_content(&mut subject, shared, now_ms) {
                Decision::Made => {}
                other @ (Decision::Wait | Decision::Denied(_)) => return other,
            }
            let Stage::Frontend = self.stage else { return Decision::Made };
            let Some(id) = subject.route.backend else { return Decision::Made };
            shared.backend_mut(id).counters.begin(now_ms);
            if !shared.backend(id).decides {
                return Decision::Made;
            }
            *self = Self::at(Stage::Backend(id), subject.route.frontend, shared, now_ms);
        }
    }

    /// Runs the rules of one stage.
    fn run_content(
        &mut self,
        subject: &mut Subject<'_>,
        shared: &mut Shared,
        now_ms: u64,
    ) -> Decision {
        let Subject { client, address, carried, route, tracks } = subject;
        let frontend = route.frontend;
        let (needs_payload, needs_destination) = {
            let rules = rules_of(self.stage, frontend, shared);
            (rules.needs_payload, rules.needs_destination)
        };
        let destination =
            if needs_destination { proxy_header::destination(client, *carried) } else { None };
        let Shared { frontends, backends, tables, acls, random, buffers, .. } = shared;
        let room = buffers.scratch.len().min(LOOK_MAX);
        let room = &mut buffers.scratch[..room];
        if needs_payload {
            // What came with the connection counts at the first look already.
            client.assume_readable();
        }
        let sent = if needs_payload { client.peek(room) } else { Ok(Read::Nothing) };
        let (payload, is_over) = match sent {
            Ok(Read::Bytes(len)) => (&room[..len], len == room.len()),
            Ok(Read::Nothing) => (&room[..0], false),
            Ok(Read::End) | Err(_) => (&room[..0], true),
        };
        // Nothing more will come from a client that has shut its side, also behind partial data.
        let is_over = is_over || client.has_announced_end();
        let is_final = is_over || self.until_ms.is_none_or(|until_ms| now_ms >= until_ms);
        let backend = route.backend;
        let client = *address;
        let facts = Facts { client, destination, frontend, backend, payload, is_final };
        let rules = match self.stage {
            Stage::Frontend => &frontends[frontend.index()].config.rules,
            Stage::Backend(id) => &backends[id.index()].config.rules,
        };
        let expects_header = false;
        let mut context = Context {
            facts,
            acls,
            frontends,
            backends,
            tables,
            random,
            tracks,
            expects_header,
            now_ms,
        };
        match rules::run(&rules.content, self.rule, &mut context) {
            RulesVerdict::Accepted => {}
            RulesVerdict::Waits(rule) => {
                self.rule = rule;
                return Decision::Wait;
            }
            RulesVerdict::Rejected => return self.deny(Denied::Rejected, frontend, shared),
            RulesVerdict::Dropped => return self.deny(Denied::Dropped, frontend, shared),
        }
        context.facts.is_final = true;
        match self.stage {
            Stage::Frontend => {
                let default = frontends[frontend.index()].config.default_backend;
                route.backend = first(&rules.backends, &mut context).or(default);
            }
            Stage::Backend(id) => {
                let backend = &backends[id.index()];
                route.is_forced = first(&rules.persist, &mut context) == Some(Persist::Force);
                route.wanted = rules.servers.iter().find_map(|rule| {
                    let is_usable = backend.keeps_to(rule.action, route.is_forced);
                    let holds = rules::holds(rule.condition.as_ref(), &mut context);
                    (holds == Truth::Yes && is_usable).then_some(rule.action)
                });
                route.keys = backend.stick.keys(|rule| context.stick_key(rule));
            }
        }
        Decision::Made
    }

    fn deny(&self, denied: Denied, frontend: FrontendId, shared: &mut Shared) -> Decision {
        shared.frontend_mut(frontend).counters.denied_requests += 1;
        if let Stage::Backend(id) = self.stage {
            shared.backend_mut(id).counters.denied_requests += 1;
        }
        Decision::Denied(denied)
    }
}

fn rules_of(stage: Stage, frontend: FrontendId, shared: &Shared) -> &Rules {
    match stage {
        Stage::Frontend => &shared.frontend(frontend).config.rules,
        Stage::Backend(id) => &shared.backend(id).config.rules,
    }
}

/// What the first rule that applies says.
fn first<'a, T: Copy>(list: &'a [Rule<T>], context: &mut Context<'a, '_>) -> Option<T> {
    list.iter()
        .find(|rule| rules::holds(rule.condition.as_ref(), context) == Truth::Yes)
        .map(|rule| rule.action)
}
