//! The operator's view: the command line, the Runtime API, logs, the exporter.

mod admin;
mod changes;
mod cli;
mod cores;
mod explain;
mod hardening;
mod log;
mod log_servers;
mod metrics;
mod names;
mod privileges;
mod runtime;
mod saves;
mod strangers;
