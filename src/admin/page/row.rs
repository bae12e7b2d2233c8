//! The row of a frontend, server or backend, in the form of a sheet.

use std::borrow::Cow;
use std::io::Write;

use super::sheet::{Form, Sheet};
use super::state::State;
use super::text::{Duration, Escaped};
use super::view::View;
use crate::admin::context::Context;
use crate::admin::stats::columns::Column;
use crate::admin::stats::object::{BackendServer, Object};

/// HAProxy's modules that have columns. The names of the columns begin with these words.
pub(super) const MODULES: &[&str] = &["ssl", "h2", "h1"];

/// How a row is written.
#[derive(Clone, Copy, Debug)]
pub(super) struct Manner {
    pub(super) form: Form,
    /// Cells have the titles that explain their numbers.
    pub(super) has_titles: bool,
}

impl Manner {
    /// The row of a page.
    pub(super) const PAGE: Self = Self { form: Form::Html, has_titles: true };
}

/// Writes the row of an object.
pub(super) fn write(
    object: &Object<'_>,
    manner: Manner,
    view: &View,
    context: &Context<'_>,
    out: &mut Vec<u8>,
) {
    let Manner { form, has_titles } = manner;
    let mut row = Row { object, view, context, sheet: Sheet::new(form, out), has_titles };
    match object {
        Object::Frontend(_) | Object::Endpoint(_) => row.write_frontend(),
        Object::Server(server) => row.write_server(server),
        Object::Backend(_) => row.write_backend(),
        Object::Listener(listener) => row.write_listener(&listener.name()),
    }
    if view.options.show_modules {
        row.modules();
    }
    row.sheet.end();
}

struct Row<'a> {
    object: &'a Object<'a>,
    view: &'a View,
    context: &'a Context<'a>,
    sheet: Sheet<'a>,
    has_titles: bool,
}

