//! What was missing, counted over many customers.

use super::predicate::{Line, Predicate, Shape};
use super::tree::{Clause, Flag, Leaf, Term, Walk};
use super::{Facts, Path};
use std::collections::BTreeMap;

/// How many customers lacked what, of those of whom a condition could not be told. Counting allocates only where something
/// is missing for the first time.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Missing {
    found: Vec<Found>,
    /// Customers noted so far.
    customers: u64,
}

#[derive(Debug, Clone, PartialEq, Eq)]
struct Found {
    path: Box<str>,
    customers: u64,
    /// The last customer of these, so that each counts once.
    last: u64,
}

impl Missing {
    /// Takes in one customer, of whom the condition cannot be told.
    pub fn note(&mut self, predicate: &Predicate, facts: &Facts<'_>) {
        self.customers += 1;
        self.predicate(predicate, facts);
    }

    /// Takes in what was counted elsewhere.
    pub fn add(&mut self, other: Self) {
        self.customers += other.customers;
        for theirs in other.found {
            match self.found.iter_mut().find(|ours| ours.path == theirs.path) {
                Some(ours) => ours.customers += theirs.customers,
                None => self.found.push(Found { last: 0, ..theirs }),
            }
        }
    }

    /// By path as written in conditions, such as `customer.plan`: how many customers lacked it.
    #[must_use]
    pub fn counts(&self) -> BTreeMap<String, u64> {
        self.found.iter().map(|found| (found.path.to_string(), found.customers)).collect()
    }

    fn predicate(&mut self, predicate: &Predicate, facts: &Facts<'_>) {
        match predicate.shape() {
            Shape::Everyone => {}
            Shape::Line(line) => self.clause(line, &line.root, facts),
            Shape::All(parts) | Shape::Any(parts) | Shape::None(parts) => {
                for part in parts {
                    if part.evaluate(facts).known().is_none() {
                        self.predicate(part, facts);
                    }
                }
            }
        }
    }

    fn clause(&mut self, line: &Line, clause: &Clause, facts: &Facts<'_>) {
        match &clause.test {
            Term::Own(Flag::All(parts) | Flag::Any(parts)) => {
                for part in parts {
                    self.clause(line, part, facts);
                }
            }
            Term::Own(Flag::Not(part)) => self.clause(line, part, facts),
            test => {
                if clause.evaluate(facts).is_some() {
                    return;
                }
                let mut any = false;
                let mut visit = |leaf: Leaf<'_>| {
                    any = true;
                    self.found(|path| is_at(&leaf, path), || leaf.path());
                };
                test.walk(&mut Walk { unknown_under: Some(facts), visit: &mut visit });
                if !any {
                    // Nothing missing, yet no value: a division by zero or a number out of range.
                    let written = line.text(clause);
                    self.found(|path| path == written, || written.to_owned());
                }
            }
        }
    }

    fn found(&mut self, is_it: impl Fn(&str) -> bool, path: impl FnOnce() -> String) {
        let last = self.customers;
        match self.found.iter_mut().find(|found| is_it(&found.path)) {
            Some(found) if found.last == last => {}
            Some(found) => {
                found.customers += 1;
                found.last = last;
            }
            None => self.found.push(Found { path: path().into(), customers: 1, last }),
        }
    }
}

/// Whether that is how the leaf is written.
fn is_at(leaf: &Leaf<'_>, path: &str) -> bool {
    match leaf {
        Leaf::Attribute(name) => path.strip_prefix("customer.") == Some(*name),
        Leaf::Orders(field) => path.strip_prefix("orders.") == Some(field.name()),
        Leaf::Property(name) => path.strip_prefix("event.") == Some(*name),
        Leaf::AtEntry(of) => path.strip_prefix("at_entry.") == Some(Path::text(of)),
        leaf => leaf.path() == path,
    }
}

#[cfg(test)]
mod tests {
    use super::Missing;
    use crate::condition::{Facts, Predicate, Scope, compile};
    use crate::domain::{Attribute, Customer, Schema, Time, ValueType};
    use jiff::tz::TimeZone;

    fn schema() -> Schema {
        let mut schema = Schema::default();
        for (name, kind) in [("plan", ValueType::Text), ("score", ValueType::Number)] {
            schema.customer.insert(name.into(), Attribute::of(kind));
        }
        schema
    }

    #[test]
    fn each_customer_counts_once_for_all_that_made_it_unknown() {
        let schema = schema();
        let line = |text: &str| compile(text, &Scope::of(&schema)).0.unwrap();
        let when = Predicate::all(vec![
            line("customer.plan == \"pro\" || customer.plan == \"free\""),
            Predicate::any(vec![
                line("customer.score > 3"),
                line("orders.last_at < now"),
                line("1 / orders.count > 2"),
            ]),
        ]);
        let mut customer = Customer::new("ana", Time(0));
        let (mut missing, mut at_once) = (Missing::default(), Missing::default());
        for round in 0..3 {
            let facts = Facts { customer: &customer, now: Time(1), zone: &TimeZone::UTC, entry: None };
            assert_eq!(when.evaluate(&facts).known(), None);
            at_once.note(&when, &facts);
            let mut other = Missing::default();
            if round == 0 {
                missing.note(&when, &facts);
            } else {
                other.note(&when, &facts);
            }
            missing.add(other);
            let is_all = when.missing(&facts).iter().all(|path| missing.counts().contains_key(path));
            assert!(is_all, "{:?} {:?}", when.missing(&facts), missing.counts());
            customer.attributes.insert("plan".into(), crate::domain::Value::Text("pro".into()));
        }
        let expected =
            [("1 / orders.count > 2", 3), ("customer.plan", 1), ("customer.score", 3), ("orders.last_at", 3)];
        let counts = missing.counts();
        assert_eq!(counts, at_once.counts());
        let counts: Vec<_> = counts.iter().map(|(path, count)| (path.as_str(), *count)).collect();
        assert_eq!(counts, expected);
    }
}
