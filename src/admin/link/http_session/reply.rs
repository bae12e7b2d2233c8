//! Answers that are written at once, with HAProxy's words.

use std::io::Write;

/// An answer with a short text.
#[derive(Clone, Copy, Debug)]
pub(super) struct Reply {
    /// The status.
    pub(super) code: u16,
    reason: &'static str,
    text: &'static str,
}

const fn reply(code: u16, reason: &'static str, text: &'static str) -> Reply {
    Reply { code, reason, text }
}

pub(super) const READY: Reply = reply(200, "OK", "Service ready.");
pub(super) const BAD_REQUEST: Reply =
    reply(400, "Bad request", "Your browser sent an invalid request.");
pub(super) const TIMEOUT: Reply =
    reply(408, "Request Time-out", "Your browser didn't send a complete request in time.");
pub(super) const TOO_MANY: Reply =
    reply(429, "Too Many Requests", "You have sent too many requests in a given amount of time.");
pub(super) const UNAVAILABLE: Reply =
    reply(503, "Service Unavailable", "No server is available to handle this request.");
const UNAUTHORIZED: Reply =
    reply(401, "Unauthorized", "You need a valid user and password to access this content.");

/// The answers of `deny`.
const DENIALS: [Reply; 12] = [
    READY,
    BAD_REQUEST,
    UNAUTHORIZED,
    reply(403, "Forbidden", "Request forbidden by administrative rules."),
    reply(404, "Not Found", "The resource could not be found."),
    reply(
        405,
        "Method Not Allowed",
        "A request was made of a resource using a request method not supported by that resource",
    ),
    TIMEOUT,
    reply(410, "Gone", "The resource is no longer available and will not be available again."),
    TOO_MANY,
    reply(500, "Internal Server Error", "An internal server error occurred."),
    reply(
        501,
        "Not Implemented",
        "The server does not support the functionality required to fulfill the request.",
    ),
    UNAVAILABLE,
];

impl Reply {
    /// The answer of a rule that denies a request with this status.
    pub(super) fn denial(code: u16) -> Self {
        let known = DENIALS.into_iter().find(|reply| reply.code == code);
        known.unwrap_or(Self { code, ..reply(403, "Forbidden", "The request is refused.") })
    }

    /// Writes the answer.
    pub(super) fn write(&self, is_head: bool, keeps_alive: bool, out: &mut Vec<u8>) {
        self.write_with("", is_head, keeps_alive, out);
    }

    /// Writes the answer to a client that has to name a user and a password.
    pub(super) fn write_unauthorized(
        realm: &str,
        is_head: bool,
        keeps_alive: bool,
        out: &mut Vec<u8>,
    ) -> u16 {
        let realm = realm.replace('\\', "\\\\").replace('"', "\\\"");
        let field = format!("www-authenticate: Basic realm=\"{realm}\"\r\n");
        UNAUTHORIZED.write_with(&field, is_head, keeps_alive, out);
        UNAUTHORIZED.code
    }

    fn write_with(&self, fields: &str, is_head: bool, keeps_alive: bool, out: &mut Vec<u8>) {
        let Self { code, reason, text } = self;
        let body = format!("<html><body><h1>{code} {reason}</h1>\n{text}\n</body></html>\n");
        let connection = if keeps_alive { "" } else { "connection: close\r\n" };
        // Writing to a vector cannot fail.
        let _ = write!(
            out,
            "HTTP/1.1 {code} {reason}\r\ncontent-length: {}\r\ncache-control: no-cache\r\n\
             content-type: text/html\r\n{fields}{connection}\r\n",
            body.len()
        );
        if !is_head {
            out.extend_from_slice(body.as_bytes());
        }
    }
}

/// Writes the answer that sends a client elsewhere after an action.
pub(super) fn write_see_other(location: &str, keeps_alive: bool, out: &mut Vec<u8>) -> u16 {
    let connection = if keeps_alive { "" } else { "connection: close\r\n" };
    // Writing to a vector cannot fail.
    let _ = write!(
        out,
        "HTTP/1.1 303 See Other\r\ncache-control: no-cache\r\ncontent-type: text/plain\r\n\
         content-length: 0\r\nlocation: {location}\r\n{connection}\r\n"
    );
    303
}
