//! Tests of the project's rules.

use super::{Loaded, Project, load, read_file};
use crate::app::build;
use crate::domain::Diagnostic;
use crate::rules::SourceFile;
use crate::stories::{self, Ground, Names, Report, Tests};
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

/// What running tests came to.
#[derive(Debug, Default)]
pub struct Tested {
    /// Problems of the project and of the files of tests; warnings of the project are `check`'s business.
    pub diagnostics: Vec<Diagnostic>,
    /// Whether the settings are wrong (exit 78), and not only rules, templates or tests (exit 65).
    pub bad_settings: bool,
    /// How many files of tests there are.
    pub files: usize,
    /// What came of the tests; `None` when there are errors, and nothing was run.
    pub report: Option<Report>,
}

/// Runs the tests of those files, or of all `rules/*.test.yaml` if there is none, with the project of a settings file.
#[must_use]
pub fn test(settings_file: &Path, files: &[PathBuf]) -> Tested {
    let loaded = load(settings_file);
    let paths = if files.is_empty() { &loaded.test_files } else { files };
    let files = paths.len();
    let (tests, mut problems) = read(&loaded, paths);
    problems.extend(loaded.diagnostics.into_iter().filter(Diagnostic::is_error));
    let report = match &loaded.project {
        Some(project) if !problems.iter().any(Diagnostic::is_error) => Some(run(project, &tests)),
        _ => None,
    };
    Tested { diagnostics: problems, bad_settings: loaded.bad_settings, files, report }
}

/// The problems of all files of tests of a project.
#[must_use]
pub fn test_problems(loaded: &Loaded) -> Vec<Diagnostic> {
    read(loaded, &loaded.test_files).1
}

fn read(loaded: &Loaded, paths: &[PathBuf]) -> (Vec<Tests>, Vec<Diagnostic>) {
    let Some(project) = &loaded.project else { return Default::default() };
    // A rule with an error is there all the same: a test that names it is not at fault.
    let files = loaded.diagnostics.iter().map(|problem| problem.place.file.as_path());
    let of_rules = files.filter(|file| file.parent().is_some_and(|folder| folder.ends_with("rules")));
    let broken = of_rules.filter_map(|file| Some(file.file_stem()?.to_string_lossy().into_owned()));
    let ids: BTreeSet<String> = project.rules.rules.iter().map(|rule| rule.id.to_string()).chain(broken).collect();
    let names = Names { rules: &project.rules, ids: &ids, schema: &project.schema };
    let (mut tests, mut problems) = (Vec::new(), Vec::new());
    for path in paths {
        let file = SourceFile { path: path.clone(), content: read_file(path) };
        let (read, found) = stories::read(&file, &names);
        tests.extend(read);
        problems.extend(found);
    }
    (tests, problems)
}

fn run(project: &Project, tests: &[Tests]) -> Report {
    let world = build::without_channels(project);
    stories::run(
        tests,
        &Ground {
            rules: &world.rules,
            templates: &world.templates,
            payloads: &world.payloads,
            schema: &world.schema,
            words: &world.words,
            business: &world.business,
            zone: &world.zone,
            policy: &world.policy,
        },
    )
}
