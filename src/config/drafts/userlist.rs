//! A `userlist` section as it was typed.

use crate::config::text::diagnostic::{Place, Placed};
use crate::config::{Password, User};

/// A `userlist` section.
#[derive(Debug)]
pub(in crate::config) struct UserlistDraft {
    pub(in crate::config) name: String,
    pub(in crate::config) place: Place,
    pub(in crate::config) users: Vec<UserDraft>,
    pub(in crate::config) groups: Vec<GroupDraft>,
}

/// A `user` line.
#[derive(Debug)]
pub(in crate::config) struct UserDraft {
    pub(in crate::config) name: Placed<String>,
    pub(in crate::config) password: Option<Password>,
    pub(in crate::config) groups: Vec<Placed<String>>,
}

/// A `group` line.
#[derive(Debug)]
pub(in crate::config) struct GroupDraft {
    pub(in crate::config) name: Placed<String>,
    pub(in crate::config) users: Vec<Placed<String>>,
}

impl UserlistDraft {
    /// The word that opens such a section.
    pub(in crate::config) const WORD: &str = "userlist";
}

impl UserDraft {
    /// The user, who also belongs to these groups.
    pub(in crate::config) fn user(&self, groups: impl Iterator<Item = String>) -> User {
        let own = self.groups.iter().map(|group| group.value.clone());
        let mut groups: Vec<String> = own.chain(groups).collect();
        groups.sort_unstable();
        groups.dedup();
        User { name: self.name.value.clone(), password: self.password.clone(), groups }
    }
}
