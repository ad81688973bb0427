//! From decisions to durable deliveries, committed as a tick commits them, against bare sled writing the same rows.

use crate::bare::{self, Bare};
use crate::project::{NOBODY, Project, Rules};
use crate::table::{Limit, Row, Unit, show};
use crate::{fill, people, scratch};
use retaind::domain::{
    CapSlot, Class, Delivery, DeliveryKey, EXPIRES_AFTER, Enrollment, Interest, Payload, RuleMemory, State, Tick,
    TickCounts, TickMember, Time,
};
use retaind::store::sled::{OpenMode, SledStore};
use retaind::store::{Decision, DecisionBatch, Store, StoredCustomer, Urgency, View};
use std::path::Path;
use std::sync::Arc;
use std::time::Instant;

/// Decisions of one commit, as a tick has them.
const COMMIT: usize = 40;
/// Customers read at once.
const PAGE: usize = 4000;
/// Rows of one decision: customer, enrollment, delivery, due row.
const ROWS: usize = 4;
const RULE: &str = "win-back";
const OCCURRENCE: &str = "2026-11-20T13:00";

pub(crate) fn run() -> anyhow::Result<()> {
    let customers = scratch::customers()?;
    let decisions = scratch::size("RETAIND_BENCH_DELIVERIES", 60_000)?.min(customers);
    let folder = scratch::folder()?;
    let project = Project::write(folder.path(), Rules::FiveWindowed, NOBODY)?;
    let interest = Arc::new(project.load()?.rules.interest);
    let (ours, bare) = (project.store(), folder.path().join("bare"));
    fill::store(&ours, customers, &interest)?;
    scratch::copy(&ours, &bare)?;
    let (made, seconds) = decide_all(&ours, &interest, decisions)?;
    let ceiling = ceiling(&ours, &bare, &made)?;
    let rate = |seconds: f64| made.len() as f64 / seconds;
    let row = Row {
        what: format!("deliveries made durable, {COMMIT} in a commit"),
        figure: rate(seconds),
        ceiling: Some(rate(ceiling)),
        unit: Unit::PerSecond,
        limit: Limit::AtLeast(12_000.0),
    };
    show(&format!("{} decisions over {customers} customers", made.len()), &[row]);
    Ok(())
}

/// Decides for the first customers; answers the deliveries and the seconds that the commits took.
fn decide_all(folder: &Path, interest: &Arc<Interest>, decisions: u64) -> anyhow::Result<(Vec<Delivery>, f64)> {
    let store = SledStore::open(folder, OpenMode::MustExist)?;
    scratch::runtime()?.block_on(async {
        let view = View { interest: Arc::clone(interest), now: people::NOW, backtest: false };
        let (mut tick, mut made, mut seconds) = (tick(), Vec::new(), 0.0);
        store.plan(vec![tick.clone()], Vec::new()).await?;
        while (made.len() as u64) < decisions {
            let page = store.customers(tick.cursor, store.last_customer(), PAGE, &view).await?;
            anyhow::ensure!(!page.is_empty(), "the customers ran out");
            for part in page.chunks(COMMIT) {
                let decided: Vec<Decision> =
                    part.iter().map(|stored| decision(stored, &store.delivery_key())).collect();
                made.extend(decided.iter().flat_map(|decision| decision.deliveries.iter().cloned()));
                tick.cursor = part.last().map(|stored| stored.number);
                tick.members[0].counts.enrolled += part.len() as u64;
                let batch = DecisionBatch {
                    tick: Some(tick.clone()),
                    rules: Vec::new(),
                    decisions: decided,
                    urgency: Urgency::Background,
                };
                let begin = Instant::now();
                store.decide(batch).await?;
                seconds += begin.elapsed().as_secs_f64();
            }
        }
        store.close().await?;
        Ok((made, seconds))
    })
}

fn tick() -> Tick {
    let member = TickMember {
        rule: RULE.into(),
        zone: "Europe/Zagreb".to_owned(),
        of_customers: false,
        occurrence: OCCURRENCE.to_owned(),
        counts: TickCounts::default(),
    };
    Tick { at: people::NOW, members: vec![member], cursor: None, complete: false }
}

/// What the engine decides for a customer whom one rule with one mail concerns.
pub(crate) fn decision(stored: &StoredCustomer, key: &DeliveryKey) -> Decision {
    let delivery = delivery(stored, key, Payload::Email { template: RULE.into() });
    let memory = RuleMemory {
        occurrence: OCCURRENCE.into(),
        enrolled_at: people::NOW,
        enrollments: 1,
        held_out: false,
        sent_at: None,
    };
    let enrollment = Enrollment {
        rule: RULE.into(),
        occurrence: OCCURRENCE.into(),
        entered_at: people::NOW,
        held_out: false,
        deliveries: vec![delivery.id],
        class: Class::Marketing,
        ending: None,
    };
    Decision {
        memories: vec![(RULE.into(), memory)],
        slots: vec![CapSlot { class: Class::Marketing, at: people::NOW, delivery: delivery.id }],
        enrollments: vec![enrollment],
        deliveries: vec![delivery],
        ..Decision::none(stored.number, stored.version)
    }
}

/// A queued delivery of a tick at [`people::NOW`].
pub(crate) fn delivery(stored: &StoredCustomer, key: &DeliveryKey, payload: Payload) -> Delivery {
    let now: Time = people::NOW;
    Delivery {
        id: key.delivery_id(RULE, &stored.customer.id, OCCURRENCE, RULE),
        rule: RULE.into(),
        step: RULE.into(),
        customer: stored.number,
        customer_id: stored.customer.id.clone(),
        occurrence: OCCURRENCE.into(),
        payload,
        class: Class::Marketing,
        topic: Some("offers".into()),
        state: State::Queued,
        created_at: now,
        due_at: now,
        expires_at: now.plus(EXPIRES_AFTER),
        attempts: 0,
        sent_at: None,
        reason: None,
        last_error: None,
        tick: Some(now),
        uncertain: 0,
        attempted_at: None,
        entry: None,
        later: false,
    }
}

/// Customer, enrollment, delivery and due row of each, and the tick's row with each batch; answers seconds.
fn ceiling(ours: &Path, bare: &Path, made: &[Delivery]) -> anyhow::Result<f64> {
    let (from, to) = (Bare::open(ours)?, Bare::open(bare)?);
    let due: std::collections::HashMap<Vec<u8>, bare::Row> = from
        .prefix(b"q")
        .map(|row| row.map(|row| (row.0[row.0.len() - 16..].to_vec(), row)))
        .collect::<Result<_, _>>()?;
    let tick = from.nth(b"t", 0)?;
    let mut rows = Vec::new();
    for part in made.chunks(COMMIT) {
        for delivery in part {
            let number = delivery.customer.0;
            rows.push(from.row(bare::key(b'c', number))?);
            rows.push(from.nth(&bare::key(b'l', number), 0)?);
            rows.push(from.row([b"o", &delivery.id.0[..]].concat())?);
            rows.extend(due.get(&delivery.id.0[..]).cloned());
        }
        rows.push(tick.clone());
    }
    to.write(&rows, COMMIT * ROWS + 1)
}
