//! Values that the configuration gives.

use std::net::IpAddr;

/// A value that the configuration gives.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Constant {
    /// True or false.
    Bool(bool),
    /// A signed number.
    Integer(i64),
    /// An address.
    Address(IpAddr),
    /// A text.
    Text(Vec<u8>),
    /// Bytes.
    Binary(Vec<u8>),
}
