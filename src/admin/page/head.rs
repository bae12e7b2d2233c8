//! What stands around the parts of the page: the names, the sentence, the process, the legend and
//! the links.

use std::io::Write;

use super::assets::{SCRIPT, STYLE};
use super::query::{ActionResult, Body, StatsQuery};
use super::text::Escaped;
use super::view::View;
use crate::admin::context::Context;
use crate::admin::stats::fields::Field;
use crate::admin::status::summary::{Activity, Summary};
use crate::config::{COMPATIBLE_VERSION, RELEASE_DATE, ShownText};

/// The colours of the rows. The classes are those of the rows.
const LEGEND: &[(&str, &str)] = &[
    ("active_up", "active UP"),
    ("backup_up", "backup UP"),
    ("active_going_down", "active UP, going down"),
    ("backup_going_down", "backup UP, going down"),
    ("active_going_up", "active DOWN, going up"),
    ("backup_going_up", "backup DOWN, going up"),
    ("active_down", "DOWN"),
    ("active_no_check", "not checked"),
    ("maintain", "in maintenance (MAINT)"),
    ("active_draining", "takes no new clients (DRAIN, NOLB)"),
];

/// The parts of the page: their anchors and their names.
const PARTS: &[(&str, &str)] = &[
    ("mesh", "Mesh"),
    ("tables", "Stick tables"),
    ("stuck", "Who is stuck where"),
    ("services", "Services"),
    ("reloads", "Reloads"),
    ("events", "Events"),
];

/// The sentence in two halves. The first changes when something comes or goes, the second all the
/// time.
pub(super) struct Sentence {
    /// How bad it is, as a class.
    pub(super) class: &'static str,
    pub(super) standing: String,
    pub(super) memory: String,
}

impl Sentence {
    pub(super) fn new(context: &Context<'_>) -> Self {
        let summary = Summary::new(context);
        let is_serving = matches!(summary.activity, Activity::Serving | Activity::Reloading);
        let class = match (is_serving, summary.is_whole()) {
            (false, _) => "broken",
            (true, false) => "partly",
            (true, true) => "whole",
        };
        let (whole, standing) = (summary.to_string(), Summary { room: 0, ..summary }.to_string());
        let memory = whole.strip_prefix(&standing).unwrap_or_default().to_owned();
        Self { class, standing, memory }
    }
}

/// Writes the beginning of the page.
pub(super) fn write(view: &View, context: &Context<'_>, out: &mut Vec<u8>) {
    let node = shown(&view.options.node, Some(&context.process.node));
    let global = context.config.global.description.as_deref();
    let description = shown(&view.options.description, global);
    write_names(view, node, description, context, out);
    write_parts(view, out);
    out.extend_from_slice(b"</header>\n<main>\n");
    write_sentence(context, out);
    if let Some(result) = view.query.result {
        write_result(result, view, out);
    }
}

/// The sentence. A screen reader speaks the first half when it changes.
fn write_sentence(context: &Context<'_>, out: &mut Vec<u8>) {
    let Sentence { class, standing, memory } = Sentence::new(context);
    // Writing to a vector cannot fail, here and below.
    let _ = writeln!(
        out,
        "<p id=\"sentence\" class=\"{class}\"><span id=\"standing\" role=\"status\">{}</span>\
         <span id=\"memory\">{}</span></p>\n\
         <p id=\"notice\" role=\"alert\" hidden></p>",
        Escaped(&standing),
        Escaped(&memory)
    );
}

/// Writes what stands above the services.
pub(super) fn write_services(view: &View, out: &mut Vec<u8>) {
    out.extend_from_slice(
        b"<section id=\"services\" aria-labelledby=\"services-title\">\n\
          <h2 id=\"services-title\">Services</h2>\n<div class=\"general\">\n",
    );
    write_scope(view, out);
    out.extend_from_slice(b"<details>\n<summary>Colours</summary>\n<ul class=\"legend\">\n");
    for (class, words) in LEGEND {
        let _ = writeln!(out, "<li><span class=\"{class}\"></span>{words}</li>");
    }
    out.extend_from_slice(b"</ul>\n</details>\n</div>\n");
}

