//! A project folder, read and compiled.

use super::StartError;
use crate::config::{self, Settings};
use crate::domain::{Diagnostic, Place, Schema, Severity, Text};
use crate::rules::{self, Action, Rule, RuleSet, SourceFile, Trigger};
use crate::templates::{self, Payload, SentBy, TemplateFile, Templates};
use std::collections::{BTreeMap, BTreeSet};
use std::fs::{self, File};
use std::io::Read;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};

mod channels;
mod followups;
mod proposed;
mod seen;
mod stories;

use followups::Broken;
pub(super) use proposed::{Compiled, compile};
pub use seen::Seen;
pub use stories::{Tested, test, test_problems};

/// Files larger than this are refused unread.
const LARGEST_FILE: u64 = 1 << 20;

/// Everything that the files of a project say.
#[derive(Debug)]
pub struct Project {
    /// The folder that the settings file is in.
    pub folder: PathBuf,
    /// `retaind.yaml`.
    pub settings: Settings,
    /// `schema.yaml`.
    pub schema: Schema,
    /// `rules/`.
    pub rules: RuleSet,
    /// `templates/`.
    pub templates: Templates,
    /// Webhook bodies by (rule, step).
    pub payloads: BTreeMap<(Text, Text), Payload>,
}

/// What reading a project came to: the project as far as it could be understood, and everything there is to say.
#[derive(Debug)]
pub struct Loaded {
    /// The project; `None` when the settings could not be read at all. Not to be run when there are errors.
    pub project: Option<Project>,
    /// Errors and warnings of all files.
    pub diagnostics: Vec<Diagnostic>,
    /// Whether the settings themselves are wrong (exit 78), and not only rules or templates (exit 65).
    pub bad_settings: bool,
    /// Rule files read, that of the segments not counted.
    pub rule_files: usize,
    /// Template files read.
    pub template_files: usize,
    /// Whether there is a folder `rules/`.
    pub has_rules: bool,
    /// `rules/*.test.yaml`, unread: what is wrong with a test keeps no daemon from running.
    pub test_files: Vec<PathBuf>,
    /// What was read for all this.
    pub seen: Seen,
}

impl Loaded {
    /// Whether something is wrong.
    #[must_use]
    pub fn has_errors(&self) -> bool {
        self.diagnostics.iter().any(Diagnostic::is_error)
    }
}

/// Reads and compiles the project of a settings file. Never stops at the first problem.
#[must_use]
pub fn load(settings_file: &Path) -> Loaded {
    let folder = settings_file.parent().map(Path::to_path_buf).unwrap_or_default();
    let mut loaded = Loaded {
        project: None,
        diagnostics: Vec::new(),
        bad_settings: false,
        rule_files: 0,
        template_files: 0,
        has_rules: folder.join("rules").is_dir(),
        test_files: Vec::new(),
        seen: Seen::default(),
    };
    let mut broken = Broken::default();
    let settings = match loaded.seen.read(settings_file) {
        Ok(bytes) => {
            let (settings, problems) = config::read_settings(settings_file, &bytes, &folder);
            broken.note(settings_file, &bytes, &problems);
            loaded.diagnostics.extend(problems);
            if let Some(settings) = &settings {
                loaded.diagnostics.extend(channels::check(settings_file, &bytes, settings));
            }
            loaded.bad_settings = loaded.has_errors();
            settings
        }
        Err(why) => {
            loaded.bad_settings = true;
            let mut problem = unreadable(settings_file, &why);
            problem.help = Some(no_settings(settings_file));
            loaded.diagnostics.push(problem);
            None
        }
    };
    let Some(settings) = settings else { return loaded };
    let schema = read_schema(&folder, &settings, &mut loaded, &mut broken);
    let of_settings = loaded.diagnostics.len();
    let files = read_templates(&folder, &mut loaded);
    // A template with a problem exists all the same: a rule that names it is not at fault.
    let template_names = files.iter().map(|file| file.name.clone()).collect();
    let mut rules = read_rules(&folder, &settings, &schema, &template_names, &mut loaded);
    let sent_by = sent_by(&rules);
    let names = templates::Names { schema: &schema, words: &settings.business.words, sent_by: &sent_by };
    let (templates, problems) = templates::compile(&files, &names);
    loaded.diagnostics.extend(problems);
    let payloads = compile_payloads(&rules, &names, &mut loaded.diagnostics);
    rules.keep_events(|rule, step| match &step.action {
        Action::Email { template, .. } => templates.names_event(template),
        Action::Webhook { .. } => payloads.get(&(rule.id.clone(), step.id.clone())).is_some_and(Payload::names_event),
    });
    let others = loaded.diagnostics.split_off(of_settings).into_iter().filter(|problem| !broken.brings(problem));
    loaded.diagnostics.extend(others);
    loaded.diagnostics.sort_by(|a, b| {
        (&a.place.file, a.place.span.start, a.severity).cmp(&(&b.place.file, b.place.span.start, b.severity))
    });
    loaded.project = Some(Project { folder, settings, schema, rules, templates, payloads });
    loaded
}

