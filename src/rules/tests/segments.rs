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
            "rules/segments.yaml:2:7: error[missing-key]: the key `when` is missing; help: write a condition, or `when: everyone`",
            "rules/segments.yaml:2:7: error[unknown-key]: unknown key `whem`; help: did you mean `when`?",
            "rules/segments.yaml:2:36: error[wrong-type]: `description` must be a text, not a number; help: put it in quotes: \"5\"",
            "rules/segments.yaml:3:6: error[wrong-type]: a segment must be a map, not a text; help: write {when: CONDITION}",
            "rules/segments.yaml:4:20: error[unknown-name]: orders have no `cuont`; help: did you mean `orders.count`?",
            "rules/a.yaml:5:20: error[type-mismatch]: a number cannot be compared with a text",
        ]
    );
}

#[test]
fn endless_segments_are_refused_at_once() {
    let text: String = (0..600).map(|number| format!("a{number}: {{when: everyone}}\n")).collect();
    let found = problems(&[segments_file(&text)]);
    assert_eq!(found, ["rules/segments.yaml:1:1: error[too-large]: there are 600 segments, more than 500".to_owned()]);
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
