//! A person's own project as the demo plays it: a copy of its rules, templates and schema, with settings that send
//! everything to the catchers. The project itself, and above all its store, is only read.

use crate::yaml::{self, Kind, Node};
use anyhow::{Context, anyhow};
use serde_json::{Map, Value, json};
use std::fs;
use std::io;
use std::net::SocketAddr;
use std::path::Path;

/// The file of the secret that all endpoints share.
const SECRET: &str = "demo.secret";

/// How deep folders of rules and templates are looked into.
const DEEPEST: usize = 4;

/// Where the demo listens.
pub(super) struct Catchers<'a> {
    pub(super) mail: SocketAddr,
    pub(super) hook: &'a str,
    pub(super) secret: &'a str,
}

/// Copies a project, which is sound, into the demo's folder.
pub(super) fn copy(project: &Path, into: &Path, catchers: &Catchers<'_>) -> anyhow::Result<()> {
    let file = project.join("retaind.yaml");
    let bytes = fs::read(&file).with_context(|| format!("{} cannot be read", file.display()))?;
    let document = yaml::parse(&file, &bytes).map_err(|_| anyhow!("{} is no YAML", file.display()))?;
    let settings = played(&document.root, catchers);
    // JSON is YAML, too.
    let head = "# The settings as the demo plays them: mail and webhooks go to its catchers, the store is its own.\n";
    fs::create_dir_all(into)?;
    fs::write(into.join("retaind.yaml"), format!("{head}{settings:#}\n"))?;
    fs::write(into.join(SECRET), catchers.secret)?;
    if project.join("schema.yaml").exists() {
        fs::copy(project.join("schema.yaml"), into.join("schema.yaml"))?;
    }
    for folder in ["rules", "templates"] {
        copy_folder(&project.join(folder), &into.join(folder), DEEPEST)
            .with_context(|| format!("{} cannot be copied", project.join(folder).display()))?;
    }
    Ok(())
}

fn copy_folder(from: &Path, to: &Path, depth: usize) -> io::Result<()> {
    let entries = match fs::read_dir(from) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        entries => entries?,
    };
    fs::create_dir_all(to)?;
    for entry in entries {
        let entry = entry?;
        let (path, target) = (entry.path(), to.join(entry.file_name()));
        let meta = fs::metadata(&path)?;
        if meta.is_file() {
            fs::copy(&path, &target)?;
        } else if meta.is_dir() && depth > 1 {
            copy_folder(&path, &target, depth - 1)?;
        }
    }
    Ok(())
}

/// The settings, with every way out of this machine replaced.
fn played(settings: &Node, catchers: &Catchers<'_>) -> Value {
    let mut played = to_json(settings);
    let Some(map) = played.as_object_mut() else { return json!({}) };
    map.insert("store".into(), json!({"path": "data"}));
    map.remove("http");
    if let Some(email) = map.get_mut("email").and_then(Value::as_object_mut) {
        for key in ["tls", "username", "password", "rate", "only_to"] {
            email.remove(key);
        }
        email.insert("transport".into(), format!("smtp://{}", catchers.mail).into());
    }
    for endpoint in map.get_mut("endpoints").and_then(Value::as_object_mut).into_iter().flat_map(Map::values_mut) {
        *endpoint = json!({
            "url": catchers.hook,
            "secret": {"file": SECRET},
            "allow_http": true,
            "allow_addresses": ["127.0.0.0/8"],
        });
    }
    played
}

fn to_json(node: &Node) -> Value {
    match &node.kind {
        Kind::Null => Value::Null,
        Kind::Bool(yes) => (*yes).into(),
        Kind::Number(number) => crate::domain::Value::Number(*number).to_json(),
        Kind::Text(text) => text.as_str().into(),
        Kind::List(items) => items.iter().map(to_json).collect(),
        Kind::Map(entries) => entries.iter().map(|(key, node)| (key.name.clone(), to_json(node))).collect(),
    }
}

#[cfg(test)]
mod tests {
    use super::{Catchers, copy, played};
    use crate::yaml::parse;
    use std::path::Path;

    const SETTINGS: &str = "\
business: {name: Shop, timezone: Africa/Nairobi}
store: {path: /var/lib/retaind}
email: {from: a@b.example, transport: \"smtps://mail.example\", tls: required, username: me, password: {env: X}, rate: 1/m, only_to: [\"@b.example\"]}
endpoints:
  crm: {url: \"https://crm.example/x\", secret: {env: CRM}}
http: {public: \"0.0.0.0:8025\", write_keys: [{file: write.key}]}
quiet_hours: {from: \"21:00\", to: \"07:00\"}
";

    fn catchers() -> Catchers<'static> {
        Catchers { mail: "127.0.0.1:2525".parse().unwrap(), hook: "http://127.0.0.1:99/hook", secret: "whsec_x" }
    }

    #[test]
    fn nothing_of_the_settings_leads_out_of_the_machine_and_the_gates_stay() {
        let document = parse(Path::new("retaind.yaml"), SETTINGS.as_bytes()).unwrap();
        let played = played(&document.root, &catchers());
        let text = played.to_string();
        for gone in ["mail.example", "crm.example", "/var/lib", "0.0.0.0", "password", "only_to", "CRM"] {
            assert!(!text.contains(gone), "{gone} in {text}");
        }
        assert_eq!(played["email"]["transport"], "smtp://127.0.0.1:2525");
        assert_eq!(played["endpoints"]["crm"]["url"], "http://127.0.0.1:99/hook");
        assert_eq!(played["quiet_hours"]["from"], "21:00");
        assert_eq!(played["business"]["timezone"], "Africa/Nairobi");
    }

    #[test]
    fn the_copy_has_the_rules_and_templates_and_nothing_of_the_store() {
        let (from, to) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        let write = |name: &str, text: &str| {
            let path = from.path().join(name);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, text).unwrap();
        };
        write("retaind.yaml", SETTINGS);
        write("schema.yaml", "customer: {}\n");
        write("rules/a.yaml", "rule: a\n");
        write("templates/a/en.md", "---\nsubject: A\n---\n");
        write("data/db", "precious");
        copy(from.path(), to.path(), &catchers()).unwrap();
        for name in ["retaind.yaml", "schema.yaml", "rules/a.yaml", "templates/a/en.md", "demo.secret"] {
            assert!(to.path().join(name).is_file(), "{name}");
        }
        assert!(!to.path().join("data").exists());
        let (settings, problems) = crate::config::read_settings(
            Path::new("r"),
            &std::fs::read(to.path().join("retaind.yaml")).unwrap(),
            to.path(),
        );
        assert_eq!(problems, Vec::new());
        assert_eq!(settings.unwrap().store.path, to.path().join("data"));
    }
}
