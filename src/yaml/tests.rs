use super::{Document, Item, Kind, MAX_DEPTH, Node, Reader, Style, parse, parse_part};
use crate::domain::{Diagnostic, Number, Severity, Span};
use proptest::prelude::*;
use std::fmt::Write as _;
use std::path::Path;
use std::time::{Duration, Instant};

fn read(text: &str) -> Document {
    parse(Path::new("a.yaml"), text.as_bytes()).unwrap_or_else(|problems| panic!("{text:?}: {problems:?}"))
}

fn problems(bytes: &[u8]) -> Vec<String> {
    let problems = match parse(Path::new("a.yaml"), bytes) {
        Ok(document) => document.problems().to_vec(),
        Err(problems) => problems,
    };
    assert_ne!(problems, [], "it must be refused");
    problems.iter().map(Diagnostic::to_string).collect()
}

/// Documents, and everything that is said of each.
const REFUSED: &[(&str, &[&str])] = &[
    ("", &["a.yaml:1:1: error[empty-file]: the file says nothing; help: write at least one key, or remove the file"]),
    (
        "# only a comment\n",
        &["a.yaml:1:1: error[empty-file]: the file says nothing; help: write at least one key, or remove the file"],
    ),
    (
        "---\n",
        &["a.yaml:1:1: error[empty-file]: the file says nothing; help: write at least one key, or remove the file"],
    ),
    (
        "a: &x 1\nb: *x\n",
        &[
            "a.yaml:1:4: error[yaml-anchor]: a value cannot begin with `&`: YAML takes it for an anchor; help: write the value alone: 1",
            "a.yaml:2:4: error[yaml-alias]: a value cannot begin with `*`: YAML takes it for an alias; help: write the value out; a text that begins with * stands in quotes",
        ],
    ),
    (
        "when: !customer.wholesale\n",
        &[
            "a.yaml:1:7: error[yaml-tag]: a value cannot begin with `!`: YAML takes it for a tag; help: put the whole text in quotes: '!customer.wholesale'",
        ],
    ),
    (
        "when:\n  - !has(customer.x) && 1 > 0\n",
        &[
            "a.yaml:2:5: error[yaml-tag]: a value cannot begin with `!`: YAML takes it for a tag; help: put the whole text in quotes: '!has(customer.x) && 1 > 0'",
        ],
    ),
    (
        "a: 1\nb: {c: 1, c: 2}\na: 3\n",
        &[
            "a.yaml:2:11: error[duplicate-key]: the key `c` stands twice in this map, first on line 2; help: keep one of the two",
            "a.yaml:3:1: error[duplicate-key]: the key `a` stands twice in this map, first on line 1; help: keep one of the two",
        ],
    ),
    (
        "a:\n  <<: {b: 1}\n",
        &[
            "a.yaml:2:3: error[yaml-merge]: a merge key (`<<`) is not allowed; help: write out here the keys that it stands for",
        ],
    ),
    (
        "a: 1\n---\nb: 2\n",
        &[
            "a.yaml:2:1: error[yaml-documents]: a second document begins here; help: keep one document in a file: remove this line and what follows it",
        ],
    ),
    ("a:\n\tb: 1\n", &["a.yaml:2:1: error[yaml-tab]: a tab in the indentation; help: indent with spaces"]),
    ("a: \0\n", &["a.yaml:1:4: error[nul]: a NUL character; help: remove it; the file may not be a text file at all"]),
    (
        "step: {email: x, when: count(\"a\", 30d) > 1}\n",
        &[
            "a.yaml:1:18: error[yaml-cut]: inside { } a comma ends a value, so `when` is cut off there; help: put the whole value in quotes: when: 'count(\"a\", 30d) > 1'",
        ],
    ),
    (
        "id: {{ customer.id }}\n",
        &[
            "a.yaml:1:6: error[yaml-key]: a text that begins with `{` must stand in quotes; help: write \"{{ customer.id }}\"",
        ],
    ),
    ("? [a]\n: b\n", &["a.yaml:1:3: error[yaml-key]: a list cannot be a key; help: write a name before the colon"]),
    (
        "a: b: c\n",
        &[
            "a.yaml:1:5: error[yaml-syntax]: a colon and a blank begin a value in YAML, and this text has them inside; help: put the whole text in quotes: a: 'b: c'",
        ],
    ),
    (
        "when: \"x\" == y\n",
        &[
            "a.yaml:1:11: error[yaml-syntax]: the text goes on behind its closing quote; help: put the whole of it in quotes that do not stand inside it: when: '\"x\" == y'",
        ],
    ),
    (
        "m: {when: a in [1]}\n",
        &[
            "a.yaml:1:5: error[yaml-syntax]: inside [ ] and { } a text with a quote, a comma, a bracket or a colon in it cannot be read; help: put the whole text in quotes: when: 'a in [1]'",
        ],
    ),
    (
        "č: 1\nb: @x\n",
        &[
            "a.yaml:2:4: error[yaml-syntax]: a text cannot begin with `@` in YAML; help: put the whole text in quotes: b: '@x'",
        ],
    ),
    (
        "n: .inf\n",
        &[
            "a.yaml:1:4: error[bad-number]: the number .inf cannot be used; help: write a decimal number of at most 32 digits, or put it in quotes if it is a text",
        ],
    ),
    (
        "a: \u{1}\n",
        &[
            "a.yaml:1:4: error[control-character]: a control character (U+0001); help: remove it; the file may not be a text file at all",
        ],
    ),
];

