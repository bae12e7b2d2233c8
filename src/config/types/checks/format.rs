//! The samples of checks, and texts with samples in them. A check has no client: a sample tells
//! something of the server, of its answer, or of the check itself.

/// A text with samples in it.
#[derive(Clone, Debug, Default)]
pub struct CheckFormat(pub Vec<CheckPiece>);

/// A part of a text.
#[derive(Clone, Debug)]
pub enum CheckPiece {
    /// This text.
    Text(String),
    /// The value of a sample, or nothing if the sample has no value.
    Sample(CheckSample),
}

impl CheckFormat {
    /// A text without samples.
    pub fn plain(text: &str) -> Self {
        Self(vec![CheckPiece::Text(text.to_owned())])
    }
}

/// A sample, and what is made of its value.
#[derive(Clone, Debug)]
pub struct CheckSample {
    /// What is asked.
    pub fetch: CheckFetch,
    /// The converters, in the order in which they are applied.
    pub converters: Vec<CheckConverter>,
}

/// What a check can be asked.
#[derive(Clone, Debug)]
pub enum CheckFetch {
    /// This text.
    Text(Vec<u8>),
    /// This number.
    Number(i64),
    /// The variable of this name, without its scope.
    Variable(String),
    /// The name of the server.
    ServerName,
    /// The number of the server.
    ServerNumber,
    /// The name of the backend.
    BackendName,
    /// The number of the backend.
    BackendNumber,
    /// Bytes of the answer: offset and length. With the length 0 all that have come.
    Payload(u32, u32),
    /// The number of bytes of the answer.
    PayloadLen,
    /// The status of an HTTP answer.
    Status,
    /// The version of an HTTP answer, as `1.1`.
    Version,
    /// A header of an HTTP answer.
    Header {
        /// The name, in lower case.
        name: String,
        /// Which value, from 1 on, or from -1 on for the last value. Never 0.
        number: i32,
        /// A comma does not separate values.
        is_whole: bool,
    },
    /// How many values a header of an HTTP answer has, and whether a comma does not separate them.
    HeaderCount(String, bool),
    /// The body of an HTTP answer.
    Body,
}

/// What is made of a value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CheckConverter {
    /// To lower case.
    Lower,
    /// To upper case.
    Upper,
    /// Bytes as hexadecimal digits in upper case.
    Hex,
    /// The number of bytes.
    Length,
}
