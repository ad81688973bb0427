//! Reading a customer and judging them.

use crate::shop::{self, NOW};
use divan::{Bencher, black_box};
use retaind::condition::Facts;
use retaind::domain::Customer;

/// A customer's record from its bytes.
#[divan::bench]
fn decode_a_customer(bencher: Bencher<'_, '_>) {
    let (_, interest) = shop::rules().expect("the conditions compile");
    let bytes = minicbor::to_vec(shop::customer(&interest)).expect("a customer can be kept");
    minicbor::decode::<Customer>(&bytes).expect("a customer can be read");
    bencher.bench(|| minicbor::decode::<Customer>(black_box(&bytes)));
}

/// Twenty conditions, five of them windowed, on one customer.
#[divan::bench]
fn evaluate_twenty_conditions(bencher: Bencher<'_, '_>) {
    let (rules, interest) = shop::rules().expect("the conditions compile");
    let customer = shop::customer(&interest);
    let zone = retaind::calendar::zone("Europe/Zagreb").unwrap_or(jiff::tz::TimeZone::UTC);
    let facts = Facts { customer: &customer, now: NOW, zone: &zone, entry: None };
    bencher.bench(|| rules.iter().filter(|rule| rule.evaluate(black_box(&facts)).is_true()).count());
}

/// The same twenty, each with until when its value holds.
#[divan::bench]
fn evaluate_twenty_conditions_until_when(bencher: Bencher<'_, '_>) {
    let (rules, interest) = shop::rules().expect("the conditions compile");
    let customer = shop::customer(&interest);
    let zone = retaind::calendar::zone("Europe/Zagreb").unwrap_or(jiff::tz::TimeZone::UTC);
    let facts = Facts { customer: &customer, now: NOW, zone: &zone, entry: None };
    bencher.bench(|| rules.iter().filter_map(|rule| rule.evaluate_until(black_box(&facts)).until).min());
}

/// A zone by its name.
#[divan::bench]
fn find_a_zone() -> Option<jiff::tz::TimeZone> {
    retaind::calendar::zone(black_box("Europe/Zagreb"))
}