#[test]
fn what_is_refused_says_where_and_what_to_do() {
    for (text, expected) in REFUSED {
        assert_eq!(problems(text.as_bytes()), *expected, "{text:?}");
    }
}

#[test]
fn bytes_that_are_not_utf8_are_named_by_their_place() {
    assert_eq!(
        problems(b"a: 1\nb: \xff\n"),
        [
            "a.yaml:2:4: error[not-utf8]: the file is not in UTF-8: this letter is stored in another way; help: save it as UTF-8; editors ask for the encoding under \"Save as\""
        ]
    );
}

#[test]
fn hostile_files_are_refused_at_once() {
    let began = Instant::now();
    assert!(problems(&vec![b'a'; 10 << 20])[0].contains("error[too-large]: the file has 10485760 bytes"));
    let mut bomb = String::from("a0: &a0 [x, x]\n");
    for level in 1..40 {
        let aliases = format!("*a{}, ", level - 1).repeat(9);
        writeln!(bomb, "a{level}: &a{level} [{aliases}]").unwrap();
    }
    assert_eq!(problems(bomb.as_bytes()).len(), 50);
    assert!(problems("[".repeat(20_000).as_bytes())[0].contains("error[yaml-depth]"));
    assert!(problems("- ".repeat(20_000).as_bytes())[0].contains("error[yaml-depth]"));
    let many: String = "a: 1\n".repeat(200_000);
    assert_eq!(problems(many.as_bytes()).len(), 50);
    assert!(began.elapsed() < Duration::from_secs(20), "took {:?}", began.elapsed());
}

#[test]
fn the_deepest_allowed_nesting_is_read() {
    let text = format!("{}{}", "[".repeat(MAX_DEPTH), "]".repeat(MAX_DEPTH));
    assert_eq!(read(&text).root.style(), Style::Flow);
}

#[test]
fn values_are_what_serde_yaml_says_they_are() {
    let document = read("on: no\n5: 0o14\ntrue: 012\nx: 29.33\nn: ~\nt: 12:30\nb: True\n");
    let Kind::Map(entries) = &document.root.kind else { panic!("a map") };
    let kinds: Vec<_> = entries.iter().map(|(key, node)| (key.name.as_str(), node.kind.clone())).collect();
    assert_eq!(
        kinds,
        [
            ("on", Kind::Text("no".into())),
            ("5", Kind::Number(Number::from(12))),
            ("true", Kind::Text("012".into())),
            ("x", Kind::Number("29.33".parse().unwrap())),
            ("n", Kind::Null),
            ("t", Kind::Text("12:30".into())),
            ("b", Kind::Bool(true)),
        ]
    );
}

#[test]
fn spans_are_bytes_of_what_is_written() {
    let document = read("\u{feff}č: 'ž ž'\nlist:\n  - a\n  - {b: 1}\n\nblock: |\n  one\n  two\n\nend: [x]\n");
    let slice = |node: &Node| &document.text[node.span.clone()];
    let get = |name: &str| document.root.get(name).unwrap();
    assert_eq!(slice(get("č")), "'ž ž'");
    assert_eq!(slice(get("list")), "- a\n  - {b: 1}");
    assert_eq!(slice(get("block")), "one\n  two");
    assert_eq!(slice(get("end")), "[x]");
    assert_eq!(slice(&document.root), &document.text[..document.text.len() - 1]);
}

/// The text that `place_within` finds for the first occurrence of `word` in the value of the key `k`.
fn found(yaml: &str, word: &str) -> (usize, usize, String) {
    let document = read(yaml);
    let node = document.root.get("k").unwrap();
    let start = node.as_text().unwrap().find(word).unwrap();
    let place = document.place_within(node, start..start + word.len());
    let (line, column) = place.line_column();
    (line, column, document.text[place.span].to_owned())
}

