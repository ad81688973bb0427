//! Rules that are not in use yet, compiled as if they were.

use super::{compile_payloads, sent_by};
use crate::config::{self, Settings};
use crate::domain::{Diagnostic, Schema, Text};
use crate::http::{PlanFile, PlanFiles};
use crate::rules::{self, RuleSet, SourceFile};
use crate::templates::{self, Payload, TemplateFile, Templates};
use std::collections::BTreeMap;
use std::path::Path;

/// What proposed files come to.
pub(in crate::app) struct Compiled {
    pub(in crate::app) rules: RuleSet,
    pub(in crate::app) schema: Schema,
    /// The templates, if any came with the rules.
    pub(in crate::app) templates: Option<Templates>,
    /// Webhook bodies by (rule, step).
    pub(in crate::app) payloads: BTreeMap<(Text, Text), Payload>,
    /// Errors and warnings of all of them.
    pub(in crate::app) diagnostics: Vec<Diagnostic>,
}

/// Compiles proposed files under the settings, with the live schema and templates where they bring none.
pub(in crate::app) fn compile(settings: &Settings, live: (&Schema, &Templates), files: &PlanFiles) -> Compiled {
    let mut diagnostics = Vec::new();
    let schema = match &files.schema {
        None => live.0.clone(),
        Some(file) => match content(file) {
            Ok(bytes) => {
                let (schema, problems) = config::read_schema(Path::new(&file.path), &bytes, settings);
                diagnostics.extend(problems);
                schema
            }
            Err(why) => {
                diagnostics.push(super::unreadable(Path::new(&file.path), &why));
                live.0.clone()
            }
        },
    };
    let templates: Option<Vec<TemplateFile>> =
        files.templates.as_ref().map(|files| files.iter().filter_map(template).collect());
    let known =
        templates.as_ref().map_or_else(|| live.1.names(), |files| files.iter().map(|file| file.name.clone()).collect());
    let source = |file: &PlanFile| SourceFile { path: file.path.clone().into(), content: content(file) };
    let sources: Vec<SourceFile> = files.rules.iter().map(source).collect();
    let names = rules::Names {
        schema: &schema,
        topics: &settings.topics,
        endpoints: settings.endpoint_names(),
        templates: &known,
        business_zone: &settings.business.timezone,
        can_mail: settings.can_mail(),
    };
    let (rules, problems) = rules::compile(&sources, &names);
    diagnostics.extend(problems);
    let sent_by = sent_by(&rules);
    let names = templates::Names { schema: &schema, words: &settings.business.words, sent_by: &sent_by };
    let templates = templates.map(|files| {
        let (templates, problems) = templates::compile(&files, &names);
        diagnostics.extend(problems);
        templates
    });
    let payloads = compile_payloads(&rules, &names, &mut diagnostics);
    diagnostics.sort_by(|a, b| {
        (&a.place.file, a.place.span.start, a.severity).cmp(&(&b.place.file, b.place.span.start, b.severity))
    });
    Compiled { rules, schema, templates, payloads, diagnostics }
}

fn content(file: &PlanFile) -> Result<Vec<u8>, String> {
    match (&file.text, &file.error) {
        (Some(text), _) => Ok(text.clone().into_bytes()),
        (None, Some(why)) => Err(why.clone()),
        (None, None) => Err("nothing of it was sent".into()),
    }
}

/// `NAME/LOCALE.md`
fn template(file: &PlanFile) -> Option<TemplateFile> {
    let path = Path::new(&file.path);
    let name = path.parent()?.file_name()?.to_string_lossy().into_owned();
    let locale = path.file_stem()?.to_string_lossy().into_owned();
    Some(TemplateFile { name, locale, path: path.to_owned(), content: content(file) })
}
