//! What comes out the same for everyone when it is taken together.

use super::super::{excluded, foregone};
use super::{Predicate, compiled};

/// The parts that are told, each list with whether they never hold together or one of them always does.
fn told(predicate: &Predicate, lines: &[&str]) -> Vec<(bool, Vec<String>)> {
    let shown = |part: &super::super::Part| {
        let not = if part.is_negated { "not " } else { "" };
        format!("{not}{}", &lines[part.line][part.span.clone()])
    };
    foregone(predicate).iter().map(|found| (found.value, found.parts.iter().map(shown).collect())).collect()
}

fn of_lines(lines: &[&str]) -> Vec<(bool, Vec<String>)> {
    told(&Predicate::all(lines.iter().map(|line| compiled(line)).collect()), lines)
}

#[test]
fn what_never_holds_together_is_told() {
    for (lines, parts) in [
        (&["orders.count > 5 && orders.count < 3"][..], &["orders.count > 5", "orders.count < 3"][..]),
        (&["orders.count > 5", "orders.count < 3"], &["orders.count > 5", "orders.count < 3"]),
        (&["orders.count > 5", "3 > orders.count"], &["orders.count > 5", "3 > orders.count"]),
        // Counts are whole.
        (&["orders.count > 5", "orders.count < 6"], &["orders.count > 5", "orders.count < 6"]),
        (
            &["customer.plan == 'pro' && customer.plan == 'free'"],
            &["customer.plan == 'pro'", "customer.plan == 'free'"],
        ),
        (
            &["customer.country in ['HR', 'SI']", "customer.country == 'KE'"],
            &["customer.country in ['HR', 'SI']", "customer.country == 'KE'"],
        ),
        (&["customer.tester && !customer.tester"], &["customer.tester", "!customer.tester"]),
        (
            &["customer.birthday < date('2000-01-01')", "customer.birthday > date('2010-01-01')"],
            &["customer.birthday < date('2000-01-01')", "customer.birthday > date('2010-01-01')"],
        ),
        (
            &["since(orders.last_at) > days(60)", "since(orders.last_at) < hours(3)"],
            &["since(orders.last_at) > days(60)", "since(orders.last_at) < hours(3)"],
        ),
        (
            &["customer.score > customer.limit", "customer.score <= customer.limit"],
            &["customer.score > customer.limit", "customer.score <= customer.limit"],
        ),
        (
            &["orders.count == 0", "days_since(orders.last_at) > 60"],
            &["orders.count == 0", "days_since(orders.last_at) > 60"],
        ),
        (
            &["count('Ticket Solved') < 1", "last_value('Ticket Solved', 'rating') == 'bad'"],
            &["count('Ticket Solved') < 1", "last_value('Ticket Solved', 'rating') == 'bad'"],
        ),
        (&["!has(customer.plan)", "customer.plan == 'pro'"], &["!has(customer.plan)", "customer.plan == 'pro'"]),
        (
            &["customer.tester || orders.count > 5", "!customer.tester", "orders.count <= 5"],
            &["customer.tester || orders.count > 5", "!customer.tester", "orders.count <= 5"],
        ),
        (&["now.getHours() > 22", "now.getHours() < 23"], &["now.getHours() > 22", "now.getHours() < 23"]),
        (
            &["days_since(orders.last_at) > 60", "days_since(orders.last_at) < 61"],
            &["days_since(orders.last_at) > 60", "days_since(orders.last_at) < 61"],
        ),
        (&["customer.country in []"], &["customer.country in []"]),
    ] {
        let parts = parts.iter().map(|part| (*part).to_owned()).collect();
        assert_eq!(of_lines(lines), [(false, parts)], "{lines:?}");
    }
}

#[test]
fn what_always_holds_is_told_only_where_nothing_can_be_missing() {
    assert_eq!(
        of_lines(&["orders.count > 1 || orders.count <= 1"]),
        [(true, vec!["orders.count > 1".into(), "orders.count <= 1".into()])]
    );
    assert_eq!(of_lines(&["customer.wholesale || !customer.wholesale"]).len(), 1);
    assert_eq!(of_lines(&["default(customer.score, 0) > 1 || default(customer.score, 0) < 2"]).len(), 1);
    assert_eq!(of_lines(&["orders.revenue < 5 || orders.revenue >= 5"]).len(), 1);
    // Without a score neither holds.
    for line in [
        "customer.score > 1 || customer.score <= 1",
        "customer.tester || !customer.tester",
        "days_since(orders.last_at) > 1 || days_since(orders.last_at) <= 1",
        "size(customer.tags) > 1 || size(customer.tags) <= 1",
        "1 / orders.count > 1 || 1 / orders.count <= 1",
    ] {
        assert_eq!(of_lines(&[line]), [], "{line}");
    }
}

