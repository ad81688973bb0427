//! What follows of one total for another: who has revenue has an order, and who bought in the last 30 days did so in the
//! last 60.
//!
//! Only what follows for every customer at every instant stands here. Of two purchases with one id the earlier counts and
//! both are events, so that an event says little of `orders.last_at`, and `orders.last_at` much of events.

use super::predicate::{Predicate, Shape};
use super::set::Set;
use super::tree::{Anchor, Count, Days, EventRole, Kind, Leaf, Moment, Num, OrderField, Term};
use crate::domain::{Number, Span};
use std::collections::{BTreeMap, BTreeSet};

/// How far the count of calendar days may be from the elapsed time: a part of a day, and a zone's offset that moves by up
/// to 24 hours.
const DAYS_OFF: i128 = 2;

/// How often what follows is asked what follows of it.
const DEPTH: usize = 4;

/// Terms that some conditions name, and how they hang together.
#[derive(Debug, Default)]
pub(super) struct Links {
    /// By how the term is written.
    known: BTreeMap<String, Total>,
    /// Pairs of terms of which the first is never the larger.
    ordered: BTreeSet<(String, String)>,
    windows: BTreeMap<Box<str>, BTreeSet<Option<Span>>>,
    purchase: Box<str>,
}

/// What a term tells.
#[derive(Debug, Clone)]
enum Total {
    Orders,
    Revenue,
    Count(Box<str>, Option<Span>),
    Sum(Box<str>, Option<Span>),
    /// Calendar days since the last one; of purchases if there is no name.
    DaysSince(Option<Box<str>>),
}

impl Links {
    /// Those of some conditions that are taken together.
    pub(super) fn of(predicates: &[&Predicate]) -> Self {
        let mut links = Self::default();
        for predicate in predicates {
            links.purchase = predicate.interest().purchase.event.as_str().into();
            links.gather(predicate);
        }
        let purchase = links.purchase.clone();
        links.windows.entry(purchase).or_default().insert(None);
        links.name();
        links
    }

    fn gather(&mut self, predicate: &Predicate) {
        match predicate.shape() {
            Shape::Everyone => {}
            Shape::All(parts) | Shape::Any(parts) | Shape::None(parts) => {
                for part in parts {
                    self.gather(part);
                }
            }
            Shape::Line(line) => {
                for leaf in line.root.test.leaves() {
                    let Leaf::Event(event, role) = leaf else { continue };
                    let windows = self.windows.entry(event.into()).or_default();
                    windows.insert(None);
                    match role {
                        EventRole::Count(window) => drop(windows.insert(window)),
                        EventRole::Sum(property, window) => {
                            windows.insert(window);
                            let sum = Num::Sum(Box::new(count(event, window)), property.into());
                            self.known.insert(written(sum), Total::Sum(event.into(), window));
                        }
                        _ => {}
                    }
                }
            }
        }
    }

    fn name(&mut self) {
        self.known.insert(written(Num::Orders(OrderField::Count)), Total::Orders);
        self.known.insert(written(Num::Orders(OrderField::Revenue)), Total::Revenue);
        self.known.insert(days_since(Moment::Orders(OrderField::LastAt)), Total::DaysSince(None));
        self.in_order(Moment::Orders(OrderField::FirstAt), Moment::Orders(OrderField::LastAt));
        self.ordered.insert((written(Num::Orders(OrderField::Count)), counted(&self.purchase, None)));
        for (event, windows) in self.windows.clone() {
            self.known.insert(days_since(Moment::LastAt(event.clone())), Total::DaysSince(Some(event.clone())));
            self.in_order(Moment::FirstAt(event.clone()), Moment::LastAt(event.clone()));
            for window in &windows {
                self.known.insert(counted(&event, *window), Total::Count(event.clone(), *window));
                for longer in windows.iter().filter(|other| reaches(**other, *window)) {
                    self.ordered.insert((counted(&event, *window), counted(&event, *longer)));
                }
            }
        }
    }

