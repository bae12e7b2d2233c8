//! What a check knows while it runs, and the values of its samples.

use data_encoding::HEXUPPER;

use super::http;
use super::http::Response;
use crate::config::{
    CheckConverter, CheckFetch, CheckFormat, CheckPiece, CheckSample, SetVariable, VariableValue,
};

/// What a check knows of its server when it begins.
#[derive(Clone, Debug, Default)]
pub struct Facts {
    /// The name of the backend.
    pub backend: String,
    /// The number of the backend.
    pub backend_id: u32,
    /// The name of the server.
    pub server: String,
    /// The number of the server.
    pub server_id: u32,
    /// Whether the server takes connections.
    pub is_up: bool,
    /// The state of the server, for `http-check send-state`.
    pub state: Option<String>,
}

/// A value of a sample or a variable.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Value {
    Number(i64),
    Text(Vec<u8>),
}

/// The variables of a check. The configuration limits how many there are.
#[derive(Clone, Debug, Default)]
pub(super) struct Variables(Vec<(String, Value)>);

impl Variables {
    fn get(&self, name: &str) -> Option<&Value> {
        self.0.iter().find(|(other, _)| other == name).map(|(_, value)| value)
    }

    pub(super) fn set(&mut self, name: &str, value: Value) {
        self.unset(name);
        self.0.push((name.to_owned(), value));
    }

    pub(super) fn unset(&mut self, name: &str) {
        self.0.retain(|(other, _)| other != name);
    }
}

/// Everything that samples can ask for.
#[derive(Clone, Copy, Debug)]
pub(super) struct Known<'a> {
    pub(super) facts: &'a Facts,
    pub(super) variables: &'a Variables,
    /// The answer since the last bytes were sent.
    pub(super) input: &'a [u8],
}

impl Value {
    fn bytes(&self) -> Vec<u8> {
        match self {
            Self::Number(number) => number.to_string().into_bytes(),
            Self::Text(bytes) => bytes.clone(),
        }
    }
}

impl Known<'_> {
    /// The text with the values of its samples.
    pub(super) fn text(&self, format: &CheckFormat) -> Vec<u8> {
        let mut text = Vec::new();
        for piece in &format.0 {
            match piece {
                CheckPiece::Text(piece) => text.extend(piece.as_bytes()),
                CheckPiece::Sample(sample) => {
                    text.extend(self.value(sample).map(|value| value.bytes()).unwrap_or_default());
                }
            }
        }
        text
    }

    /// The same as printable text.
    pub(super) fn string(&self, format: &CheckFormat) -> String {
        String::from_utf8_lossy(&self.text(format)).into_owned()
    }

    /// The number that a sample gives, if its value is a number or the text of one.
    pub(super) fn number(&self, sample: &CheckSample) -> Option<i64> {
        match self.value(sample)? {
            Value::Number(number) => Some(number),
            Value::Text(text) => std::str::from_utf8(&text).ok()?.trim().parse().ok(),
        }
    }

    /// The new value of a variable.
    pub(super) fn of_variable(&self, set: &SetVariable) -> Option<Value> {
        match &set.value {
            VariableValue::Sample(sample) => self.value(sample),
            VariableValue::Text(format) => Some(Value::Text(self.text(format))),
        }
    }

    fn value(&self, sample: &CheckSample) -> Option<Value> {
        let value = self.fetch(&sample.fetch)?;
        Some(sample.converters.iter().fold(value, convert))
    }

    fn fetch(&self, fetch: &CheckFetch) -> Option<Value> {
        let facts = self.facts;
        let name = |text: &str| Value::Text(text.as_bytes().to_vec());
        Some(match fetch {
            CheckFetch::Text(text) => Value::Text(text.clone()),
            CheckFetch::Number(number) => Value::Number(*number),
            CheckFetch::Variable(name) => self.variables.get(name)?.clone(),
            CheckFetch::ServerName => name(&facts.server),
            CheckFetch::ServerNumber => Value::Number(facts.server_id.into()),
            CheckFetch::BackendName => name(&facts.backend),
            CheckFetch::BackendNumber => Value::Number(facts.backend_id.into()),
            CheckFetch::Payload(offset, len) => {
                let rest = self.input.get(*offset as usize..)?;
                let len = if *len == 0 { rest.len() } else { *len as usize };
                Value::Text(rest.get(..len)?.to_vec())
            }
            CheckFetch::PayloadLen => count(self.input.len()),
            CheckFetch::Status => Value::Number(self.response()?.code.into()),
            CheckFetch::Version => name(&format!("1.{}", self.response()?.minor_version)),
            CheckFetch::Header { name, number, is_whole } => {
                let response = self.response()?;
                let mut values = response.values(|other| other == name, *is_whole);
                let at = number.unsigned_abs() as usize - 1;
                let value = if *number > 0 { values.nth(at) } else { values.rev().nth(at) };
                Value::Text(value?.to_vec())
            }
            CheckFetch::HeaderCount(name, is_whole) => {
                count(self.response()?.values(|other| other == name, *is_whole).count())
            }
            CheckFetch::Body => Value::Text(self.response()?.body.into_owned()),
        })
    }

    /// The HTTP answer, if its head has come.
    fn response(&self) -> Option<Response<'_>> {
        http::read(self.input).ok().flatten()
    }
}

