//! Problems of files as people read them: the line, a caret under the fault, and what to do.

use crate::domain::{Diagnostic, Place, Severity};
use annotate_snippets::{Annotation, AnnotationKind, Level, Origin, Renderer, Snippet};
use std::fmt::Write as _;
use std::ops::Range;

/// Whether the text goes to a terminal that shows colours.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Color {
    /// Colours, as ANSI sequences.
    Ansi,
    /// Plain text.
    Never,
}

/// Lines longer than this are shown without their text: nobody reads them, and a file may be one line.
const LONGEST_LINE: usize = 2000;

/// All diagnostics, each with its lines and a caret, and a last line that counts them; empty when there are none.
#[must_use]
pub(super) fn render(diagnostics: &[Diagnostic], color: Color) -> String {
    if diagnostics.is_empty() {
        return String::new();
    }
    let renderer = match color {
        Color::Ansi => Renderer::styled(),
        Color::Never => Renderer::plain(),
    };
    let mut text = String::new();
    for diagnostic in diagnostics {
        text.push_str(&one(diagnostic, &renderer));
        text.push_str("\n\n");
    }
    text.push_str(&count(diagnostics));
    text.push('\n');
    text
}

fn one(diagnostic: &Diagnostic, renderer: &Renderer) -> String {
    let level = match diagnostic.severity {
        Severity::Error => Level::ERROR,
        Severity::Warning => Level::WARNING,
    };
    let place = &diagnostic.place;
    let title = level.primary_title(visible(&diagnostic.message)).id(diagnostic.code);
    // What lies near is shown in one piece with the lines between left out, what lies elsewhere by itself.
    let (near, far): (Vec<_>, Vec<_>) = diagnostic.also.iter().partition(|(also, _)| is_near(place, also));
    let mut group = match snippet((place, None), &near) {
        Ok(snippet) => title.element(snippet),
        Err(origin) => title.element(origin),
    };
    for (place, words) in far {
        group = match snippet((place, Some(words)), &[]) {
            Ok(snippet) => group.element(snippet),
            Err(origin) => group.element(origin),
        };
    }
    if let Some(help) = &diagnostic.help {
        group = group.element(Level::HELP.message(visible(help)));
    }
    renderer.render(&[group])
}

/// Whether two places can be shown in one piece of a text.
fn is_near(one: &Place, other: &Place) -> bool {
    let lines = line_of(&one.text, one.span.start.min(other.span.start).min(one.text.len()));
    let end = one.span.end.max(other.span.end);
    one.file == other.file && one.text == other.text && end.saturating_sub(lines.start) < LONGEST_LINE
}

/// The lines of a place and of others near to it with marks under them, or the place alone where there is no line to show.
fn snippet<'p>(
    (place, words): (&'p Place, Option<&str>),
    near: &[&(Place, String)],
) -> Result<Snippet<'p, Annotation<'p>>, Origin<'p>> {
    let path = place.file.display().to_string();
    let (line, column) = place.line_column();
    let span = whole_characters(&place.text, &place.span);
    let others: Vec<_> = near.iter().map(|(also, words)| (whole_characters(&also.text, &also.span), words)).collect();
    let first = others.iter().map(|(span, _)| span.start).fold(span.start, usize::min);
    let last = others.iter().map(|(span, _)| span.start).fold(span.start, usize::max);
    let source = line_of(&place.text, first).start..line_of(&place.text, last).end;
    if place.text.is_empty() || source.len() > 2 * LONGEST_LINE {
        return Err(Origin::path(path).line(line).char_column(column));
    }
    let within = |span: &Range<usize>| span.start - source.start..span.end - source.start;
    let kind = if words.is_some() { AnnotationKind::Context } else { AnnotationKind::Primary };
    let mark = kind.span(within(&span)).label(words.map(visible));
    let marks = others.iter().map(|(span, words)| AnnotationKind::Context.span(within(span)).label(visible(words)));
    let first_line = place.text[..source.start].matches('\n').count() + 1;
    let snippet = Snippet::source(&place.text[source.clone()]).line_start(first_line).path(path);
    Ok(snippet.annotation(mark).annotations(marks))
}

/// The line that holds a byte. Only this one is given to the renderer, so that a large file costs no more than a small
/// one.
fn line_of(text: &str, at: usize) -> Range<usize> {
    let start = text[..at].rfind('\n').map_or(0, |newline| newline + 1);
    let end = text[at..].find('\n').map_or(text.len(), |newline| at + newline);
    start..end
}

/// The span, widened to whole characters and cut at the end of its first line, so that one caret shows where to look.
fn whole_characters(text: &str, span: &Range<usize>) -> Range<usize> {
    let start = text.floor_char_boundary(span.start.min(text.len()));
    let end = text.ceil_char_boundary(span.end.clamp(start, text.len()));
    let line = text[start..end].lines().next().map_or(0, str::len);
    start..start + line
}

/// A text without the characters that a terminal would obey.
fn visible(text: &str) -> String {
    text.chars().map(|character| if character.is_control() { '\u{fffd}' } else { character }).collect()
}

