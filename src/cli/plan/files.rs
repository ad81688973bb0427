//! A folder of rules that is not in use yet, read by the command.

use crate::cli::error::Error;
use crate::domain::{Diagnostic, Place, Severity};
use crate::http::{Failure, FailureKind, PlanFile, PlanFiles, Problem};
use std::fs::{self, File};
use std::io::Read;
use std::path::{Path, PathBuf};

/// Files larger than this are refused unread.
const LARGEST_FILE: u64 = 1 << 20;

/// Reads a folder of rules, or a project that has one, with the templates and the schema beside it.
pub(super) fn read(folder: &Path) -> Result<PlanFiles, Error> {
    let own = folder.join("rules");
    let (rules, beside) = if own.is_dir() {
        (own, folder.to_owned())
    } else {
        (folder.to_owned(), folder.parent().map(Path::to_owned).unwrap_or_default())
    };
    let is_yaml = |path: &Path| path.extension().is_some_and(|extension| extension == "yaml");
    let is_test =
        |path: &Path| path.file_stem().is_some_and(|stem| Path::new(stem).extension().is_some_and(|it| it == "test"));
    let is_rule = |path: &Path| is_yaml(path) && !is_test(path);
    let rules: Vec<PlanFile> = entries(&rules)
        .map_err(|error| unreadable(&rules, &error))?
        .iter()
        .filter(|path| is_rule(path))
        .map(|path| file(path))
        .collect();
    if rules.is_empty() {
        // Taken at its word, it would end every rule.
        return Err(Failure::new(FailureKind::Rules, format!("there is no rule in {}", folder.display())).into());
    }
    let schema = beside.join("schema.yaml");
    let templates = beside.join("templates");
    Ok(PlanFiles {
        rules,
        templates: templates.is_dir().then(|| messages(&templates)).transpose()?,
        schema: schema.is_file().then(|| file(&schema)),
    })
}

fn unreadable(folder: &Path, error: &std::io::Error) -> Error {
    Failure::new(FailureKind::Rules, format!("cannot read {}", folder.display())).because(error).into()
}

/// All `NAME/LOCALE.md`.
fn messages(templates: &Path) -> Result<Vec<PlanFile>, Error> {
    let mut files = Vec::new();
    for folder in entries(templates).map_err(|error| unreadable(templates, &error))? {
        if !folder.is_dir() || folder.file_name().is_some_and(|name| name == "layouts") {
            continue;
        }
        let found = entries(&folder).map_err(|error| unreadable(&folder, &error))?;
        let is_message = |path: &Path| path.extension().is_some_and(|extension| extension == "md");
        files.extend(found.iter().filter(|path| is_message(path)).map(|path| file(path)));
    }
    Ok(files)
}

/// What is in a folder, in the order of names, without what is hidden.
fn entries(folder: &Path) -> std::io::Result<Vec<PathBuf>> {
    let mut found = fs::read_dir(folder)?.map(|entry| Ok(entry?.path())).collect::<std::io::Result<Vec<_>>>()?;
    found.retain(|path| {
        let name = path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
        !name.starts_with('.') && !name.ends_with('~')
    });
    found.sort();
    Ok(found)
}

fn file(path: &Path) -> PlanFile {
    let (text, error) = match text(path) {
        Ok(text) => (Some(text), None),
        Err(why) => (None, Some(why)),
    };
    PlanFile { path: path.display().to_string(), text, error }
}

/// A regular file of bounded size; a folder, a FIFO or a device is refused without being opened.
fn text(path: &Path) -> Result<String, String> {
    let meta = fs::metadata(path).map_err(|error| error.to_string())?;
    if !meta.is_file() {
        return Err("it is not a regular file".into());
    }
    let mut bytes = Vec::new();
    let file = File::open(path).map_err(|error| error.to_string())?;
    file.take(LARGEST_FILE + 1).read_to_end(&mut bytes).map_err(|error| error.to_string())?;
    if bytes.len() as u64 > LARGEST_FILE {
        return Err("it is larger than 1 MiB".into());
    }
    String::from_utf8(bytes).map_err(|_| "it is not UTF-8".into())
}

/// Problems with the texts of the files that they stand in, so that the very place can be shown.
pub(super) fn diagnostics(problems: &[Problem], files: Option<&PlanFiles>) -> Vec<Diagnostic> {
    problems.iter().map(|problem| diagnostic(problem, files)).collect()
}

fn diagnostic(problem: &Problem, files: Option<&PlanFiles>) -> Diagnostic {
    let all = files
        .into_iter()
        .flat_map(|files| files.rules.iter().chain(files.templates.iter().flatten()).chain(&files.schema));
    let text = all.clone().find(|file| file.path == problem.file).and_then(|file| file.text.clone());
    // As it is read: a byte order mark is no part of a text.
    let text = text.unwrap_or_default().trim_start_matches('\u{feff}').to_owned();
    let (start, end) = (at(&text, problem.line, problem.column), at(&text, problem.end_line, problem.end_column));
    Diagnostic {
        severity: if problem.severity == "error" { Severity::Error } else { Severity::Warning },
        // A handful of short words, and the command ends with them.
        code: Box::leak(problem.code.clone().into_boxed_str()),
        place: Place { file: problem.file.clone().into(), text: text.into(), span: start..end.max(start) },
        message: problem.message.clone(),
        help: problem.help.clone(),
        also: Vec::new(),
    }
}

/// The byte at a line and a column of characters, both from 1.
fn at(text: &str, line: usize, column: usize) -> usize {
    let start: usize = text.split_inclusive('\n').take(line.saturating_sub(1)).map(str::len).sum();
    let rest = &text[start..];
    start + rest.char_indices().nth(column.saturating_sub(1)).map_or(rest.len(), |(index, _)| index)
}
