//! Operations with made-up answers, for tests of what lies on either side of them.

use super::*;
use crate::domain::{Class, Delivery, DeliveryId, Payload, Reason, State, Suppression, Time};
use async_trait::async_trait;
use std::io::{BufRead, BufReader, Read};
use std::sync::atomic::{AtomicBool, Ordering};

/// The instant of everything made up.
pub(crate) const AT: Time = Time(1_795_341_600_000);

/// Answers without a store.
#[derive(Default)]
pub(crate) struct Fake {
    paused: AtomicBool,
}

/// A delivery of that number.
pub(crate) fn delivery(number: u8) -> Delivery {
    Delivery {
        id: DeliveryId([number; 16]),
        rule: "win-back".into(),
        step: "crm".into(),
        customer: crate::domain::CustomerNumber(7),
        customer_id: "a/b c".into(),
        occurrence: "2026-11-22T10:00".into(),
        payload: Payload::Webhook { endpoint: "crm".into(), body: "{\"type\":\"x\"}".into() },
        class: Class::Marketing,
        topic: Some("offers".into()),
        state: State::Failed,
        created_at: AT,
        due_at: AT,
        expires_at: AT,
        attempts: 3,
        sent_at: None,
        reason: None,
        last_error: Some("503\u{1b}[31m".into()),
        tick: Some(AT),
        uncertain: 0,
        attempted_at: Some(AT),
        entry: None,
        later: false,
    }
}

fn rule(state: RuleStanding) -> RuleView {
    RuleView {
        rule: "win-back".into(),
        state,
        paused_at: None,
        description: "Bring back good customers".into(),
        file: "rules/win-back.yaml".into(),
        class: Class::Marketing,
        topic: Some("offers".into()),
        trigger: "0 10 * * * customer".into(),
        priority: 50,
        live_since: Some(AT),
        next_due: Some(AT),
        last_tick: None,
        problem: None,
    }
}

fn fault() -> crate::domain::Diagnostic {
    let text = "rule: win-back\nprioritty: 5\n";
    let place = crate::domain::Place { file: "rules/win-back.yaml".into(), text: text.into(), span: 15..24 };
    crate::domain::Diagnostic::error("unknown-key", place, "no key `prioritty`").help("write `priority`")
}

fn known(what: &str, name: &str, known: &str) -> Result<()> {
    if name == known { Ok(()) } else { Err(Failure::not_found(what, name)) }
}

/// As for a business whose clocks show UTC.
fn instant(when: Option<When>) -> Time {
    match when {
        None => AT,
        Some(When::At(time)) => time,
        Some(When::Day(day)) => day.to_string().parse().unwrap_or(AT),
    }
}

fn known_event(request: &EmitRequest) -> Result<()> {
    if request.force { Ok(()) } else { known("event", &request.event, "Order Completed") }
}

#[async_trait]
impl Operations for Fake {
    async fn plan(&self, request: PlanRequest) -> Result<PlanReport> {
        if request.rule.as_deref() == Some("hang") {
            std::future::pending::<()>().await;
        }
        let plan = RulePlan {
            rule: request.rule.unwrap_or_else(|| "win-back".into()),
            evaluated: 1000,
            matched: 5,
            unknown: 1,
            enroll: 2,
            holdout: 1,
            hold: [(Reason::NoConsent, 1), (Reason::AgainAfter, 1)].into(),
            deliveries: ChannelCounts { email: 2, webhook: 2 },
            customers: request.customers.then(|| vec!["42".into(), "a\u{1b}b".into()]),
            held: request.customers.then(|| [(Reason::NoConsent, vec!["42".into()])].into()),
            missing: [("customer.tier".into(), 1)].into(),
            under_way: Some(UnderWay {
                count: 40,
                go_on: 38,
                end: [(Reason::Stopped, 2)].into(),
                steps_waiting: 41,
                steps_cancelled: 2,
                deliveries_cancelled: 0,
            }),
            usual: Some(3),
            brake: Some(BrakeView {
                limit: 200,
                per: crate::domain::Span::days(1),
                before: 1,
                queued: 4,
                goes_off: false,
                stopped: false,
            }),
            caveat: None,
            change: request.files.is_some().then(change),
        };
        let compared = request
            .files
            .is_some()
            .then(|| Compared { segments: [("vip".into(), ChangeKind::Changed)].into(), ..Compared::default() });
        Ok(PlanReport {
            at: instant(request.at),
            sending_paused: false,
            marketing_paused: false,
            rules: vec![plan],
            compared,
        })
    }

