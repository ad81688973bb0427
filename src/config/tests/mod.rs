mod broken;

use super::{
    Admin, BackupSettings, Http, Mailbox, Rate, Secret, Settings, Tls, Transport, read_schema, read_settings,
    schema_of_no_file,
};
use crate::domain::{
    Attribute, CapPeriod, Class, Diagnostic, FrequencyCap, Misfire, MisfirePolicy, Policy, Purchase, QuietHours,
    Schema, Span, UncertainPolicy, Value, ValueType,
};
use std::path::Path;

fn read(text: &str) -> (Option<Settings>, Vec<Diagnostic>) {
    read_settings(Path::new("retaind.yaml"), text.as_bytes(), Path::new("/shop"))
}

fn good(text: &str) -> Settings {
    let (settings, problems) = read(text);
    assert!(problems.iter().all(|problem| problem.code == "not-supported" && !problem.is_error()), "{problems:?}");
    settings.unwrap()
}

fn declared(text: &str) -> (Schema, Vec<Diagnostic>) {
    read_schema(Path::new("schema.yaml"), text.as_bytes(), &good("topics: {offers: Offers and news}"))
}

fn lines(problems: &[Diagnostic]) -> Vec<String> {
    problems.iter().map(Diagnostic::to_string).collect()
}

#[test]
fn every_problem_of_broken_settings_is_told_with_its_place() {
    for (text, expected) in broken::SETTINGS {
        assert_eq!(lines(&read(text).1), *expected, "{text}");
    }
}

#[test]
fn every_problem_of_a_broken_schema_is_told_with_its_place() {
    for (text, expected) in broken::SCHEMAS {
        assert_eq!(lines(&declared(text).1), *expected, "{text}");
    }
}

#[test]
fn what_the_settings_do_not_say_has_the_documented_default() {
    let settings = good("{}");
    assert_eq!(settings.purchase, Purchase::default());
    assert_eq!(settings.store.path, Path::new("/shop/data"));
    assert_eq!(settings.store.cache, None);
    assert_eq!(settings.policy, Policy::default());
    assert_eq!(settings.email, None);
    assert!(!settings.can_mail());
    let admin = Admin::Socket("/shop/data/admin.sock".into());
    assert_eq!(
        settings.http,
        Http {
            public: None,
            public_url: None,
            admin,
            write_keys: Vec::new(),
            rate: Rate { messages: 1000, per: Span::seconds(1) },
            trusted_proxies: Vec::new(),
        }
    );
    assert_eq!(settings.business.locale, "en");
    assert!(settings.reload.watch);
    assert_eq!(settings.backup, None);
    let backup = good("backup: {folder: b}\n").backup.unwrap();
    assert_eq!((backup.at, backup.keep), (jiff::civil::time(3, 30, 0, 0), 7));
}

const EVERYTHING: &str = r#"
business:
  name: Amani Coffee
  address: "Moi Avenue 1, Nairobi"
  timezone: Africa/Nairobi
  locale: en
  currency: KES
  words: {shop: "https://amani.example"}
  people: {owner: me@amani.example}
purchase: {event: Order Paid, value: total, id: number}
store: {path: /var/lib/retaind, cache: 256}
topics: {offers: Offers and news, events: Invitations}
email:
  from: Amani Coffee <hello@amani.example>
  reply_to: help@amani.example
  transport: smtp://127.0.0.1:2525
  tls: none
  username: mailer
  password: {credential: smtp-password}
  connections: 16
  rate: 6000/m
  only_to: [Me@Amani.example, "@staging.example"]
endpoints:
  crm:
    url: https://crm.example/hooks/retaind
    secret: [{file: new.secret}, {env: CRM_SECRET}]
    allow_addresses: [127.0.0.0/8, 10.1.2.3]
  till:
    url: http://till.example:8080/
    secret: {file: /etc/till.secret}
    allow_http: true
http:
  public: 127.0.0.1:8025
  public_url: https://mail.amani.example/
  admin: 127.0.0.1:8026
  admin_token: {file: admin.token}
  write_keys: [{file: write.key}]
frequency_caps: {marketing: [{max: 2, per: day}, {max: 5, per: 24h}]}
quiet_hours: {from: "21:30", to: "07:00"}
misfire: {policy: all, within: 2d}
uncertain: hold
reload: {watch: false}
backup: {folder: /mnt/backups, at: "04:05", keep: 30}
"#;

