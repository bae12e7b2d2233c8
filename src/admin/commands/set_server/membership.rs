//! `add server` and `del server`.

use crate::admin::commands::answer::Answer;
use crate::admin::commands::client_settings::ClientSettings;
use crate::admin::commands::command::Change::Lost;
use crate::admin::commands::command::{Command, command};
use crate::admin::commands::target;
use crate::admin::commands::typed::command_line::{CommandLine, text};
use crate::admin::context::Context;
use crate::config::Level::Admin;
use crate::config::{AddedServer, BackendId, ServerIndex};
use crate::logging::Severity;
use crate::proxy::backend::membership::Undeletable;

const NO_WORDS: &str = "'server' expects <name> and <addr>[:<port>] as arguments.\n";
const STATIC: &str = "Backend must use a dynamic load balancing to support dynamic servers.";
const PAGES: &str = "The backend serves pages: it has no servers.";
const EXISTS: &str = "Already exists a server with the same name in backend.\n";
const TOO_MANY: &str = "Too many servers were added to the backend.\n";
const REGISTERED: &str = "New server registered.\n";

pub(in crate::admin::commands) const ADD_SERVER: Command =
    command("add server", "<bk>/<srv>", Admin, add)
        .syntax("<backend>/<server> <address>[:<port>] [<word> ...]")
        .changes(Lost)
        .help("create a new server")
        .manual(
            "Adds a server to a backend. The words are those of a `server` line, without those \
             that ask for a name to be looked up, `stick`, `non-stick` and `tcp-ut`; `default- \
             server` gives it none. The algorithm of the backend has to be one that takes other \
             weights while it is in use. The server begins in maintenance and without checks: \
             `enable health` and `enable server` begin both. Checks use TLS or a PROXY header \
             only where `check-ssl` or `check-send-proxy` says so. Files of certificates have to \
             stand in the configuration, too: a process that serves reads none. It gets the lowest \
             number that is free. As with HAProxy a reload forgets the server, unless the new \
             configuration has it; stick entries that name it last. A backend may have 4096 \
             such servers. HAProxy also takes the name of a host, but does not look it up.",
            "add server web/s9 192.0.2.9:80 check inter 1s weight 10",
        );

pub(in crate::admin::commands) const DEL_SERVER: Command =
    command("del server", "<bk>/<srv>", Admin, delete)
        .syntax("<backend>/<server>")
        .changes(Lost)
        .help("remove a dynamically added server")
        .manual(
            "Deletes a server, which may also come from the configuration. It has to be in \
             maintenance and without connections, and nothing may name it: no rule, no sample, no \
             server that tracks it. Nor can a server be deleted whose name `resolvers` look up. \
             Stick entries that name it name no server. A reload brings a server of the \
             configuration back. HAProxy keeps a server that was tracked once.",
            "del server web/s9",
        );

/// `add server <backend>/<server> <address> [words]`.
fn add(line: &CommandLine, _: &mut ClientSettings, context: &mut Context<'_>) -> Answer {
    add_named(line, context).unwrap_or_else(|answer| answer)
}

fn add_named(line: &CommandLine, context: &mut Context<'_>) -> Result<Answer, Answer> {
    let (id, name) = place(line, 2, context)?;
    let backend = context.shared.backend(id);
    if backend.config.has_static_weights() || backend.config.dispatch.is_some() {
        return Err(short(STATIC));
    }
    if backend.config.pages.is_some() {
        return Err(short(PAGES));
    }
    if line.word(3).is_none() {
        return Err(Answer::error(NO_WORDS));
    }
    let rest: Vec<_> = line.from(3).iter().map(|word| text(word)).collect();
    let mut words = vec![name.as_str()];
    words.extend(rest.iter().map(|word| &**word));
    let checks = backend.config.health.clone();
    let variables = context.shared.variables.names_mut();
    let read = context.server_lines.read(&words, &checks, variables);
    let added = read.map_err(|message| Answer::error(message + "\n"))?;
    let warnings: String = added.warnings.iter().map(|warning| format!("{warning}\n")).collect();
    register(id, added, context).map_err(Answer::error)?;
    Ok(Answer::message(Severity::Info, warnings + REGISTERED))
}

/// Gives a server its number and the server that it tracks, and adds it.
fn register(id: BackendId, added: AddedServer, context: &mut Context<'_>) -> Result<(), String> {
    let AddedServer { mut server, id: number, track, .. } = added;
    let backend = context.shared.backend(id);
    if backend.servers.named(&server.name).is_some() {
        return Err(EXISTS.to_owned());
    }
    if let Some(number) = number
        && let Some(other) = backend.servers.iter().find(|other| other.config.id == number)
    {
        let name = &other.config.name;
        return Err(format!("'id' : custom id {number} already used by server {name}.\n"));
    }
    if let Some(track) = track {
        if server.settings.health.check {
            return Err("unable to enable checks and tracking at the same time!\n".to_owned());
        }
        server.health.track = Some(tracked(&track, id, context)?);
    }
    let backend = context.shared.backend(id);
    server.id = number.unwrap_or_else(|| backend.free_server_id());
    let place = context.shared.add_server(id, server, context.now_ms);
    place.map(|_| ()).ok_or_else(|| TOO_MANY.to_owned())
}

