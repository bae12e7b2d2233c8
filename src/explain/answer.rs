//! Where a client goes, and why. The client is led through a process that does not exist, made of
//! the same configuration.

use std::error::Error;
use std::fmt::Write as _;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use super::question::{Question, WrongQuestion};
use super::source::Source;
use super::summary;
use super::words::{list, time};
use crate::config::text::nearest::hint;
use crate::config::{BackendId, Balance, Bind, BindAddress, Config, FrontendId, ServerIndex};
use crate::proxy::Shared;
use crate::proxy::backend::server::Health;
use crate::proxy::connection::rehearsal::{
    ChosenBy, End, Pretended, Rehearsed, find_all_names, rehearse,
};
use crate::proxy::rules::{SeenRule, Trace, Truth};
use crate::reactor::clock;

/// The most entries of a table here: one client needs few.
const ENTRIES_MAX: u32 = 1000;
/// How many addresses a message lists.
const SHOWN_MAX: usize = 12;
/// How many connections there is room for.
const MAXCONN: u32 = 16;

/// A listener that accepts the client.
struct Entrance<'a> {
    frontend: FrontendId,
    bind: &'a Bind,
    destination: SocketAddr,
}

/// The answer to a question.
///
/// # Errors
/// The question names what the configuration has not, no listener accepts the client, or the
/// memory of the tables cannot be had.
pub fn answer(config: &Config, question: &Question) -> Result<String, Box<dyn Error>> {
    let mut text = String::new();
    let entrance = match entrance(config, question)? {
        Ok(entrance) => entrance,
        Err(page) => return Ok(page),
    };
    let frontend = &config.frontends[entrance.frontend.index()];
    let source = question.source;
    writeln!(text, "Client: from {source} to {}{}", entrance.destination, sends(question))?;
    let (bind, place) = (summary::bind(entrance.bind), &entrance.bind.place);
    writeln!(text, "Frontend: {}, which listens on {bind} ({place})", frontend.name)?;
    let now_ms = clock::now_ms();
    let mut shared = process(config, question, now_ms)?;
    let mut rehearsed = rehearse(pretended(&entrance, question), &mut shared, now_ms)?;
    let mut notes = Vec::new();
    if let Some(name) = &question.entry {
        let mut second = process(config, question, now_ms)?;
        let server = server_named(name, rehearsed.backend, config)?;
        if rehearsed.remember(server, &mut second, now_ms) {
            rehearsed = rehearse(pretended(&entrance, question), &mut second, now_ms)?;
            shared = second;
            if !matches!(rehearsed.end, End::Server(_, ChosenBy::Entry)) {
                notes.push(format!("The entry for '{name}' does not decide."));
            }
        } else {
            notes.push("No stick rule can have an entry for this client.".to_owned());
        }
    }
    let trace = shared.trace.take().unwrap_or_default();
    let mut lines = Source::new(&config.files);
    text.push_str(&rules(&trace, &mut lines));
    if rehearsed.waited_ms > 0 {
        let waited = time(rehearsed.waited_ms);
        writeln!(text, "The client waits {waited} first: rules wait for more than it has sent.")?;
    }
    if let Some(id) = rehearsed.backend {
        let name = &config.backends[id.index()].name;
        let why = why_backend(name, entrance.frontend, &trace, config, &lines);
        writeln!(text, "Backend: {name}, by {why}")?;
    }
    notes.extend(stick_note(&rehearsed, config, &mut lines));
    notes.iter().try_for_each(|note| writeln!(text, "{note}"))?;
    text.push_str(&end(&rehearsed, &trace, &shared, config, &mut lines));
    Ok(text)
}

fn sends(question: &Question) -> String {
    let hello = question.hello.as_ref().map(|hello| match &hello.name {
        Some(name) => format!("a TLS hello for {name}"),
        None => "a TLS hello without a name".to_owned(),
    });
    let len = question.payload.len();
    let payload = (len > 0).then(|| format!("{len} bytes"));
    let parts: Vec<String> = hello.into_iter().chain(payload).collect();
    match parts.is_empty() {
        true => "; it sends nothing".to_owned(),
        false => format!("; it sends {}", list(&parts, "and")),
    }
}