#[test]
fn groups_are_looked_into() {
    let lines = ["orders.count > 5", "orders.count > 3", "customer.plan == 'pro'", "customer.plan == 'free'"];
    let part = |index: usize| compiled(lines[index]);
    let contrary = Predicate::all(vec![part(0), Predicate::none(vec![part(1)])]);
    assert_eq!(
        told(&contrary, &lines),
        [(false, vec!["orders.count > 5".to_owned(), "not orders.count > 3".to_owned()])]
    );
    assert_eq!(told(&Predicate::all(vec![part(0), Predicate::any(vec![part(1)])]), &lines), []);
    assert_eq!(told(&Predicate::any(vec![part(0), part(1), part(2), part(3)]), &lines), []);
    let within = Predicate::any(vec![part(0), compiled("orders.count > 7 && orders.count < 6")]);
    assert_eq!(told(&within, &[lines[0], "orders.count > 7 && orders.count < 6"]).len(), 1);
}

#[test]
fn what_may_hold_is_not_told() {
    for lines in [
        &["orders.count > 5", "orders.count < 7"][..],
        &["customer.score > 5", "customer.score < 6"],
        &["customer.plan != 'pro'", "customer.country != 'HR'"],
        &["orders.count == 0 || days_since(orders.last_at) > 60"],
        &["orders.count == 0", "days_since(default(orders.last_at, now)) < 60"],
        &["orders.count == 0", "has(customer.plan) ? true : days_since(orders.last_at) > 60"],
        &["since(orders.last_at) > orders.gap_median * 2", "since(orders.last_at) < orders.gap_median * 3"],
        &["count('Ticket Solved', days(30)) > 3", "count('Ticket Solved', days(10)) == 0"],
        &["customer.country.contains('H')", "customer.country == 'SI'"],
    ] {
        assert_eq!(of_lines(lines), [], "{lines:?}");
    }
}

#[test]
fn very_many_alternatives_take_no_time() {
    let alternatives = |at: usize| {
        let ways: Vec<String> = (0..40).map(|way| format!("customer.score == {}", at * 100 + way)).collect();
        format!("({})", ways.join(" || "))
    };
    let lines: Vec<String> = (0..20).map(alternatives).collect();
    let whole = Predicate::all(lines.iter().map(|line| compiled(line)).collect());
    let begun = std::time::Instant::now();
    assert!(foregone(&whole).len() <= 10);
    // Without a bound it would not end in a year; with one, the busiest machine is done long before this.
    assert!(begun.elapsed() < std::time::Duration::from_mins(2), "{:?}", begun.elapsed());
}

#[test]
fn what_one_condition_excludes_of_another_is_told_with_its_place() {
    let (when, stays) = (compiled("orders.count == 0 && customer.score > 1"), compiled("orders.count > 0"));
    let found = excluded(&when, &stays).unwrap();
    let parts: Vec<_> = found.parts.iter().map(|part| (part.line, part.span.clone())).collect();
    assert_eq!(parts, [(0, 0..17), (1, 0..16)]);
    assert_eq!(excluded(&when, &compiled("orders.count < 1")), None);
    assert_eq!(excluded(&compiled("orders.count < 0"), &stays), None);
}

#[test]
fn what_now_may_give_a_value_presupposes_none() {
    for joined in [
        "(now.getHours() >= 9 || customer.tester) == true",
        "(now.getHours() >= 9 || customer.tester) in [true]",
        "(now.getHours() >= 9 || customer.tester) != false",
        "(now.getHours() >= 9 ? 5 : customer.score) > 3",
    ] {
        for missing in ["!has(customer.tester)", "!has(customer.score)"] {
            assert_eq!(of_lines(&[joined, missing]), [], "{joined} and {missing}");
        }
    }
    assert_eq!(of_lines(&["days_since(orders.last_at) > 30", "orders.count == 0"]).len(), 1);
}
