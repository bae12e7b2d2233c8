//! Where relative names of files begin, in each part of the configuration.

use std::path::{Path, PathBuf};

use super::GlobalDraft;
use crate::config::text::diagnostic::Place;

/// Where relative names begin (`default-path`).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(in crate::config) enum DefaultPath {
    /// In the directory in which the process was started.
    #[default]
    Current,
    /// In the directory of the configuration file.
    Config,
    /// In the directory above that one.
    Parent,
    /// In this directory.
    Origin(PathBuf),
}

/// The directory in which relative names begin, from a place on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::config) struct Begin {
    from: Place,
    directory: PathBuf,
}

impl GlobalDraft {
    /// What `default-path` says counts from this place of a file on.
    pub(in crate::config) fn begin_paths(&mut self, from: Place, file: &str) {
        let of_config = || Path::new(file).parent().map(Path::to_owned).unwrap_or_default();
        let directory = match &self.default_path {
            DefaultPath::Current => PathBuf::new(),
            DefaultPath::Config => of_config(),
            DefaultPath::Parent => of_config().join(".."),
            DefaultPath::Origin(directory) => directory.clone(),
        };
        self.paths.push(Begin { from, directory });
    }
}

/// The path of a name that stands at a place.
pub(in crate::config) fn path_of(begins: &[Begin], name: &str, place: Place) -> PathBuf {
    let before = begins.iter().rfind(|begin| begin.from <= place);
    before.map_or_else(|| name.into(), |begin| begin.directory.join(name))
}
