//! What a configuration means, in plain words: for somebody who wants to know before it runs.
//!
//! ```text
//!   summary     `-c -V`: frontends, backends, tables, peers, one line each
//!   sections    `--explain`: what each section does
//!   doubts      `--explain`: what looks like a mistake
//!   question    `--where`: the client that somebody asks about
//!   answer      `--where`: where that client goes, and why
//!   source      the lines of the files
//!   words       times, sizes and lists in words
//! ```
//!
//! Nothing is decided here: `--where` leads a client that does not exist through the states, rules
//! and choices of the run time ([`crate::proxy::connection::rehearsal`]).

mod answer;
mod doubts;
mod question;
mod sections;
mod source;
mod summary;
mod words;

pub use answer::answer;
pub use question::{Question, WrongQuestion};
pub use summary::summary;

use crate::config::Config;
use source::Source;

/// What each section does, and what looks like a mistake.
pub fn explain(config: &Config) -> String {
    let mut source = Source::new(&config.files);
    let mut text = sections::process(config);
    for frontend in &config.frontends {
        text.push_str(&sections::frontend(frontend, config, &mut source));
    }
    for page in &config.pages {
        text.push_str(&sections::page(page));
    }
    for backend in config.backends.iter().filter(|backend| backend.pages.is_none()) {
        text.push_str(&sections::backend(backend, &mut source));
    }
    for table in &config.tables {
        text.push_str(&sections::table(table, config));
    }
    for peers in &config.peers {
        text.push_str(&sections::peers(peers, config));
    }
    for resolvers in &config.resolvers {
        text.push_str(&sections::resolvers(resolvers));
    }
    text.push_str(&doubts::doubts(config));
    text
}
