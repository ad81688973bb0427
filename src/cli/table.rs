//! Tables for people.

use comfy_table::{Cell, CellAlignment, Table, presets};
use std::borrow::Cow;
use std::fmt::Display;

/// A column: its heading, and whether it holds numbers.
#[derive(Debug, Clone, Copy)]
pub(super) enum Column {
    /// Aligned to the left.
    Text(&'static str),
    /// Aligned to the right.
    Number(&'static str),
}

/// A table without lines: a heading, then a row each, two blanks between columns, none at the end.
pub(super) fn table(columns: &[Column], rows: impl IntoIterator<Item = Vec<String>>) -> String {
    let mut table = Table::new();
    table.load_style(presets::NOTHING);
    let headings = columns.iter().map(|column| match column {
        Column::Text(heading) | Column::Number(heading) => *heading,
    });
    table.set_header(headings.map(str::to_uppercase).collect::<Vec<_>>());
    for row in rows {
        table.add_row(row.into_iter().map(|text| Cell::new_owned(visible(&text).into_owned())).collect::<Vec<_>>());
    }
    for (index, column) in columns.iter().enumerate() {
        let Some(settings) = table.column_mut(index) else { continue };
        settings.set_padding((0, if index + 1 == columns.len() { 0 } else { 2 }));
        if matches!(column, Column::Number(_)) {
            settings.set_cell_alignment(CellAlignment::Right);
        }
    }
    table.trim_fmt()
}

/// Names and values below each other; values that are missing are left out.
pub(super) fn facts(facts: impl IntoIterator<Item = (&'static str, Option<String>)>) -> String {
    let facts: Vec<_> = facts.into_iter().filter_map(|(name, value)| Some((name, value?))).collect();
    let width = facts.iter().map(|(name, _)| name.len()).max().unwrap_or_default();
    let lines = facts.iter().map(|(name, value)| format!("{name:width$}  {}", visible(value)));
    lines.collect::<Vec<_>>().join("\n")
}

/// What is there, or a dash.
pub(super) fn or_dash<T: Display>(value: Option<T>) -> String {
    value.map_or_else(|| "-".into(), |value| value.to_string())
}

/// `reason 3, other 1`, or a dash.
pub(super) fn counts<K: Display, V: Display>(counts: impl IntoIterator<Item = (K, V)>) -> String {
    let parts: Vec<_> = counts.into_iter().map(|(name, count)| format!("{name} {count}")).collect();
    if parts.is_empty() { "-".into() } else { parts.join(", ") }
}

/// `1 rule`, `2 rules`, `0 deliveries`.
pub(super) fn plural(count: u64, noun: &str) -> String {
    match noun.strip_suffix('y') {
        _ if count == 1 => format!("1 {noun}"),
        Some(stem) => format!("{count} {stem}ies"),
        None => format!("{count} {noun}s"),
    }
}

/// The text with control characters written out, so that no text of a customer can play with a terminal. Line breaks
/// of ours in longer texts stay.
pub(super) fn visible(text: &str) -> Cow<'_, str> {
    let unsafe_here = |c: char| c.is_control() || matches!(c, '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}');
    if !text.contains(unsafe_here) {
        return text.into();
    }
    let escaped = text.chars().map(|c| if unsafe_here(c) { c.escape_default().to_string() } else { c.to_string() });
    escaped.collect::<String>().into()
}

#[cfg(test)]
mod tests {
    use super::{Column, counts, facts, plural, table, visible};

    #[test]
    fn tables_align_numbers_to_the_right_and_end_without_blanks() {
        let rows = [vec!["win-back".into(), "7".into(), "x".into()], vec!["a".into(), "1234".into(), String::new()]];
        let columns = [Column::Text("rule"), Column::Number("matched"), Column::Text("why")];
        assert_eq!(table(&columns, rows), "RULE      MATCHED  WHY\nwin-back        7  x\na            1234");
    }

    #[test]
    fn control_characters_do_not_reach_the_terminal() {
        assert_eq!(visible("a\u{1b}[2Jb\r\u{202e}"), "a\\u{1b}[2Jb\\r\\u{202e}");
        assert_eq!(visible("čaj"), "čaj");
        let rows = [vec!["\u{1b}]0;x\u{7}".into()]];
        assert!(!table(&[Column::Text("id")], rows).contains('\u{1b}'));
    }

    #[test]
    fn small_texts_read_well() {
        assert_eq!(plural(1, "rule"), "1 rule");
        assert_eq!(plural(0, "rule"), "0 rules");
        assert_eq!(plural(2, "delivery"), "2 deliveries");
        assert_eq!(counts([("no_consent", 3), ("paused", 1)]), "no_consent 3, paused 1");
        assert_eq!(
            facts([("id", Some("42".into())), ("gone", None), ("email", Some("a".into()))]),
            "id     42\nemail  a"
        );
    }
}