/// Reads only the settings, as far as they can be understood: a mistake in another part of them must not keep a person
/// from pausing a running daemon.
///
/// # Errors
/// [`StartError::BadProject`] when the file cannot be read at all.
pub(super) fn load_settings(settings_file: &Path) -> Result<Settings, StartError> {
    let folder = settings_file.parent().map(Path::to_path_buf).unwrap_or_default();
    let (settings, diagnostics) = match read_file(settings_file) {
        Ok(bytes) => config::read_settings(settings_file, &bytes, &folder),
        Err(why) => {
            let mut problem = unreadable(settings_file, &why);
            problem.help = Some(no_settings(settings_file));
            (None, vec![problem])
        }
    };
    settings.ok_or(StartError::BadProject { diagnostics, bad_settings: true })
}

fn read_schema(folder: &Path, settings: &Settings, loaded: &mut Loaded, broken: &mut Broken) -> Schema {
    let file = folder.join("schema.yaml");
    let content = loaded.seen.read(&file);
    match fs::symlink_metadata(&file) {
        // A project that declares nothing has no schema file.
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => config::schema_of_no_file(settings),
        _ => match content {
            Ok(bytes) => {
                let (schema, problems) = config::read_schema(&file, &bytes, settings);
                broken.note(&file, &bytes, &problems);
                loaded.diagnostics.extend(problems);
                schema
            }
            Err(why) => {
                let problem = unreadable(&file, &why);
                broken.note(&file, b"", std::slice::from_ref(&problem));
                loaded.diagnostics.push(problem);
                config::schema_of_no_file(settings)
            }
        },
    }
}

fn read_templates(folder: &Path, loaded: &mut Loaded) -> Vec<TemplateFile> {
    let mut files = Vec::new();
    for name in entries(&folder.join("templates"), loaded) {
        let path = folder.join("templates").join(&name);
        if name == "layouts" || !path.is_dir() {
            continue;
        }
        for entry in entries(&path, loaded) {
            let file = path.join(&entry);
            match entry.strip_suffix(".md") {
                Some(locale) => {
                    let content = loaded.seen.read(&file);
                    files.push(TemplateFile { name: name.clone(), locale: locale.to_owned(), path: file, content });
                }
                None if is_other_template(&entry) => loaded.diagnostics.push(
                    at_start("not-supported", &file, "this kind of template is not supported in this version")
                        .help("write the message as LOCALE.md, such as en.md"),
                ),
                None => loaded.diagnostics.push(
                    warning("passed-over", &file, "this file is not read: a message is a file LOCALE.md")
                        .help("remove it, or keep it elsewhere; a message is named after its language, such as en.md"),
                ),
            }
        }
    }
    loaded.template_files = files.len();
    files
}

/// Whether a file was plainly meant as a template of another kind.
fn is_other_template(name: &str) -> bool {
    let ends = ["html", "htm", "mjml", "txt", "liquid", "j2"];
    Path::new(name).extension().is_some_and(|end| ends.iter().any(|known| end.eq_ignore_ascii_case(known)))
}

