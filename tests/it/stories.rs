//! `retaind test` from outside: on the shipped rules, on the faults of other tools, and as build servers call it.

use crate::project::{Project, Ran, skipped};
use crate::readme::files;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).to_path_buf()
}

/// Tests the rules of a project of the sources; nothing may be written there.
fn tested(folder: &Path) -> Ran {
    let settings = folder.join("retaind.yaml");
    let ran = Project::new().run(&["--config", &settings.to_string_lossy(), "test"]).exits(0);
    assert!(
        !folder.join("data").exists() && !folder.join("outbox").exists(),
        "a test needs no store and sends nothing"
    );
    ran
}

fn passed(ran: &Ran) -> usize {
    let last = ran.out.lines().last().expect("there is an answer");
    last.strip_suffix(" passed, 0 failed").and_then(|count| count.parse().ok()).unwrap_or_else(|| panic!("{last}"))
}

#[test]
fn the_shipped_rules_pass_their_tests_and_each_has_some() {
    let rules = std::fs::read_dir(root().join("rules")).expect("there are rules");
    let names: Vec<String> =
        rules.map(|entry| entry.expect("it can be read").file_name().to_string_lossy().into_owned()).collect();
    let ids: Vec<&str> = names.iter().filter_map(|name| name.strip_suffix(".yaml")).collect();
    for id in ids.iter().filter(|id| id.strip_suffix(".test").is_none()) {
        assert!(ids.contains(&format!("{id}.test").as_str()), "{id} has no tests");
    }
    assert!(passed(&tested(&root())) >= 40);
}

#[test]
fn of_the_shipped_rules_the_one_that_cannot_wait_goes_first() {
    let (settings, together) = (root().join("retaind.yaml"), root().join("tests/stories/together.test.yaml"));
    let ran =
        Project::new().run(&["--config", &settings.to_string_lossy(), "test", &together.to_string_lossy()]).exits(0);
    assert_eq!(passed(&ran), 2);
}

#[test]
fn what_other_tools_got_wrong_does_not_happen_here() {
    let folder = root().join("tests/stories");
    Project::new().run(&["--config", &folder.join("retaind.yaml").to_string_lossy(), "check", "--strict"]).exits(0);
    assert!(passed(&tested(&folder)) >= 30);
}

/// A project with one rule and the tests given.
fn project(tests: &str) -> Project {
    let project = Project::new();
    project
        .write("retaind.yaml", "business: {timezone: UTC}\nemail: {from: hello@shop.example, transport: \"file:outbox\"}\n")
        .write("templates/thanks/en.md", "---\nsubject: \"Thanks & <hello>\"\n---\nThanks.\n")
        .write(
            "rules/thanks.yaml",
            "rule: thanks\nclass: service\ntrigger: {event: Order Completed}\nwhen: orders.count >= 2\nsteps:\n- email: thanks\n",
        )
        .write("rules/thanks.test.yaml", tests);
    project
}

const ONE_OF_EACH: &str = "rule: thanks
tests:
- name: 'thanked & \"greeted\"'
  story:
  - {day: 0, does: Order Completed}
  - {day: 0, gets: thanks}
- name: not the first time
  each:
  - {orders: [0], enters: false, because: orders.count >= 2}
  - {orders: [0, 1], enters: true}
";

#[test]
fn a_failure_says_what_was_expected_beside_what_was_got() {
    let project = project(ONE_OF_EACH);
    let ran = project.run(&["test"]).exits(1);
    let expected = "FAILED rules/thanks.test.yaml:3  thanked & \"greeted\"
  line 6, day 0, Mon 5 Jan 2026
    expected  thanks    got  nothing
      12:00 orders.count >= 2 is false: 1

2 passed, 1 failed
";
    assert_eq!(ran.out, expected);
    let json = project.run(&["test", "--format", "json"]).exits(1).json();
    assert_eq!((&json["passed"], &json["failed"]), (&2.into(), &1.into()), "{json:#}");
    assert_eq!(json["tests"][0]["failures"][0]["got"], "nothing", "{json:#}");
    assert_eq!(json["tests"][1]["row"], "{orders: [0], enters: false, because: orders.count >= 2}", "{json:#}");
    // Files that are named are the only ones.
    project.write("one.yaml", &ONE_OF_EACH.replace("gets: thanks", "gets: nothing"));
    assert_eq!(passed(&project.run(&["test", "one.yaml"]).exits(0)), 3);
}

#[test]
fn files_that_are_wrong_are_told_and_nothing_is_run() {
    let project = project(&ONE_OF_EACH.replace("gets: thanks", "gets: thank"));
    let ran = project.run(&["test"]).exits(65);
    assert!(ran.out.is_empty(), "{}", ran.out);
    let caret = "6 |   - {day: 0, gets: thank}\n  |                    ^^^^^";
    assert!(ran.err.contains(caret) && ran.err.contains("did you mean `thanks`?"), "{}", ran.err);
    // The same of `check`, and a daemon is not kept from running by it.
    let ran = project.run(&["check"]).exits(65);
    assert!(ran.err.contains(caret), "{}", ran.err);
    project.start().stop();
    project.write("rules/thanks.test.yaml", ONE_OF_EACH).write("rules/thanks.yaml", "rule: thanks\n");
    let ran = project.run(&["test"]).exits(65);
    assert!(ran.err.contains("missing-key") && !ran.err.contains("unknown-rule"), "{}", ran.err);
    let ran = project.run(&["test", "nowhere.yaml"]).exits(65);
    assert!(ran.err.contains("nowhere.yaml") && ran.err.contains("there is no such file"), "{}", ran.err);
    project.write("retaind.yaml", "busyness: {}\n").run(&["test"]).exits(78);
}

