//! The value of a figure.

use std::borrow::Cow;

/// The value of a figure.
#[derive(Clone, Debug)]
pub(in crate::admin) enum Value<'a> {
    /// The figure has no value now.
    Empty,
    Number(u64),
    /// The seconds since an event. -1 is shown if there was no such event.
    Age(Option<u64>),
    Text(&'a str),
    Owned(String),
}

/// The value of figures that only HTTP or TLS would count.
pub(super) const ZERO: Value<'static> = Value::Number(0);

/// A number as a value.
pub(super) fn number(number: impl Into<u64>) -> Value<'static> {
    Value::Number(number.into())
}

impl Value<'_> {
    /// The value in words; none where it is empty.
    pub(in crate::admin) fn text(&self) -> Option<Cow<'_, str>> {
        Some(match self {
            Self::Empty => return None,
            Self::Number(number) => number.to_string().into(),
            Self::Age(Some(seconds)) => seconds.to_string().into(),
            Self::Age(None) => "-1".into(),
            Self::Text(text) => Cow::Borrowed(text),
            Self::Owned(text) => Cow::Borrowed(text),
        })
    }
}
