//! Which page a request gets, and whether its client may see the page.

use std::net::SocketAddr;

use super::request::Request;
use crate::admin::context::Context;
use crate::admin::context::endpoint::EndpointId;
use crate::config::rules::Rule;
use crate::config::{FrontendId, PageAction, PageSection, StatsPageOptions};
use crate::proxy::rules;
use crate::proxy::rules::{Facts, Memory, PageFacts, Sent, Sessions, Sockets, Truth};

/// The ends of the connection of a client, as far as they are known.
#[derive(Clone, Copy, Debug, Default)]
pub struct Ends {
    /// The client's address.
    pub client: Option<SocketAddr>,
    /// The address that the client connected to.
    pub destination: Option<SocketAddr>,
}

/// What a request gets.
#[derive(Debug)]
pub(super) enum Route {
    /// The monitor page.
    Monitor { is_ready: bool },
    /// The metrics.
    Metrics,
    /// The statistics page.
    Stats(StatsRoute),
    /// A refusal with this status.
    Denied(u16),
    /// A question for a user and a password of this realm.
    Authenticate(String),
    /// Nothing now: too many passwords were checked of late.
    Exhausted,
    /// Nothing: there is no such page.
    Nothing,
}

/// A statistics page, and what the client may do there.
#[derive(Debug)]
pub(super) struct StatsRoute {
    pub(super) options: StatsPageOptions,
    /// The number of the section with the page.
    pub(super) proxy_id: u32,
    /// Whether the client may change servers.
    pub(super) is_admin: bool,
}

/// The frontend of a page has no position among the frontends that relay.
const NO_FRONTEND: FrontendId = FrontendId(u16::MAX);

/// Finds what a request gets.
pub(super) fn route(
    request: &Request,
    ends: Ends,
    endpoint: EndpointId,
    context: &mut Context<'_>,
) -> Route {
    let now_ms = context.now_ms;
    let lists = &context.config.userlists;
    let Some(endpoint) = context.endpoints.get_mut(endpoint.index()) else { return Route::Nothing };
    let config = &endpoint.config;
    let is_monitor = config.monitor.as_ref().is_some_and(|monitor| request.is_for(&monitor.uri));
    let credentials = request.credentials().filter(|_| !is_monitor);
    let found = credentials.map_or(Ok(Vec::new()), |(name, password)| {
        endpoint.credentials.users(&config.userlists, lists, (&name, &password), now_ms)
    });
    let Ok(found) = found else { return Route::Exhausted };
    let users: Vec<_> = found
        .iter()
        .filter_map(|(id, at)| Some((*id, lists.get(id.index())?.users.get(*at)?)))
        .collect();
    let page = PageFacts { users: &users };
    let facts = Facts {
        socket: 0,
        header: None,
        tls: Sessions::default(),
        sockets: Sockets::default(),
        client: ends.client,
        destination: ends.destination,
        frontend: NO_FRONTEND,
        backend: None,
        sent: Sent::ByClient(&request.head),
        is_final: true,
        page: Some(page),
        noted: None,
    };
    let (objects, _) = context.shared.for_rules();
    let backends = objects.backends;
    let mut memory = Memory::default();
    let mut rules = rules::Context::new(facts, objects, &mut memory, now_ms);
    if let Some(monitor) = config.monitor.as_ref().filter(|_| is_monitor) {
        let fails = monitor.fail.iter().any(|fail| holds(Some(fail), &mut rules));
        return Route::Monitor { is_ready: !fails };
    }
    if let Some(route) = of_section(&config.section, config.proxy_id, request, &mut rules) {
        return route;
    }
    let mut named = config.backends.iter();
    let chosen = named.find(|rule| holds(rule.condition.as_ref(), &mut rules));
    let backend = chosen.map(|rule| rule.action).or(config.default_backend);
    let backend = backend.and_then(|id| backends.get(id.index())).map(|backend| &backend.config);
    let pages = backend.and_then(|backend| Some((backend.pages.as_ref()?, backend.proxy_id)));
    let route = pages.and_then(|(pages, id)| of_section(pages, id, request, &mut rules));
    route.unwrap_or(Route::Nothing)
}

/// What a request gets from one section; nothing if the section has no page for the request.
fn of_section<'a>(
    section: &'a PageSection,
    proxy_id: u32,
    request: &Request,
    rules: &mut rules::Context<'a, '_>,
) -> Option<Route> {
    if let Some(route) = of_rules(&section.rules, rules) {
        return Some(route);
    }
    let is_for_stats = matches!(request.method.as_str(), "GET" | "HEAD" | "POST");
    let stats = section
        .stats
        .as_ref()
        .filter(|stats| is_for_stats && request.target.starts_with(stats.options.uri.as_str()))?;
    if let Some(route) = of_rules(&stats.rules, rules) {
        return Some(route);
    }
    let is_admin = stats.admin.iter().any(|condition| holds(Some(condition), rules));
    Some(Route::Stats(StatsRoute { options: stats.options.clone(), proxy_id, is_admin }))
}

/// What the first rule that applies says; nothing if the rules let the request pass.
fn of_rules<'a>(list: &'a [Rule<PageAction>], rules: &mut rules::Context<'a, '_>) -> Option<Route> {
    let rule = list.iter().find(|rule| holds(rule.condition.as_ref(), rules))?;
    match &rule.action {
        PageAction::Allow => None,
        PageAction::Deny(code) => Some(Route::Denied(*code)),
        PageAction::Authenticate(realm) => Some(Route::Authenticate(realm.clone())),
        PageAction::Metrics => Some(Route::Metrics),
    }
}

fn holds<'a>(
    condition: Option<&'a crate::config::rules::Condition>,
    rules: &mut rules::Context<'a, '_>,
) -> bool {
    rules::holds(condition, rules) == Truth::Yes
}
