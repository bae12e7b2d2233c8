//! What looks like a mistake: a configuration that can be used, and that may not do what its author
//! wants. What is certainly odd draws a warning when it is read.

use std::collections::HashSet;

use super::words::count;
use crate::config::rules::Choice;
use crate::config::{Backend, BackendId, Config, Frontend, Server, StickTable};

/// The doubts about a configuration, one line each.
pub(super) fn doubts(config: &Config) -> String {
    let mut found = Vec::new();
    for frontend in config.frontends.iter().filter(|frontend| !frontend.disabled) {
        of_frontend(frontend, &mut found);
    }
    let used = used_backends(config);
    for (id, backend) in (0..).map(BackendId).zip(&config.backends) {
        if backend.pages.is_none() && !backend.disabled {
            let is_used = used.as_ref().is_none_or(|used| used.contains(&id));
            of_backend(backend, is_used, &mut found);
        }
    }
    for table in &config.tables {
        of_table(table, config, &mut found);
    }
    if found.is_empty() {
        return "Nothing looks like a mistake.\n".to_owned();
    }
    let lines: String = found.iter().map(|doubt| format!("  {doubt}\n")).collect();
    format!("What looks like a mistake\n{lines}")
}

fn of_frontend(frontend: &Frontend, found: &mut Vec<String>) {
    let name = &frontend.name;
    let rules = &frontend.rules;
    if frontend.binds.is_empty() {
        found.push(format!("frontend {name} listens on no address"));
    }
    let certain = rules.backends.iter().position(|rule| rule.condition.is_none());
    if frontend.default_backend.is_none() && certain.is_none() {
        let what = "a client that no 'use_backend' takes is refused";
        found.push(format!("frontend {name} has no 'default_backend': {what}"));
    }
    if let Some(at) = certain {
        let hidden = rules.backends.len() - at - 1;
        if hidden > 0 {
            let hidden = count(hidden, "rule");
            let what = "a 'use_backend' without a condition takes every client";
            found.push(format!("frontend {name}: {what}, {hidden} after it take none"));
        }
    }
}

/// The backends that a frontend may lead to; none if rules make names that may be any.
fn used_backends(config: &Config) -> Option<HashSet<BackendId>> {
    let mut used = HashSet::new();
    for frontend in &config.frontends {
        used.extend(frontend.default_backend);
        for rule in &frontend.rules.backends {
            match &rule.action {
                Choice::Known(id) => used.insert(*id),
                Choice::Named(_) => return None,
            };
        }
    }
    Some(used)
}

fn of_backend(backend: &Backend, is_used: bool, found: &mut Vec<String>) {
    let name = &backend.name;
    if !is_used && !backend.servers.is_empty() {
        found.push(format!("backend {name}: no frontend leads there"));
    }
    if backend.servers.is_empty() && backend.dispatch.is_none() && is_used {
        found.push(format!("backend {name} has no server: its clients are refused"));
    }
    if backend.servers.is_empty() {
        return;
    }
    let is_unchecked =
        |server: &&Server| !server.health.is_checked() && server.health.track.is_none();
    let unchecked = backend.servers.iter().filter(is_unchecked).count();
    if unchecked > 0 && backend.servers.len() > 1 {
        let servers = count(unchecked, "server");
        let what = "clients are sent there although nobody is there";
        found.push(format!("backend {name}: {servers} without 'check': {what}"));
    }
    let sticks = backend.stick_rules.iter().any(|rule| rule.matches);
    if sticks && backend.servers.len() > 1 && backend.redispatch.is_none() {
        let what = "a client whose server does not answer is refused until a check has failed";
        found.push(format!("backend {name} has no 'option redispatch': {what}"));
    }
    if sticks && !backend.stick_rules.iter().any(|rule| rule.stores) {
        let what = "only peers and other sections make entries";
        found.push(format!("backend {name} looks for entries and stores none: {what}"));
    }
}

fn of_table(table: &StickTable, config: &Config, found: &mut Vec<String>) {
    let name = &table.name;
    if table.expire_ms.is_none() {
        let what = "an entry stays until room is needed";
        found.push(format!("table {name} has no 'expire': {what}"));
    }
    if table.peers.is_none() && !config.peers.is_empty() {
        let what = "there are peers, and they do not share it";
        found.push(format!("table {name} has no 'peers': {what}"));
    }
}
