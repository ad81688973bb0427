//! Problems as commands of GitHub's workflows, which show them beside the line in a pull request.
//!
//! The form is that of GitHub's documentation, "Workflow commands for GitHub Actions": `::error file=…,line=…::message`.

use crate::domain::Diagnostic;

/// One line for each problem.
pub(super) fn lines(diagnostics: &[Diagnostic]) -> String {
    diagnostics.iter().map(|diagnostic| line(diagnostic) + "\n").collect()
}

fn line(diagnostic: &Diagnostic) -> String {
    let command = if diagnostic.is_error() { "error" } else { "warning" };
    let place = &diagnostic.place;
    let (line, column) = place.line_column();
    let (end_line, end_column) = place.end_line_column();
    // A column of the end is understood only of one line, and is that of the last character.
    let end = if end_line == line {
        format!(",endColumn={}", end_column.saturating_sub(1).max(column))
    } else {
        format!(",endLine={end_line}")
    };
    let mut message = diagnostic.message.clone();
    for part in diagnostic.help.iter().map(|help| format!("help: {help}")).chain(diagnostic.also.iter().map(also)) {
        message.push('\n');
        message.push_str(&part);
    }
    let file = property(&place.file.display().to_string());
    let title = property(&format!("{command}[{}]", diagnostic.code));
    format!("::{command} file={file},line={line},col={column}{end},title={title}::{}", data(&message))
}

fn also((place, words): &(crate::domain::Place, String)) -> String {
    let (line, column) = place.line_column();
    format!("{}:{line}:{column}: {words}", place.file.display())
}

/// A message, in which a line break would end the command.
fn data(text: &str) -> String {
    text.replace('%', "%25").replace('\r', "%0D").replace('\n', "%0A")
}

/// A value of a property, in which a colon or a comma would end it.
fn property(text: &str) -> String {
    data(text).replace(':', "%3A").replace(',', "%2C")
}

#[cfg(test)]
mod tests {
    use super::lines;
    use crate::domain::{Diagnostic, Place};

    #[test]
    fn each_problem_is_one_command_that_no_text_can_end() {
        let text: std::sync::Arc<str> = "class: marketting\n".into();
        let place = Place { file: "rules/a,b:c.yaml".into(), text, span: 7..17 };
        let error = Diagnostic::error("unknown-word", place.clone(), "100% of `marketting`\nis no class")
            .help("did you mean `marketing`?")
            .also(place.clone(), "::error::no");
        let warning = Diagnostic::warning("no-goal", Place { span: 0..18, ..place }, "no goal");
        insta::assert_snapshot!(lines(&[error, warning]), @r"
        ::error file=rules/a%2Cb%3Ac.yaml,line=1,col=8,endColumn=17,title=error[unknown-word]::100%25 of `marketting`%0Ais no class%0Ahelp: did you mean `marketing`?%0Arules/a,b:c.yaml:1:8: ::error::no
        ::warning file=rules/a%2Cb%3Ac.yaml,line=1,col=1,endLine=2,title=warning[no-goal]::no goal
        ");
    }
}
