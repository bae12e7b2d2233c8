//! Reads sample expressions: a fetch with its arguments and a chain of converters, separated by
//! commas, with their types checked.

use std::net::IpAddr;

use super::expression::{
    BackendFact, Constant, Expression, Fetch, FrontendFact, ServerFact, ValueType,
};
use super::{acl, converters, entry_samples};
use crate::config::drafts::names::Names;
use crate::config::keywords::markdown::push_reasons;
use crate::config::keywords::refused_samples;
use crate::config::rules;
use crate::config::text::diagnostic::{Mistake, Parsed, Placed, TOLD};
use crate::config::text::nearest::hint;
use crate::config::{BackendId, FrontendId, ServerIndex, TableId};

/// What a function of an expression is given.
#[derive(Debug)]
pub(crate) struct Arguments<'a> {
    /// The function's name.
    name: &'a str,
    list: Vec<&'a str>,
    at: usize,
    names: Names<'a>,
}

/// One row of the table of fetches.
pub(crate) struct Row {
    pub(crate) name: &'static str,
    pub(crate) arguments: &'static str,
    pub(crate) help: &'static str,
    read: fn(&mut Arguments<'_>) -> Result<Fetch, String>,
    value_type: ValueType,
}

const fn row(
    name: &'static str,
    arguments: &'static str,
    help: &'static str,
    value_type: ValueType,
    read: fn(&mut Arguments<'_>) -> Result<Fetch, String>,
) -> Row {
    Row { name, arguments, help, read, value_type }
}

use ValueType::{Address, Binary, Bool, Integer, Text};

/// Every fetch but those of entries in stick tables.
pub(super) const FETCHES: &[Row] = &[
    row("always_true", "", "true", Bool, |_| Ok(Fetch::Constant(Constant::Bool(true)))),
    row("always_false", "", "false", Bool, |_| Ok(Fetch::Constant(Constant::Bool(false)))),
    row("bool", "<value>", "a constant", Bool, |a| a.boolean()),
    row("int", "<number>", "a constant", Integer, |a| {
        Ok(Fetch::Constant(Constant::Integer(a.number()?)))
    }),
    row("str", "[<text>]", "a constant", Text, |a| {
        let text = a.next().unwrap_or_default();
        Ok(Fetch::Constant(Constant::Text(text.as_bytes().to_vec())))
    }),
    row("ipv4", "<address>", "a constant", Address, |a| a.address(IpAddr::is_ipv4)),
    row("ipv6", "<address>", "a constant", Address, |a| a.address(IpAddr::is_ipv6)),
    row("src", "", "the client's address", Address, |_| Ok(Fetch::Source)),
    row("src_port", "", "the client's port", Integer, |_| Ok(Fetch::SourcePort)),
    row("src_is_local", "", "the client is on this machine", Bool, |_| Ok(Fetch::SourceIsLocal)),
    row("dst", "", "the address the client connected to", Address, |_| Ok(Fetch::Destination)),
    row("dst_port", "", "the port the client connected to", Integer, |_| {
        Ok(Fetch::DestinationPort)
    }),
    row("dst_is_local", "", "the client connected to this machine", Bool, |_| {
        Ok(Fetch::DestinationIsLocal)
    }),
    row("rand", "[<range>]", "a random number", Integer, |a| {
        let range = a.next().map(|text| text.parse().map_err(|_| a.wrong(text, "a number")));
        match range.transpose()? {
            Some(0) => Err("'rand' wants a range of at least 1".to_owned()),
            Some(range) => Ok(Fetch::Random(range)),
            None => Ok(Fetch::Random(u32::MAX)),
        }
    }),
    row("fe_name", "", "the frontend's name", Text, |_| Ok(Fetch::FrontendName)),
    row("be_name", "", "the backend's name", Text, |_| Ok(Fetch::BackendName)),
    row("fe_id", "", "the frontend's number", Integer, |_| Ok(Fetch::FrontendNumber)),
    row("be_id", "", "the backend's number", Integer, |_| Ok(Fetch::BackendNumber)),
    row("fe_conn", "[<frontend>]", "its connections", Integer, |a| {
        Ok(Fetch::Frontend(a.frontend()?, FrontendFact::Connections))
    }),
    row("fe_sess_rate", "[<frontend>]", "its new connections per second", Integer, |a| {
        Ok(Fetch::Frontend(a.frontend()?, FrontendFact::Rate))
    }),
    row("be_conn", "[<backend>]", "its connections", Integer, |a| {
        Ok(Fetch::Backend(a.backend()?, BackendFact::Connections))
    }),
    row("be_sess_rate", "[<backend>]", "its new connections per second", Integer, |a| {
        Ok(Fetch::Backend(a.backend()?, BackendFact::Rate))
    }),
    row("nbsrv", "[<backend>]", "its usable servers", Integer, |a| {
        Ok(Fetch::Backend(a.backend()?, BackendFact::Usable))
    }),
    row("queue", "[<backend>]", "connections that wait for a server", Integer, |a| {
        Ok(Fetch::Backend(a.backend()?, BackendFact::Queue))
    }),
    row("avg_queue", "[<backend>]", "the same for each usable server", Integer, |a| {
        Ok(Fetch::Backend(a.backend()?, BackendFact::AverageQueue))
    }),
    row("connslots", "[<backend>]", "room at servers and in their queues", Integer, |a| {
        Ok(Fetch::Backend(a.backend()?, BackendFact::Slots))
    }),
    row("srv_is_up", "[<backend>/]<server>", "the server is up", Bool, |a| {
        let (backend, server) = a.server()?;
        Ok(Fetch::Server(backend, server, ServerFact::IsUp))
    }),
    row("srv_conn", "[<backend>/]<server>", "its connections", Integer, |a| {
        let (backend, server) = a.server()?;
        Ok(Fetch::Server(backend, server, ServerFact::Connections))
    }),
    row("srv_conn_free", "[<backend>/]<server>", "connections it still takes", Integer, |a| {
        let (backend, server) = a.server()?;
        Ok(Fetch::Server(backend, server, ServerFact::Free))
    }),
    row("srv_queue", "[<backend>/]<server>", "connections that wait for it", Integer, |a| {
        let (backend, server) = a.server()?;
        Ok(Fetch::Server(backend, server, ServerFact::Queue))
    }),
    row("srv_sess_rate", "[<backend>/]<server>", "its connections per second", Integer, |a| {
        let (backend, server) = a.server()?;
        Ok(Fetch::Server(backend, server, ServerFact::Rate))
    }),
    row("table_cnt", "[<table>]", "entries of a table", Integer, |a| {
        Ok(Fetch::TableUsed(a.table()?))
    }),
    row("table_avl", "[<table>]", "room in a table", Integer, |a| Ok(Fetch::TableFree(a.table()?))),
    row("req.len", "", "bytes the client has sent", Integer, |_| Ok(Fetch::RequestLen)),
    row("req_len", "", "the same", Integer, |_| Ok(Fetch::RequestLen)),
    row("req.payload", "<offset>,<length>", "bytes the client has sent", Binary, payload),
    row("payload", "<offset>,<length>", "the same", Binary, payload),
    row("req.ssl_sni", "", "the name a TLS client asks for", Text, |_| Ok(Fetch::ServerName)),
    row("req_ssl_sni", "", "the same", Text, |_| Ok(Fetch::ServerName)),
    row("req.ssl_hello_type", "", "type of the TLS hello", Integer, |_| Ok(Fetch::HelloType)),
    row("req_ssl_hello_type", "", "the same", Integer, |_| Ok(Fetch::HelloType)),
    row("req.ssl_ver", "", "highest TLS version offered", Integer, |_| Ok(Fetch::HelloVersion)),
    row("req_ssl_ver", "", "the same", Integer, |_| Ok(Fetch::HelloVersion)),
    row("wait_end", "", "true once nothing more is waited for", Bool, |_| Ok(Fetch::WaitEnd)),
];

fn payload(arguments: &mut Arguments<'_>) -> Result<Fetch, String> {
    let mut number =
        || u32::try_from(arguments.number()?).map_err(|_| "an offset is not negative".to_owned());
    Ok(Fetch::Payload(number()?, number()?))
}

impl Expression {
    /// Whether it is about what the client has sent.
    pub(crate) fn needs_payload(&self) -> bool {
        matches!(
            self.fetch,
            Fetch::RequestLen
                | Fetch::Payload(..)
                | Fetch::ServerName
                | Fetch::HelloType
                | Fetch::HelloVersion
        )
    }

    /// Whether it is about the backend that the connection has.
    pub(super) fn needs_backend(&self) -> bool {
        matches!(self.fetch, Fetch::BackendName | Fetch::BackendNumber)
    }

    /// Whether it is about the address that the client connected to.
    pub(crate) fn needs_destination(&self) -> bool {
        matches!(
            self.fetch,
            Fetch::Destination | Fetch::DestinationPort | Fetch::DestinationIsLocal
        )
    }
}

/// Every sample and converter as Markdown.
pub(crate) fn reference() -> String {
    let mut text = "### samples\n\n| Sample | Meaning |\n|---|---|\n".to_owned();
    let refused = |text: &mut String, table| {
        push_reasons(text, "Refused", refused_samples::all(table));
    };
    let row = |text: &mut String, name: &str, arguments: &str, help: &str| {
        let arguments = if arguments.is_empty() { String::new() } else { format!("({arguments})") };
        text.push_str(&format!("| `{name}{arguments}` | {help} |\n"));
    };
    for Row { name, arguments, help, .. } in FETCHES {
        row(&mut text, name, arguments, help);
    }
    for name in entry_samples::sample_names() {
        row(&mut text, name, "", "of a tracked entry, or of the client's");
    }
    refused(&mut text, refused_samples::SAMPLES);
    text.push_str("\n### converters\n\n| Converter | Meaning |\n|---|---|\n");
    for converters::Row { name, arguments, help, .. } in converters::CONVERTERS {
        row(&mut text, name, arguments, help);
    }
    for name in entry_samples::converter_names() {
        row(&mut text, name, "<table>", "of the entry with this key");
    }
    refused(&mut text, refused_samples::CONVERTERS);
    text.push_str("\n### actions of `tcp-request`\n\n| Action | Meaning |\n|---|---|\n");
    for (name, help) in rules::ACTIONS {
        text.push_str(&format!("| `{name}` | {help} |\n"));
    }
    refused(&mut text, refused_samples::ACTIONS);
    text.push_str("\n### predefined acls\n\n| Acl | Meaning |\n|---|---|\n");
    for (name, words) in acl::PREDEFINED {
        text.push_str(&format!("| `{name}` | {} |\n", words.join(" ")));
    }
    refused(&mut text, refused_samples::ACLS);
    text
}

/// How many of the words from the first one on are one expression: blanks may stand between its
/// converters, where no list of patterns follows.
pub(crate) fn chain_len<'a>(words: impl Iterator<Item = &'a str>) -> usize {
    let mut goes_on = false;
    let belongs = |(at, word): &(usize, &str)| {
        let head = word.split(['(', ',']).next().unwrap_or_default();
        let is_other = matches!(head, "table" | "if" | "unless");
        let belongs = *at == 0 || converters::is_known(head) || (goes_on && !is_other);
        goes_on = word.ends_with(',');
        belongs
    };
    words.enumerate().take_while(belongs).count()
}

/// The words of one expression without the blanks between them.
pub(crate) fn joined<'a>(words: impl Iterator<Item = &'a str>) -> String {
    let parts: Vec<&str> = words.map(|word| word.strip_suffix(',').unwrap_or(word)).collect();
    parts.join(",")
}