/// `2 errors, 1 warning in 2 files`.
fn count(diagnostics: &[Diagnostic]) -> String {
    let errors = diagnostics.iter().filter(|diagnostic| diagnostic.is_error()).count();
    let mut files: Vec<_> = diagnostics.iter().map(|diagnostic| &diagnostic.place.file).collect();
    files.sort();
    files.dedup();
    let mut text = String::new();
    for (count, noun) in [(errors, "error"), (diagnostics.len() - errors, "warning")] {
        if count > 0 {
            let separator = if text.is_empty() { "" } else { ", " };
            // Writing to a string cannot fail.
            write!(text, "{separator}{}", counted(count, noun)).ok();
        }
    }
    format!("{text} in {}", counted(files.len(), "file"))
}

fn counted(count: usize, noun: &str) -> String {
    if count == 1 { format!("1 {noun}") } else { format!("{count} {noun}s") }
}

#[cfg(test)]
mod tests {
    use super::{Color, render};
    use crate::domain::{Diagnostic, Place};
    use std::ops::Range;

    fn place(text: &str, span: Range<usize>) -> Place {
        Place { file: "rules/a.yaml".into(), text: text.into(), span }
    }

    #[test]
    fn nothing_is_said_of_nothing() {
        assert_eq!(render(&[], Color::Never), "");
    }

    #[test]
    fn a_problem_shows_its_line_a_caret_and_what_to_do() {
        let text = "rule: a\nžclass: marketting\n";
        let start = text.find("marketting").unwrap();
        let error = Diagnostic::error("unknown-word", place(text, start..start + 10), "`marketting` is no class")
            .help("did you mean `marketing`?");
        let warning = Diagnostic::warning("no-effect", place(text, 0..4), "no effect");
        insta::assert_snapshot!(render(&[error, warning], Color::Never), @r"
        error[unknown-word]: `marketting` is no class
         --> rules/a.yaml:2:9
          |
        2 | žclass: marketting
          |         ^^^^^^^^^^
          |
          = help: did you mean `marketing`?

        warning[no-effect]: no effect
         --> rules/a.yaml:1:1
          |
        1 | rule: a
          | ^^^^

        1 error, 1 warning in 1 file
        ");
    }

    #[test]
    fn a_second_place_is_shown_beside_the_first_or_by_itself() {
        let text = "rule: a\nclass: service\n# one\n# two\n# three\n# four\nrule: b\n";
        let second = text.rfind("rule").unwrap();
        let near = Diagnostic::error("duplicate-key", place(text, second..second + 4), "`rule` stands twice")
            .also(place(text, 0..4), "the first");
        let other = Place { file: "rules/b.yaml".into(), ..place("rule: a\n", 6..7) };
        let far = Diagnostic::error("duplicate-rule", place(text, 6..7), "`a` is taken")
            .also(other, "here")
            .help("rename one");
        insta::assert_snapshot!(render(&[near, far], Color::Never), @r"
        error[duplicate-key]: `rule` stands twice
         --> rules/a.yaml:7:1
          |
        1 | rule: a
          | ---- the first
        ...
        7 | rule: b
          | ^^^^

        error[duplicate-rule]: `a` is taken
         --> rules/a.yaml:1:7
          |
        1 | rule: a
          |       ^
          |
         ::: rules/b.yaml:1:7
          |
        1 | rule: a
          |       - here
          |
          = help: rename one

        2 errors in 1 file
        ");
    }

    #[test]
    fn a_place_in_no_text_is_still_named() {
        let error =
            Diagnostic::error("unreadable", place("", 0..0), "the file cannot be read: \u{1b}[31mit is a folder");
        insta::assert_snapshot!(render(&[error], Color::Never), @r"
        error[unreadable]: the file cannot be read: �[31mit is a folder
        --> rules/a.yaml:1:1

        1 error in 1 file
        ");
    }

    #[test]
    fn a_span_over_several_lines_or_inside_a_character_is_shown_where_it_begins() {
        let text = "when: >\n  a &&\n  b\nč: 1\n";
        let folded = Diagnostic::error("x", place(text, 10..19), "folded");
        let inside = Diagnostic::error("x", place(text, 20..20), "inside");
        insta::assert_snapshot!(render(&[folded, inside], Color::Never), @r"
        error[x]: folded
         --> rules/a.yaml:2:3
          |
        2 |   a &&
          |   ^^^^

        error[x]: inside
         --> rules/a.yaml:4:1
          |
        4 | č: 1
          | ^

        2 errors in 1 file
        ");
    }

    #[test]
    fn a_file_of_one_endless_line_is_not_printed() {
        let text = "x".repeat(1 << 20);
        let error = Diagnostic::error("x", place(&text, 7..8), "no");
        assert!(render(&[error], Color::Never).len() < 200);
    }

    #[test]
    fn colours_are_used_only_when_asked_for() {
        let error = Diagnostic::error("x", place("a: 1\n", 0..1), "no");
        assert!(render(std::slice::from_ref(&error), Color::Ansi).contains('\u{1b}'));
        assert!(!render(&[error], Color::Never).contains('\u{1b}'));
    }
}
