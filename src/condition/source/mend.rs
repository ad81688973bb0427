//! Slips of which it is plain what was meant: the text as it should be, and the way back to the text as it is.

use super::super::Problem;
use super::Node;
use std::ops::Range;

/// Something that was written wrong.
#[derive(Debug)]
pub(super) struct Slip {
    /// What is wrong.
    pub(super) problem: Problem,
    /// What to write for which bytes; `None` where it is not plain what was meant.
    pub(super) meant: Option<(Range<usize>, String)>,
}

impl Slip {
    /// One of which it is not plain what was meant.
    pub(super) const fn unclear(problem: Problem) -> Self {
        Self { problem, meant: None }
    }

    /// One that means something else in the place of what is wrong.
    pub(super) fn meaning(problem: Problem, text: impl Into<String>) -> Self {
        let meant = Some((problem.span.clone(), text.into()));
        Self { problem, meant }
    }
}

/// A text with what was meant in it.
pub(super) struct Mended {
    text: String,
    /// What was put in: the bytes of this text, and those of the text as it was.
    put_in: Vec<(Range<usize>, Range<usize>)>,
}

/// The text as it was meant; `None` unless that is plain for all slips.
pub(super) fn mended(source: &str, slips: &[Slip]) -> Option<Mended> {
    let mut edits = slips.iter().map(|slip| slip.meant.as_ref()).collect::<Option<Vec<_>>>()?;
    edits.sort_by_key(|(span, _)| span.start);
    let (mut text, mut put_in, mut from) = (String::with_capacity(source.len()), Vec::new(), 0);
    for (span, meant) in edits {
        text.push_str(source.get(from..span.start)?);
        let start = text.len();
        text.push_str(meant);
        put_in.push((start..text.len(), span.clone()));
        from = span.end;
    }
    text.push_str(source.get(from..)?);
    Some(Mended { text, put_in })
}

impl Mended {
    pub(super) fn text(&self) -> &str {
        &self.text
    }

    /// Gives every node the place that it has in the text as it was.
    pub(super) fn put_back(&self, node: &mut Node) {
        node.span = self.before(&node.span);
        node.at = self.before(&node.at);
        node.parts().into_iter().for_each(|part| self.put_back(part));
    }

    fn before(&self, span: &Range<usize>) -> Range<usize> {
        let start = self.byte(span.start, |was| was.start);
        start..self.byte(span.end, |was| was.end).max(start)
    }

    /// A byte of the text as it was; `within` says which where the byte lies in what was put in.
    fn byte(&self, at: usize, within: fn(&Range<usize>) -> usize) -> usize {
        let mut shift = (0, 0);
        for (now, was) in &self.put_in {
            if at < now.start {
                break;
            }
            if at < now.end || at == now.end && at > now.start && within(was) == was.end {
                return within(was);
            }
            shift = (now.end, was.end);
        }
        shift.1 + at.saturating_sub(shift.0)
    }
}

#[cfg(test)]
mod tests {
    use super::{Problem, Slip, mended};

    #[test]
    fn places_lead_back_through_longer_and_shorter_words() {
        let source = "a = 1 and b <> 10,000";
        let slip = |typed: &str, meant: &str| {
            let start = source.find(typed).unwrap();
            Slip::meaning(Problem::error(start..start + typed.len(), "syntax", ""), meant)
        };
        let mended =
            mended(source, &[slip("and", "&&"), slip("=", "=="), slip("10,000", "10000"), slip("<>", "!=")]).unwrap();
        assert_eq!(mended.text(), "a == 1 && b != 10000");
        for (now, was) in [("==", "="), ("1", "1"), ("&&", "and"), ("b", "b"), ("10000", "10,000"), ("a == 1", "a = 1")]
        {
            let start = mended.text().find(now).unwrap();
            assert_eq!(&source[mended.before(&(start..start + now.len()))], was);
        }
    }

    #[test]
    fn one_unclear_slip_leaves_the_meaning_open() {
        assert!(mended("a ? b", &[Slip::unclear(Problem::error(2..3, "syntax", ""))]).is_none());
    }
}
