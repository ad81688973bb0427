//! The projects that ship with the sources, on the pure rooms alone: what becomes of the customers of their stories, and what is
//! said of the broken ones. The program itself is asked the same by `tests/it`; here it is what a change of one line must
//! come past (`tests/mutants/run.sh` copies this file beside the rooms).

use pure_stories::config::{self, Settings};
use pure_stories::domain::{self, Diagnostic, Schema};
use pure_stories::rules::{self, Action, RuleSet, SourceFile, Trigger};
use pure_stories::stories::{self, Ground};
use pure_stories::templates::{self, Business, Payload, SentBy, TemplateFile, Templates};
use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

#[path = "../../src/cli/diagnostics.rs"]
mod diagnostics;

/// A project as it is compiled.
struct Project {
    settings: Settings,
    schema: Schema,
    rules: RuleSet,
    templates: Templates,
    payloads: BTreeMap<(domain::Text, domain::Text), Payload>,
    problems: Vec<Diagnostic>,
}

/// Where the files of a project are: those of a folder over those of another.
struct Folders<'a>(&'a [PathBuf]);

impl Folders<'_> {
    fn read(&self, name: &str) -> Option<Vec<u8>> {
        self.0.iter().find_map(|folder| fs::read(folder.join(name)).ok())
    }

    fn list(&self, name: &str) -> BTreeSet<String> {
        let folders = self.0.iter().filter_map(|folder| fs::read_dir(folder.join(name)).ok());
        folders.flatten().map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect()
    }
}

fn manifest() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).to_path_buf()
}

/// `None` where there are no settings to compile anything with.
fn load(folders: &Folders<'_>) -> Option<Project> {
    let bytes = folders.read("retaind.yaml")?;
    let (settings, mut problems) = config::read_settings("retaind.yaml".as_ref(), &bytes, "".as_ref());
    let settings = settings?;
    let schema = match folders.read("schema.yaml") {
        None => config::schema_of_no_file(&settings),
        Some(bytes) => {
            let (schema, found) = config::read_schema("schema.yaml".as_ref(), &bytes, &settings);
            problems.extend(found);
            schema
        }
    };
    let files = template_files(folders);
    let names = files.iter().map(|file| file.name.clone()).collect();
    let (mut rules, found) = rules::compile(
        &rule_files(folders),
        &rules::Names {
            schema: &schema,
            topics: &settings.topics,
            endpoints: settings.endpoint_names(),
            templates: &names,
            business_zone: &settings.business.timezone,
            can_mail: settings.can_mail(),
        },
    );
    problems.extend(found);
    let sent_by = sent_by(&rules);
    let names = templates::Names { schema: &schema, words: &settings.business.words, sent_by: &sent_by };
    let (templates, found) = templates::compile(&files, &names);
    problems.extend(found);
    let payloads = payloads(&rules, &names, &mut problems);
    rules.keep_events(|rule, step| match &step.action {
        Action::Email { template, .. } => templates.names_event(template),
        Action::Webhook { .. } => payloads.get(&(rule.id.clone(), step.id.clone())).is_some_and(Payload::names_event),
    });
    problems.sort_by(|a, b| {
        (&a.place.file, a.place.span.start, a.severity).cmp(&(&b.place.file, b.place.span.start, b.severity))
    });
    Some(Project { settings, schema, rules, templates, payloads, problems })
}

fn template_files(folders: &Folders<'_>) -> Vec<TemplateFile> {
    let mut files = Vec::new();
    for name in folders.list("templates") {
        for file in folders.list(&format!("templates/{name}")) {
            let Some(locale) = file.strip_suffix(".md") else { continue };
            let path = format!("templates/{name}/{file}");
            let content = Ok(folders.read(&path).unwrap());
            files.push(TemplateFile { name: name.clone(), locale: locale.into(), path: path.into(), content });
        }
    }
    files
}

fn rule_files(folders: &Folders<'_>) -> Vec<SourceFile> {
    let names = folders.list("rules").into_iter();
    let names = names.filter(|name| name.ends_with(".yaml") && !name.ends_with(".test.yaml"));
    names.map(|name| source(folders, format!("rules/{name}"))).collect()
}