/// Writes the end of the page.
pub(super) fn write_foot(context: &Context<'_>, out: &mut Vec<u8>) {
    out.extend_from_slice(b"</main>\n<footer>\n<h2>This process, when the page was loaded</h2>\n");
    write_process(context, out);
    out.extend_from_slice(b"</footer>\n</body>\n</html>\n");
}

/// The text that the page shows, if it shows one.
fn shown<'a>(text: &'a ShownText, global: Option<&'a str>) -> Option<&'a str> {
    match text {
        ShownText::Hidden => None,
        ShownText::Global => global,
        ShownText::Own(own) => Some(own),
    }
}

fn write_names(
    view: &View,
    node: Option<&str>,
    description: Option<&str>,
    context: &Context<'_>,
    out: &mut Vec<u8>,
) {
    let on_node = node.map(|node| format!(" on {}", Escaped(node))).unwrap_or_default();
    let description = description.map(|text| format!(": {}", Escaped(text))).unwrap_or_default();
    let _ = write!(
        out,
        "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n\
         <meta name=\"viewport\" content=\"width=device-width\">\n\
         <title>Statistics Report for HAProxy{on_node}</title>\n\
         <link rel=\"icon\" href=\"data:,\">\n"
    );
    // The script keeps the page up to date without loading it again.
    if let Some(seconds) = view.options.refresh_s.filter(|_| !view.query.norefresh) {
        let _ = writeln!(
            out,
            "<noscript><meta http-equiv=\"refresh\" content=\"{seconds}\"></noscript>"
        );
    }
    let uri = &view.options.uri;
    let live = StatsQuery { body: Body::Live, lookup: None, result: None, ..view.query.clone() };
    let _ = write!(
        out,
        "<link rel=\"stylesheet\" href=\"{}\">\n<script src=\"{}\" defer></script>\n</head>\n\
         <body data-live=\"{}\">\n<a class=\"skip\" href=\"#sentence\">To how things stand</a>\n\
         <header>\n",
        Escaped(&STYLE.address(uri, Body::Style.word())),
        Escaped(&SCRIPT.address(uri, Body::Script.word())),
        Escaped(&view.link(&live))
    );
    let _ = match view.options.hide_version {
        true => writeln!(out, "<h1>HAProxy</h1>"),
        false => {
            writeln!(out, "<h1>HAProxy version {COMPATIBLE_VERSION}, released {RELEASE_DATE}</h1>")
        }
    };
    let _ = writeln!(
        out,
        "<p>Statistics Report for pid {}{on_node}{description}</p>",
        context.process.pid
    );
}

fn write_process(context: &Context<'_>, out: &mut Vec<u8>) {
    let field = |field: Field| {
        let (value, _) = field.value(context);
        value.text().map(|text| Escaped(&text).to_string()).unwrap_or_default()
    };
    let memory = match field(Field::MemmaxMB).as_str() {
        "0" => "unlimited".to_owned(),
        megabytes => format!("{megabytes} MB"),
    };
    let _ = write!(
        out,
        "<p class=\"process\"><b>pid = </b> {pid} (process #{number}, nbproc = {processes}, \
         nbthread = {threads})<br>\n\
         <b>uptime = </b> {uptime}<br>\n\
         <b>system limits:</b> memmax = {memory}; ulimit-n = {descriptors}<br>\n\
         <b>maxsock = </b> {maxsock}; <b>maxconn = </b> {maxconn}; \
         <b>maxpipes = </b> {maxpipes}<br>\n\
         current conns = {connections}; current pipes = {pipes}/{idle_pipes}; \
         conn rate = {rate}/sec; bit rate = {bit_rate} kbps<br>\n\
         Running tasks: {running}/{tasks}; idle = {idle} %</p>\n",
        pid = field(Field::Pid),
        number = field(Field::ProcessNum),
        processes = field(Field::Nbproc),
        threads = field(Field::Nbthread),
        uptime = field(Field::Uptime),
        descriptors = field(Field::UlimitN),
        maxsock = field(Field::Maxsock),
        maxconn = field(Field::Maxconn),
        maxpipes = field(Field::Maxpipes),
        connections = field(Field::CurrConns),
        pipes = field(Field::PipesUsed),
        idle_pipes = field(Field::PipesFree),
        rate = field(Field::ConnRate),
        bit_rate = kilobits(&field(Field::BytesOutRate)),
        running = field(Field::RunQueue),
        tasks = field(Field::Tasks),
        idle = field(Field::IdlePct),
    );
}

