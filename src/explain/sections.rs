//! What each section does, in plain words.

use super::answer::how;
use super::source::Source;
use super::summary;
use super::words::{count, list, number, time};
use crate::config::rules::{Rule, Rules};
use crate::config::{
    Backend, Config, Frontend, InitState, PageFrontend, PeersSection, Resolvers, ScriptKind,
    Server, StickKey, StickRule, StickTable,
};

/// Writes lines below a title.
struct Writer {
    text: String,
}

impl Writer {
    fn new(title: &str) -> Self {
        Self { text: format!("{title}\n") }
    }

    fn say(&mut self, line: impl AsRef<str>) {
        self.text.push_str("  ");
        self.text.push_str(line.as_ref());
        self.text.push('\n');
    }

    fn say_all(&mut self, lines: impl IntoIterator<Item = String>) {
        for line in lines {
            self.say(format!("  {line}"));
        }
    }

    fn done(mut self) -> String {
        self.text.push('\n');
        self.text
    }
}

/// What belongs to the process as a whole.
pub(super) fn process(config: &Config) -> String {
    let mut out = Writer::new("The process");
    let global = &config.global;
    out.say(match global.maxconn {
        Some(maxconn) => format!("takes up to {} clients at a time", number(maxconn)),
        None => "takes as many clients at a time as the limit of open files allows".to_owned(),
    });
    if let Some(rate) = global.limits.connection_rate {
        out.say(format!("accepts up to {} connections a second", number(rate)));
    }
    if let Some(rate) = global.limits.session_rate {
        out.say(format!("lets up to {} clients in a second", number(rate)));
    }
    for socket in &global.stats_sockets {
        out.say(format!("answers the Runtime API on {}", summary::bind(&socket.bind)));
    }
    if global.daemon {
        out.say("runs in the background ('daemon')");
    }
    if global.uid.is_some() || global.chroot.is_some() {
        out.say("gives up its privileges once its sockets are open");
    }
    if let Some(ms) = global.hard_stop_after_ms {
        let time = time(ms);
        out.say(format!("ends its last connections {time} after a reload or a stop"));
    }
    out.done()
}

/// A frontend: where clients come in, which rules they meet, and where they go.
pub(super) fn frontend(frontend: &Frontend, config: &Config, source: &mut Source<'_>) -> String {
    let mut out = Writer::new(&format!("Frontend {}", frontend.name));
    if frontend.disabled {
        out.say("is disabled: nobody can come in");
    }
    for bind in &frontend.binds {
        out.say(format!("listens on {} ({})", summary::bind(bind), bind.place));
    }
    if let Some(maxconn) = frontend.maxconn {
        let most = number(maxconn);
        out.say(format!("takes up to {most} clients at a time; more wait to be accepted"));
    }
    if let Some(rate) = frontend.rate_limit {
        out.say(format!("accepts up to {} clients a second", number(rate)));
    }
    let rules = &frontend.rules;
    list_rules(&mut out, "as soon as a client connects, in this order:", &rules.connection, source);
    list_rules(&mut out, "once the client's address is known for sure:", &rules.session, source);
    content(&mut out, rules, source);
    list_rules(
        &mut out,
        "the first of these that applies names the backend:",
        &rules.backends,
        source,
    );
    let default = frontend.default_backend.and_then(|id| config.backends.get(id.index()));
    out.say(match (default, rules.backends.is_empty()) {
        (Some(backend), true) => format!("all its clients go to the backend {}", backend.name),
        (Some(backend), false) => format!("otherwise: the backend {}", backend.name),
        (None, true) => "leads nowhere: every client is refused".to_owned(),
        (None, false) => "otherwise the client is refused".to_owned(),
    });
    if let Some(ms) = frontend.timeout_client_ms {
        let time = time(ms);
        out.say(format!("closes a connection whose client is silent for {time} (timeout client)"));
    }
    if let Some(ms) = frontend.timeout_client_fin_ms {
        let time = time(ms);
        out.say(format!("the same after {time} once the client's side is half closed"));
    }
    let lines = frontend.log.len();
    out.say(match lines {
        0 => "logs nothing of its clients".to_owned(),
        _ if frontend.options.tcplog || frontend.log_line.is_some() => {
            format!("logs how each connection ended, to {}", count(lines, "target"))
        }
        _ => format!("logs that a client came in, to {}", count(lines, "target")),
    });
    out.done()
}

fn content(out: &mut Writer, rules: &Rules, source: &mut Source<'_>) {
    let title = match rules.inspect_delay_ms {
        Some(ms) => {
            let time = time(ms);
            format!("then these, which wait up to {time} for what the client sends:")
        }
        None => "then these, by what the client has sent so far:".to_owned(),
    };
    list_rules(out, &title, &rules.content, source);
}

