//! The request of an HTTP check.

use super::format::CheckFormat;

/// The parts of a request that the configuration gives.
#[derive(Clone, Debug, Default)]
pub struct CheckRequest {
    /// The method; `OPTIONS` when absent.
    pub method: Option<String>,
    /// The path; `/` when absent.
    pub uri: Option<CheckFormat>,
    /// The version; `HTTP/1.0` when absent.
    pub version: Option<String>,
    /// Names in lower case, and values.
    pub headers: Vec<(String, CheckFormat)>,
    /// The body.
    pub body: Option<CheckFormat>,
}
