//! Samples of the cookie that an RDP client sends first.

use super::row::{SampleRow, row};
use crate::config::rules::arguments::Arguments;
use crate::config::rules::expression::ValueType::{Integer, Text};
use crate::config::rules::expression::{ContentFetch, Fetch, Needs};

pub(super) const SAMPLES: &[SampleRow] = &[
    value("req.rdp_cookie", "use_backend web if { req.rdp_cookie(mstshash) -m beg admin }"),
    value("req_rdp_cookie", "use_backend web if { req_rdp_cookie(mstshash) -m beg admin }"),
    value("rdp_cookie", "use_backend web if { rdp_cookie(mstshash) -m beg admin }"),
    count("req.rdp_cookie_cnt", "tcp-request content accept if { req.rdp_cookie_cnt gt 0 }"),
    count("req_rdp_cookie_cnt", "tcp-request content accept if { req_rdp_cookie_cnt gt 0 }"),
    count("rdp_cookie_cnt", "tcp-request content accept if { rdp_cookie_cnt gt 0 }"),
];

const fn value(name: &'static str, example: &'static str) -> SampleRow {
    let help = "The value of the RDP client's cookie, if it has this name; without a name of any \
                cookie.";
    let read =
        |words: &mut Arguments<'_>| Ok(Fetch::Content(ContentFetch::RdpCookie(words.name())));
    row(name, "[<name>]", Text, read, help, example).needs(Needs::Request)
}

const fn count(name: &'static str, example: &'static str) -> SampleRow {
    let help = "The number of the RDP client's cookies with this name, 0 or 1; without a name of \
                all.";
    let read =
        |words: &mut Arguments<'_>| Ok(Fetch::Content(ContentFetch::RdpCookies(words.name())));
    row(name, "[<name>]", Integer, read, help, example).needs(Needs::Request)
}
