//! Which file of the program uses which other file, according to the paths in the text.

use std::collections::{BTreeMap, BTreeSet};

use crate::Source;

/// A path such as `["proxy", "backend", "Backend"]`, without `crate`.
type Segments = Vec<String>;

/// The files of the program, with the paths that each file uses and passes on.
pub(crate) struct Imports {
    modules: BTreeMap<Segments, Module>,
}

struct Module {
    file: String,
    /// The paths that the lines of the program use, as whole paths.
    uses: BTreeSet<Segments>,
    /// The names that the module passes on (`pub use`), with the paths to which they lead.
    passed_on: BTreeMap<String, Segments>,
}

impl Imports {
    /// Reads `sources`, the files below `src/`.
    pub(crate) fn read(sources: &[Source]) -> Self {
        let places: BTreeSet<_> = sources.iter().filter_map(module_of).collect();
        let read = |source: &Source| {
            let place = module_of(source)?;
            let module = Module::read(source, &place, &places);
            Some((place, module))
        };
        Self { modules: sources.iter().filter_map(read).collect() }
    }

    /// For each file, the files that it uses.
    pub(crate) fn files(&self) -> BTreeMap<&str, BTreeSet<&str>> {
        let used_by = |module: &Module| {
            let targets = module.uses.iter().filter_map(|path| self.file_of(path));
            targets.filter(|file| *file != module.file).collect::<Vec<_>>()
        };
        let mut files = BTreeMap::<&str, BTreeSet<&str>>::new();
        for module in self.modules.values() {
            files.entry(&module.file).or_default();
            for used in used_by(module) {
                files.entry(&module.file).or_default().insert(used);
            }
        }
        files
    }

    /// The file to which `path` leads. A name that a module only passes on leads to the file that
    /// defines it. A path to a folder leads to no file.
    fn file_of(&self, path: &[String]) -> Option<&str> {
        let known =
            (1..=path.len()).rev().find(|length| self.modules.contains_key(&path[..*length]))?;
        let module = &self.modules[&path[..known]];
        let name = path.get(known)?;
        match module.passed_on.get(name).or_else(|| module.passed_on.get("*")) {
            Some(origin) => {
                let origin = origin.iter().filter(|segment| *segment != "*").cloned();
                let mut whole: Segments = origin.collect();
                if whole.last() != Some(name) {
                    whole.push(name.clone());
                }
                self.file_of(&whole)
            }
            None => Some(&module.file),
        }
    }
}

impl Module {
    fn read(source: &Source, place: &[String], places: &BTreeSet<Segments>) -> Self {
        let text = code(source);
        let mut module =
            Self { file: source.name.clone(), uses: BTreeSet::new(), passed_on: BTreeMap::new() };
        // The names of modules that stand before `::` without a head: children and imported ones.
        let mut known: BTreeMap<String, Segments> = BTreeMap::new();
        for child in places.iter().filter(|child| child.len() == place.len() + 1) {
            if child.starts_with(place) {
                known.insert(child[place.len()].clone(), child.clone());
            }
        }
        let (declarations, rest) = declarations(&text);
        for (is_public, tree) in declarations {
            for path in paths_of(&tree) {
                let Some(path) = whole_path(&path, place, &known) else { continue };
                let name = path.last().cloned().unwrap_or_default();
                if is_public {
                    module.passed_on.insert(name.clone(), path.clone());
                } else {
                    if places.contains(&path) {
                        known.insert(name, path.clone());
                    }
                    module.uses.insert(path);
                }
            }
        }
        let inline = inline_paths(&rest);
        module.uses.extend(inline.iter().filter_map(|path| whole_path(path, place, &known)));
        module
    }
}

/// `["proxy", "backend"]` for `src/proxy/backend/mod.rs`. None for tests and for `main.rs`.
fn module_of(source: &Source) -> Option<Segments> {
    let below = source.name.strip_prefix("src/")?.strip_suffix(".rs")?;
    let below = below.strip_suffix("/mod").unwrap_or(below);
    if source.is_tests() || ["main", "lib"].contains(&below) {
        return None;
    }
    Some(below.split('/').map(str::to_owned).collect())
}

/// The lines of the program without comments and string literals.
fn code(source: &Source) -> String {
    let mut code = String::new();
    for (_, line) in source.program() {
        let mut in_text = false;
        let mut before = ' ';
        for (index, letter) in line.char_indices() {
            if !in_text && line[index..].starts_with("//") {
                break;
            }
            if letter == '"' && before != '\\' && before != '\'' {
                in_text = !in_text;
            }
            if !in_text {
                code.push(letter);
            }
            before = letter;
        }
        code.push('\n');
    }
    code
}

