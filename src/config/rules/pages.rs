//! Reads the rules of a section with `mode http`: who may see which page.

use super::acl::Acls;
use super::condition::{Condition, Test};
use super::expression::Fetch;
use super::expression::HttpFetch;
use super::rule::Rule;
use crate::config::drafts::names::Names;
use crate::config::drafts::{RuleKind, RuleLine};
use crate::config::text::diagnostic::{Mistake, Parsed, Placed, both};
use crate::config::text::nearest::hint;
use crate::config::text::report::Report;
use crate::config::{BackendId, PageAction, UserlistId};

/// The rules of a section with pages.
#[derive(Debug, Default)]
pub(in crate::config) struct PageRules {
    /// `http-request`.
    pub(in crate::config) requests: Vec<Rule<PageAction>>,
    /// `stats http-request`.
    pub(in crate::config) stats: Vec<Rule<PageAction>>,
    /// `stats admin`.
    pub(in crate::config) admin: Vec<Condition>,
    /// `monitor fail`.
    pub(in crate::config) fail: Vec<Condition>,
    /// `use_backend`.
    pub(in crate::config) backends: Vec<Rule<BackendId>>,
    /// The lists of users that the conditions ask for.
    pub(in crate::config) userlists: Vec<UserlistId>,
}

/// Reads the rules of a section with pages.
pub(in crate::config) fn read(
    names: Names<'_>,
    acls: &mut Vec<Vec<Test>>,
    report: &mut Report,
) -> PageRules {
    let mut reader = Reader { names, acls: Acls::new(acls), rules: PageRules::default() };
    for line in &names.current.rules {
        if let Err(mistake) = reader.read(line) {
            report.mistake(mistake);
        }
    }
    reader.rules
}

struct Reader<'a> {
    names: Names<'a>,
    acls: Acls<'a>,
    rules: PageRules,
}

impl Reader<'_> {
    fn read(&mut self, line: &RuleLine) -> Parsed {
        let words = line.placed();
        match line.kind {
            RuleKind::Acl => self.acls.define(&words, self.names),
            RuleKind::HttpRequest => {
                let rule = self.request_rule(line, &words)?;
                self.rules.requests.push(rule);
                Ok(())
            }
            RuleKind::StatsRequest => {
                let rule = self.request_rule(line, &words)?;
                self.rules.stats.push(rule);
                Ok(())
            }
            RuleKind::StatsAdmin => {
                let condition = self.required_condition(line, &words)?;
                self.rules.admin.push(condition);
                Ok(())
            }
            RuleKind::MonitorFail => {
                let condition = self.required_condition(line, &words)?;
                self.rules.fail.push(condition);
                Ok(())
            }
            RuleKind::UseBackend => self.use_backend(line, &words),
            // The caller reports these lines.
            RuleKind::Action(_)
            | RuleKind::InspectDelay(_)
            | RuleKind::DeclareCapture
            | RuleKind::UseServer
            | RuleKind::ForcePersist
            | RuleKind::IgnorePersist
            | RuleKind::Stick(_) => Ok(()),
        }
    }

    fn request_rule(
        &mut self,
        line: &RuleLine,
        words: &[Placed<&str>],
    ) -> Parsed<Rule<PageAction>> {
        let is_stats = line.kind == RuleKind::StatsRequest;
        let (action, rest) = read_action(line, words, is_stats, &self.names.current.name)?;
        let condition = self.condition(rest)?;
        Ok(Rule { action, condition, place: line.place.into() })
    }

    fn use_backend(&mut self, line: &RuleLine, words: &[Placed<&str>]) -> Parsed {
        let Some((name, rest)) = words.split_first() else {
            return Err(Mistake::new(line.place, "a name is missing"));
        };
        let backend = self.names.backend(name.value);
        let backend = backend.map_err(|message| Mistake::new(name.place, message));
        let (action, condition) = both(backend, self.condition(rest))?;
        self.rules.backends.push(Rule { action, condition, place: line.place.into() });
        Ok(())
    }

    fn required_condition(&mut self, line: &RuleLine, words: &[Placed<&str>]) -> Parsed<Condition> {
        self.condition(words)?.ok_or_else(|| {
            let message = format!("'{}' wants 'if' or 'unless' and a condition", line.keyword);
            Mistake::new(line.place, message)
        })
    }

    fn condition(&mut self, words: &[Placed<&str>]) -> Parsed<Option<Condition>> {
        let condition = self.acls.condition(words, self.names)?;
        for test in self.acls.tests(condition.as_ref()) {
            if let Fetch::Http(HttpFetch::Auth(list) | HttpFetch::AuthGroups(list)) =
                test.sample.fetch
                && !self.rules.userlists.contains(&list)
            {
                self.rules.userlists.push(list);
            }
        }
        Ok(condition)
    }
}

/// The actions of `http-request` that guard and serve pages.
const ACTIONS: [&str; 4] = ["allow", "auth", "deny", "use-service"];

/// The statuses that `deny` may answer.
const STATUSES: [u16; 16] =
    [200, 400, 401, 403, 404, 405, 407, 408, 410, 413, 425, 429, 500, 501, 502, 503];

/// The realm of `stats http-request auth` without one.
const STATS_REALM: &str = "HAProxy Statistics";

/// Reads the action that the words begin with, and gives the words behind the action. `section` is
/// the realm where none is named.
fn read_action<'r, 'w>(
    line: &RuleLine,
    words: &'r [Placed<&'w str>],
    is_stats: bool,
    section: &str,
) -> Parsed<(PageAction, &'r [Placed<&'w str>])> {
    let Some((action, rest)) = words.split_first() else {
        return Err(Mistake::new(line.place, format!("'{}' wants an action", line.keyword)));
    };
    Ok(match (action.value, rest) {
        ("allow", rest) => (PageAction::Allow, rest),
        ("deny", [word, status, rest @ ..]) if matches!(word.value, "deny_status" | "status") => {
            let known = status.value.parse().ok().filter(|code| STATUSES.contains(code));
            let code = known.ok_or_else(|| {
                let message = format!("'deny' answers no status '{}'", status.value);
                Mistake::new(status.place, message)
            })?;
            (PageAction::Deny(code), rest)
        }
        ("deny", rest) => (PageAction::Deny(403), rest),
        ("auth", [word, realm, rest @ ..]) if word.value == "realm" => {
            (PageAction::Authenticate(realm.value.to_owned()), rest)
        }
        ("auth", rest) => {
            let realm = if is_stats { STATS_REALM } else { section };
            (PageAction::Authenticate(realm.to_owned()), rest)
        }
        ("use-service", [service, rest @ ..]) if !is_stats => {
            if service.value != "prometheus-exporter" {
                let message = format!(
                    "unknown service '{}': the only one is 'prometheus-exporter'",
                    service.value
                );
                return Err(Mistake::new(service.place, message));
            }
            (PageAction::Metrics, rest)
        }
        (other, _) => {
            let hint = hint(other, ACTIONS.into_iter());
            let message = format!(
                "'{} {other}' is refused: 'mode http' serves only pages of this process, which \
                 {} guard{hint}",
                line.keyword, "'allow', 'auth' and 'deny'"
            );
            return Err(Mistake::new(action.place, message));
        }
    })
}
