//! What a sample tells.

use crate::net::reader::Incomplete;
use crate::proxy::rules::context::Facts;
use crate::proxy::rules::value::Value;

/// A sample of a connection.
#[derive(Clone, Debug)]
pub(in crate::proxy::rules) struct Sample<'a> {
    /// The value, if there is one.
    pub(in crate::proxy::rules) value: Option<Value<'a>>,
    /// Whether the value may be another one when the side that it is about has sent more.
    pub(in crate::proxy::rules) may_change: bool,
}

impl<'a> Sample<'a> {
    /// A sample of what a side has sent. It may change until the rules wait for nothing more.
    pub(super) fn sent(value: Option<Value<'a>>, may_change: bool, facts: &Facts<'_>) -> Self {
        Self { value, may_change: may_change && !facts.is_final }
    }

    /// A sample that is complete, or has no value yet.
    pub(super) fn told<T>(
        told: Result<Option<T>, Incomplete>,
        value: impl Fn(T) -> Value<'a>,
        facts: &Facts<'_>,
    ) -> Self {
        match told {
            Ok(told) => Self::sent(told.map(value), false, facts),
            Err(Incomplete) => Self::sent(None, true, facts),
        }
    }
}
