//! Made-up customers with a believable purchase process, the same for the same seed.
//!
//! Each customer buys at a rate of their own and may leave for good after any purchase: the assumptions of the BG/NBD
//! model (Fader, Hardie and Lee 2005), drawn here with plain means. Names are common ones of the places, addresses lie
//! under `customers.example`, which can never exist.

use crate::domain::{Arrival, Event, Number, ProfileRow, Span, Text, Time, Value};
use std::collections::BTreeMap;

/// How far back the made-up history reaches.
const HISTORY: Span = Span::days(400);

const PLACES: [(&str, &str, &str); 6] = [
    ("en", "Africa/Nairobi", "KE"),
    ("sw", "Africa/Dar_es_Salaam", "TZ"),
    ("hr", "Europe/Zagreb", "HR"),
    ("hy", "Asia/Yerevan", "AM"),
    ("en", "America/New_York", "US"),
    ("", "", ""),
];

const FIRST: [&str; 16] = [
    "Wanjiru", "Amani", "Juma", "Neema", "Ana", "Ivan", "Marija", "Luka", "Ani", "Tigran", "Nare", "Davit", "Grace",
    "Henry", "Olivia", "Samuel",
];
const LAST: [&str; 12] = [
    "Njoroge",
    "Otieno",
    "Mwangi",
    "Juric",
    "Horvat",
    "Kovac",
    "Petrosyan",
    "Sargsyan",
    "Hakobyan",
    "Miller",
    "Brown",
    "Clark",
];

/// A small generator (splitmix64); good enough to make up people, and the same everywhere.
pub(super) struct Draw(u64);

impl Draw {
    pub(super) const fn new(seed: u64) -> Self {
        Self(seed)
    }

    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// A number from 0 to below 1.
    #[expect(clippy::cast_precision_loss, reason = "53 bits fit a float exactly")]
    pub(super) fn unit(&mut self) -> f64 {
        (self.next() >> 11) as f64 / (1_u64 << 53) as f64
    }

    /// A wait with the given mean, memoryless.
    fn wait(&mut self, mean: f64) -> f64 {
        -mean * (1.0 - self.unit()).ln()
    }

    /// A whole number below `end`, or 0 where there is none.
    pub(super) fn below(&mut self, end: u64) -> u64 {
        self.next() % end.max(1)
    }

    /// One of what there is; there must be something.
    pub(super) fn pick<'t, T>(&mut self, from: &'t [T]) -> &'t T {
        &from[usize::try_from(self.below(from.len() as u64)).unwrap_or(0)]
    }
}

/// Makes up `count` customers with all their purchases before `now`, in the order of arrival.
pub(super) fn make_up(count: u32, seed: u64, now: Time) -> Vec<Arrival> {
    let mut draw = Draw(seed);
    let mut arrivals = Vec::new();
    for number in 1..=count {
        customer(number, &mut draw, now, &mut arrivals);
    }
    arrivals
}

fn customer(number: u32, draw: &mut Draw, now: Time, arrivals: &mut Vec<Arrival>) {
    let id = format!("c{number:05}");
    let (first, last) = (*draw.pick(&FIRST), *draw.pick(&LAST));
    let (locale, zone, country) = *draw.pick(&PLACES);
    let joined = now.minus(HISTORY).plus(days(draw.unit() * 380.0));
    let mut attributes: BTreeMap<Text, Option<Value>> = BTreeMap::new();
    let mut set = |name: &str, value: &str| {
        if !value.is_empty() {
            attributes.insert(name.into(), Some(Value::Text(value.into())));
        }
    };
    set("first_name", first);
    set("last_name", last);
    set("locale", locale);
    set("timezone", zone);
    set("country", country);
    if draw.unit() < 0.98 {
        let address = format!("{}.{}.{number}@customers.example", first.to_lowercase(), last.to_lowercase());
        set("email", &address);
    }
    attributes.insert("created_at".into(), Some(Value::Time(joined)));
    if draw.unit() < 0.06 {
        attributes.insert("wholesale".into(), Some(Value::Bool(true)));
    }
    let consents = draw.unit() < 0.9;
    let row = ProfileRow {
        effective_at: Time::MIN,
        attributes,
        consent: [("marketing".into(), consents)].into(),
        source: "demo".into(),
        received_at: now,
        proof: None,
    };
    arrivals.push(Arrival::Profile { customer: id.clone(), row, dated: false, message_id: None });
    purchases(&id, number, joined, draw, now, arrivals);
}

/// The first purchase at joining, then at the customer's own rate until they leave.
fn purchases(id: &str, number: u32, joined: Time, draw: &mut Draw, now: Time, arrivals: &mut Vec<Arrival>) {
    let mean_gap = 12.0 + draw.wait(30.0);
    let leaves_after_each = 0.02 + 0.25 * draw.unit() * draw.unit();
    let typical = 350.0 + draw.wait(600.0);
    let mut at = joined;
    for order in 1..=200 {
        if at >= now {
            return;
        }
        let spent = (typical * (0.5 + draw.unit())).round();
        let id_of_order = format!("{number}-{order}");
        let properties = [
            ("order_id".into(), Value::Text(id_of_order.as_str().into())),
            ("revenue".into(), Value::Number(Number::from_f64(spent).unwrap_or_default())),
            ("currency".into(), Value::Text("KES".into())),
        ];
        arrivals.push(Arrival::Event {
            customer: id.to_owned(),
            event: Event {
                name: "Order Completed".into(),
                at,
                received_at: now,
                message_id: Some(format!("demo-{id_of_order}").into()),
                properties: properties.into(),
            },
        });
        if draw.unit() < leaves_after_each {
            return;
        }
        at = at.plus(days(draw.wait(mean_gap).max(0.5)));
    }
}

#[expect(clippy::cast_possible_truncation, reason = "a few hundred days fit")]
fn days(days: f64) -> Span {
    Span((days * 86_400_000.0) as i64)
}

#[cfg(test)]
mod tests {
    use super::make_up;
    use crate::domain::{Arrival, Time};

    #[test]
    fn the_same_seed_makes_the_same_people_and_another_seed_others() {
        let now = Time(1_800_000_000_000);
        assert_eq!(make_up(20, 1, now), make_up(20, 1, now));
        assert_ne!(make_up(20, 1, now), make_up(20, 2, now));
    }

    #[test]
    fn nobody_buys_in_the_future_and_some_have_gone_quiet() {
        let now = Time(1_800_000_000_000);
        let arrivals = make_up(300, 7, now);
        let mut last: std::collections::BTreeMap<String, Time> = std::collections::BTreeMap::new();
        for arrival in arrivals {
            if let Arrival::Event { customer, event } = arrival {
                assert!(event.at < now);
                last.insert(customer, event.at);
            }
        }
        let quiet = last.values().filter(|at| now.since(**at).0 > 60 * 86_400_000).count();
        assert!((50..280).contains(&quiet), "{quiet} of {}", last.len());
    }
}
