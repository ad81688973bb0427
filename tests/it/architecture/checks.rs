//! The checks themselves, each a function from one file to its faults, so that they can be tried on small texts.

use super::source::{Path, Source};
use super::table::{
    CLOCK_READS, CRATE_HOMES, EMPTY_NAMES, EXCEPTIONS, IMPURE_NAMES, IMPURE_PATHS, INNER_ROOMS, Kind, MOST_LINES, room,
};
use std::collections::HashSet;

/// One file under `src/`.
#[derive(Debug)]
pub(crate) struct File {
    /// Its path under `src/`, with `/`.
    pub(crate) path: String,
    pub(crate) text: String,
    source: Source,
}

impl File {
    pub(crate) fn new(path: &str, text: &str) -> Self {
        Self { path: path.to_owned(), text: text.to_owned(), source: Source::read(text) }
    }

    /// The room that the file belongs to: its first folder, or its own name.
    pub(crate) fn room(&self) -> &str {
        self.path.split('/').next().unwrap_or_default().trim_end_matches(".rs")
    }

    /// Where its module stands: `store/sled/mod.rs` is `["store", "sled"]`.
    pub(crate) fn module(&self) -> Vec<String> {
        let stem = self.path.trim_end_matches(".rs");
        let stem = stem.strip_suffix("mod").map_or(stem, |parent| parent.trim_end_matches('/'));
        stem.split('/').filter(|part| !["", "lib", "main"].contains(part)).map(str::to_owned).collect()
    }

    /// Modules of its own that exist for tests alone, as paths without ending.
    pub(crate) fn test_modules(&self) -> Vec<String> {
        let folder = self.module().join("/");
        self.source.test_modules.iter().map(|name| format!("{folder}/{name}")).collect()
    }

    fn paths(&self) -> Vec<Path> {
        self.source.paths(&self.module())
    }

    fn fault(&self, line: usize, what: &str) -> String {
        format!("src/{}:{line}: {what}", self.path)
    }
}

/// Whether a file is for tests alone: it lies in, or is, one of the modules that are declared under `#[cfg(test)]`.
pub(crate) fn is_for_tests(path: &str, test_modules: &HashSet<String>) -> bool {
    let stem = path.trim_end_matches(".rs");
    test_modules.iter().any(|module| stem == module || stem.starts_with(&format!("{module}/")))
}

/// Rooms that the file names without the table's leave.
pub(crate) fn forbidden_imports(file: &File) -> Vec<String> {
    if file.path == "lib.rs" {
        return Vec::new();
    }
    let Some(row) = room(file.room()) else {
        return vec![file.fault(1, &format!("`{}` is no room of the table", file.room()))];
    };
    let mut faults = Vec::new();
    for path in file.paths().iter().filter(|path| path.names[0] == "crate") {
        let name = path.names.get(1).map_or("", String::as_str);
        if name == row.name || row.may_use.contains(&name) {
            continue;
        }
        let what = match name {
            "" | "*" => format!("`{}` names the whole package at once", row.name),
            name => format!("`{}` may not use `{name}`", row.name),
        };
        faults.push(file.fault(path.line, &what));
    }
    faults
}

/// Parts of other rooms that stand behind a trait and are named all the same.
pub(crate) fn forbidden_inner_rooms(file: &File) -> Vec<String> {
    let mut faults = Vec::new();
    for path in file.paths() {
        for (inner, users) in INNER_ROOMS {
            let named = path.names.first().is_some_and(|first| first == "crate") && begins(&path.names[1..], inner);
            if named && file.room() != inner[0] && !users.contains(&file.room()) {
                faults.push(file.fault(path.line, &format!("only {users:?} may name `{}`", inner.join("::"))));
            }
        }
    }
    faults
}

/// Outside crates that are named away from home.
pub(crate) fn crates_away_from_home(file: &File) -> Vec<String> {
    let local = local_names(file);
    let mut faults = Vec::new();
    for path in file.paths() {
        let name = path.names[0].as_str();
        for (_, home) in CRATE_HOMES.iter().filter(|(krate, _)| *krate == name && !local.contains(name)) {
            if !is_at(&file.path, home) {
                faults.push(file.fault(path.line, &format!("`{name}` may be named in `{home}` alone")));
            }
        }
    }
    faults
}