    async fn explain(&self, request: ExplainRequest) -> Result<ExplainReport> {
        known("customer", &request.customer, "a/b c")?;
        let part = |text: &str, value, detail: &str| ConditionView {
            text: text.into(),
            value,
            detail: detail.into(),
            children: Vec::new(),
        };
        let none = ConditionView {
            children: vec![part("customer.wholesale", Some(false), "false (default, never set)")],
            ..part("none of", Some(true), "0 of 1 hold")
        };
        let any = ConditionView {
            children: vec![
                part("customer.tier == \"gold\"", None, "customer.tier was never set"),
                part("orders.revenue > 5000", Some(false), "830"),
            ],
            ..part("any of", None, "0 of 2 hold, 1 unknown")
        };
        let condition = ConditionView {
            children: vec![
                part("orders.count >= 2", Some(true), "2"),
                part("days_since(orders.last_at) > 60", Some(false), "55: last order 2 Feb"),
                any,
                none,
            ],
            ..part("all of", Some(false), "2 of 4 hold, 1 unknown")
        };
        let gate = |gate: &str, reason: Option<Reason>, detail: &str| GateView {
            gate: gate.into(),
            open: reason.is_none(),
            reason,
            detail: detail.into(),
            since: None,
            until: None,
        };
        let text = |at, text: &str| HistoryView {
            at,
            delivery: None,
            enrollment: None,
            event: Some("x".into()),
            text: text.into(),
        };
        Ok(ExplainReport {
            customer: request.customer,
            name: Some("Zo\u{7}e B.".into()),
            at: instant(request.at),
            sending_paused: false,
            marketing_paused: false,
            zone: "Africa/Nairobi".into(),
            rules: vec![RuleExplanation {
                rule: request.rule.unwrap_or_else(|| "win-back".into()),
                decision: RuleDecision::NoMatch,
                reasons: vec![Reason::UnknownValue],
                condition,
                next_due: Some(AT),
                verdict: "NO: 1 of 4 lines fails, 1 cannot be told.".into(),
                due: "Due Sat 4 Apr 10:00 if nothing new arrives before.".into(),
                trigger: None,
                stays: None,
                gates: vec![
                    gate("consent", None, "yes (4 Jan, \u{1b}[31mform)"),
                    gate("frequency_cap", Some(Reason::FrequencyCap), "\"birthday\" went out 09:00 today, 1 a day"),
                ],
                under_way: Vec::new(),
                file: "rules/win-back.yaml".into(),
                line: 6,
            }],
            history: vec![text(AT, "birthday sent"), text(AT, "order 380 KES")],
        })
    }

    /// Knows `Order Completed` and the customer `a/b c`; the message `seen` was there before.
    async fn simulate(&self, request: SimulateRequest) -> Result<SimulateReport> {
        let rule = request.rule.unwrap_or_else(|| "win-back".into());
        known("rule", &rule, "win-back")?;
        let of_day = |day: u8, channel: &str, deliveries| DeliveriesOfDay {
            day: format!("2026-03-{day:02}"),
            rule: rule.clone(),
            channel: channel.into(),
            deliveries,
        };
        Ok(SimulateReport {
            from: "2026-03-01T00:00:00Z".parse().unwrap_or(AT),
            to: "2026-03-31T23:59:59.999Z".parse().unwrap_or(AT),
            timezone: "UTC".into(),
            days: vec![of_day(2, "email", 4), of_day(2, "webhook", 1), of_day(3, "email", 80), of_day(20, "email", 9)],
            total: 94,
            brakes: vec![BrakedDay {
                day: "2026-03-03".into(),
                rule: rule.clone(),
                deliveries: 80,
                limit: 50,
                per: "1d".into(),
            }],
            paused: Vec::new(),
            sending_paused: false,
            marketing_paused: false,
            customers: 1000,
            reached: 90,
        })
    }