#[test]
fn every_key_of_the_settings_is_read() {
    let settings = good(EVERYTHING);
    assert_eq!(settings.business.timezone.iana_name(), Some("Africa/Nairobi"));
    assert_eq!(settings.business.words["shop"], "https://amani.example");
    assert_eq!(settings.business.people["owner"], "me@amani.example");
    assert_eq!(settings.business.currency.as_deref(), Some("KES"));
    assert_eq!(settings.purchase, Purchase { event: "Order Paid".into(), value: "total".into(), id: "number".into() });
    assert_eq!((settings.store.path.to_str(), settings.store.cache), (Some("/var/lib/retaind"), Some(256)));
    assert_eq!(settings.topics["events"], "Invitations");
    let policy = Policy {
        caps: [(
            Class::Marketing,
            vec![
                FrequencyCap { max: 2, per: CapPeriod::Day },
                FrequencyCap { max: 5, per: CapPeriod::Rolling(Span::days(1)) },
            ],
        )]
        .into(),
        quiet_hours: Some(QuietHours { from: 21 * 60 + 30, to: 7 * 60 }),
        misfire: Misfire { policy: MisfirePolicy::All, within: Span::days(2) },
        uncertain: UncertainPolicy::Hold,
    };
    assert_eq!(settings.policy, policy);
    assert!(!settings.reload.watch);
    let at = jiff::civil::time(4, 5, 0, 0);
    assert_eq!(settings.backup, Some(BackupSettings { folder: "/mnt/backups".into(), at, keep: 30 }));
}

#[test]
fn every_key_about_mail_is_read() {
    let settings = good(EVERYTHING);
    assert!(settings.can_mail());
    let email = settings.email.unwrap();
    let from = Mailbox { name: Some("Amani Coffee".into()), address: "hello@amani.example".into() };
    assert_eq!((email.from.as_ref(), from.domain()), (Some(&from), "amani.example"));
    assert_eq!(email.reply_to.unwrap().address, "help@amani.example");
    assert_eq!(email.transport, Transport::Smtp { host: "127.0.0.1".into(), port: 2525 });
    assert_eq!(email.tls, Tls::None);
    assert_eq!(email.username.as_deref(), Some("mailer"));
    assert_eq!(email.password, Some(Secret::Credential("smtp-password".into())));
    assert_eq!(email.connections, 16);
    assert_eq!(email.rate, Some(Rate { messages: 6000, per: Span::minutes(1) }));
    assert_eq!(email.only_to, ["me@amani.example", "@staging.example"]);
}

#[test]
fn every_key_about_receivers_and_listeners_is_read() {
    let settings = good(EVERYTHING);
    let crm = &settings.endpoints["crm"];
    assert_eq!(crm.url, "https://crm.example/hooks/retaind");
    assert_eq!(crm.secrets, [Secret::File("/shop/new.secret".into()), Secret::Env("CRM_SECRET".into())]);
    assert_eq!(crm.allow_addresses, ["127.0.0.0/8".parse().unwrap(), "10.1.2.3/32".parse().unwrap()]);
    let till = &settings.endpoints["till"];
    assert!(till.allow_http && !crm.allow_http);
    assert_eq!(till.secrets, [Secret::File("/etc/till.secret".into())]);
    assert_eq!(settings.endpoint_names().len(), 2);
    let http = settings.http;
    assert_eq!(http.public, Some("127.0.0.1:8025".parse().unwrap()));
    assert_eq!(http.public_url.as_deref(), Some("https://mail.amani.example"));
    let token = Secret::File("/shop/admin.token".into());
    assert_eq!(http.admin, Admin::Port { address: "127.0.0.1:8026".parse().unwrap(), token });
    assert_eq!(http.write_keys, [Secret::File("/shop/write.key".into())]);
}

#[test]
fn what_the_listeners_do_not_do_is_warned_of() {
    let told = "is not supported in this version, and does nothing yet; help: leave it out until then";
    assert_eq!(
        lines(&read(EVERYTHING).1),
        [format!("retaind.yaml:34:3: warning[not-supported]: `http.public_url` {told}")]
    );
    assert_eq!(read("http: {admin: a.sock}").1, []);
    let keyless = "warning[no-write-keys]: `public` without `write_keys` takes no events: every call is answered 401; help: name a key that senders give: write_keys: [{file: write.key}]";
    for text in ["http: {public: \"127.0.0.1:1\"}", "http: {public: \"127.0.0.1:1\", write_keys: []}"] {
        assert_eq!(lines(&read(text).1), [format!("retaind.yaml:1:8: {keyless}")]);
    }
    let idle = "warning[no-effect]: `write_keys` has no effect without `public`; help: set `public` to the address that events are sent to, such as 127.0.0.1:8025";
    assert_eq!(lines(&read("http: {write_keys: [{file: a}]}").1), [format!("retaind.yaml:1:8: {idle}")]);
}

#[test]
fn the_rate_of_a_key_is_so_many_calls_in_a_span() {
    let rate = |text: &str| good(&format!("http: {{public: \"[::1]:1\", write_keys: [{{file: a}}]{text}}}")).http.rate;
    assert_eq!(rate(""), Rate { messages: 1000, per: Span::seconds(1) });
    assert_eq!(rate(", rate: 6000/m"), Rate { messages: 6000, per: Span::minutes(1) });
}

