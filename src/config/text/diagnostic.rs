//! What is wrong with a configuration, and where: diagnostics as data.

use std::fmt;

/// Whether a diagnostic stops the start.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum DiagnosticKind {
    /// The configuration may mean something else than its author thinks.
    Warning,
    /// The configuration cannot be used.
    Error,
}

/// The section that a line stands in.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Section {
    /// The word that opens the section, for instance `backend`.
    pub kind: &'static str,
    /// The name of the section, if there is one.
    pub name: Option<String>,
}

impl fmt::Display for Section {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.name {
            Some(name) => write!(f, "{} '{name}'", self.kind),
            None => write!(f, "'{}'", self.kind),
        }
    }
}

/// One message about the configuration.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Diagnostic {
    /// Whether it is a warning or an error.
    pub kind: DiagnosticKind,
    /// The name of the file as the command line gives it.
    pub file: String,
    /// The line, from 1; 0 if the message is about the whole file or the whole configuration.
    pub line: u32,
    /// The column in bytes, from 1; 0 if the message is about the whole line.
    pub column: u32,
    /// The section of the line.
    pub section: Option<Section>,
    /// The message, without the place.
    pub message: String,
}

impl fmt::Display for Diagnostic {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.file)?;
        if self.line > 0 {
            write!(f, ":{}", self.line)?;
        }
        if self.column > 0 {
            write!(f, ":{}", self.column)?;
        }
        f.write_str(": ")?;
        if let Some(section) = &self.section {
            write!(f, "in {section}: ")?;
        }
        f.write_str(&self.message)
    }
}

/// The numbers of errors and warnings in words: `1 error, 2 warnings`.
pub fn count(diagnostics: &[Diagnostic]) -> String {
    let number = |kind, word: &str| {
        let count = diagnostics.iter().filter(|found| found.kind == kind).count();
        let plural = if count == 1 { "" } else { "s" };
        (count > 0).then(|| format!("{count} {word}{plural}"))
    };
    let numbers =
        [number(DiagnosticKind::Error, "error"), number(DiagnosticKind::Warning, "warning")];
    numbers.into_iter().flatten().collect::<Vec<_>>().join(", ")
}

/// A place in the configuration.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(in crate::config) struct Place {
    /// The position in the report's list of files.
    pub(in crate::config) file: usize,
    /// The line, from 1.
    pub(in crate::config) line: u32,
    /// The column, from 1.
    pub(in crate::config) column: u32,
}

/// Something that was typed, with its place.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::config) struct Placed<T> {
    pub(in crate::config) value: T,
    pub(in crate::config) place: Place,
}

/// A mistake in a line. The rest of the line is not read.
#[derive(Debug)]
pub(in crate::config) struct Mistake {
    pub(in crate::config) place: Place,
    pub(in crate::config) message: String,
    /// Further mistakes in the same line.
    pub(super) more: Vec<Self>,
}

/// The message of a mistake that follows from another mistake, which has been reported.
pub(in crate::config) const TOLD: &str = "";

impl Mistake {
    pub(in crate::config) fn new(place: Place, message: impl Into<String>) -> Self {
        Self { place, message: message.into(), more: Vec::new() }
    }

    /// Both mistakes.
    pub(in crate::config) fn and(mut self, other: Self) -> Self {
        self.more.push(other);
        self
    }
}

/// The result of reading one line, or a part of it.
pub(in crate::config) type Parsed<T = ()> = Result<T, Mistake>;

/// Two parts of a line.
///
/// # Errors
/// The mistakes of both parts.
pub(in crate::config) fn both<A, B>(first: Parsed<A>, second: Parsed<B>) -> Parsed<(A, B)> {
    match (first, second) {
        (Ok(first), Ok(second)) => Ok((first, second)),
        (Err(mistake), Ok(_)) | (Ok(_), Err(mistake)) => Err(mistake),
        (Err(mistake), Err(other)) => Err(mistake.and(other)),
    }
}

/// All parts of a line.
///
/// # Errors
/// The mistakes of all parts.
pub(in crate::config) fn all<T>(parts: impl Iterator<Item = Parsed<T>>) -> Parsed<Vec<T>> {
    let mut read = Ok(Vec::new());
    for part in parts {
        read = both(read, part).map(|(mut read, part)| {
            read.push(part);
            read
        });
    }
    read
}
