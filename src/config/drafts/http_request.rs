//! The request of an HTTP check as it was typed, with the names in it.

use crate::config::text::diagnostic::{Mistake, Parsed, Placed};

/// The parts of a request that were typed.
#[derive(Clone, Debug, Default)]
pub(in crate::config) struct Request {
    pub(in crate::config) method: Option<String>,
    pub(in crate::config) uri: Option<Format>,
    pub(in crate::config) version: Option<String>,
    pub(in crate::config) headers: Vec<(String, Format)>,
    pub(in crate::config) body: Option<Format>,
}

/// A text with names in it.
#[derive(Clone, Debug, Default)]
pub(in crate::config) struct Format(Vec<Piece>);

#[derive(Clone, Debug)]
enum Piece {
    Text(String),
    Backend,
    Server,
}

/// The names that a format may ask for.
#[derive(Clone, Copy, Debug)]
pub(in crate::config) struct Names<'a> {
    pub(in crate::config) backend: &'a str,
    pub(in crate::config) server: &'a str,
}

impl Request {
    /// Whether the request differs from server to server.
    pub(in crate::config) fn names_server(&self) -> bool {
        let headers = self.headers.iter().map(|(_, value)| value);
        let mut formats = headers.chain(&self.uri).chain(&self.body);
        formats.any(|format| format.0.iter().any(|piece| matches!(piece, Piece::Server)))
    }

    /// The bytes of the request, with the headers that HAProxy adds, and without the headers that
    /// HAProxy leaves out.
    pub(in crate::config) fn bytes(&self, names: Names<'_>) -> Vec<u8> {
        let method = self.method.as_deref().unwrap_or("OPTIONS");
        let uri = self.uri.as_ref().map_or_else(|| "/".to_owned(), |uri| uri.text(names));
        let version = match self.version.as_deref() {
            None => "HTTP/1.0",
            // The connection speaks no later version.
            Some(version) => match version.strip_prefix("HTTP/").map(str::as_bytes) {
                Some([b'1'..=b'9', b'.', b'0'..=b'9']) if version > "HTTP/1.0" => "HTTP/1.1",
                _ => version,
            },
        };
        let body = self.body.as_ref().map(|body| body.text(names)).unwrap_or_default();
        let mut text = format!("{method} {uri} {version}\r\n");
        let mut closes = version == "HTTP/1.1";
        for (name, value) in &self.headers {
            let value = value.text(names);
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
        let has_length = self.headers.iter().any(|(name, _)| name == "content-length");
        let needs_length = !matches!(method, "GET" | "HEAD" | "OPTIONS" | "DELETE");
        if !has_length && (needs_length || !body.is_empty()) {
            text += &format!("content-length: {}\r\n", body.len());
        }
        if closes {
            text += "connection: close\r\n";
        }
        text += "\r\n";
        text += &body;
        text.into_bytes()
    }
}

impl Format {
    pub(in crate::config) fn plain(text: &str) -> Self {
        Self(vec![Piece::Text(text.to_owned())])
    }

    fn text(&self, names: Names<'_>) -> String {
        let pieces = self.0.iter().map(|piece| match piece {
            Piece::Text(text) => text.as_str(),
            Piece::Backend => names.backend,
            Piece::Server => names.server,
        });
        pieces.collect()
    }

    /// Reads a text in which `%` begins a name. HAProxy takes every name of a log format here, but
    /// most are empty because a check has no client.
    ///
    /// # Errors
    /// The text has another name than that of the server or the backend.
    pub(in crate::config) fn read(typed: &Placed<&str>) -> Parsed<Self> {
        let mut pieces = Vec::new();
        let mut rest = typed.value;
        while let Some((text, after)) = rest.split_once('%') {
            pieces.push(Piece::Text(text.to_owned()));
            let len = match after.as_bytes().first() {
                Some(b'%') => 1,
                Some(b'[') => after.find(']').map_or(after.len(), |at| at + 1),
                Some(b'{') => after.find('}').map_or(after.len(), |at| at + 1),
                _ => after.find(|c: char| !c.is_ascii_alphanumeric()).unwrap_or(after.len()),
            };
            let (name, after) = after.split_at_checked(len).unwrap_or((after, ""));
            pieces.push(match name {
                "%" => Piece::Text("%".to_owned()),
                "s" | "[srv_name]" => Piece::Server,
                "b" | "[be_name]" => Piece::Backend,
                other => {
                    let message = format!(
                        "'%{other}' is refused in a check: it knows %s, %b, %[srv_name], \
                         %[be_name] and %% for the sign itself"
                    );
                    return Err(Mistake::new(typed.place, message));
                }
            });
            rest = after;
        }
        pieces.push(Piece::Text(rest.to_owned()));
        Ok(Self(pieces))
    }
}
