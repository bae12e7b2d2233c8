//! The sample of variables.

use super::row::{SampleRow, row};
use crate::config::rules::expression::Fetch;
use crate::config::rules::expression::ValueType::Any;

pub(super) const SAMPLES: &[SampleRow] = &[row(
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
)];
