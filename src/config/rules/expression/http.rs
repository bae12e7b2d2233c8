//! What samples ask of HTTP requests.

use crate::config::UserlistId;

/// What is asked of the client of a page.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum HttpFetch {
    /// Whether the client has named a user of this list with the right password.
    Auth(UserlistId),
    /// The groups of that user.
    AuthGroups(UserlistId),
}

/// What is asked of the head of an HTTP request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum HttpPart {
    /// Whether there is one.
    Exists,
    /// The method.
    Method,
    /// The version.
    Version,
    /// The path, without the query.
    Path,
    /// The path and the query.
    PathAndQuery,
    /// The query, without the question mark.
    Query,
    /// The target as it was sent.
    Url,
    /// The host and the path.
    Base,
    /// The host, the path and the query.
    BaseAndQuery,
    /// The address in the target.
    UrlAddress,
    /// The port in the target.
    UrlPort,
    /// The names of the headers, with this between them.
    HeaderNames(Box<str>),
    /// One of the values of a list: without a number the one that HAProxy chooses.
    ValueOf(HttpList, Option<Nth>),
    /// The number of such values.
    CountOf(HttpList),
}

/// What an HTTP request can have several of.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum HttpList {
    /// The lines of the headers with this name, or of all.
    HeaderLines(Option<Box<str>>),
    /// The values in these lines, which commas separate.
    HeaderValues(Option<Box<str>>),
    /// The cookies with this name, or all.
    Cookies(Option<Box<str>>),
    /// The parameters with this name, or all, behind this character of the target.
    Parameters(Option<Box<str>>, char),
}

/// The place of a value in a list.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Nth {
    /// So many values stand before it.
    FromBegin(u32),
    /// So many values stand behind it.
    FromEnd(u32),
}
