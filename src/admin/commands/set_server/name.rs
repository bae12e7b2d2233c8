//! `set server … fqdn`: the name that `resolvers` look up for a server.

use crate::admin::commands::answer::Answer;
use crate::admin::commands::target::Target;
use crate::admin::context::Context;
use crate::logging::Severity;
use crate::net::dns::Name;

pub(super) const NO_RESOLUTION: &str =
    "set server <b>/<s> fqdn failed because no resolution is configured.";

/// `set server <b>/<s> fqdn <name>`.
pub(super) fn change(word: &str, target: Target, context: &mut Context<'_>) -> Answer {
    let Target { backend, server } = target;
    let section = context.shared.backend(backend);
    let named = section.server(server);
    let Some(naming) = &named.naming else { return Answer::error(NO_RESOLUTION) };
    let place = format!("{}/{}", section.config.name, named.config.name);
    let said =
        |what: String| Answer::message(Severity::Warning, what + " by 'stats socket command'");
    let Ok(name) = word.parse::<Name>() else {
        return said(format!("could not update {place} FQDN"));
    };
    let before = naming.host_name().map_or("(null)", Name::as_str);
    let answer = said(format!("{place} changed its FQDN from {before} to {name}"));
    let Context { shared, names, nameservers, now_ms, .. } = context;
    names.rename((backend, server), name, shared, nameservers, *now_ms);
    answer
}