    async fn emit(&self, request: EmitRequest) -> Result<Emitted> {
        known_event(&request)?;
        let stored = request.message_id.as_deref() != Some("seen");
        let shown = |given: Given| match given {
            Given::Text(text) => text.into(),
            Given::Json(json) => json,
        };
        Ok(Emitted {
            new_customer: stored && request.customer != "a/b c",
            event: request.event,
            customer: request.customer,
            at: request.at.unwrap_or(AT),
            message_id: request.message_id,
            properties: request.properties.into_iter().map(|(name, given)| (name, shown(given))).collect(),
            stored,
            result: if stored { EmitResult::Stored } else { EmitResult::Duplicate },
            running: !self.paused.load(Ordering::SeqCst),
            remarks: Vec::new(),
        })
    }

    async fn plan_event(&self, request: EmitRequest) -> Result<EventPlan> {
        known_event(&request)?;
        let at = request.at.unwrap_or(AT);
        let step = |step: &str, channel: &str, hours| PlannedDelivery {
            step: step.into(),
            channel: channel.into(),
            due_at: at.plus(crate::domain::Span::hours(hours)),
        };
        let rule = |rule: &str, decision, reasons| EventRule {
            rule: rule.into(),
            decision,
            reasons,
            decided_at: at,
            deliveries: Vec::new(),
            waiting: Vec::new(),
            next_due: None,
            note: None,
        };
        let fires = EventRule {
            deliveries: vec![step("thanks", "email", 0), step("crm", "webhook", 0)],
            waiting: vec![step("ask", "email", 240)],
            next_due: Some(at.plus(crate::domain::Span::hours(240))),
            ..rule("thanks", RuleDecision::Fire, Vec::new())
        };
        let held = rule("vip", RuleDecision::Hold, vec![Reason::NoConsent]);
        let none = EventRule { note: Some("it is paused".into()), ..rule("big", RuleDecision::NoMatch, Vec::new()) };
        Ok(EventPlan {
            event: request.event,
            new_customer: request.customer != "a/b c",
            customer: request.customer,
            at,
            stored: false,
            rules: vec![fires, held, none],
            remarks: vec!["`revenu` is not declared; did you mean `revenue`?".into()],
        })
    }

    async fn infer(&self) -> Result<InferReport> {
        Ok(InferReport { schema: "customer:\n  plan: string\n".into(), customers: 7, events: 9 })
    }

