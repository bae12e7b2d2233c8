//! Converters of the names of backends and servers, and of the keys of tables.

use super::row::{BYTES, ConverterRow, row};
use crate::config::rules::arguments::Arguments;
use crate::config::rules::expression::ValueType::Integer;
use crate::config::rules::expression::{Converter, EntryTime};

pub(super) const CONVERTERS: &[ConverterRow] = &[
    row(
        "nbsrv",
        (BYTES, Integer),
        |_| Ok(Converter::UsableServers),
        "The servers that can take connections in the backend with this name. There is no value \
         without such a backend.",
        "use_backend web if { str(web),nbsrv gt 0 }",
    ),
    row(
        "srv_queue",
        (BYTES, Integer),
        |_| Ok(Converter::ServerQueue),
        "The connections that wait for the server with this name: `backend/server`, or a server of \
         the section itself. There is no value without such a server.",
        "use_backend web if { str(web/s1),srv_queue 0 }",
    ),
    row(
        "table_expire",
        (BYTES, Integer),
        |arguments| read_time(arguments, EntryTime::Left),
        "The milliseconds until the table's entry with this key expires, or the default without \
         such an entry.",
        "use_backend web if { src,table_expire(clients,0) gt 1000 }",
    )
    .arguments("<table>[,<default>]"),
    row(
        "table_idle",
        (BYTES, Integer),
        |arguments| read_time(arguments, EntryTime::Idle),
        "The milliseconds since the table's entry with this key was touched, or the default \
         without such an entry.",
        "use_backend web if { src,table_idle(clients,0) gt 1000 }",
    )
    .arguments("<table>[,<default>]"),
];

fn read_time(arguments: &mut Arguments<'_>, time: EntryTime) -> Result<Converter, String> {
    Ok(Converter::EntryTime(arguments.required_table()?, time, arguments.optional_number()?))
}
