//! From the draft to the configuration: names become ids, automatic ids are given, and names that
//! refer to nothing are reported.

pub(super) mod hints;
pub(super) mod listeners;
pub(super) mod numbering;
pub(super) mod tracks;

use std::collections::{BTreeMap, HashMap};

use super::rules::Rules;
use super::rules::StickCondition;
use super::sections::metrics::Role;
use super::sections::{metrics, stick};
use super::text::diagnostic::{Place, Placed, Section};
use super::text::gaps::Gaps;
use super::{
    Backend, BackendId, Bind, BindAddress, Config, Frontend, LogTarget, Peer, PeerAddress, PeersId,
    PeersSection, ProxyOptions, Server, StickKey, StickRule, StickTable, TableId, rules,
};
use crate::config::drafts::keyword_names;
use crate::config::drafts::names::{Index, Names};
use crate::config::drafts::{Draft, GlobalDraft, LogDraft, PeersDraft, ProxyDraft};
use crate::config::drafts::{ProxyKind, RuleKind, ServerDraft, StickRuleDraft, TableDraft};
use crate::config::text::nearest::hint;
use crate::config::text::report::Report;
use listeners::Listeners;

/// Makes the configuration of a draft. If a mistake is reported, the configuration cannot be used.
pub(super) fn resolve(mut draft: Draft, report: &mut Report) -> Config {
    for bind in draft.proxies.iter_mut().flat_map(|proxy| &mut proxy.binds) {
        draft.global.unix_bind.complete(bind);
    }
    if draft.gaps.may_say_anything() {
        draft.proxies.iter_mut().for_each(|proxy| proxy.gaps.add_anything());
        draft.peers.iter_mut().for_each(|section| section.gaps.add_anything());
    }
    let global = std::mem::take(&mut draft.global.global);
    let mut config = Config { global, ..Config::default() };
    let local = draft.local_peer.take().or_else(|| config.global.localpeer.take());
    let hostname = std::mem::take(&mut draft.global.hostname);
    config.global.localpeer = Some(local.unwrap_or(hostname));
    check_counts(&draft.proxies, &draft.peers, report);
    let mut listeners = Listeners::default();
    report.enter(Some(Section { kind: GlobalDraft::WORD, name: None }));
    for (socket, place) in config.global.stats_sockets.iter().zip(&draft.global.stats_places) {
        listeners.add(&socket.bind.address, *place, report);
    }
    if draft.gaps.may_say(keyword_names::LOCALPEER) {
        draft.peers.iter_mut().for_each(|section| section.gaps.add_anything());
    }
    for section in &draft.peers {
        let section = resolve_peers(section, &config.global.log, &mut listeners, report);
        config.peers.push(section);
    }
    for section in &draft.defaults {
        let name = Some(section.name.clone()).filter(|name| !name.is_empty());
        report.enter(Some(Section { kind: section.kind.word(), name }));
        section.settings.script.report(report);
    }
    let tables = resolve_tables(&draft, &mut config, report);
    let index = Index::new(&draft, tables);
    resolve_proxies(&draft, &index, &mut listeners, &mut config, report);
    tracks::resolve(&draft.proxies, &index, &mut config, report);
    if config.global.limits.never_splices {
        let frontends = config.frontends.iter_mut().map(|frontend| &mut frontend.options);
        let backends = config.backends.iter_mut().map(|backend| &mut backend.options);
        frontends.chain(backends).for_each(ProxyOptions::forbid_splicing);
    }
    if !report.has_errors() {
        hints::give(&config, &draft.proxies, &index, report);
    }
    report.enter(None);
    config
}