fn read_rules(
    folder: &Path,
    settings: &Settings,
    schema: &Schema,
    templates: &BTreeSet<String>,
    loaded: &mut Loaded,
) -> RuleSet {
    let mut files = Vec::new();
    if !loaded.has_rules {
        let message = "there is no such folder, so there are no rules";
        let problem = warning("no-rules", &folder.join("rules"), message);
        loaded
            .diagnostics
            .push(problem.help("make a folder `rules` beside retaind.yaml, and in it a file NAME.yaml for each rule"));
    }
    for entry in entries(&folder.join("rules"), loaded) {
        let path = folder.join("rules").join(&entry);
        if entry.ends_with(".test.yaml") {
            loaded.test_files.push(path);
        } else if Path::new(&entry).extension().is_some_and(|extension| extension == "yaml") {
            let content = loaded.seen.read(&path);
            files.push(SourceFile { path, content });
        } else {
            loaded.diagnostics.push(passed_over(&path));
        }
    }
    loaded.rule_files = files.iter().filter(|file| !file.path.ends_with("segments.yaml")).count();
    let names = rules::Names {
        schema,
        topics: &settings.topics,
        endpoints: settings.endpoint_names(),
        templates,
        business_zone: &settings.business.timezone,
        can_mail: settings.can_mail(),
    };
    let (rules, problems) = rules::compile(&files, &names);
    loaded.diagnostics.extend(problems);
    rules
}

/// What stands in the folder of rules and is none, with what to do if it was meant as one.
fn passed_over(path: &Path) -> Diagnostic {
    let name = path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
    let stem = name.trim_start_matches('#').split('.').next().unwrap_or_default();
    let lower = name.to_lowercase();
    let is_meant = lower.contains(".yml") || lower.contains(".yaml");
    let (message, help) = if path.is_dir() {
        ("a folder in `rules` is not looked into", "move the rules in it into the folder `rules` itself".to_owned())
    } else if is_meant {
        let end = if lower.contains(".test.") { ".test" } else { "" };
        let meant = format!("{stem}{end}.yaml");
        let help = if path.with_file_name(&meant).exists() {
            format!("remove it, or keep it elsewhere: there is a {meant} already")
        } else {
            format!("rename it to {meant}")
        };
        ("this file is not read: the name of a rule file ends in `.yaml`", help)
    } else {
        (
            "this file is not read: a rule is a file NAME.yaml",
            "rename it if it is a rule, or move it elsewhere".to_owned(),
        )
    };
    warning("passed-over", path, message).help(help)
}

/// By template, the rules that send it.
fn sent_by(rules: &RuleSet) -> BTreeMap<String, Vec<SentBy>> {
    let mut all: BTreeMap<String, Vec<SentBy>> = BTreeMap::new();
    for rule in &rules.rules {
        for step in &rule.steps {
            if let Action::Email { template, .. } = &step.action {
                all.entry(template.to_string()).or_default().push(sender(rule));
            }
        }
    }
    all
}

fn sender(rule: &Rule) -> SentBy {
    let event = if let Trigger::Event { name, .. } = &rule.trigger { Some(name.to_string()) } else { None };
    SentBy { rule: rule.id.to_string(), event }
}

fn compile_payloads(
    rules: &RuleSet,
    names: &templates::Names<'_>,
    diagnostics: &mut Vec<Diagnostic>,
) -> BTreeMap<(Text, Text), Payload> {
    let mut payloads = BTreeMap::new();
    for rule in &rules.rules {
        for step in &rule.steps {
            let Action::Webhook { data, document, .. } = &step.action else { continue };
            let (payload, problems) = Payload::compile(document, data, names, &sender(rule));
            diagnostics.extend(problems);
            if let Some(payload) = payload {
                payloads.insert((rule.id.clone(), step.id.clone()), payload);
            }
        }
    }
    payloads
}

/// Names in a folder, in order, without hidden ones; a folder that is not there is empty.
fn entries(folder: &Path, loaded: &mut Loaded) -> Vec<String> {
    match loaded.seen.list(folder) {
        Ok(names) => names.unwrap_or_default(),
        Err(why) => {
            loaded.diagnostics.push(unreadable(folder, &why));
            Vec::new()
        }
    }
}

