//! Samples of the process and of the time.

use super::row::{SampleRow, row};
use crate::config::rules::arguments::Arguments;
use crate::config::rules::converter::TimeUnit;
use crate::config::rules::expression::ValueType::{Bool, Integer, Text};
use crate::config::rules::expression::{Fetch, NumberFetch};

pub(super) const SAMPLES: &[SampleRow] = &[
    row(
        "date",
        "[<offset>[,<unit>]]",
        Integer,
        read_date,
        "The time since 1970 with an offset, both in a unit: `s` (seconds, if none is given), `ms` \
         or `us`.",
        "use_backend web if { date,utime(%H) 08 09 }",
    ),
    row(
        "date_us",
        "",
        Integer,
        |_| Ok(Fetch::Number(NumberFetch::MicrosecondOfSecond)),
        "The microseconds since the last full second.",
        "use_backend web if { date_us lt 500000 }",
    ),
    row(
        "hostname",
        "",
        Text,
        |_| Ok(Fetch::Hostname),
        "The name of this machine.",
        "use_backend web if { hostname lb1 }",
    ),
    row(
        "stopping",
        "",
        Bool,
        |_| Ok(Fetch::Number(NumberFetch::IsStopping)),
        "Whether the process finishes what is open and takes no new clients.",
        "tcp-request content reject if { stopping }",
    ),
    row(
        "uuid",
        "[<version>]",
        Text,
        |arguments| match arguments.next() {
            None | Some("4") => Ok(Fetch::Uuid),
            Some(other) => Err(format!("'uuid' knows version 4 only, not '{other}'")),
        },
        "A random UUID of version 4 (RFC 4122).",
        "tcp-request content track-sc0 uuid table names",
    ),
];

fn read_date(arguments: &mut Arguments<'_>) -> Result<Fetch, String> {
    let offset = arguments.next().unwrap_or("0");
    let offset = offset.parse().map_err(|_| format!("'date': '{offset}' is not a number"))?;
    let unit = match arguments.next().unwrap_or("s") {
        "s" => TimeUnit::Seconds,
        "ms" => TimeUnit::Milliseconds,
        "us" => TimeUnit::Microseconds,
        other => return Err(format!("'date' knows the units 's', 'ms' and 'us', not '{other}'")),
    };
    Ok(Fetch::Number(NumberFetch::Date(offset, unit)))
}