/// Adds the frontends, the backends, and the frontends of the exporter.
fn resolve_proxies(
    draft: &Draft,
    index: &Index<'_>,
    listeners: &mut Listeners,
    config: &mut Config,
    report: &mut Report,
) {
    let api = draft.global.stats_places.first().copied();
    let proxy_ids = number_proxies(&draft.proxies, api, report);
    config.proxy_ids.clone_from(&proxy_ids);
    let mut acls = Vec::new();
    let mut refused: BTreeMap<Place, Vec<&ProxyDraft>> = BTreeMap::new();
    for (proxy, proxy_id) in draft.proxies.iter().zip(proxy_ids) {
        report.enter(proxy.label());
        let is_refused = match metrics::role(proxy, proxy_id, report) {
            Role::Endpoint(mut endpoint) => {
                endpoint.binds = listeners.binds_of(proxy, report);
                config.metrics.push(endpoint);
                continue;
            }
            Role::Refused(place) => {
                refused.entry(place).or_default().push(proxy);
                true
            }
            Role::Relay => false,
        };
        let proxies = &draft.proxies;
        let names = Names { proxies, current: proxy, tables: &config.tables, index };
        let (rules, keys) =
            if is_refused { Default::default() } else { rules::resolve(names, &mut acls, report) };
        if proxy.kind.is_frontend() && !is_refused {
            let target = default_backend(names, report);
            let mut frontend = frontend(proxy, proxy_id, target, &config.global.log, report);
            frontend.binds = listeners.binds_of(proxy, report);
            frontend.rules = rules.clone();
            config.frontends.push(frontend);
        }
        if proxy.kind.is_backend() {
            let mut backend = backend(proxy, proxy_id, keys, index, config, report);
            backend.rules = rules.of_backend(proxy.kind);
            config.backends.push(backend);
        }
    }
    for (place, sections) in refused {
        let defaults =
            draft.defaults.iter().filter(|defaults| defaults.settings.http == Some(place));
        metrics::refuse_mode(place, &sections, defaults, report);
    }
    config.acls = acls;
}

/// Reports lists that are too long: ids have 16 bits, and the highest id stays free.
fn check_counts(proxies: &[ProxyDraft], peers: &[PeersDraft], report: &mut Report) {
    const MOST: usize = u16::MAX as usize - 1;
    if let Some(proxy) = proxies.get(MOST) {
        report.error(proxy.place, format!("more than {MOST} sections"));
    }
    if let Some(section) = peers.get(MOST) {
        report.error(section.place, format!("more than {MOST} peers sections"));
    }
    for section in peers {
        if let Some(peer) = section.peers.get(MOST) {
            report
                .enter(Some(Section { kind: PeersDraft::WORD, name: Some(section.name.clone()) }));
            report.error(peer.name.place, format!("more than {MOST} peers"));
        }
    }
    report.enter(None);
    for proxy in proxies {
        if let Some(server) = proxy.servers.get(MOST) {
            report.error(server.name.place, format!("more than {MOST} servers"));
        }
    }
    let tables = peers.iter().flat_map(|section| &section.tables);
    if let Some(table) = tables.chain(proxies.iter().filter_map(|p| p.table.as_ref())).nth(MOST) {
        report.error(table.place, format!("more than {MOST} stick tables"));
    }
}

/// A position as an id. [`check_counts`] has reported a position that does not fit.
fn id(index: usize) -> u16 {
    u16::try_from(index).unwrap_or(u16::MAX)
}

fn resolve_peers(
    draft: &PeersDraft,
    global_log: &[LogTarget],
    listeners: &mut Listeners,
    report: &mut Report,
) -> PeersSection {
    report.enter(Some(Section { kind: PeersDraft::WORD, name: Some(draft.name.clone()) }));
    for bind in &draft.binds {
        listeners.add_draft(bind, report);
    }
    let mut binds: Vec<Bind> = draft.binds.iter().flat_map(|bind| bind.binds(report)).collect();
    let mut local = draft.peers.iter().position(|peer| peer.name.value == draft.local_name);
    if local.is_none() && draft.gaps.is_empty() {
        let name = &draft.local_name;
        report.warning(
            draft.place,
            format!(
                "the section is not started: it has no peer '{name}', which is this node's name \
                 (from -L, 'localpeer', or the host name)"
            ),
        );
    }
    if draft.disabled || local.is_none() {
        binds.clear();
        local = local.filter(|_| !draft.disabled);
    }
    let has_descriptor = binds.iter().any(|bind| matches!(bind.address, BindAddress::Fd(_)));
    let peers = draft.peers.iter().filter_map(|peer| {
        let own = binds.iter().find_map(|bind| match &bind.address {
            BindAddress::Address(address) => Some(PeerAddress::Known(address.clone())),
            BindAddress::Fd(_) => None,
        });
        let name = peer.name.value.clone();
        match peer.address.clone().or(own) {
            Some(address) => Some(Peer { name, address }),
            None if has_descriptor => Some(Peer { name, address: PeerAddress::Descriptor }),
            None if draft.disabled || draft.gaps.may_say(keyword_names::BIND) => None,
            None => {
                let message = format!("the local peer '{name}' has no address: add a 'bind' line");
                report.error(peer.name.place, message);
                None
            }
        }
    });
    let peers = peers.collect();
    PeersSection {
        name: draft.name.clone(),
        disabled: draft.disabled,
        peers,
        local,
        binds,
        tables: Vec::new(),
        log: resolve_log(&draft.log, global_log, None),
    }
}

