use super::{Closed, Shared, Shop};
use crate::cli::console::Console;

const ID: &str = "01010101010101010101010101010101";

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_daemon_and_this_process_answer_the_same() {
    let (near, far) = (Shop::new(), Shop::new());
    let daemon = far.daemon().await;
    for (line, code) in [
        ("plan --at 2026-11-22", 0),
        ("plan --customers --format json", 0),
        ("plan --format markdown", 0),
        ("explain nobody", 1),
        ("explain 7 --format json", 1),
        ("simulate --from 2026-03-01 --to 2026-03-31", 0),
        ("simulate --from 2026-03-01 --to 2026-03-31 --rule win-bak", 1),
        ("status", 0),
        ("status --format json", 0),
        ("reload", 65),
        ("emit Signed --customer 7", 1),
        ("emit Signed --customer 7 --force a=1", 0),
        ("emit Signed --customer 7 --force a=1 a=2", 2),
        ("emit Signed --customer 7 --force --plan", 0),
        ("customers list --limit 2", 0),
        ("customers show nobody", 1),
        ("deliveries list", 0),
        ("deliveries list --state sent --format json", 0),
        ("deliveries retry --state failed", 0),
        ("deliveries cancel 01010101010101010101010101010101", 1),
        ("suppressions list", 0),
        ("suppressions add zoe@example.com", 0),
        ("suppressions remove zoe+a@example.com", 0),
        ("suppressions remove nobody", 1),
        ("rules list", 0),
        ("rules pause win-back", 0),
        ("rules resume none", 1),
        ("rules resume win-back --format json", 0),
        ("pause", 0),
        ("resume --format json", 0),
    ] {
        let args: Vec<_> = line.split(' ').collect();
        let mut process = near.run(&args).await;
        if line.starts_with("resume") {
            // Each command opens the store anew here, so this one finds what the made-up store begins with.
            process.out = process.out.replace("\"before\": false", "\"before\": true");
        }
        assert_eq!(process.code, code, "{line}: {process:?}");
        assert_eq!(process, far.run(&args).await, "{line}");
    }
    daemon.stop().await;
}

#[tokio::test]
async fn which_of_both_answers_is_told_when_asked_for() {
    let shop = Shop::new();
    let quiet = shop.run(&["deliveries", "list"]).await;
    assert_eq!(quiet.err, "");
    let ran = shop.run(&["-v", "deliveries", "list"]).await;
    assert!(
        ran.err.starts_with("no daemon answers on ") && ran.err.ends_with("opening the store itself\n"),
        "{}",
        ran.err
    );
    assert_eq!(ran.out, quiet.out);
    let daemon = shop.daemon().await;
    assert!(shop.run(&["-v", "deliveries", "list"]).await.err.starts_with("asking the daemon on "));
    daemon.stop().await;
}

