//! From the draft to the configuration: names become ids, automatic ids are given, and names that
//! refer to nothing are reported.

mod added_server;
mod aggregates;
mod backend;
mod counts;
mod frontend;
mod health;
mod hints;
mod listeners;
mod numbering;
mod pages;
mod peers;
mod resolvers;
mod rings;
mod tables;
mod tls;
mod tracks;

use super::sections::pages::role;
use super::sections::pages::role::Role;
use super::sections::privileges;
use super::text::diagnostic::{Place, Placed, Section};
use super::{BackendId, Config, ProxyOptions, rules};
use crate::config::drafts::names::{Index, Names};
use crate::config::drafts::{
    Draft, GlobalDraft, ProxyDraft, ProxyKind, Settings, UserlistDraft, keyword_names,
};
use crate::config::rules::Rules;
use crate::config::text::report::Report;
use listeners::Listeners;

pub use added_server::{AddedServer, ServerLines};

/// Makes the configuration of a draft, and what servers that are added later are read with. If a
/// mistake is reported, the configuration cannot be used.
pub(super) fn resolve(mut draft: Draft, report: &mut Report) -> (Config, ServerLines) {
    for bind in draft.proxies.iter_mut().flat_map(|proxy| &mut proxy.binds) {
        draft.global.unix_bind.complete(bind);
    }
    let files = tls::prepare(&mut draft, report);
    let certificates = files.certificates();
    if draft.gaps.may_say_anything() {
        draft.proxies.iter_mut().for_each(|proxy| proxy.gaps.add_anything());
        draft.peers.iter_mut().for_each(|section| section.gaps.add_anything());
    }
    privileges::check(&draft.global, report);
    let global = std::mem::take(&mut draft.global.global);
    let has_host = global.log_send_hostname.is_some();
    let mut config = Config { global, certificates, ..Config::default() };
    let local = draft.local_peer.take().or_else(|| config.global.localpeer.take());
    let hostname = std::mem::take(&mut draft.global.hostname);
    config.global.localpeer = Some(local.unwrap_or(hostname));
    counts::check_counts(&draft.proxies, &draft.peers, report);
    let mut listeners = Listeners::default();
    let mut targets = rings::Targets::new(&draft, has_host, report);
    report.enter(Some(Section { kind: GlobalDraft::WORD, name: None }));
    let global_log = draft.global.log.iter().filter_map(|line| targets.resolve(line, report));
    config.global.log = global_log.collect();
    for (socket, place) in config.global.stats_sockets.iter().zip(&draft.global.stats_places) {
        listeners.add(&socket.bind.address, *place, report);
    }
    if draft.gaps.may_say(keyword_names::LOCALPEER) {
        draft.peers.iter_mut().for_each(|section| section.gaps.add_anything());
    }
    resolvers::add_sections(&draft, &mut config, report);
    for section in &draft.peers {
        let section =
            peers::section(section, &config.global.log, &mut targets, &mut listeners, report);
        config.peers.push(section);
    }
    for section in &draft.defaults {
        report.enter(section.label());
        section.settings.script.report(report);
    }
    for list in &draft.userlists {
        report.enter(Some(Section { kind: UserlistDraft::WORD, name: Some(list.name.clone()) }));
        config.userlists.push(pages::userlist(list, report));
    }
    let tables = tables::resolve(&draft, &mut config, report);
    let index = Index::new(&draft, tables);
    resolve_proxies(&draft, &index, &mut targets, &mut listeners, &mut config, report);
    resolvers::of_servers(&draft, &mut config, report);
    resolvers::of_peers(&draft, &mut config, report);
    config.rings = targets.into_rings();
    resolve_variables(&draft, &index, &mut config, report);
    tracks::resolve(&draft.proxies, &index, &mut config, report);
    index.mark_named(&mut config.backends);
    if config.global.limits.never_splices {
        let frontends = config.frontends.iter_mut().map(|frontend| &mut frontend.options);
        let backends = config.backends.iter_mut().map(|backend| &mut backend.options);
        frontends.chain(backends).for_each(ProxyOptions::forbid_splicing);
    }
    if !report.has_errors() {
        hints::give(&config, &draft.proxies, &index, report);
    }
    report.enter(None);
    (config, ServerLines::new(files))
}