/// Adds the tables in the order of their lines, also to the peers sections that replicate them.
/// Returns the tables by name. If two have the same name, the first counts.
fn resolve_tables(
    draft: &Draft,
    config: &mut Config,
    report: &mut Report,
) -> HashMap<String, TableId> {
    let Draft { proxies, peers, gaps, .. } = draft;
    let of_proxies = proxies.iter().filter_map(|proxy| {
        let label = Section { kind: proxy.kind.word(), name: Some(proxy.name.clone()) };
        Some((proxy.table.as_ref()?, proxy.name.clone(), proxy.name.clone(), label, None))
    });
    let of_peers = peers.iter().enumerate().flat_map(|(index, section)| {
        section.tables.iter().map(move |table| {
            let name = table.name.clone().unwrap_or_default();
            let label = Section { kind: PeersDraft::WORD, name: Some(section.name.clone()) };
            let api_name = format!("{}/{name}", section.name);
            (table, api_name, format!("/{name}"), label, Some(PeersId(id(index))))
        })
    });
    let mut drafts: Vec<_> = of_proxies.chain(of_peers).collect();
    drafts.sort_by_key(|(table, ..)| table.place);
    let mut places: HashMap<String, Place> = HashMap::new();
    let mut ids = HashMap::new();
    for (draft, name, wire_name, label, section) in drafts {
        report.enter(Some(label));
        if let Some(other) = places.insert(name.clone(), draft.place) {
            let at = report.name(other);
            report.error(draft.place, format!("there is a stick table '{name}' already, at {at}"));
        }
        let peers =
            section.or_else(|| find_peers(draft.peers.as_ref(), &config.peers, gaps, report));
        let table_id = TableId(id(config.tables.len()));
        ids.entry(name.clone()).or_insert(table_id);
        config.tables.push(table(draft, name, wire_name));
        attach(table_id, peers, config);
    }
    ids
}

fn find_peers(
    name: Option<&Placed<String>>,
    sections: &[PeersSection],
    gaps: &Gaps,
    report: &mut Report,
) -> Option<PeersId> {
    let name = name?;
    let found = sections.iter().position(|section| section.name == name.value);
    if found.is_none() && !gaps.may_name(&[PeersDraft::WORD], &name.value) {
        let names = sections.iter().map(|section| section.name.as_str());
        let hint = hint(&name.value, names);
        report.error(name.place, format!("there is no peers section '{}'{hint}", name.value));
    }
    found.map(|index| PeersId(id(index)))
}

/// Adds a table to its peers section. If the section is not started, the table stays local.
fn attach(table_id: TableId, peers: Option<PeersId>, config: &mut Config) {
    let Some(peers) = peers else { return };
    let Some(section) = config.peers.get_mut(peers.index()) else { return };
    if section.disabled || section.local.is_none() {
        return;
    }
    section.tables.push(table_id);
    if let Some(table) = config.tables.get_mut(table_id.index()) {
        table.peers = Some(peers);
    }
}

fn table(draft: &TableDraft, name: String, wire_name: String) -> StickTable {
    StickTable {
        name,
        wire_name,
        key_type: draft.key_type,
        key_len: draft.key_len,
        wire_key_len: draft.wire_key_len,
        size: draft.size,
        expire_ms: draft.expire_ms,
        nopurge: draft.nopurge,
        recv_only: draft.recv_only,
        server_key: draft.server_key,
        data: draft.data.clone(),
        peers: None,
    }
}

/// The ids of all proxies. HAProxy counts the Runtime API as a proxy at the first `stats socket`
/// line.
fn number_proxies(proxies: &[ProxyDraft], api: Option<Place>, report: &mut Report) -> Vec<u32> {
    let mut used: HashMap<u32, &ProxyDraft> = HashMap::new();
    for proxy in proxies {
        let Some(id) = &proxy.id else { continue };
        report.enter(proxy.label());
        if let Some(other) = used.insert(id.value, proxy) {
            let (kind, name, at) = (other.kind.word(), &other.name, report.name(other.place));
            let message = format!("id {} is used already, by {kind} '{name}' at {at}", id.value);
            report.error(id.place, message);
        }
    }
    let before = |place: Place| proxies.iter().take_while(|proxy| proxy.place < place).count();
    let forced: Vec<Option<u32>> =
        proxies.iter().map(|proxy| proxy.id.as_ref().map(|id| id.value)).collect();
    numbering::numbers_with_gap(&forced, api.map(before))
}

