//! The keywords of each kind of section: their rows, and what reads their lines into the draft.

pub(super) mod balance;
pub(super) mod bind;
pub(super) mod default_path;
pub(super) mod dns;
pub(super) mod global;
pub(super) mod health;
pub(super) mod limits;
pub(super) mod log;
pub(super) mod log_targets;
pub(super) mod options;
pub(super) mod pages;
pub(super) mod peers;
pub(super) mod privileges;
pub(super) mod proxy;
pub(super) mod server;
pub(super) mod server_line;
pub(super) mod source;
pub(super) mod stick;
pub(super) mod tcp;
pub(super) mod threads;
pub(super) mod timeouts;
pub(in crate::config) mod tls;
pub(super) mod unix_bind;
pub(super) mod userlist;
