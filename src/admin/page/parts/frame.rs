//! What stands around the rows of a table.

use std::io::Write;

use super::super::text::Escaped;

/// Begins a part of the page.
pub(super) fn begin_part(anchor: &str, title: &str, out: &mut Vec<u8>) {
    // Writing to a vector cannot fail, here and below.
    let _ = writeln!(
        out,
        "<section id=\"{anchor}\" aria-labelledby=\"{anchor}-title\">\n\
         <h2 id=\"{anchor}-title\">{title}</h2>"
    );
}

/// Ends a part of the page.
pub(super) fn end_part(out: &mut Vec<u8>) {
    out.extend_from_slice(b"</section>\n");
}

/// Says that there is nothing to show.
pub(super) fn note(text: &str, out: &mut Vec<u8>) {
    let _ = writeln!(out, "<p class=\"note\">{}</p>", Escaped(text));
}

/// Begins a table that may be wider than the window. Its name is for those who do not see it.
pub(super) fn begin_table(name: &str, heads: &[&str], id: &str, out: &mut Vec<u8>) {
    let name = Escaped(name);
    let _ = write!(
        out,
        "<div class=\"scroll\" tabindex=\"0\" role=\"region\" aria-label=\"{name}\">\n\
         <table class=\"facts\">\n<thead><tr>"
    );
    for head in heads {
        let _ = write!(out, "<th scope=\"col\">{head}</th>");
    }
    out.extend_from_slice(b"</tr></thead>\n<tbody");
    if !id.is_empty() {
        let _ = write!(out, " id=\"{id}\"");
    }
    out.extend_from_slice(b">\n");
}

/// Says in a table of `columns` that nothing has happened yet.
pub(super) fn nothing_yet(columns: usize, out: &mut Vec<u8>) {
    let _ = writeln!(
        out,
        "<tr class=\"none\"><td class=\"c\" colspan=\"{columns}\">None since the start</td></tr>"
    );
}

/// Ends a table.
pub(super) fn end_table(out: &mut Vec<u8>) {
    out.extend_from_slice(b"</tbody>\n</table>\n</div>\n");
}

/// Begins what a reader has to open. The script asks for its rows while it is open.
pub(super) fn begin_details(live: &str, summary: &str, out: &mut Vec<u8>) {
    let _ = writeln!(out, "<details data-live=\"{live}\">\n<summary>{summary}</summary>");
}

/// Ends what a reader has to open.
pub(super) fn end_details(out: &mut Vec<u8>) {
    out.extend_from_slice(b"</details>\n");
}
