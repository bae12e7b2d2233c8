//! What is told of the head of an HTTP request: its parts, and the lists in it.

use std::net::{IpAddr, SocketAddr, SocketAddrV4};

use super::http::Request;
use crate::config::rules::{HttpList, HttpPart, Nth, ValueType};
use crate::proxy::rules::value::Value;

/// A part of a request. Of a list, the value that HAProxy chooses.
pub(super) fn value<'a>(
    part: &HttpPart,
    request: Request<'a>,
    value_type: ValueType,
) -> Option<Value<'a>> {
    match part {
        HttpPart::Exists => Some(Value::Bool(true)),
        HttpPart::Method => Some(Value::borrowed(request.method)),
        HttpPart::Version => Some(Value::borrowed(request.version)),
        HttpPart::Path => request.path().map(Value::borrowed),
        HttpPart::PathAndQuery => request.path_and_query().map(Value::borrowed),
        HttpPart::Query => request.query().map(Value::borrowed),
        HttpPart::Url => Some(Value::borrowed(request.target)),
        HttpPart::Base => Some(base(request, request.path()?)),
        HttpPart::BaseAndQuery => Some(base(request, request.path_and_query()?)),
        HttpPart::UrlAddress => Some(Value::Address(named_end(request)?.ip())),
        HttpPart::UrlPort => Some(Value::Integer(named_end(request)?.port().into())),
        HttpPart::HeaderNames(between) => {
            let headers = request.headers(None);
            let names: Vec<_> = headers.iter().map(|(name, _)| name.to_ascii_lowercase()).collect();
            Some(Value::text_of(names.join(between)))
        }
        HttpPart::ValueOf(list, nth) => {
            let mut texts = texts(list, request).into_iter();
            let text = match nth {
                Some(Nth::FromBegin(before)) => texts.nth(*before as usize),
                Some(Nth::FromEnd(behind)) => texts.rev().nth(*behind as usize),
                None if is_first_chosen(list) => texts.next(),
                None => texts.next_back(),
            };
            converted(text?, value_type)
        }
        HttpPart::CountOf(list) => {
            Some(Value::Integer(i64::try_from(texts(list, request).len()).unwrap_or(i64::MAX)))
        }
    }
}

/// Every value of a list.
pub(super) fn values<'a>(
    list: &HttpList,
    request: Option<Request<'a>>,
    value_type: ValueType,
) -> impl Iterator<Item = Value<'a>> {
    let texts = request.map(|request| texts(list, request)).unwrap_or_default();
    texts.into_iter().filter_map(move |text| converted(text, value_type))
}

/// Whether it is the first value of a list that counts where only one can.
fn is_first_chosen(list: &HttpList) -> bool {
    match list {
        HttpList::Parameters(..) | HttpList::Cookies(None) => true,
        HttpList::Cookies(Some(_)) | HttpList::HeaderLines(_) | HttpList::HeaderValues(_) => false,
    }
}

fn converted(text: &[u8], value_type: ValueType) -> Option<Value<'_>> {
    match value_type {
        ValueType::Integer => Some(Value::Integer(Value::borrowed(text).number().unwrap_or(0))),
        ValueType::Address => address(text).map(Value::Address),
        ValueType::Bool | ValueType::Text | ValueType::Binary | ValueType::Any => {
            Some(Value::borrowed(text))
        }
    }
}

/// The host that the client names, and what follows it.
fn base<'a>(request: Request<'a>, path: &'a [u8]) -> Value<'a> {
    let host = request.headers(Some("host")).last().map_or(&b""[..], |(_, host)| host);
    Value::text_of([host, path].concat())
}

/// The address and the port in the target; 80 without a port.
fn named_end(request: Request<'_>) -> Option<SocketAddr> {
    let target = std::str::from_utf8(request.target).ok()?;
    let authority = target.split_once("://")?.1.split(['/', '?', '#']).next()?;
    let with_port = authority.parse().ok();
    with_port.or_else(|| authority.parse().ok().map(|ip| SocketAddr::new(ip, 80)))
}

/// An address; an IPv4 address may have a port.
fn address(text: &[u8]) -> Option<IpAddr> {
    let text = std::str::from_utf8(text).ok()?;
    let with_port = || text.parse::<SocketAddrV4>().ok().map(|end| IpAddr::V4(*end.ip()));
    text.parse().ok().or_else(with_port)
}

/// The texts of a list, in their order.
fn texts<'a>(list: &HttpList, request: Request<'a>) -> Vec<&'a [u8]> {
    let headers = |name: &Option<Box<str>>| request.headers(name.as_deref()).into_iter();
    match list {
        HttpList::HeaderLines(name) => headers(name).map(|(_, value)| value).collect(),
        HttpList::HeaderValues(name) => {
            headers(name).flat_map(|(_, line)| parts(line, b",")).collect()
        }
        HttpList::Cookies(name) => {
            let lines = request.headers(Some("cookie")).into_iter();
            let cookies = lines.flat_map(|(_, line)| parts(line, b",;"));
            let pairs = cookies.filter_map(pair);
            named(pairs.map(|(name, value)| (name.trim_ascii(), value.trim_ascii())), name)
        }
        HttpList::Parameters(name, delimiter) => {
            let is_delimiter = |byte: &u8| char::from(*byte) == *delimiter;
            let Some(list) = request.target.splitn(2, is_delimiter).nth(1) else {
                return Vec::new();
            };
            let is_between = |byte: &u8| is_delimiter(byte) || matches!(byte, b'&' | b';');
            named(list.split(is_between).filter_map(pair), name)
        }
    }
}

fn pair(text: &[u8]) -> Option<(&[u8], &[u8])> {
    let at = text.iter().position(|byte| *byte == b'=')?;
    Some((text.get(..at)?, text.get(at + 1..)?))
}

/// The values with this name, or all.
fn named<'a>(
    pairs: impl Iterator<Item = (&'a [u8], &'a [u8])>,
    wanted: &Option<Box<str>>,
) -> Vec<&'a [u8]> {
    let is_wanted = |name: &[u8]| wanted.as_ref().is_none_or(|wanted| wanted.as_bytes() == name);
    pairs.filter(|(name, _)| is_wanted(name)).map(|(_, value)| value).collect()
}

/// The values that one of these separates, outside of quotes.
fn parts<'a>(line: &'a [u8], between: &'static [u8]) -> impl Iterator<Item = &'a [u8]> {
    let (mut is_quoted, mut is_escaped) = (false, false);
    let is_end = move |byte: &u8| {
        let was_escaped = is_escaped;
        is_escaped = is_quoted && *byte == b'\\' && !was_escaped;
        is_quoted ^= *byte == b'"' && !was_escaped;
        !is_quoted && between.contains(byte)
    };
    line.split(is_end).map(<[u8]>::trim_ascii)
}
