//! What a form of the statistics page does to servers and entries: reads `s=`, `action=` and `b=`,
//! or `table=`, `key=`, `action=` and `to=`, and calls what the commands of the Runtime API call.

use super::request::{Request, decoded};
use crate::admin::commands::{self, Answer, ClientSettings, CommandLine, Target, switch_checks};
use crate::admin::context::Context;
use crate::admin::page::query::ActionResult;
use crate::config::data_type::DataType;
use crate::config::{BackendId, Level, StatsPageOptions};
use crate::proxy::backend::server::{AdminState, Author, Health};
use crate::proxy::connection::Connection;
use crate::proxy::connection::log_record::Cause;
use crate::proxy::health::check::CheckKind;

/// What is done to each server that a form names.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Action {
    /// Its administrative state is set.
    State(AdminState),
    /// The same, where its state was this before.
    StateFrom(AdminState, AdminState),
    /// The same, where its state was not this before.
    StateUnless(AdminState, AdminState),
    /// Its connections end.
    Shutdown,
    /// Checks of this kind are switched on or off.
    Checks(CheckKind, bool),
    /// What its checks found is set.
    Health(Health),
    /// What its agent said is set.
    Agent(Health),
    /// Its stick entries are given up, so many in a second.
    GiveUp(u32),
}

const ACTIONS: [(&str, Action); 20] = [
    ("ready", Action::State(AdminState::Ready)),
    ("drain", Action::State(AdminState::Drain)),
    ("maint", Action::State(AdminState::Maint)),
    ("shutdown", Action::Shutdown),
    ("dhlth", Action::Checks(CheckKind::Health, false)),
    ("ehlth", Action::Checks(CheckKind::Health, true)),
    ("hrunn", Action::Health(Health::Up)),
    ("hnolb", Action::Health(Health::Stopping)),
    ("hdown", Action::Health(Health::Down)),
    ("dagent", Action::Checks(CheckKind::Agent, false)),
    ("eagent", Action::Checks(CheckKind::Agent, true)),
    ("arunn", Action::Agent(Health::Up)),
    ("adown", Action::Agent(Health::Down)),
    ("giveup", Action::GiveUp(100)),
    ("giveup-fast", Action::GiveUp(1000)),
    ("keep", Action::GiveUp(0)),
    // The words of older versions.
    ("disable", Action::StateUnless(AdminState::Maint, AdminState::Maint)),
    ("enable", Action::StateFrom(AdminState::Maint, AdminState::Ready)),
    ("stop", Action::StateUnless(AdminState::Drain, AdminState::Drain)),
    ("start", Action::StateFrom(AdminState::Drain, AdminState::Ready)),
];

/// Whether a browser says that another site has made it send the request. HAProxy does not ask. A
/// browser that has stored the password of the page sends the password with such requests, too.
///
/// Browsers send `Sec-Fetch-Site` where the connection is safe, else only `Origin`. Programs send
/// neither.
pub(super) fn is_from_elsewhere(request: &Request) -> bool {
    if let Some(site) = request.header("sec-fetch-site") {
        return site != b"same-origin" && site != b"none";
    }
    let Some(origin) = request.header("origin") else { return false };
    let origin = String::from_utf8_lossy(origin);
    let host = String::from_utf8_lossy(request.header("host").unwrap_or_default());
    origin.split_once("://").is_none_or(|(_, own)| !own.eq_ignore_ascii_case(&host))
}

/// Does what a form says. The backend and the action may stand behind the servers; the last ones
/// count, as in HAProxy. Entries are changed in tables that the page is about; for servers HAProxy
/// does not look at the scope of the page, and neither is it looked at here.
pub(super) fn perform(
    form: &[u8],
    options: &StatsPageOptions,
    context: &mut Context<'_>,
) -> ActionResult {
    let pairs = pairs(form);
    let last = |name: &str| pairs.iter().rfind(|(key, _)| key == name).map(|(_, value)| value);
    if let (Some(table), Some(key)) = (last("table"), last("key")) {
        return match last("action").map(String::as_str) {
            _ if !options.shows_table(table) => ActionResult::Invalid,
            Some("forget") => run(&["clear", "table", table, "key", key], context),
            Some("move") => move_entry(table, key, last("to").map_or("", |to| to), context),
            _ => ActionResult::Invalid,
        };
    }
    let backend = last("b").map(|name| backend_named(name, context));
    let action = last("action")
        .map(|word| ACTIONS.iter().find(|(name, _)| name == word).map(|(_, action)| *action));
    if backend == Some(None) || action == Some(None) {
        return ActionResult::Invalid;
    }
    let (Some(Some(backend)), Some(Some(action))) = (backend, action) else {
        return ActionResult::None;
    };
    let (mut is_changed, mut is_missed) = (false, false);
    for (_, name) in pairs.iter().filter(|(key, _)| key == "s") {
        match context.shared.backend(backend).servers.named(name) {
            Some(server) => is_changed |= apply(action, Target { backend, server }, context),
            None => is_missed = true,
        }
    }
    match (is_changed, is_missed) {
        (true, true) => ActionResult::Partial,
        (true, false) => ActionResult::Done,
        (false, true) => ActionResult::Invalid,
        (false, false) => ActionResult::None,
    }
}

