//! The words of a `server` line about its agent: a program beside the server that tells the state
//! of the server.

use super::interval;
use crate::config::keywords::{Keyword, exactly};
use crate::config::sections::server;

pub(in crate::config) const KEYWORDS: &[Keyword] = &[
    server::row(
        "agent-check",
        exactly(0),
        "",
        "Asks a program beside the server for the server's state, weight and limit. `agent-port` \
         names its port.",
        |server, _, _| {
            server.settings.health.agent.check = true;
            Ok(())
        },
    )
    .example("server s1 192.0.2.1:80 agent-check agent-port 9000")
    .differs("HAProxy forgets what the agent said when it reloads."),
    server::row(
        "no-agent-check",
        exactly(0),
        "",
        "Undoes an `agent-check` that the line inherits.",
        |server, _, _| {
            server.settings.health.agent.check = false;
            Ok(())
        },
    )
    .example("server s1 192.0.2.1:80 no-agent-check"),
    server::row(
        "agent-port",
        exactly(1),
        "<port>",
        "Sets the port of the agent.",
        |server, line, _| {
            let port = line.number(0, 1..=u32::from(u16::MAX))?;
            server.settings.health.agent.port = u16::try_from(port).ok();
            Ok(())
        },
    )
    .example("server s1 192.0.2.1:80 agent-check agent-port 9000"),
    server::row(
        "agent-addr",
        exactly(1),
        "<address>",
        "Sets the address of the agent.",
        |server, line, _| {
            server.settings.health.agent.addr = Some(server::read_host(line)?);
            Ok(())
        },
    )
    .by_default("the address that is checked")
    .example("server s1 192.0.2.1:80 agent-check agent-port 9000 agent-addr 192.0.2.9"),
    server::row(
        "agent-inter",
        exactly(1),
        "<time>",
        "Sets the time between two questions to the agent.",
        |s, line, _| {
            s.settings.health.agent.inter_ms = interval(line)?;
            Ok(())
        },
    )
    .by_default("2s")
    .example("server s1 192.0.2.1:80 agent-check agent-port 9000 agent-inter 5s"),
    server::row(
        "agent-send",
        exactly(1),
        "<text>",
        "Sends this text to the agent first.",
        |server, line, _| {
            line.argument(0)?.value.clone_into(&mut server.settings.health.agent.send);
            Ok(())
        },
    )
    .by_default("the agent is sent nothing")
    .example("server s1 192.0.2.1:80 agent-check agent-port 9000 agent-send \"state\\n\""),
];