#[test]
fn bytes_of_a_value_are_found_again_in_the_file() {
    let table = [
        ("k: a b c\n", "b", (1, 6, "b")),
        ("k: a\n  b\n\n  c d\n", "d", (4, 5, "d")),
        ("k: 'it''s č x'\n", "x", (1, 13, "x")),
        ("k: 'it''s'\n", "'", (1, 7, "''")),
        ("k: 'a\n\n   b  \n   x'\n", "x", (4, 4, "x")),
        (r#"k: "\"q\" \u010d x""#, "x", (1, 18, "x")),
        (r#"k: "\"q\" \u010d x""#, "č", (1, 11, "\\u010d")),
        ("k: \"a \\\n   b\\n x\"\n", "x", (2, 8, "x")),
        ("k: |\n  one\n\n    two\n  x\n", "x", (5, 3, "x")),
        ("k: |2-\n    one\n  x\n", "x", (3, 3, "x")),
        ("k: >\n  one\n  two\n\n  three\n    more\n  x\n", "x", (7, 3, "x")),
        ("k: >- # why\n\n  one\n  x y\n\n", "y", (4, 5, "y")),
        ("k: >\r\n  one\r\n  x\r\n", "x", (3, 3, "x")),
        ("o: 1\nk: >\n  one &&\n  two\n", "&& two", (3, 7, "&&\n  two")),
    ];
    for (yaml, word, (line, column, text)) in table {
        assert_eq!(found(yaml, word), (line, column, text.to_owned()), "{yaml:?}");
    }
}

#[test]
fn the_place_of_bytes_beyond_a_value_is_the_whole_value() {
    let document = read("k: abc\n");
    let node = document.root.get("k").unwrap();
    assert_eq!(document.place_within(node, 2..9).span, 3..6);
    assert_eq!(document.place_within(node, 3..3).span, 6..6);
    assert_eq!(document.place_within(&document.root, 0..1).span, 0..6);
}

#[test]
fn a_part_of_a_text_has_its_places_in_the_whole() {
    let text = "---\nčč: 1\nb: &x\n---\nbody".into();
    let problems = parse_part(Path::new("en.md"), &text, 4..18).unwrap().problems().to_vec();
    assert!(problems[0].to_string().starts_with("en.md:3:4: error[yaml-anchor]"), "{}", problems[0]);
}

#[test]
fn a_reader_reports_everything_at_once() {
    let document =
        read("name: 5\nspann: 3d\nper: 180\nkind: marketting\nyes: \"true\"\nlist: x\nempty:\nsub: 1\nneg: -1\n");
    let reader = Reader::new(&document);
    let map = reader.root().map().unwrap();
    assert_eq!(map.required("name").and_then(Item::text), None);
    assert_eq!(map.required("span").and_then(Item::span), None);
    assert_eq!(map.required("per").and_then(Item::span), None);
    assert_eq!(map.optional("kind").and_then(|item| item.word(&[("marketing", 1), ("service", 2)])), None);
    assert_eq!(map.optional("yes").and_then(Item::bool), None);
    assert!(map.optional("list").and_then(Item::list).is_none());
    assert!(map.optional("empty").is_none());
    assert!(map.optional("sub").and_then(Item::map).is_none());
    assert_eq!(map.optional("neg").and_then(Item::whole), None);
    map.close();
    let lines: Vec<_> = reader.finish().iter().map(Diagnostic::to_string).collect();
    assert_eq!(
        lines,
        [
            "a.yaml:1:7: error[wrong-type]: `name` must be a text, not a number; help: put it in quotes: \"5\"",
            "a.yaml:2:1: error[unknown-key]: unknown key `spann`; help: did you mean `span`?",
            "a.yaml:3:6: error[wrong-type]: `per` must be a number with a unit; help: write the unit with it, such as 180d",
            "a.yaml:4:7: error[unknown-word]: `marketting` is no value of `kind`; help: did you mean `marketing`?",
            "a.yaml:5:6: error[wrong-type]: `yes` must be true or false, not a text; help: write true or false, without quotes",
            "a.yaml:6:7: error[wrong-type]: `list` must be a list, not a text; help: put it in [ ]",
            "a.yaml:7:1: error[empty-value]: `empty` is empty; help: write a value, or remove the key",
            "a.yaml:8:6: error[wrong-type]: `sub` must be a map of keys and values, not a number; help: write a map: {key: value}",
            "a.yaml:9:6: error[bad-number]: `neg` must not be negative; help: write 0 or more",
        ]
    );
}

#[test]
fn a_reader_gives_what_is_right() {
    let document = read("name: a\nper: 2w\nmany: [1, 2]\none: 7\nfree: {x: 1.5}\n");
    let reader = Reader::new(&document);
    let map = reader.root().map().unwrap();
    let wholes = |items: Vec<Item<'_>>| items.into_iter().filter_map(Item::whole).collect::<Vec<_>>();
    assert_eq!(map.required("name").and_then(Item::text), Some("a"));
    assert_eq!(map.required("per").and_then(Item::span), Some(Span::days(14)));
    assert_eq!(map.required("many").and_then(Item::one_or_more).map(wholes), Some(vec![1, 2]));
    assert_eq!(map.required("one").and_then(Item::one_or_more).map(wholes), Some(vec![7]));
    let free = map.required("free").and_then(Item::pairs).unwrap();
    assert_eq!(free[0].1.number(), Some("1.5".parse().unwrap()));
    map.close();
    assert_eq!(reader.finish(), []);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn no_text_makes_the_parser_panic(text in "[-a:#\\[\\]{},'\"|>&*! \n\t\\\\č0-9~%@?<]{0,60}") {
        if let Ok(document) = parse(Path::new("a.yaml"), text.as_bytes()) {
            visit(&document, &document.root);
        }
    }

    #[test]
    fn every_way_to_write_a_text_is_walked_as_it_is_read(
        lines in prop::collection::vec("[ab'č\"# ]{0,6}", 1..5),
        (style, indentation) in (0..4usize, 1..4usize),
    ) {
        let text = written(&lines, style, &" ".repeat(indentation));
        if let Ok(document) = parse(Path::new("a.yaml"), text.as_bytes())
            && let Some(node) = document.root.get("k")
            && let Some(value) = node.as_text()
        {
            for (index, character) in value.trim_end().char_indices().filter(|(_, character)| !character.is_whitespace()) {
                let place = document.place_within(node, index..index + character.len_utf8());
                let said = &document.text[place.span];
                let doubled = style == 1 && character == '\'';
                prop_assert_eq!(said, if doubled { "''".to_owned() } else { character.to_string() }, "{:?}", text);
            }
        }
    }
}

fn written(lines: &[String], style: usize, indentation: &str) -> String {
    let joined = |lines: &mut dyn Iterator<Item = String>| lines.collect::<Vec<_>>().join(&format!("\n{indentation}"));
    match style {
        0 => format!("k: {}\n", joined(&mut lines.iter().map(|line| line.replace(['\'', '"', '#'], "a")))),
        1 => format!("k: '{}'\n", joined(&mut lines.iter().map(|line| line.replace('\'', "''")))),
        2 => format!("k: |\n{indentation}{}\nz: 1\n", joined(&mut lines.iter().cloned())),
        _ => format!("k: >-\n{indentation}{}\nz: 1\n", joined(&mut lines.iter().cloned())),
    }
}

fn visit(document: &Document, node: &Node) {
    assert!(document.text.get(node.span.clone()).is_some(), "{:?}", node.span);
    match &node.kind {
        Kind::List(items) => items.iter().for_each(|item| visit(document, item)),
        Kind::Map(entries) => entries.iter().for_each(|(_, node)| visit(document, node)),
        Kind::Text(text) => {
            let place = document.place_within(node, 0..text.len());
            assert!(document.text.get(place.span).is_some());
        }
        _ => {}
    }
}

#[test]
fn a_reader_stops_counting_problems_but_never_misses_an_error() {
    let text: String = (0..500).fold(String::new(), |text, index| text + &format!("k{index}: 1\n"));
    let document = read(&text);
    let reader = Reader::new(&document);
    reader.root().map().unwrap().close();
    assert_eq!(reader.finish().len(), 100);
    let reader = Reader::new(&document);
    let problem = |severity| Diagnostic { severity, ..Diagnostic::error("x", document.place(0..1), "x") };
    reader.report_all((0..150).map(|_| problem(Severity::Warning)));
    assert!(!reader.has_errors());
    reader.report_all((0..2).map(|_| problem(Severity::Error)));
    assert!(reader.has_errors());
    assert_eq!(reader.finish().len(), 101);
}

#[test]
fn what_we_refuse_of_yaml_does_not_hide_the_rest_of_the_file() {
    let document = read(concat!(
        "name: 5\nname: b\nwhen: !x.y\nkept: &k {yes: true, no: ~, per: 3d}\nlist: [*k, 1.5, .inf]\nall: [*k]\n",
        "flow: {e: x, w: f(1, 2)}\nid: {{ c.id }}\n<<: {z: 1}\nunknown: 1\n---\nlast: 1\n",
    ));
    let reader = Reader::new(&document);
    let map = reader.root().map().unwrap();
    assert_eq!(map.required("name").and_then(Item::text), None);
    assert!(map.required("when").is_none() && map.get("flow").is_none() && map.get("id").is_none());
    map.missing("when", None);
    let numbers: Vec<_> = map.required("list").and_then(Item::list).unwrap().into_iter().map(Item::number).collect();
    assert_eq!(numbers, [Some("1.5".parse().unwrap())]);
    assert!(map.required("all").and_then(Item::list).is_none());
    let kept = map.required("kept").and_then(Item::map).unwrap();
    assert_eq!(kept.required("yes").and_then(Item::bool), Some(true));
    assert!(kept.get("no").unwrap().is_null());
    assert_eq!(kept.required("per").and_then(Item::span), Some(Span::days(3)));
    map.close();
    let told: Vec<_> = reader.finish().iter().map(|it| (it.place.line_column().0, it.code)).collect();
    let expected = [
        (1, "wrong-type"),
        (2, "duplicate-key"),
        (3, "yaml-tag"),
        (4, "yaml-anchor"),
        (5, "yaml-alias"),
        (5, "bad-number"),
        (6, "yaml-alias"),
        (7, "yaml-cut"),
        (8, "yaml-key"),
        (9, "yaml-merge"),
        (10, "unknown-key"),
        (11, "yaml-documents"),
    ];
    assert_eq!(told, expected);
}

#[test]
fn a_whole_number_that_no_reader_takes_does_not_hide_the_rest_of_the_file() {
    let said = |number: &str| match parse(Path::new("a.yaml"), format!("n: {number}\nb: &x 1\n").as_bytes()) {
        Ok(document) => document.problems().iter().map(|problem| problem.code).collect(),
        Err(problems) => vec!["unreadable", problems[0].code],
    };
    for number in ["18446744073709551616", "+18446744073709551616", "-9223372036854775809", "0x10000000000000000"] {
        assert_eq!(said(number), ["bad-number", "yaml-anchor"], "{number}");
        assert_eq!(problems(format!("{number}: 1\n").as_bytes()).len(), 1, "{number}");
    }
    for number in [
        "18446744073709551615",
        "-9223372036854775808",
        "0xffffffffffffffff",
        "0099999999999999999999",
        "'18446744073709551616'",
    ] {
        assert_eq!(said(number), ["yaml-anchor"], "{number}");
        assert_eq!(read(&format!("n: {number}\n")).problems(), [], "{number}");
    }
    assert_eq!(problems(b"n: 340282366920938463463374607431768211456\n").len(), 1);
}

#[test]
fn what_is_said_to_be_written_can_be_read() {
    for (broken, value) in [
        ("when: \"customer.city == \"Nairobi\"\"", "customer.city == \"Nairobi\""),
        ("when: 'customer.city == 'Nairobi''", "customer.city == 'Nairobi'"),
        ("when: 'It's a test'", "It's a test"),
        ("when: 'It's a \"test\"'", "It's a \"test\""),
        ("when: \"x\" == y", "\"x\" == y"),
        ("when: {{ customer.name }}, we miss you", "{{ customer.name }}, we miss you"),
    ] {
        let problems = parse(Path::new("a.yaml"), broken.as_bytes()).map_or_else(|all| all, |read| read.problems);
        let help = problems[0].help.clone().unwrap();
        let written = &help[help.find("when: ").unwrap()..];
        assert_eq!(read(written).root.get("when").unwrap().as_text(), Some(value), "{help}");
    }
}

#[test]
fn what_begins_with_an_exclamation_mark_is_told_whatever_stands_behind_it() {
    for text in ["!has(x) || y > 3", "!x > 3", "!(x >= 3)", "!x ? 1 : 2", "!x in [1, 2]", "!x && !y"] {
        for (before, after) in [("a: ", ""), ("a:\n  - ", "\n  - b"), ("a: {b: [c, ", "]}")] {
            if text.contains(',') && after == "]}" {
                continue;
            }
            let found = problems(format!("{before}{text}{after}").as_bytes());
            let help = format!("put the whole text in quotes: '{text}'");
            assert!(found.len() == 1 && found[0].contains("yaml-tag") && found[0].ends_with(&help), "{found:#?}");
        }
    }
}
