//! Named conditions.

use super::{GOOD, compiled, file, problems};
use crate::domain::Span;
use crate::rules::{Direction, RuleSet, Segment, SourceFile, Trigger};

const SCHEDULE: &str = "{schedule: \"0 10 * * *\", timezone: customer}";

fn segments_file(text: &str) -> SourceFile {
    file("rules/segments.yaml", text)
}

fn set_of(text: &str) -> RuleSet {
    let (set, problems) = compiled(&[file("rules/a.yaml", GOOD), segments_file(text)], true);
    assert_eq!(problems, [], "{text}");
    set
}

fn meaning(text: &str, name: &str) -> u64 {
    let of = |segment: &&Segment| segment.name == name;
    set_of(text).segments.iter().find(of).unwrap().meaning
}

#[test]
fn a_segment_has_a_condition_and_a_description() {
    let set = set_of("vip: {when: orders.count > 9, description: Our best.}\nall-of-them:\n  when: everyone\n");
    let told: Vec<_> = set.segments.iter().map(|one| (one.name.as_str(), one.description.as_str())).collect();
    assert_eq!(told, [("vip", "Our best."), ("all-of-them", "")]);
    assert_eq!(format!("{:?}", set.segments[0].when), "\"orders.count > 9\"");
}

#[test]
fn crossing_a_segment_starts_a_rule() {
    for (key, expected) in [("enters", Direction::Enters), ("leaves", Direction::Leaves)] {
        let rule = GOOD.replace(SCHEDULE, &format!("{{{key}: vip}}"));
        let files = [file("rules/a.yaml", &rule), segments_file("vip: {when: orders.count > 9}\n")];
        let (set, found) = compiled(&files, true);
        assert_eq!(found, []);
        let Trigger::Crossing { segment, direction } = &set.rules[0].trigger else { panic!("a crossing") };
        assert_eq!((segment.as_str(), *direction), ("vip", expected));
    }
}

#[test]
fn the_nearest_segment_is_offered() {
    let rule = GOOD.replace(SCHEDULE, "{enters: vipp}");
    let files = [file("rules/a.yaml", &rule), segments_file("vip: {when: orders.count > 9}\n")];
    assert_eq!(
        problems(&files),
        ["rules/a.yaml:4:19: error[unknown-segment]: there is no segment `vipp`; help: did you mean `vip`?"]
    );
}

#[test]
fn what_segments_count_is_kept_of_events() {
    let set = set_of("often: {when: 'count(\"Ticket Solved\", days(9)) > 1'}\n");
    assert_eq!(set.interest.events["Ticket Solved"].longest_window, Some(Span::days(9)));
}

#[test]
fn every_problem_of_a_broken_segment_is_told_and_hides_none_of_a_rule() {
    let segments = "Big: {when: everyone}\nvip: {whem: everyone, description: 5}\nodd: orders.count > 1\nbad: {when: orders.cuont > 1}\n";
    let rule = GOOD.replace(SCHEDULE, "{enters: bad}").replace("orders.count >= 2", "orders.count > \"x\"");
    assert_eq!(
        problems(&[file("rules/a.yaml", &rule), segments_file(segments)]),
        [
            "rules/segments.yaml:1:1: error[bad-name]: `Big` is not kebab-case; help: use small letters, digits and single hyphens, and begin with a letter: big-spenders",
            "rules/segments.yaml:2:7: error[unknown-key]: unknown key `whem`; help: did you mean `when`?",
            "rules/segments.yaml:2:36: error[wrong-type]: `description` must be a text, not a number; help: put it in quotes: \"5\"",
            "rules/segments.yaml:3:6: error[wrong-type]: a segment must be a map, not a text; help: write {when: CONDITION}",
            "rules/segments.yaml:4:20: error[unknown-name]: orders have no `cuont`; help: did you mean `orders.count`?",
            "rules/a.yaml:5:20: error[type-mismatch]: a number cannot be compared with a text; help: compare a number with a number, such as `5`, without quotes",
        ]
    );
}

