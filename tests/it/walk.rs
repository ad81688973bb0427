//! A document is walked through as its reader would: files are written, commands are typed, and what they print is held
//! against what the document shows.
//!
//! A file is a line that begins with its name in backticks, then a fenced block. A command stands in a `console` block behind
//! `$ `, and below it what it prints, on both outputs. There `…` stands for whatever is different each time: within a line
//! for some text, on a line of its own for any lines.

use crate::project::Project;
use std::path::Path;

/// What a reader does.
#[derive(Debug, PartialEq, Eq)]
enum Step {
    Writes { file: String, text: String },
    Types { line: usize, command: String, shown: Vec<String> },
}

/// The steps of a document, in order.
fn steps(document: &str) -> Vec<Step> {
    let mut steps = Vec::new();
    let mut lines = document.lines().enumerate().peekable();
    let mut file = None;
    while let Some((number, line)) = lines.next() {
        let Some(kind) = line.strip_prefix("```") else {
            file = line.strip_prefix('`').and_then(|rest| rest.split_once('`')).map(|(name, _)| name.to_owned());
            continue;
        };
        let block: Vec<&str> =
            lines.by_ref().map(|(_, line)| line).take_while(|line| !line.starts_with("```")).collect();
        match (file.take(), kind) {
            (_, "console") => steps.extend(commands(number + 2, &block)),
            (Some(file), _) => steps.push(Step::Writes { file, text: block.join("\n") + "\n" }),
            (None, _) => {}
        }
    }
    steps
}

fn commands(first: usize, block: &[&str]) -> Vec<Step> {
    let mut steps = Vec::new();
    for (index, text) in block.iter().enumerate() {
        match (text.strip_prefix("$ "), steps.last_mut()) {
            (Some(command), _) => {
                let (line, command, shown) = (first + index, command.to_owned(), Vec::new());
                steps.push(Step::Types { line, command, shown });
            }
            (None, Some(Step::Types { command, .. })) if command.ends_with('\\') => {
                command.push('\n');
                command.push_str(text);
            }
            (None, Some(Step::Types { shown, .. })) => shown.push((*text).to_owned()),
            (None, _) => panic!("line {}: what is shown has no command", first + index),
        }
    }
    steps
}

/// Whether printed lines are as shown.
fn fits(shown: &[&str], printed: &[&str]) -> bool {
    match shown.split_first() {
        None => printed.is_empty(),
        Some((&"…", rest)) => (0..=printed.len()).any(|passed| fits(rest, &printed[passed..])),
        Some((line, rest)) => {
            printed.split_first().is_some_and(|(first, others)| line_fits(line, first) && fits(rest, others))
        }
    }
}

fn line_fits(shown: &str, printed: &str) -> bool {
    let mut parts = shown.trim_end().split('…');
    let Some(mut left) = printed.trim_end().strip_prefix(parts.next().unwrap_or_default()) else { return false };
    let rest: Vec<&str> = parts.collect();
    let Some((last, middle)) = rest.split_last() else { return left.is_empty() };
    for part in middle {
        let Some(at) = left.find(part) else { return false };
        left = &left[at + part.len()..];
    }
    left.ends_with(last)
}

/// Walks through a document of the repository in that project; how many commands were typed.
pub(crate) fn through(document: &str, project: &Project) -> usize {
    walk(document, project, true)
}

/// Types the commands of a document whose files are there already.
pub(crate) fn typed(document: &str, project: &Project) -> usize {
    walk(document, project, false)
}

fn walk(document: &str, project: &Project, writes: bool) -> usize {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(document);
    let text = std::fs::read_to_string(&path).expect("the document is there");
    let mut typed = 0;
    for step in steps(&text) {
        match step {
            Step::Writes { file, text } if writes => drop(project.write(&file, &text)),
            Step::Writes { .. } => {}
            Step::Types { line, command, shown } => {
                let printed = project.shell(&command);
                let as_lines: Vec<&str> = shown.iter().map(String::as_str).collect();
                let printed_lines: Vec<&str> = printed.lines().collect();
                assert!(
                    fits(&as_lines, &printed_lines),
                    "{document}:{line}: `{command}` prints\n{printed}\nand not\n{}",
                    shown.join("\n")
                );
                typed += 1;
            }
        }
    }
    typed
}

#[test]
fn what_differs_each_time_is_passed_over_and_nothing_else() {
    assert!(line_fits("a … b …", "a 1 b 2") && line_fits("…", "") && line_fits("a", "a "));
    assert!(!line_fits("a … b", "a 1 c") && !line_fits("a", "ab") && !line_fits("a…a", "a"));
    assert!(fits(&["a", "…", "c"], &["a", "b", "b", "c"]) && fits(&["…"], &[]));
    assert!(!fits(&["a", "…", "c"], &["a", "b"]) && !fits(&["a"], &["a", "b"]) && !fits(&["a", "b"], &["a"]));
}

#[test]
fn a_document_is_files_and_commands() {
    let document = "Text\n`a/b.yaml`, new:\n```yaml\nx: 1\n```\n\n```console\n$ one\nshown\n$ two \\\n  three\n```\n```sh\nno\n```\n";
    let expected = [
        Step::Writes { file: "a/b.yaml".into(), text: "x: 1\n".into() },
        Step::Types { line: 8, command: "one".into(), shown: vec!["shown".into()] },
        Step::Types { line: 10, command: "two \\\n  three".into(), shown: vec![] },
    ];
    assert_eq!(steps(document), expected);
}
