//! How figures are shown: `what | figure | ceiling | ratio | limit`.

use std::fmt;

/// What a figure counts in, and so which direction is good.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Unit {
    /// So many a second: more is better.
    PerSecond,
    /// Less is better.
    Seconds,
    /// Less is better.
    Milliseconds,
    /// Less is better.
    Megabytes,
}

impl Unit {
    const fn word(self) -> &'static str {
        match self {
            Self::PerSecond => "/s",
            Self::Seconds => " s",
            Self::Milliseconds => " ms",
            Self::Megabytes => " MB",
        }
    }
}

/// What a figure must keep to.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Limit {
    /// Nothing: it explains another figure.
    None,
    /// The figure itself, at least.
    AtLeast(f64),
    /// The figure itself, at most.
    AtMost(f64),
    /// Its share of the ceiling, at least.
    Ratio(f64),
}

/// One measured figure.
#[derive(Debug, Clone)]
pub(crate) struct Row {
    /// What was measured.
    pub(crate) what: String,
    /// The figure.
    pub(crate) figure: f64,
    /// The same work done by the bare means, measured in the same run.
    pub(crate) ceiling: Option<f64>,
    /// What both count in.
    pub(crate) unit: Unit,
    /// What it must keep to.
    pub(crate) limit: Limit,
}

impl Row {
    /// The share of the ceiling's speed that is reached: of two rates theirs, of two times the inverse.
    fn ratio(&self) -> Option<f64> {
        let ceiling = self.ceiling?;
        Some(if self.unit == Unit::PerSecond { self.figure / ceiling } else { ceiling / self.figure })
    }

    fn verdict(&self) -> String {
        let verdict = |kept: bool, text: String| if kept { text } else { format!("{text} MISSED") };
        match self.limit {
            Limit::None => "-".to_owned(),
            Limit::AtLeast(least) => verdict(self.figure >= least, format!(">= {}", number(least, self.unit))),
            Limit::AtMost(most) => verdict(self.figure <= most, format!("<= {}", number(most, self.unit))),
            Limit::Ratio(least) => {
                verdict(self.ratio().is_some_and(|ratio| ratio >= least), format!("ratio >= {least:.2}"))
            }
        }
    }
}

impl fmt::Display for Row {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let ceiling = self.ceiling.map_or_else(|| "-".to_owned(), |ceiling| number(ceiling, self.unit));
        let ratio = self.ratio().map_or_else(|| "-".to_owned(), |ratio| format!("{ratio:.2}"));
        let (what, figure, limit) = (&self.what, number(self.figure, self.unit), self.verdict());
        write!(f, "{what:<58} | {figure:>12} | {ceiling:>12} | {ratio:>5} | {limit}")
    }
}

fn number(value: f64, unit: Unit) -> String {
    let digits = match value.abs() {
        100.0.. => 0,
        10.0.. => 1,
        _ => 3,
    };
    format!("{value:.digits$}{}", unit.word())
}

/// Shows a table with a title.
pub(crate) fn show(title: &str, rows: &[Row]) {
    println!("\n{title}");
    println!("{:<58} | {:>12} | {:>12} | {:>5} | limit", "what", "figure", "ceiling", "ratio");
    for row in rows {
        println!("{row}");
    }
}