fn list_rules<T>(out: &mut Writer, title: &str, rules: &[Rule<T>], source: &mut Source<'_>) {
    if !rules.is_empty() {
        out.say(title);
        out.say_all(rules.iter().map(|rule| source.shown(rule.place)));
    }
}

/// A frontend that serves pages.
pub(super) fn page(page: &PageFrontend) -> String {
    let mut out = Writer::new(&format!("Frontend {} (pages of this process)", page.name));
    for bind in &page.binds {
        out.say(format!("listens on {} ({})", summary::bind(bind), bind.place));
    }
    if page.section.stats.is_some() {
        out.say("serves the statistics page");
    }
    if let Some(monitor) = &page.monitor {
        out.say(format!("says on {} whether this machine is fit to serve", monitor.uri));
    }
    if !page.section.rules.is_empty() {
        out.say("asks 'http-request' rules who may see what");
    }
    out.done()
}

/// A backend: its servers, and how one of them is chosen.
pub(super) fn backend(backend: &Backend, source: &mut Source<'_>) -> String {
    let mut out = Writer::new(&format!("Backend {}", backend.name));
    if backend.disabled {
        out.say("is disabled: every client is refused");
    }
    content(&mut out, &backend.rules, source);
    choice(&mut out, backend, source);
    if !backend.servers.is_empty() {
        out.say(format!("{}:", count(backend.servers.len(), "server")));
        out.say_all(backend.servers.iter().map(|it| server(it, backend)));
    }
    if let Some(to) = &backend.dispatch {
        out.say(format!("sends all its clients to {to}, without a choice among servers"));
    }
    limits(&mut out, backend);
    out.done()
}

fn choice(out: &mut Writer, backend: &Backend, source: &mut Source<'_>) {
    let rules = &backend.rules;
    list_rules(out, "the first of these that applies names the server:", &rules.servers, source);
    let (stick, response): (Vec<_>, Vec<_>) =
        backend.stick_rules.iter().partition(|rule| !rule.of_response);
    let shown = |rule: &StickRule, source: &mut Source<'_>| {
        let key = match rule.key {
            StickKey::Source => "by its address",
            StickKey::Sample(_) => "by a sample",
        };
        format!("{} [{key}]", source.shown(rule.place))
    };
    if !stick.is_empty() {
        out.say("a client goes back to the server that it had before, by these rules:");
        out.say_all(stick.iter().map(|rule| shown(rule, source)));
    }
    if !response.is_empty() {
        out.say("what a server sends is remembered by these rules:");
        out.say_all(response.iter().map(|rule| shown(rule, source)));
    }
    let (who, name) = match stick.is_empty() {
        true => ("a client", backend.balance.name()),
        false => ("a new client", backend.balance.name()),
    };
    if backend.servers.len() > 1 {
        let how = how(backend.balance);
        out.say(format!("the server for {who}: {how} (balance {name})"));
    }
}

fn server(server: &Server, backend: &Backend) -> String {
    let settings = &server.settings;
    let mut facts = Vec::new();
    if settings.backup {
        facts.push("only when no other takes clients".to_owned());
    }
    if settings.disabled {
        facts.push("disabled".to_owned());
    }
    if settings.weight != 1 {
        facts.push(format!("weight {}", settings.weight));
    }
    if settings.maxconn > 0 {
        facts.push(format!("up to {} connections, more wait", number(settings.maxconn)));
    }
    if settings.tls.is_some() {
        facts.push("spoken to with TLS".to_owned());
    }
    if settings.proxy_header().is_some() {
        facts.push("told the client's address by a PROXY header".to_owned());
    }
    facts.push(checks(server, backend));
    format!("{} at {}: {}", server.name, server.place(), facts.join("; "))
}

fn checks(server: &Server, backend: &Backend) -> String {
    if server.health.track.is_some() {
        return "up or down as the server that it tracks".to_owned();
    }
    if server.health.check.is_none() {
        return "not checked: taken for up".to_owned();
    }
    let health = &server.settings.health;
    let what = match backend.health.script.kind {
        ScriptKind::Connect => "a connect",
        ScriptKind::Tcp => "a dialogue (tcp-check)",
        ScriptKind::Http => "an HTTP request",
        ScriptKind::Agent => "its agent",
        ScriptKind::Program => "a program",
        ScriptKind::Service(_) => "a question in its protocol",
    };
    let begins = match health.init_state {
        InitState::Up | InitState::FullyUp => "",
        InitState::Down | InitState::FullyDown => "; down until then",
    };
    let (inter, fall, rise) = (time(health.inter_ms), health.fall, health.rise);
    format!("checked by {what} every {inter}, down after {fall} failures, up after {rise}{begins}")
}

