//! Consent: what stands of all that was told, and the log of it.
//!
//! Every profile row that tells of consent is kept, so the rows are the log and the state follows from them: nothing can be
//! in one and not in the other. For each class or topic the tellings are put in the order of their own times
//! ([`ProfileRow::told_at`]); of one instant a withdrawal comes last. Then
//!
//! - a withdrawal always counts;
//! - a grant that somebody made, and of which it is known when, counts;
//! - a grant that only a file has, as one of many things that it says of somebody ([`ProfileRow::is_silent`]), counts where
//!   nothing was ever told before, and never undoes a withdrawal.
//!
//! What stands does not depend on the order of arrival: consent is given if no withdrawal is known, or if a grant that is not
//! silent is later than the last of them.

use super::{Customer, ProfileRow, Text, Time};
use std::collections::BTreeMap;

/// The source of what a file says of customers.
pub const IMPORT: &str = "import";
/// The source of an objection of one of two customers who were found to be one.
pub const MERGE: &str = "merge";

/// Consent to one class or topic.
#[derive(Debug, Clone, PartialEq, Eq, minicbor::Encode, minicbor::Decode)]
#[cbor(map)]
pub struct Consent {
    /// Given or withdrawn.
    #[n(0)]
    pub granted: bool,
    /// Since when.
    #[n(1)]
    pub at: Time,
    /// Where it came from, such as `import` or `identify`.
    #[n(2)]
    pub source: Text,
}

/// What is known of how consent was told, besides the source.
#[derive(Debug, Clone, Default, PartialEq, Eq, minicbor::Encode, minicbor::Decode)]
#[cbor(map)]
pub struct Proof {
    /// When the customer gave or withdrew it, where that is told apart from the row.
    #[n(0)]
    pub at: Option<Time>,
    /// The version of the wording that was agreed to.
    #[n(1)]
    pub wording: Option<Text>,
    /// The network address of who called.
    #[n(2)]
    pub caller: Option<Text>,
    /// The file that was imported.
    #[n(3)]
    pub file: Option<Text>,
}

/// What became of one telling.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ConsentEffect {
    /// It changed what stands.
    Changed,
    /// It said what stood already.
    Repeated,
    /// A grant that does not undo a withdrawal.
    Overruled,
}

/// One telling of the log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConsentEntry {
    /// The class or topic.
    pub name: Text,
    /// Given or withdrawn.
    pub granted: bool,
    /// When it took effect.
    pub at: Time,
    /// When it arrived here.
    pub received_at: Time,
    /// Where it came from.
    pub source: Text,
    /// How it came.
    pub proof: Proof,
    /// What became of it.
    pub effect: ConsentEffect,
}

impl ProfileRow {
    /// When what the row says of consent was said: the customer's own time of it if that is known, else the time of the row. Never
    /// later than it arrived, or a clock that is ahead would make a grant that nobody can withdraw.
    #[must_use]
    pub fn told_at(&self) -> Time {
        let own = self.proof.as_ref().and_then(|proof| proof.at);
        let own = own.unwrap_or(if self.effective_at == Time::MIN { self.received_at } else { self.effective_at });
        own.min(self.received_at)
    }

    /// Whether a grant in the row is silent: a file repeats what somebody's list says, and nobody knows when it was given.
    #[must_use]
    pub fn is_silent(&self) -> bool {
        self.source.as_str() == IMPORT && self.proof.as_ref().is_none_or(|proof| proof.at.is_none())
    }

    /// Notes how consent came, if the row tells of any.
    pub fn prove(&mut self, note: impl FnOnce(&mut Proof)) {
        if !self.consent.is_empty() {
            note(self.proof.get_or_insert_default());
        }
    }
}

/// What a telling does where that stands.
fn effect(stands: Option<&Consent>, granted: bool, row: &ProfileRow) -> ConsentEffect {
    match stands {
        Some(stands) if stands.granted == granted => ConsentEffect::Repeated,
        Some(_) if granted && row.is_silent() => ConsentEffect::Overruled,
        _ => ConsentEffect::Changed,
    }
}

/// What every row says of each class or topic, in the order in which it counts.
fn told<'r>(rows: impl IntoIterator<Item = &'r ProfileRow>) -> BTreeMap<&'r Text, Vec<(bool, &'r ProfileRow)>> {
    let mut told: BTreeMap<_, Vec<_>> = BTreeMap::new();
    for row in rows {
        for (name, granted) in &row.consent {
            told.entry(name).or_default().push((*granted, row));
        }
    }
    for all in told.values_mut() {
        all.sort_by_key(|(granted, row)| (row.told_at(), !*granted));
    }
    told
}

/// What stands of all that rows say, in the order in which they took effect and then arrived.
pub fn consents<'r>(rows: impl IntoIterator<Item = &'r ProfileRow>) -> BTreeMap<Text, Consent> {
    let mut consents = BTreeMap::new();
    for (name, all) in told(rows) {
        for (granted, row) in all {
            if effect(consents.get(name), granted, row) == ConsentEffect::Changed {
                let consent = Consent { granted, at: row.told_at(), source: row.source.clone() };
                consents.insert(name.clone(), consent);
            }
        }
    }
    consents
}

