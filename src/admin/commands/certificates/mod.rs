//! `show ssl cert`, `set ssl cert`, `commit ssl cert` and `abort ssl cert`: certificates in place
//! of those that the files had when the process started.

use std::fmt;

use crate::admin::commands::answer::Answer;
use crate::admin::commands::client_settings::ClientSettings;
use crate::admin::commands::command::Change::Lost;
use crate::admin::commands::command::{Command, command};
use crate::admin::commands::typed::command_line::CommandLine;
use crate::admin::context::Context;
use crate::config::Level::Admin;
use crate::logging::Severity;
use crate::net::tls::store::StoreError;

pub(super) const ABORT: Command = command("abort ssl cert", "<certfile>", Admin, abort)
    .syntax("<file>")
    .changes(Lost)
    .help("abort a transaction for a certificate file")
    .manual(
        "Forgets the certificate that `set ssl cert` has staged for a file.",
        "abort ssl cert /etc/stickd/site.pem",
    );

pub(super) const COMMIT: Command = command("commit ssl cert", "<certfile>", Admin, commit)
    .syntax("<file>")
    .changes(Lost)
    .help("commit a certificate file")
    .manual(
        "Has every `bind` and `server` line with this `crt` use what `set ssl cert` has \
             staged. Open connections stay as they are. A reload reads the file again, so write \
             the new certificate there too.",
        "commit ssl cert /etc/stickd/site.pem",
    );

pub(super) const SET: Command = command("set ssl cert", "<certfile> <payload>", Admin, set)
    .syntax("<file> <<\\n<certificates and key>")
    .changes(Lost)
    .help("replace a certificate file")
    .manual(
        "Stages a certificate, with those that lead to an authority and with its key, for \
             `commit ssl cert`. Without a key in it the earlier key stays. The file is named as \
             `show ssl cert` names it. An empty line ends the text.",
        "set ssl cert /etc/stickd/site.pem <<",
    );

pub(super) const SHOW: Command = command("show ssl cert", "[<certfile>]", Admin, show)
    .syntax("[[*]<file>]")
    .help("display the SSL certificates used in memory, or the details of a file")
    .manual(
        "Lists the files with certificates, or tells what the certificate of a file says. `*` \
             before the name stands for the one that is staged.",
        "show ssl cert /etc/stickd/site.pem",
    );

/// `show ssl cert [[*]<file>]`.
fn show(line: &CommandLine, _: &mut ClientSettings, context: &mut Context<'_>) -> Answer {
    let store = &context.shared.certificates;
    let Some(word) = line.text(3) else {
        let mut text = String::new();
        if let Some(staged) = store.staged() {
            text += &format!("# transaction\n*{staged}\n");
        }
        let mut names: Vec<_> = store.names().collect();
        names.sort_unstable();
        text += "# filename\n";
        names.iter().for_each(|name| text += &format!("{name}\n"));
        return Answer::text(text);
    };
    let (name, is_staged) = match word.strip_prefix('*') {
        Some(name) => (name, true),
        None => (word.as_ref(), false),
    };
    match store.report(name, is_staged) {
        Some(report) => {
            let status = if is_staged { "Unused" } else { "Used" };
            Answer::text(format!("Filename: {word}\nStatus: {status}\n{report}"))
        }
        None => Answer::error(
            "Can't display the certificate: Not found or the certificate is a bundle!\n",
        ),
    }
}

/// `set ssl cert <file> <payload>`.
fn set(line: &CommandLine, _: &mut ClientSettings, context: &mut Context<'_>) -> Answer {
    let (Some(name), Some(payload)) = (line.text(3), line.payload()) else {
        return Answer::error("'set ssl cert expects a filename and a certificate as a payload\n");
    };
    match context.shared.certificates.stage(&name, payload) {
        Ok(is_again) => {
            let done = if is_again { "updated" } else { "created" };
            let text = format!("Transaction {done} for certificate {name}!\n");
            Answer::message(Severity::Info, text)
        }
        Err(error) => {
            let why = Why { error, verb: "set", name: &name };
            Answer::error(format!("{why}\nCan't update {name}!\n"))
        }
    }
}

/// `commit ssl cert <file>`.
fn commit(line: &CommandLine, _: &mut ClientSettings, context: &mut Context<'_>) -> Answer {
    let Some(name) = line.text(3) else {
        return Answer::error("'commit ssl cert expects a filename\n");
    };
    match context.shared.certificates.commit(&name) {
        Ok(uses) => {
            // As in HAProxy, there is a dot for each line that names the file.
            let dots = ".".repeat(uses);
            Answer::text(format!("Committing {name}{dots}\nSuccess!\n"))
        }
        Err(StoreError::NothingStaged) => {
            Answer::error(format!("No ongoing transaction! !\nCan't commit {name}!\n"))
        }
        Err(error) => {
            let why = Why { error, verb: "set", name: &name };
            Answer::error(format!("{why}\nCan't commit {name}!\n"))
        }
    }
}

/// `abort ssl cert <file>`.
fn abort(line: &CommandLine, _: &mut ClientSettings, context: &mut Context<'_>) -> Answer {
    let Some(name) = line.text(3) else {
        return Answer::error("'abort ssl cert' expects a filename\n");
    };
    match context.shared.certificates.abort(&name) {
        Ok(()) => {
            let text = format!("Transaction aborted for certificate '{name}'!\n");
            Answer::message(Severity::Info, text)
        }
        Err(error) => {
            let verb = "abort a transaction for";
            Answer::error(format!("{}\n", Why { error, verb, name: &name }))
        }
    }
}

/// Why a command about a file was not carried out.
struct Why<'a> {
    error: StoreError,
    verb: &'static str,
    name: &'a str,
}

impl fmt::Display for Why<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { error, verb, name } = self;
        match error {
            StoreError::UnknownFile => f.write_str(
                "Can't replace a certificate which is not referenced by the configuration!",
            ),
            StoreError::NothingStaged => f.write_str("No ongoing transaction!"),
            StoreError::OtherStaged(other) => write!(
                f,
                "The ongoing transaction is about '{other}' but you are trying to {verb} '{name}'"
            ),
            StoreError::Unusable(error) => {
                writeln!(f, "unable to load certificate from file '{name}': {error}.")?;
                f.write_str("Can't load the payload")
            }
        }
    }
}
