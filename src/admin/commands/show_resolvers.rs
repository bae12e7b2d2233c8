//! `show resolvers` and `show stat domain resolvers`: the nameservers and their counters, in
//! HAProxy's format.

use std::fmt::Write;

use super::answer::Answer;
use super::client_settings::ClientSettings;
use super::typed::command_line::{CommandLine, text};
use crate::admin::context::Context;
use crate::net::dns::Counters;

/// `show resolvers [<section>]`.
pub(super) fn show_resolvers(
    line: &CommandLine,
    _: &mut ClientSettings,
    context: &mut Context<'_>,
) -> Answer {
    let wanted = line.word(2).map(text);
    let sections = context.nameservers.sections();
    let wanted_sections = sections.filter(|s| wanted.as_ref().is_none_or(|name| s.name == *name));
    let mut out = String::new();
    for section in wanted_sections {
        // Writing to a string cannot fail, here and below.
        let _ = writeln!(out, "Resolvers section {}", section.name);
        for (nameserver, counters) in &section.nameservers {
            let _ = writeln!(out, " nameserver {nameserver}:");
            for (name, value) in counters.list() {
                let name = format!("{name}:");
                let _ = writeln!(out, "  {name:<12} {value}");
            }
        }
    }
    match out.is_empty() && wanted.is_some() {
        true => Answer::error("Can't find that resolvers section"),
        false => Answer::Text(out),
    }
}

/// `show stat domain resolvers`: the same counters as rows of a table.
pub(super) fn statistics(line: &CommandLine, context: &mut Context<'_>) -> Answer {
    if line.has("json") || line.has("typed") {
        return Answer::error("The statistics of resolvers have the form of CSV alone.");
    }
    let mut out = "# id,pid,".to_owned();
    for (name, _) in Counters::default().list() {
        let name = if name == "snd_error" { "send_error" } else { name };
        // Writing to a string cannot fail, here and below.
        let _ = write!(out, "{name},");
    }
    out.push('\n');
    for section in context.nameservers.sections() {
        for (nameserver, counters) in &section.nameservers {
            let _ = write!(out, "{nameserver},{},", section.name);
            for (_, value) in counters.list() {
                let _ = write!(out, "{value},");
            }
            out.push('\n');
        }
    }
    Answer::Text(out)
}
