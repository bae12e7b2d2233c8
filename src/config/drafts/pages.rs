//! The statistics page of a section as it was typed.

use crate::config::text::diagnostic::{Place, Placed};
use crate::config::{Password, StatsPageOptions, User};

/// The `stats` lines of a section, except those that are rules.
#[derive(Clone, Debug)]
pub(in crate::config) struct StatsDraft {
    /// The place of the first line.
    pub(in crate::config) place: Place,
    /// Whether the lines stand in the `defaults` section. The first `stats` line of a section
    /// undoes all that it inherits.
    pub(in crate::config) is_inherited: bool,
    pub(in crate::config) options: StatsPageOptions,
    /// `stats realm`.
    pub(in crate::config) realm: Option<Placed<String>>,
    /// `stats auth`.
    pub(in crate::config) users: Vec<User>,
}

impl StatsDraft {
    pub(in crate::config) fn new(place: Place) -> Self {
        Self {
            place,
            is_inherited: false,
            options: StatsPageOptions::default(),
            realm: None,
            users: Vec::new(),
        }
    }

    /// Adds a user, unless there is a user with this name already.
    pub(in crate::config) fn add_user(&mut self, name: &str, password: &str) {
        if !self.users.iter().any(|user| user.name == name) {
            let password = Some(Password::Plain(password.to_owned()));
            self.users.push(User { name: name.to_owned(), password, groups: Vec::new() });
        }
    }
}