    /// Notes that the first of two instants is never the later one, and none of them after now.
    fn in_order(&mut self, first: Moment, second: Moment) {
        let (now, first, second) = (written(Moment::Now), written(first), written(second));
        self.ordered.insert((first.clone(), now.clone()));
        self.ordered.insert((second.clone(), now));
        self.ordered.insert((first, second));
    }

    /// How two terms may stand to each other: -1, 0 or 1.
    pub(super) fn signs(&self, left: &str, right: &str) -> Set {
        let is_ordered = |one: &str, other: &str| self.ordered.contains(&(one.to_owned(), other.to_owned()));
        match (is_ordered(left, right), is_ordered(right, left)) {
            (true, _) => Set::range(-1, 0),
            (false, true) => Set::range(0, 1),
            (false, false) => Set::range(-1, 1),
        }
    }

    /// Adds what follows of what is known.
    pub(super) fn extend(&self, sides: &mut Vec<(String, Set)>) {
        let mut from = 0;
        for _ in 0..DEPTH {
            let follows: Vec<(String, Set)> =
                sides[from..].iter().flat_map(|(key, set)| self.follows(key, set)).collect();
            from = sides.len();
            for new in follows {
                if !sides.contains(&new) {
                    sides.push(new);
                }
            }
        }
    }

    fn follows(&self, key: &str, set: &Set) -> Vec<(String, Set)> {
        let Some((low, high)) = set.bounds() else { return Vec::new() };
        let one = Number::ONE.micro();
        let is_not_zero = !set.holds(0);
        let orders = || written(Num::Orders(OrderField::Count));
        match self.known.get(key) {
            Some(Total::Revenue) if is_not_zero => vec![(orders(), at_least(one))],
            Some(Total::Sum(event, window)) if is_not_zero => vec![(counted(event, *window), at_least(one))],
            Some(Total::Orders) if low > 0 => vec![(counted(&self.purchase, None), at_least(low))],
            Some(Total::Count(event, window)) if low > 0 => self.of_count(event, *window, low),
            Some(Total::DaysSince(event)) if high < i128::MAX => {
                let span = (high.div_euclid(one) + DAYS_OFF).saturating_mul(Span::days(1).0.into());
                let event = event.as_ref().unwrap_or(&self.purchase);
                let windows = self.windows.get(event).into_iter().flatten();
                let longer = windows.filter(|window| window.is_none_or(|window| i128::from(window.0) >= span));
                longer.map(|window| (counted(event, *window), at_least(one))).collect()
            }
            _ => Vec::new(),
        }
    }

    /// What follows of so many events.
    fn of_count(&self, event: &str, window: Option<Span>, low: i128) -> Vec<(String, Set)> {
        let windows = self.windows.get(event).into_iter().flatten();
        let longer = windows.filter(|other| reaches(**other, window) && **other != window);
        let mut found: Vec<_> = longer.map(|longer| (counted(event, *longer), at_least(low))).collect();
        if *event == *self.purchase {
            found.push((written(Num::Orders(OrderField::Count)), at_least(Number::ONE.micro())));
        }
        if let Some(window) = window {
            let day = Span::days(1).0;
            let days = i128::from(window.0 / day) + i128::from(window.0 % day != 0) + DAYS_OFF;
            let set = Set::range(0, days * Number::ONE.micro());
            found.push((days_since(Moment::LastAt(event.into())), set));
        }
        found
    }
}

/// Whether a window holds all that another holds.
fn reaches(window: Option<Span>, other: Option<Span>) -> bool {
    match (window, other) {
        (None, _) => true,
        (Some(_), None) => false,
        (Some(window), Some(other)) => window >= other,
    }
}

fn at_least(low: i128) -> Set {
    Set::range(low, i128::MAX)
}

fn count(event: &str, window: Option<Span>) -> Count {
    Count { event: event.into(), window }
}

fn counted(event: &str, window: Option<Span>) -> String {
    written(Num::Count(Box::new(count(event, window))))
}

fn days_since(moment: Moment) -> String {
    written(Num::Days(Days::Since, Box::new(Anchor::Moment(Term::Own(moment)))))
}

fn written<K: Kind>(own: K) -> String {
    super::foregone::key(&Term::Own(own))
}