    async fn status(&self) -> Result<Status> {
        Ok(Status {
            version: "0.1.0".into(),
            at: Some(AT.plus(crate::domain::Span::minutes(7))),
            running: true,
            pid: Some(4711),
            started_at: Some(AT),
            settings: "retaind.yaml".into(),
            paused: self.paused.load(Ordering::SeqCst),
            marketing_paused: None,
            backup: Some(BackupStatus {
                folder: "backups".into(),
                last: Some(AT),
                bytes: 3 << 20,
                kept: 7,
                next: Some(AT.plus(crate::domain::Span::days(1))),
                failed: None,
            }),
            readiness: self.readiness().await,
            store: StoreStatus {
                path: "data".into(),
                customers: 1000,
                disk_bytes: 1 << 20,
                disk_free_bytes: Some(40 << 30),
                disk_size_bytes: Some(100 << 30),
                writable: true,
            },
            deliveries: [(State::Queued, 3), (State::Held, 0), (State::Failed, 2)].into(),
            lanes: vec![LaneView {
                lane: "mail:marketing".into(),
                next_due: AT,
                late_seconds: 420,
                due: 3,
                trouble: None,
                tried_at: None,
            }],
            rules: RulesStatus { count: 2, paused: vec!["win-back".into()], braked: vec!["win-back".into()] },
            next_tick: Some(NextTick { at: AT, rule: "win-back".into() }),
            next_ticks: vec![
                NextTick { at: AT, rule: "win-back".into() },
                NextTick { at: AT.plus(crate::domain::Span::hours(1)), rule: "birthday".into() },
            ],
            late: Some(Late { tick_seconds: 0, look_seconds: 1 }),
            recent: Some(RecentStatus {
                seconds: 250,
                stored: 1200,
                duplicates: 4,
                refused: 2,
                calls_refused: 1,
                sent: 60,
                latest_ms: 1250,
                given_up: 0,
            }),
            attention: vec![Attention {
                about: "rule".into(),
                what: "the brake stopped win-back".into(),
                help: "retaind rules resume win-back".into(),
            }],
            last_reload: Some(ReloadStatus {
                at: AT,
                ok: false,
                by: ReloadBy::Watch,
                errors: 2,
                message: Some("the files have errors".into()),
                problems: vec![Problem::from(&fault())],
                restart: Vec::new(),
            }),
        })
    }

    async fn reload(&self) -> Result<ReloadReport> {
        Err(Failure::new(FailureKind::Rules, "the old rules stay in use").with(&[fault()]))
    }

    async fn backup(&self, mut into: BackupSink) -> Result<()> {
        let written = tokio::task::spawn_blocking(move || into.write_all(b"a backup")).await;
        written.expect("nothing panics").map_err(|error| Failure::from_error(FailureKind::Internal, &error))
    }

    async fn pause(&self) -> Result<Paused> {
        Ok(Paused { before: self.paused.swap(true, Ordering::SeqCst), paused: true, queued: 3 })
    }

    async fn resume(&self) -> Result<Paused> {
        Ok(Paused { before: self.paused.swap(false, Ordering::SeqCst), paused: false, queued: 3 })
    }

    /// Refuses lines that begin with `bad`; fails at a line `fail`.
    async fn import(&self, _: ImportRequest, source: ImportSource, sink: ImportSink) -> Result<ImportReport> {
        let reader = BlockingReader::new(source);
        let imported = tokio::task::spawn_blocking(move || import(reader, &sink)).await;
        imported.map_err(|error| Failure::from_error(FailureKind::Internal, &error))?
    }

    async fn customers(&self, query: CustomerQuery) -> Result<Page<CustomerLine>> {
        let first: usize = query
            .after
            .map_or(Ok(0), |after| after.parse())
            .map_err(|_| Failure::new(FailureKind::Invalid, "`after` is what a page's `next` said"))?;
        let last = (first + query.limit.unwrap_or(100)).min(1203);
        let items = (first..last).map(|number| customer(&number.to_string())).collect();
        Ok(Page { items, next: (last < 1203).then(|| last.to_string()) })
    }

    async fn customer(&self, id: &str) -> Result<CustomerDetail> {
        known("customer", id, "a/b c")?;
        let mut record = crate::domain::Customer::new(id, AT);
        record.attributes.insert("first_name".into(), crate::domain::Value::Text("Zo\u{7}e".into()));
        let mut detail = CustomerDetail::of(&record);
        detail.deliveries.push((&delivery(1)).into());
        let reasons = vec![Reason::NoConsent];
        detail.standing.push(StandingView { rule: "win-back".into(), decision: RuleDecision::Hold, reasons });
        Ok(detail)
    }

    async fn deliveries(&self, query: DeliveryQuery) -> Result<Page<DeliveryView>> {
        let found = [1, 2, 3].map(delivery);
        let fits = |delivery: &&Delivery| query.state.is_none_or(|state| state == delivery.state);
        let items = found.iter().filter(fits).map(DeliveryView::from).collect();
        Ok(Page { items, next: None })
    }

