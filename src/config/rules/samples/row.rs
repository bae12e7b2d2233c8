//! The form of a row in the table of samples.

use crate::config::rules::arguments::Arguments;
use crate::config::rules::expression::{Fetch, Needs, ValueType};

/// One row of the table.
pub(in crate::config::rules) struct SampleRow {
    pub(in crate::config::rules) name: &'static str,
    pub(in crate::config::rules) arguments: &'static str,
    pub(in crate::config::rules) help: &'static str,
    pub(in crate::config::rules) example: &'static str,
    /// The type of its value.
    pub(in crate::config::rules) value_type: ValueType,
    /// What has to be known before it can be told.
    pub(in crate::config::rules) needs: Needs,
    /// Reads its arguments.
    pub(in crate::config::rules) read: fn(&mut Arguments<'_>) -> Result<Fetch, String>,
}

pub(super) const fn row(
    name: &'static str,
    arguments: &'static str,
    value_type: ValueType,
    read: fn(&mut Arguments<'_>) -> Result<Fetch, String>,
    help: &'static str,
    example: &'static str,
) -> SampleRow {
    SampleRow { name, arguments, help, example, value_type, needs: Needs::Nothing, read }
}

impl SampleRow {
    pub(super) const fn needs(self, needs: Needs) -> Self {
        Self { needs, ..self }
    }
}

/// A row for a part of what the client has sent first: `$content` is the variant of
/// [`ContentFetch`](crate::config::rules::expression::ContentFetch), `$part` the part.
macro_rules! part {
    ($name:literal, $kind:ident, $content:ident($part:expr), $help:expr, $example:literal) => {
        $crate::config::rules::samples::row::row(
            $name,
            "",
            $kind,
            |_| Ok(Fetch::Content(ContentFetch::$content($part))),
            $help,
            $example,
        )
        .needs(Needs::Request)
    };
}

pub(super) use part;
