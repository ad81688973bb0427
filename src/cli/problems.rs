//! Problems of files that another process read, drawn as `check` draws them: the line, a caret, and what to do.

use super::diagnostics::Color;
use super::table::visible;
use crate::http::{OtherPlace, Problem};
use annotate_snippets::{Annotation, AnnotationKind, Level, Origin, Renderer, Snippet};
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
    let main = Mark::of(problem);
    let others: Vec<Mark<'_>> = problem.also.iter().map(Mark::of_other).collect();
    // What lies near is shown in one piece, what lies elsewhere by itself.
    let (near, far): (Vec<_>, Vec<_>) = others.into_iter().partition(|other| main.is_near(other));
    let (near, far) = if fit_together(&main, &near) { (near, far) } else { (Vec::new(), [near, far].concat()) };
    let mut group = match snippet(&main, &near) {
        Ok(snippet) => title.element(snippet),
        Err(origin) => title.element(origin),
    };
    for other in &far {
        group = match snippet(other, &[]) {
            Ok(snippet) => group.element(snippet),
            Err(origin) => group.element(origin),
        };
    }
    if let Some(help) = &problem.help {
        group = group.element(Level::HELP.message(visible(help)));
    }
    renderer.render(&[group])
}

/// Lines further apart are shown in pieces of their own.
const NEAR: usize = 1000;

/// A place and what is said of it; nothing of the problem's own.
#[derive(Debug, Clone, Copy)]
struct Mark<'p> {
    file: &'p str,
    /// Line and column of its start and of its end.
    start: (usize, usize),
    end: (usize, usize),
    line_text: Option<&'p str>,
    words: Option<&'p str>,
}

impl<'p> Mark<'p> {
    fn of(problem: &'p Problem) -> Self {
        let Problem { file, line, column, end_line, end_column, line_text, .. } = problem;
        let (start, end) = ((*line, *column), (*end_line, *end_column));
        Self { file, start, end, line_text: line_text.as_deref(), words: None }
    }

    fn of_other(other: &'p OtherPlace) -> Self {
        let OtherPlace { file, line, column, end_line, end_column, line_text, message } = other;
        let (start, end) = ((*line, *column), (*end_line, *end_column));
        Self { file, start, end, line_text: line_text.as_deref(), words: Some(message) }
    }

    fn is_near(&self, other: &Self) -> bool {
        let has_lines = self.line_text.is_some() && other.line_text.is_some();
        has_lines && self.file == other.file && self.start.0.abs_diff(other.start.0) < NEAR
    }

    /// The bytes of its line that it covers; to its end when it goes on below.
    fn caret(&self, line: &str) -> Range<usize> {
        let at =
            |column: usize| line.char_indices().nth(column.saturating_sub(1)).map_or(line.len(), |(index, _)| index);
        let start = at(self.start.1);
        let end = if self.end.0 == self.start.0 { at(self.end.1) } else { line.len() };
        start..end.max(start)
    }
}

/// Whether one piece shows them all: a single line between two of them would be shown, and it is not known here.
fn fit_together(main: &Mark<'_>, near: &[Mark<'_>]) -> bool {
    let mut lines: Vec<usize> = near.iter().chain([main]).map(|mark| mark.start.0).collect();
    lines.sort_unstable();
    lines.windows(2).all(|pair| pair[1] - pair[0] != 2)
}

/// The lines of a place and of others near to it with marks under them, or the place alone where there is no line to show.
fn snippet<'p>(main: &Mark<'p>, near: &[Mark<'p>]) -> Result<Snippet<'p, Annotation<'p>>, Origin<'p>> {
    let (line, column) = main.start;
    let path = visible(main.file);
    if main.line_text.is_none() {
        return Err(Origin::path(path).line(line).char_column(column));
    }
    let marks: Vec<&Mark<'p>> = [main].into_iter().chain(near).collect();
    let first = marks.iter().map(|mark| mark.start.0).min().unwrap_or(line);
    let last = marks.iter().map(|mark| mark.start.0).max().unwrap_or(line);
    // Lines between are left out when it is drawn, so they may be empty here.
    let (mut source, mut starts) = (String::new(), Vec::new());
    for number in first..=last {
        starts.push(source.len());
        source.push_str(marks.iter().find(|mark| mark.start.0 == number).and_then(|mark| mark.line_text).unwrap_or(""));
        source.push(if number == last { ' ' } else { '\n' });
    }
    source.pop();
    let within = |mark: &Mark<'_>| {
        let (start, caret) = (starts[mark.start.0 - first], mark.caret(mark.line_text.unwrap_or_default()));
        start + caret.start..start + caret.end
    };
    let kind = if main.words.is_some() { AnnotationKind::Context } else { AnnotationKind::Primary };
    let own = kind.span(within(main)).label(main.words.map(visible));
    let others: Vec<_> =
        near.iter().map(|mark| AnnotationKind::Context.span(within(mark)).label(mark.words.map(visible))).collect();
    Ok(Snippet::source(source).line_start(first).path(path).annotation(own).annotations(others))
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
    fn other_places_of_a_problem_are_shown_as_where_it_was_found() {
        let text = "rule: a\nclass: service\n# one\n# two\n# three\nrule: b\nrule: č\n";
        let place = |line: usize| {
            let start: usize = text.split_inclusive('\n').take(line - 1).map(str::len).sum();
            Place { file: "rules/a.yaml".into(), text: text.into(), span: start..start + 4 }
        };
        let elsewhere = Place { file: "rules/b.yaml".into(), text: "rule: b\n".into(), span: 0..4 };
        for also in [vec![place(1)], vec![place(6)], vec![place(6), place(1)], vec![elsewhere, place(6)]] {
            let found = also
                .into_iter()
                .fold(Diagnostic::error("a-code", place(7), "a cause").help("a cure"), |found, place| {
                    found.also(place, "the first")
                });
            let here = diagnostics::render(std::slice::from_ref(&found), Color::Never);
            let here = here.trim_end().strip_suffix("\n\n1 error in 1 file").unwrap();
            assert_eq!(draw(&[Problem::from(&found)], Color::Never), here);
        }
        let apart = Diagnostic::error("a-code", place(7), "a cause").also(place(5), "this too");
        insta::assert_snapshot!(draw(&[Problem::from(&apart)], Color::Never), @r"
        error[a-code]: a cause
         --> rules/a.yaml:7:1
          |
        7 | rule: č
          | ^^^^
          |
         ::: rules/a.yaml:5:1
          |
        5 | # three
          | ---- this too
        ");
        let secret = Problem::from(&apart).without_lines_of("rules/a.yaml");
        assert_eq!((secret.line_text, secret.also[0].line_text.clone()), (None, None));
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