fn limits(out: &mut Writer, backend: &Backend) {
    if let Some(ms) = backend.timeout_connect_ms {
        let retries = backend.retries;
        let time = time(ms);
        out.say(format!("a server has {time} to accept (timeout connect), {retries} retries"));
    }
    if backend.retries > 0 {
        out.say(match backend.redispatch {
            Some(_) => "when its own server does not answer, a client moves to another one",
            None => "when its own server does not answer, a client moves nowhere else",
        });
    }
    if let Some(ms) = backend.timeout_queue_ms {
        out.say(format!("a client waits up to {} for a place at a server", time(ms)));
    }
    if let Some(ms) = backend.timeout_server_ms {
        let time = time(ms);
        out.say(format!("closes a connection whose server is silent for {time} (timeout server)"));
    }
    if let Some(ms) = backend.timeout_tunnel_ms {
        let time = time(ms);
        out.say(format!("once both sides talk, {time} of silence count instead (timeout tunnel)"));
    }
}

/// A stick table: what it holds, and who has it too.
pub(super) fn table(table: &StickTable, config: &Config) -> String {
    let mut out = Writer::new(&format!("Table {}", table.name));
    out.say(summary::size(table));
    let stored = table.data.iter().map(|stored| match stored.period_ms {
        0 => stored.data_type.name().to_owned(),
        period_ms => format!("{} in {}", stored.data_type.name(), time(period_ms)),
    });
    let stored: Vec<String> = stored.collect();
    if !stored.is_empty() {
        out.say(format!("stores {}", stored.join(", ")));
    }
    out.say(match table.nopurge {
        true => "when it is full, who is new is not remembered ('nopurge')",
        false => "when it is full, the entry that was not used for the longest time goes",
    });
    let peers = table.peers.and_then(|id| config.peers.get(id.index()));
    out.say(match peers {
        Some(peers) => format!("the nodes of the peers section {} share it", peers.name),
        None => "no other node shares it; a reload keeps it".to_owned(),
    });
    out.done()
}

/// A peers section: the nodes that share tables.
pub(super) fn peers(peers: &PeersSection, config: &Config) -> String {
    let mut out = Writer::new(&format!("Peers {}", peers.name));
    let local = peers.local.and_then(|at| peers.peers.get(at));
    out.say(match local {
        Some(peer) => {
            format!("this node is {}, and listens on {}", peer.name, summary::binds(&peers.binds))
        }
        None => "this node is none of them: it only calls".to_owned(),
    });
    let others = peers.peers.iter().enumerate().filter(|(at, _)| Some(*at) != peers.local);
    let others: Vec<_> = others.map(|(_, peer)| peer).filter(|p| !p.name.is_empty()).collect();
    out.say_all(others.iter().map(|peer| {
        let how = match &peer.tls {
            Some(tls) if tls.verifies => "with TLS, its certificate is verified",
            Some(_) => "with TLS, its certificate is not verified",
            None => "in the clear",
        };
        format!("{}: called {how}", peer.name)
    }));
    for template in &peers.templates {
        let (places, name) = (count(template.places.len(), "place"), &template.service);
        out.say(format!("{places} for the nodes that {name} has"));
    }
    let tables = peers.tables.iter().filter_map(|id| config.tables.get(id.index()));
    let tables: Vec<_> = tables.map(|table| table.name.clone()).collect();
    out.say(match tables.is_empty() {
        true => "shares no table".to_owned(),
        false => format!("shares the tables {}", list(&tables, "and")),
    });
    out.done()
}

/// A resolvers section: who is asked for names, and how long answers count.
pub(super) fn resolvers(resolvers: &Resolvers) -> String {
    let mut out = Writer::new(&format!("Resolvers {}", resolvers.name));
    for nameserver in &resolvers.nameservers {
        let by = if nameserver.by_tcp { " over TCP" } else { "" };
        out.say(format!("asks {} at {}{by}", nameserver.name, nameserver.address));
    }
    let (each, tries) = (time(resolvers.resolve_ms), resolvers.tries);
    let retry = time(resolvers.retry_ms);
    out.say(format!("asks for each name every {each}, {tries} times {retry} if nobody answers"));
    let (nx, timeout) = (time(resolvers.hold.nx_ms), time(resolvers.hold.timeout_ms));
    out.say(format!("without an answer, addresses count for {timeout}"));
    out.say(format!("if the name is gone, addresses count for {nx}"));
    out.done()
}
