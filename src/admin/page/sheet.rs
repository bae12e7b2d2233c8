//! The rows of a table in two forms: as HTML for the page, and as JSON for the script that keeps
//! the page up to date. Who writes a row does not know the form.
//!
//! ```text
//!   <tr data-row="t:web"><td>7</td><td class="c">yes</td></tr>
//!   ["t:web","",[7,["yes","","c"]]]
//! ```

use std::io::Write;

use super::text::{Escaped, Grouped};
use crate::admin::json;

/// The form of the rows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Form {
    /// Rows of a table.
    Html,
    /// Values for a page that has the rows.
    Json,
}

/// Where rows are written.
pub(super) struct Sheet<'a> {
    pub(super) form: Form,
    pub(super) out: &'a mut Vec<u8>,
    /// A value was written before in the innermost list.
    has_value: bool,
}

impl<'a> Sheet<'a> {
    /// Appends rows to `out`.
    pub(super) fn new(form: Form, out: &'a mut Vec<u8>) -> Self {
        Self { form, out, has_value: false }
    }

    /// Begins a row. `id` names it for the script, within the page.
    pub(super) fn begin(&mut self, id: &str, class: &str) {
        // Writing to a vector cannot fail, here and below.
        let _ = match self.form {
            Form::Html if class.is_empty() => {
                write!(self.out, "<tr data-row=\"{}\">", Escaped(id))
            }
            Form::Html => {
                write!(self.out, "<tr class=\"{class}\" data-row=\"{}\">", Escaped(id))
            }
            Form::Json => {
                self.begin_json(id, class);
                Ok(())
            }
        };
    }

    /// Begins a row as a JSON list. Rows are told apart by a comma.
    pub(super) fn begin_json(&mut self, id: &str, class: &str) {
        if self.out.last() == Some(&b']') {
            self.out.push(b',');
        }
        self.out.push(b'[');
        json::write_text(id, self.out);
        self.out.push(b',');
        json::write_text(class, self.out);
        self.out.extend_from_slice(b",[");
        self.has_value = false;
    }

    /// Ends a row.
    pub(super) fn end(&mut self) {
        self.out.extend_from_slice(match self.form {
            Form::Html => b"</tr>\n",
            Form::Json => b"]]",
        });
    }

    /// The head of the row, which does not change.
    pub(super) fn head(&mut self, text: &str) {
        if self.form == Form::Html {
            let _ = write!(self.out, "<th scope=\"row\">{}</th>", Escaped(text));
        }
    }

    /// The head of a row that a page may not have yet.
    pub(super) fn named(&mut self, text: &str) {
        match self.form {
            Form::Html => self.head(text),
            Form::Json => self.words(text, "", ""),
        }
    }

    /// A cell with a part of a whole, as a text and as a bar.
    pub(super) fn bar(&mut self, text: &str, part: u64, whole: u64) {
        let tenths = u128::from(part.min(whole)) * 1000 / u128::from(whole.max(1));
        let (percent, tenth) = (tenths / 10, tenths % 10);
        if self.form == Form::Html {
            let _ = write!(
                self.out,
                "<td class=\"c\"><svg class=\"bar\" viewBox=\"0 0 100 10\" \
                 preserveAspectRatio=\"none\" aria-hidden=\"true\"><rect \
                 width=\"{percent}.{tenth}\" height=\"10\"/></svg> <span>{}</span></td>",
                Escaped(text)
            );
        } else {
            self.separate();
            let _ = write!(self.out, "{{\"bar\":{percent}.{tenth},\"text\":");
            json::write_text(text, self.out);
            self.out.push(b'}');
        }
    }

    /// A cell with numbers over the last hour, one for each minute, as a curve.
    pub(super) fn curve(&mut self, counts: &[u32], most: u32) {
        if self.form == Form::Html {
            self.out.extend_from_slice(
                b"<td><svg class=\"past\" viewBox=\"0 0 60 20\" preserveAspectRatio=\"none\" \
                  aria-hidden=\"true\"><polyline points=\"",
            );
            write_points(counts, most, self.out);
            self.out.extend_from_slice(b"\"/></svg></td>");
        } else {
            self.separate();
            self.out.extend_from_slice(b"{\"points\":\"");
            write_points(counts, most, self.out);
            self.out.extend_from_slice(b"\"}");
        }
    }