impl Row<'_> {
    fn write_frontend(&mut self) {
        let is_http = self.text(Column::Mode) == "http";
        self.begin("frontend", "Frontend", None);
        self.blank(3);
        let rates: &[Column] = match is_http {
            true => &[Column::ConnRate, Column::Rate, Column::ReqRate],
            false => &[Column::ConnRate, Column::Rate],
        };
        self.number_with(Column::Rate, rates);
        let maxima: &[Column] = match is_http {
            true => &[Column::ConnRateMax, Column::RateMax, Column::ReqRateMax],
            false => &[Column::ConnRateMax, Column::RateMax],
        };
        self.number_with(Column::RateMax, maxima);
        self.limit(Column::RateLim);
        self.numbers(&[Column::Scur, Column::Smax, Column::Slim]);
        let totals: &[Column] = match is_http {
            true => &[
                Column::ConnTot,
                Column::Stot,
                Column::ReqTot,
                Column::Hrsp1xx,
                Column::Hrsp2xx,
                Column::Hrsp3xx,
                Column::Hrsp4xx,
                Column::Hrsp5xx,
                Column::HrspOther,
                Column::Intercepted,
            ],
            false => &[Column::ConnTot, Column::Stot],
        };
        self.number_with(Column::Stot, totals);
        self.write_traffic_of_clients();
    }

    /// The cells behind the sessions of a frontend or of a listener: both only accept clients.
    fn write_traffic_of_clients(&mut self) {
        self.blanks(2);
        self.numbers(&[Column::Bin, Column::Bout]);
        self.number_with(Column::Dreq, &[Column::Dcon, Column::Dses, Column::Dreq]);
        self.numbers(&[Column::Dresp, Column::Ereq]);
        self.blanks(4);
        let status = self.text(Column::Status);
        self.words(&status, "");
        self.blank(8);
    }

    fn write_listener(&mut self, name: &str) {
        self.begin("socket", name, Some(Column::Addr));
        self.blank(3);
        self.blank(3);
        self.numbers(&[Column::Scur, Column::Smax, Column::Slim, Column::Stot]);
        self.write_traffic_of_clients();
    }

    fn write_server(&mut self, server: &BackendServer<'_>) {
        let is_backup = self.text(Column::Bck) == "1";
        let status = self.text(Column::Status);
        let state = State::of(&status, self.text(Column::Uweight) != "0");
        self.begin(state.class(is_backup), &server.config.name, Some(Column::Addr));
        self.numbers(&[Column::Qcur, Column::Qmax]);
        self.limit(Column::Qlimit);
        self.numbers(&[Column::Rate, Column::RateMax]);
        self.blanks(1);
        self.number_with(Column::Scur, &[Column::UsedConnCur, Column::NeedConnEst]);
        self.numbers(&[Column::Smax]);
        self.limit(Column::Slim);
        self.traffic_of_backend();
        self.blanks(1);
        self.numbers(&[Column::Dresp]);
        self.blanks(1);
        self.errors_of_backend();
        match state {
            State::NoCheck => self.words("no check", ""),
            _ => {
                let age = self.duration(Column::Lastchg);
                // The columns behind say whose state this is.
                let status = status.split(" (via").next().unwrap_or_default();
                self.words(&format!("{age} {status}{}", state.arrow()), "");
            }
        }
        self.last_check();
        self.weight();
        self.yes_or_no(Column::Act);
        self.yes_or_no(Column::Bck);
        self.outages();
        match self.text(Column::Throttle).as_str() {
            "" => self.words("-", ""),
            throttle => self.words(&format!("{throttle} %"), ""),
        }
    }

    fn write_backend(&mut self) {
        self.begin("backend", "Backend", Some(Column::Algo));
        self.numbers(&[Column::Qcur, Column::Qmax]);
        self.blanks(1);
        self.numbers(&[Column::Rate, Column::RateMax]);
        self.blanks(1);
        self.numbers(&[Column::Scur, Column::Smax, Column::Slim]);
        self.traffic_of_backend();
        self.numbers(&[Column::Dreq, Column::Dresp]);
        self.blanks(1);
        self.errors_of_backend();
        let status = self.text(Column::Status);
        let age = self.duration(Column::Lastchg);
        let class = if status == "UP" { "c" } else { "c active_down" };
        self.sheet.words(&format!("{age} {status}"), "", class);
        self.blanks(1);
        self.weight();
        self.count(Column::Act);
        self.count(Column::Bck);
        self.blanks(1);
        self.numbers(&[Column::Chkdown]);
        let downtime = self.duration(Column::Downtime);
        self.sheet.number(&downtime, "");
        self.blanks(1);
    }

    /// Sessions so far, those that the algorithm gave, the last one, and the bytes.
    fn traffic_of_backend(&mut self) {
        self.number_with(
            Column::Stot,
            &[
                Column::Stot,
                Column::Connect,
                Column::QtimeMax,
                Column::Qtime,
                Column::CtimeMax,
                Column::Ctime,
                Column::TtimeMax,
                Column::Ttime,
            ],
        );
        self.numbers(&[Column::Lbtot]);
        let last = self.duration(Column::Lastsess);
        self.sheet.number(if last.is_empty() { "?" } else { &last }, "");
        self.numbers(&[Column::Bin, Column::Bout]);
    }

    fn errors_of_backend(&mut self) {
        self.numbers(&[Column::Econ]);
        self.number_with(Column::Eresp, &[Column::CliAbrt, Column::SrvAbrt]);
        self.numbers(&[Column::Wretr, Column::Wredis]);
    }

    /// The last check, with what it saw.
    fn last_check(&mut self) {
        let status = self.text(Column::CheckStatus);
        let mut text = status.clone();
        for (before, column, after) in
            [("/", Column::CheckCode, ""), (" in ", Column::CheckDuration, "ms")]
        {
            let value = self.text(column);
            if !status.is_empty() && !value.is_empty() {
                text.push_str(&format!("{before}{value}{after}"));
            }
        }
        let mut title = String::new();
        for columns in [[Column::CheckDesc, Column::LastChk], [Column::AgentDesc, Column::LastAgt]]
        {
            let words = columns.map(|column| self.text(column));
            let words: Vec<&str> =
                words.iter().map(String::as_str).filter(|word| !word.is_empty()).collect();
            if !title.is_empty() && !words.is_empty() {
                title.push_str("\nAgent: ");
            }
            title.push_str(&words.join(": "));
        }
        self.words(&text, &title);
    }

    /// The weight in effect and the weight as it was set.
    fn weight(&mut self) {
        let weights = format!("{}/{}", self.text(Column::Weight), self.text(Column::Uweight));
        self.words(&weights, "");
    }

    /// Failed checks, outages, and the time spent down; or the server whose checks count.
    fn outages(&mut self) {
        let tracked = self.text(Column::Tracked);
        let failed = self.text(Column::Chkfail);
        if !tracked.is_empty() {
            self.sheet.fixed(|out| {
                let name = Escaped(&tracked);
                let _ = write!(
                    out,
                    "<td class=\"c\" colspan=\"3\"><a href=\"#{name}\">via {name}</a></td>"
                );
            });
        } else if failed.is_empty() {
            self.blank(3);
        } else {
            let by_traffic = self.text(Column::Hanafail);
            let shown = match by_traffic.as_str() {
                "" => failed,
                by_traffic => format!("{failed}/{by_traffic}"),
            };
            let title = self.title(&[Column::Chkfail, Column::Hanafail]);
            self.sheet.number(&shown, &title);
            self.numbers(&[Column::Chkdown]);
            let downtime = self.duration(Column::Downtime);
            self.sheet.number(&downtime, "");
        }
    }

    /// One cell for each module, with its columns.
    fn modules(&mut self) {
        for module in MODULES {
            let modules = Column::ALL.get(Column::FIRST_OF_MODULES.number()..).unwrap_or_default();
            let is_of_module = |column: &&Column| column.name().split('_').next() == Some(*module);
            let columns: Vec<Column> = modules.iter().filter(is_of_module).copied().collect();
            let title = self.title(&columns);
            self.words(if title.is_empty() { "" } else { module }, &title);
        }
    }

    fn begin(&mut self, class: &str, name: &str, legend: Option<Column>) {
        match self.sheet.form {
            Form::Html => {
                let _ = write!(self.sheet.out, "<tr class=\"{class}\">");
                self.name(name, legend);
            }
            Form::Json => {
                let id = format!("{}/{name}", self.object.proxy_name());
                self.sheet.begin_json(&id, class);
            }
        }
    }

    /// The name of the row, which links to the row; before it the box that chooses a server.
    fn name(&mut self, name: &str, legend: Option<Column>) {
        let name = Escaped(name);
        if self.view.may_act {
            match self.object {
                Object::Server(_) => {
                    let _ = write!(
                        self.sheet.out,
                        "<td><input type=\"checkbox\" name=\"s\" value=\"{name}\" \
                         aria-label=\"{name}\"></td>"
                    );
                }
                _ => self.blanks(1),
            }
        }
        let text = legend.filter(|_| self.view.options.show_legends).map(|column| {
            let (text, id) = (self.text(column), self.text(Column::Sid));
            match self.object {
                Object::Server(_) => format!(" title=\"{}, id {id}\"", Escaped(&text)),
                _ => format!(" title=\"balance {}\"", Escaped(&text)),
            }
        });
        let anchor = format!("{}/{name}", Escaped(self.object.proxy_name()));
        let _ = write!(
            self.sheet.out,
            "<th scope=\"row\"{}><a name=\"{anchor}\" href=\"#{anchor}\">{name}</a></th>",
            text.unwrap_or_default()
        );
    }

    fn text(&self, column: Column) -> String {
        let value = column.value(self.object, self.context);
        value.text().map(Cow::into_owned).unwrap_or_default()
    }

    /// Seconds as people say them; nothing where there is no time.
    fn duration(&self, column: Column) -> String {
        let seconds = self.text(column).parse::<u64>();
        seconds.map(|seconds| Duration(seconds).to_string()).unwrap_or_default()
    }

    /// What the values of some columns mean, one line for each column that has a value.
    fn title(&self, columns: &[Column]) -> String {
        if !self.has_titles {
            return String::new();
        }
        let lines = columns.iter().map(|column| (column.meaning(), self.text(*column)));
        let lines = lines.filter(|(_, value)| !value.is_empty());
        let lines: Vec<String> =
            lines.map(|(meaning, value)| format!("{meaning}: {value}")).collect();
        lines.join("\n")
    }

    fn numbers(&mut self, columns: &[Column]) {
        for column in columns {
            let text = self.text(*column);
            self.sheet.number(&text, "");
        }
    }

    fn number_with(&mut self, column: Column, titles: &[Column]) {
        let (text, title) = (self.text(column), self.title(titles));
        self.sheet.number(&text, &title);
    }

    /// A limit; none is shown as `-`.
    fn limit(&mut self, column: Column) {
        match self.text(column).as_str() {
            "" | "0" => self.sheet.number("-", ""),
            limit => self.sheet.number(limit, ""),
        }
    }

    /// A number of servers.
    fn count(&mut self, column: Column) {
        let text = self.text(column);
        self.words(&text, "");
    }

    fn yes_or_no(&mut self, column: Column) {
        let text = self.text(column);
        self.words(if text == "1" { "Y" } else { "-" }, "");
    }

    /// Words in the middle of their cell. The class of such a cell is not told again.
    fn words(&mut self, text: &str, title: &str) {
        let class = if self.sheet.form == Form::Html { "c" } else { "" };
        self.sheet.words(text, title, class);
    }

    fn blanks(&mut self, count: usize) {
        for _ in 0..count {
            self.sheet.number("", "");
        }
    }

    /// One empty cell over some columns.
    fn blank(&mut self, columns: usize) {
        self.sheet.blank(columns);
    }
}
