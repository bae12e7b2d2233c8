//! Samples that are constants, or random: no connection changes them.

use std::net::IpAddr;
use std::os::unix::ffi::OsStringExt;

use data_encoding::HEXLOWER_PERMISSIVE;

use super::row::{SampleRow, row};
use crate::config::rules::constant::Constant;
use crate::config::rules::expression::ValueType::{Address, Binary, Bool, Integer, Text};
use crate::config::rules::expression::{Fetch, NumberFetch};

pub(super) const SAMPLES: &[SampleRow] = &[
    row(
        "always_true",
        "",
        Bool,
        |_| Ok(Fetch::Constant(Constant::Bool(true))),
        "True.",
        "use_backend web if { always_true }",
    ),
    row(
        "always_false",
        "",
        Bool,
        |_| Ok(Fetch::Constant(Constant::Bool(false))),
        "False.",
        "use_backend web if { always_false }",
    ),
    row(
        "bool",
        "<value>",
        Bool,
        |arguments| arguments.boolean().map(Constant::Bool).map(Fetch::Constant),
        "A constant: `true` or `1`, `false` or `0`.",
        "use_backend web if { bool(true) }",
    ),
    row(
        "int",
        "<number>",
        Integer,
        |arguments| arguments.number().map(Constant::Integer).map(Fetch::Constant),
        "A constant number.",
        "tcp-request connection sc-set-gpt0(0) int(7)",
    ),
    row(
        "str",
        "[<text>]",
        Text,
        |arguments| {
            let text = arguments.next().unwrap_or_default();
            Ok(Fetch::Constant(Constant::Text(text.as_bytes().to_vec())))
        },
        "A constant text.",
        "tcp-request connection track-sc0 str(all) table names",
    ),
    row(
        "ipv4",
        "<address>",
        Address,
        |arguments| arguments.address(IpAddr::is_ipv4).map(Constant::Address).map(Fetch::Constant),
        "A constant IPv4 address.",
        "tcp-request connection track-sc0 ipv4(192.0.2.1) table clients",
    ),
    row(
        "ipv6",
        "<address>",
        Address,
        |arguments| arguments.address(IpAddr::is_ipv6).map(Constant::Address).map(Fetch::Constant),
        "A constant IPv6 address.",
        "use_backend web if { ipv6(2001:db8::1) 2001:db8::/32 }",
    ),
    row(
        "rand",
        "[<range>]",
        Integer,
        |arguments| Ok(Fetch::Number(NumberFetch::Random(arguments.range()?))),
        "A random number from 0 to below the range. The range is 4294967295 if none is given.",
        "use_backend web if { rand(100) lt 5 }",
    ),
    row(
        "bin",
        "<hex>",
        Binary,
        |arguments| {
            let typed = arguments.required("bytes")?;
            let bytes = HEXLOWER_PERMISSIVE.decode(typed.as_bytes());
            let bytes = bytes.map_err(|error| format!("'bin': '{typed}': {error}"))?;
            Ok(Fetch::Constant(Constant::Binary(bytes)))
        },
        "Constant bytes, as hexadecimal digits.",
        "use_backend web if { bin(616263) -m str abc }",
    ),
    row(
        "env",
        "<name>",
        Text,
        |arguments| {
            // The environment does not change while the process runs.
            let value = std::env::var_os(arguments.required("name")?);
            Ok(value
                .map_or(Fetch::Nothing, |value| Fetch::Constant(Constant::Text(value.into_vec()))))
        },
        "The value of an environment variable of the process.",
        "use_backend web if { env(SITE) east }",
    ),
    row(
        "nbproc",
        "",
        Integer,
        |_| Ok(Fetch::Constant(Constant::Integer(1))),
        "The number of processes that serve: 1.",
        "use_backend web if { nbproc 1 }",
    ),
    row(
        "proc",
        "",
        Integer,
        |_| Ok(Fetch::Constant(Constant::Integer(1))),
        "The number of the process among those that serve: 1.",
        "use_backend web if { proc 1 }",
    ),
    row(
        "thread",
        "",
        Integer,
        |_| Ok(Fetch::Constant(Constant::Integer(0))),
        "The number of the thread: 0.",
        "use_backend web if { thread 0 }",
    ),
];
