//! The keywords of `resolvers` sections.

use std::net::{IpAddr, SocketAddr};
use std::path::Path;

use crate::config::drafts::ResolversDraft;
use crate::config::keywords::{Arity, Handling, Keyword, Scope, exactly};
use crate::config::text::address;
use crate::config::text::address::Transport;
use crate::config::text::diagnostic::{Mistake, Parsed};
use crate::config::text::line::Line;
use crate::config::text::report::Report;
use crate::config::text::text_file;
use crate::config::{Nameserver, Resolvers};
use crate::net::address::Address;

const RESOLV_CONF: &str = "/etc/resolv.conf";
const DNS_PORT: u16 = 53;

const fn row(
    name: &'static str,
    arity: Arity,
    arguments: &'static str,
    help: &'static str,
    read: fn(&mut ResolversDraft, &Line<'_>, &mut Report) -> Parsed,
) -> Keyword {
    Keyword::new(name, Scope::RESOLVERS, arity, arguments, help, Handling::Resolvers(read))
}

const fn time(
    name: &'static str,
    help: &'static str,
    read: fn(&mut ResolversDraft, &Line<'_>, &mut Report) -> Parsed,
) -> Keyword {
    row(name, exactly(1), "<time>", help, read)
}

pub(in crate::config) const KEYWORDS: &[Keyword] = &[
    row(
        "nameserver",
        exactly(2),
        "<name> [udp@|tcp@]<address>:<port>",
        "Adds a DNS server. All of a section are asked at a time, and the first good answer \
         counts. Questions go in datagrams, with `tcp@` over TCP. An answer that does not fit a \
         datagram is asked for again over TCP.",
        read_nameserver,
    )
    .example("nameserver dns1 192.0.2.53:53")
    .differs("HAProxy does not ask again over TCP."),
    row(
        "parse-resolv-conf",
        exactly(0),
        "",
        "Adds the nameservers of /etc/resolv.conf, as they are at the start.",
        |draft, line, report| {
            add_resolv_conf(&mut draft.resolvers, line, report);
            Ok(())
        },
    )
    .example("parse-resolv-conf"),
    row(
        "accepted_payload_size",
        exactly(1),
        "<bytes>",
        "Sets the longest datagram that is accepted, and told to the nameservers.",
        |draft, line, report| {
            let size = line.number(0, 0..=u32::MAX)?;
            let fitting = size.clamp(Resolvers::PAYLOAD_SIZE_MIN.into(), u16::MAX.into());
            if size != fitting {
                let message = format!("'accepted_payload_size' is {fitting}, not {size}");
                report.warning(line.place, message);
            }
            draft.resolvers.payload_size = u16::try_from(fitting).unwrap_or(u16::MAX);
            Ok(())
        },
    )
    .by_default("512")
    .example("accepted_payload_size 8192"),
    row(
        "resolve_retries",
        exactly(1),
        "<count>",
        "Says how often a question is tried before the name counts as not found.",
        |draft, line, _| {
            draft.resolvers.tries = line.number(0, 0..=u32::MAX)?.max(1);
            Ok(())
        },
    )
    .by_default("3")
    .example("resolve_retries 3"),
    time("timeout resolve", "Sets the time between two questions for a name.", |draft, line, _| {
        draft.resolvers.resolve_ms = line.time_ms(0)?;
        Ok(())
    })
    .by_default("1s")
    .example("timeout resolve 1s"),
    time(
        "timeout retry",
        "Sets how long an answer is awaited before the question is tried again.",
        |draft, line, _| {
            draft.resolvers.retry_ms = line.time_ms(0)?;
            Ok(())
        },
    )
    .by_default("1s")
    .example("timeout retry 500ms"),
    time(
        "hold valid",
        "Is accepted for HAProxy's sake: names are asked for again after `timeout resolve`, and \
         until then the answer counts.",
        |draft, line, _| {
            draft.resolvers.hold.valid_ms = line.time_ms(0)?;
            Ok(())
        },
    )
    .by_default("10s")
    .example("hold valid 10s")
    .differs("In HAProxy it is for names that rules ask for."),
    time(
        "hold nx",
        "Keeps the address of a server for this time after the last good answer, while the \
         nameservers say that there is no such name. Then the server is in maintenance.",
        |draft, line, _| {
            draft.resolvers.hold.nx_ms = line.time_ms(0)?;
            Ok(())
        },
    )
    .by_default("30s")
    .example("hold nx 30s"),
    time(
        "hold refused",
        "Does the same while the nameservers refuse to answer.",
        |draft, line, _| {
            draft.resolvers.hold.refused_ms = line.time_ms(0)?;
            Ok(())
        },
    )
    .by_default("30s")
    .example("hold refused 30s"),
    time("hold timeout", "Does the same while the nameservers do not answer.", |draft, line, _| {
        draft.resolvers.hold.timeout_ms = line.time_ms(0)?;
        Ok(())
    })
    .by_default("30s")
    .example("hold timeout 1h"),
    time(
        "hold other",
        "Does the same while the nameservers answer with other errors.",
        |draft, line, _| {
            draft.resolvers.hold.other_ms = line.time_ms(0)?;
            Ok(())
        },
    )
    .by_default("30s")
    .example("hold other 30s"),
    time(
        "hold obsolete",
        "Keeps an address or a record for this time after the last answer that had it, while \
         other answers for the name come without it.",
        |draft, line, _| {
            draft.resolvers.hold.obsolete_ms = line.time_ms(0)?;
            Ok(())
        },
    )
    .by_default("0")
    .example("hold obsolete 30s"),
];

fn read_nameserver(draft: &mut ResolversDraft, line: &Line<'_>, report: &mut Report) -> Parsed {
    let (name, typed) = (line.argument(0)?, line.argument(1)?);
    if let Some(other) = draft.places.insert(name.value.to_owned(), name.place) {
        let at = report.name(other);
        let message = format!("there is a nameserver '{}' already, at {at}", name.value);
        return Err(Mistake::new(name.place, message));
    }
    let wrong = |why: String| Mistake::new(typed.place, format!("address '{}' {why}", typed.value));
    let (address, transport) =
        address::nameserver(typed.value, line.hosts).map_err(|error| wrong(error.to_string()))?;
    let Address::Ip(address) = address else {
        return Err(wrong("is not an IP address".to_owned()));
    };
    let by_tcp = transport == Transport::Stream;
    draft.resolvers.nameservers.push(Nameserver { name: name.value.to_owned(), address, by_tcp });
    Ok(())
}

/// Adds the nameservers of the system.
pub(in crate::config) fn add_resolv_conf(
    resolvers: &mut Resolvers,
    line: &Line<'_>,
    report: &mut Report,
) {
    match system_nameservers() {
        Ok(found) => resolvers.nameservers.extend(found),
        Err(error) => report.warning(line.place, format!("{RESOLV_CONF}: {error}")),
    }
}

/// The nameservers of the system.
pub(in crate::config) fn system_nameservers() -> std::io::Result<Vec<Nameserver>> {
    let text = text_file::read(Path::new(RESOLV_CONF))?;
    Ok(nameservers_in(&String::from_utf8_lossy(&text)))
}

fn nameservers_in(text: &str) -> Vec<Nameserver> {
    let words = text.lines().map(|line| line.split_ascii_whitespace());
    let found = words.filter_map(|mut words| {
        let ip: IpAddr = (words.next()? == "nameserver").then(|| words.next())??.parse().ok()?;
        let address = SocketAddr::new(ip, DNS_PORT);
        Some(Nameserver { name: ip.to_string(), address, by_tcp: false })
    });
    found.collect()
}

/// Reports what can only be known at the end of the section.
pub(in crate::config) fn complete(draft: &ResolversDraft, report: &mut Report) -> Resolvers {
    if draft.resolvers.nameservers.is_empty() && !draft.gaps.may_say("nameserver") {
        report.warning(draft.place, "the section has no nameservers");
    }
    draft.resolvers.clone()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_nameservers_of_the_system_are_read() {
        let text = "# nameserver 192.0.2.1\n\
                    search a.test\nnameserver 192.0.2.2\n nameserver  2001:db8::1 # comment\n\
                    nameserver x\nnameserver\noptions ndots:5";
        let found = nameservers_in(text);
        let shown: Vec<String> = found.iter().map(|found| found.address.to_string()).collect();
        assert_eq!(shown, ["192.0.2.2:53", "[2001:db8::1]:53"]);
        assert_eq!(found[1].name, "2001:db8::1");
    }
}