/// Adds the variables of the process, and the names of all variables.
fn resolve_variables(draft: &Draft, index: &Index<'_>, config: &mut Config, report: &mut Report) {
    report.enter(Some(Section { kind: GlobalDraft::WORD, name: None }));
    let nameless = Placed { value: String::new(), place: Place::default() };
    let outside = ProxyDraft::new(ProxyKind::Defaults, nameless, Settings::default());
    let names = Names { proxies: &draft.proxies, current: &outside, tables: &config.tables, index };
    config.initial_variables = rules::process_variables(&draft.global.variables, names, report);
    config.variables = index.take_variables();
    config.patterns = index.patterns.take(report.files());
}

/// Whether a line asks for more of the log than a line for each client that comes in.
fn logs_connections(proxy: &ProxyDraft) -> bool {
    proxy.settings.options.tcplog || proxy.settings.log_line.is_some()
}

/// Adds the frontends, the backends, and the sections with pages.
fn resolve_proxies(
    draft: &Draft,
    index: &Index<'_>,
    targets: &mut rings::Targets,
    listeners: &mut Listeners,
    config: &mut Config,
    report: &mut Report,
) {
    let api = draft.global.stats_places.first().copied();
    let proxy_ids = numbering::proxies(&draft.proxies, api, report);
    config.proxy_ids.clone_from(&proxy_ids);
    let mut acls = Vec::new();
    let mut refused: Vec<(Place, &ProxyDraft)> = Vec::new();
    let mut asked = Vec::new();
    let roles = role::roles(&draft.proxies);
    for ((proxy, proxy_id), role) in draft.proxies.iter().zip(proxy_ids).zip(roles) {
        report.enter(proxy.label());
        role::report_lines(proxy, role, report);
        let tables = std::mem::take(&mut config.tables);
        let names = Names { proxies: &draft.proxies, current: proxy, tables: &tables, index };
        let mut rules = Rules::default();
        let mut keys = Vec::new();
        let mut of_backend = None;
        match role {
            Role::Relay => {
                (rules, keys) = rules::resolve(names, &mut acls, report);
                if proxy.kind.is_frontend() {
                    let mut frontend = frontend::frontend(names, proxy_id, report);
                    frontend.log = targets.of_proxy(proxy, &config.global.log, report);
                    frontend.binds = listeners.binds_of(proxy, report);
                    frontend.rules = rules.clone();
                    config.frontends.push(frontend);
                }
            }
            Role::Pages => {
                let pages = pages::pages(names, config, &mut acls, report);
                if proxy.kind.is_frontend() {
                    let mut frontend = pages::frontend(names, proxy_id, &pages, report);
                    let log = targets.of_proxy(proxy, &config.global.log, report);
                    frontend.log = if logs_connections(proxy) { log } else { Vec::new() };
                    frontend.binds = listeners.binds_of(proxy, report);
                    frontend.binds.iter_mut().for_each(tls::leave_http2_out);
                    config.pages.push(frontend);
                } else {
                    of_backend = Some(pages.of_backend());
                }
            }
            Role::Refused(place) => refused.push((place, proxy)),
        }
        config.tables = tables;
        if proxy.kind.is_backend() {
            let mut backend = backend::backend(proxy, proxy_id, keys, index, config, report);
            let tables = std::mem::take(&mut config.tables);
            let names = Names { tables: &tables, current: proxy, proxies: &draft.proxies, index };
            tls::read_names(&mut backend.servers, &proxy.servers, names, report);
            config.tables = tables;
            backend.log = targets.of_proxy(proxy, &config.global.log, report);
            backend.rules = rules.of_backend(proxy.kind);
            backend.is_http = matches!(role, Role::Pages);
            if let Some((pages, userlists)) = of_backend {
                backend.pages = Some(pages);
                let id = BackendId(u16::try_from(config.backends.len()).unwrap_or(u16::MAX));
                asked.push((id, userlists));
            }
            backend.rules.needs_payload |= backend.rdp.are_used();
            config.backends.push(backend);
        }
    }
    pages::share_userlists(config, &asked);
    for defaults in draft.defaults.iter().filter(|_| !refused.is_empty()) {
        report.enter(defaults.label());
        report.forget_http();
    }
    role::refuse(&refused, report);
    config.acls = acls;
    config.files = report.files().to_vec();
}