/// All that was ever told, by class or topic, each in the order in which it counts.
pub fn consent_log<'r>(rows: impl IntoIterator<Item = &'r ProfileRow>) -> Vec<ConsentEntry> {
    let mut log = Vec::new();
    for (name, all) in told(rows) {
        let mut stands: Option<Consent> = None;
        for (granted, row) in all {
            let (at, effect) = (row.told_at(), effect(stands.as_ref(), granted, row));
            let source = row.source.clone();
            if effect == ConsentEffect::Changed {
                stands = Some(Consent { granted, at, source: source.clone() });
            }
            let proof = row.proof.clone().unwrap_or_default();
            log.push(ConsentEntry {
                name: name.clone(),
                granted,
                at,
                received_at: row.received_at,
                source,
                proof,
                effect,
            });
        }
    }
    log
}

/// The objections that a merge must not lose: of each class or topic that one of the two had withdrawn, and that would be
/// given by what the other said. They are told anew, so late that whatever was said before the merge does not undo them.
pub fn objections<'r>(
    before: [&BTreeMap<Text, Consent>; 2],
    rows: impl IntoIterator<Item = &'r ProfileRow> + Clone,
    received_at: Time,
) -> Option<ProfileRow> {
    let joined = consents(rows.clone());
    let objected = |name: &Text| before.iter().any(|one| one.get(name).is_some_and(|consent| !consent.granted));
    let lost = joined.into_iter().filter(|(name, consent)| consent.granted && objected(name));
    let consent: BTreeMap<Text, bool> = lost.map(|(name, _)| (name, false)).collect();
    let about = |row: &&ProfileRow| row.consent.keys().any(|name| consent.contains_key(name));
    let at = rows.into_iter().filter(about).map(ProfileRow::told_at).max()?;
    Some(ProfileRow {
        effective_at: at,
        attributes: BTreeMap::new(),
        consent,
        source: MERGE.into(),
        received_at: received_at.max(at),
        proof: None,
    })
}

impl Customer {
    /// Whether what a row says of consent is taken in by [`Customer::update`] alone, whatever else was told before: it is the
    /// first word, or changes nothing. Whether a grant undoes a withdrawal, and a withdrawal a grant, all rows decide.
    #[must_use]
    pub fn tells_nothing_new(&self, row: &ProfileRow) -> bool {
        let at = row.told_at();
        row.consent.iter().all(|(name, granted)| {
            let stands = self.consent.get(name);
            stands.is_none_or(|stands| at >= stands.at)
                && (stands.is_none() || effect(stands, *granted, row) != ConsentEffect::Changed)
        })
    }