fn default_backend(names: Names<'_>, report: &mut Report) -> Option<BackendId> {
    let proxy = names.current;
    match &proxy.settings.default_backend {
        Some(name) if proxy.kind == ProxyKind::Listen && name.value == proxy.name => {
            report.error(name.place, "a 'listen' section cannot be its own 'default_backend'");
            None
        }
        Some(name) => {
            names.backend(&name.value).map_err(|message| report.error(name.place, message)).ok()
        }
        None if proxy.kind == ProxyKind::Listen => names.index.backend(&proxy.name),
        None => {
            let has_rules = proxy.rules.iter().any(|line| line.kind == RuleKind::UseBackend);
            if !has_rules && proxy.is_whole() {
                let message = "no 'default_backend': every connection is refused";
                report.warning(proxy.place, message);
            }
            None
        }
    }
}

fn frontend(
    proxy: &ProxyDraft,
    proxy_id: u32,
    default_backend: Option<BackendId>,
    global_log: &[LogTarget],
    report: &mut Report,
) -> Frontend {
    let settings = &proxy.settings;
    warn_of_timeouts(proxy, report);
    Frontend {
        name: proxy.name.clone(),
        proxy_id,
        description: proxy.description.clone(),
        disabled: settings.disabled,
        binds: Vec::new(),
        default_backend,
        maxconn: settings.maxconn,
        backlog: settings.backlog,
        rate_limit: settings.rate_limit,
        timeout_client_ms: settings.timeout_client_ms,
        timeout_client_fin_ms: settings.timeout_client_fin_ms,
        options: settings.options,
        probes: settings.client_probes,
        log: resolve_log(&settings.log, global_log, settings.log_tag.as_ref()),
        log_line: settings.log_line.clone(),
        rules: Rules::default(),
    }
}

/// Reports the missing timeouts of a section in one message.
fn warn_of_timeouts(proxy: &ProxyDraft, report: &mut Report) {
    let settings = &proxy.settings;
    let has_servers = proxy.kind.is_backend() && !proxy.servers.is_empty();
    let missing: Vec<&str> = [
        ("'timeout client'", proxy.kind.is_frontend(), settings.timeout_client_ms),
        ("'timeout connect'", has_servers, settings.timeout_connect_ms),
        ("'timeout server'", has_servers, settings.timeout_server_ms),
    ]
    .into_iter()
    .filter(|(_, is_needed, timeout)| *is_needed && timeout.is_none())
    .map(|(name, ..)| name)
    .collect();
    if !missing.is_empty() && !settings.disabled && proxy.is_whole() {
        let missing = missing.join(", ");
        let message = format!("missing {missing}: a silent connection is kept for ever");
        report.warning(proxy.place, message);
    }
}

fn backend(
    proxy: &ProxyDraft,
    proxy_id: u32,
    keys: Vec<Option<StickCondition>>,
    index: &Index<'_>,
    config: &mut Config,
    report: &mut Report,
) -> Backend {
    if proxy.kind == ProxyKind::Backend {
        warn_of_timeouts(proxy, report);
    }
    let own = proxy.table.as_ref().and_then(|_| index.table(&proxy.name));
    let mut stick_rules = Vec::new();
    for (rule, key) in proxy.stick_rules.iter().zip(keys) {
        let Some(key) = key else { continue };
        stick_rules.extend(stick_rule(rule, key, (own, &proxy.gaps), index, config, report));
    }
    let settings = &proxy.settings;
    settings.script.report(report);
    let mut servers = servers(&proxy.servers, report);
    Backend {
        name: proxy.name.clone(),
        proxy_id,
        description: proxy.description.clone(),
        disabled: settings.disabled,
        balance: settings.balance,
        hash_type: settings.hash_type,
        health: settings.script.resolve(&proxy.name, &mut servers),
        servers,
        stick_rules,
        table: own,
        timeout_connect_ms: settings.timeout_connect_ms,
        timeout_server_ms: settings.timeout_server_ms,
        timeout_server_fin_ms: settings.timeout_server_fin_ms,
        timeout_tunnel_ms: settings.timeout_tunnel_ms,
        retries: if settings.retries_connects { settings.retries } else { 0 },
        redispatch: settings.redispatch,
        timeout_queue_ms: settings.timeout_queue_ms,
        fullconn: settings.fullconn,
        options: settings.options,
        probes: settings.server_probes,
        source: settings.source.clone(),
        log: resolve_log(&settings.log, &config.global.log, settings.log_tag.as_ref()),
        rules: Rules::default(),
    }
}

