use super::super::compile;
use super::{Scope, is_error, problems, schema};

/// The only problem of a condition: code, the text it points at, message and help in one.
fn only(source: &str) -> (&'static str, String, String) {
    let found = problems(source);
    assert_eq!(found.len(), 1, "{source}: {found:?}");
    let problem = &found[0];
    let at = source.get(problem.span.clone()).unwrap_or_else(|| panic!("{source}: {problem:?}")).to_owned();
    (problem.code, at, format!("{} / {}", problem.message, problem.help.as_deref().unwrap_or("")))
}

fn expect(cases: &[(&str, &str, &str, &str)]) {
    for (source, code, at, words) in cases {
        let found = only(source);
        assert_eq!((found.0, found.1.as_str()), (*code, *at), "{source}: {}", found.2);
        assert!(found.2.contains(words), "{source}: {}", found.2);
    }
}

#[test]
fn unknown_names_are_errors_at_the_very_token_with_the_nearest_name() {
    expect(&[
        ("customer.plann == 'pro'", "unknown-attribute", "plann", "did you mean `customer.plan`?"),
        ("1 < 2 && customer.zzz == 'pro'", "unknown-attribute", "zzz", "`zzz: string`"),
        ("customer.zzz", "unknown-attribute", "zzz", "`zzz: boolean`"),
        ("custmer.plan == 'pro'", "unknown-name", "custmer", "did you mean `customer`?"),
        ("plan == 'pro'", "unknown-name", "plan", "write `customer.plan`"),
        ("customer.plan == pro", "unknown-name", "pro", "a text stands in quotes: \"pro\""),
        ("orders.cuont > 1", "unknown-name", "cuont", "did you mean `orders.count`?"),
        ("orders.total > 1", "unknown-name", "total", "there are: count, revenue"),
        ("count('Order Complete') > 1", "unknown-event", "'Order Complete'", "did you mean \"Order Completed\"?"),
        ("sum('Order Completed', 'revnue') > 1", "unknown-property", "'revnue'", "did you mean \"revenue\"?"),
        ("cont('Order Completed') > 1", "unknown-function", "cont", "did you mean `count`?"),
        ("customer.email.endswith('x')", "unknown-function", "endswith", "did you mean `endsWith`?"),
        ("endsWith(customer.email, 'x')", "unknown-function", "endsWith", "stands behind a value"),
        ("customer.consent.ofers", "unknown-consent", "ofers", "did you mean `customer.consent.offers`?"),
        ("customer.plan.name == 'x'", "not-supported", "name", "has no parts"),
        ("now.getHours('Mars/Base') > 1", "unknown-zone", "'Mars/Base'", "Europe/Zagreb"),
    ]);
}

#[test]
fn what_to_write_follows_from_what_stands_beside() {
    for (source, help) in [
        ("orders.last_at > 'Order Completed'", "`last_at(\"Order Completed\")` for its time"),
        ("since(orders.last_at) > 'Order Completed'", "`since(last_at(\"Order Completed\"))`"),
        ("orders.count > 'Order Completed'", "`count(\"Order Completed\")` for how often"),
        ("orders.revenue > 'orders.count'", "write `orders.count` without quotes"),
        ("orders.revenue > 'customer.score'", "write `customer.score` without quotes"),
        ("orders.revenue > 'score'", "write `customer.score` without quotes"),
        ("orders.revenue > 'customer.zzz'", "compare a number with a number"),
        ("orders.revenue > 'orders.zzz'", "compare a number with a number"),
        ("since(orders.last_at) > customer.score", "make a span of the number"),
        ("days_since(orders.last_at) > orders.gap_median", "with a span goes `since(...)`"),
        ("orders.last_at > days(30)", "compare it with `now - days(30)`"),
        ("customer.birthday == 'soon'", "count the days"),
        ("'pro' == 5", "write the name of what is 5"),
        ("customer.plan == true", "write it in quotes: `\"true\"`"),
        ("customer.tester == 'yes'", "write `true`, without quotes"),
        ("customer.tester == 'off'", "write `false`, without quotes"),
        ("customer.tester == 1", "write `true`, without quotes"),
        ("customer.tester == 0", "write `false`, without quotes"),
        ("customer.tester == 'maybe'", "write `true` or `false`, without quotes"),
        ("customer.tester == customer.plan", "see what schema.yaml declares"),
        ("customer.tags > 3", "compare `size(...)`, or use `in`"),
        ("['pro'] == customer.plan", "write `in` for `==`"),
        ("days_since('2026-01-01T10:00:00Z') > 3", "write `timestamp(\"2026-01-01T10:00:00Z\")`"),
        ("days_since('2026-01-01') > 3", "write `date(\"2026-01-01\")`"),
        ("customer.plan.contains(5)", "write it like"),
    ] {
        let found = only(source);
        assert!(found.2.contains(help), "{source}: {}", found.2);
    }
}