    /// Takes in what a row says of consent after all that was said before.
    pub(super) fn hear(&mut self, row: &ProfileRow) {
        let at = row.told_at();
        for (name, granted) in &row.consent {
            let stands = self.consent.get(name);
            let is_late = stands.is_some_and(|stands| at < stands.at || *granted && at == stands.at);
            if !is_late && effect(stands, *granted, row) == ConsentEffect::Changed {
                self.consent.insert(name.clone(), Consent { granted: *granted, at, source: row.source.clone() });
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{Consent, ConsentEffect, IMPORT, Proof, consent_log, consents, objections};
    use crate::domain::{Customer, ProfileRow, Time};

    fn row(at: i64, granted: bool, source: &str) -> ProfileRow {
        ProfileRow {
            effective_at: Time(at),
            attributes: [].into(),
            consent: [("marketing".into(), granted)].into(),
            source: source.into(),
            received_at: Time(at.max(100)),
            proof: None,
        }
    }

    fn stands(rows: &[&ProfileRow]) -> (bool, i64) {
        let consents = consents(rows.iter().copied());
        (consents["marketing"].granted, consents["marketing"].at.0)
    }

    /// Whatever the order of arrival.
    fn in_any_order(rows: &[&ProfileRow]) -> (bool, i64) {
        let stand = stands(rows);
        let mut turned = rows.to_vec();
        for _ in rows {
            turned.rotate_left(1);
            assert_eq!(stands(&turned), stand);
            turned.reverse();
            assert_eq!(stands(&turned), stand);
            turned.reverse();
        }
        stand
    }

    fn proven(at: i64, row: ProfileRow) -> ProfileRow {
        ProfileRow { proof: Some(Proof { at: Some(Time(at)), ..Proof::default() }), ..row }
    }

    #[test]
    fn a_later_grant_undoes_a_withdrawal_and_an_older_one_that_arrives_late_does_not() {
        let (no, before, after) = (row(10, false, "identify"), row(9, true, "identify"), row(11, true, "identify"));
        assert_eq!(in_any_order(&[&no, &before]), (false, 10));
        assert_eq!(in_any_order(&[&no, &before, &after]), (true, 11));
        assert_eq!(in_any_order(&[&no, &row(10, true, "identify")]), (false, 10), "of one instant the no stands");
    }

    #[test]
    fn what_a_file_repeats_undoes_nothing_unless_it_says_when_it_was_given() {
        let (no, yes) = (row(10, false, "identify"), row(20, true, IMPORT));
        assert_eq!(in_any_order(&[&no, &yes]), (false, 10));
        assert_eq!(in_any_order(&[&row(10, false, IMPORT), &yes]), (false, 10), "whoever said no");
        assert_eq!(in_any_order(&[&no, &proven(15, yes.clone())]), (true, 15));
        assert_eq!(
            in_any_order(&[&no, &proven(9, yes.clone())]),
            (false, 10),
            "an older one, repeated by a newer file"
        );
        assert_eq!(in_any_order(&[&yes]), (true, 20), "where nothing was said before it counts");
        assert_eq!(in_any_order(&[&yes, &row(30, false, IMPORT)]), (false, 30));
    }

    #[test]
    fn a_grant_that_a_caller_repeats_with_its_own_time_stays_as_old_as_it_is() {
        let (yes, no) = (proven(5, row(5, true, "identify")), row(10, false, "unsubscribe"));
        assert_eq!(in_any_order(&[&yes, &no, &proven(5, row(50, true, "identify"))]), (false, 10));
    }

    #[test]
    fn nothing_is_told_later_than_it_arrived() {
        let ahead = ProfileRow { effective_at: Time(1_000_000), ..row(50, true, "identify") };
        assert_eq!(ahead.told_at(), Time(100));
        let no = ProfileRow { effective_at: Time(200), received_at: Time(200), ..row(0, false, "identify") };
        assert_eq!(in_any_order(&[&ahead, &no]), (false, 200));
    }

    #[test]
    fn a_row_that_holds_since_always_was_told_when_it_came() {
        let always = ProfileRow { effective_at: Time::MIN, ..row(0, true, "identify") };
        assert_eq!(in_any_order(&[&always, &row(60, false, "identify")]), (true, 100));
    }

    #[test]
    fn the_log_tells_what_became_of_each_word() {
        let rows = [row(1, true, IMPORT), row(2, false, "unsubscribe"), row(3, true, IMPORT), row(4, true, "identify")];
        let log = consent_log(&rows);
        let told: Vec<_> = log.iter().map(|entry| (entry.at.0, entry.granted, entry.effect)).collect();
        let expected = [
            (1, true, ConsentEffect::Changed),
            (2, false, ConsentEffect::Changed),
            (3, true, ConsentEffect::Overruled),
            (4, true, ConsentEffect::Changed),
        ];
        assert_eq!(told, expected);
        assert_eq!(consent_log([&rows[0], &rows[3]])[1].effect, ConsentEffect::Repeated);
    }

    #[test]
    fn of_two_who_are_one_the_objection_of_either_stands_until_a_later_grant() {
        let (theirs, ours) = (row(5, false, "identify"), row(9, true, "identify"));
        let of = |row: &ProfileRow| consents([row]);
        let objection = objections([&of(&ours), &of(&theirs)], [&ours, &theirs], Time(500)).unwrap();
        assert_eq!(
            (objection.told_at(), objection.received_at, objection.source.as_str()),
            (Time(9), Time(500), "merge")
        );
        assert_eq!(in_any_order(&[&theirs, &ours, &objection]), (false, 9));
        assert_eq!(in_any_order(&[&theirs, &ours, &objection, &row(10, true, "identify")]), (true, 10));
        let fits = row(12, false, "identify");
        assert_eq!(objections([&of(&ours), &of(&fits)], [&ours, &fits], Time(500)), None, "it stands as it is");
        assert_eq!(objections([&of(&ours), &of(&ours)], [&ours], Time(500)), None);
    }

    #[test]
    fn what_needs_no_other_rows_comes_to_the_same_with_them() {
        let sources = ["identify", IMPORT];
        let all: Vec<ProfileRow> = (0..24)
            .map(|n| {
                let source = sources[n % 2];
                let row = row(i64::try_from(n * 7 % 5).unwrap(), n % 3 > 0, source);
                if n % 4 == 3 { proven(i64::try_from(n % 6).unwrap(), row) } else { row }
            })
            .collect();
        let mut alone = 0;
        for first in &all {
            for second in &all {
                for third in &all {
                    let mut customer = Customer { consent: consents([first, second]), ..Customer::new("c", Time(0)) };
                    if customer.tells_nothing_new(third) && third.told_at() >= first.told_at().max(second.told_at()) {
                        alone += 1;
                        customer.hear(third);
                        let of_all = consents([first, second, third]);
                        let said = |consent: &Consent| (consent.granted, consent.at);
                        assert_eq!(said(&customer.consent["marketing"]), said(&of_all["marketing"]));
                    }
                }
            }
        }
        assert!(alone > 1000);
    }

    #[test]
    fn a_proof_that_says_nothing_takes_next_to_no_room_and_a_row_from_before_there_were_any_is_read() {
        let plain = row(1, true, "identify");
        let bytes = minicbor::to_vec(&plain).unwrap();
        assert_eq!(minicbor::decode::<ProfileRow>(&bytes).unwrap(), plain);
        let proven = proven(3, plain);
        assert_eq!(minicbor::decode::<ProfileRow>(&minicbor::to_vec(&proven).unwrap()).unwrap(), proven);
    }
}
