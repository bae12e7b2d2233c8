//! Samples of what an HTTP request can have several of: headers, cookies and parameters. A test
//! holds if one of the values passes.

use super::row::{SampleRow, row};
use crate::config::rules::arguments::Arguments;
use crate::config::rules::expression::ValueType::{Address, Integer, Text};
use crate::config::rules::expression::{ContentFetch, Fetch, Needs, ValueType};
use crate::config::rules::expression::{HttpList, HttpPart, Nth};

pub(super) const SAMPLES: &[SampleRow] = &[
    header("req.hdr", Text, HEADER, "use_backend web if { req.hdr(host) -i a.example.com }"),
    header("hdr", Text, HEADER, "use_backend web if { hdr(host) -i a.example.com }"),
    header(
        "req.hdr_ip",
        Address,
        ADDRESS,
        "use_backend web if { req.hdr_ip(x-client) 10.0.0.0/8 }",
    ),
    header("hdr_ip", Address, ADDRESS, "use_backend web if { hdr_ip(x-client) 10.0.0.0/8 }"),
    header(
        "req.hdr_val",
        Integer,
        NUMBER,
        "use_backend web if { req.hdr_val(content-length) gt 9 }",
    ),
    header("hdr_val", Integer, NUMBER, "use_backend web if { hdr_val(content-length) gt 9 }"),
    row(
        "req.fhdr",
        "<name>[,<number>]",
        Text,
        |words| {
            let name = words.required("name of a header")?;
            Ok(value(HttpList::HeaderLines(Some(name.into())), words.nth()?))
        },
        "The same as `req.hdr`, but commas in a header separate nothing.",
        "use_backend web if { req.fhdr(user-agent) -m sub curl }",
    )
    .needs(Needs::Request),
    count(
        "req.hdr_cnt",
        HEADERS,
        |words| number_of(HttpList::HeaderValues(named(words))),
        "use_backend web if { req.hdr_cnt(via) gt 1 }",
    ),
    count(
        "hdr_cnt",
        HEADERS,
        |words| number_of(HttpList::HeaderValues(named(words))),
        "use_backend web if { hdr_cnt(via) gt 1 }",
    ),
    count(
        "req.fhdr_cnt",
        LINES,
        |words| number_of(HttpList::HeaderLines(named(words))),
        "use_backend web if { req.fhdr_cnt(via) gt 1 }",
    ),
    row(
        "req.hdr_names",
        "[<delimiter>]",
        Text,
        |words| {
            let between = words.next().unwrap_or(",");
            Ok(Fetch::Content(ContentFetch::Http(HttpPart::HeaderNames(between.into()))))
        },
        "The names of the headers of the HTTP request that the client has sent first, in lower \
         case, with a comma or the delimiter between them. HAProxy 2.6 has `:method` and `:path` \
         before them.",
        "use_backend web if { req.hdr_names -m sub x-forwarded-for }",
    )
    .needs(Needs::Request),
    cookie("req.cook", Text, COOKIE, "use_backend web if { req.cook(lang) de }"),
    cookie("cook", Text, COOKIE, "use_backend web if { cook(lang) de }"),
    cookie("cookie", Text, COOKIE, "use_backend web if { cookie(lang) de }"),
    cookie("req.cook_val", Integer, COOKIE, "use_backend web if { req.cook_val(group) gt 5 }"),
    cookie("cook_val", Integer, COOKIE, "use_backend web if { cook_val(group) gt 5 }"),
    count(
        "req.cook_cnt",
        COOKIES,
        |words| number_of(HttpList::Cookies(named(words))),
        "use_backend web if { req.cook_cnt(lang) gt 1 }",
    ),
    count(
        "cook_cnt",
        COOKIES,
        |words| number_of(HttpList::Cookies(named(words))),
        "use_backend web if { cook_cnt(lang) gt 1 }",
    ),
    parameter("url_param", Text, "use_backend web if { url_param(user) -m beg a }"),
    parameter("urlp", Text, "use_backend web if { urlp(user) -m beg a }"),
    parameter("urlp_val", Integer, "use_backend web if { urlp_val(size) gt 5 }"),
];

const HEADER: &str = "A value of a header of the HTTP request that the client has sent first. \
                      Commas separate values. A condition holds if it holds for one value; else \
                      it is the last one, or the one with the number, which counts from the end \
                      if it is negative.";
const ADDRESS: &str = "The same as `req.hdr`, as an address.";
const NUMBER: &str = "The same as `req.hdr`, as a number.";
const HEADERS: &str = "The number of the values of the headers with this name, or of all headers. \
                       HAProxy 2.6 counts `:method` and `:path` among all.";
const LINES: &str = "The number of the headers with this name, or of all. HAProxy 2.6 counts \
                     `:method` and `:path` among all.";
const COOKIE: &str = "The value of a cookie of the HTTP request that the client has sent first. A \
                      condition holds if it holds for one of the cookies with this name; else it \
                      is the last one. Without a name it is the first one of all.";
const COOKIES: &str = "The number of the cookies with this name, or of all cookies.";

const fn header(
    name: &'static str,
    value_type: ValueType,
    help: &'static str,
    example: &'static str,
) -> SampleRow {
    let read = |words: &mut Arguments<'_>| {
        let name = words.required("name of a header")?;
        Ok(value(HttpList::HeaderValues(Some(name.into())), words.nth()?))
    };
    row(name, "<name>[,<number>]", value_type, read, help, example).needs(Needs::Request)
}

const fn cookie(
    name: &'static str,
    value_type: ValueType,
    help: &'static str,
    example: &'static str,
) -> SampleRow {
    let read = |words: &mut Arguments<'_>| Ok(value(HttpList::Cookies(named(words)), None));
    row(name, "[<name>]", value_type, read, help, example).needs(Needs::Request)
}

const fn parameter(name: &'static str, value_type: ValueType, example: &'static str) -> SampleRow {
    let help = "The value of a parameter in the target of the HTTP request that the client has \
                sent first: behind the question mark, or behind another delimiter of the target. \
                A condition holds if it holds for one of the parameters with this name; else it \
                is the first one.";
    let read = |words: &mut Arguments<'_>| {
        let name = named(words);
        let delimiter = words.next().and_then(|text| text.chars().next()).unwrap_or('?');
        Ok(value(HttpList::Parameters(name, delimiter), None))
    };
    row(name, "[<name>[,<delimiter>]]", value_type, read, help, example).needs(Needs::Request)
}

const fn count(
    name: &'static str,
    help: &'static str,
    read: fn(&mut Arguments<'_>) -> Result<Fetch, String>,
    example: &'static str,
) -> SampleRow {
    row(name, "[<name>]", Integer, read, help, example).needs(Needs::Request)
}

fn named(words: &mut Arguments<'_>) -> Option<Box<str>> {
    words.next().map(Box::from)
}

fn value(list: HttpList, nth: Option<Nth>) -> Fetch {
    Fetch::Content(ContentFetch::Http(HttpPart::ValueOf(list, nth)))
}

fn number_of(list: HttpList) -> Result<Fetch, String> {
    Ok(Fetch::Content(ContentFetch::Http(HttpPart::CountOf(list))))
}
