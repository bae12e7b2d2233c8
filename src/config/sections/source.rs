//! `source`: the address from which servers are connected to.

use super::bind;
use crate::config::drafts::{ProxyDraft, ServerWords};
use crate::config::text::address;
use crate::config::text::diagnostic::{Mistake, Parsed, Placed};
use crate::config::text::line::Line;
use crate::config::text::report::Report;
use crate::config::{ForeignSource, Source};
use crate::net::address::Address;

/// Reads the line of a section: `<address> [usesrc <address>] [interface <name>]`.
pub(super) fn read_line(proxy: &mut ProxyDraft, line: &Line<'_>, _: &mut Report) -> Parsed {
    let mut source = plain(line)?;
    let mut at = 1;
    while let Some(word) = line.get(at) {
        match word.value {
            "interface" => {
                source.interface = Some(bind::interface_name(&line.argument(at + 1)?)?);
            }
            "usesrc" => source.foreign = Some(foreign(&line.argument(at + 1)?, line)?),
            other => {
                let message = format!("'{other}' is not 'usesrc' or 'interface'");
                return Err(Mistake::new(word.place, message));
            }
        }
        at += 2;
    }
    proxy.settings.source = Some(source);
    Ok(())
}

/// The address in the first argument, as it is without other words.
pub(super) fn plain(line: &Line<'_>) -> Parsed<Source> {
    let address = address(&line.argument(0)?, line)?;
    Ok(Source { address, interface: None, foreign: None })
}

/// Reads the word `usesrc` of a server.
pub(super) fn read_usesrc(server: &mut ServerWords, line: &Line<'_>, _: &mut Report) -> Parsed {
    let foreign = foreign(&line.argument(0)?, line)?;
    of(server, line)?.foreign = Some(foreign);
    Ok(())
}

/// The source of a server, which its other words are about.
pub(super) fn of<'a>(server: &'a mut ServerWords, line: &Line<'_>) -> Parsed<&'a mut Source> {
    let missing = || line.mistake(format!("'{}' has to follow 'source <address>'", line.keyword));
    server.settings.source.as_mut().ok_or_else(missing)
}

/// Reads an address. The port may be missing.
pub(super) fn address(typed: &Placed<&str>, line: &Line<'_>) -> Parsed<Address> {
    address::source(typed.value, line.hosts)
        .map_err(|error| Mistake::new(typed.place, format!("address '{}' {error}", typed.value)))
}

fn foreign(typed: &Placed<&str>, line: &Line<'_>) -> Parsed<ForeignSource> {
    Ok(match typed.value {
        "client" => ForeignSource::Client,
        "clientip" => ForeignSource::ClientIp,
        header if header.starts_with("hdr_ip(") => {
            let message = "'usesrc hdr_ip(...)' is refused: it reads a header of HTTP";
            return Err(Mistake::new(typed.place, message));
        }
        _ => ForeignSource::Address(address(typed, line)?),
    })
}
