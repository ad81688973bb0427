use super::super::Truth::{False, True, Unknown};
use super::super::{Explanation, Node};
use super::super::{Facts, Predicate};
use super::{NOW, compiled, nobody, somebody, t};
use crate::domain::Customer;
use jiff::tz::TimeZone;

fn explained(predicate: &Predicate, customer: &Customer) -> Explanation {
    let zone = crate::calendar::zone("Europe/Zagreb").unwrap();
    predicate.explain(&Facts { customer, now: t(NOW), zone: &zone, entry: None })
}

fn detail(source: &str, customer: &Customer) -> String {
    explained(&compiled(source), customer).detail
}

#[test]
fn each_part_stands_as_written_with_its_value_and_why() {
    let predicate = compiled("orders.count >= 2 &&\n  days_since(orders.last_at) > 60");
    let explanation = explained(&predicate, &somebody());
    assert_eq!((explanation.value, explanation.detail.as_str()), (False, "1 of 2 holds"));
    let children: Vec<_> =
        explanation.children.iter().map(|child| (child.text.as_str(), child.value, child.detail.as_str())).collect();
    assert_eq!(
        children,
        [("orders.count >= 2", True, "3"), ("days_since(orders.last_at) > 60", False, "55: last order 2 Feb"),]
    );
}

#[test]
fn values_are_shown_in_plain_words() {
    let somebody = somebody();
    for (source, expected) in [
        ("customer.plan == 'free'", "\"pro\""),
        ("customer.score > 3", "29.33"),
        ("customer.score > orders.count", "29.33 against 3"),
        ("since(orders.last_at) > days(90)", "54 days 23 hours: last order 2 Feb"),
        ("customer.plan in ['free']", "\"pro\""),
        ("customer.email.endsWith('.org')", "\"ana@example.com\""),
        ("'new' in customer.tags", "[\"vip\", 7]"),
        ("customer.consent.offers", "given on 5 Jan"),
        ("customer.consent.marketing", "never given"),
        ("customer.wholesale", "false (default, never set)"),
        ("has(customer.plan)", "customer.plan \"pro\""),
        ("days_until(customer.membership_ends_on) < 3", "3: customer.membership_ends_on 1 Apr 2026"),
        ("sum('Ticket Solved', 'minutes', days(10)) > 40", "30"),
        ("orders.count * 2 > 7", "6: 3 orders"),
        ("orders.last_at < timestamp('2026-01-01T00:00:00Z')", "2 Feb 2026 10:00"),
        ("now.getHours() >= 12", "10"),
    ] {
        assert_eq!(detail(source, &somebody), expected, "{source}");
    }
}

#[test]
fn an_explanation_says_what_its_value_is_of_its_parts() {
    for (source, expected) in [
        ("!customer.wholesale && orders.count >= 2", Node::All),
        ("!customer.wholesale || orders.count >= 2", Node::Any),
        ("!(customer.wholesale) && orders.count >= 2 && has(customer.plan)", Node::All),
        ("!(customer.wholesale || orders.count >= 2)", Node::None),
        ("!(customer.wholesale && orders.count >= 2)", Node::None),
        ("!customer.wholesale", Node::Leaf),
        ("orders.count >= 2", Node::Leaf),
    ] {
        let explanation = explained(&compiled(source), &somebody());
        assert_eq!((explanation.node, explanation.children.is_empty()), (expected, expected == Node::Leaf), "{source}");
    }
    let parts = || vec![compiled("customer.wholesale"), compiled("orders.count >= 2")];
    let joined = [(Predicate::all(parts()), Node::All), (Predicate::any(parts()), Node::Any)];
    for (predicate, expected) in joined.into_iter().chain([(Predicate::none(parts()), Node::None)]) {
        assert_eq!(explained(&predicate, &somebody()).node, expected);
    }
    assert_eq!(explained(&Predicate::everyone(), &somebody()).node, Node::Leaf);
}

#[test]
fn what_is_missing_is_said() {
    let nobody = nobody();
    for (source, expected) in [
        ("customer.plan == 'pro'", "customer.plan was never set"),
        ("days_since(orders.last_at) > 60", "no order yet"),
        ("orders.gap_median > days(3)", "fewer than two orders"),
        ("last_value('Ticket Solved', 'rating') == 'bad'", "no `Ticket Solved` with `rating` yet"),
        ("since(last_at('Ticket Solved')) > days(3)", "no `Ticket Solved` yet"),
        ("has(customer.plan)", "customer.plan was never set"),
        ("5 / orders.count > 1", "no value: a division by zero, or out of range"),
        ("default(customer.score, 7) > 1", "7 (default, never set)"),
    ] {
        assert_eq!(detail(source, &nobody), expected, "{source}");
    }
    assert_eq!(explained(&compiled("customer.plan == 'pro'"), &nobody).value, Unknown);
}

#[test]
fn what_is_missing_in_the_way_not_taken_is_not_said() {
    let (customer, zone) = (nobody(), TimeZone::UTC);
    let facts = Facts { customer: &customer, now: t(NOW), zone: &zone, entry: None };
    for (condition, expected) in [("orders.count > 0", "customer.country"), ("orders.count == 0", "customer.plan")] {
        let choice = compiled(&format!("{condition} ? customer.plan == 'pro' : customer.country == 'KE'"));
        assert_eq!((choice.evaluate(&facts), choice.missing(&facts)), (Unknown, vec![expected.to_owned()]));
    }
}

#[test]
fn lists_of_conditions_are_explained_line_by_line() {
    let predicate = Predicate::all(vec![
        compiled("orders.count > 1"),
        Predicate::any(vec![compiled("customer.tester"), compiled("(customer.score + 1) * 2 > 3")]),
        Predicate::none(vec![compiled("!(customer.plan == 'free' || customer.wholesale)")]),
    ]);
    let explanation = explained(&predicate, &somebody());
    assert_eq!((explanation.text.as_str(), explanation.detail.as_str()), ("all of", "2 of 3 hold"));
    let any = &explanation.children[1];
    assert_eq!((any.text.as_str(), any.value, any.detail.as_str()), ("any of", True, "1 of 2 holds, 1 unknown"));
    assert_eq!(any.children[1].text, "(customer.score + 1) * 2 > 3");
    let none = &explanation.children[2];
    assert_eq!((none.text.as_str(), none.value), ("none of", False));
    let inner = &none.children[0].children[0];
    assert_eq!((inner.text.as_str(), inner.children.len()), ("customer.plan == 'free' || customer.wholesale", 2));
    assert_eq!(explained(&Predicate::everyone(), &nobody()).text, "everyone");
}