#[test]
fn a_window_as_long_as_events_are_kept_is_no_problem() {
    assert_eq!(problems("count('Ticket Solved', days(3660)) > 1"), []);
}

#[test]
fn wrong_types_are_errors_with_what_to_write() {
    expect(&[
        ("customer.score > 'a'", "type-mismatch", ">", "a number cannot be compared with a text"),
        ("customer.score > '5'", "type-mismatch", ">", "write `5` without quotes"),
        ("customer.country == 385", "type-mismatch", "==", "write it in quotes"),
        ("since(orders.last_at) > 60", "type-mismatch", ">", "write `days(60)`"),
        ("days_since(orders.last_at) > days(60)", "type-mismatch", ">", "write `60`"),
        ("orders.last_at > 60", "type-mismatch", ">", "days_since(...)"),
        ("customer.birthday == '1990-01-01'", "type-mismatch", "==", "write `date(\"1990-01-01\")`"),
        ("orders.last_at > '2026-01-01'", "type-mismatch", ">", "write `timestamp(\"2026-01-01\")`"),
        ("customer.birthday < now", "type-mismatch", "<", "write `date(...)` round the time"),
        ("customer.tester > true", "type-mismatch", ">", "no order"),
        ("orders.count", "type-mismatch", "orders.count", "compare it"),
        ("customer.plan", "type-mismatch", "customer.plan", "has(customer.plan)"),
        ("'Order Completed'", "type-mismatch", "'Order Completed'", "write `count(\"Order Completed\") > 0`"),
        ("'customer.plan'", "type-mismatch", "'customer.plan'", "write `customer.plan` without quotes"),
        ("count('Ticket Solved', days(3661)) > 1", "long-window", "days(3661)", "further back than any event"),
        ("customer.plan.contains()", "wrong-arguments", "contains", "`contains` takes one text"),
        ("customer.tags.size(1) > 1", "wrong-arguments", "size", "`size` takes nothing"),
        ("'pro'", "type-mismatch", "'pro'", "compare something with it"),
        ("orders.last_at", "type-mismatch", "orders.last_at", "ask how long ago"),
        ("customer.birthday", "type-mismatch", "customer.birthday", "ask how long ago"),
        ("since(orders.last_at)", "type-mismatch", "since(orders.last_at)", "compare it with a span"),
        ("customer.tags", "type-mismatch", "customer.tags", "ask for an item"),
        ("customer.score + 'a' > 1", "type-mismatch", "+", "`+` does not go between a number and a text"),
        ("customer.birthday + days(3) > now", "type-mismatch", "+", "days_since"),
        ("customer.plan in ['pro', 5]", "type-mismatch", "5", "values of one type"),
        ("customer.plan in ['pro', 'free', 5]", "type-mismatch", "5", "write it in quotes: `\"5\"`"),
        ("customer.score in [1, 2, '5']", "type-mismatch", "'5'", "write `5` without quotes"),
        ("customer.score in ['a', 'b']", "type-mismatch", "'a'", "the list holds a text"),
        ("customer.plan in 'pro'", "type-mismatch", "'pro'", "`in` needs a list"),
        ("customer.tags == 'vip'", "type-mismatch", "==", "write `\"vip\" in ...`"),
        ("customer.tags.contains('vip')", "type-mismatch", "contains", "write `\"item\" in list`"),
        ("sum('Order Completed', 'currency') > 1", "type-mismatch", "'currency'", "declared as string"),
        ("count('Ticket Solved', 30) > 1", "type-mismatch", "30", "write `days(30)`"),
        ("days_since('Order Completed') > 1", "type-mismatch", "'Order Completed'", "last_at(\"Order Completed\")"),
        ("default(customer.score, 'x') == 1", "type-mismatch", "'x'", "of the same type"),
        ("(customer.tester ? 1 : 'a') == 1", "type-mismatch", "'a'", "of one type"),
        ("customer.birthday.getHours() > 1", "type-mismatch", "customer.birthday", "no time of day"),
        ("-customer.plan == 1", "type-mismatch", "-", "`-` needs a number"),
        (
            "(customer.score + 1) && true",
            "type-mismatch",
            "customer.score + 1",
            "where something true or false is needed",
        ),
    ]);
}

