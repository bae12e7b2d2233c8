//! The sections with `mode http` that serve pages, and the lists of users.

use crate::config::drafts::names::Names;
use crate::config::drafts::{ProxyDraft, ProxyKind, UserlistDraft};
use crate::config::rules::{
    Condition, Expression, Fetch, HttpFetch, Matcher, Method, Needs, PageRules, Rule, Term, Test,
    ValueType,
};
use crate::config::sections::pages::role;
use crate::config::text::nearest::hint;
use crate::config::text::report::Report;
use crate::config::{
    BackendId, Config, Monitor, PageAction, PageFrontend, PageSection, StatsAccess, Userlist,
    UserlistId, rules,
};

/// The longest silence, in milliseconds, when the section has no `timeout client`. Without a limit
/// clients that never send a request would keep others out.
const TIMEOUT_CLIENT_MS: u32 = 10_000;

/// The realm of `stats auth` without `stats realm`.
const REALM: &str = "HAProxy Statistics";

/// The pages of a section, as the frontend and the backend of the section have them.
pub(super) struct Pages {
    pub(super) section: PageSection,
    rules: PageRules,
}

/// Reads the pages of a section.
pub(super) fn pages(
    names: Names<'_>,
    config: &mut Config,
    acls: &mut Vec<Vec<Test>>,
    report: &mut Report,
) -> Pages {
    let mut rules = rules::read_pages(names, acls, report);
    let section = PageSection {
        rules: std::mem::take(&mut rules.requests),
        stats: stats(names.current, &mut rules, config, acls, report),
    };
    Pages { section, rules }
}

/// The statistics page of a section, if it has the page.
fn stats(
    proxy: &ProxyDraft,
    rules: &mut PageRules,
    config: &mut Config,
    acls: &mut Vec<Vec<Test>>,
    report: &mut Report,
) -> Option<StatsAccess> {
    let draft = proxy.settings.stats.as_ref()?;
    let mut requests = std::mem::take(&mut rules.stats);
    let has_auth = !draft.users.is_empty() || draft.realm.is_some();
    if has_auth && !requests.is_empty() {
        let place = draft.realm.as_ref().map_or(draft.place, |realm| realm.place);
        let message = "'stats http-request' cannot stand beside 'stats auth' and 'stats realm': \
                       write 'stats http-request auth' with a 'userlist'";
        report.error(place, message);
    }
    if !draft.users.is_empty() {
        let list = UserlistId(u16::try_from(config.userlists.len()).unwrap_or(u16::MAX));
        config.userlists.push(Userlist { name: String::new(), users: draft.users.clone() });
        rules.userlists.push(list);
        let realm = draft.realm.as_ref().map_or(REALM, |realm| realm.value.as_str()).to_owned();
        let condition = Some(unless_user(list, acls));
        let action = PageAction::Authenticate(realm);
        requests.push(Rule { action, condition, place: draft.place.into() });
    }
    let admin = std::mem::take(&mut rules.admin);
    Some(StatsAccess { options: draft.options.clone(), rules: requests, admin })
}

/// The condition that a client is no user of a list.
fn unless_user(list: UserlistId, acls: &mut Vec<Vec<Test>>) -> Condition {
    let acl = rules::AclId(u32::try_from(acls.len()).unwrap_or(u32::MAX));
    let sample = Expression {
        fetch: Fetch::Http(HttpFetch::Auth(list)),
        fetch_type: ValueType::Bool,
        needs: Needs::Page,
        converters: Vec::new(),
        value_type: ValueType::Bool,
    };
    let matcher = Matcher { method: Method::Bool, lists: Vec::new() };
    acls.push(vec![Test { sample, matcher, text: "stats auth".into() }]);
    Condition { negated: true, alternatives: vec![vec![Term { acl, negated: false }]] }
}

/// The frontend of a section with pages, without its listeners.
pub(super) fn frontend(
    names: Names<'_>,
    proxy_id: u32,
    pages: &Pages,
    report: &mut Report,
) -> PageFrontend {
    let proxy = names.current;
    let settings = &proxy.settings;
    let monitor = settings.monitor_uri.as_ref();
    PageFrontend {
        name: proxy.name.clone(),
        proxy_id,
        description: proxy.description.clone(),
        disabled: settings.disabled,
        binds: Vec::new(),
        maxconn: role::maxconn(proxy),
        backlog: settings.backlog,
        timeout_client_ms: settings.timeout_client_ms.unwrap_or(TIMEOUT_CLIENT_MS),
        options: settings.options,
        log: Vec::new(),
        probes: settings.client_probes,
        monitor: monitor
            .map(|uri| Monitor { uri: uri.value.clone(), fail: pages.rules.fail.clone() }),
        section: pages.section.clone(),
        backends: pages.rules.backends.clone(),
        default_backend: default_backend(names, report),
        userlists: pages.rules.userlists.clone(),
    }
}

fn default_backend(names: Names<'_>, report: &mut Report) -> Option<BackendId> {
    let name = names.current.settings.default_backend.as_ref()?;
    if names.current.kind == ProxyKind::Listen && name.value == names.current.name {
        report.error(name.place, "a 'listen' section cannot be its own 'default_backend'");
        return None;
    }
    names.backend(&name.value).map_err(|message| report.error(name.place, message)).ok()
}

impl Pages {
    /// The pages as the backend of a `backend` section has them, and the lists of users that they
    /// ask for.
    pub(super) fn of_backend(self) -> (Box<PageSection>, Vec<UserlistId>) {
        (Box::new(self.section), self.rules.userlists)
    }
}

/// Lets each frontend know the lists of users that its backends ask for.
pub(super) fn share_userlists(config: &mut Config, of_backends: &[(BackendId, Vec<UserlistId>)]) {
    for frontend in &mut config.pages {
        let named = frontend.backends.iter().map(|rule| rule.action);
        let targets: Vec<BackendId> = named.chain(frontend.default_backend).collect();
        let asked = of_backends.iter().filter(|(backend, _)| targets.contains(backend));
        frontend.userlists.extend(asked.flat_map(|(_, lists)| lists));
        frontend.userlists.sort_unstable();
        frontend.userlists.dedup();
    }
}

/// A list of users. Users and groups that refer to nothing are reported.
pub(super) fn userlist(draft: &UserlistDraft, report: &mut Report) -> Userlist {
    let users = || draft.users.iter().map(|user| user.name.value.as_str());
    let groups = || draft.groups.iter().map(|group| group.name.value.as_str());
    for group in draft.users.iter().flat_map(|user| &user.groups) {
        if !groups().any(|name| name == group.value) {
            let hint = hint(&group.value, groups());
            report.error(group.place, format!("there is no group '{}' here{hint}", group.value));
        }
    }
    for user in draft.groups.iter().flat_map(|group| &group.users) {
        if !users().any(|name| name == user.value) {
            let hint = hint(&user.value, users());
            report.error(user.place, format!("there is no user '{}' here{hint}", user.value));
        }
    }
    let users = draft.users.iter().map(|user| {
        let has = |group: &&crate::config::drafts::GroupDraft| {
            group.users.iter().any(|other| other.value == user.name.value)
        };
        user.user(draft.groups.iter().filter(has).map(|group| group.name.value.clone()))
    });
    Userlist { name: draft.name.clone(), users: users.collect() }
}