/// What a pure room may not contain: waiting, files, network, environment, processes, clocks, randomness.
pub(crate) fn impurities(file: &File) -> Vec<String> {
    if room(file.room()).is_none_or(|row| row.kind == Kind::Edge) {
        return Vec::new();
    }
    let names = file.source.tokens.iter().filter(|token| IMPURE_NAMES.contains(&token.text.as_str()));
    let mut faults: Vec<String> =
        names.map(|token| file.fault(token.line, &format!("`{}` in a pure room", token.text))).collect();
    for path in file.paths() {
        let excepted = EXCEPTIONS.iter().any(|(name, start)| file.path.ends_with(name) && begins(&path.names, start));
        let impure = !excepted && IMPURE_PATHS.iter().any(|start| begins(&path.names, start))
            || CLOCK_READS.iter().any(|end| path.names.ends_with(&owned(end)));
        if impure {
            faults.push(file.fault(path.line, &format!("`{}` in a pure room", path.names.join("::"))));
        }
    }
    faults
}

/// A room's `mod.rs` whose card is missing or lacks one of its three parts.
pub(crate) fn missing_card(file: &File) -> Vec<String> {
    let is_room = file.path.matches('/').count() == 1 && file.path.ends_with("/mod.rs");
    if !is_room {
        return Vec::new();
    }
    let card: String = file.text.lines().take_while(|line| line.starts_with("//!")).collect::<Vec<_>>().join(" ");
    let card = card.to_lowercase();
    let parts = [("what it is for", "for:"), ("its invariants", "invariants:"), ("what is left out", "not here:")];
    let lacking = parts.iter().filter(|(_, mark)| !card.contains(mark));
    lacking.map(|(part, mark)| file.fault(1, &format!("the room's card does not say {part} (`{mark}`)"))).collect()
}

/// Lints that are switched off without a reason that the compiler keeps true.
pub(crate) fn allowed_lints(file: &File) -> Vec<String> {
    let tokens = &file.source.tokens;
    let hits = tokens.windows(3).filter(|three| three[1].text == "[" && three[2].text == "allow");
    hits.map(|three| file.fault(three[2].line, "`allow` of a lint; write `expect` with its reason")).collect()
}

/// A file that is two files.
pub(crate) fn too_long(path: &str, text: &str) -> Option<String> {
    let lines = text.lines().count();
    (lines > MOST_LINES).then(|| format!("{path}: {lines} lines; a file over {MOST_LINES} is two files"))
}

/// A folder or file whose name says nothing.
pub(crate) fn empty_name(path: &str) -> Option<String> {
    let empty = path.split('/').map(|part| part.trim_end_matches(".rs")).find(|part| EMPTY_NAMES.contains(part))?;
    Some(format!("{path}: `{empty}` says nothing about what is inside"))
}

/// A module that stands beside its own folder.
pub(crate) fn beside_its_folder(path: &str, all: &HashSet<String>) -> Option<String> {
    let stem = path.strip_suffix(".rs")?;
    let folder = format!("{stem}/");
    all.iter()
        .any(|other| other.starts_with(&folder))
        .then(|| format!("{path}: stands beside its folder; make it {stem}/mod.rs"))
}

/// Names that a file itself gives to modules or imports, so that they do not mean an outside crate there.
fn local_names(file: &File) -> HashSet<String> {
    let tokens = &file.source.tokens;
    let modules = tokens.windows(2).filter(|two| two[0].text == "mod").map(|two| two[1].text.clone());
    let imports =
        file.paths().into_iter().filter(|path| path.names[0] == "crate").filter_map(|p| p.names.last().cloned());
    modules.chain(imports).collect()
}

fn begins(names: &[String], start: &[&str]) -> bool {
    names.len() >= start.len() && names.iter().zip(start).all(|(name, want)| name == want)
}

fn owned(names: &[&str]) -> Vec<String> {
    names.iter().map(|name| (*name).to_owned()).collect()
}

fn is_at(path: &str, home: &str) -> bool {
    path.strip_prefix(home).is_some_and(|rest| rest.starts_with('/') || rest == ".rs")
}