#[test]
fn wrong_arguments_are_errors_with_an_example() {
    expect(&[
        ("count() > 1", "wrong-arguments", "count()", "write `count(\"Order Completed\", days(30))`"),
        ("count(customer.plan) > 1", "wrong-arguments", "customer.plan", "a text in quotes"),
        (
            "count('Ticket Solved', days(customer.limit)) > 1",
            "wrong-arguments",
            "days(customer.limit)",
            "same for every customer",
        ),
        ("count('Ticket Solved', days(0)) > 1", "wrong-arguments", "days(0)", "longer than nothing"),
        ("since(orders.last_at) > duration('3 days')", "wrong-arguments", "'3 days'", "duration(\"72h\")"),
        ("customer.birthday > date('2026-02-30')", "wrong-arguments", "'2026-02-30'", "date(\"2026-01-01\")"),
        ("customer.plan == 'gold'", "not-one-of", "'gold'", "schema.yaml lists \"free\", \"pro\", \"closed\""),
        ("customer.plan == 'Pro'", "not-one-of", "'Pro'", "did you mean \"pro\"?"),
        ("customer.plan in ['pro', 'fre']", "not-one-of", "'fre'", "did you mean \"free\"?"),
        ("default(customer.plan, 'none') == 'nine'", "not-one-of", "'nine'", "did you mean \"none\"?"),
        ("orders.count / 0 > 1", "division-by-zero", "/", "has no value"),
    ]);
}