/// A stick rule. The rule makes its table store the server, even a table of another section.
fn stick_rule(
    rule: &StickRuleDraft,
    key: StickCondition,
    (own, proxy_gaps): (Option<TableId>, &Gaps),
    index: &Index<'_>,
    config: &mut Config,
    report: &mut Report,
) -> Option<StickRule> {
    let table = match &rule.table {
        Some(name) => {
            let found = index.table(&name.value);
            if found.is_none() && !index.may_miss_table(&name.value) {
                let names = config.tables.iter().map(|table| table.name.as_str());
                let hint = hint(&name.value, names);
                report.error(name.place, format!("there is no stick table '{}'{hint}", name.value));
            }
            found?
        }
        None => {
            if own.is_none() && !proxy_gaps.may_say(keyword_names::STICK_TABLE) {
                let message =
                    "the section has no 'stick-table': declare one or name one with 'table'";
                report.error(rule.place, message);
            }
            own?
        }
    };
    if let Some(table) = config.tables.get_mut(table.index()) {
        stick::add_stickiness(&mut table.data);
        let word = Placed { value: key.word.value.as_str(), place: key.word.place };
        if let Err(mistake) = rules::check_key(&key.key, table, &word) {
            report.mistake(mistake);
        }
    }
    let StickCondition { key, condition, .. } = key;
    let key = if key.is_source() { StickKey::Source } else { StickKey::Sample(key) };
    let StickRuleDraft { matches, stores, .. } = *rule;
    Some(StickRule { table, key, matches, stores, condition })
}

fn servers(drafts: &[ServerDraft], report: &mut Report) -> Vec<Server> {
    let mut names: HashMap<&str, Place> = HashMap::new();
    let mut ids: HashMap<u32, &ServerDraft> = HashMap::new();
    for draft in drafts {
        if let Some(other) = names.insert(&draft.name.value, draft.name.place) {
            let at = report.name(other);
            let message = format!("there is a server '{}' already, at {at}", draft.name.value);
            report.error(draft.name.place, message);
        }
        if let Some(id) = &draft.settings.id
            && let Some(other) = ids.insert(id.value, draft)
        {
            let (name, at) = (&other.name.value, report.name(other.name.place));
            let message = format!("id {} is used already, by server '{name}' at {at}", id.value);
            report.error(id.place, message);
        }
    }
    let forced: Vec<Option<u32>> =
        drafts.iter().map(|draft| draft.settings.id.as_ref().map(|id| id.value)).collect();
    let numbered = drafts.iter().zip(numbering::numbers(&forced));
    numbered
        .map(|(draft, id)| Server {
            name: draft.name.value.clone(),
            id,
            address: draft.address.clone(),
            weight: draft.settings.weight,
            // If `minconn` is higher than `maxconn`, `minconn` is the limit.
            maxconn: draft.settings.maxconn.max(draft.settings.minconn),
            minconn: draft.settings.minconn,
            maxqueue: draft.settings.maxqueue,
            disabled: draft.settings.disabled,
            backup: draft.settings.backup,
            source: draft.settings.source.clone(),
            non_stick: draft.settings.non_stick,
            user_timeout_ms: draft.settings.user_timeout_ms,
            send_proxy: draft.settings.send_proxy(),
            health: draft.settings.health.resolve(draft, report),
        })
        .collect()
}

/// The log targets of a section, with the tag of the section if there is one.
fn resolve_log(drafts: &[LogDraft], global: &[LogTarget], tag: Option<&String>) -> Vec<LogTarget> {
    let mut targets: Vec<LogTarget> = Vec::new();
    for draft in drafts {
        let named = match draft {
            LogDraft::Global => global,
            LogDraft::Target(target) => std::slice::from_ref(target),
        };
        let signed = |target: &LogTarget| LogTarget { tag: tag.cloned(), ..target.clone() };
        targets.extend(named.iter().map(signed));
    }
    targets
}