#[test]
fn what_is_on_by_itself_can_be_switched_off() {
    assert_eq!(good("quiet_hours: []").policy.quiet_hours, None);
    assert_eq!(good("quiet_hours: {from: \"08:00\", to: \"08:00\"}").policy.quiet_hours, None);
    assert_eq!(good("frequency_caps: []").policy.caps, [].into());
    assert_eq!(good("frequency_caps: {marketing: []}").policy.caps, [].into());
    assert_eq!(good("frequency_caps: {}").policy, Policy::default());
}

#[test]
fn the_admin_socket_follows_the_store() {
    assert_eq!(good("store: {path: /var/lib/retaind}").http.admin, Admin::Socket("/var/lib/retaind/admin.sock".into()));
    assert_eq!(
        good("http: {admin: /run/retaind/admin.sock}").http.admin,
        Admin::Socket("/run/retaind/admin.sock".into())
    );
}

#[test]
fn transports_are_read_in_all_their_forms() {
    let transport = |text: &str| good(&format!("email: {{transport: \"{text}\"}}")).email.unwrap().transport;
    let smtp = |host: &str, port| Transport::Smtp { host: host.into(), port };
    assert_eq!(transport("smtp://mail.example"), smtp("mail.example", 25));
    assert_eq!(transport("smtp://[::1]:2525/"), smtp("::1", 2525));
    assert_eq!(transport("smtps://mail.example"), Transport::Smtps { host: "mail.example".into(), port: 465 });
    assert_eq!(transport("file:data/outbox"), Transport::Folder("/shop/data/outbox".into()));
    assert_eq!(transport("file:///tmp/out"), Transport::Folder("/tmp/out".into()));
}

#[test]
fn a_mistake_elsewhere_does_not_hide_what_is_right() {
    let (settings, problems) =
        read("email: {from: oops}\nendpoints: {crm: {url: ftp://x}}\ntopics: {offers: Offers}\n");
    let settings = settings.unwrap();
    assert_eq!(problems.len(), 3);
    assert!(settings.can_mail());
    assert!(settings.endpoint_names().contains("crm"));
    assert_eq!(settings.topics["offers"], "Offers");
}

#[test]
fn a_secret_in_the_settings_is_shown_nowhere() {
    let text = "email: {username: me, password: hunter2, transport: \"smtp://me:hunter2@x\", tsl: none}\n\
                http: {write_keys: [hunter2]}\n";
    let (settings, problems) = read(text);
    assert!(problems.len() >= 4);
    assert!(!format!("{settings:?} {problems:?}").contains("hunter2"));
    assert!(problems.iter().all(|problem| problem.place.text.len() == text.len()));
}

#[test]
fn the_schema_is_read_in_both_forms() {
    let (schema, problems) = declared(
        "customer:\n  plan: {type: string, one_of: [free, pro], default: free}\n  wholesale: {type: boolean, default: false}\n  birthday: date\n  score: {type: number, default: 0.5}\n  joined: {type: date, default: 2026-02-28}\n  tags: {type: list, default: [a, 1]}\n  email: string\nevents:\n  Ticket Solved: {rating: string}\n  Signed Up:\n",
    );
    assert_eq!(problems, []);
    let plan = Attribute {
        kind: ValueType::Text,
        one_of: Some(vec!["free".into(), "pro".into()]),
        default: Some(Value::Text("free".into())),
    };
    assert_eq!(schema.customer["plan"], plan);
    assert_eq!(schema.customer["wholesale"].default, Some(Value::Bool(false)));
    assert_eq!(schema.customer["birthday"], Attribute::of(ValueType::Date));
    assert_eq!(schema.customer["score"].default, Some(Value::Number("0.5".parse().unwrap())));
    assert_eq!(schema.customer["joined"].default, Some(Value::Date(jiff::civil::date(2026, 2, 28))));
    assert_eq!(schema.customer["tags"].kind, ValueType::List);
    assert_eq!(schema.property("Ticket Solved", "rating"), Some(ValueType::Text));
    assert!(schema.events.contains_key("Signed Up"));
    assert_eq!(schema.property("Order Completed", "revenue"), Some(ValueType::Number));
    assert_eq!(schema.consents, ["marketing", "service", "offers"]);
}

#[test]
fn a_project_without_a_schema_still_has_its_topics_and_purchases() {
    let settings = good("topics: {offers: Offers}\npurchase: {event: Sold, value: total, id: no}\n");
    let schema = schema_of_no_file(&settings);
    assert_eq!(schema.consents, ["marketing", "service", "offers"]);
    assert_eq!(schema.property("Sold", "total"), Some(ValueType::Number));
    assert!(!schema.events.contains_key("Order Completed"));
    assert_eq!(schema.customer["email"], Attribute::of(ValueType::Text));
}