#[test]
fn traps_are_answered_with_what_to_write() {
    expect(&[
        ("10 < orders.count < 20", "syntax", "<", "write `10 < orders.count && orders.count < 20`"),
        (
            "customer.tester && (1 <= orders.count <= 2)",
            "syntax",
            "<=",
            "write `1 <= orders.count && orders.count <= 2`",
        ),
        ("customer.e-mail == 'x'", "hyphen", "e-mail", "write `customer.email`"),
        ("customer.e-mail.contains('x')", "hyphen", "e-mail", "write `customer.email`"),
        ("customer.first-name == 'x'", "hyphen", "first-name", "write `customer.first_name`"),
        ("customer.tester and true", "syntax", "and", "write `&&`"),
        ("customer.tester OR true", "syntax", "OR", "write `||`"),
        ("not customer.tester", "syntax", "not", "write `!` in front"),
        ("not(customer.tester)", "syntax", "not", "write `!` in front"),
        ("customer.plan = 'pro'", "syntax", "=", "write `==`"),
        ("customer.plan <> 'pro'", "syntax", "<>", "write `!=`"),
        ("customer.plan === 'pro'", "syntax", "===", "write `==`"),
        ("customer.plan is 'pro'", "syntax", "is", "write `==`"),
        ("customer.plan == null", "syntax", "null", "!has(customer.plan)"),
        ("customer.tester == True", "syntax", "True", "write `true`"),
        ("customer.tester & true", "syntax", "&", "write `&&`"),
        ("orders.revenue > 10,000", "syntax", "10,000", "write `10000`"),
        ("orders.revenue in [10,000]", "syntax", "10,000", "write `10000`"),
        ("orders.count >= 2 // good", "comment", "// good", "behind `#`"),
        ("has(count('Ticket Solved'))", "not-a-path", "count('Ticket Solved')", "has(customer.plan)"),
        ("has(customer)", "not-a-path", "customer", "has(customer.plan)"),
        ("has(customer.plan == 'x')", "not-a-path", "customer.plan == 'x'", "has(customer.plan)"),
        ("since(orders.last_at) > 30d", "syntax", "30d", "write `days(30)`"),
        ("orders.count ≥ 2", "syntax", "≥", "write `>=`"),
        ("customer.čaj == 'x'", "syntax", "čaj", "a-z, 0-9 and _"),
        ("orders.count > 99999999999999999999", "syntax", "99999999999999999999", "out of range"),
        ("orders.count > 1e400", "syntax", "1e400", "out of range"),
        ("orders.count 5", "syntax", "5", "something is missing between `count` and `5`"),
        ("(orders.count > 5", "syntax", "(", "add `)`"),
        ("orders.count > 5)", "syntax", ")", "closes nothing"),
        ("(orders.count > 5]", "syntax", "]", "write `)`"),
        ("orders.count >", "syntax", ">", "ends too early"),
        ("orders.count > && true", "syntax", "&&", "between `>` and `&&`"),
        ("customer.plan == 'pro", "syntax", "'pro", "no closing quote"),
        ("customer.tags[0] == 'x'", "syntax", "[", "in list"),
        ("customer.tags.exists(x, x == 'a')", "not-supported", "exists", "in list"),
        ("", "syntax", "", "the condition is empty"),
    ]);
}

#[test]
fn each_problem_says_what_to_write_and_that_is_taken() {
    for (source, help, mended) in [
        ("days_since(orders.last_at) > 45d", "write `45`", "days_since(orders.last_at) > 45"),
        ("2w < days_until(customer.birthday)", "write `14`", "14 < days_until(customer.birthday)"),
        ("days_since(orders.last_at) > days(45)", "write `45`", "days_since(orders.last_at) > 45"),
        ("'Ticket Solved' > 3", "count(\"Ticket Solved\")", "count('Ticket Solved') > 3"),
        ("orders.count is not 1", "`!=`", "orders.count != 1"),
        ("orders.count is at least 2", "`>=`", "orders.count >= 2"),
        ("!customer.country == 'KE'", "`!=` for `==`", "customer.country != 'KE'"),
        ("customer.wholesale == 'yes'", "write `true`", "customer.wholesale == true"),
        ("'customer.score' > 3", "`customer.score` without quotes", "customer.score > 3"),
        ("average > 3", "orders.average", "orders.average > 3"),
        ("days_since(last_order) > 3", "orders.last_at", "days_since(orders.last_at) > 3"),
        ("days_since('last_order') > 3", "orders.last_at", "days_since(orders.last_at) > 3"),
        ("default(customer.score, '0') > 3", "write `0`", "default(customer.score, 0) > 3"),
        ("orders.last_at > '2026-01-01'", "timestamp(\"2026-01-01\")", "orders.last_at > timestamp('2026-01-01')"),
    ] {
        let found = problems(source);
        let [problem] = found.as_slice() else { panic!("{source}: {found:?}") };
        assert!(problem.help.as_deref().is_some_and(|told| told.contains(help)), "{source}: {problem:?}");
        let after = problems(mended);
        assert!(!after.iter().any(is_error), "{mended}: {after:?}");
    }
}