/// Gives an entry another server, which is named `<backend>/<server>`.
fn move_entry(table: &str, key: &str, to: &str, context: &mut Context<'_>) -> ActionResult {
    let words = || {
        let tables = &context.shared.tables;
        let id = tables.by_name(table)?;
        let (backend, server) = to.split_once('/')?;
        let backend = context.shared.backend(backend_named(backend, context)?);
        let (number, name) = backend.stick.names_of(backend.servers.named(server)?, id)?;
        let mut words = Vec::new();
        if tables.get(id).cell(DataType::ServerId).is_some() {
            words.extend(["data.server_id".to_owned(), number.to_string()]);
        }
        if tables.get(id).cell(DataType::ServerKey).is_some() {
            let name = String::from_utf8_lossy(tables.names().name(name)?).into_owned();
            words.extend(["data.server_key".to_owned(), name]);
        }
        Some(words)
    };
    let Some(words) = words() else { return ActionResult::Invalid };
    let words = words.iter().map(String::as_str);
    let line: Vec<&str> = ["set", "table", table, "key", key].into_iter().chain(words).collect();
    run(&line, context)
}

/// Runs a command of the Runtime API.
fn run(words: &[&str], context: &mut Context<'_>) -> ActionResult {
    let words: Vec<&[u8]> = words.iter().map(|word| word.as_bytes()).collect();
    let mut client = ClientSettings::new(Level::Admin, 0);
    match commands::run(&CommandLine::of(&words), &mut client, context) {
        Answer::Text(_) => ActionResult::Done,
        Answer::Message(..) | Answer::Bare(..) | Answer::Job(_) | Answer::Goodbye => {
            ActionResult::Invalid
        }
    }
}

/// The names and values of a form. A pair with a wrong percent sign is left out.
fn pairs(form: &[u8]) -> Vec<(String, String)> {
    let text = String::from_utf8_lossy(form);
    let pairs = text.split('&').filter_map(|pair| {
        let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
        let plain = |text: &str| decoded(&text.replace('+', " ")).ok();
        Some((plain(name)?, plain(value)?))
    });
    pairs.collect()
}

/// The backend with a name, or with a number behind `#`, as the forms of the page have it.
fn backend_named(name: &str, context: &Context<'_>) -> Option<BackendId> {
    let number = name.strip_prefix('#').and_then(|number| number.parse::<u32>().ok());
    let mut backends = (0..).map(BackendId).zip(&context.shared.backends);
    let found = backends.find(|(_, backend)| match number {
        Some(number) => backend.config.proxy_id == number,
        None => backend.config.name == name,
    });
    found.map(|(id, _)| id)
}

/// Applies an action to a server. Returns whether the action is possible there and changes
/// anything.
fn apply(action: Action, target: Target, context: &mut Context<'_>) -> bool {
    let Target { backend, server } = target;
    let now_ms = context.now_ms;
    let known = context.shared.backend(backend).server(server);
    let (admin, is_tracking) = (known.admin, known.config.health.track.is_some());
    let has_agent = known.agent.as_ref().is_some_and(|agent| agent.is_enabled);
    let state = match action {
        Action::State(state) => Some(state),
        Action::StateFrom(from, state) => (admin == from).then_some(state),
        Action::StateUnless(other, state) => (admin != other).then_some(state),
        Action::Shutdown => {
            let is_there = |connection: &Connection| connection.is_at(backend, server);
            context.clients.kill_where(context.shared, Cause::Killed, is_there);
            return true;
        }
        Action::Checks(kind, enabled) => return switch_checks(kind, target, enabled, context),
        Action::Health(_) if is_tracking => return false,
        Action::Health(health) => {
            context.shared.set_health(backend, server, health, now_ms);
            return true;
        }
        Action::GiveUp(per_second) => {
            let backend = &context.shared.backend(backend).config.name;
            let name = format!("{backend}/{}", known.config.name);
            let words = ["drain", "server", &name, &per_second.to_string()];
            return run(&words, context) == ActionResult::Done;
        }
        Action::Agent(_) if !has_agent => return false,
        Action::Agent(health) => {
            context.shared.set_agent_health(backend, server, health, now_ms);
            return true;
        }
    };
    if let Some(state) = state {
        context.shared.set_admin_state(backend, server, state, Author::Operator, now_ms);
    }
    state.is_some()
}
