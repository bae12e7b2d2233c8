//! The words about TLS: those of `bind` lines, those of `server` lines, and those of `global`.

mod bind;
mod global;
mod server;
mod shared;
mod words;

pub(in crate::config) use bind::{KEYWORDS as BIND_KEYWORDS, SHARED as BIND_SHARED};
pub(in crate::config) use global::KEYWORDS as GLOBAL_KEYWORDS;
pub(in crate::config) use server::{KEYWORDS as SERVER_KEYWORDS, SHARED as SERVER_SHARED};
pub(in crate::config) use words::{protocols, without_http2};
