use super::{TemplateFile, World, file};
use crate::domain::Diagnostic;

/// The problems of a file with that body.
fn body(text: &str) -> Vec<String> {
    World::new().problems(&format!("---\nsubject: Hi\n---\n{text}"))
}

fn one(found: Vec<String>) -> String {
    assert_eq!(found.len(), 1, "{found:#?}");
    found.into_iter().next().unwrap()
}

#[test]
fn a_name_that_nobody_declared_is_told_at_its_place_with_the_nearest() {
    let found = body("Hi\n\nč {{ customer.frist_name or 'x' }} and {% if order.count > 1 %}x{% endif %}\n");
    assert_eq!(
        found,
        [
            "templates/hello/en.md:6:6: error[unknown-name]: schema.yaml declares no attribute `frist_name`; \
             help: did you mean `customer.first_name`?",
            "templates/hello/en.md:6:46: error[unknown-name]: unknown name `order.count`; help: did you mean `orders.count`?",
        ]
    );
}

#[test]
fn names_of_every_group_are_checked() {
    for (name, expected) in [
        ("first_name", "unknown name `first_name`; help: did you mean `customer.first_name`?"),
        (
            "words.shpo",
            "there is no word `shpo` in the settings, under `business.words`; help: did you mean `words.shop`?",
        ),
        ("orders.sum", "unknown name `orders.sum`; help: write `orders.` and one of: count, revenue"),
        ("business.phone", "unknown name `business.phone`; help: write `business.` and one of: name, address, locale"),
        ("customer", "`customer` is a group of names and cannot be used by itself"),
        ("customer['first_name']", "`customer` is a group of names"),
        ("customer.consent.offer", "there is no class or topic `offer`"),
        ("customer.first_name.upper()", "`customer.first_name` has no members"),
        ("nonsense_entirely", "unknown name `nonsense_entirely`; help: names begin with `customer.`"),
        ("customer.nickname | uper", "templates have no filter `uper`; help: did you mean `upper`?"),
        ("customer.nickname | safe", "templates have no filter `safe`"),
        ("customer.nickname is nice", "templates have no test `nice`"),
        ("customer.nickname is not strong", "templates have no test `strong`; help: did you mean `string`?"),
        ("debug()", "unknown name `debug`"),
    ] {
        let found = one(body(&format!("{{{{ {name} }}}}")));
        assert!(found.contains(expected), "{found}");
    }
    // What a template sets itself may be named, and so may a loop's own names.
    assert_eq!(
        body("{% set x = 1 %}{{ x }}{% for t in customer.tags or [] %}{{ loop.index }}{{ t }}{% endfor %}"),
        [""; 0]
    );
}

#[test]
fn what_is_wrong_with_the_head_hides_nothing_else() {
    let told = |head: &str, body: &str| -> Vec<String> {
        let found = World::new().problems(&format!("---\n{head}---\n{body}"));
        found.iter().map(|line| line.split(": ").take(2).collect::<Vec<_>>().join(" ")).collect()
    };
    let here = |places: &[&str]| -> Vec<String> {
        places.iter().map(|place| format!("templates/hello/en.md:{place}")).collect()
    };
    assert_eq!(
        told("subject: Hi {{ custmer.id }}\nlayout: mine\nextra: 1\nextra: 2\n", "{{ nobody }}\n"),
        here(&[
            "2:16 error[unknown-name]",
            "3:9 error[not-supported]",
            "4:1 error[unknown-key]",
            "5:1 error[duplicate-key]",
            "7:4 error[unknown-name]",
        ])
    );
    assert_eq!(
        told("preheader: '{{ nobody }}'\n", "{{ nobody }}\n"),
        here(&["2:1 error[missing-key]", "2:16 error[unknown-name]", "4:4 error[unknown-name]"])
    );
    assert_eq!(
        told("a: b: c\n", "{{ nobody }}\n"),
        here(&["2:1 error[unknown-key]", "2:5 error[yaml-syntax]", "4:4 error[unknown-name]"])
    );
    assert_eq!(told("", "{{ nobody }}\n"), here(&["1:1 error[missing-key]", "3:4 error[unknown-name]"]));
}

#[test]
fn names_in_the_head_are_told_at_their_place_too() {
    let found = World::new().problems(
        "---\nsubject: \"Hi \\\"{{ customer.naem }}\\\"\"\npreheader: >-\n  folded\n  {{ word.x }}\n---\nx\n",
    );
    assert!(found[0].starts_with("templates/hello/en.md:2:19: error[unknown-name]"), "{found:?}");
    assert!(found[1].starts_with("templates/hello/en.md:5:6: error[unknown-name]"), "{found:?}");
    assert_eq!(found.len(), 2);
}

#[test]
fn faults_of_syntax_have_their_place() {
    for (text, place, expected) in [
        ("a\n{{ customer.first_name", "5:", "template-syntax"),
        ("a {% if orders.count %} b", "4:", "template-syntax"),
        ("a {{ 1 + }} b", "4:", "template-syntax"),
        ("{% include 'x' %}", "4:4", "templates have no statement `include`"),
        ("{% autoescape false %}{% endautoescape %}", "4:4", "templates have no statement `autoescape`"),
        ("{% macro m() %}{% endmacro %}", "4:4", "templates have no statement `macro`"),
    ] {
        let found = body(text);
        assert!(found[0].starts_with(&format!("templates/hello/en.md:{place}")), "{found:?}");
        assert!(found[0].contains(expected), "{found:?}");
    }
}

