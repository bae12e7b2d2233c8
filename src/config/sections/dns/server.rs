//! The words of a server that say how its name becomes an address.

use crate::config::drafts::ServerWords;
use crate::config::keywords::{Keyword, exactly};
use crate::config::sections::server::row;
use crate::config::text::address;
use crate::config::text::diagnostic::{Mistake, Parsed, Placed};
use crate::config::text::line::Line;
use crate::config::text::report::Report;

use super::init_addr;

pub(in crate::config) const KEYWORDS: &[Keyword] = &[
    row(
        "resolvers",
        exactly(1),
        "<section>",
        "Asks the nameservers of this section for the address of the server again and again, and \
         moves the server when the address changes. A name of a service (`_http._tcp.name`) has \
         records with hosts, ports and weights; each server of a `server-template` takes one. A \
         server without an address is in maintenance. The section `default` need not be written: \
         it has the nameservers of /etc/resolv.conf.",
        read_resolvers,
    )
    .by_default("a name is looked up once, at the start")
    .example("server s1 db.example.com:5432 resolvers mydns init-addr last,none")
    .differs(
        "HAProxy lets a server go at once whose address was found by `libc` and whose name the \
         nameservers do not find; here `hold` counts from the start.",
    ),
    row(
        "resolve-prefer",
        exactly(1),
        "ipv4|ipv6",
        "Asks for addresses of this family first, and for the others only if there are none.",
        read_prefer,
    )
    .by_default("ipv6")
    .example("server s1 db.example.com:5432 resolvers mydns resolve-prefer ipv4 init-addr none"),
    row(
        "resolve-net",
        exactly(1),
        "<network>[,...]",
        "Takes addresses of these networks first, those of the first network before the others.",
        read_networks,
    )
    .example("server s1 db.example.com:5432 resolvers mydns resolve-net 10.0.0.0/8 init-addr none"),
    row(
        "resolve-opts",
        exactly(1),
        "<option>[,...]",
        "Changes how answers are used: `allow-dup-ip` lets several servers of a backend with the \
         same name have the same address, `prevent-dup-ip` takes that back, `ignore-weight` keeps \
         the weight of the line, whatever the record of a service says.",
        read_options,
    )
    .example(
        "server s1 _sip._tcp.example.com resolvers mydns resolve-opts ignore-weight init-addr none",
    ),
    row(
        "init-addr",
        exactly(1),
        "<method>[,...]",
        "Says how the address of a named server is found at the start. The methods are tried in \
         their order: `libc` asks the system, `none` starts the server in maintenance (until \
         `resolvers` find it, if the line has them), an address is taken as it is, `last` finds \
         nothing.",
        init_addr::read,
    )
    .by_default("last,libc")
    .example("server s1 192.0.2.1:80 init-addr libc,none")
    .differs("HAProxy's `last` reads its state file. A reload keeps the addresses here anyway."),
];

fn read_resolvers(server: &mut ServerWords, line: &Line<'_>, _: &mut Report) -> Parsed {
    let name = line.argument(0)?;
    server.resolvers = Some(Placed { value: name.value.to_owned(), place: name.place });
    Ok(())
}

fn read_prefer(server: &mut ServerWords, line: &Line<'_>, _: &mut Report) -> Parsed {
    let family = line.argument(0)?;
    server.choice_place = Some(line.place);
    server.choice.prefers_ipv4 = match family.value {
        "ipv4" => true,
        "ipv6" => false,
        other => {
            let message = format!("'resolve-prefer' wants 'ipv4' or 'ipv6', not '{other}'");
            return Err(Mistake::new(family.place, message));
        }
    };
    Ok(())
}

fn read_networks(server: &mut ServerWords, line: &Line<'_>, _: &mut Report) -> Parsed {
    let list = line.argument(0)?;
    server.choice_place = Some(line.place);
    let network = |text: &str| {
        address::network(text).ok_or_else(|| {
            Mistake::new(list.place, format!("'resolve-net': '{text}' is not a network"))
        })
    };
    server.choice.networks = list.value.split(',').map(network).collect::<Parsed<_>>()?;
    Ok(())
}

fn read_options(server: &mut ServerWords, line: &Line<'_>, _: &mut Report) -> Parsed {
    let list = line.argument(0)?;
    server.choice_place = Some(line.place);
    for option in list.value.split(',') {
        match option {
            "allow-dup-ip" => server.choice.allows_same_ip = true,
            "prevent-dup-ip" => server.choice.allows_same_ip = false,
            "ignore-weight" => server.choice.ignores_weight = true,
            other => {
                let message = format!(
                    "unknown option '{other}': 'allow-dup-ip', 'prevent-dup-ip' or 'ignore-weight'"
                );
                return Err(Mistake::new(list.place, message));
            }
        }
    }
    Ok(())
}
