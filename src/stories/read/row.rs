//! Rows of `each:`: one customer each, and whether the rule lets them in.

use super::line::reason;
use super::{Known, Person, because, day};
use crate::domain::{Diagnostic, Place, Reason};
use crate::yaml::Item;

/// One row.
#[derive(Debug, Clone)]
pub(in crate::stories) struct Row {
    pub(in crate::stories) place: Place,
    /// As written, on one line.
    pub(in crate::stories) written: String,
    pub(in crate::stories) person: Person,
    /// The days of purchases, ascending.
    pub(in crate::stories) orders: Vec<i32>,
    /// The only day on which the trigger is judged.
    pub(in crate::stories) day: Option<i32>,
    pub(in crate::stories) outcome: Outcome,
    pub(in crate::stories) because: Option<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::stories) enum Outcome {
    Enters,
    StaysOut,
    Held(Reason),
}

/// A row is named by its text, as far as it is read at a glance.
const LONGEST_NAME: usize = 120;

/// Reads all rows; `None` when one of them is wrong.
pub(super) fn rows(item: Item<'_>, person: &Person, day: Option<i32>, known: &Known<'_>) -> Option<Vec<Row>> {
    let items = item.list()?;
    if items.is_empty() {
        item.error_with_help("empty-value", "`each` is empty", "write rows such as {orders: [0, 30], enters: true}");
        return None;
    }
    let rows: Vec<_> = items.into_iter().map(|item| row(item, person, day, known)).collect();
    rows.into_iter().collect()
}

fn row(item: Item<'_>, person: &Person, of_test: Option<i32>, known: &Known<'_>) -> Option<Row> {
    let (mut own, mut orders, mut on) = (Person::default(), Vec::new(), of_test);
    let (mut enters, mut held, mut line) = (None, None, None);
    for (key, item) in item.pairs()? {
        match key.name.as_str() {
            "orders" => orders = item.list()?.into_iter().map(day).collect::<Option<Vec<i32>>>()?,
            "day" => on = Some(day(item)?),
            "enters" => enters = Some(item.bool()?),
            "held" => held = Some((item, reason(item)?)),
            "because" => line = Some((item, because(item, known.rule)?)),
            _ => own.take(item, known.names.schema),
        }
    }
    let outcome = match (enters, held) {
        (Some(true), None) => Outcome::Enters,
        (Some(false), None) => Outcome::StaysOut,
        (None, Some((_, reason))) => Outcome::Held(reason),
        (Some(_), Some((held, _))) => {
            held.error_with_help("contradiction", "`enters` and `held` are two answers", "remove one of the two");
            return None;
        }
        (None, None) => {
            let answers = "write `enters: true`, `enters: false` or `held: REASON`";
            let problem = Diagnostic::error("missing-key", item.place(), "this row does not say what is expected");
            item.reader().report(problem.help(answers));
            return None;
        }
    };
    if let Some((line, _)) = line.as_ref().filter(|_| outcome != Outcome::StaysOut) {
        line.error_with_help("contradiction", "`because` says why somebody stays out", "write `enters: false` with it");
    }
    orders.sort_unstable();
    if let (Some(day), Some(last)) = (on, orders.last())
        && *last > day
    {
        let message = format!("the purchase of day {last} comes after day {day}, which is judged");
        let cure = format!("write `day: {last}` or a later one, or leave the purchase out");
        item.error_with_help("out-of-order", message, cure);
    }
    let written = item.written().split_whitespace().collect::<Vec<_>>().join(" ");
    let written = written.chars().take(LONGEST_NAME).collect();
    let person = person.clone().and(own);
    let because = line.map(|(_, text)| text);
    Some(Row { place: item.place(), written, person, orders, day: on, outcome, because })
}
