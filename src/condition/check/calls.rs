//! Calls: which functions there are, and their arguments.

use super::super::Problem;
use super::super::source::{Call, Kind as Syntax, Node};
use super::super::tree::{Anchor, CalendarPart, Count, Day, Days, Flag, Length, Moment, Num, Term, TextTest};
use super::{Checked, Checker, Typeable, Typed, cures, functions, names};
use crate::calendar;
use crate::domain::{Span, Time, ValueType, nearest};

/// No event is older than that: ten years and some days.
const LONGEST_WINDOW: Span = Span(3_660 * 86_400_000);

impl Checker<'_> {
    pub(super) fn call(&mut self, call: &Call, node: &Node) -> Checked {
        if let Some(target) = &call.target {
            return self.method(call, target, node);
        }
        let Some(function) = functions::find(&call.name) else { return self.unknown_function(call, node) };
        if !function.takes.contains(&call.arguments.len()) {
            let message = format!("`{}` takes {}", call.name, function.arguments());
            return self.error_with(&node.span, "wrong-arguments", message, format!("write `{}`", function.example));
        }
        let arguments = call.arguments.as_slice();
        match (call.name.as_str(), arguments) {
            ("count", [event, window @ ..]) => {
                let count = self.windowed(event, window, function.example);
                Some(Typed::Number(Term::Own(Num::Count(Box::new(count?)))))
            }
            ("sum", [event, property, window @ ..]) => self.sum(event, property, window, function.example),
            ("first_at", [event]) => {
                let event = self.event(event)?.into();
                Some(Typed::Moment(Term::Own(Moment::FirstAt(event))))
            }
            ("last_at", [event]) => {
                let event = self.event(event)?.into();
                Some(Typed::Moment(Term::Own(Moment::LastAt(event))))
            }
            ("last_value", [event, property]) => self.last_value(event, property),
            ("default", [value, otherwise]) => self.default(value, otherwise),
            ("since" | "until", [anchor]) => {
                let moment = self.moment(anchor, function.example)?;
                let now = Term::Own(Moment::Now);
                let terms = if call.name == "since" { (now, moment) } else { (moment, now) };
                Some(Typed::Length(Term::Own(Length::Between(Box::new(terms)))))
            }
            ("days_since" | "days_until", [anchor]) => {
                let days = if call.name == "days_since" { Days::Since } else { Days::Until };
                let anchor = self.anchor(anchor, function.example)?;
                Some(Typed::Number(Term::Own(Num::Days(days, Box::new(anchor)))))
            }
            ("days" | "hours", [count]) => {
                let unit = if call.name == "days" { Span::days(1) } else { Span::hours(1) };
                let count = self.of_kind::<Num>(count, "a number", function.example)?;
                if count.change() == super::super::tree::Change::Linear {
                    return self.error_with(
                        &node.at,
                        "not-linear",
                        "elapsed time is a span already",
                        "leave `days(...)` or `hours(...)` out, or count with `days_since(...)`",
                    );
                }
                Some(Typed::Length(Term::Own(Length::Units(unit, Box::new(count))).folded()))
            }
            ("duration", [text]) => {
                self.constant(text, function.example, functions::duration, |span| Typed::Length(Term::Constant(span)))
            }
            ("timestamp", [text]) => self.constant(
                text,
                function.example,
                |text| text.parse::<Time>().ok(),
                |time| Typed::Moment(Term::Constant(time)),
            ),
            ("date", [Node { kind: Syntax::Text(_), .. }]) => self.constant(
                &arguments[0],
                function.example,
                |text| text.parse().ok(),
                |day| Typed::Day(Term::Constant(day)),
            ),
            ("date", [time]) => match self.anchor(time, function.example)? {
                Anchor::Moment(moment) => Some(Typed::Day(Term::Own(Day::Of(Box::new(moment))))),
                Anchor::Day(day) => Some(Typed::Day(day)),
            },
            ("size", [value]) => self.size(value, function.example),
            ("in_segment", [name]) => self.in_segment(name),
            ("sent", [rule, window @ ..]) => self.sent(rule, window, function.example),
            _ => self.unknown_function(call, node),
        }
    }

    fn unknown_function(&mut self, call: &Call, node: &Node) -> Checked {
        let problem =
            Problem::error(node.at.clone(), "unknown-function", format!("there is no function `{}`", call.name));
        let is_method = functions::METHODS.contains(&call.name.as_str())
            || CalendarPart::ALL.iter().any(|(name, _)| *name == call.name);
        let help = if let Some(help) = names::other_time(&call.name) {
            help.to_owned()
        } else if is_method {
            format!("it stands behind a value: `x.{}(...)`", call.name)
        } else if let Some(near) = functions::nearest_to(&call.name) {
            format!("did you mean `{near}`?")
        } else {
            cures::function_elsewhere(&call.name).map_or_else(functions::all, str::to_owned)
        };
        self.report(problem.help(help))
    }

    fn windowed(&mut self, event: &Node, window: &[Node], example: &str) -> Option<Count> {
        let event = self.event(event).map(Into::into);
        let window = match window {
            [] => Some(None),
            [window, ..] => self.window(window, example).map(Some),
        };
        Some(Count { event: event?, window: window? })
    }

    /// A span that is known when the rule is read, and longer than nothing.
    pub(super) fn window(&mut self, node: &Node, example: &str) -> Option<Span> {
        let length = self.of_kind::<Length>(node, "a span of time", example)?;
        match length.as_constant() {
            Some(span) if *span > LONGEST_WINDOW => {
                let message = "the window reaches further back than any event";
                let help = "leave it out to count all events, or write a shorter one such as `days(365)`";
                self.problems.push(Problem::warning(node.span.clone(), "long-window", message).help(help));
                Some(*span)
            }
            Some(span) if span.0 > 0 => Some(*span),
            Some(_) => {
                self.error_with(&node.span, "wrong-arguments", "a window is longer than nothing", "write `days(30)`");
                None
            }
            None => {
                let message = "a window is the same for every customer";
                self.error_with(&node.span, "wrong-arguments", message, "write `days(30)` or `hours(6)`");
                None
            }
        }
    }

    fn sum(&mut self, event: &Node, property: &Node, window: &[Node], example: &str) -> Checked {
        let count = self.windowed(event, window, example)?;
        let of = self.property(&count.event, property)?;
        if of.kind != ValueType::Number {
            let message =
                format!("`{}` of `{}` is declared as {}; a sum needs a number", of.property, of.event, of.kind);
            let help = self.numbers_of(&of.event);
            return self.error_with(&property.span, "type-mismatch", message, help);
        }
        Some(Typed::Number(Term::Own(Num::Sum(Box::new(count), of.property))))
    }

    fn last_value(&mut self, event: &Node, property: &Node) -> Checked {
        let event = self.event(event)?;
        let of = Box::new(self.property(event, property)?);
        Some(match of.kind {
            ValueType::Text => Typed::Text(Term::LastValue(of)),
            ValueType::Number => Typed::Number(Term::LastValue(of)),
            ValueType::Bool => Typed::Flag(Term::LastValue(of)),
            ValueType::Date => Typed::Day(Term::LastValue(of)),
            ValueType::Time => Typed::Moment(Term::LastValue(of)),
            ValueType::List => Typed::Items(Term::LastValue(of)),
        })
    }

    fn default(&mut self, value: &Node, otherwise: &Node) -> Checked {
        let (first, second) = (self.expression(value), self.expression(otherwise));
        let (first, second) = (first?, second?);
        let words = first.words();
        let help = self.instead(&first, (&second, otherwise));
        let filled = match first {
            Typed::Flag(term) => filled(term, second),
            Typed::Number(term) => filled(term, second),
            Typed::Text(term) => filled(term, second),
            Typed::Day(term) => filled(term, second),
            Typed::Moment(term) => filled(term, second),
            Typed::Length(term) => filled(term, second),
            Typed::Items(term) => filled(term, second),
            Typed::List(_) => {
                let message = "a list as written is never missing";
                return self.error_with(&value.span, "wrong-arguments", message, "leave `default` out");
            }
        };
        filled.map_or_else(
            |other| {
                let message = format!("what stands in for {words} must be of the same type, this is {}", other.words());
                self.error_with(&otherwise.span, "type-mismatch", message, help)
            },
            Some,
        )
    }

    fn size(&mut self, value: &Node, example: &str) -> Checked {
        match self.expression(value)? {
            Typed::Items(items) => Some(Typed::Number(Term::Own(Num::Size(Box::new(items))))),
            Typed::Text(text) => Some(Typed::Number(Term::Own(Num::Characters(Box::new(text))).folded())),
            Typed::List(items) => {
                let size = i64::try_from(items.len()).unwrap_or(i64::MAX);
                Some(Typed::Number(Term::Constant(size.into())))
            }
            other => self.error_with(
                &value.span,
                "type-mismatch",
                format!("{} has no size", other.words()),
                format!("write `{example}`"),
            ),
        }
    }

    fn method(&mut self, call: &Call, target: &Node, node: &Node) -> Checked {
        let name = call.name.as_str();
        if matches!(&target.kind, Syntax::Name(name) if name == "at_entry") {
            return self.entry_alone(target, target);
        }
        if let Some((_, part)) = CalendarPart::ALL.iter().find(|(known, _)| *known == name) {
            return self.calendar_part(*part, call, target);
        }
        let test = match (name, call.arguments.as_slice()) {
            ("contains", [_]) => TextTest::Contains,
            ("startsWith", [_]) => TextTest::StartsWith,
            ("endsWith", [_]) => TextTest::EndsWith,
            ("size", []) => return self.size(target, "size(customer.tags)"),
            ("contains" | "startsWith" | "endsWith" | "size", _) => {
                let message = format!("`{name}` takes {}", if name == "size" { "nothing" } else { "one text" });
                return self.error_with(&node.at, "wrong-arguments", message, "write `x.contains(\"text\")`");
            }
            ("matches", _) => {
                let message = "`matches` is not supported in this version";
                return self.error_with(
                    &node.at,
                    "not-supported",
                    message,
                    "use `contains`, `startsWith` or `endsWith`",
                );
            }
            _ => {
                let known = functions::METHODS.into_iter().chain(CalendarPart::ALL.iter().map(|(name, _)| *name));
                let problem =
                    Problem::error(node.at.clone(), "unknown-function", format!("there is no function `{name}`"));
                let help = match (nearest(name, known), functions::find(name), cures::function_elsewhere(name)) {
                    (Some(near), ..) => format!("did you mean `{near}`?"),
                    (None, Some(function), _) => format!("write `{}`", function.example),
                    (None, None, Some(help)) => help.to_owned(),
                    (None, None, None) => functions::all_methods(),
                };
                return self.report(problem.help(help));
            }
        };
        let whole = self.expression(target)?;
        if let Typed::Items(_) | Typed::List(_) = whole {
            return self.error_with(
                &node.at,
                "type-mismatch",
                format!("a list has no `{name}`"),
                "write `\"item\" in list`",
            );
        }
        let Typed::Text(whole) = whole else {
            let message = format!("`{name}` asks a text, this is {}", whole.words());
            let help = "compare it with `==`, `<` or `>`; only a text has parts";
            return self.error_with(&node.at, "type-mismatch", message, help);
        };
        let part = self.of_kind(&call.arguments[0], "a text", "x.contains(\"text\")")?;
        Some(Typed::Flag(Term::Own(Flag::Text(test, Box::new((whole, part)))).folded()))
    }

    fn calendar_part(&mut self, part: CalendarPart, call: &Call, target: &Node) -> Checked {
        let anchor = self.anchor(target, "now.getHours()")?;
        if matches!(anchor, Anchor::Day(_)) && !part.is_of_a_day() {
            let message = format!("a date has no time of day for `{}`", call.name);
            let help = "ask it for its day with `getDate()`, `getMonth()` or `getDayOfWeek()`";
            return self.error_with(&target.span, "type-mismatch", message, help);
        }
        let zone = match call.arguments.as_slice() {
            [] => None,
            [zone] => {
                let name = self.literal(zone, "the name of a time zone")?;
                let Some(known) = calendar::zone(name) else {
                    let message = format!("there is no time zone `{name}`");
                    return self.error_with(
                        &zone.span,
                        "unknown-zone",
                        message,
                        "write a name such as \"Europe/Zagreb\" or \"UTC\"",
                    );
                };
                Some(Box::new(known))
            }
            [_, more, ..] => {
                let message = format!("`{}` takes at most a time zone", call.name);
                let help = format!("write `now.{}()` or `now.{}(\"UTC\")`", call.name, call.name);
                return self.error_with(&more.span, "wrong-arguments", message, help);
            }
        };
        Some(Typed::Number(Term::Own(Num::Part(part, zone, Box::new(anchor)))))
    }

    /// An expression of one type.
    fn of_kind<K: Typeable>(&mut self, node: &Node, what: &str, example: &str) -> Option<Term<K>> {
        match K::unwrap(self.expression(node)?) {
            Ok(term) => Some(term),
            Err(other) => {
                let help = match &node.kind {
                    Syntax::Number(number) if what == "a span of time" => {
                        format!("write `days({number})` or `hours({number})`")
                    }
                    _ => format!("write it like `{example}`"),
                };
                let message = format!("{what} is needed here, this is {}", other.words());
                self.error_with(&node.span, "type-mismatch", message, help);
                None
            }
        }
    }

    fn anchor(&mut self, node: &Node, example: &str) -> Option<Anchor> {
        match self.expression(node)? {
            Typed::Moment(moment) => Some(Anchor::Moment(moment)),
            Typed::Day(day) => Some(Anchor::Day(day)),
            other => {
                let help = match &node.kind {
                    Syntax::Text(text) if self.schema.events.contains_key(text) => format!("write `last_at({text:?})`"),
                    Syntax::Text(text) if text.parse::<jiff::civil::Date>().is_ok() => {
                        format!("write `date({text:?})`")
                    }
                    Syntax::Text(text) if text.parse::<Time>().is_ok() => format!("write `timestamp({text:?})`"),
                    Syntax::Text(text) => match self.path_meant(text) {
                        Some(path) => format!("write `{path}` without quotes"),
                        None => format!("write it like `{example}`"),
                    },
                    _ => format!("write it like `{example}`"),
                };
                self.error_with(
                    &node.span,
                    "type-mismatch",
                    format!("a time or a date is needed here, this is {}", other.words()),
                    help,
                );
                None
            }
        }
    }

    fn moment(&mut self, node: &Node, example: &str) -> Option<Term<Moment>> {
        Some(match self.anchor(node, example)? {
            Anchor::Moment(moment) => moment,
            Anchor::Day(day) => Term::Own(Moment::StartOf(Box::new(day))),
        })
    }

    /// A function of a text in quotes, worked out when the rule is read.
    fn constant<T>(
        &mut self,
        node: &Node,
        example: &str,
        read: fn(&str) -> Option<T>,
        typed: fn(T) -> Typed,
    ) -> Checked {
        let text = self.literal(node, "what stands here")?;
        match read(text) {
            Some(value) => Some(typed(value)),
            None => self.error_with(
                &node.span,
                "wrong-arguments",
                format!("`{text}` cannot be read"),
                format!("write it like `{example}`"),
            ),
        }
    }
}

fn filled<K: Typeable>(term: Term<K>, otherwise: Typed) -> Result<Typed, Typed> {
    Ok(K::wrap(Term::Default(Box::new((term, K::unwrap(otherwise)?))).folded()))
}
