//! The links of a peers section as a picture: this node on the left, its peers on the right. The
//! table beside it says the same in words.
//!
//! ```text
//!             in step  ┌───┐
//!   ┌───┐   ╭──────────│ b │
//!   │ a │───┤          └───┘
//!   └───┘   ╰──────────┌───┐
//!            down: 5s  │ c │
//! ```

use std::io::Write;

use super::super::text::Escaped;

/// A picture has no more links than this.
pub(super) const LINKS_MAX: usize = 24;

/// The room for each peer, and the height of a node.
const STEP: usize = 56;
const NODE_HEIGHT: usize = 30;
/// Where a node's right or left side is, and where the picture ends.
const LEFT: usize = 128;
const RIGHT: usize = 306;
const WIDTH: usize = 440;
/// The most letters of a name.
const NAME_LEN_MAX: usize = 15;

/// The other end of a link.
#[derive(Debug)]
pub(super) struct End {
    pub(super) id: String,
    pub(super) class: &'static str,
    /// How the link stands.
    pub(super) word: String,
    pub(super) name: String,
}

/// Writes the picture. Without links there is none.
pub(super) fn write(own: &str, ends: &[End], out: &mut Vec<u8>) {
    if ends.is_empty() {
        return;
    }
    let height = ends.len() * STEP + 12;
    let middle = height / 2;
    // Writing to a vector cannot fail, here and below.
    let _ =
        writeln!(out, "<svg class=\"mesh\" viewBox=\"0 0 {WIDTH} {height}\" aria-hidden=\"true\">");
    for (at, end) in ends.iter().enumerate() {
        let y = at * STEP + STEP / 2 + 12;
        let (bend, turn) = (LEFT + 36, LEFT + 72);
        let _ = writeln!(
            out,
            "<g id=\"link-{}\" class=\"link {}\"><path d=\"M{LEFT} {middle} C{bend} {middle} \
             {bend} {y} {turn} {y} L{RIGHT} {y}\"/><text class=\"word\" x=\"{}\" y=\"{}\" \
             text-anchor=\"end\">{}</text>",
            end.id,
            end.class,
            RIGHT - 6,
            y - 7,
            Escaped(&end.word)
        );
        write_node(&end.name, RIGHT, y, "", out);
        out.extend_from_slice(b"</g>\n");
    }
    write_node(own, 8, middle, "own", out);
    out.extend_from_slice(b"</svg>\n");
}

/// A box with a name, from `x` on, around `y`.
fn write_node(name: &str, x: usize, y: usize, class: &str, out: &mut Vec<u8>) {
    let width = LEFT - 8;
    let short: String = match name.chars().count() {
        0..=NAME_LEN_MAX => name.to_owned(),
        _ => name.chars().take(NAME_LEN_MAX - 1).chain(['…']).collect(),
    };
    let _ = write!(
        out,
        "<rect x=\"{x}\" y=\"{}\" width=\"{width}\" height=\"{NODE_HEIGHT}\" rx=\"6\"/>\
         <text class=\"{class}\" x=\"{}\" y=\"{}\" text-anchor=\"middle\">{}</text>",
        y - NODE_HEIGHT / 2,
        x + width / 2,
        y + 5,
        Escaped(&short)
    );
}
