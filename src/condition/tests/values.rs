use super::super::Truth::{False, True, Unknown};
use super::super::{Facts, Predicate, Truth};
use super::{compiled, judged, judged_in, nobody, somebody, t};
use crate::domain::{Customer, Span, Value, ValueType};

fn all_are(expected: Truth, customer: &Customer, conditions: &[&str]) {
    for condition in conditions {
        assert_eq!(judged(condition, customer), expected, "{condition}");
    }
}

#[test]
fn attributes_compare_by_their_declared_types() {
    all_are(
        True,
        &somebody(),
        &[
            "customer.id == 'c-1'",
            "customer.plan == \"pro\" && customer.country != 'SI'",
            "customer.score == 29.33 && customer.score * 3 == 87.99 && customer.score > 29",
            "customer.birthday == date('1990-03-29') && customer.birthday < date(\"1990-03-30\")",
            "!customer.wholesale",
            "customer.wholesale == false",
            "customer.email.endsWith('@example.com') && customer.email.contains('a@e') && customer.email.startsWith('ana')",
            "'vip' in customer.tags && 7 in customer.tags && !('7' in customer.tags) && size(customer.tags) == 2",
            "customer.country in ['SI', 'HR'] && !(customer.country in [])",
            "customer.country.size() == 2 && size(customer.country) == 2",
            "customer.consent.offers && !customer.consent.marketing",
            "customer.limit == 10.0",
        ],
    );
}

#[test]
fn numbers_are_exact_decimals() {
    all_are(
        True,
        &somebody(),
        &[
            "0.1 + 0.2 == 0.3",
            "5 / 2 == 2.5",
            "5 == 5.0 && -5 % 3 == -2 && 7 % 2 == 1",
            "29.33 * 100 == 2933",
            "1e3 == 1000 && .5 == 0.5 && -.5 < 0 && 2 - -3 == 5 && --2 == 2",
            "1 + 2 * 3 == 7 && (1 + 2) * 3 == 9 && 10 - 2 - 3 == 5",
            "orders.revenue == 59.63",
            "sum('Order Completed', 'revenue') == 59.63",
        ],
    );
}

#[test]
fn totals_over_orders_and_events_are_those_of_the_customer() {
    all_are(
        True,
        &somebody(),
        &[
            "orders.count == 3 && orders.average > 19.87 && orders.average < 19.88",
            "orders.last_at == timestamp('2026-02-02T09:00:00Z') && orders.first_at < orders.last_at",
            "orders.gap_median == days(30) && since(orders.last_at) > 1.5 * orders.gap_median",
            "since(orders.last_at) / orders.gap_median < 2",
            "count('Ticket Solved') == 2 && count('Ticket Solved', days(2)) == 1",
            "sum('Ticket Solved', 'minutes') == 42 && sum('Ticket Solved', 'minutes', days(10)) == 30",
            "last_value('Ticket Solved', 'rating') == 'bad'",
            "first_at('Ticket Solved') < last_at('Ticket Solved')",
        ],
    );
    all_are(
        True,
        &nobody(),
        &["orders.count == 0 && orders.revenue == 0", "count('Ticket Solved') + sum('Ticket Solved', 'minutes') == 0"],
    );
    all_are(
        Unknown,
        &nobody(),
        &[
            "orders.last_at < now",
            "days_since(orders.first_at) > 1",
            "orders.average > 0",
            "orders.gap_median > days(1)",
            "last_at('Ticket Solved') < now",
            "last_value('Ticket Solved', 'rating') == 'bad'",
        ],
    );
}

#[test]
fn a_window_begins_after_its_oldest_instant_and_ends_with_now() {
    let somebody = somebody();
    // The later ticket was solved exactly 24 hours before.
    for (condition, expected) in [
        ("count('Ticket Solved', hours(24)) == 0", True),
        ("count('Ticket Solved', duration('24h1ms')) == 1", True),
        ("sum('Ticket Solved', 'minutes', days(1)) == 0", True),
    ] {
        assert_eq!(judged(condition, &somebody), expected, "{condition}");
    }
    let at = |now| judged_in("count('Ticket Solved', days(1)) == 1", &somebody, "UTC", now);
    assert_eq!(at("2026-03-28T07:59:59.999Z"), False);
    assert_eq!(at("2026-03-28T08:00:00Z"), True);
    assert_eq!(at("2026-03-29T07:59:59.999Z"), True);
    assert_eq!(at("2026-03-29T08:00:00Z"), False);
}

