//! Samples of what a side has sent.

use std::borrow::Cow;

use super::sample::Sample;
use super::{http, http_parts, rdp};
use crate::config::rules::{ContentFetch, CountedPart, Expression, HelloPart, HttpPart};
use crate::net::reader::{Incomplete, Reader};
use crate::net::tls::hello;
use crate::proxy::rules::context::Facts;
use crate::proxy::rules::value::Value;

/// No more than so many protocols of a TLS hello are compared, whatever a client sends.
const PROTOCOLS_MAX: usize = 32;

/// Every value of a sample of what a side has sent.
pub(super) fn samples<'a>(
    fetch: &ContentFetch,
    expression: &Expression,
    facts: &Facts<'a>,
) -> Vec<Sample<'a>> {
    let payload = facts.sent.payload(expression.needs);
    match (fetch, payload) {
        (ContentFetch::Http(HttpPart::ValueOf(list, None)), Some(payload)) => {
            match http::request(payload) {
                Ok(request) => http_parts::values(list, request, expression.fetch_type)
                    .map(|value| Sample::sent(Some(value), false, facts))
                    .collect(),
                Err(Incomplete) => vec![Sample::sent(None, true, facts)],
            }
        }
        (ContentFetch::Hello(part @ HelloPart::Protocols), Some(payload)) => {
            let samples = (0..PROTOCOLS_MAX).map(|nth| of_hello(*part, nth, payload, facts));
            samples.take_while(|sample| sample.value.is_some() || sample.may_change).collect()
        }
        _ => vec![sample(fetch, expression, facts)],
    }
}

/// A sample of what a side has sent. Every kind of such a sample has one arm.
pub(super) fn sample<'a>(
    fetch: &ContentFetch,
    expression: &Expression,
    facts: &Facts<'a>,
) -> Sample<'a> {
    let Some(payload) = facts.sent.payload(expression.needs) else {
        return Sample { value: None, may_change: false };
    };
    match fetch {
        ContentFetch::Len => Sample::sent(Some(number(payload.len())), true, facts),
        ContentFetch::Payload(offset, len) => {
            let part = part(payload, *offset, *len);
            let may_change = part.is_none() || *len == 0;
            Sample::sent(part.map(binary), may_change, facts)
        }
        ContentFetch::Counted(place) => Sample::told(counted(payload, *place), binary, facts),
        ContentFetch::Hello(part) => of_hello(*part, 0, payload, facts),
        ContentFetch::RdpCookie(name) => {
            Sample::told(rdp::cookie(payload, name.as_deref()), Value::borrowed, facts)
        }
        ContentFetch::RdpCookies(name) => {
            let cookie = rdp::cookie(payload, name.as_deref());
            let count = cookie.map(|cookie| Some(usize::from(cookie.is_some())));
            Sample::told(count, number, facts)
        }
        ContentFetch::Http(part) => {
            let told = http::request(payload).map(|request| {
                request.and_then(|request| http_parts::value(part, request, expression.fetch_type))
            });
            Sample::told(told, |value| value, facts)
        }
        ContentFetch::WaitEnd => {
            Sample::sent(facts.is_final.then_some(Value::Bool(true)), true, facts)
        }
    }
}

fn number<'a>(number: usize) -> Value<'a> {
    Value::Integer(i64::try_from(number).unwrap_or(i64::MAX))
}

fn binary(bytes: &[u8]) -> Value<'_> {
    Value::Binary(Cow::Borrowed(bytes))
}

fn of_hello<'a>(part: HelloPart, nth: usize, payload: &'a [u8], facts: &Facts<'_>) -> Sample<'a> {
    match part {
        HelloPart::Type => {
            Sample::told(hello::hello_type(payload), |kind| number(kind.into()), facts)
        }
        HelloPart::Version => {
            let value = |version: u32| Value::Integer(version.into());
            Sample::told(hello::version(payload), value, facts)
        }
        HelloPart::ServerName => Sample::told(hello::server_name(payload), Value::borrowed, facts),
        HelloPart::Protocols => Sample::told(hello::protocol(payload, nth), Value::borrowed, facts),
        HelloPart::Curves => {
            Sample::told(hello::names_curves(payload), |()| Value::Bool(true), facts)
        }
        HelloPart::Ticket => Sample::told(hello::ticket(payload), number, facts),
    }
}

/// Bytes that have been sent; with a length of 0 all that follow the offset.
fn part(payload: &[u8], offset: u32, len: u32) -> Option<&[u8]> {
    let start = offset as usize;
    match len {
        0 => payload.get(start..).filter(|_| !payload.is_empty()),
        len => payload.get(start..start.saturating_add(len as usize)),
    }
}

/// Bytes with their length before them; none if the length is 0.
fn counted(payload: &[u8], place: CountedPart) -> Result<Option<&[u8]>, Incomplete> {
    let mut reader = Reader(payload);
    reader.take(place.len_at as usize).ok_or(Incomplete)?;
    let len = reader.number(place.len_bytes as usize).ok_or(Incomplete)?;
    if len == 0 {
        return Ok(None);
    }
    let begin = place.begin as usize;
    payload.get(begin..begin.saturating_add(len)).map(Some).ok_or(Incomplete)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_with_a_length_are_known_once_all_have_come() {
        let place = |len_at, len_bytes, begin| CountedPart { len_at, len_bytes, begin };
        let payload = b"ab\x00\x03xyz!";
        for len in 0..7 {
            assert_eq!(counted(&payload[..len], place(2, 2, 4)), Err(Incomplete), "{len}");
        }
        assert_eq!(counted(payload, place(2, 2, 4)), Ok(Some(&b"xyz"[..])));
        assert_eq!(counted(payload, place(3, 1, 0)), Ok(Some(&b"ab\0"[..])));
        assert_eq!(counted(payload, place(2, 1, 4)), Ok(None));
        assert_eq!(counted(payload, place(3, 1, 6)), Err(Incomplete));
        assert_eq!(counted(payload, place(u32::MAX, 4, u32::MAX)), Err(Incomplete));
        assert_eq!(counted(b"\xff\xff\xff\xff", place(0, 4, u32::MAX)), Err(Incomplete));
    }
}
