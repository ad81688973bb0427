//! From format 1 to 2: consent by the rule that objections win, and the other ids of customers written down.
//!
//! Programs of format 1 kept every row that tells of consent, so nothing has to be made up: what stands is made of them anew.
//! They let a grant of a file undo a withdrawal, and did not write down which other ids a customer has.

use super::Page;
use crate::domain::{Customer, CustomerNumber, Time, consents};
use crate::store::sled::fault::Fault;
use crate::store::sled::keys::{self, Kind};
use crate::store::sled::logs::Logs;
use crate::store::sled::reader::{Reader, Row};
use crate::store::sled::rows;

/// Rows that are looked at for one page.
const LOOKED_AT: usize = 200;

/// Writes down which ids a customer has besides the record's.
pub(super) fn write_aliases(reader: Reader<'_>, from: &[u8]) -> Result<Page, Fault> {
    look(reader, Kind::Name, from, |page, (key, value)| {
        let id = keys::text(key).ok_or_else(|| Fault::Damaged("an id is no text".into()))?;
        let Some((number, row)) = reader.record(rows::read(value)?)? else { return Ok(()) };
        let (_, customer): (u64, Customer) = rows::read_versioned(&row)?;
        if *customer.id != *id {
            page.rows.push((keys::alias(number, &id).into(), Some(rows::mark())));
        }
        Ok(())
    })
}

/// Makes consent anew of all that was told. Whoever's changed is looked at as soon as the rules are.
pub(super) fn settle_consent(reader: Reader<'_>, from: &[u8]) -> Result<Page, Fault> {
    look(reader, Kind::Customer, from, |page, (key, value)| {
        let (version, mut customer): (u64, Customer) = rows::read_versioned(value)?;
        let number = keys::customer_number(key).ok_or_else(|| Fault::Damaged("a customer's key is cut".into()))?;
        let told = Logs::of(number, &customer).profile_rows(reader, Time::MAX)?;
        let stands = consents(&told);
        if stands == customer.consent {
            return Ok(());
        }
        customer.consent = stands;
        wake_at_once(page, number, &mut customer);
        page.rows.push((key.clone(), Some(rows::write_versioned(version, &customer)?)));
        Ok(())
    })
}

fn wake_at_once(page: &mut Page, number: CustomerNumber, customer: &mut Customer) {
    if customer.wake.is_some_and(|wake| wake <= Time(0)) {
        return;
    }
    if let Some(wake) = customer.wake {
        page.rows.push((keys::wake(wake, number).into(), None));
    }
    page.rows.push((keys::wake(Time(0), number).into(), Some(rows::mark())));
    customer.wake = Some(Time(0));
}

/// Goes through the rows of a kind, a page at a time.
fn look(
    reader: Reader<'_>,
    kind: Kind,
    from: &[u8],
    mut each: impl FnMut(&mut Page, &Row) -> Result<(), Fault>,
) -> Result<Page, Fault> {
    let mut page = Page::default();
    let from = if from.is_empty() { kind.all() } else { from.to_vec() };
    let mut count = 0;
    for row in reader.between(from, keys::after_prefix(&kind.all())).take(LOOKED_AT) {
        let row = row?;
        each(&mut page, &row)?;
        page.next = Some([&row.0[..], &[0]].concat());
        count += 1;
    }
    if count < LOOKED_AT {
        page.next = None;
    }
    Ok(page)
}

#[cfg(test)]
mod tests {
    use crate::domain::{Customer, IMPORT, ProfileRow};
    use crate::store::Store;
    use crate::store::contract::sample::{customer, dated, day, ingest, mark, merge, profile, row};
    use crate::store::sled::keys::{self, Kind};
    use crate::store::sled::tests::{bare, open};
    use crate::store::sled::{OpenMode, rows};

    fn says(received: i64, granted: bool, source: &str) -> ProfileRow {
        ProfileRow { consent: [("marketing".into(), granted)].into(), source: source.into(), ..row(received, &[]) }
    }

    #[tokio::test]
    async fn a_withdrawal_that_a_file_undid_stands_again_and_ids_are_written_down() {
        let parent = tempfile::tempdir().unwrap();
        let folder = parent.path().join("store");
        let store = open(&folder, OpenMode::Create).unwrap();
        mark(&store, vec![dated("a", 1, says(1, false, "identify")), profile("a", says(2, true, IMPORT))]).await;
        ingest(&store, vec![profile("b", says(1, true, "identify")), merge("visitor", "b", 2)]).await;
        ingest(&store, (0..500).map(|n| profile(&format!("c{n}"), says(1, true, IMPORT))).collect()).await;
        let (before, others) = (customer(&store, "a", 9).await, customer(&store, "c7", 9).await);
        store.close().await.unwrap();
        drop(store);
        // As a program of format 1 would have left it.
        let db = bare(&folder);
        let key = keys::customer(before.number);
        let (version, mut record): (u64, Customer) = rows::read_versioned(&db.get(&key).unwrap().unwrap()).unwrap();
        record.consent.get_mut("marketing").unwrap().granted = true;
        db.insert(key, rows::write_versioned(version, &record).unwrap()).unwrap();
        for row in db.scan_prefix(Kind::Alias.all()) {
            db.remove(row.unwrap().0).unwrap();
        }
        db.insert(keys::meta("format"), rows::write(&1_u32).unwrap()).unwrap();
        db.flush().unwrap();
        drop(db);

        let store = open(&folder, OpenMode::MustExist).unwrap();
        let seen = customer(&store, "a", 9).await;
        assert_eq!(seen.customer.consent, before.customer.consent);
        assert!(!seen.customer.consents_to("marketing"));
        assert_eq!(store.next_wake().await.unwrap(), Some(crate::domain::Time(0)), "the rules look at them");
        assert_eq!(customer(&store, "c7", 9).await, others);
        let b = customer(&store, "b", 9).await.number;
        assert_eq!(store.ids(b).await.unwrap(), ["b", "visitor"]);
        assert_eq!(store.erase("visitor", day(3)).await.unwrap().unwrap().ids, 2);
    }
}