#[test]
fn endless_segments_are_refused_at_once() {
    let text: Vec<String> = (0..600).map(|number| format!("a{number}: {{when: everyone}}")).collect();
    let text = text.join("\n");
    let found = problems(&[segments_file(&text)]);
    assert_eq!(found, ["rules/segments.yaml:1:1: error[too-large]: there are 600 segments, more than 500; help: remove those that no rule names".to_owned()]);
}

#[test]
fn a_meaning_stays_the_same_however_it_is_written() {
    let plain = meaning("vip: {when: orders.count > 9}\n", "vip");
    for same in ["vip:\n  when:\n    - orders.count  >  9\n", "vip: {when: orders.count>9, description: x}\n"] {
        assert_eq!(meaning(same, "vip"), plain, "{same}");
    }
    for other in ["vip: {when: orders.count > 8}\n", "vip: {when: {none: [orders.count > 9]}}\n"] {
        assert_ne!(meaning(other, "vip"), plain, "{other}");
    }
}

/// What is said of cycles.
fn cycles(text: &str) -> Vec<String> {
    let found = problems(&[segments_file(text)]);
    found.into_iter().filter(|problem| problem.contains("[segment-cycle]")).collect()
}

#[test]
fn a_cycle_is_told_whole_and_once() {
    let text = "out: {when: in_segment('b')}\na: {when: orders.count > 1 && in_segment('b')}\nb: {when: in_segment('c')}\nc: {when: ['in_segment(\"a\")', 'in_segment(\"a\")']}\n";
    assert_eq!(
        cycles(text),
        [
            "rules/segments.yaml:3:22: error[segment-cycle]: the segment `b` names itself: b → c → a → b; help: write one of these conditions without `in_segment`"
        ]
    );
    let text = "a: {when: in_segment('a')}\nb: {when: in_segment('c')}\nc: {when: everyone}\n";
    assert_eq!(
        cycles(text),
        [
            "rules/segments.yaml:1:22: error[segment-cycle]: the segment `a` names itself: a → a; help: write one of these conditions without `in_segment`"
        ]
    );
}

#[test]
fn segments_come_behind_those_that_they_name() {
    let set =
        set_of("a: {when: in_segment('c')}\nb: {when: everyone}\nc: {when: ['in_segment(\"b\")', orders.count > 1]}\n");
    assert_eq!(set.segments.iter().map(|one| one.name.as_str()).collect::<Vec<_>>(), ["b", "c", "a"]);
}

#[test]
fn a_segment_that_nobody_knows_is_told_with_the_nearest() {
    let rule = GOOD.replace("orders.count >= 2", "in_segment('vpi')");
    let found = problems(&[
        file("rules/a.yaml", &rule),
        segments_file("vip: {when: in_segment('big')}\nbigg: {when: everyone}\n"),
    ]);
    assert_eq!(found.len(), 2, "{found:?}");
    assert!(
        found[0].starts_with("rules/segments.yaml:1:")
            && found[0].contains("did you mean")
            && found[0].contains("bigg"),
        "{found:?}"
    );
    assert!(
        found[1].starts_with("rules/a.yaml:5:") && found[1].contains("did you mean") && found[1].contains("vip"),
        "{found:?}"
    );
}

#[test]
fn a_meaning_changes_with_that_of_a_segment_that_is_named() {
    let text = "a: {when: in_segment('b')}\nb: {when: orders.count > 1}\n";
    assert_ne!(meaning(text, "a"), meaning(&text.replace("> 1", "> 2"), "a"));
    assert_eq!(meaning(text, "a"), meaning(&text.replace(" > 1", ">1"), "a"));
}

#[test]
fn segments_that_name_each_other_without_end_are_refused() {
    let twice = |number: u32| match number {
        0 => "a0: {when: everyone}".to_owned(),
        _ => format!("a{number}: {{when: in_segment('a{0}') && in_segment('a{0}')}}", number - 1),
    };
    let text: Vec<String> = (0..20).map(twice).collect();
    let found = problems(&[segments_file(&text.join("\n"))]);
    assert!(found[0].contains("error[too-large]"), "{found:?}");
}
