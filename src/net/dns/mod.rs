//! Names as DNS servers know them, without sockets: bytes and the time come in, messages and
//! results go out.
//!
//! ```text
//!   ask(name) ──> Resting ──due──> Asking ──an answer, or every try failed──> Resting ──> ...
//!                                    │ ^
//!                      next family,  │ │  messages, failures, time
//!                      next try, TCP v │
//!                              poll_command()
//! ```
//!
//! A [`Resolver`] stands for one set of nameservers. It asks again and again for each name that it
//! was told of, all nameservers at a time, and the first good answer counts. Each message is an
//! exchange with a number of its own. The owner gives every exchange a socket of its own, so that
//! each has another port; the id of the message is random too. What comes is compared with what
//! was asked: id, name, type and class. The rest is dropped.
//!
//! ```text
//!   name.rs        a domain name
//!   message.rs     a question as bytes, and the answer in bytes
//!   counters.rs    what is counted of a nameserver
//!   known.rs       what is known of a name: records, and how long they count without a new answer
//!   question.rs    one name: the state above
//!   resolver/      all names of a set of nameservers
//! ```
//!
//! Bounds: [`message::RECORDS_MAX`] records in an answer, [`resolver::EXCHANGES_MAX`] exchanges at
//! a time, each until `timeout retry`. A compressed name cannot lead in a circle, because it only
//! leads backwards.

pub mod counters;
pub mod known;
pub mod message;
pub mod name;
mod question;
pub mod resolver;

pub use counters::Counters;
pub use known::{Failure, Hold, Known};
pub use message::Service;
pub use name::Name;
pub use question::{ExchangeId, Subject, Transport};
pub use resolver::{Command, QuestionId, Resolver, Settings};