#[test]
fn a_text_in_curly_quotes_is_one_problem() {
    expect(&[
        ("customer.country == “pro”", "syntax", "“pro”", "write straight quotes: \"pro\""),
        ("customer.country == ‘pro'", "syntax", "‘pro'", "write straight quotes: \"pro\""),
        ("customer.country == “pro", "syntax", "“", "write straight quotes"),
    ]);
}

#[test]
fn where_a_slip_has_one_plain_meaning_the_rest_is_checked_too() {
    let told = |source: &str| -> Vec<(String, &'static str)> {
        problems(source).into_iter().map(|problem| (source[problem.span].to_owned(), problem.code)).collect()
    };
    let slip = |text: &str| (text.to_owned(), "syntax");
    for (source, others) in [
        (
            "orders.count = 1 and customer.scor <> 10,000",
            vec![slip("="), slip("and"), ("scor".into(), "unknown-attribute"), slip("<>"), slip("10,000")],
        ),
        (
            "customer.plan == “fre” & orders.count > 'a'",
            vec![slip("“fre”"), ("“fre”".into(), "not-one-of"), slip("&"), (">".into(), "type-mismatch")],
        ),
        ("since(orders.last_at) ≥ 30d && customer.x", vec![slip("≥"), slip("30d"), ("x".into(), "unknown-attribute")]),
        ("not (customer.x) or TRUE", vec![slip("not"), ("x".into(), "unknown-attribute"), slip("or"), slip("TRUE")]),
        // What these mean is open, so nothing is said of the rest.
        ("customer.plan is not null && customer.x", vec![slip("is not null")]),
        ("customer.x not in ['a'] and 1", vec![slip("not"), slip("and")]),
        // The mended text has another fault, which would only be guessed at.
        ("customer.x = ", vec![slip("=")]),
    ] {
        assert_eq!(told(source), others, "{source}");
    }
}

#[test]
fn time_goes_in_linearly_or_not_at_all() {
    for source in [
        "since(orders.last_at) / since(orders.first_at) > 1",
        "(since(orders.last_at) / days(1)) * (since(orders.first_at) / days(1)) > 1",
        "since(orders.last_at) * days_since(orders.first_at) > days(3)",
        "(since(orders.last_at) / days(1)) % 7 == 0",
        "1 / (since(orders.last_at) / days(1)) > 2",
    ] {
        assert_eq!(only(source).0, "not-linear", "{source}");
    }
    for source in [
        "days_since(orders.last_at) % 7 == 0",
        "orders.count / days_since(orders.first_at) > 0.1",
        "since(orders.last_at) * 2 > orders.gap_median",
        "since(orders.last_at) / orders.count > days(1)",
        "days(customer.limit) < since(orders.last_at)",
    ] {
        assert!(problems(source).is_empty(), "{source}: {:?}", problems(source));
    }
}

#[test]
fn all_problems_are_reported_not_the_first() {
    let found = problems("customer.plann == 'x' && cont('Y') > 1 && orders.count > 'a'");
    assert_eq!(
        found.iter().map(|problem| problem.code).collect::<Vec<_>>(),
        ["unknown-attribute", "unknown-function", "type-mismatch"]
    );
    let found = problems("customer.plan = 'free' and orders.revenue > 10,000");
    assert_eq!(found.len(), 3, "{found:?}");
}

#[test]
fn what_is_likely_not_meant_is_a_warning() {
    expect(&[
        ("!customer.tester", "unknown-no-match", "customer.tester", "never set"),
        ("customer.plan != 'closed'", "unknown-no-match", "customer.plan", "default(customer.plan, ...)"),
        ("!(customer.plan in ['closed'])", "unknown-no-match", "customer.plan", "unknown is never a match"),
        ("1 < 2", "always-true", "1 < 2", "the condition is always true"),
        ("orders.count > 1 && 2 < 1", "never-true", "orders.count > 1 && 2 < 1", "the condition is never true"),
        ("orders.count > 1 || 2 < 1", "never-true", "2 < 1", "this part is never true"),
        ("orders.count >= 0", "always-true", "orders.count >= 0", "always true"),
        ("0 > count('Ticket Solved')", "never-true", "0 > count('Ticket Solved')", "never true"),
        ("orders.count == 1.5", "never-true", "orders.count == 1.5", "never true"),
        ("has(customer.wholesale)", "always-true", "has(customer.wholesale)", "always true"),
        ("customer.phone == ''", "never-true", "''", "!has(customer.phone)"),
    ]);
    for source in [
        "!customer.wholesale",
        "customer.id != 'x'",
        "customer.limit != 3",
        "has(customer.plan) && customer.plan != 'closed'",
        "!has(customer.plan)",
        "default(customer.plan, 'free') != 'closed'",
        "!customer.consent.offers",
        "orders.count != 1",
    ] {
        assert!(problems(source).is_empty(), "{source}: {:?}", problems(source));
    }
}

