//! The checks of a backend: the dialogue with a server, and the texts, requests and results in it.
//!
//! ```text
//! script ──> request ──> format
//!    └─────> status
//! ```

mod format;
mod request;
mod script;
mod status;

pub use format::{CheckConverter, CheckFetch, CheckFormat, CheckPiece, CheckSample};
pub use request::CheckRequest;
pub use script::{
    BackendHealth, CheckProgram, CheckStep, Connect, ConnectPort, Expect, ExpectWords,
    HeaderExpect, HeaderTest, HttpExpect, HttpPattern, Pattern, Reply, Script, ScriptKind,
    SentText, Service, SetVariable, TlsOffer, VariableValue,
};
pub use status::CheckStatus;
