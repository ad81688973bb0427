use super::Shop;

#[tokio::test]
async fn what_became_of_an_event_is_told_with_what_stands_out() {
    let shop = Shop::new();
    let args = ["emit", "Order Completed", "--customer", "8", "revenue=12.50", "--at", "2026-11-22"];
    let made = shop.run(&args).await;
    assert_eq!((made.code, made.out.as_str()), (0, "stored: Order Completed of 8 at 2026-11-22T00:00:00Z\n"));
    assert_eq!(made.err, "customer 8 was not known and is made\n");
    let again = shop.run(&["emit", "Order Completed", "--customer", "a/b c", "--message-id", "seen"]).await;
    assert_eq!(again.out, "duplicate, nothing changed: Order Completed of a/b c at 2026-11-22T10:00:00Z\n");
    assert_eq!(again.err, "");
    let json = shop.run(&[&args[..], &["--format", "json", "more:=[1]"]].concat()).await;
    let json: serde_json::Value = serde_json::from_str(&json.out).unwrap();
    assert_eq!((&json["stored"], &json["result"]), (&true.into(), &"stored".into()));
    assert_eq!(json["properties"], serde_json::json!({"more": [1], "revenue": "12.50"}));
}

#[tokio::test]
async fn what_an_event_would_start_is_shown_step_by_step() {
    let ran = Shop::new().run(&["emit", "Order Completed", "--customer", "a/b c", "--plan"]).await;
    assert_eq!(ran.err, "warning: `revenu` is not declared; did you mean `revenue`?\n");
    insta::assert_snapshot!(ran.out, @r#"
    NOTHING IS STORED OR SENT
    Order Completed of a/b c at 2026-11-22T10:00:00Z

    RULE    DECISION  WHY         STEP    CHANNEL  DUE
    thanks  fire      -           thanks  email    2026-11-22T10:00:00Z
                                  crm     webhook  2026-11-22T10:00:00Z
                                  ask     email    2026-12-02T10:00:00Z, waits
    vip     hold      no_consent  -       -        -
    big     no_match  -           -       -        -

    big: it is paused
    "#);
}

#[tokio::test]
async fn what_an_event_would_start_has_a_form_that_programs_rely_on() {
    let args = ["emit", "Order Completed", "--customer", "a/b c", "--plan", "--format", "json"];
    let ran = Shop::new().run(&args).await;
    assert!(ran.err.ends_with("NOTHING IS STORED OR SENT\n"));
    let plan: serde_json::Value = serde_json::from_str(&ran.out).unwrap();
    assert_eq!((&plan["event"], &plan["customer"]), (&"Order Completed".into(), &"a/b c".into()));
    assert_eq!(plan["stored"], false);
    let rule = &plan["rules"][0];
    assert_eq!((&rule["rule"], &rule["decision"]), (&"thanks".into(), &"fire".into()));
    let first = serde_json::json!({"step": "thanks", "channel": "email", "due_at": "2026-11-22T10:00:00Z"});
    assert_eq!(rule["deliveries"][0], first);
    assert_eq!(rule["next_due"], "2026-12-02T10:00:00Z");
    assert_eq!(plan["rules"][1]["reasons"], serde_json::json!(["no_consent"]));
    assert_eq!(plan["rules"][2]["decision"], "no_match");
}
