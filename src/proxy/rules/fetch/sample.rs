//! What a sample tells.

use crate::proxy::rules::value::Value;

/// A sample of a connection.
#[derive(Clone, Debug)]
pub(in crate::proxy::rules) struct Sample<'a> {
    /// The value, if there is one.
    pub(in crate::proxy::rules) value: Option<Value<'a>>,
    /// Whether the value may be another one when the client has sent more.
    pub(in crate::proxy::rules) may_change: bool,
}