/// Reads an expression.
pub(crate) fn read(word: &Placed<&str>, names: Names<'_>) -> Parsed<Expression> {
    parse(word.value, names).map_err(|message| Mistake::new(word.place, message))
}

fn parse(text: &str, names: Names<'_>) -> Result<Expression, String> {
    let mut functions = functions(text)?.into_iter();
    let (name, list) = functions.next().ok_or("an expression is missing")?;
    let mut arguments = Arguments { name, list, at: 0, names };
    let (fetch, mut value_type) = read_fetch(&mut arguments)?;
    arguments.finish()?;
    let mut converters = Vec::new();
    for (name, list) in functions {
        let mut arguments = Arguments { name, list, at: 0, names };
        let (converter, out) = converters::read(name, &mut arguments, value_type)?;
        arguments.finish()?;
        converters.push(converter);
        value_type = out;
    }
    Ok(Expression { fetch, converters, value_type })
}

fn read_fetch(arguments: &mut Arguments<'_>) -> Result<(Fetch, ValueType), String> {
    let name = arguments.name;
    if let Some(row) = FETCHES.iter().find(|row| row.name == name) {
        return Ok(((row.read)(arguments)?, row.value_type));
    }
    if let Some(found) = entry_samples::read_fetch(name, arguments)? {
        return Ok(found);
    }
    if let Some(refusal) = refused_samples::find(refused_samples::SAMPLES, name) {
        return Err(format!("'{name}' is refused: {}", refusal.reason()));
    }
    let known = FETCHES.iter().map(|row| row.name).chain(entry_samples::sample_names());
    let hint = hint(name, known);
    Err(format!("unknown sample '{name}'{hint}"))
}