#[tokio::test]
async fn a_plan_begins_with_the_assurance_that_nothing_is_sent() {
    let ran = Shop::new().run(&["plan", "--at", "2026-11-22", "--customers"]).await;
    insta::assert_snapshot!(ran.out, @r"
    NOTHING IS SENT
    if every trigger fired at 2026-11-22T00:00:00Z

    RULE      CUSTOMERS  MATCHED  UNKNOWN  ENROLL  HOLDOUT  E-MAILS  WEBHOOKS  HELD
    win-back       1000        5        1       2        1        2         2  no_consent 1, again_after 1

    win-back
      cannot be told, for lack of customer.tier (1 customer)
      under way: 40 enrollments; 38 go on, 2 would end (stopped); 41 steps to come; 2 steps would be cancelled
      4 deliveries now, usually 3 a day; the brake stays off (at more than 200 in 1d, 1 so far)

    win-back: matched
      42
      a\u{1b}b

    win-back: held, no_consent
      42
    ");
}

#[tokio::test]
async fn a_plan_in_json_has_the_form_that_programs_rely_on() {
    let ran = Shop::new().run(&["plan", "--at", "2026-11-22", "--customers", "--format", "json"]).await;
    let plan: serde_json::Value = serde_json::from_str(&ran.out).unwrap();
    let expected = serde_json::json!({"at": "2026-11-22T00:00:00Z", "rules": [{
        "rule": "win-back", "evaluated": 1000, "matched": 5, "unknown": 1, "enroll": 2, "holdout": 1,
        "hold": {"no_consent": 1, "again_after": 1}, "deliveries": {"email": 2, "webhook": 2},
        "customers": ["42", "a\u{1b}b"], "held": {"no_consent": ["42"]},
        "missing": {"customer.tier": 1}, "usual": 3,
        "under_way": {"count": 40, "go_on": 38, "end": {"stopped": 2}, "steps_waiting": 41, "steps_cancelled": 2,
                      "deliveries_cancelled": 0},
        "brake": {"limit": 200, "per": "1d", "before": 1, "queued": 4, "goes_off": false},
    }]});
    assert_eq!(plan, expected);
    assert_eq!(ran.err, "NOTHING IS SENT\n");
}

#[tokio::test]
async fn a_simulation_shows_what_goes_out_on_which_day_and_where_the_brake_would_go_off() {
    let ran = Shop::new().run(&["simulate", "--from", "2026-03-01", "--to", "2026-03-31"]).await;
    insta::assert_snapshot!(ran.out, @r#"
    NOTHING IS SENT
    2026-03-01 to 2026-03-31, UTC: 94 deliveries to 90 of 1000 customers

    RULE      CHANNEL  DELIVERIES  DAYS  MOST A DAY  ON
    win-back  email            93     3          80  2026-03-03
    win-back  webhook           1     1           1  2026-03-02

    win-back, email: deliveries a day
    80 |    #
       |    #
       |    #
       |  . #                                 .
       +--------------------------------------------------------------
            !
        2026-03-01                                          2026-03-31

    win-back, webhook: deliveries a day
    1 |  #
      |  #
      |  #
      |  #
      +--------------------------------------------------------------
           !
       2026-03-01                                          2026-03-31

    ! The brake would pause the rule; what it would stop is counted all the same:
      win-back: 2026-03-03 (80 within 1d, at most 50 allowed)
    "#);
}

#[tokio::test]
async fn a_simulation_in_json_has_the_form_that_programs_rely_on() {
    let args = ["simulate", "--from", "2026-03-01", "--to", "2026-03-31", "--format", "json"];
    let ran = Shop::new().run(&args).await;
    let report: serde_json::Value = serde_json::from_str(&ran.out).unwrap();
    let day = serde_json::json!({"day": "2026-03-02", "rule": "win-back", "channel": "email", "deliveries": 4});
    assert_eq!((&report["days"][0], &report["total"]), (&day, &94.into()));
    assert_eq!((&report["from"], &report["to"]), (&"2026-03-01T00:00:00Z".into(), &"2026-03-31T23:59:59.999Z".into()));
    assert_eq!(ran.err, "NOTHING IS SENT\n");
}

#[tokio::test]
async fn deliveries_in_json_have_the_form_that_programs_rely_on() {
    let ran = Shop::new().run(&["deliveries", "list", "--format", "json"]).await;
    let list: serde_json::Value = serde_json::from_str(&ran.out).unwrap();
    let keys = [
        "id",
        "rule",
        "step",
        "customer",
        "channel",
        "state",
        "attempts",
        "created_at",
        "due_at",
        "sent_at",
        "reason",
        "last_error",
    ];
    for key in keys {
        assert!(list[0].get(key).is_some(), "{key}");
    }
    assert_eq!(
        (list[2]["id"].as_str(), list[0]["state"].as_str()),
        (Some("03030303030303030303030303030303"), Some("failed"))
    );
    let none = Shop::new().run(&["deliveries", "list", "--state", "sent", "--format", "json"]).await;
    assert_eq!(none.out, "[]\n");
}

#[tokio::test]
async fn who_lets_sending_go_on_is_told_how_much_goes_on() {
    let shop = Shop::new();
    let rule = shop.run(&["rules", "resume", "win-back"]).await;
    assert_eq!(rule.out, "win-back is live; 12 held deliveries go on\n");
    assert_eq!(shop.run(&["pause"]).await.out, "sending is paused; 3 queued deliveries wait\n");
    let json = shop.run(&["rules", "resume", "win-back", "--format", "json"]).await;
    let json: serde_json::Value = serde_json::from_str(&json.out).unwrap();
    assert_eq!((&json["rule"], &json["state"], &json["released"]), (&"win-back".into(), &"live".into(), &12.into()));
}

#[tokio::test]
async fn tables_are_for_people() {
    let shop = Shop::new();
    let mut shown = String::new();
    for args in [
        &["status"][..],
        &["rules", "list"],
        &["deliveries", "list"],
        &["deliveries", "show", ID],
        &["suppressions", "list"],
        &["customers", "show", "a/b c"],
    ] {
        let ran = shop.run(args).await;
        assert_eq!((ran.code, ran.err.is_empty()), (0, args != ["rules", "list"]), "{args:?}: {}", ran.err);
        shown = format!("{shown}$ retaind {}\n{}{}\n", args.join(" "), ran.err, ran.out);
    }
    insta::assert_snapshot!(shown, @r#"
    $ retaind status
    One thing needs attention:
    ! the brake stopped win-back
      > retaind rules resume win-back

    daemon        running, ready (version 0.1.0, pid 4711, since 2026-11-22T10:00:00Z)
    settings      retaind.yaml
    sending       on
    rules         2, stopped by the brake: win-back
    next          2026-11-22T10:00:00Z win-back, 2026-11-22T11:00:00Z birthday
    last reload   2026-11-22T10:00:00Z by watch: refused, 2 errors; the first at rules/win-back.yaml:2:1: no key `prioritty`
    store         data, 1000 customers
    disk          1.0 MiB of store, 40.0 GiB of 100.0 GiB free
    last backup   2026-11-22T10:00:00Z, 3.0 MiB (7 kept in backups); next 2026-11-23T10:00:00Z
    arrivals      1200 stored in 4 min (4.8/s), 4 known already, 2 refused, 1 call refused
    sent          60 in 4 min, the latest 1.2 s after its time
    deliveries    queued 3, failed 2
    dead letters  2 (`retaind deliveries list --state failed` shows them)
    waiting       mail:marketing 3 due, the oldest since 2026-11-22T10:00:00Z (7 min)

    $ retaind rules list
    warning: the files were changed and are not in use: the last reload (2026-11-22T10:00:00Z, by watch) was refused, 2 errors; the first at rules/win-back.yaml:2:1: no key `prioritty`
    RULE      STATE                CLASS      PRIORITY  TRIGGER              NEXT DUE              LAST TICK  ENROLLED
    win-back  paused by the brake  marketing        50  0 10 * * * customer  2026-11-22T10:00:00Z  -                 -

    $ retaind deliveries list
    ID                                RULE      STEP  CUSTOMER  CHANNEL  STATE   ATTEMPTS  DUE                   REASON  LAST ERROR
    01010101010101010101010101010101  win-back  crm   a/b c     webhook  failed         3  2026-11-22T10:00:00Z  -       503\u{1b}[31m
    02020202020202020202020202020202  win-back  crm   a/b c     webhook  failed         3  2026-11-22T10:00:00Z  -       503\u{1b}[31m
    03030303030303030303030303030303  win-back  crm   a/b c     webhook  failed         3  2026-11-22T10:00:00Z  -       503\u{1b}[31m

    $ retaind deliveries show 01010101010101010101010101010101
    delivery    01010101010101010101010101010101
    rule        win-back
    step        crm
    customer    a/b c
    occurrence  2026-11-22T10:00
    channel     webhook
    endpoint    crm
    class       marketing
    topic       offers
    state       failed
    attempts    3
    last error  503\u{1b}[31m
    decided     2026-11-22T10:00:00Z
    due         2026-11-22T10:00:00Z
    expires     2026-11-22T10:00:00Z
    attempted   2026-11-22T10:00:00Z
    body        {"type":"x"}

    $ retaind suppressions list
    ADDRESS          SINCE                 REASON
    zoe@example.com  2026-11-22T10:00:00Z  manual

    $ retaind customers show a/b c
    customer  a/b c
    arrived   2026-11-22T10:00:00Z
    orders    0, 0 in all

    attributes
    ATTRIBUTE   VALUE
    first_name  Zo\u{7}e

    deliveries
    DUE                   RULE      CHANNEL  STATE   REASON
    2026-11-22T10:00:00Z  win-back  webhook  failed  -

    if each rule fired now
    RULE      DECISION  WHY
    win-back  hold      no_consent
    "#);
}

#[tokio::test]
async fn long_lists_are_cut_in_a_table_and_whole_in_json() {
    let shop = Shop::new();
    let table = shop.run(&["customers", "list"]).await;
    assert_eq!(table.out.lines().count(), 101);
    assert_eq!(table.err, "there is more: --after 100, or --limit N\n");
    let json = shop.run(&["customers", "list", "--format", "json"]).await;
    let all: Vec<serde_json::Value> = serde_json::from_str(&json.out).unwrap();
    assert_eq!(all.len(), 1203);
    assert_eq!(all[1202]["id"], "1202");
    let some = shop.run(&["customers", "list", "--format", "json", "--limit", "501", "--after", "7"]).await;
    let some: Vec<serde_json::Value> = serde_json::from_str(&some.out).unwrap();
    assert_eq!((some.len(), some[500]["id"].as_str()), (501, Some("507")));
}

#[tokio::test]
async fn a_check_tells_settings_from_rules_by_its_exit_code() {
    for (settings, rules, args, code, out) in [
        ("", "", &["check"][..], 0, "2 rules, 1 template: ok\n"),
        ("", "warn\n", &["check"], 0, "2 rules, 1 template: ok, 1 warning\n"),
        ("", "warn\n", &["check", "--strict"], 65, "2 rules, 1 template: 0 errors, 1 warning\n"),
        ("", "colour\n", &["check"], 65, "2 rules, 1 template: 1 error, 0 warnings\n"),
        ("size\n", "warn\ncolour\n", &["check"], 78, "2 rules, 1 template: 2 errors, 1 warning\n"),
    ] {
        let shop = Shop::new();
        std::fs::write(shop.folder.path().join("retaind.yaml"), settings).unwrap();
        std::fs::write(shop.folder.path().join("rules"), rules).unwrap();
        let ran = shop.run(args).await;
        assert_eq!((ran.code, ran.out.as_str()), (code, out), "{settings:?} {rules:?}");
        assert_eq!(ran.err.contains("no key"), !settings.is_empty() || !rules.is_empty());
    }
}

#[tokio::test]
async fn a_check_in_json_is_an_array_of_diagnostics() {
    let shop = Shop::new();
    std::fs::write(shop.folder.path().join("rules"), "colour\n").unwrap();
    let ran = shop.run(&["check", "--format", "json"]).await;
    let found: serde_json::Value = serde_json::from_str(&ran.out).unwrap();
    assert_eq!(found[0]["file"], "rules/a.yaml");
    assert_eq!(found[0]["code"], "unknown-key");
    assert_eq!((ran.code, ran.err.as_str()), (65, "2 rules, 1 template: 1 error, 0 warnings\n"));
}

#[tokio::test]
async fn failures_have_the_exit_code_of_their_sort() {
    let shop = Shop::without_store();
    let ran = shop.run(&["rules", "list"]).await;
    assert_eq!(ran.code, 74);
    insta::assert_snapshot!(ran.err, @"error: the daemon (pid 4711) holds the store and does not answer on its admin socket: it is starting or stopping; try again");
    std::fs::write(shop.folder.path().join("retaind.yaml"), "size\n").unwrap();
    let ran = shop.run(&["run"]).await;
    assert_eq!(ran.code, 78);
    insta::assert_snapshot!(ran.err, @r#"
    error[unknown-key]: no key `size`
     --> retaind.yaml:1:1
      |
    1 | size
      | ^^^^

    1 error in 1 file
    "#);
}

#[tokio::test]
async fn a_reload_that_is_refused_shows_where_and_why() {
    let ran = Shop::new().run(&["reload"]).await;
    assert_eq!(ran.code, 65);
    insta::assert_snapshot!(ran.err, @r#"
    error[unknown-key]: no key `prioritty`
     --> rules/win-back.yaml:2:1
      |
    2 | prioritty: 5
      | ^^^^^^^^^
      |
      = help: write `priority`

    error: the old rules stay in use
    "#);
}

#[tokio::test]
async fn a_reload_that_is_refused_is_told_to_programs_too() {
    let shop = Shop::new();
    let ran = shop.run(&["reload", "--format", "json"]).await;
    assert_eq!((ran.code, ran.err), (65, shop.run(&["reload"]).await.err));
    let told: serde_json::Value = serde_json::from_str(&ran.out).unwrap();
    let expected = serde_json::json!({"ok": false, "message": "the old rules stay in use", "diagnostics": [{
        "file": "rules/win-back.yaml", "line": 2, "column": 1, "end_line": 2, "end_column": 10, "severity": "error",
        "code": "unknown-key", "message": "no key `prioritty`", "help": "write `priority`",
        "line_text": "prioritty: 5",
    }]});
    assert_eq!(told, expected);
    std::fs::write(shop.folder.path().join("retaind.yaml"), "size\n").unwrap();
    let ran = shop.run(&["reload", "--format", "json"]).await;
    assert_eq!(ran.code, 78);
    let told: serde_json::Value = serde_json::from_str(&ran.out).unwrap();
    assert_eq!((&told["ok"], &told["diagnostics"][0]["file"]), (&false.into(), &"retaind.yaml".into()));
}

#[tokio::test]
async fn a_place_that_is_not_in_the_list_is_refused_in_the_words_of_the_command() {
    let ran = Shop::new().run(&["customers", "list", "--after", "zoe"]).await;
    assert_eq!(ran.code, 2);
    insta::assert_snapshot!(ran.err, @"error: `--after zoe` is no place in this list; write what `there is more: --after …` says below a list");
}

#[tokio::test]
async fn an_output_that_nobody_reads_any_more_is_no_error() {
    let err = Shared::default();
    let mut console = Console::captured(Box::new(Closed), Box::new(err.clone()));
    let code = Shop::new().execute(&["customers", "list", "--format", "json"], &mut console).await;
    assert_eq!((code, err.text().as_str()), (0, ""));
}

#[tokio::test]
async fn a_demo_whose_messages_did_not_arrive_fails() {
    let shop = Shop::new();
    let folder = shop.folder.path().to_str().unwrap();
    let missed = shop.run(&["demo", "--folder", folder, "--seed", "3"]).await;
    assert_eq!(
        (missed.code, missed.err.as_str()),
        (1, "error: not everything that was decided arrived exactly once\n")
    );
    assert!(missed.out.contains("500 made-up customers"), "{}", missed.out);
    assert_eq!(shop.run(&["demo", "--folder", folder, "--seed", "0"]).await.code, 0);
}

#[tokio::test]
async fn a_plan_of_other_rules_shows_what_they_change() {
    let shop = Shop::new();
    let folder = shop.folder.path().join("new");
    std::fs::create_dir(&folder).unwrap();
    std::fs::write(folder.join("win-back.yaml"), "rule: win-back\n").unwrap();
    let folder = folder.to_str().unwrap();
    let ran = shop.run(&["plan", "--at", "2026-11-22", "--rules", folder]).await;
    assert_eq!((ran.code, ran.err.as_str()), (0, ""));
    insta::assert_snapshot!(ran.out, @r"
    NOTHING IS SENT
    if every trigger fired at 2026-11-22T00:00:00Z

    RULE      CHANGE   CUSTOMERS  MATCHED  UNKNOWN  ENROLL  HOLDOUT  E-MAILS  WEBHOOKS  HELD
    win-back  changed       1000   5 (+2)   1 (+1)  2 (-2)   1 (+1)        2    2 (+2)  no_consent 1, again_after 1

    win-back
      - when: orders.count >= 2
      + when: a | b ```\u{1b}
      cannot be told, for lack of customer.tier (1 customer)
      under way: 40 enrollments; 38 go on, 2 would end (stopped); 41 steps to come; 2 steps would be cancelled
      4 deliveries now, usually 3 a day; the brake stays off (at more than 200 in 1d, 1 so far)

    segments: vip changed
    ");
    let ran = shop.run(&["plan", "--at", "2026-11-22", "--rules", folder, "--customers", "--format", "markdown"]).await;
    insta::assert_snapshot!(ran.out, @r"
    ### retaind plan: NOTHING IS SENT

    If every trigger fired at 2026-11-22T00:00:00Z.

    | rule | change | customers | matched | unknown | enroll | holdout | e-mails | webhooks | held |
    |---|---|--:|--:|--:|--:|--:|--:|--:|---|
    | win-back | changed | 1000 | 5 (+2) | 1 (+1) | 2 (-2) | 1 (+1) | 2 | 2 (+2) | no\_consent 1, again\_after 1 |

    segments: vip changed

    **win-back**

    ````diff
    - when: orders.count >= 2
    + when: a | b ```\u{1b}
    ````

    - cannot be told, for lack of customer.tier (1 customer)
    - under way: 40 enrollments; 38 go on, 2 would end (stopped); 41 steps to come; 2 steps would be cancelled
    - 4 deliveries now, usually 3 a day; the brake stays off (at more than 200 in 1d, 1 so far)

    win-back: matched (2)

    - 42
    - a\\u{1b}b

    win-back: held, no\_consent (1)

    - 42
    ");
    let ran = shop.run(&["plan", "--rules", "nowhere/at/all"]).await;
    assert_eq!(ran.code, 65);
    assert!(ran.err.starts_with("error: cannot read nowhere/at/all: "), "{}", ran.err);
}

#[tokio::test]
async fn an_explanation_is_shown_line_by_line_and_without_control_characters() {
    let shop = Shop::new();
    let ran = shop.run(&["explain", "a/b c", "--at", "2026-11-22T08:00:00Z"]).await;
    assert_eq!((ran.code, ran.err.as_str()), (0, ""));
    insta::assert_snapshot!(ran.out, @r#"
    Zo\u{7}e B. (a/b c) · win-back · Sun 22 Nov 2026, 11:00 Nairobi
    NO: 1 of 4 lines fails, 1 cannot be told. Due Sat 4 Apr 10:00 if nothing new arrives before.
      yes  orders.count >= 2                2
      NO   days_since(orders.last_at) > 60  55: last order 2 Feb
      ?    any:                             0 of 2 hold, 1 unknown
      ?      customer.tier == "gold"        customer.tier was never set
      NO     orders.revenue > 5000          830
      yes  none: [customer.wholesale]       false (default, never set)
    And if all were yes, that day: consent yes (4 Jan, \u{1b}[31mform)
      HELD frequency_cap: "birthday" went out 09:00 today, 1 a day
    Earlier: 22 Nov birthday sent · 22 Nov order 380 KES          rules/win-back.yaml:6
    "#);
    assert!(!ran.out.contains('\u{1b}') && !ran.out.contains('\u{7}'));
}

#[tokio::test]
async fn an_explanation_in_json_has_the_form_that_programs_rely_on() {
    let ran = Shop::new().run(&["explain", "a/b c", "--rule", "win-back", "--format", "json"]).await;
    let explained: serde_json::Value = serde_json::from_str(&ran.out).unwrap();
    assert_eq!(
        (ran.code, &explained["customer"], &explained["at"]),
        (0, &"a/b c".into(), &"2026-11-22T10:00:00Z".into())
    );
    let rule = &explained["rules"][0];
    assert_eq!((&rule["rule"], &rule["decision"]), (&"win-back".into(), &"no_match".into()));
    assert_eq!(
        (&rule["reasons"], &rule["next_due"]),
        (&serde_json::json!(["unknown_value"]), &"2026-11-22T10:00:00Z".into())
    );
    let condition = &rule["condition"];
    assert_eq!((&condition["text"], &condition["value"]), (&"all of".into(), &false.into()));
    assert_eq!(condition["detail"], "2 of 4 hold, 1 unknown");
    let values: Vec<_> = condition["children"].as_array().unwrap().iter().map(|child| &child["value"]).collect();
    assert_eq!(values, [&true.into(), &false.into(), &serde_json::Value::Null, &true.into()]);
    let (file, line, gate) = (&rule["file"], &rule["line"], &rule["gates"][1]["reason"]);
    assert_eq!((file, line, gate), (&"rules/win-back.yaml".into(), &6.into(), &"frequency_cap".into()));
}
