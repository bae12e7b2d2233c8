//! The values of samples of HTTP requests, which only sections with pages have.

use crate::config::rules::HttpFetch;
use crate::config::{User, UserlistId};
use crate::proxy::rules::value::Value;

/// The request of a client of a page.
#[derive(Clone, Copy, Debug)]
pub struct PageFacts<'a> {
    /// The path and the query, as they came.
    pub target: &'a str,
    /// The headers, with their names in lower case.
    pub headers: &'a [(String, Vec<u8>)],
    /// The users whose name and password the client has sent, with their lists.
    pub users: &'a [(UserlistId, &'a User)],
}

impl<'a> PageFacts<'a> {
    /// The values of a sample. A test of the sample holds if one of the values passes.
    pub(in crate::proxy::rules) fn values(&self, fetch: &HttpFetch) -> Vec<Value<'a>> {
        let query = self.target.split_once('?').map(|(_, query)| query);
        let user = |list: UserlistId| {
            self.users.iter().find(|(other, _)| *other == list).map(|(_, user)| *user)
        };
        match fetch {
            HttpFetch::PathAndQuery => vec![Value::borrowed(self.target)],
            HttpFetch::Query => query.map(Value::borrowed).into_iter().collect(),
            HttpFetch::Header(name) => {
                let named = self.headers.iter().filter(|(other, _)| other == name);
                let parts = named.flat_map(|(_, value)| value.split(|byte| *byte == b','));
                parts.map(|part| Value::borrowed(part.trim_ascii())).collect()
            }
            HttpFetch::Auth(list) => vec![Value::Bool(user(*list).is_some())],
            HttpFetch::AuthGroups(list) => {
                let groups = user(*list).into_iter().flat_map(|user| &user.groups);
                groups.map(Value::borrowed).collect()
            }
        }
    }
}
