//! `retaind check` on projects that are wrong in several ways at once.

use crate::project::Project;

const RULE: &str = r#"rule: hello
class: service
trigger: {schedule: "0 10 * * *"}
when: orders.count >= 1
again_after: never
steps:
  - webhook: {to: crm, type: customer.hello, data: {id: "{{ customer.id }}"}}
"#;

fn project() -> Project {
    let project = Project::new();
    let settings = "business: {name: Shop, address: Here, timezone: UTC}\nendpoints:\n  crm: {url: \"https://crm.example/hook\", secret: {file: crm.secret}}\n";
    project.write("retaind.yaml", settings).write("schema.yaml", "customer:\n  tier: string\n");
    project.write("crm.secret", "whsec_AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=\n").write("rules/hello.yaml", RULE);
    project
}

#[track_caller]
fn says(text: &str, part: &str) {
    assert!(text.contains(part), "no `{part}` in:\n{text}");
}

#[test]
fn a_good_project_passes() {
    project().run(&["check"]).exits(0);
}

#[test]
fn an_unknown_key_in_the_settings_exits_78_with_its_place() {
    let project = project();
    project.write("retaind.yaml", "business: {name: Shop, address: Here, timezone: UTC}\nbusines: {}\n");
    says(&project.run(&["check"]).exits(78).err, "retaind.yaml:2:1");
}

#[test]
fn every_faulty_rule_file_is_reported_at_once_with_its_place() {
    let project = project();
    project.write(
        "rules/unknown.yaml",
        &RULE.replace("hello\nclass", "unknown\nclass").replace("orders.count", "customer.teir"),
    );
    project.write("rules/cron.yaml", &RULE.replace("hello\nclass", "cron\nclass").replace("0 10 * * *", "0 25 * * *"));
    project.write("rules/other-name.yaml", &RULE.replace("hello\nclass", "some-name\nclass"));
    project.write("rules/alias.yaml", "rule: &a alias\nclass: *a\n");
    project.write("rules/twice.yaml", "rule: twice\nrule: twice\n");
    project.write(
        "rules/trigger.yaml",
        &RULE.replace("hello\nclass", "trigger\nclass").replace("schedule: \"0 10 * * *\"", "enters: vip"),
    );
    let err = project.run(&["check"]).exits(65).err;
    let places = [
        "rules/unknown.yaml:4:",
        "tier",
        "rules/cron.yaml:3:",
        "rules/other-name.yaml:1:",
        "rules/alias.yaml:1:",
        "rules/twice.yaml:2:1",
        "rules/trigger.yaml:3:",
        "no segment `vip`",
    ];
    for part in places {
        says(&err, part);
    }
}

#[test]
fn a_file_that_is_not_utf_8_and_one_that_is_too_large_are_reported_beside_the_others() {
    let project = project();
    std::fs::write(project.path().join("rules/latin.yaml"), b"rule: caf\xe9\n").expect("a file can be written");
    project.write("rules/large.yaml", &"# a long comment\n".repeat(700_000));
    project.write("rules/twice.yaml", "rule: twice\nrule: twice\n");
    let err = project.run(&["check"]).exits(65).err;
    for part in ["rules/latin.yaml:1:", "rules/large.yaml:1:", "rules/twice.yaml:2:1"] {
        says(&err, part);
    }
}

#[test]
fn a_template_that_names_an_unknown_variable_exits_65() {
    let project = project();
    let settings = "business: {name: Shop, address: Here, timezone: UTC}\nemail: {from: shop@shop.test, transport: \"file:out\"}\n";
    project.write("retaind.yaml", settings);
    project.write("rules/hello.yaml", &RULE.replace(RULE.lines().last().expect("a step"), "  - email: hello"));
    project.write("templates/hello/en.md", "---\nsubject: Hello\n---\nHello {{ customer.frist_name }}.\n");
    let err = project.run(&["check"]).exits(65).err;
    says(&err, "templates/hello/en.md:4:");
    says(&err, "first_name");
}

#[test]
fn a_warning_passes_and_is_an_error_under_strict() {
    let project = project();
    project.write("rules/hello.yaml", &RULE.replace("orders.count >= 1", "customer.tier != \"gold\""));
    says(&project.run(&["check"]).exits(0).err, "rules/hello.yaml:4:");
    project.run(&["check", "--strict"]).exits(65);
}

#[test]
fn a_template_that_names_the_event_is_refused_where_no_event_starts_the_rule() {
    let project = project();
    project.write("schema.yaml", "events:\n  Cart Updated: {product: string}\n");
    let template = "---\nsubject: Your cart\n---\n{{ event.produkt or 'It' }} waits.\n";
    let settings = "business: {name: Shop, address: Here, timezone: UTC}\nemail: {from: a@shop.example, transport: \"file:out\"}\n";
    project.write("retaind.yaml", settings).write("templates/cart/en.md", template);
    let rule = |trigger: &str| {
        format!("rule: hello\nclass: service\ntrigger: {{{trigger}}}\nwhen: everyone\nsteps:\n  - email: cart\n")
    };
    project.write("rules/hello.yaml", &rule("event: Cart Updated"));
    let err = project.run(&["check"]).exits(65).err;
    says(&err, "templates/cart/en.md:4:4");
    says(&err, "did you mean `event.product`?");
    project.write("templates/cart/en.md", &template.replace("produkt", "product"));
    project.run(&["check", "--strict"]).exits(0);
    project.write("rules/hello.yaml", &rule("date: created_at"));
    let err = project.run(&["check"]).exits(65).err;
    says(&err, "templates/cart/en.md:4:4");
    says(&err, "no event starts the rule `hello`");
}