fn count(number: usize) -> Value {
    Value::Number(i64::try_from(number).unwrap_or(i64::MAX))
}

fn convert(value: Value, converter: &CheckConverter) -> Value {
    match converter {
        CheckConverter::Lower => Value::Text(value.bytes().to_ascii_lowercase()),
        CheckConverter::Upper => Value::Text(value.bytes().to_ascii_uppercase()),
        CheckConverter::Length => count(value.bytes().len()),
        CheckConverter::Hex => {
            let digits = match value {
                Value::Number(number) => HEXUPPER.encode(&number.to_be_bytes()),
                Value::Text(bytes) => HEXUPPER.encode(&bytes),
            };
            Value::Text(digits.into_bytes())
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(fetch: CheckFetch, converters: &[CheckConverter], input: &[u8]) -> Option<String> {
        let facts = Facts { server: "s1".to_owned(), server_id: 7, ..Facts::default() };
        let mut variables = Variables::default();
        variables.set("x", Value::Number(1));
        variables.set("x", Value::Text(b"new".to_vec()));
        let known = Known { facts: &facts, variables: &variables, input };
        let sample = CheckSample { fetch, converters: converters.to_vec() };
        known.value(&sample).map(|value| String::from_utf8_lossy(&value.bytes()).into_owned())
    }

    #[test]
    fn samples_without_a_value_give_nothing() {
        assert_eq!(text(CheckFetch::Variable("y".to_owned()), &[], b""), None);
        assert_eq!(text(CheckFetch::Payload(2, 2), &[], b"abc"), None);
        assert_eq!(text(CheckFetch::Payload(9, 0), &[], b"abc"), None);
        assert_eq!(text(CheckFetch::Status, &[], b"HTTP/1.1 200"), None);
        assert_eq!(text(CheckFetch::Status, &[], b"\xff\xff\r\n\r\n"), None);
    }

    #[test]
    fn values_are_told_as_text() {
        let some = |text: &str| Some(text.to_owned());
        assert_eq!(text(CheckFetch::Variable("x".to_owned()), &[], b""), some("new"));
        assert_eq!(text(CheckFetch::ServerNumber, &[CheckConverter::Length], b""), some("1"));
        assert_eq!(text(CheckFetch::Payload(1, 0), &[CheckConverter::Hex], b"abc"), some("6263"));
        let hex = [CheckConverter::Hex, CheckConverter::Lower];
        assert_eq!(text(CheckFetch::Number(10), &hex, b""), some("000000000000000a"));
        let answer = b"HTTP/1.1 200 OK\r\nX-A: a, b\r\nx-a: c\r\nContent-Length: 2\r\n\r\nhi";
        let header = |number, is_whole| {
            let name = "x-a".to_owned();
            text(CheckFetch::Header { name, number, is_whole }, &[], answer)
        };
        assert_eq!(header(2, false), some("b"));
        assert_eq!(header(-3, false), some("a"));
        assert_eq!(header(1, true), some("a, b"));
        assert_eq!(header(4, false), None);
        assert_eq!(text(CheckFetch::HeaderCount("x-a".to_owned(), true), &[], answer), some("2"));
        assert_eq!(text(CheckFetch::Body, &[], answer), some("hi"));
        assert_eq!(text(CheckFetch::Version, &[], answer), some("1.1"));
    }
}
