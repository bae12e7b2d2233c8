//! Samples of the bytes that a side has sent.

use super::row::{SampleRow, row};
use crate::config::rules::arguments::Arguments;
use crate::config::rules::expression::ValueType::{Binary, Bool, Integer};
use crate::config::rules::expression::{ContentFetch, Fetch, Needs};

pub(super) const SAMPLES: &[SampleRow] = &[
    len("req.len", "acl has_sent req.len gt 0"),
    len("req_len", "acl has_sent req_len gt 0"),
    row(
        "res.len",
        "",
        Integer,
        |_| Ok(Fetch::Content(ContentFetch::Len)),
        "The number of bytes that the server has sent so far.",
        "tcp-response content accept if { res.len gt 0 }",
    )
    .needs(Needs::Response),
    part("req.payload", "acl is_ssh req.payload(0,4) -m str SSH-", Needs::Request),
    part("payload", "acl is_http payload(0,4) -m bin 47455420", Needs::Content),
    part(
        "res.payload",
        "tcp-response content reject if { res.payload(0,4) -m str FAIL }",
        Needs::Response,
    ),
    counted(
        "res.payload_lv",
        "tcp-response content reject unless { res.payload_lv(43,1) -m found }",
        Needs::Response,
    ),
    counted(
        "req.payload_lv",
        "use_backend web if { req.payload_lv(43,1) -m len 32 }",
        Needs::Request,
    ),
    counted("payload_lv", "use_backend web if { payload_lv(43,1) -m len 32 }", Needs::Content),
    row(
        "wait_end",
        "",
        Bool,
        |_| Ok(Fetch::Content(ContentFetch::WaitEnd)),
        "True when the rules wait for nothing more from the side that they are about.",
        "tcp-request content reject if { wait_end } { req.len 0 }",
    ),
];

const fn len(name: &'static str, example: &'static str) -> SampleRow {
    let help = "The number of bytes that the client has sent so far.";
    let read = |_: &mut Arguments<'_>| Ok(Fetch::Content(ContentFetch::Len));
    row(name, "", Integer, read, help, example).needs(Needs::Request)
}

const fn part(name: &'static str, example: &'static str, needs: Needs) -> SampleRow {
    let help = "Bytes that have been sent; all that follow the offset if the length is 0.";
    row(name, "<offset>,<length>", Binary, |words| words.payload(), help, example).needs(needs)
}

const fn counted(name: &'static str, example: &'static str, needs: Needs) -> SampleRow {
    let arguments = "<offset>,<bytes>[,[+-]<begin>]";
    let help = "Bytes that have their length before them: the length stands at the offset and has \
                1 to 4 bytes. What it counts follows, or begins at an offset of its own, which \
                counts from the end of the length if it has a sign. HAProxy 2.6 misreads an offset \
                without a sign.";
    row(name, arguments, Binary, |words| words.counted_part(), help, example).needs(needs)
}
