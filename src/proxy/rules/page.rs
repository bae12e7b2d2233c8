//! The values of samples of the client of a page, which only sections with pages have.

use crate::config::rules::HttpFetch;
use crate::config::{User, UserlistId};
use crate::proxy::rules::value::Value;

/// The client of a page.
#[derive(Clone, Copy, Debug)]
pub struct PageFacts<'a> {
    /// The users whose name and password the client has sent, with their lists.
    pub users: &'a [(UserlistId, &'a User)],
}

impl<'a> PageFacts<'a> {
    /// The values of a sample. A test of the sample holds if one of the values passes.
    pub(in crate::proxy::rules) fn values(&self, fetch: &HttpFetch) -> Vec<Value<'a>> {
        let user = |list: UserlistId| {
            self.users.iter().find(|(other, _)| *other == list).map(|(_, user)| *user)
        };
        match fetch {
            HttpFetch::Auth(list) => vec![Value::Bool(user(*list).is_some())],
            HttpFetch::AuthGroups(list) => {
                let groups = user(*list).into_iter().flat_map(|user| &user.groups);
                groups.map(Value::borrowed).collect()
            }
        }
    }
}
