//! The fields of a schedule, checked one by one so that a mistake is named in plain words.

use super::{CronError, EXAMPLE};

/// What one field may hold.
struct Field {
    name: &'static str,
    least: u32,
    most: u32,
    names: &'static [&'static str],
    example: &'static str,
}

const SECOND: Field = Field { name: "second", least: 0, most: 59, names: &[], example: "0" };
const FIELDS: [Field; 5] = [
    Field { name: "minute", least: 0, most: 59, names: &[], example: "`0`, `*/15` or `0,30`" },
    Field { name: "hour", least: 0, most: 23, names: &[], example: "`10`, `8-18` or `*`" },
    Field { name: "day of the month", least: 1, most: 31, names: &[], example: "`1`, `1,15`, `L` (the last) or `*`" },
    Field {
        name: "month",
        least: 1,
        most: 12,
        names: &["JAN", "FEB", "MAR", "APR", "MAY", "JUN", "JUL", "AUG", "SEP", "OCT", "NOV", "DEC"],
        example: "`1`, `JAN`, `6-8` or `*`",
    },
    Field {
        name: "day of the week",
        least: 0,
        most: 7,
        names: &["SUN", "MON", "TUE", "WED", "THU", "FRI", "SAT"],
        example: "`MON`, `MON-FRI`, `MON#1` (the first) or `*`",
    },
];

/// The fields of a text, seconds first; each checked.
pub(super) fn split(text: &str) -> Result<Vec<&str>, CronError> {
    let fail = |message: String| Err(CronError { message, help: EXAMPLE.into() });
    let mut parts: Vec<&str> = text.split_whitespace().collect();
    match parts.len() {
        0 => return fail("the schedule is empty".into()),
        1 if text.trim().starts_with('@') => return fail(format!("`{}` is not understood here", text.trim())),
        5 => parts.insert(0, "0"),
        6 => {}
        count => {
            let fields = if count == 1 { "1 field".into() } else { format!("{count} fields") };
            return fail(format!(
                "a schedule has 5 fields, or 6 with seconds in front; `{}` has {fields}",
                text.trim()
            ));
        }
    }
    for (part, field) in parts.iter().zip([&SECOND].into_iter().chain(&FIELDS)) {
        part.split(',').try_for_each(|item| field.check(part, item))?;
    }
    Ok(parts)
}

/// Whether second, minute and hour are plain numbers, so that the schedule names times of the day.
pub(super) fn is_fixed(parts: &[&str]) -> bool {
    parts.iter().take(3).all(|part| part.bytes().all(|byte| byte.is_ascii_digit() || byte == b','))
}

impl Field {
    fn fail(&self, message: String) -> CronError {
        CronError { message, help: format!("write the {} as {}", self.name, self.example) }
    }

    fn check(&self, part: &str, item: &str) -> Result<(), CronError> {
        let unclear = || self.fail(format!("the {} `{part}` is not understood", self.name));
        let upper = item.to_ascii_uppercase();
        if self.is_special(&upper) {
            return Ok(());
        }
        let (range, step) = upper.split_once('/').map_or((upper.as_str(), None), |(range, step)| (range, Some(step)));
        if let Some(step) = step {
            let size: u32 = step.parse().map_err(|_| unclear())?;
            if size == 0 || size > self.most {
                return Err(self.fail(format!("the {} steps by {size}: 1 to {} is possible", self.name, self.most)));
            }
        }
        if range == "*" {
            return Ok(());
        }
        let Some((low, high)) = range.split_once('-') else {
            self.number(range, part)?;
            if step.is_some() {
                let help = format!("write `{range}-{}/{}`", self.most, step.unwrap_or_default());
                return Err(CronError { message: format!("`{item}` steps through nothing"), help });
            }
            return Ok(());
        };
        let (first, last) = (self.number(low, part)?, self.number(high, part)?);
        let ends_on_sunday = high == "SUN" && self.most == 7;
        if first > last && !ends_on_sunday {
            return Err(CronError {
                message: format!("the {} runs backwards in `{item}`", self.name),
                help: format!("write two ranges: `{low}-{},{}-{high}`", self.most, self.least),
            });
        }
        Ok(())
    }

    /// The forms that only a day can have: `?`, `L`, `LW`, `15W`, `FRIL`, `5L`, `MON#1`, `1#L`.
    fn is_special(&self, item: &str) -> bool {
        let is_number = |text: &str| self.number(text, text).is_ok();
        match self.most {
            31 => matches!(item, "?" | "L" | "LW") || item.strip_suffix('W').is_some_and(is_number),
            7 => {
                item == "?"
                    || item.strip_suffix('L').is_some_and(is_number)
                    || item
                        .split_once('#')
                        .is_some_and(|(day, nth)| is_number(day) && matches!(nth, "1" | "2" | "3" | "4" | "5" | "L"))
            }
            _ => false,
        }
    }

    fn number(&self, text: &str, part: &str) -> Result<u32, CronError> {
        if let Some(index) = self.names.iter().position(|name| *name == text) {
            return Ok(u32::try_from(index).unwrap_or_default() + u32::from(self.least == 1));
        }
        let digits = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
        if !digits {
            return Err(self.fail(format!("the {} `{part}` is not understood", self.name)));
        }
        match text.parse::<u32>() {
            Ok(number) if (self.least..=self.most).contains(&number) => Ok(number),
            _ => Err(self.fail(format!("the {} `{text}` is not between {} and {}", self.name, self.least, self.most))),
        }
    }
}
