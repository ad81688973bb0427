//! Columns of plain characters over days, as wide as a terminal.

use jiff::ToSpan;
use jiff::civil::{Date, Weekday};

/// Lines that the highest column has.
const HEIGHT: u64 = 4;

/// The narrowest chart that says anything.
const NARROWEST: usize = 20;

/// What one column stands for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Fold {
    /// A day.
    Day,
    /// A week, from Monday on.
    Week,
    /// A month.
    Month,
    /// A year.
    Year,
}

impl Fold {
    /// Its name.
    pub(super) const fn word(self) -> &'static str {
        match self {
            Self::Day => "day",
            Self::Week => "week",
            Self::Month => "month",
            Self::Year => "year",
        }
    }

    /// The first day of what the day is in.
    fn first(self, day: Date) -> Date {
        match self {
            Self::Day => day,
            Self::Week => {
                let behind = day.weekday().since(Weekday::Monday);
                day.saturating_sub(i64::from(behind).days())
            }
            Self::Month => day.first_of_month(),
            Self::Year => day.first_of_year(),
        }
    }

    fn next(self, first: Date) -> Date {
        first.saturating_add(match self {
            Self::Day => 1.day(),
            Self::Week => 1.week(),
            Self::Month => 1.month(),
            Self::Year => 1.year(),
        })
    }
}

/// The widest column, the blank behind it included.
const WIDEST: usize = 3;

/// The days of a chart, one column for each or for several.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Axis {
    fold: Fold,
    /// How many characters a column has.
    wide: usize,
    /// The first day of each column.
    columns: Vec<Date>,
}

impl Axis {
    /// From one day to another, in no more columns than `width`.
    pub(super) fn over(first: Date, last: Date, width: usize) -> Self {
        let width = width.max(NARROWEST);
        let folds = [Fold::Day, Fold::Week, Fold::Month];
        let axis = folds.into_iter().map(|fold| Self::folded(fold, first, last, width + 1));
        let axis = axis.into_iter().find(|axis| axis.columns.len() <= width);
        let axis = axis.unwrap_or_else(|| Self::folded(Fold::Year, first, last, width));
        Self { wide: (width / axis.columns.len().max(1)).clamp(1, WIDEST), ..axis }
    }

    fn folded(fold: Fold, first: Date, last: Date, most: usize) -> Self {
        let mut columns = vec![fold.first(first)];
        while let Some(next) = columns.last().map(|column| fold.next(*column)) {
            // At the end of the calendar there is no next.
            if next > last || columns.len() >= most || columns.last() == Some(&next) {
                break;
            }
            columns.push(next);
        }
        Self { fold, wide: 1, columns }
    }

    /// What a column stands for.
    pub(super) const fn fold(&self) -> Fold {
        self.fold
    }

    fn column(&self, day: Date) -> usize {
        self.columns.partition_point(|first| *first <= day).saturating_sub(1)
    }

    /// Whether it has a place for a day.
    pub(super) fn holds(&self, day: Date) -> bool {
        self.columns.first().is_some_and(|first| *first <= day)
    }

    /// Columns for counts of days, with `!` under those of the marked days; the highest count stands at their top.
    pub(super) fn chart(&self, counts: &[(Date, u64)], marked: &[Date]) -> Vec<String> {
        let mut heights = vec![0_u64; self.columns.len()];
        for (day, count) in counts {
            heights[self.column(*day)] += count;
        }
        let most = heights.iter().copied().max().unwrap_or_default().max(1);
        let label = most.to_string();
        let blank = " ".repeat(label.len());
        let mut lines: Vec<String> = (0..HEIGHT)
            .rev()
            .map(|line| {
                let label = if line + 1 == HEIGHT { &label } else { &blank };
                let cells: String = heights.iter().map(|height| self.cell(cell(*height, most, line))).collect();
                format!("{label} |{}", cells.trim_end())
            })
            .collect();
        lines.push(format!("{blank} +{}", "-".repeat(heights.len() * self.wide)));
        if !marked.is_empty() {
            let is_marked = |column: usize| marked.iter().any(|day| self.column(*day) == column);
            let mark = |column| format!("{:<wide$}", if is_marked(column) { "!" } else { "" }, wide = self.wide);
            let under: String = (0..heights.len()).map(mark).collect();
            lines.push(format!("{blank}  {}", under.trim_end()));
        }
        lines.push(format!("{blank}  {}", self.days()));
        lines
    }