/// The server that another one is to track. It has to be checked, and to be there as long.
fn tracked(
    track: &str,
    own: BackendId,
    context: &Context<'_>,
) -> Result<(BackendId, ServerIndex), String> {
    let (id, name) = match track.split_once('/') {
        Some((backend, name)) => match target::backend_named(backend, context) {
            Some(id) => (id, name),
            None => {
                return Err(format!("unable to find required proxy '{backend}' for tracking.\n"));
            }
        },
        None => (own, track),
    };
    let backend = context.shared.backend(id);
    let place = format!("{}/{name}", backend.config.name);
    let Some(index) = backend.servers.named(name) else {
        return Err(format!("unable to find required server '{name}' for tracking.\n"));
    };
    let server = backend.server(index);
    let why = match &server.config.health {
        _ if server.is_added() => "it is a dynamic server",
        health if !health.is_checked() && health.track.is_none() => {
            "it does not have any check nor agent enabled"
        }
        _ => return Ok((id, index)),
    };
    Err(format!("unable to use {place} for tracking as {why}.\n"))
}

/// `del server <backend>/<server>`.
fn delete(line: &CommandLine, _: &mut ClientSettings, context: &mut Context<'_>) -> Answer {
    delete_named(line, context).unwrap_or_else(|answer| answer)
}

fn delete_named(line: &CommandLine, context: &mut Context<'_>) -> Result<Answer, Answer> {
    let (id, name) = place(line, 2, context)?;
    let Some(index) = context.shared.backend(id).servers.named(&name) else {
        return Err(short("No such server."));
    };
    context.shared.delete_server(id, index).map_err(|why| short(explain(why)))?;
    Ok(Answer::Bare(Severity::Info, "Server deleted.".to_owned()))
}

/// HAProxy's words for the reason why a server cannot be deleted.
pub(super) fn explain(why: Undeletable) -> &'static str {
    match why {
        Undeletable::Named => {
            "This server cannot be removed at runtime due to other configuration elements \
             pointing to it."
        }
        Undeletable::InService => "Only servers in maintenance mode can be deleted.",
        Undeletable::Connected => "Server still has connections attached to it, cannot remove it.",
    }
}

/// The backend and the name of the server that the word at a position names.
pub(super) fn place(
    line: &CommandLine,
    at: usize,
    context: &Context<'_>,
) -> Result<(BackendId, String), Answer> {
    let word = line.text(at).unwrap_or_default();
    let named = word.split_once('/').filter(|(b, s)| !b.is_empty() && !s.is_empty());
    let Some((backend, server)) = named else {
        return Err(short("Require 'backend/server'."));
    };
    match target::backend_named(backend, context) {
        Some(id) => Ok((id, server.to_owned())),
        None => Err(short("No such backend.")),
    }
}

fn short(text: &str) -> Answer {
    Answer::Bare(Severity::Err, text.to_owned())
}

#[cfg(test)]
mod tests {
    use crate::admin::fixture::{Fixture, NOW_MS};
    use crate::config::BackendId;
    use crate::proxy::backend::server::AdminState;
    use crate::table::NAMES_MAX;

    #[test]
    fn no_command_has_the_process_read_a_file() {
        let mut fixture = Fixture::new();
        for words in ["ca-file /dev/null", "verify none crt /dev/null"] {
            let answer = fixture.ask(&format!("add server web/x 127.0.0.1:1 ssl {words}"));
            let expected = "'/dev/null' was not read when the process started";
            assert!(answer.contains(expected), "{words}: {answer}");
        }
    }

    #[test]
    fn servers_that_come_and_go_leave_no_names_behind() {
        let mut fixture = Fixture::with_stick_rule();
        let (backend, shared) = (BackendId(0), &mut fixture.shared);
        for number in 0..2 * NAMES_MAX {
            let mut config = fixture.config.backends[0].servers[0].clone();
            config.name = format!("x{number}");
            let index = shared.add_server(backend, config, NOW_MS).unwrap();
            shared.backend_mut(backend).server_mut(index).admin = AdminState::Maint;
            shared.delete_server(backend, index).unwrap();
            shared.server_changes.clear();
        }
        assert!(shared.tables.names().len() <= NAMES_MAX + 8, "{}", shared.tables.names().len());
    }
}
