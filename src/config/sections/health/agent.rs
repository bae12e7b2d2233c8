//! Agent checks as configured: a program beside the server is asked how it is.

use super::{INTER_MS, interval};
use crate::config::AgentCheck;
use crate::config::drafts::AgentDraft;
use crate::config::drafts::ServerDraft;
use crate::config::keywords::{Keyword, exactly};
use crate::config::sections::server;
use crate::config::text::report::Report;
use crate::net::address::Address;

impl AgentDraft {
    /// The meaning of the words for this server.
    pub(crate) fn resolve(&self, server: &ServerDraft, report: &mut Report) -> Option<AgentCheck> {
        if !self.check {
            return None;
        }
        let Some(port) = self.port else {
            let message = "'agent-check' wants an 'agent-port'";
            report.error(server.name.place, message);
            return None;
        };
        let health = &server.settings.health;
        let host = self.addr.as_ref().or(health.addr.as_ref()).unwrap_or(&server.address);
        let mut address = host.clone();
        match &mut address {
            Address::Ip(ip) => ip.set_port(port),
            Address::Unix(_) | Address::Abstract(_) => {
                let message = "'agent-check' of a server at a socket file wants an 'agent-addr'";
                report.error(server.name.place, message);
            }
        }
        let inter_ms = self.inter_ms.unwrap_or(INTER_MS);
        Some(AgentCheck { address, inter_ms, script: AgentCheck::script(self.send.as_bytes()) })
    }
}

pub(crate) const KEYWORDS: &[Keyword] = &[
    server::row(
        "agent-check",
        exactly(0),
        "",
        "ask a program beside it how it is",
        |server, _, _| {
            server.health.agent.check = true;
            Ok(())
        },
    ),
    server::row("no-agent-check", exactly(0), "", "takes `agent-check` back", |server, _, _| {
        server.health.agent.check = false;
        Ok(())
    }),
    server::row(
        "agent-port",
        exactly(1),
        "<port>",
        "the port of that program",
        |server, line, _| {
            let port = line.number(0, 1..=u32::from(u16::MAX))?;
            server.health.agent.port = u16::try_from(port).ok();
            Ok(())
        },
    ),
    server::row(
        "agent-addr",
        exactly(1),
        "<address>",
        "its address (the server's)",
        |server, line, _| {
            server.health.agent.addr = Some(server::read_host(line)?);
            Ok(())
        },
    ),
    server::row(
        "agent-inter",
        exactly(1),
        "<time>",
        "time between questions (2s)",
        |s, line, _| {
            s.health.agent.inter_ms = Some(interval(line)?);
            Ok(())
        },
    ),
    server::row(
        "agent-send",
        exactly(1),
        "<text>",
        "what that program is sent",
        |server, line, _| {
            line.argument(0)?.value.clone_into(&mut server.health.agent.send);
            Ok(())
        },
    ),
];
