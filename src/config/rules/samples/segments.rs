//! Samples of what the kernel has measured of the client's connection.

use super::row::{SampleRow, row};
use crate::config::rules::arguments::Arguments;
use crate::config::rules::converter::TimeUnit;
use crate::config::rules::expression::ValueType::Integer;
use crate::config::rules::expression::{Fetch, Measurement, NumberFetch};

macro_rules! measured {
    ($name:literal, $measurement:ident, $help:literal) => {
        row(
            $name,
            "",
            Integer,
            |_| Ok(Fetch::Number(NumberFetch::Measured(Measurement::$measurement))),
            concat!("On the client's connection, as the kernel counts: ", $help),
            concat!("log-format \"%ci ", $name, "=%[", $name, "]\""),
        )
    };
}

pub(super) const SAMPLES: &[SampleRow] = &[
    row(
        "fc_rtt",
        "[<unit>]",
        Integer,
        |arguments| {
            let unit = unit(arguments)?;
            Ok(Fetch::Number(NumberFetch::Measured(Measurement::RoundTrip(unit))))
        },
        "The time of a round trip to the client, as the kernel measures it: in milliseconds, or in \
         microseconds with the argument `us`.",
        "log-format \"%ci %[fc_rtt(us)]\"",
    ),
    row(
        "fc_rttvar",
        "[<unit>]",
        Integer,
        |arguments| {
            let unit = unit(arguments)?;
            Ok(Fetch::Number(NumberFetch::Measured(Measurement::RoundTripVariance(unit))))
        },
        "How much the time of a round trip to the client varies: in milliseconds, or in \
         microseconds with the argument `us`.",
        "log-format \"%ci %[fc_rttvar(us)]\"",
    ),
    measured!("fc_unacked", Unacked, "the segments that are not acknowledged."),
    measured!("fc_sacked", Sacked, "the segments that are acknowledged selectively."),
    measured!("fc_lost", Lost, "the segments that are taken for lost."),
    measured!("fc_retrans", Retransmitted, "the segments that were sent again."),
    measured!("fc_fackets", ForwardAcked, "the segments up to the last selective acknowledgment."),
    measured!("fc_reordering", Reordering, "how far segments may come out of order."),
];

fn unit(arguments: &mut Arguments<'_>) -> Result<TimeUnit, String> {
    match arguments.next() {
        None | Some("ms") => Ok(TimeUnit::Milliseconds),
        Some("us") => Ok(TimeUnit::Microseconds),
        Some(other) => {
            Err(format!("'{}' knows the units 'ms' and 'us', not '{other}'", arguments.name))
        }
    }
}
