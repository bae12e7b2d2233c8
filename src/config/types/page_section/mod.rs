//! The pages of one section with `mode http`, and the users who may see them.

mod stats_page;

pub use stats_page::{ShownText, StatsPageOptions, StatsScope};

use crate::config::rules::{Condition, Rule};
use crate::net::password::PasswordHash;

/// The pages of one section.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PageSection {
    /// `http-request`, in the order of the file.
    pub rules: Vec<Rule<PageAction>>,
    /// The statistics page.
    pub stats: Option<StatsAccess>,
}

/// What a rule does with a request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum PageAction {
    /// No further rule of the list is looked at.
    Allow,
    /// The request is refused with this status.
    Deny(u16),
    /// The client is asked for a user and a password of this realm.
    Authenticate(String),
    /// The metrics are served.
    Metrics,
}

/// The statistics page of a section, and who may see and use the page.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StatsAccess {
    /// What the page shows.
    pub options: StatsPageOptions,
    /// `stats http-request`, or what `stats auth` says.
    pub rules: Vec<Rule<PageAction>>,
    /// If one of these holds, a client may change servers (`stats admin`).
    pub admin: Vec<Condition>,
}

/// A list of users (`userlist`), or the users of `stats auth` lines.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Userlist {
    /// Its name; empty for the users of `stats auth` lines.
    pub name: String,
    /// Its users, in the order of the file. Each name stands there once.
    pub users: Vec<User>,
}

/// A user.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct User {
    /// The name.
    pub name: String,
    /// The password. A user without a password cannot log in.
    pub password: Option<Password>,
    /// The names of the groups that the user belongs to.
    pub groups: Vec<String>,
}

/// A password as the configuration has it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Password {
    /// The password itself.
    Plain(String),
    /// The hash of the password.
    Hashed(PasswordHash),
}