/// The listener that accepts the client, or what is to be said of a page instead.
fn entrance<'a>(
    config: &'a Config,
    question: &Question,
) -> Result<Result<Entrance<'a>, String>, WrongQuestion> {
    let listeners = (0..).map(FrontendId).zip(&config.frontends);
    let listeners = listeners.filter(|(_, frontend)| !frontend.disabled);
    let listeners: Vec<(FrontendId, &Bind)> =
        listeners.flat_map(|(id, frontend)| frontend.binds.iter().map(move |b| (id, b))).collect();
    let accepts = |bind: &Bind| fit(bind, question);
    let found = listeners.iter().filter_map(|(id, bind)| Some((accepts(bind)?, *id, *bind)));
    let found: Vec<_> = found.collect();
    let best = found.iter().map(|(fit, ..)| fit.0).max();
    let mut best = found.iter().filter(|(fit, ..)| Some(fit.0) == best);
    if let Some((fit, frontend, bind)) = best.next() {
        let differs = |other: &(Fit, FrontendId, &Bind)| other.0.1 != fit.1;
        if best.any(differs) {
            let names = shown(found.iter().map(|(_, _, bind)| *bind));
            let message =
                format!("several listeners may be meant: say 'dst' and 'dst_port' ({names})");
            return Err(WrongQuestion(message));
        }
        return Ok(Ok(Entrance { frontend: *frontend, bind, destination: fit.1 }));
    }
    let pages = config.pages.iter().filter(|page| !page.disabled);
    for page in pages {
        if let Some(bind) = page.binds.iter().find(|bind| accepts(bind).is_some()) {
            let (name, bind, place) = (&page.name, summary::bind(bind), &bind.place);
            return Ok(Err(format!("Frontend: {name} serves pages on {bind} ({place})\n")));
        }
    }
    if listeners.is_empty() {
        return Err(WrongQuestion("no frontend listens".to_owned()));
    }
    let known = shown(listeners.iter().map(|(_, bind)| *bind));
    Err(WrongQuestion(format!("no frontend listens there; there is {known}")))
}

/// The first addresses of several.
fn shown<'a>(binds: impl Iterator<Item = &'a Bind>) -> String {
    let mut names: Vec<String> = binds.take(SHOWN_MAX + 1).map(summary::bind).collect();
    if names.len() > SHOWN_MAX {
        names.truncate(SHOWN_MAX);
        names.push("…".to_owned());
    }
    names.join(", ")
}

/// How well a listener fits: one that has the address itself goes before one that has all. Then
/// where the client connects to.
type Fit = (bool, SocketAddr);

fn fit(bind: &Bind, question: &Question) -> Option<Fit> {
    let BindAddress::Address(address) = &bind.address else { return None };
    let own = address.ip()?;
    if question.port.is_some_and(|port| port != own.port()) {
        return None;
    }
    let takes_both = bind.settings.v4v6 == Some(true);
    let is_any = own.ip().is_unspecified();
    let ip = match question.ip {
        None if is_any => match question.source.ip() {
            IpAddr::V4(_) if own.is_ipv4() || takes_both => IpAddr::V4(Ipv4Addr::LOCALHOST),
            IpAddr::V6(_) if own.is_ipv6() => IpAddr::V6(Ipv6Addr::LOCALHOST),
            IpAddr::V4(_) | IpAddr::V6(_) => return None,
        },
        None => own.ip(),
        Some(ip) if is_any => {
            let fits = ip.is_ipv4() == own.is_ipv4() || (takes_both && ip.is_ipv4());
            fits.then_some(ip)?
        }
        Some(ip) => (ip == own.ip()).then_some(ip)?,
    };
    Some((!is_any, SocketAddr::new(ip, own.port())))
}

