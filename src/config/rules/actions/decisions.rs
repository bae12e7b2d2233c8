//! The actions that decide about a client, or about what the client has to send.

use super::row::{ActionRow, Stages};
use super::words::ActionWords;
use crate::config::rules::rule::{Decision, RuleAction};
use crate::config::text::diagnostic::{Mistake, Parsed};
use crate::config::text::nearest::hint;
use crate::config::{LogLevel, Severity};

pub(super) fn rows() -> Vec<ActionRow> {
    vec![
        ActionRow::new(
            "accept",
            "",
            |words| words.alone(RuleAction::Decide(Decision::Accept)),
            "Lets the connection in, and looks at no further rule.",
            "tcp-request connection accept if { src 10.0.0.0/8 }",
        )
        .in_stages(Stages::ALL),
        ActionRow::new(
            "reject",
            "",
            |words| words.alone(RuleAction::Decide(Decision::Reject)),
            "Closes the connection.",
            "tcp-request connection reject if { src_conn_rate(clients) gt 20 }",
        )
        .in_stages(Stages::ALL),
        ActionRow::new(
            "silent-drop",
            "",
            |words| words.alone(RuleAction::Decide(Decision::SilentDrop)),
            "Forgets the connection. The client hears nothing and waits.",
            "tcp-request connection silent-drop if { src 192.0.2.0/24 }",
        )
        .in_stages(Stages::ALL),
        ActionRow::new(
            "close",
            "",
            |words| words.alone(RuleAction::Decide(Decision::Close)),
            "Closes the server's connection. What the server has sent still goes to the client.",
            "tcp-response content close if { res.len gt 100 }",
        )
        .in_stages(Stages::RESPONSE),
        ActionRow::new(
            "expect-proxy",
            "layer4",
            |words| words.expect_proxy(),
            "Makes the client begin with a PROXY header, as `accept-proxy` does.",
            "tcp-request connection expect-proxy layer4 if { src 10.0.0.1 }",
        )
        .in_stages(Stages::CONNECTION),
        ActionRow::new(
            "set-log-level",
            "<level> | silent",
            |words| words.log_level(),
            "Gives the connection's line in the log this level instead of `info`. With `silent` \
             there is no line.",
            "tcp-request content set-log-level silent if { src 127.0.0.1 }",
        )
        .in_stages(Stages::CONTENTS),
    ]
}

impl ActionWords<'_, '_, '_> {
    fn log_level(&mut self) -> Parsed<RuleAction> {
        const SILENT: &str = "silent";
        let Some((word, rest)) = self.rest.split_first() else {
            return Err(self.wants("a level, or 'silent'"));
        };
        self.rest = rest;
        if word.value == SILENT {
            return Ok(RuleAction::SetLogLevel(LogLevel::Silent));
        }
        let named = Severity::NAMED.into_iter().find(|(name, _)| *name == word.value);
        named.map(|(_, level)| RuleAction::SetLogLevel(LogLevel::Of(level))).ok_or_else(|| {
            let names = Severity::NAMED.into_iter().map(|(name, _)| name).chain([SILENT]);
            let message = format!("unknown log level '{}'{}", word.value, hint(word.value, names));
            Mistake::new(word.place, message)
        })
    }

    fn expect_proxy(&mut self) -> Parsed<RuleAction> {
        match self.rest.split_first() {
            Some((layer, rest)) if layer.value == "layer4" => {
                self.rest = rest;
                Ok(RuleAction::ExpectProxy)
            }
            _ => Err(self.wants("'layer4' behind it")),
        }
    }
}