#[test]
fn what_fails_for_some_customer_is_an_error_and_what_prints_nothing_a_warning() {
    let found = one(body("Hi {{ customer.score + 1 }}"));
    assert!(
        found
            .starts_with("templates/hello/en.md:4:7: error[template-fails]: this fails for a customer of whom nothing"),
        "{found}"
    );
    let found = one(body("Hi {{ customer.first_name }}"));
    assert!(found.starts_with("templates/hello/en.md:4:7: warning[prints-nothing]"), "{found}");
    assert_eq!(body("{% if customer.first_name %}Hi {{ customer.first_name }}{% endif %}"), [""; 0]);
    let found = World::new().problems("---\nsubject: \"{{ customer.nickname if orders.count else '' }}\"\n---\nx\n");
    assert!(
        one(found).contains("en.md:2:10: error[empty-subject]: the subject is empty for a customer of whom nothing")
    );
    let found = one(body("{% for i in range(9999) %}{% for j in range(9999) %}x{% endfor %}{% endfor %}"));
    assert!(found.contains("it takes too much work"), "{found}");
}

#[test]
fn links_that_lead_nowhere_are_told() {
    let found = one(body("a\n\n[x](/shop)\n"));
    assert!(found.starts_with("templates/hello/en.md:6:1: error[bad-link]: `/shop` is no address"), "{found}");
    let found = body("[x]({{ customer.cart_url or '' }})");
    assert!(one(found).contains("error[bad-link]: a link leads nowhere for a customer of whom nothing is known"));
    assert!(
        one(body("[x](https://a.example){.buton}")).contains("4:23: error[unknown-class]: a link has no class `buton`")
    );
}

#[test]
fn html_is_refused() {
    let found = body("{{ orders.count }} <b>x</b>\n\n<div>\nx\n</div>\n");
    assert!(found[0].starts_with("templates/hello/en.md:4:20: error[raw-html]"), "{found:?}");
    assert!(found.iter().any(|problem| problem.contains("en.md:6:1: error[raw-html]")), "{found:?}");
}

#[test]
fn faults_of_the_head_are_told() {
    for (text, expected) in [
        ("Hello", "1:1: error[no-head]"),
        ("---\nsubject: x\n", "1:1: error[no-head]"),
        ("---\n---\nx", "1:1: error[missing-key]: the key `subject` is missing"),
        ("---\npreheader: x\n---\nx", "2:1: error[missing-key]: the key `subject` is missing"),
        (
            "---\nsubject: x\nprehaeder: y\n---\nx",
            "3:1: error[unknown-key]: unknown key `prehaeder`; help: did you mean `preheader`?",
        ),
        ("---\nsubject: 50\n---\nx", "2:10: error[wrong-type]"),
        ("---\nsubject: x\nsubject: y\n---\nx", "3:1: error["),
        ("---\nsubject: x\nlayout: fancy\n---\nx", "3:9: error[not-supported]"),
        ("---\nsubject: x\n---\n\n", "error[empty-body]: the message has no text"),
        ("---\nsubject: x\n---\na\u{1}b", "4:2: error[control-character]"),
        ("---\nsubject: x\n---\na\u{f0001}b", "4:2: error[control-character]"),
    ] {
        let found = World::new().problems(text);
        assert!(found[0].contains(expected), "{text:?}: {found:?}");
    }
    assert_eq!(World::new().problems("\u{feff}---\r\nsubject: x\r\nlayout: default\r\n---\r\nx\r\n"), [""; 0]);
}

#[test]
fn files_that_cannot_be_read_are_told_and_their_names_stay_known() {
    let world = World::new();
    let with = |content: Result<Vec<u8>, String>| TemplateFile { content, ..file("en", "") };
    for (content, expected) in [
        (Err("permission denied".to_owned()), "error[unreadable]: cannot be read: permission denied"),
        (Ok(vec![b'x'; 10 << 20]), "error[too-large]"),
        (Ok(b"---\nsubject: \xff".to_vec()), "2:10: error[not-utf8]"),
    ] {
        let (templates, found) = world.compile(&[with(content)]);
        assert!(found[0].to_string().contains(expected), "{found:?}");
        assert!(templates.names().contains("hello"));
    }
}

#[test]
fn a_file_is_named_after_a_language_and_no_language_is_there_twice() {
    let world = World::new();
    let text = "---\nsubject: x\n---\nx\n";
    let (_, found) = world.compile(&[file("english", text), file("en", text), file("EN", text)]);
    let codes: Vec<&str> = found.iter().map(|problem: &Diagnostic| problem.code).collect();
    assert_eq!(codes, ["bad-locale", "duplicate-locale"]);
}

#[test]
fn the_problems_of_one_file_hide_neither_one_another_nor_those_of_the_next() {
    let world = World::new();
    let bad = "---\nsubject: \"{{ x }}\"\n---\n{{ y }} <b>\n";
    let (_, found) = world.compile(&[file("en", bad), file("hr", bad)]);
    assert_eq!(found.len(), 6, "{found:#?}");
}
