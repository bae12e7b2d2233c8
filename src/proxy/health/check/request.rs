//! The bytes of an HTTP request, with the headers that HAProxy adds, and without the headers that
//! HAProxy leaves out.

use super::known::Known;
use crate::config::{CheckFormat, CheckRequest};

/// The bytes of a request.
pub(super) fn bytes(request: &CheckRequest, known: &Known<'_>) -> Vec<u8> {
    let method = request.method.as_deref().unwrap_or("OPTIONS");
    let uri = request.uri.as_ref().map(|uri| line(known, uri)).filter(|uri| !uri.is_empty());
    let uri = uri.as_deref().unwrap_or("/");
    let version = match request.version.as_deref() {
        None => "HTTP/1.0",
        // The connection speaks no later version.
        Some(version) => match version.strip_prefix("HTTP/").map(str::as_bytes) {
            Some([b'1'..=b'9', b'.', b'0'..=b'9']) if version > "HTTP/1.0" => "HTTP/1.1",
            _ => version,
        },
    };
    let body = request.body.as_ref().map(|body| known.text(body)).unwrap_or_default();
    let mut text = format!("{method} {uri} {version}\r\n");
    let mut closes = version == "HTTP/1.1";
    for (name, value) in &request.headers {
        let value = line(known, value);
        if value.is_empty() {
            continue;
        }
        let is_connection = name == "connection";
        match value.to_ascii_lowercase().as_str() {
            // The header is written once, at the end, or is the default.
            "close" if is_connection && version == "HTTP/1.1" => continue,
            "keep-alive" if is_connection && version == "HTTP/1.1" => {
                closes = false;
                continue;
            }
            _ if is_connection => closes = false,
            _ => {}
        }
        text += &format!("{name}: {value}\r\n");
    }
    if let Some(state) = &known.facts.state {
        text += &format!("x-haproxy-server-state: {state}\r\n");
    }
    let has_length = request.headers.iter().any(|(name, _)| name == "content-length");
    let needs_length = !matches!(method, "GET" | "HEAD" | "OPTIONS" | "DELETE");
    if !has_length && (needs_length || !body.is_empty()) {
        text += &format!("content-length: {}\r\n", body.len());
    }
    if closes {
        text += "connection: close\r\n";
    }
    text += "\r\n";
    let mut bytes = text.into_bytes();
    bytes.extend(body);
    bytes
}

/// A text as a part of a line. A value that an answer gave cannot end the line.
fn line(known: &Known<'_>, format: &CheckFormat) -> String {
    known.string(format).replace(char::is_control, "?")
}