#[test]
fn days_are_counted_on_the_calendar_of_the_customer() {
    all_are(
        True,
        &somebody(),
        &[
            "days_since(orders.last_at) == 55 && days_since(orders.last_at) > 54 && days_since(orders.last_at) < 54 + 2",
            "days_until(customer.membership_ends_on) == 3 && days_since(customer.membership_ends_on) == -3",
            "days_since(now) == 0",
            "since(orders.last_at) > days(54) && since(orders.last_at) < days(55)",
            "until(customer.membership_ends_on) == hours(62)",
            "now - orders.last_at == since(orders.last_at)",
            "orders.last_at + days(54) < now && now - hours(1) < now",
            "date(now) == date('2026-03-29')",
        ],
    );
    // One minute after midnight in Nairobi, still the day before in New York.
    let seen = |zone, days: i64| {
        let mut customer = nobody();
        customer.attributes.insert("seen_at".into(), Value::Time(t("2026-03-01T12:00:00Z")));
        judged_in(&format!("days_since(customer.seen_at) == {days}"), &customer, zone, "2026-03-04T21:01:00Z")
    };
    assert_eq!((seen("Africa/Nairobi", 4), seen("America/New_York", 3)), (True, True));
}

#[test]
fn the_short_cut_for_days_agrees_with_the_calendar_near_every_bound() {
    let (at_bound, summed) =
        (compiled("days_since(customer.seen_at) > 3"), compiled("days_since(customer.seen_at) + 0 > 3"));
    for zone in ["Europe/Zagreb", "Pacific/Apia", "Australia/Lord_Howe", "America/New_York"] {
        let zone = crate::calendar::zone(zone).unwrap();
        for hour in 0..24 * 14 {
            let now = t("2012-01-05T00:00:00Z");
            let mut customer = nobody();
            customer.attributes.insert("seen_at".into(), Value::Time(now.plus(Span::hours(-hour + 48))));
            let facts = Facts { customer: &customer, now, zone: &zone, entry: None };
            assert_eq!(at_bound.evaluate(&facts), summed.evaluate(&facts), "{hour} hours");
        }
    }
}

#[test]
fn calendar_getters_count_as_cel_does_in_the_zone_of_the_customer() {
    all_are(
        True,
        &somebody(),
        &[
            "now.getFullYear() == 2026 && now.getMonth() == 2 && now.getDate() == 29 && now.getDayOfMonth() == 28",
            "now.getDayOfWeek() == 0 && now.getDayOfYear() == 87",
            "now.getHours() == 10 && now.getHours('UTC') == 8 && now.getHours('Asia/Kolkata') == 13 && now.getMinutes() == 0",
            "customer.birthday.getMonth() == now.getMonth() && customer.birthday.getDate() == now.getDate()",
            "(now - days(1)).getDayOfWeek() == 6",
        ],
    );
}

#[test]
fn unknown_follows_the_tables_of_kleene() {
    let conditions = [
        ("customer.tester", Unknown),
        ("!customer.tester", Unknown),
        ("customer.tester || true", True),
        ("customer.tester && false", False),
        ("customer.tester && true", Unknown),
        ("customer.tester || false", Unknown),
        ("customer.score > 1 || customer.plan == 'pro'", Unknown),
        ("customer.score != 1", Unknown),
        ("customer.plan in ['pro']", Unknown),
        ("customer.score == customer.score", Unknown),
        ("1 in [customer.score, 1]", True),
        ("2 in [customer.score, 1]", Unknown),
        ("customer.score in []", False),
        ("'a' in customer.tags", Unknown),
        ("10 / orders.count > 1", Unknown),
        ("10 % orders.count > 1", Unknown),
        ("customer.tester ? true : true", Unknown),
    ];
    for (condition, expected) in conditions {
        assert_eq!(judged(condition, &nobody()), expected, "{condition}");
    }
}

#[test]
fn has_asks_and_default_fills() {
    all_are(
        True,
        &nobody(),
        &[
            "!has(customer.plan) && !has(orders.last_at) && !has(orders.gap_median)",
            "default(customer.plan, 'free') == 'free'",
            "default(customer.score, 0) == 0 && default(orders.average, 5) == 5",
            "default(last_value('Ticket Solved', 'rating'), 'none') == 'none'",
            "default(customer.tester, true)",
            "default(since(orders.last_at), days(1000)) > days(999)",
            "size(default(customer.tags, customer.tags)) == 0 || true",
            "has(customer.plan) ? customer.plan == 'pro' : customer.limit == 10",
            "customer.consent.offers == false",
        ],
    );
    all_are(
        True,
        &somebody(),
        &["has(customer.plan) && has(orders.last_at)", "default(customer.plan, 'free') == 'pro'"],
    );
}

