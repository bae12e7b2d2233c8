//! A backend, or the backend half of a `listen` section: its servers and its stick rules.

use std::collections::HashMap;

use super::{aggregates, health, hints, numbering};
use crate::config::drafts::names::Index;
use crate::config::drafts::{ProxyDraft, ProxyKind, ServerDraft, StickRuleDraft};
use crate::config::rules::{Rules, StickCondition};
use crate::config::sections::stick;
use crate::config::text::diagnostic::{Place, Placed};
use crate::config::text::nearest::hint;
use crate::config::text::report::Report;
use crate::config::{
    Backend, BackendHealth, Config, RuleSource, Server, ServerAddress, StickKey, StickRule,
    TableId, rules,
};

pub(super) fn backend(
    proxy: &ProxyDraft,
    proxy_id: u32,
    keys: Vec<Option<StickCondition>>,
    index: &Index<'_>,
    config: &mut Config,
    report: &mut Report,
) -> Backend {
    if proxy.kind == ProxyKind::Backend {
        hints::warn_of_timeouts(proxy, report);
    }
    let mut stick_rules = Vec::new();
    for (rule, key) in proxy.stick_rules.iter().zip(keys) {
        let Some(key) = key else { continue };
        stick_rules.extend(stick_rule(rule, key, proxy, index, config, report));
    }
    let settings = &proxy.settings;
    settings.script.report(report);
    let servers = servers(&proxy.servers, report);
    let health = settings.script.resolve();
    health::require_ports(&proxy.servers, &servers, &health.script, report);
    Backend {
        name: proxy.name.clone(),
        proxy_id,
        description: proxy.description.clone(),
        disabled: settings.disabled,
        balance: settings.balance,
        hash_type: settings.hash_type,
        hash_balance_factor: settings.hash_balance_factor,
        rdp: settings.rdp.clone(),
        health: BackendHealth { program: health::program(proxy, &config.global, report), ..health },
        dispatch: dispatch(proxy, report),
        servers,
        stick_rules,
        table: own_table(proxy, index),
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
        log: Vec::new(),
        rules: Rules::default(),
        is_http: false,
        pages: None,
    }
}

/// Where clients go without a choice among the servers.
fn dispatch(proxy: &ProxyDraft, report: &mut Report) -> Option<ServerAddress> {
    let settings = &proxy.settings;
    match (&proxy.dispatch, settings.transparent) {
        (_, Some(place)) if settings.has_balance => {
            report.error(place, "'transparent' and 'balance' exclude each other");
            None
        }
        (Some(dispatch), _) if settings.has_balance => {
            report.warning(dispatch.place, "'dispatch' has no effect: 'balance' chooses a server");
            None
        }
        (Some(dispatch), _) => Some(ServerAddress::Fixed(dispatch.value.clone())),
        (None, Some(_)) => Some(ServerAddress::OF_CLIENT),
        (None, None) => None,
    }
}

/// The table of the section's own `stick-table` line.
fn own_table(proxy: &ProxyDraft, index: &Index<'_>) -> Option<TableId> {
    proxy.table.as_ref().and_then(|_| index.table(&proxy.name))
}

/// A stick rule. The rule makes its table store the server, even a table of another section.
fn stick_rule(
    rule: &StickRuleDraft,
    key: StickCondition,
    proxy: &ProxyDraft,
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
            let own = own_table(proxy, index);
            if own.is_none() && !proxy.may_miss_table() {
                let message =
                    "the section has no 'stick-table': declare one or name one with 'table'";
                report.error(rule.place, message);
            }
            own?
        }
    };
    if let Some(table) = config.tables.get_mut(table.index()) {
        aggregates::refuse_stickiness(table, rule.place, report);
        stick::add_stickiness(&mut table.data);
        let word = Placed { value: key.word.value.as_str(), place: key.word.place };
        if let Err(mistake) = rules::check_key(&key.key, table, &word) {
            report.mistake(mistake);
        }
    }
    let StickCondition { key, condition, .. } = key;
    let key = if key.is_source() { StickKey::Source } else { StickKey::Sample(key) };
    let StickRuleDraft { matches, stores, of_response, place, .. } = *rule;
    let source = RuleSource { line: rule.line.clone(), at: report.name(place) };
    let place = place.into();
    Some(StickRule { table, key, matches, stores, of_response, condition, place, source })
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
        if let Some(id) = &draft.words.id
            && let Some(other) = ids.insert(id.value, draft)
        {
            let (name, at) = (&other.name.value, report.name(other.name.place));
            let message = format!("id {} is used already, by server '{name}' at {at}", id.value);
            report.error(id.place, message);
        }
    }
    let forced: Vec<Option<u32>> =
        drafts.iter().map(|draft| draft.words.id.as_ref().map(|id| id.value)).collect();
    let numbered = drafts.iter().zip(numbering::numbers(&forced));
    numbered
        .map(|(draft, id)| Server {
            name: draft.name.value.clone(),
            id,
            address: draft.address.clone(),
            resolution: None,
            settings: draft.words.settings.clone(),
            health: health::resolve(draft, report),
            is_named: false,
        })
        .collect()
}