/// The `use` declarations, each with whether it passes its names on, and all other code.
fn declarations(text: &str) -> (Vec<(bool, String)>, String) {
    let mut found = Vec::new();
    let mut rest = String::new();
    let mut lines = text.lines();
    while let Some(line) = lines.next() {
        let start = line.trim_start();
        let (is_public, tree) = match start.split_once("use ") {
            Some(("", tree)) => (false, tree),
            Some((head, tree)) if head.starts_with("pub") && !head.contains(['(', '{']) => {
                (true, tree)
            }
            Some((head, tree)) if head.starts_with("pub(") && head.ends_with(") ") => (true, tree),
            _ => {
                rest.push_str(line);
                rest.push('\n');
                continue;
            }
        };
        let mut tree = tree.to_owned();
        while !tree.contains(';') {
            let Some(line) = lines.next() else { break };
            tree.push_str(line.trim());
        }
        found.push((is_public, tree.split(';').next().unwrap_or_default().to_owned()));
    }
    (found, rest)
}

/// The single paths of a `use` tree: `a::{b, c::{self, d}}` has `a::b`, `a::c` and `a::c::d`.
fn paths_of(tree: &str) -> Vec<Segments> {
    let tree = tree.trim();
    let Some((head, group)) = tree.split_once('{') else {
        let path = tree.split(" as ").next().unwrap_or_default();
        let segments = path.split("::").map(|segment| segment.trim().to_owned());
        return vec![segments.collect()];
    };
    let head: Segments =
        head.trim().split("::").filter(|segment| !segment.is_empty()).map(str::to_owned).collect();
    let group = group.rsplit_once('}').map_or(group, |(group, _)| group);
    let mut paths = Vec::new();
    for branch in branches(group) {
        for path in paths_of(branch) {
            let tail = path.into_iter().filter(|segment| segment != "self");
            paths.push(head.iter().cloned().chain(tail).collect());
        }
    }
    paths
}

/// The parts between the commas of a group. Commas of inner groups do not count.
fn branches(group: &str) -> Vec<&str> {
    let mut found = Vec::new();
    let (mut start, mut depth) = (0, 0);
    for (index, letter) in group.char_indices() {
        match letter {
            '{' => depth += 1,
            '}' => depth -= 1,
            ',' if depth == 0 => {
                found.push(&group[start..index]);
                start = index + 1;
            }
            _ => {}
        }
    }
    found.push(&group[start..]);
    found.into_iter().map(str::trim).filter(|branch| !branch.is_empty()).collect()
}

/// Every path of two or more segments in the code.
fn inline_paths(code: &str) -> BTreeSet<Segments> {
    let is_part = |letter: char| letter.is_alphanumeric() || letter == '_' || letter == ':';
    let words = code.split(|letter| !is_part(letter)).filter(|word| word.contains("::"));
    let paths = words.map(|word| word.split("::").map(|part| part.trim_matches(':').to_owned()));
    paths.map(|path| path.filter(|part| !part.is_empty()).collect()).collect()
}

/// `path`, written in the module `place`, as a path from the top. None for a path into another
/// crate.
fn whole_path(
    path: &[String],
    place: &[String],
    known: &BTreeMap<String, Segments>,
) -> Option<Segments> {
    let (head, tail) = path.split_first()?;
    let mut whole = match head.as_str() {
        "crate" => Vec::new(),
        "self" => place.to_vec(),
        "super" => {
            let above = path.iter().take_while(|segment| *segment == "super").count();
            let base = place.len().checked_sub(above)?;
            let mut whole = place[..base].to_vec();
            whole.extend_from_slice(&path[above..]);
            return Some(whole);
        }
        name => known.get(name)?.clone(),
    };
    whole.extend_from_slice(tail);
    Some(whole)
}

/// The circles of `files`: each group of files in which every file uses every other file, directly
/// or through other files.
pub(crate) fn circles(files: &BTreeMap<&str, BTreeSet<&str>>) -> Vec<BTreeSet<String>> {
    let reached = |start: &str| {
        let mut found = BTreeSet::<&str>::new();
        let mut open = vec![start];
        while let Some(file) = open.pop() {
            for used in files.get(file).into_iter().flatten() {
                if found.insert(used) {
                    open.push(used);
                }
            }
        }
        found.into_iter().map(str::to_owned).collect::<BTreeSet<_>>()
    };
    let reach: BTreeMap<&str, BTreeSet<String>> =
        files.keys().map(|file| (*file, reached(file))).collect();
    let mut circles = BTreeSet::new();
    for (file, others) in &reach {
        if others.contains(*file) {
            let back =
                |other: &&String| reach.get(other.as_str()).is_some_and(|o| o.contains(*file));
            circles.insert(others.iter().filter(back).cloned().collect::<BTreeSet<_>>());
        }
    }
    circles.into_iter().collect()
}
