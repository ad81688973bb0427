//! The daemon's own code from a schedule to a recorded outcome, with a real mail server, a real receiver of webhooks, a
//! real store, and a clock that is turned by hand.

mod agreed;
mod asked;
mod at_once;
mod emit;
mod faults;
mod foretold;
mod gates;
mod intake;
mod lives;
mod meddled;
mod merges;
mod plans;
mod purchases;
mod simulated;
mod ticks;
mod told;

use super::daemon::{self, Daemon};
use super::{StoreMode, open_store, project};
use crate::catcher::{HookCatcher, HookFaults, MailCatcher, MailFaults};
use crate::clock::{Clock, ManualClock};
use crate::domain::{Arrival, Delivery, Event, Number, ProfileRow, Span, Time, Value};
use crate::http::Operations;
use crate::store::{DeliveryFilter, Marking, Store, Urgency};
use meddled::{Meddled, Meddling};
use std::fmt::Write as _;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::sync::Arc;

const SECRET: &str = "whsec_C2FVsBQIhrscChlQIMV+b5sSYspob7oD";

/// 2026-03-10, a Tuesday, 09:59:30 UTC: half a minute before the rules of these tests fire.
const START: Time = Time(1_773_136_770_000);

/// A mail to everyone who bought.
pub(super) const LETTER: &str = "rule: letter
class: marketing
trigger: {schedule: \"0 10 * * *\"}
when: orders.count >= 1
again_after: 1d
steps:
- email: hello
";

/// A call for everyone who bought.
pub(super) const CALL: &str = "rule: call
class: service
trigger: {schedule: \"0 10 * * *\"}
when: orders.count >= 1
again_after: 1d
steps:
- webhook: {to: crm, type: customer.bought, data: {id: \"{{ customer.id }}\", orders: \"{{ orders.count }}\"}}
";

/// A project, its daemon and the world around it.
pub(crate) struct Shop {
    folder: tempfile::TempDir,
    pub(crate) mails: MailCatcher,
    pub(super) hooks: HookCatcher,
    pub(crate) clock: Arc<ManualClock>,
    meddling: Arc<Meddling>,
    daemon: Option<Daemon>,
    store: Option<Arc<dyn Store>>,
}

/// What a shop is made with.
#[derive(Default)]
pub(crate) struct Plan {
    pub(crate) rules: Vec<(&'static str, String)>,
    pub(crate) mail: MailFaults,
    pub(crate) hook: HookFaults,
    pub(crate) settings: &'static str,
    /// Where the clock stands; else at [`START`].
    pub(crate) start: Option<Time>,
}

impl Shop {
    /// A shop with one rule and a world that works.
    pub(super) async fn with(rule: &str) -> Self {
        Self::new(Plan { rules: vec![(name_of(rule), rule.to_owned())], ..Plan::default() }).await
    }

    pub(crate) async fn new(plan: Plan) -> Self {
        crate::channels::install_crypto();
        let any = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
        let mails = MailCatcher::start(any, plan.mail).await.unwrap();
        let hooks = HookCatcher::start(any, SECRET, plan.hook).await.unwrap();
        let mut shop = Self {
            folder: tempfile::tempdir().unwrap(),
            mails,
            hooks,
            clock: Arc::new(ManualClock::new(plan.start.unwrap_or(START))),
            meddling: Arc::default(),
            daemon: None,
            store: None,
        };
        let (mail, hook) = (shop.mails.address(), shop.hooks.url());
        let mut settings = format!(
            "business: {{name: Shop, address: Main Street 1, timezone: UTC}}
email: {{from: Shop <hello@shop.example>, transport: \"smtp://{mail}\", tls: none}}
endpoints: {{crm: {{url: \"{hook}\", secret: {{file: crm.secret}}, allow_http: true, allow_addresses: [127.0.0.0/8]}}}}
"
        );
        writeln!(settings, "{}", plan.settings).unwrap();
        shop.write("retaind.yaml", &settings);
        shop.write("crm.secret", SECRET);
        shop.write("schema.yaml", "customer: {tier: string, renews_on: date}\n");
        shop.write("templates/hello/en.md", "---\nsubject: Hello {{ customer.first_name or 'you' }}\n---\nHello.\n");
        for (name, text) in &plan.rules {
            shop.write(&format!("rules/{name}.yaml"), text);
        }
        shop.start().await;
        shop
    }

    pub(crate) fn write(&self, name: &str, text: &str) {
        let path = self.folder.path().join(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, text).unwrap();
    }

    /// Where its files are.
    pub(crate) fn folder(&self) -> &std::path::Path {
        self.folder.path()
    }

    /// What the clock shows.
    pub(crate) fn now(&self) -> Time {
        self.clock.now()
    }

    /// How many mails have come.
    pub(crate) fn mails_sent(&self) -> u64 {
        self.mails.count()
    }

    fn settings(&self) -> PathBuf {
        self.folder.path().join("retaind.yaml")
    }

    /// Starts the daemon, and waits until its schedules are live.
    pub(super) async fn start(&mut self) {
        self.launch().await;
        self.settle().await;
    }

    async fn launch(&mut self) {
        let project = daemon::require(project::load(&self.settings())).unwrap_or_else(|error| panic!("{error:?}"));
        let inner: Arc<dyn Store> = Arc::new(
            open_store(&project.settings, StoreMode::Create, crate::store::sled::SledSettings::default())
                .await
                .unwrap(),
        );
        let store: Arc<dyn Store> = Arc::new(Meddled { inner, meddling: Arc::clone(&self.meddling) });
        let clock: Arc<dyn Clock> = Arc::clone(&self.clock) as Arc<dyn Clock>;
        self.store = Some(Arc::clone(&store));
        self.daemon = Some(daemon::start(project, &self.settings(), store, clock, None).await.unwrap());
    }

    /// Stops the daemon as SIGTERM does.
    pub(super) async fn stop(&mut self) {
        self.store = None;
        self.daemon.take().unwrap().drain().await.unwrap();
    }

    pub(crate) fn operations(&self) -> Arc<dyn Operations> {
        self.daemon.as_ref().unwrap().operations()
    }

    pub(super) fn store(&self) -> &Arc<dyn Store> {
        self.store.as_ref().unwrap()
    }

    /// Waits until everything due was worked off.
    pub(crate) async fn settle(&self) {
        let shared = self.daemon.as_ref().unwrap().shared();
        shared.settled(self.clock.now()).await.unwrap();
    }

    /// Turns the clock on and waits until everything due was worked off.
    pub(crate) async fn pass(&self, span: Span) {
        self.clock.advance(span);
        self.settle().await;
    }

    /// Turns the clock to the instant at which the rules fire, and waits.
    pub(crate) async fn fire(&self) {
        self.pass(Span::seconds(30)).await;
    }

    /// Turns the clock back, and lets the loops notice.
    pub(super) async fn turn_back(&self, span: Span) {
        self.clock.set(self.clock.now().minus(span));
        self.nudge().await;
    }

    /// Lets both loops look once more, whatever they find.
    pub(super) async fn nudge(&self) {
        let parts = self.daemon.as_ref().unwrap().shared().daemon.as_ref().unwrap();
        let (mut looked, mut working) = (parts.looked_at.subscribe(), parts.worker.watch());
        parts.replan.wake.notify_one();
        looked.changed().await.unwrap();
        parts.worker.wake();
        working.changed().await.unwrap();
    }

    /// Waits until every tick that is due was worked off, whether or not anything is sent.
    pub(super) async fn decided(&self) {
        let parts = self.daemon.as_ref().unwrap().shared().daemon.as_ref().unwrap();
        let now = self.clock.now();
        parts.replan.wake.notify_one();
        // A look that is finished has planned and worked off all that was due at its instant.
        drop(parts.looked_at.subscribe().wait_for(|at| *at >= now).await.unwrap());
    }

    /// Starts the daemon where a pause keeps what is due from being worked off.
    pub(super) async fn start_paused(&mut self) {
        self.launch().await;
        self.decided().await;
    }

    pub(super) fn remove(&self, name: &str) {
        let path = self.folder.path().join(name);
        if path.is_dir() { std::fs::remove_dir_all(path).unwrap() } else { std::fs::remove_file(path).unwrap() }
    }

    pub(super) fn edit(&self, name: &str, from: &str, to: &str) {
        let path = self.folder.path().join(name);
        let text = std::fs::read_to_string(&path).unwrap();
        assert!(text.contains(from), "{text}");
        std::fs::write(path, text.replace(from, to)).unwrap();
    }

    pub(crate) async fn arrive(&self, arrivals: Vec<Arrival>) {
        let interest = Arc::clone(&self.daemon.as_ref().unwrap().shared().world.load().interest);
        self.store().ingest(arrivals, &interest, Urgency::Interactive, Marking::Dirty).await.unwrap();
        self.daemon.as_ref().unwrap().shared().ring();
    }

    /// A customer with an address, consent and one purchase.
    pub(crate) async fn customer(&self, id: &str) {
        self.arrive(vec![
            self.profile(id, &[("email", &format!("{id}@customers.example"))], Some(true)),
            self.order(id, "1"),
        ])
        .await;
    }

    pub(crate) fn profile(&self, id: &str, attributes: &[(&str, &str)], consent: Option<bool>) -> Arrival {
        let attributes = attributes.iter().map(|(name, text)| {
            let value = (!text.is_empty()).then(|| Value::Text((*text).into()));
            ((*name).into(), value)
        });
        let row = ProfileRow {
            effective_at: Time::MIN,
            attributes: attributes.collect(),
            consent: consent.map(|granted| ("marketing".into(), granted)).into_iter().collect(),
            source: "test".into(),
            received_at: self.clock.now(),
            proof: None,
        };
        Arrival::Profile { customer: id.to_owned(), row, dated: false, message_id: None }
    }

    pub(crate) fn order(&self, id: &str, number: &str) -> Arrival {
        let properties = [
            ("order_id".into(), Value::Text(format!("{id}-{number}").into())),
            ("revenue".into(), Value::Number(Number::from(10))),
        ];
        let event = Event {
            name: "Order Completed".into(),
            at: self.clock.now().minus(Span::seconds(1)),
            received_at: self.clock.now(),
            message_id: Some(format!("{id}-{number}").into()),
            properties: properties.into(),
        };
        Arrival::Event { customer: id.to_owned(), event }
    }

    pub(super) async fn deliveries(&self) -> Vec<Delivery> {
        self.store().deliveries(&DeliveryFilter::default(), None, 1000).await.unwrap()
    }

    /// The only delivery there is.
    pub(super) async fn only(&self) -> Delivery {
        let mut all = self.deliveries().await;
        assert_eq!(all.len(), 1, "{all:?}");
        all.remove(0)
    }
}

pub(super) fn name_of(rule: &str) -> &'static str {
    if rule.starts_with("rule: call\n") { "call" } else { "letter" }
}
