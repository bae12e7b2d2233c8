//! The `stats` lines of proxy sections: the statistics page.

use super::keep::keep;
use crate::config::drafts::{ProxyDraft, RuleKind, StatsDraft};
use crate::config::keywords::{Keyword, Scope, at_least};
use crate::config::text::diagnostic::{Mistake, Parsed, Placed};
use crate::config::text::line;
use crate::config::text::line::Line;
use crate::config::text::units::{BareTime, time_ms_in};
use crate::config::{ShownText, StatsScope};

const ALL: Scope = Scope::PROXY;
/// The sections that can have pages, without `defaults`.
const SECTIONS: Scope = Scope::FRONTEND.and(Scope::BACKEND);

/// A row for a line that changes the page.
macro_rules! row {
    ($name:literal, $min:literal, $arguments:literal, $help:expr, $read:expr) => {
        Keyword::of_proxy($name, ALL, at_least($min), $arguments, $help, |proxy, line, _| {
            let read: fn(&mut StatsDraft, &Line<'_>) -> Parsed = $read;
            read(of(proxy, line), line)
        })
    };
}

pub(in crate::config) const KEYWORDS: &[Keyword] = &[
    row!(
        "stats enable",
        0,
        "",
        "Serves the statistics page in a section with `mode http`. Every other `stats` line does \
         so, too.",
        |_, _| Ok(())
    )
    .example("stats enable"),
    row!(
        "stats uri",
        1,
        "<prefix>",
        "Serves the page for targets that begin with this text. Behind it stand the words for the \
         exports (`;csv`, `;typed`, `;json`) and for what the page itself fetches (`;live`, \
         `;script`, `;style`).",
        |stats, line| {
            stats.options.uri = line.argument(0)?.value.to_owned();
            Ok(())
        }
    )
    .by_default("/haproxy?stats")
    .example("stats uri /stats"),
    row!(
        "stats refresh",
        1,
        "<time>",
        "Has browsers load the page again after this time, which is in seconds without a unit.",
        read_refresh
    )
    .differs(
        "A browser that runs the script of the page does not load it again: the script keeps it up \
         to date.",
    )
    .by_default("never")
    .example("stats refresh 10s"),
    row!(
        "stats auth",
        1,
        "<user>:<password>",
        "Shows the page to this user alone, and to those of other such lines.",
        |stats, line| {
            let word = line.argument(0)?;
            let (name, password) = word.value.split_once(':').unwrap_or((word.value, ""));
            stats.add_user(name, password);
            Ok(())
        }
    )
    .by_default("everybody sees the page")
    .example("stats auth admin:secret"),
    row!(
        "stats realm",
        1,
        "<text>",
        "Sets what browsers call the page when they ask for a password.",
        |stats, line| {
            let realm = line.argument(0)?;
            stats.realm = Some(Placed { value: realm.value.to_owned(), place: realm.place });
            Ok(())
        }
    )
    .by_default("HAProxy Statistics")
    .example("stats realm Statistics\\ of\\ the\\ office"),
    row!("stats hide-version", 0, "", "Leaves the version out of the page.", |stats, _| {
        stats.options.hide_version = true;
        Ok(())
    })
    .example("stats hide-version"),
    row!(
        "stats show-legends",
        0,
        "",
        "Says more of each row where the pointer rests.",
        |stats, _| {
            stats.options.show_legends = true;
            Ok(())
        }
    )
    .example("stats show-legends"),
    row!(
        "stats show-modules",
        0,
        "",
        "Shows the counters of HAProxy's modules, which are 0 here.",
        |stats, _| {
            stats.options.show_modules = true;
            Ok(())
        }
    )
    .example("stats show-modules"),
    row!(
        "stats show-node",
        0,
        "[<name>]",
        "Shows this name of the node, or that of `node`.",
        |stats, line| {
            stats.options.node = shown(line.get(0).map(|word| word.value.to_owned()));
            Ok(())
        }
    )
    .example("stats show-node lb1"),
    row!(
        "stats show-desc",
        0,
        "[<text>]",
        "Shows this description, or that of `description`.",
        |stats, line| {
            let text = line::joined(line.arguments);
            stats.options.description = shown(Some(text).filter(|text| !text.is_empty()));
            Ok(())
        }
    )
    .example("stats show-desc the office"),
    row!(
        "stats scope",
        1,
        "<section>|.",
        "Shows this section alone, and those of other such lines; `.` is the section itself. \
         Events and reloads, which are about the whole process, are not shown then.",
        |stats, line| {
            let scope = match line.argument(0)?.value {
                "." => StatsScope::Itself,
                name => StatsScope::Named(name.to_owned()),
            };
            stats.options.scopes.push(scope);
            Ok(())
        }
    )
    .by_default("all sections are shown")
    .example("stats scope ."),
    Keyword::of_proxy(
        "stats admin",
        SECTIONS,
        at_least(1),
        "if|unless <condition>",
        "Lets clients change the states of servers on the page when the condition holds.",
        |proxy, line, _| keep_rule(proxy, line, RuleKind::StatsAdmin),
    )
    .example("stats admin if { src 10.0.0.0/8 }")
    .differs("a request that a browser marks as coming from another site changes nothing"),
    Keyword::of_proxy(
        "stats http-request",
        SECTIONS,
        at_least(1),
        "allow | deny | auth [realm <realm>] [if|unless <condition>]",
        "Says who may see the page.",
        |proxy, line, _| keep_rule(proxy, line, RuleKind::StatsRequest),
    )
    .example("stats http-request deny unless { src 10.0.0.0/8 }"),
];

/// The page of a section. The first line of a section undoes what the section inherits, as in
/// HAProxy.
fn of<'a>(proxy: &'a mut ProxyDraft, line: &Line<'_>) -> &'a mut StatsDraft {
    let own = proxy.settings.stats.take().filter(|stats| !stats.is_inherited);
    proxy.settings.stats.insert(own.unwrap_or_else(|| StatsDraft::new(line.place)))
}

/// Keeps a line about who may see or use the page.
fn keep_rule(proxy: &mut ProxyDraft, line: &Line<'_>, kind: RuleKind) -> Parsed {
    of(proxy, line);
    keep(proxy, line, kind)
}

fn read_refresh(stats: &mut StatsDraft, line: &Line<'_>) -> Parsed {
    let word = line.argument(0)?;
    let ms = time_ms_in(word.value, BareTime::Seconds).map_err(|error| {
        Mistake::new(word.place, format!("'{}': '{}' {error}", line.keyword, word.value))
    })?;
    stats.options.refresh_s = Some(ms / 1000).filter(|seconds| *seconds > 0);
    Ok(())
}

fn shown(text: Option<String>) -> ShownText {
    text.map_or(ShownText::Global, ShownText::Own)
}