#[test]
fn an_empty_text_counts_as_missing() {
    let mut customer = nobody();
    customer.attributes.insert("phone".into(), Value::Text("".into()));
    assert_eq!(judged("has(customer.phone)", &customer), False);
    assert_eq!(judged("customer.phone == 'x'", &customer), Unknown);
}

#[test]
fn a_value_stored_under_another_type_is_read_as_the_declared_one_or_is_missing() {
    let mut customer = nobody();
    for (name, text) in [("score", "12.5"), ("tester", "true"), ("birthday", "1990-01-02"), ("seen_at", "soon")] {
        customer.attributes.insert(name.into(), Value::Text(text.into()));
    }
    customer.attributes.insert("country".into(), Value::Number(385.into()));
    all_are(
        True,
        &customer,
        &[
            "customer.score == 12.5 && customer.tester && customer.birthday == date('1990-01-02')",
            "customer.country == '385' && !has(customer.seen_at)",
        ],
    );
    assert_eq!(judged("customer.seen_at < now", &customer), Unknown);
}

#[test]
fn predicates_join_with_three_values() {
    let (nobody, zone) = (nobody(), jiff::tz::TimeZone::UTC);
    let facts = Facts { customer: &nobody, now: t("2026-01-01"), zone: &zone, entry: None };
    let part = |truth| match truth {
        True => compiled("orders.count == 0"),
        False => compiled("orders.count > 0"),
        Unknown => compiled("customer.score > 0"),
    };
    for (parts, all, any, none) in [
        (vec![], True, False, True),
        (vec![True, True], True, True, False),
        (vec![True, False], False, True, False),
        (vec![False, Unknown], False, Unknown, Unknown),
        (vec![True, Unknown], Unknown, True, False),
        (vec![False, False], False, False, True),
    ] {
        let made: Vec<Predicate> = parts.iter().map(|truth| part(*truth)).collect();
        assert_eq!(Predicate::all(made.clone()).evaluate(&facts), all, "all {parts:?}");
        assert_eq!(Predicate::any(made.clone()).evaluate(&facts), any, "any {parts:?}");
        assert_eq!(Predicate::none(made).evaluate(&facts), none, "none {parts:?}");
    }
    assert_eq!(Predicate::everyone().evaluate(&facts), True);
}

#[test]
fn interest_names_exactly_what_has_to_be_kept() {
    let predicate = compiled(
        "orders.count > 1 && count('Ticket Solved') > 0 && sum('Order Completed', 'revenue', days(30)) > 5
         && sum('Order Completed', 'revenue', hours(6)) > 5 && has(customer.plan)",
    );
    let interest = Predicate::all(vec![Predicate::everyone(), predicate]).interest().clone();
    let names: Vec<&str> = interest.events.keys().map(crate::domain::Text::as_str).collect();
    assert_eq!(names, ["Order Completed", "Ticket Solved"]);
    assert_eq!(interest.events["Ticket Solved"], crate::domain::EventInterest::default());
    let orders = &interest.events["Order Completed"];
    assert_eq!((orders.sums.len(), orders.longest_window, orders.last_values.len()), (1, Some(Span::days(30)), 0));

    let last = compiled("default(last_value('Ticket Solved', 'final'), false) || customer.plan == 'pro'");
    assert_eq!(last.interest().events["Ticket Solved"].last_values["final"], ValueType::Bool);
    assert!(compiled("orders.count > 1 || customer.score > 2").interest().events.is_empty());
}

#[test]
fn what_was_missing_is_named_only_where_it_decided() {
    let missing = |condition: &str, customer: &Customer| {
        let zone = jiff::tz::TimeZone::UTC;
        compiled(condition).missing(&Facts { customer, now: t("2026-01-01"), zone: &zone, entry: None })
    };
    let nobody = nobody();
    assert_eq!(
        missing("customer.plan == 'pro' && days_since(orders.last_at) > 5", &nobody),
        ["customer.plan", "orders.last_at"]
    );
    assert_eq!(missing("customer.plan == 'pro' || orders.count == 0", &nobody), [""; 0]);
    assert_eq!(missing("customer.plan == 'pro' && default(customer.score, 1) > 0", &nobody), ["customer.plan"]);
    assert_eq!(
        missing("last_value('Ticket Solved', 'rating') == 'bad'", &nobody),
        [r#"last_value("Ticket Solved", "rating")"#]
    );
    assert_eq!(missing("5 / orders.count > 1 && orders.count == 0", &nobody), ["5 / orders.count > 1"]);
    assert_eq!(missing("(has(customer.plan) ? customer.score : customer.limit) > 1", &nobody), [""; 0]);
}
