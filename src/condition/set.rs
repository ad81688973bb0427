//! Sets of values that something can have.

use super::source::Comparison;
use std::collections::BTreeSet;

/// What something can be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Set {
    /// Whole numbers of some small unit, in closed ranges that do not meet.
    Ranges(Vec<(i128, i128)>),
    /// These texts.
    Only(BTreeSet<Box<str>>),
    /// All texts but these.
    Except(BTreeSet<Box<str>>),
}

impl Set {
    pub(super) const TRUE: (i128, i128) = (1, 1);

    /// The least and the greatest of some numbers.
    pub(super) fn bounds(&self) -> Option<(i128, i128)> {
        let Self::Ranges(ranges) = self else { return None };
        Some((ranges.iter().map(|range| range.0).min()?, ranges.iter().map(|range| range.1).max()?))
    }

    /// Whether a number is one of them.
    pub(super) fn holds(&self, number: i128) -> bool {
        matches!(self, Self::Ranges(ranges) if ranges.iter().any(|(low, high)| (*low..=*high).contains(&number)))
    }

    pub(super) fn range(low: i128, high: i128) -> Self {
        Self::Ranges(if low <= high { vec![(low, high)] } else { Vec::new() })
    }

    pub(super) fn flag(value: bool) -> Self {
        Self::range(value.into(), value.into())
    }

    pub(super) fn of(comparison: Comparison, bound: i128) -> Self {
        match comparison {
            Comparison::Equal => Self::range(bound, bound),
            Comparison::NotEqual => Self::range(bound, bound).complement(),
            Comparison::Less => Self::range(i128::MIN, bound - 1),
            Comparison::AtMost => Self::range(i128::MIN, bound),
            Comparison::Greater => Self::range(bound + 1, i128::MAX),
            Comparison::AtLeast => Self::range(bound, i128::MAX),
        }
    }

    pub(super) fn complement(&self) -> Self {
        match self {
            Self::Only(texts) => Self::Except(texts.clone()),
            Self::Except(texts) => Self::Only(texts.clone()),
            Self::Ranges(ranges) => {
                let (mut gaps, mut from) = (Vec::new(), Some(i128::MIN));
                for (low, high) in ranges {
                    if let Some(from) = from.filter(|from| from < low) {
                        gaps.push((from, low - 1));
                    }
                    from = high.checked_add(1);
                }
                gaps.extend(from.map(|from| (from, i128::MAX)));
                Self::Ranges(gaps)
            }
        }
    }

    pub(super) fn and(&self, other: &Self) -> Self {
        match (self, other) {
            (Self::Ranges(ours), Self::Ranges(theirs)) => {
                let both = ours.iter().flat_map(|a| theirs.iter().map(|b| (a.0.max(b.0), a.1.min(b.1))));
                Self::Ranges(both.filter(|(low, high)| low <= high).collect())
            }
            (Self::Only(ours), Self::Only(theirs)) => Self::Only(ours & theirs),
            (Self::Only(only), Self::Except(not)) | (Self::Except(not), Self::Only(only)) => Self::Only(only - not),
            (Self::Except(ours), Self::Except(theirs)) => Self::Except(ours | theirs),
            // One thing has values of one type.
            _ => self.clone(),
        }
    }

    /// Only multiples of a unit.
    pub(super) fn in_units(self, unit: i128) -> Self {
        let Self::Ranges(ranges) = self else { return self };
        let up =
            |low: i128| low.div_euclid(unit).saturating_add(i128::from(low.rem_euclid(unit) != 0)).saturating_mul(unit);
        let down = |high: i128| high.div_euclid(unit).saturating_mul(unit);
        let rounded = ranges.into_iter().map(|(low, high)| (up(low), down(high)));
        Self::Ranges(rounded.filter(|(low, high)| low <= high).collect())
    }

    pub(super) fn is_empty(&self) -> bool {
        match self {
            Self::Ranges(ranges) => ranges.is_empty(),
            Self::Only(texts) => texts.is_empty(),
            Self::Except(_) => false,
        }
    }
}