/// Bytes per second as thousands of bits per second.
fn kilobits(bytes: &str) -> String {
    let bits = bytes.parse::<u64>().unwrap_or_default().saturating_mul(8);
    format!("{}.{:03}", bits / 1000, bits % 1000)
}

/// The parts of the page, and the other forms of the figures.
fn write_parts(view: &View, out: &mut Vec<u8>) {
    out.extend_from_slice(b"<nav aria-label=\"Parts of the page\">\n<ul>\n");
    for (anchor, name) in PARTS {
        let _ = writeln!(out, "<li><a href=\"#{anchor}\">{name}</a></li>");
    }
    out.extend_from_slice(b"</ul>\n</nav>\n<nav aria-label=\"Views and exports\">\n<ul>\n");
    let query = StatsQuery { result: None, ..view.query.clone() };
    let mut link = |query: &StatsQuery, words: &str| {
        let address = view.link(query);
        let _ = writeln!(out, "<li><a href=\"{}\">{words}</a></li>", Escaped(&address));
    };
    let other = StatsQuery { up: !query.up, ..query.clone() };
    link(&other, if query.up { "Show all servers" } else { "Hide 'DOWN' servers" });
    if view.options.refresh_s.is_some() {
        let other = StatsQuery { norefresh: !query.norefresh, ..query.clone() };
        link(&other, if query.norefresh { "Enable refresh" } else { "Disable refresh" });
    }
    link(&query, "Refresh now");
    let export = |body| StatsQuery {
        body,
        norefresh: view.options.refresh_s.is_some(),
        scope: query.scope.clone(),
        ..StatsQuery::default()
    };
    link(&export(Body::Csv), "CSV export");
    link(&export(Body::Json), "JSON export");
    link(&StatsQuery { body: Body::JsonSchema, ..StatsQuery::default() }, "JSON schema");
    out.extend_from_slice(b"</ul>\n</nav>\n");
}

/// The form that narrows the services to a part of their names.
fn write_scope(view: &View, out: &mut Vec<u8>) {
    let query = StatsQuery { result: None, scope: None, ..view.query.clone() };
    let _ = writeln!(
        out,
        "<form method=\"get\" action=\"{}\">{}<label>Scope: \
         <input name=\"scope\" size=\"8\" maxlength=\"20\" value=\"{}\"></label> \
         <input type=\"submit\" value=\"Show\"></form>",
        Escaped(&view.link(&query)),
        view.hidden_pairs(),
        Escaped(view.query.scope.as_deref().unwrap_or_default())
    );
}

/// What came of the action that led to this page.
fn write_result(result: ActionResult, view: &View, out: &mut Vec<u8>) {
    let (class, words) = match result {
        ActionResult::Done => ("active_up", "The action was done."),
        ActionResult::None => ("active_going_down", "Nothing has changed."),
        ActionResult::Partial => (
            "active_going_down",
            "The action was done for some servers. The names of the others are not known.",
        ),
        ActionResult::Invalid => (
            "active_down",
            "The action was not done: the action, the backend or a server is not known.",
        ),
        ActionResult::TooLong => (
            "active_down",
            "The action was not done: the request was too long. Choose fewer servers.",
        ),
        ActionResult::Denied => ("active_down", "The action is not allowed."),
        ActionResult::Unknown => ("active_no_check", "The result of the action is not known."),
    };
    let back = view.link(&StatsQuery { result: None, ..view.query.clone() });
    let _ = writeln!(
        out,
        "<p class=\"result {class}\" role=\"status\"><a href=\"{}\" \
         title=\"Close this message\">[X]</a> {words}</p>",
        Escaped(&back)
    );
}