fn source(folders: &Folders<'_>, path: String) -> SourceFile {
    let content = folders.read(&path).ok_or_else(|| "it is not there".to_owned());
    SourceFile { path: path.into(), content }
}

fn sender(rule: &rules::Rule) -> SentBy {
    let event = if let Trigger::Event { name, .. } = &rule.trigger { Some(name.to_string()) } else { None };
    SentBy { rule: rule.id.to_string(), event }
}

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

fn payloads(
    rules: &RuleSet,
    names: &templates::Names<'_>,
    problems: &mut Vec<Diagnostic>,
) -> BTreeMap<(domain::Text, domain::Text), Payload> {
    let mut payloads = BTreeMap::new();
    for rule in &rules.rules {
        for step in &rule.steps {
            let Action::Webhook { data, document, .. } = &step.action else { continue };
            let (payload, found) = Payload::compile(document, data, names, &sender(rule));
            problems.extend(found);
            payloads.extend(payload.map(|payload| ((rule.id.clone(), step.id.clone()), payload)));
        }
    }
    payloads
}

/// What is wrong with a project, and with its stories and more of them, and what became of them.
fn faults(folder: &Path, more: &[&str]) -> Vec<String> {
    let paths = [folder.to_path_buf()];
    let folders = Folders(&paths);
    let project = load(&folders).unwrap();
    let mut faults: Vec<String> = project.problems.iter().map(ToString::to_string).collect();
    let ids = project.rules.rules.iter().map(|rule| rule.id.to_string()).collect();
    let names = stories::Names { rules: &project.rules, ids: &ids, schema: &project.schema };
    let mut tests = Vec::new();
    let listed = folders.list("rules").into_iter().filter(|name| name.ends_with(".test.yaml"));
    for path in listed.map(|name| format!("rules/{name}")).chain(more.iter().map(|path| (*path).to_owned())) {
        let (read, found) = stories::read(&source(&folders, path), &names);
        tests.extend(read);
        faults.extend(found.iter().map(ToString::to_string));
    }
    let business = &project.settings.business;
    let ground = Ground {
        rules: &project.rules,
        templates: &project.templates,
        payloads: &project.payloads,
        schema: &project.schema,
        words: &business.words,
        business: &Business {
            name: business.name.clone(),
            address: business.address.clone(),
            locale: business.locale.clone(),
        },
        zone: &business.timezone,
        policy: &project.settings.policy,
    };
    let report = stories::run(&tests, &ground);
    assert!(report.cases.len() >= 30, "{}", report.cases.len());
    let failed = report.cases.iter().filter(|case| !case.failures.is_empty());
    faults.extend(
        failed.map(|case| format!("{}: {} {:?}: {:#?}", case.place.file.display(), case.test, case.row, case.failures)),
    );
    faults
}

#[test]
fn the_stories_of_the_shipped_rules_come_out() {
    let faults = faults(&manifest(), &["tests/stories/together.test.yaml"]);
    assert!(faults.is_empty(), "{}", faults.join("\n"));
}

#[test]
fn the_stories_of_other_tools_faults_come_out() {
    let faults = faults(&manifest().join("tests/stories"), &[]);
    assert!(faults.is_empty(), "{}", faults.join("\n"));
}

/// What the program looks at and the pure rooms cannot: files that are not read, and what an address of a channel may be.
const NOT_HERE: [&str; 5] = ["settings", "stray-files", "file-ends-in-yml", "template-files", "template-as-a-folder"];

#[test]
fn each_broken_project_is_told_what_is_wrong() {
    let bad = manifest().join("tests/bad");
    let mut asked = 0;
    for name in Folders(&[bad.clone()]).list("") {
        let expected = fs::read_to_string(bad.join(&name).join("expected.snap")).unwrap_or_default();
        if NOT_HERE.iter().any(|prefix| name.starts_with(prefix)) || expected.is_empty() {
            continue;
        }
        let paths = [bad.join(&name), bad.join("base")];
        let project = load(&Folders(&paths)).unwrap();
        let told = diagnostics::render(&project.problems, diagnostics::Color::Never);
        assert!(expected.contains(&told), "{name}: expected\n{expected}\ntold\n{told}");
        asked += 1;
    }
    assert!(asked >= 60, "{asked}");
}
