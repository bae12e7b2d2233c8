//! A check by a program beside this process (`option external-check`): what the program is told,
//! and what its end means.

use std::io;

use super::result::CheckResult;
use crate::config::{CheckProgram, CheckStatus, ServerAddress, ServerIndex};
use crate::net::address::Address;
use crate::net::program::{End, Program};
use crate::proxy::backend::Backend;

/// The most programs that run at a time. A check that finds no room waits.
pub(super) const PROGRAMS_MAX: usize = 32;

/// How long a check waits that finds no room, in milliseconds.
pub(super) const WAIT_MS: u64 = 50;

/// The status of a program that could not be run, as HAProxy reports it.
const NOT_RUN: i32 = 255;

/// The status of a program that a signal has ended, as HAProxy reports it.
const KILLED: i32 = -1;

/// A program under way.
#[derive(Debug)]
pub(super) struct Run {
    program: Program,
    began_ms: u64,
    /// The program is killed at this moment.
    until_ms: u64,
}

impl Run {
    /// Starts the program for a server.
    ///
    /// # Errors
    /// The result of the check, if the program cannot be started.
    pub(super) fn start(
        program: &CheckProgram,
        backend: &Backend,
        server: ServerIndex,
        (now_ms, until_ms): (u64, u64),
    ) -> Result<Self, CheckResult> {
        let arguments = arguments(program, backend, server);
        let variables = variables(program, backend, server);
        match Program::start(&program.command, &arguments, &variables) {
            Ok(program) => Ok(Self { program, began_ms: now_ms, until_ms }),
            Err(error) => Err(not_started(&error)),
        }
    }

    /// When the time of the program is over.
    pub(super) fn until_ms(&self) -> u64 {
        self.until_ms
    }

    /// The result, if the program has ended or its time is over.
    pub(super) fn poll(&mut self, now_ms: u64) -> Option<CheckResult> {
        let (status, code) = match self.program.poll() {
            Some(End::Exited(0)) => (CheckStatus::ProgramPassed, 0),
            Some(End::Exited(code)) => (CheckStatus::ProgramFailed, code.into()),
            Some(End::Killed) => (CheckStatus::ProgramFailed, KILLED),
            None if now_ms < self.until_ms => return None,
            None => (CheckStatus::ProgramTimeout, 0),
        };
        let result = CheckResult::new(status);
        let duration_ms = Some(now_ms.saturating_sub(self.began_ms));
        Some(CheckResult { code: Some(code), duration_ms, ..result })
    }

    /// Kills the program if it still runs. Returns it if its end is still to come.
    pub(super) fn end(mut self) -> Option<Program> {
        self.program.kill();
        match self.program.poll() {
            Some(_) => None,
            None => Some(self.program),
        }
    }
}

/// The result of a check whose program cannot be started. If this process may not start any, that
/// says nothing of the server.
fn not_started(error: &io::Error) -> CheckResult {
    use io::ErrorKind::{OutOfMemory, WouldBlock};
    let result =
        CheckResult { duration_ms: Some(0), ..CheckResult::new(CheckStatus::ProgramFailed) };
    match error.kind() {
        OutOfMemory | WouldBlock => CheckResult { status: CheckStatus::SocketError, ..result }
            .with_info(format!("the program cannot be started: {error}")),
        _ => CheckResult { code: Some(NOT_RUN), ..result },
    }
}

/// Where the server is, as the program is told: address and port.
fn place(address: &ServerAddress) -> (String, Option<String>) {
    match address {
        ServerAddress::Fixed(Address::Ip(ip)) => (ip.ip().to_string(), Some(ip.port().to_string())),
        ServerAddress::Fixed(Address::Unix(path)) => (path.display().to_string(), None),
        ServerAddress::Fixed(Address::Abstract(name)) => (name.clone(), None),
        ServerAddress::OfClient(relative) => {
            (relative.ip().to_string(), Some(relative.port().number().to_string()))
        }
    }
}

fn arguments(program: &CheckProgram, backend: &Backend, server: ServerIndex) -> Vec<String> {
    let not_used = || "NOT_USED".to_owned();
    let (address, port) = place(&backend.server(server).address);
    vec![
        program.proxy_address.clone().unwrap_or_else(not_used),
        program.proxy_port.map_or_else(not_used, |port| port.to_string()),
        address,
        port.unwrap_or_else(not_used),
    ]
}

fn variables(
    program: &CheckProgram,
    backend: &Backend,
    index: ServerIndex,
) -> Vec<(&'static str, String)> {
    let server = backend.server(index);
    let (address, port) = place(&server.address);
    vec![
        ("HAPROXY_PROXY_NAME", backend.config.name.clone()),
        ("HAPROXY_PROXY_ID", backend.config.proxy_id.to_string()),
        ("HAPROXY_PROXY_ADDR", program.proxy_address.clone().unwrap_or_default()),
        ("HAPROXY_PROXY_PORT", program.proxy_port.map(|port| port.to_string()).unwrap_or_default()),
        ("HAPROXY_SERVER_NAME", server.config.name.clone()),
        ("HAPROXY_SERVER_ID", server.config.id.to_string()),
        ("HAPROXY_SERVER_ADDR", address),
        ("HAPROXY_SERVER_PORT", port.unwrap_or_default()),
        ("HAPROXY_SERVER_MAXCONN", server.maxconn.to_string()),
        ("HAPROXY_SERVER_CURCONN", server.counters.current.to_string()),
        ("HAPROXY_SERVER_SSL", "0".to_owned()),
        ("HAPROXY_SERVER_PROTO", "tcp".to_owned()),
        ("PATH", program.path.clone()),
    ]
}
