//! Health checks, agents, and their effects.

mod agent;
mod check_requests;
mod check_scripts;
mod check_steps;
mod cluster_checks;
mod external;
mod lines;
mod observe;
mod server_words;
pub mod services;
pub mod states;
mod tls;
