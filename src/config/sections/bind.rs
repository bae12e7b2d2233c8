//! `bind` lines and their words. A `stats socket` line has the same form.

use std::sync::LazyLock;

use nix::unistd::{Group, User};

use super::{tcp, threads, tls};
use crate::config::drafts::BindDraft;
use crate::config::keywords::table::Table;
use crate::config::keywords::words::WordTarget;
use crate::config::keywords::{Arity, Handling, Keyword, Scope, exactly};
use crate::config::keywords::{inert, refused, words};
use crate::config::text::address;
use crate::config::text::diagnostic::{Mistake, Parsed, Placed};
use crate::config::text::line::Line;
use crate::config::text::report::Report;
use crate::config::{BindAddress, Level};

const fn row(
    name: &'static str,
    scope: Scope,
    arity: Arity,
    arguments: &'static str,
    help: &'static str,
    read: fn(&mut BindDraft, &Line<'_>, &mut Report) -> Parsed,
) -> Keyword {
    Keyword::new(name, scope, arity, arguments, help, Handling::Bind(read))
}

const BOTH: Scope = Scope::LISTENER;

pub(in crate::config) const KEYWORDS: &[Keyword] = &[
    row("name", BOTH, exactly(1), "<name>", "Names the listener in statistics.", read_name)
        .example("bind :80 name public"),
    row(
        "id",
        BOTH,
        exactly(1),
        "<number>",
        "Gives the listener this number in statistics.",
        read_id,
    )
    .by_default("the next number that is free")
    .example("bind :80 id 1"),
    row(
        "backlog",
        BOTH,
        exactly(1),
        "<count>",
        "Sets the length of the kernel's queue of connections that are not accepted yet; 0 is as \
         if the word were missing.",
        read_backlog,
    )
    .by_default("`backlog` of the section, else `maxconn` of the listener or of the section")
    .example("bind :80 backlog 1000"),
    row(
        "maxconn",
        BOTH,
        exactly(1),
        "<count>",
        "Limits the connections through this listener at a time; 0 means no limit.",
        read_maxconn,
    )
    .by_default("no limit")
    .example("bind :80 maxconn 1000"),
    row(
        "accept-proxy",
        Scope::BIND,
        exactly(0),
        "",
        "Wants a PROXY header, of version 1 or 2, at the beginning of every connection.",
        |bind, _, _| {
            bind.settings.accept_proxy = true;
            Ok(())
        },
    )
    .example("bind :80 accept-proxy"),
    row(
        "interface",
        BOTH,
        exactly(1),
        "<name>",
        "Listens on this network interface only.",
        read_interface,
    )
    .example("bind :80 interface lo"),
    row(
        "v4v6",
        BOTH,
        exactly(0),
        "",
        "Takes clients of IPv4 at an address of IPv6 too.",
        |bind, _, _| {
            bind.settings.v4v6 = Some(true);
            Ok(())
        },
    )
    .example("bind :::80 v4v6"),
    row(
        "v6only",
        BOTH,
        exactly(0),
        "",
        "Takes clients of IPv6 only at an address of IPv6.",
        |bind, _, _| {
            bind.settings.v4v6 = Some(false);
            Ok(())
        },
    )
    .example("bind :::80 v6only"),
    row(
        "process",
        BOTH,
        exactly(1),
        "[<process>/]<thread>[-<thread>]",
        "Is accepted for HAProxy's sake: one thread serves every listener.",
        threads::read_threads,
    )
    .example("bind :80 process 1")
    .differs("HAProxy chooses among its threads."),
    row(
        "thread",
        BOTH,
        exactly(1),
        "[<group>/]<thread>[-<thread>]",
        "Is accepted for HAProxy's sake: one thread serves every listener.",
        threads::read_threads,
    )
    .example("bind :80 thread 1")
    .differs("HAProxy chooses among its threads."),
    row(
        "shards",
        BOTH,
        exactly(1),
        "<count>|by-thread|by-group",
        "Is accepted for HAProxy's sake: every listener has one socket.",
        threads::read_shards,
    )
    .by_default("1")
    .example("bind :80 shards by-thread")
    .differs("HAProxy opens so many sockets."),
    row(
        "mode",
        BOTH,
        exactly(1),
        "<octal>",
        "Gives the file of a unix socket this mode, in octal digits.",
        read_mode,
    )
    .by_default("as the process's umask says")
    .example("bind /run/app.sock mode 660"),
    row(
        "user",
        BOTH,
        exactly(1),
        "<name>",
        "Makes the user of this name the owner of the file of a unix socket.",
        read_user,
    )
    .example("bind /run/app.sock user nobody"),
    row(
        "uid",
        BOTH,
        exactly(1),
        "<number>",
        "Makes the user of this number the owner of the file of a unix socket.",
        read_uid,
    )
    .example("bind /run/app.sock uid 65534"),
    row(
        "group",
        BOTH,
        exactly(1),
        "<name>",
        "Gives the file of a unix socket to the group of this name.",
        read_group,
    )
    .example("bind /run/app.sock group daemon"),
    row(
        "gid",
        BOTH,
        exactly(1),
        "<number>",
        "Gives the file of a unix socket to the group of this number.",
        read_gid,
    )
    .example("bind /run/app.sock gid 65534"),
    row(
        "level",
        Scope::STATS_SOCKET,
        exactly(1),
        "user|operator|admin",
        "Says what the clients of the Runtime API may do: read what is harmless, read all and \
         change little, or everything.",
        read_level,
    )
    .by_default("operator")
    .example("stats socket /run/stickd.sock level admin"),
    row(
        "expose-fd",
        Scope::STATS_SOCKET,
        exactly(1),
        "listeners",
        "Is accepted for HAProxy's sake: a reload hands over the listening sockets by itself.",
        read_expose_fd,
    )
    .example("stats socket /run/stickd.sock expose-fd listeners")
    .differs("HAProxy hands over its sockets only with this word."),
];

/// The rows of the words of a `bind` or `stats socket` line.
pub(super) static WORDS: LazyLock<Table> = LazyLock::new(|| {
    let of_tls = tls::BIND_KEYWORDS.iter().chain(tls::BIND_SHARED);
    let rows = KEYWORDS.iter().chain(tcp::KEYWORDS).chain(of_tls);
    Table::new(rows.chain(inert::keywords()).chain(refused::keywords()))
});

impl WordTarget for BindDraft {
    fn read_word(&mut self, keyword: &Keyword, line: &Line<'_>, report: &mut Report) -> Parsed {
        match keyword.handling {
            Handling::Bind(read) => read(self, line, report),
            _ => Err(line.mistake(format!("'{}' cannot stand here", keyword.name))),
        }
    }
}

/// Reads an address and the words after the address, which is the argument `first` of the line.
pub(in crate::config) fn read(
    line: &Line<'_>,
    first: usize,
    scope: Scope,
    defaults: &BindDraft,
    report: &mut Report,
) -> Parsed<BindDraft> {
    let mut bind = defaults.clone();
    let typed = line.argument(first)?;
    bind.place = typed.place;
    let addresses = address::listening(typed.value, line.hosts).map_err(|error| {
        Mistake::new(typed.place, format!("'{}': address '{}' {error}", line.keyword, typed.value))
    });
    words::read(line, first + 1, &WORDS, scope, &mut bind, report);
    bind.addresses = addresses?;
    check(&bind, report);
    Ok(bind)
}

fn check(bind: &BindDraft, report: &mut Report) {
    if bind.addresses.len() > 1
        && let Some(id) = &bind.id
    {
        report.error(id.place, "'id' can only be given to a single address");
    }
    let is_unix = |address: &BindAddress| match address {
        BindAddress::Address(address) => address.ip().is_none(),
        BindAddress::Fd(_) => true,
    };
    let words = &bind.settings;
    let has_unix_words = words.mode.is_some() || words.uid.is_some() || words.gid.is_some();
    if has_unix_words && !bind.addresses.iter().any(is_unix) {
        report.warning(bind.place, "mode, owner and group have no effect: not a unix socket");
    }
}

fn read_name(bind: &mut BindDraft, line: &Line<'_>, _: &mut Report) -> Parsed {
    bind.settings.name = Some(line.argument(0)?.value.to_owned());
    Ok(())
}

fn read_id(bind: &mut BindDraft, line: &Line<'_>, _: &mut Report) -> Parsed {
    let value = line.number(0, 1..=i32::MAX.unsigned_abs())?;
    bind.id = Some(Placed { value, place: line.place });
    Ok(())
}

fn read_backlog(bind: &mut BindDraft, line: &Line<'_>, _: &mut Report) -> Parsed {
    bind.settings.backlog =
        Some(line.size(0, 0..=i32::MAX.unsigned_abs())?).filter(|count| *count > 0);
    Ok(())
}

fn read_maxconn(bind: &mut BindDraft, line: &Line<'_>, _: &mut Report) -> Parsed {
    bind.settings.maxconn =
        Some(line.size(0, 0..=i32::MAX.unsigned_abs())?).filter(|count| *count > 0);
    Ok(())
}

fn read_interface(bind: &mut BindDraft, line: &Line<'_>, _: &mut Report) -> Parsed {
    bind.settings.interface = Some(interface_name(&line.argument(0)?)?);
    Ok(())
}

/// Reads the name of a network interface.
pub(super) fn interface_name(name: &Placed<&str>) -> Parsed<String> {
    if !(1..=15).contains(&name.value.len()) {
        return Err(Mistake::new(name.place, "the name of an interface has 1 to 15 bytes"));
    }
    Ok(name.value.to_owned())
}

fn read_mode(bind: &mut BindDraft, line: &Line<'_>, _: &mut Report) -> Parsed {
    bind.settings.mode = Some(octal_mode(&line.argument(0)?)?);
    Ok(())
}

/// Reads the mode of a file, which is written in octal digits.
pub(super) fn octal_mode(mode: &Placed<&str>) -> Parsed<u32> {
    let octal = u32::from_str_radix(mode.value, 8).ok().filter(|mode| *mode <= 0o7777);
    let wrong = || Mistake::new(mode.place, format!("'{}' is not an octal file mode", mode.value));
    octal.ok_or_else(wrong)
}

fn read_user(bind: &mut BindDraft, line: &Line<'_>, _: &mut Report) -> Parsed {
    bind.settings.uid = Some(user(line)?);
    Ok(())
}

fn read_group(bind: &mut BindDraft, line: &Line<'_>, _: &mut Report) -> Parsed {
    bind.settings.gid = Some(group(line)?);
    Ok(())
}

fn read_uid(bind: &mut BindDraft, line: &Line<'_>, _: &mut Report) -> Parsed {
    bind.settings.uid = Some(line.number(0, 0..=u32::MAX - 1)?);
    Ok(())
}

fn read_gid(bind: &mut BindDraft, line: &Line<'_>, _: &mut Report) -> Parsed {
    bind.settings.gid = Some(line.number(0, 0..=u32::MAX - 1)?);
    Ok(())
}

fn read_level(bind: &mut BindDraft, line: &Line<'_>, _: &mut Report) -> Parsed {
    let level = line.argument(0)?;
    bind.level = Some(match level.value {
        "user" => Level::User,
        "operator" => Level::Operator,
        "admin" => Level::Admin,
        other => {
            let message = format!("level '{other}' is not 'user', 'operator' or 'admin'");
            return Err(Mistake::new(level.place, message));
        }
    });
    Ok(())
}

fn read_expose_fd(_: &mut BindDraft, line: &Line<'_>, report: &mut Report) -> Parsed {
    let what = line.argument(0)?;
    if what.value != "listeners" {
        return Err(Mistake::new(what.place, "'expose-fd' only supports 'listeners'"));
    }
    report.inert(line.place, "expose-fd", "a reload passes the sockets by itself");
    Ok(())
}

/// The number of the user that the first argument names.
pub(in crate::config) fn user(line: &Line<'_>) -> Parsed<u32> {
    let name = line.argument(0)?;
    match User::from_name(name.value) {
        Ok(Some(user)) => Ok(user.uid.as_raw()),
        _ => Err(Mistake::new(name.place, format!("there is no user named '{}'", name.value))),
    }
}

/// The number of the group that the first argument names.
pub(in crate::config) fn group(line: &Line<'_>) -> Parsed<u32> {
    let name = line.argument(0)?;
    match Group::from_name(name.value) {
        Ok(Some(group)) => Ok(group.gid.as_raw()),
        _ => Err(Mistake::new(name.place, format!("there is no group named '{}'", name.value))),
    }
}