/// What a program of Python's makes of a text; `None` where there is no Python.
fn read_by_python(program: &str, text: &str) -> Option<String> {
    let python = Command::new("python3").args(["-c", program]).stdin(Stdio::piped()).stdout(Stdio::piped()).spawn();
    let Ok(mut python) = python else {
        skipped("junit", "there is no python3");
        return None;
    };
    python.stdin.take().expect("it is piped").write_all(text.as_bytes()).expect("it is read");
    let read = python.wait_with_output().expect("it ends");
    assert!(read.status.success(), "{text}");
    Some(String::from_utf8_lossy(&read.stdout).into_owned())
}

#[test]
fn build_servers_get_xml_that_can_be_read() {
    const READS: &str = "
import sys, xml.etree.ElementTree as tree
root = tree.fromstring(sys.stdin.read())
assert root.tag == 'testsuites' and root.attrib == {'tests': '3', 'failures': '1'}, root.attrib
[suite] = root
assert suite.attrib == {'name': 'rules/thanks.test.yaml', 'tests': '3', 'failures': '1'}, suite.attrib
for case in suite:
    print(case.get('classname'), '|', case.get('name'), '|', case.get('line'), '|', len(case))
[failure] = suite[0]
assert 'expected thanks, got nothing' in failure.get('message'), failure.attrib
assert 'orders.count >= 2 is false: 1' in failure.text, failure.text
";
    let ran = project(ONE_OF_EACH).run(&["test", "--format", "junit"]).exits(1);
    assert!(ran.err.ends_with("2 passed, 1 failed\n"), "{}", ran.err);
    let Some(read) = read_by_python(READS, &ran.out) else { return };
    let expected = "rules/thanks.test.yaml | thanked & \"greeted\" | 3 | 1
rules/thanks.test.yaml | not the first time · {orders: [0], enters: false, because: orders.count >= 2} | 9 | 0
rules/thanks.test.yaml | not the first time · {orders: [0, 1], enters: true} | 10 | 0
";
    assert_eq!(read, expected);
}

#[test]
fn build_servers_are_told_of_files_that_are_wrong() {
    const READS: &str = "
import sys, xml.etree.ElementTree as tree
root = tree.fromstring(sys.stdin.read())
assert root.attrib == {'tests': '1', 'failures': '0', 'errors': '1'}, root.attrib
[[[error]]] = root
print(root[0].get('name'), '|', root[0][0].get('line'), '|', error.tag, '|', error.get('message'))
";
    let ran =
        project(&ONE_OF_EACH.replace("gets: thanks", "gets: thank")).run(&["test", "--format", "junit"]).exits(65);
    assert!(ran.out.contains("<error message=") && ran.err.contains("did you mean `thanks`?"), "{}", ran.out);
    let Some(read) = read_by_python(READS, &ran.out) else { return };
    assert!(read.starts_with("rules/thanks.test.yaml | 6 | error | ") && read.contains("thank"), "{read}");
}

#[test]
fn a_project_without_tests_is_told_so() {
    let project = project(ONE_OF_EACH);
    std::fs::remove_file(project.path().join("rules/thanks.test.yaml")).expect("it is there");
    let ran = project.run(&["test"]).exits(0);
    assert_eq!((passed(&ran), ran.err.as_str()), (0, "no tests: there is no file rules/*.test.yaml\n"));
    assert_eq!(
        project
            .write(
                "rules/thanks.test.yaml",
                "rule: thanks\ntests:\n- name: a\n  each: [{orders: [0, 1], enters: true}]\n"
            )
            .run(&["test"])
            .exits(0)
            .err,
        ""
    );
}

#[test]
fn the_tests_of_the_reference_pass_and_fail_as_it_says() {
    let project = Project::new();
    let document = std::fs::read_to_string(root().join("docs/RULES.md")).expect("the document is there");
    for (name, text) in files("docs/RULES.md") {
        project.write(&name, &text);
    }
    let schema = std::fs::read_to_string(root().join("packaging/schema.yaml")).expect("the packaged schema is there");
    project.write("schema.yaml", &schema).write("crm.secret", "whsec_AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=\n");
    project.write(
        "retaind.yaml",
        r#"
business: {name: Shop, address: Here, timezone: UTC, words: {shop: "https://shop.example"}}
topics: {offers: Offers and news}
email: {from: Shop <hello@shop.example>, transport: "file:outbox"}
endpoints:
  crm: {url: "https://crm.example/hook", secret: {file: crm.secret}}
"#,
    );
    assert!(passed(&project.run(&["test"]).exits(0)) >= 6);
    // The failure that is shown is what comes of the change that stands above it.
    let tests = files("docs/RULES.md").remove("rules/win-back.test.yaml").expect("the reference shows tests");
    project.write(
        "rules/win-back.test.yaml",
        &tests.replace("{day: 89, at: \"10:00\", gets: win-back,", "{day: 88, gets: win-back,"),
    );
    let shown =
        document.split("```text\n").nth(1).and_then(|rest| rest.split("```").next()).expect("a failure is shown");
    assert_eq!(project.run(&["test", "rules/win-back.test.yaml"]).exits(1).out, shown);
}