fn pretended<'a>(entrance: &Entrance<'a>, question: &Question) -> Pretended<'a> {
    Pretended {
        frontend: entrance.frontend,
        bind: entrance.bind,
        source: question.source,
        destination: entrance.destination,
        hello: question.hello.clone(),
        payload: question.payload.clone(),
    }
}

/// What a new process shares, with small tables and the servers down that the question says.
fn process(config: &Config, question: &Question, now_ms: u64) -> Result<Shared, Box<dyn Error>> {
    let mut config = config.clone();
    for table in &mut config.tables {
        table.size = table.size.min(ENTRIES_MAX);
    }
    let mut shared = Shared::new(&mut config, MAXCONN, now_ms)?;
    find_all_names(&mut shared, now_ms);
    for word in &question.down {
        let (id, server) = place_named(word, &config)?;
        shared.set_health(id, server, Health::Down, now_ms);
    }
    shared.trace = Some(Box::default());
    Ok(shared)
}

/// The server of `backend/server`.
fn place_named(word: &str, config: &Config) -> Result<(BackendId, ServerIndex), WrongQuestion> {
    let (name, server) = word
        .split_once('/')
        .ok_or_else(|| WrongQuestion(format!("'{word}' names no server: write backend/server")))?;
    let backends = config.backends.iter().map(|backend| backend.name.as_str());
    let at = backends.clone().position(|other| other == name);
    let id = at.and_then(|at| u16::try_from(at).ok()).map(BackendId).ok_or_else(|| {
        WrongQuestion(format!("there is no backend '{name}'{}", hint(name, backends)))
    })?;
    Ok((id, server_named(server, Some(id), config)?))
}

/// A server by its name in the backend, which may stand before it.
fn server_named(
    word: &str,
    backend: Option<BackendId>,
    config: &Config,
) -> Result<ServerIndex, WrongQuestion> {
    let backend = backend.and_then(|id| config.backends.get(id.index()));
    let Some(backend) = backend else {
        return Err(WrongQuestion(format!("'{word}': the client comes to no backend")));
    };
    let name = word.strip_prefix(&format!("{}/", backend.name)).unwrap_or(word);
    let names = backend.servers.iter().map(|server| server.name.as_str());
    let at = names.clone().position(|other| other == name);
    at.and_then(|at| u16::try_from(at).ok()).map(ServerIndex::configured).ok_or_else(|| {
        let (backend, hint) = (&backend.name, hint(name, names));
        WrongQuestion(format!("there is no server '{name}' in the backend '{backend}'{hint}"))
    })
}

/// The rules that were looked at, and why each applies or does not.
fn rules(trace: &Trace, lines: &mut Source<'_>) -> String {
    let mut text = String::new();
    if !trace.rules.is_empty() {
        text.push_str("Rules, in their order:\n");
    }
    for SeenRule { place, truth, tests, made } in &trace.rules {
        text.push_str(&format!("  {:<7} {}\n", word(*truth), lines.shown(*place)));
        for test in tests {
            let value = test.value.as_deref().unwrap_or("no value");
            text.push_str(&format!("            {}: {value}: {}\n", test.text, word(test.truth)));
        }
        if let Some(made) = made {
            text.push_str(&format!("            makes {made}\n"));
        }
    }
    text
}

fn word(truth: Truth) -> &'static str {
    match truth {
        Truth::Yes => "yes",
        Truth::No => "no",
        Truth::NotYet => "not yet",
    }
}

fn why_backend(
    name: &str,
    frontend: FrontendId,
    trace: &Trace,
    config: &Config,
    lines: &Source<'_>,
) -> String {
    let rules = &config.frontends[frontend.index()].rules.backends;
    let chosen = trace
        .rules
        .iter()
        .find(|seen| seen.truth == Truth::Yes && rules.iter().any(|rule| rule.place == seen.place));
    let name = format!("\"{name}\"");
    match chosen {
        Some(SeenRule { made: Some(made), place, .. }) if *made != name => {
            let place = lines.place(*place);
            format!("'default_backend': there is no backend {made} ({place})")
        }
        Some(seen) => format!("'use_backend' ({})", lines.place(seen.place)),
        None => "'default_backend'".to_owned(),
    }
}

