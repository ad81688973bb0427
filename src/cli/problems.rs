//! Problems of files that another process read, drawn as `check` draws them: the line, a caret, and what to do.

use super::diagnostics::Color;
use super::table::visible;
use crate::http::Problem;
use annotate_snippets::{AnnotationKind, Level, Origin, Renderer, Snippet};
use std::ops::Range;

/// All problems, one below the other; empty when there are none.
#[must_use]
pub(super) fn draw(problems: &[Problem], color: Color) -> String {
    let renderer = match color {
        Color::Ansi => Renderer::styled(),
        Color::Never => Renderer::plain(),
    };
    problems.iter().map(|problem| one(problem, &renderer)).collect::<Vec<_>>().join("\n\n")
}

fn one(problem: &Problem, renderer: &Renderer) -> String {
    let level = if problem.is_error() { Level::ERROR } else { Level::WARNING };
    let title = level.primary_title(visible(&problem.message)).id(visible(&problem.code));
    let file = visible(&problem.file);
    let mut group = match &problem.line_text {
        Some(line) => {
            let caret = AnnotationKind::Primary.span(caret(problem, line));
            title.element(Snippet::source(line).line_start(problem.line).path(file).annotation(caret))
        }
        None => title.element(Origin::path(file).line(problem.line).char_column(problem.column)),
    };
    if let Some(help) = &problem.help {
        group = group.element(Level::HELP.message(visible(help)));
    }
    renderer.render(&[group])
}

/// The bytes of the line that the problem covers; to its end when the problem goes on below.
fn caret(problem: &Problem, line: &str) -> Range<usize> {
    let at = |column: usize| line.char_indices().nth(column.saturating_sub(1)).map_or(line.len(), |(index, _)| index);
    let start = at(problem.column);
    let end = if problem.end_line == problem.line { at(problem.end_column) } else { line.len() };
    start..end.max(start)
}

#[cfg(test)]
mod tests {
    use super::super::diagnostics::{self, Color};
    use super::draw;
    use crate::domain::{Diagnostic, Place};
    use crate::http::Problem;
    use std::ops::Range;

    fn diagnostic(text: &str, span: Range<usize>) -> Diagnostic {
        let place = Place { file: "rules/a.yaml".into(), text: text.into(), span };
        Diagnostic::error("a-code", place, "a \u{1b}[31mcause").help("a cure")
    }

    #[test]
    fn a_problem_that_came_over_the_wire_looks_as_it_does_where_it_was_found() {
        let long = format!("short\n{}: x\n", "ž".repeat(300));
        for (text, span) in [
            ("rule: a\nžclass: marketting\n", 17..27),
            ("when: >\n  a\n  b\n", 10..15),
            ("rule: a\r\nclass: x\r\n", 16..17),
            ("rule: a", 7..7),
            ("", 0..0),
            (long.as_str(), 8..10),
        ] {
            let found = diagnostic(text, span);
            let problem = Problem::from(&found);
            assert_eq!(problem.line_text.is_none(), text.is_empty() || text == long, "{text:?}");
            if text != long {
                let here = diagnostics::render(&[found], Color::Never);
                let here = here.trim_end().strip_suffix("\n\n1 error in 1 file").unwrap().replace('␍', "");
                // What a terminal would obey is shown in two ways.
                let there = draw(&[problem], Color::Never).replace("\\u{1b}", "\u{fffd}");
                assert_eq!(there, here, "{text:?}");
            }
        }
    }

    #[test]
    fn several_problems_stand_below_each_other() {
        let problem = Problem { message: "a cause".into(), ..Problem::from(&diagnostic("rule: a\n", 0..4)) };
        insta::assert_snapshot!(draw(&[problem.clone(), Problem { line_text: None, ..problem }], Color::Never), @r"
        error[a-code]: a cause
         --> rules/a.yaml:1:1
          |
        1 | rule: a
          | ^^^^
          |
          = help: a cure

        error[a-code]: a cause
        --> rules/a.yaml:1:1
         = help: a cure
        ");
    }
}