#[test]
fn numbers_that_something_never_is_are_told_with_what_to_write() {
    expect(&[
        ("now.getMonth() == 12", "never-true", "now.getMonth() == 12", "from 0 (January) to 11 (December)"),
        ("12 == now.getMonth()", "never-true", "12 == now.getMonth()", "December is `11`"),
        ("now.getMonth() >= 12", "never-true", "now.getMonth() >= 12", "December is `11`"),
        ("now.getMonth() < 12", "always-true", "now.getMonth() < 12", "always true"),
        ("now.getMonth() in [10, 11, 12]", "never-true", "12", "December is `11`"),
        ("customer.birthday.getMonth() == -1", "never-true", "customer.birthday.getMonth() == -1", "from 0 to 11"),
        ("now.getDayOfWeek() == 7", "never-true", "now.getDayOfWeek() == 7", "Sunday is `0`"),
        ("now.getDate() == 0", "never-true", "now.getDate() == 0", "the first day is `1`"),
        ("now.getDate() > 31", "never-true", "now.getDate() > 31", "from 1 to 31"),
        ("now.getDayOfMonth() == 31", "never-true", "now.getDayOfMonth() == 31", "write `getDate()`"),
        ("now.getDayOfYear() > 365", "never-true", "now.getDayOfYear() > 365", "from 0 to 365"),
        ("now.getHours() == 24", "never-true", "now.getHours() == 24", "midnight is `0`"),
        ("now.getHours() == 8.5", "never-true", "now.getHours() == 8.5", "`8` or `9`"),
        ("now.getMinutes() == 60", "never-true", "now.getMinutes() == 60", "the full hour is `0`"),
        ("now.getSeconds() == 60", "never-true", "now.getSeconds() == 60", "the full minute is `0`"),
        ("now.getMilliseconds() > 999", "never-true", "now.getMilliseconds() > 999", "from 0 to 999"),
        ("now.getFullYear() == 2026.5", "never-true", "now.getFullYear() == 2026.5", "a whole number"),
        (
            "days_since(orders.last_at) == 60.5",
            "never-true",
            "days_since(orders.last_at) == 60.5",
            "write a whole number, such as `60` or `61`",
        ),
        ("days_until(customer.birthday) == -0.5", "never-true", "days_until(customer.birthday) == -0.5", "`-1` or `0`"),
        ("days_until(orders.last_at) > 60", "never-true", "days_until(orders.last_at) > 60", "days_since(...)"),
        ("days_since(orders.last_at) < 0", "never-true", "days_since(orders.last_at) < 0", "write `== 0`"),
        ("orders.count < 0", "never-true", "orders.count < 0", "write `== 0` if that is meant"),
        ("orders.count <= -1", "never-true", "orders.count <= -1", "a number from 0"),
        ("now.getHours() > 23", "never-true", "now.getHours() > 23", "write `== 23` if that is meant"),
        ("now.getHours() < 24 && orders.count > 1", "always-true", "now.getHours() < 24", "leave it out"),
        ("size(customer.tags) == -1", "never-true", "size(customer.tags) == -1", "a number from 0"),
        // Who has no orders is not matched by the opposite, which so is not always true.
        ("!(days_since(orders.last_at) == 60.5)", "never-true", "days_since(orders.last_at) == 60.5", "this part"),
        ("!(now.getMonth() == 12)", "always-true", "!(now.getMonth() == 12)", "always true"),
    ]);
    for source in [
        "now.getMonth() == 11 || now.getMonth() == 0",
        "now.getDayOfWeek() in [0, 6]",
        "now.getDate() == 31 && now.getHours() >= 23",
        "days_since(orders.last_at) > 60.5",
        "days_since(orders.last_at) <= 0",
        "days_until(customer.birthday) < 0",
        "customer.birthday.getMonth() < 12",
        "days_since(customer.created_at) < 0",
        "orders.revenue < 0",
    ] {
        assert!(problems(source).is_empty(), "{source}: {:?}", problems(source));
    }
}