    async fn delivery(&self, id: DeliveryId) -> Result<DeliveryDetail> {
        known("delivery", &id.to_string(), &DeliveryId([1; 16]).to_string())?;
        Ok((&delivery(1)).into())
    }

    async fn retry(&self, selection: DeliverySelection) -> Result<Changed> {
        match selection {
            DeliverySelection::Filter(_) => Ok(Changed { changed: 3, unchanged: Vec::new() }),
            DeliverySelection::Ids(ids) => {
                let unchanged = ids.into_iter().map(|id| Unchanged { id, message: "it was sent".into() }).collect();
                Ok(Changed { changed: 0, unchanged })
            }
        }
    }

    async fn cancel(&self, selection: DeliverySelection) -> Result<Changed> {
        self.retry(selection).await
    }

    async fn suppressions(&self, _: SuppressionQuery) -> Result<Page<Suppression>> {
        let found = Suppression { address: "zoe@example.com".into(), reason: "manual".into(), at: AT };
        Ok(Page { items: vec![found], next: None })
    }

    async fn suppress(&self, request: SuppressionRequest) -> Result<SuppressionAdded> {
        let reason = request.reason.unwrap_or_else(|| "manual".into());
        Ok(SuppressionAdded { suppression: Suppression { address: request.address, reason, at: AT }, added: true })
    }

    async fn unsuppress(&self, address: &str) -> Result<()> {
        known("suppressed address", address, "zoe+a@example.com")
    }

    async fn rules(&self) -> Result<Vec<RuleView>> {
        Ok(vec![rule(RuleStanding::Braked)])
    }

    async fn pause_rule(&self, name: &str) -> Result<RuleView> {
        known("rule", name, "win-back")?;
        Ok(rule(RuleStanding::Paused))
    }

    async fn resume_rule(&self, name: &str) -> Result<RuleResumed> {
        known("rule", name, "win-back")?;
        Ok(RuleResumed { rule: rule(RuleStanding::Live), released: 12 })
    }

    async fn metrics(&self) -> String {
        "retaind_ready 1\n".into()
    }

    async fn readiness(&self) -> Readiness {
        let paused = self.paused.load(Ordering::SeqCst);
        Readiness { ready: !paused, reasons: if paused { vec!["all sending is paused".into()] } else { Vec::new() } }
    }
}

fn change() -> RuleChange {
    RuleChange {
        kind: ChangeKind::Changed,
        lines: vec!["- when: orders.count >= 2".into(), "+ when: a | b ```\u{1b}".into()],
        live: Some(LiveCounts {
            matched: 3,
            enroll: 4,
            deliveries: ChannelCounts { email: 2, webhook: 0 },
            ..LiveCounts::default()
        }),
    }
}

fn customer(id: &str) -> CustomerLine {
    (&crate::domain::Customer::new(id, AT)).into()
}

fn import(reader: impl Read, sink: &ImportSink) -> Result<ImportReport> {
    let mut report = ImportReport::default();
    let mut progress = ImportProgress::default();
    for line in BufReader::new(reader).lines() {
        let row = line.map_err(|error| Failure::from_error(FailureKind::Invalid, &error))?;
        report.rows += 1;
        progress.rows += 1;
        progress.bytes += row.len() as u64 + 1;
        match row.as_str() {
            "fail" => return Err(Failure::new(FailureKind::Store, "the disk is full")),
            bad if bad.starts_with("bad") => {
                report.refused += 1;
                let rejects = format!("{row},{},no such day\n", report.rows);
                sink.refused_blocking(RefusedRow { line: report.rows, reason: "no such day".into(), rejects })?;
            }
            _ => report.stored += 1,
        }
        if report.rows % 1000 == 0 {
            sink.progress_blocking(progress)?;
        }
    }
    Ok(report)
}
