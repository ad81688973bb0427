//! Questions and answers as they go over the wire (RFC 1035, section 4).

/// Names are cut off after so many pointers: a message may point in a circle.
const MOST_POINTERS: usize = 16;

/// A kind of record.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// Who takes mail for it.
    Mx,
    /// Text.
    Txt,
}

impl Kind {
    /// Its number.
    pub(super) const fn number(self) -> u8 {
        match self {
            Self::Mx => 15,
            Self::Txt => 16,
        }
    }
}

/// What a name server said.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Answer {
    /// Whether it did not fit.
    pub(super) is_cut: bool,
    /// 0 is good, 3 no such name.
    pub(super) code: u8,
    /// The records that were asked for.
    pub(super) records: Vec<String>,
}

/// A question; `None` where the name is none.
pub(super) fn question(id: [u8; 2], name: &str, kind: Kind) -> Option<Vec<u8>> {
    let mut bytes = vec![id[0], id[1], 1, 0, 0, 1, 0, 0, 0, 0, 0, 0];
    for label in name.trim_end_matches('.').split('.') {
        let length = u8::try_from(label.len()).ok().filter(|length| (1..=63).contains(length))?;
        bytes.push(length);
        bytes.extend_from_slice(label.as_bytes());
    }
    bytes.extend([0, 0, kind.number(), 0, 1]);
    (bytes.len() <= 12 + 255 + 4).then_some(bytes)
}

/// The answer to that question; `None` where it is none.
pub(super) fn read(bytes: &[u8], asked: &[u8]) -> Option<Answer> {
    let head = bytes.get(..12)?;
    let echoed = bytes.get(12..asked.len())?;
    let is_answer = head[..2] == asked[..2] && head[2] & 0x80 != 0 && echoed.eq_ignore_ascii_case(&asked[12..]);
    if !is_answer {
        return None;
    }
    let kind = asked[asked.len() - 3];
    let mut at = asked.len();
    let mut records = Vec::new();
    for _ in 0..u16::from_be_bytes([head[6], head[7]]) {
        let Some(data) = record(bytes, &mut at) else { break };
        if data.0 == kind {
            records.extend(text(bytes, data));
        }
    }
    Some(Answer { is_cut: head[2] & 2 != 0, code: head[3] & 15, records })
}

/// Kind of the record at that place, and where its data begin and end.
fn record(bytes: &[u8], at: &mut usize) -> Option<(u8, usize, usize)> {
    name(bytes, at)?;
    let head = bytes.get(*at..*at + 10)?;
    let begin = *at + 10;
    *at = begin + usize::from(u16::from_be_bytes([head[8], head[9]]));
    bytes.get(begin..*at)?;
    Some((head[1], begin, *at))
}

fn text(bytes: &[u8], (kind, begin, end): (u8, usize, usize)) -> Option<String> {
    if kind == Kind::Mx.number() {
        // Behind the preference.
        return name(bytes, &mut (begin + 2));
    }
    let (mut at, mut text) = (begin, Vec::new());
    while at < end {
        let length = usize::from(*bytes.get(at)?);
        text.extend_from_slice(bytes.get(at + 1..(at + 1 + length).min(end))?);
        at += 1 + length;
    }
    Some(String::from_utf8_lossy(&text).into_owned())
}

/// The name at that place, which moves behind it.
fn name(bytes: &[u8], at: &mut usize) -> Option<String> {
    let (mut here, mut jumps, mut labels) = (*at, 0, Vec::new());
    loop {
        let length = *bytes.get(here)?;
        if length & 0xc0 == 0xc0 {
            let low = *bytes.get(here + 1)?;
            if jumps == 0 {
                *at = here + 2;
            }
            jumps += 1;
            if jumps > MOST_POINTERS {
                return None;
            }
            here = usize::from(length & 0x3f) << 8 | usize::from(low);
            continue;
        }
        if length == 0 {
            if jumps == 0 {
                *at = here + 1;
            }
            return Some(labels.join("."));
        }
        let label = bytes.get(here + 1..here + 1 + usize::from(length))?;
        labels.push(String::from_utf8_lossy(label).into_owned());
        here += 1 + usize::from(length);
    }
}

#[cfg(test)]
mod tests {
    use super::{Kind, name, question, read};
    use proptest::prelude::{any, prop, proptest};

    #[test]
    fn a_name_that_points_at_itself_ends() {
        assert_eq!(name(&[0xc0, 0], &mut 0), None);
    }

    proptest! {
        #[test]
        fn whatever_a_server_says_is_read_without_harm(tail in prop::collection::vec(any::<u8>(), 0..200)) {
            let asked = question([1, 2], "shop.example", Kind::Mx).unwrap();
            let mut bytes = asked.clone();
            bytes[2] |= 0x80;
            bytes[7] = 9;
            bytes.extend(tail);
            read(&bytes, &asked).unwrap();
        }
    }
}
