//! The commands of the Runtime API, one file for each family of commands.

pub mod absent;
pub mod clear_counters;
pub mod filter;
pub mod reload;
pub mod set_check;
pub mod set_frontend;
pub mod set_maxconn;
pub mod set_server;
pub mod set_table;
pub mod show_activity;
pub mod show_info;
pub mod show_peers;
pub mod show_servers;
pub mod show_sess;
pub mod show_stat;
pub mod show_table;
pub mod shutdown;
pub mod target;
pub mod words;