#[test]
fn what_is_too_long_or_too_deep_is_refused_and_never_overflows() {
    let long = format!("customer.plan == '{}'", "x".repeat(5000));
    assert_eq!(problems(&long)[0].code, "too-long");
    for deep in [
        format!("{}true{}", "(".repeat(1000), ")".repeat(1000)),
        format!("{}true", "!".repeat(3000)),
        format!("{}1 > 0", "-".repeat(3000)),
        format!("1{} > 0", " + 1".repeat(900)),
        format!("customer{}", ".a".repeat(1500)),
        format!("{}true", "true ? true : ".repeat(250)),
        format!("{}1{}", "size([".repeat(300), "])".repeat(300)),
    ] {
        let found = problems(&deep);
        assert_eq!(found[0].code, "too-deep", "{}: {found:?}", &deep[..20]);
    }
    assert!(problems(&format!("{}orders.count > 1{}", "(".repeat(60), ")".repeat(60))).is_empty());
    let nested = format!("{}customer.limit{} > 1", "default(".repeat(62), ", 1)".repeat(62));
    assert!(problems(&nested).iter().all(|problem| problem.code == "too-deep"), "{:?}", problems(&nested));
    let chain = vec!["orders.count > 1"; 200].join(" && ");
    assert!(problems(&chain).is_empty(), "a chain of && is not deep");
}

#[test]
fn no_text_makes_the_compiler_panic() {
    let schema = schema();
    let scope = Scope::of(&schema);
    let seeds = [
        "has(customer.plan)",
        "a ? b : c",
        "'\\x'",
        "r\"\\",
        "1..2",
        "a.b.c()",
        "[1,]",
        "(",
        "\u{0}",
        "b'x'",
        "3u",
        "0x1F > 2",
        "\"\\ud800\"",
        "customer.in == 1",
        "in in in",
        "x.has(y)",
        "has()",
        "has(a.b, c)",
        "if",
        "true.x",
        "'a'.b",
        "1.e5",
        "𝒳 > 1",
        "a\n.b",
    ];
    for seed in seeds {
        for cut in (0..=seed.len()).filter(|cut| seed.is_char_boundary(*cut)) {
            for text in [seed[..cut].to_owned(), format!("{} && {}", &seed[..cut], &seed[cut..]), seed[cut..].repeat(3)]
            {
                let (predicate, problems) = compile(&text, &scope);
                assert_eq!(predicate.is_none(), problems.iter().any(is_error), "{text:?}: {problems:?}");
                assert!(
                    problems.iter().all(|problem| text.get(problem.span.clone()).is_some()),
                    "{text:?}: {problems:?}"
                );
            }
        }
    }
}

#[test]
fn expressions_as_deep_as_is_allowed_compile() {
    let nested = (0..20).fold("customer.limit".to_owned(), |inner, _| format!("default({inner}, 1)"));
    let choices = format!("({}false)", "customer.tester ? true : ".repeat(20));
    let negated = format!("{}customer.tester{}", "!(".repeat(30), ")".repeat(30));
    for source in [format!("{nested} > 1"), choices, negated] {
        assert!(!problems(&source).iter().any(is_error), "{source}: {:?}", problems(&source));
    }
}