    /// A column's part of a line, with a blank behind it where there is room.
    fn cell(&self, cell: char) -> String {
        let filled: String = std::iter::repeat_n(cell, (self.wide - 1).max(1)).collect();
        format!("{filled:<wide$}", wide = self.wide)
    }

    /// The first column's day, and the last one's where there is room.
    fn days(&self) -> String {
        let (first, last) = (self.columns.first(), self.columns.last());
        let text = |day: Option<&Date>| day.map(ToString::to_string).unwrap_or_default();
        let (first, last) = (text(first), text(last));
        let room = (self.columns.len() * self.wide).saturating_sub(first.len());
        if room > last.len() { format!("{first}{last:>room$}") } else { first }
    }
}

/// One character of a column: half a line is a dot, and so is whatever is too little to be seen.
fn cell(height: u64, most: u64, line: u64) -> char {
    // In half lines, rounded up.
    let filled = (u128::from(height) * u128::from(2 * HEIGHT)).div_ceil(u128::from(most));
    match filled.saturating_sub(u128::from(2 * line)) {
        0 => ' ',
        1 => '.',
        _ => '#',
    }
}

#[cfg(test)]
mod tests {
    use super::{Axis, Fold};
    use jiff::civil::{Date, date};

    fn day(n: i8) -> Date {
        date(2026, 3, n)
    }

    #[test]
    fn a_column_is_as_high_as_its_count_and_marks_stand_under_it() {
        let axis = Axis::over(day(1), day(31), 60);
        assert_eq!(axis.fold(), Fold::Day);
        let drawn = axis.chart(&[(day(2), 80), (day(3), 40), (day(4), 1), (day(31), 10)], &[day(2)]);
        let expected = [
            "80 | #",
            "   | #",
            "   | ##",
            "   | ##.                          .",
            "   +-------------------------------",
            "     !",
            "    2026-03-01           2026-03-31",
        ];
        assert_eq!(drawn, expected);
    }

    #[test]
    fn a_long_time_is_folded_until_it_fits() {
        let fold = |last: Date, width| {
            let axis = Axis::over(date(2026, 1, 1), last, width);
            assert!(axis.columns.len() <= width, "{last}");
            axis.fold()
        };
        assert_eq!(fold(date(2026, 3, 11), 70), Fold::Day);
        assert_eq!(fold(date(2026, 3, 12), 70), Fold::Week);
        assert_eq!(fold(date(2027, 4, 30), 70), Fold::Week);
        assert_eq!(fold(date(2027, 6, 30), 70), Fold::Month);
        assert_eq!(fold(date(2046, 1, 1), 70), Fold::Year);
        assert_eq!(fold(date(2226, 1, 1), 70), Fold::Year, "the rest is in the last column");
    }

    #[test]
    fn folded_counts_stand_with_their_week_or_month() {
        let weeks = Axis::over(date(2026, 1, 1), date(2026, 12, 31), 60);
        assert_eq!(weeks.columns[0], date(2025, 12, 29), "a Monday");
        assert_eq!(weeks.column(date(2026, 1, 4)), 0);
        assert_eq!(weeks.column(date(2026, 1, 5)), 1);
        let months = Axis::over(date(2024, 2, 28), date(2027, 6, 1), 60);
        assert_eq!(
            (months.fold(), months.column(date(2024, 2, 29)), months.column(date(2024, 3, 1))),
            (Fold::Month, 0, 1)
        );
    }

    #[test]
    fn one_day_is_one_column() {
        let drawn = Axis::over(day(1), day(1), 70).chart(&[(day(1), 3)], &[day(1)]);
        assert_eq!(drawn, ["3 |##", "  |##", "  |##", "  |##", "  +---", "   !", "   2026-03-01"]);
    }
}