/// What becomes of a client that has no entry.
fn stick_note(rehearsed: &Rehearsed, config: &Config, lines: &mut Source<'_>) -> Option<String> {
    let End::Server(_, ChosenBy::Balance) = rehearsed.end else { return None };
    let rules = &config.backends.get(rehearsed.backend?.index())?.stick_rules;
    let stores = rules.iter().find(|rule| rule.stores && !rule.of_response)?;
    let line = lines.shown(stores.place);
    Some(format!("There is no stick entry yet, and the client gets one by: {line}"))
}

fn end(
    rehearsed: &Rehearsed,
    trace: &Trace,
    shared: &Shared,
    config: &Config,
    lines: &mut Source<'_>,
) -> String {
    let last = trace.rules.iter().rfind(|seen| seen.truth == Truth::Yes);
    let backend = rehearsed.backend.map(|id| &config.backends[id.index()].name);
    let backend = backend.map_or("", String::as_str);
    match &rehearsed.end {
        End::Server(server, by) => match rehearsed.backend {
            Some(id) => server_line(id, *server, *by, shared, config),
            None => String::new(),
        },
        End::Refused => match last {
            Some(seen) => format!("Refused: by {}\n", lines.shown(seen.place)),
            None => "Refused.\n".to_owned(),
        },
        End::NotLetIn(why) => format!("Refused: {why}\n"),
        End::NoBackend => match last.and_then(|seen| seen.made.as_ref()) {
            Some(made) => {
                format!("Refused: there is no backend {made}, and no 'default_backend'\n")
            }
            None => {
                "Refused: no rule names a backend, and there is no 'default_backend'\n".to_owned()
            }
        },
        End::NoServer => format!("Refused: no server of the backend '{backend}' takes clients\n"),
        End::Queue => format!("Waits in a queue of the backend '{backend}'\n"),
        End::Waits => "Waits for ever: nothing decides, and there is no timeout\n".to_owned(),
    }
}

fn server_line(
    id: BackendId,
    server: ServerIndex,
    by: ChosenBy,
    shared: &Shared,
    config: &Config,
) -> String {
    let backend = &config.backends[id.index()];
    let name = |index: ServerIndex| match backend.servers.get(index.index()) {
        Some(server) => format!("{}/{}", backend.name, server.name),
        None => format!("{}, where all its clients go", backend.name),
    };
    let chosen = name(server);
    let why = match by {
        ChosenBy::Rule => "by 'use-server'",
        ChosenBy::Entry => "by its stick entry",
        ChosenBy::Cookie => "by its RDP cookie",
        ChosenBy::Dispatch => return format!("Server: {chosen}\n"),
        ChosenBy::Balance => {
            let candidates: Vec<String> = shared.backend(id).candidates().map(name).collect();
            if candidates.len() <= 1 {
                return format!("Server: {chosen}, the only one that takes clients\n");
            }
            match backend.balance.takes_turns() {
                true => {
                    let (all, how) = (list(&candidates, "or"), how(backend.balance));
                    let first = format!("a new process begins with {chosen}");
                    return format!("Server: {all}, {how}; {first}\n");
                }
                false => how(backend.balance),
            }
        }
    };
    format!("Server: {chosen}, {why}\n")
}

/// How an algorithm chooses.
pub(super) fn how(balance: Balance) -> &'static str {
    match balance {
        Balance::RoundRobin => "each in its turn, by weight",
        Balance::StaticRr => "each in its turn, in an order that is fixed at the start",
        Balance::LeastConn => "whichever has the fewest connections for its weight",
        Balance::First => "the first one that has room",
        Balance::Source | Balance::HashSource => "by the hash of the client's address",
        Balance::RdpCookie => "by the hash of the client's RDP cookie",
        Balance::Random(_) => "the less loaded one of some that are drawn",
    }
}
