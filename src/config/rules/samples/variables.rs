//! The samples of what rules have kept: variables, and texts for the log.

use super::row::{SampleRow, row};
use crate::config::Direction;
use crate::config::rules::expression::Fetch;
use crate::config::rules::expression::ValueType::{Any, Text};

pub(super) const SAMPLES: &[SampleRow] = &[VARIABLE, CAPTURE, ANSWER_CAPTURE];

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
