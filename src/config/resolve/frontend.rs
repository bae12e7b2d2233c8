//! A frontend, or the frontend half of a `listen` section.

use super::hints;
use crate::config::drafts::names::Names;
use crate::config::drafts::{FormatDraft, ProxyKind, RuleKind};
use crate::config::rules;
use crate::config::rules::Rules;
use crate::config::text::diagnostic::Parsed;
use crate::config::text::report::Report;
use crate::config::{BackendId, FormatString, Frontend};

pub(super) fn frontend(names: Names<'_>, proxy_id: u32, report: &mut Report) -> Frontend {
    let proxy = names.current;
    let settings = &proxy.settings;
    let default_backend = default_backend(names, report);
    hints::warn_of_timeouts(proxy, report);
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
        log: Vec::new(),
        log_line: line(settings.log_line.as_ref(), rules::log_format, names, report),
        error_line: line(settings.error_line.as_ref(), rules::log_format, names, report),
        structured_data: line(settings.structured_data.as_ref(), rules::log_format, names, report),
        unique_id: line(settings.unique_id.as_ref(), rules::id_format, names, report),
        rules: Rules::default(),
    }
}

/// The format of a line about a connection.
fn line(
    draft: Option<&FormatDraft>,
    read: fn(&FormatDraft, Names<'_>) -> Parsed<FormatString>,
    names: Names<'_>,
    report: &mut Report,
) -> Option<FormatString> {
    read(draft?, names).map_err(|mistake| report.mistake(mistake)).ok()
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