/// Splits `a(b,c),d` into names with their arguments.
fn functions(text: &str) -> Result<Vec<(&str, Vec<&str>)>, String> {
    let mut found = Vec::new();
    let mut rest = text;
    loop {
        let end = rest.find(['(', ',']).unwrap_or(rest.len());
        let (name, tail) = rest.split_at(end);
        let (arguments, tail) = match tail.strip_prefix('(') {
            Some(inside) => {
                let missing = || format!("no closing parenthesis after '{name}'");
                let (inside, tail) = inside.split_once(')').ok_or_else(missing)?;
                let list = inside.split(',').map(str::trim);
                (if inside.is_empty() { Vec::new() } else { list.collect() }, tail)
            }
            None => (Vec::new(), tail),
        };
        found.push((name, arguments));
        match tail.strip_prefix(',') {
            Some(next) => rest = next,
            None if tail.is_empty() => return Ok(found),
            None => return Err(format!("unexpected '{tail}' after '{name}(…)'")),
        }
    }
}

impl<'a> Arguments<'a> {
    /// The next argument, if there is one that is not empty.
    pub(crate) fn next(&mut self) -> Option<&'a str> {
        let argument = self.list.get(self.at).copied()?;
        self.at += 1;
        Some(argument).filter(|argument| !argument.is_empty())
    }

    /// The next argument.
    pub(crate) fn required(&mut self, what: &str) -> Result<&'a str, String> {
        self.next().ok_or_else(|| format!("'{}' wants its {what} in parentheses", self.name))
    }

    fn finish(&mut self) -> Result<(), String> {
        match self.next() {
            Some(word) => Err(format!("'{}' has one argument too many: '{word}'", self.name)),
            None => Ok(()),
        }
    }

    fn wrong(&self, text: &str, what: &str) -> String {
        format!("'{}': '{text}' is not {what}", self.name)
    }

    /// A number.
    pub(crate) fn number(&mut self) -> Result<i64, String> {
        let text = self.required("number")?;
        text.parse().map_err(|_| self.wrong(text, "a number"))
    }

    /// A small number: the number of a counter or of an element.
    pub(crate) fn index(&mut self, below: u32) -> Result<u32, String> {
        let text = self.required("number")?;
        let number = text.parse().ok().filter(|number| *number < below);
        number.ok_or_else(|| self.wrong(text, &format!("a number below {below}")))
    }

    fn boolean(&mut self) -> Result<Fetch, String> {
        let text = self.required("value")?;
        let value = match text {
            "true" | "1" => true,
            "false" | "0" => false,
            _ => return Err(self.wrong(text, "true or false")),
        };
        Ok(Fetch::Constant(Constant::Bool(value)))
    }

    fn address(&mut self, is_right: fn(&IpAddr) -> bool) -> Result<Fetch, String> {
        let text = self.required("address")?;
        let address = text.parse().ok().filter(is_right);
        let address = address.ok_or_else(|| self.wrong(text, "such an address"))?;
        Ok(Fetch::Constant(Constant::Address(address)))
    }

    fn frontend(&mut self) -> Result<FrontendId, String> {
        let current = self.names.current;
        let name = match self.next() {
            Some(name) => name,
            None if current.kind.is_frontend() => &current.name,
            None => return Err(format!("'{}' wants the name of a frontend here", self.name)),
        };
        self.names.frontend(name)
    }

    fn backend(&mut self) -> Result<BackendId, String> {
        let current = self.names.current;
        match self.next() {
            Some(name) => self.names.backend(name),
            None if current.kind.is_backend() => self.names.backend(&current.name),
            None => Err(format!("'{}' wants the name of a backend here", self.name)),
        }
    }

    fn server(&mut self) -> Result<(BackendId, ServerIndex), String> {
        let name = self.required("server")?;
        let (backend, server) = name.split_once('/').unwrap_or((&self.names.current.name, name));
        self.names.server(backend, server)
    }

    /// A table: the section's own without an argument.
    pub(crate) fn table(&mut self) -> Result<TableId, String> {
        let own = self.names.current.table.as_ref().map(|_| self.names.current.name.as_str());
        match self.next().or(own) {
            Some(name) => self.names.table(name),
            None if self.names.current.gaps.may_say("stick-table") => Err(TOLD.to_owned()),
            None => Err(format!("'{}' wants a table: the section has none of its own", self.name)),
        }
    }

    /// A table, if one is named.
    pub(super) fn named_table(&mut self) -> Result<Option<TableId>, String> {
        self.next().map(|name| self.names.table(name)).transpose()
    }
}

impl Arguments<'_> {
    /// The table with this name.
    pub(super) fn find_table(&self, name: &str) -> Result<TableId, String> {
        self.names.table(name)
    }
}
