//! The samples of what rules leave behind: variables, texts for the log, and which one decided.

use super::row::{SampleRow, row};
use crate::config::Direction;
use crate::config::rules::expression::ValueType::{Any, Integer, Text};
use crate::config::rules::expression::{Fetch, NumberFetch};

pub(super) const SAMPLES: &[SampleRow] = &[VARIABLE, CAPTURE, ANSWER_CAPTURE, RULE_FILE, RULE_LINE];

const CAPTURE: SampleRow = row(
    "capture.req.hdr",
    "<slot>",
    Text,
    |arguments| Ok(Fetch::Capture(arguments.capture_slot(Direction::Request)?)),
    "The text that a `capture` rule of the frontend, or `capture-req`, has kept in a slot, from 0 \
     on.",
    "use_backend web if { capture.req.hdr(0) -m found }",
);

const ANSWER_CAPTURE: SampleRow = row(
    "capture.res.hdr",
    "<slot>",
    Text,
    |arguments| Ok(Fetch::Capture(arguments.capture_slot(Direction::Response)?)),
    "The text that `capture-res` has kept in a slot, from 0 on.",
    "use_backend web if { capture.res.hdr(0) -m found }",
);

const RULE_FILE: SampleRow = row(
    "last_rule_file",
    "",
    Text,
    |_| Ok(Fetch::LastRuleFile),
    "The name of the file with the content rule that was the last to decide about the connection: \
     with `accept`, `reject`, `silent-drop` or `close`.",
    "log-format \"%ci %[last_rule_file]:%[last_rule_line]\"",
);

const RULE_LINE: SampleRow = row(
    "last_rule_line",
    "",
    Integer,
    |_| Ok(Fetch::Number(NumberFetch::LastRuleLine)),
    "The line of that rule in its file: see `last_rule_file`.",
    "log-format \"%ci %[last_rule_file]:%[last_rule_line]\"",
);

const VARIABLE: SampleRow = row(
    "var",
    "<variable>[,<default>]",
    Any,
    |arguments| {
        let variable = arguments.variable()?;
        let default = arguments.next().map(|text| text.as_bytes().to_vec());
        Ok(Fetch::Variable(variable, default))
    },
    "The value of a variable, or the default if the variable has none. The scope begins the \
     variable's name: `proc.` (all connections share the variable), `sess.` and `txn.` (as long \
     as the connection), `req.` (until the server has accepted), `res.` (from then on).",
    "use_backend web if { var(sess.sni) -m str www.example.org }",
);
