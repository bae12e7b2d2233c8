//! Samples of what the client has sent.

use std::borrow::Cow;

use super::hello::{Incomplete, hello_type, server_name, version};
use super::sample::Sample;
use crate::config::rules::ContentFetch;
use crate::proxy::rules::context::Facts;
use crate::proxy::rules::value::Value;

/// A sample of what the client has sent. Every kind of such a sample has one arm.
pub(super) fn sample<'a>(fetch: &ContentFetch, facts: &Facts<'a>) -> Sample<'a> {
    match fetch {
        ContentFetch::RequestLen => {
            let len = i64::try_from(facts.payload.len()).unwrap_or(i64::MAX);
            sent(Some(Value::Integer(len)), true, facts)
        }
        ContentFetch::Payload(offset, len) => {
            let part = part(facts.payload, *offset, *len);
            let may_change = part.is_none() || *len == 0;
            sent(part.map(|part| Value::Binary(Cow::Borrowed(part))), may_change, facts)
        }
        ContentFetch::ServerName => of_hello(server_name(facts.payload), Value::borrowed, facts),
        ContentFetch::HelloType => {
            let number = |kind: u8| Value::Integer(kind.into());
            of_hello(hello_type(facts.payload), number, facts)
        }
        ContentFetch::HelloVersion => {
            let number = |version: u32| Value::Integer(version.into());
            of_hello(version(facts.payload), number, facts)
        }
        ContentFetch::WaitEnd => sent(facts.is_final.then_some(Value::Bool(true)), true, facts),
    }
}

/// A sample of what the client has sent. It may change until the rules wait for nothing more.
fn sent<'a>(value: Option<Value<'a>>, may_change: bool, facts: &Facts<'_>) -> Sample<'a> {
    Sample { value, may_change: may_change && !facts.is_final }
}

fn of_hello<'a, T>(
    told: Result<Option<T>, Incomplete>,
    value: impl Fn(T) -> Value<'a>,
    facts: &Facts<'_>,
) -> Sample<'a> {
    match told {
        Ok(told) => sent(told.map(value), false, facts),
        Err(Incomplete) => sent(None, true, facts),
    }
}

/// Bytes that the client has sent; with a length of 0 all that follow the offset.
fn part(payload: &[u8], offset: u32, len: u32) -> Option<&[u8]> {
    let start = offset as usize;
    match len {
        0 => payload.get(start..).filter(|_| !payload.is_empty()),
        len => payload.get(start..start.saturating_add(len as usize)),
    }
}