/// The same; `None` when it is not there, an error when it cannot be read.
fn names_in(folder: &Path) -> Result<Option<Vec<String>>, String> {
    let listing = match fs::read_dir(folder) {
        Ok(listing) => listing,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(error.to_string()),
    };
    let mut names: Vec<String> = listing
        .filter_map(Result::ok)
        .map(|entry| entry.file_name().to_string_lossy().into_owned())
        .filter(|name| !name.starts_with('.') && !name.ends_with('~'))
        .collect();
    names.sort();
    Ok(Some(names))
}

/// Reads a regular file of bounded size; a folder, a FIFO or a device is refused without being opened.
fn read_file(path: &Path) -> Result<Vec<u8>, String> {
    let meta = fs::metadata(path).map_err(|error| describe(&error))?;
    if !meta.is_file() {
        return Err(if meta.is_dir() { "it is a folder" } else { "it is not a regular file" }.to_owned());
    }
    let mut bytes = Vec::new();
    let file = open(path)?;
    file.take(LARGEST_FILE + 1).read_to_end(&mut bytes).map_err(|error| describe(&error))?;
    if bytes.len() as u64 > LARGEST_FILE {
        return Err("it is larger than 1 MiB".to_owned());
    }
    Ok(bytes)
}

/// Opens a regular file. One that has become a FIFO since somebody looked does not keep us waiting for a writer.
fn open(path: &Path) -> Result<File, String> {
    let flags = rustix::fs::OFlags::NONBLOCK.bits().cast_signed();
    let file = File::options().read(true).custom_flags(flags).open(path).map_err(|error| describe(&error))?;
    let is_file = file.metadata().map_err(|error| describe(&error))?.is_file();
    if is_file { Ok(file) } else { Err("it is not a regular file".to_owned()) }
}

fn describe(error: &std::io::Error) -> String {
    match error.kind() {
        std::io::ErrorKind::NotFound => "there is no such file".to_owned(),
        std::io::ErrorKind::PermissionDenied => "permission denied".to_owned(),
        _ => error.to_string(),
    }
}

fn unreadable(file: &Path, why: &str) -> Diagnostic {
    at_start("unreadable", file, &format!("cannot be read: {why}"))
        .help("write it as a plain file that the daemon's user may read, or remove it")
}

/// What to do when the settings cannot be read: unlike other files they have to be there.
fn no_settings(file: &Path) -> String {
    if file.exists() {
        "write it as a plain file that the daemon's user may read".to_owned()
    } else {
        "name the settings with `--config FILE`, go to the project's folder, or make one with `retaind init DIR`"
            .to_owned()
    }
}

fn warning(code: &'static str, file: &Path, message: &str) -> Diagnostic {
    Diagnostic { severity: Severity::Warning, ..at_start(code, file, message) }
}

fn at_start(code: &'static str, file: &Path, message: &str) -> Diagnostic {
    let place = Place { file: file.to_path_buf(), text: "".into(), span: 0..0 };
    Diagnostic::error(code, place, message)
}

#[cfg(test)]
mod tests {
    use super::{open, read_file};
    use rustix::fs::{CWD, FileType, Mode, mknodat};

    #[test]
    fn what_is_no_regular_file_is_refused_without_waiting_for_it() {
        let dir = tempfile::tempdir().unwrap();
        let fifo = dir.path().join("a.yaml");
        mknodat(CWD, &fifo, FileType::Fifo, Mode::RUSR | Mode::WUSR, 0).unwrap();
        assert_eq!(read_file(&fifo).unwrap_err(), "it is not a regular file");
        // As if it had been a file when it was looked at.
        assert_eq!(open(&fifo).unwrap_err(), "it is not a regular file");
        assert_eq!(read_file(dir.path()).unwrap_err(), "it is a folder");
        assert_eq!(read_file(&dir.path().join("b.yaml")).unwrap_err(), "there is no such file");
    }
}
