//! Texts that are compared with a part of another text.

/// Texts to compare with.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TextMatch {
    /// Which part must be the same.
    pub part: TextPart,
    /// Whether lower and upper case are the same; the patterns are in lower case then.
    pub ignores_case: bool,
    /// The texts, in ascending order.
    pub patterns: Vec<Vec<u8>>,
}

/// Which part of a text must be the same.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum TextPart {
    /// All of it.
    Whole,
    /// Its beginning.
    Beginning,
    /// Its end.
    End,
    /// Any part.
    Inside,
    /// A part between slashes or question marks, as of a path.
    Directory,
    /// A part between dots, slashes, question marks or colons, as of a name of a host.
    Domain,
}