    /// A cell with a number, or with another text.
    pub(super) fn number(&mut self, text: &str, title: &str) {
        match self.form {
            Form::Html => self.cell_of_html(&Grouped(text).to_string(), title, ""),
            Form::Json => self.value(title, "", |out| {
                if !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit()) {
                    out.extend_from_slice(text.as_bytes());
                } else {
                    json::write_text(text, out);
                }
            }),
        }
    }

    /// A cell with words.
    pub(super) fn words(&mut self, text: &str, title: &str, class: &str) {
        match self.form {
            Form::Html => self.cell_of_html(&Escaped(text).to_string(), title, class),
            Form::Json => self.value(title, class, |out| json::write_text(text, out)),
        }
    }

    /// One empty cell over some columns.
    pub(super) fn blank(&mut self, columns: usize) {
        match self.form {
            Form::Html => {
                let _ = write!(self.out, "<td colspan=\"{columns}\"></td>");
            }
            Form::Json => self.words("", "", ""),
        }
    }

    /// A cell whose HTML never changes while the page is open.
    pub(super) fn fixed(&mut self, html: impl FnOnce(&mut Vec<u8>)) {
        match self.form {
            Form::Html => html(self.out),
            Form::Json => {
                self.separate();
                self.out.extend_from_slice(b"null");
            }
        }
    }

    fn cell_of_html(&mut self, html: &str, title: &str, class: &str) {
        self.out.extend_from_slice(b"<td");
        if !class.is_empty() {
            let _ = write!(self.out, " class=\"{class}\"");
        }
        if !title.is_empty() {
            let _ = write!(self.out, " title=\"{}\"", Escaped(title));
        }
        let _ = write!(self.out, ">{html}</td>");
    }

    /// A value: alone, or in a list with its title and class where it has them.
    fn value(&mut self, title: &str, class: &str, write: impl FnOnce(&mut Vec<u8>)) {
        self.separate();
        if title.is_empty() && class.is_empty() {
            return write(self.out);
        }
        self.out.push(b'[');
        write(self.out);
        for text in [title, class] {
            self.out.push(b',');
            json::write_text(text, self.out);
        }
        self.out.push(b']');
    }

    fn separate(&mut self) {
        if std::mem::replace(&mut self.has_value, true) {
            self.out.push(b',');
        }
    }
}

/// Writes the points of a curve for a picture of 60 by 20. The last number is on the right.
fn write_points(counts: &[u32], most: u32, out: &mut Vec<u8>) {
    let left = 59_usize.saturating_sub(counts.len());
    let most = u64::from(most.max(1));
    for (at, count) in counts.iter().enumerate() {
        let tenths = 190 - u64::from(*count).min(most) * 180 / most;
        let space = if at > 0 { " " } else { "" };
        let _ = write!(out, "{space}{},{}.{}", left + at, tenths / 10, tenths % 10);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rows(form: Form) -> String {
        let mut out = Vec::new();
        for id in ["t:<a>", "t:b"] {
            let mut sheet = Sheet::new(form, &mut out);
            sheet.begin(id, "up");
            sheet.head(id);
            sheet.number("1234", "");
            sheet.number("-", "so \"far\"");
            sheet.words("<b>", "", "c");
            sheet.blank(2);
            sheet.fixed(|out| out.extend_from_slice(b"<td>x</td>"));
            sheet.end();
        }
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn both_forms_have_the_same_cells_and_nothing_is_markup() {
        let html = rows(Form::Html);
        assert!(
            html.starts_with(
                "<tr class=\"up\" data-row=\"t:&lt;a&gt;\"><th scope=\"row\">t:&lt;a&gt;</th>\
                 <td><i>1</i>234</td><td title=\"so &quot;far&quot;\">-</td>\
                 <td class=\"c\">&lt;b&gt;</td><td colspan=\"2\"></td><td>x</td></tr>\n"
            ),
            "{html}"
        );
        let cells = "[1234,[\"-\",\"so \\\"far\\\"\",\"\"],[\"<b>\",\"\",\"c\"],\"\",null]";
        assert_eq!(
            rows(Form::Json),
            format!("[\"t:<a>\",\"up\",{cells}],[\"t:b\",\"up\",{cells}]")
        );
    }
}
