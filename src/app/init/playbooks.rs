//! The playbooks that ship: each a rule with its templates and tests, and what it needs of a project.

/// A rule that ships, with all that belongs to it.
#[derive(Debug, PartialEq, Eq)]
pub struct Playbook {
    /// Its name: that of the rule.
    pub name: &'static str,
    /// What it is for, in half a sentence.
    pub about: &'static str,
    /// Files by name.
    pub(super) files: &'static [(&'static str, &'static str)],
    /// The topic that it asks consent to.
    pub(super) topic: Option<&'static str>,
    /// Attributes that it names, each a line of `schema.yaml`.
    pub(super) attributes: &'static [&'static str],
    /// Events that it names.
    pub(super) events: &'static [&'static str],
}

/// A file of the project that ships.
macro_rules! shipped {
    ($($name:literal),* $(,)?) => { &[$(($name, include_str!(concat!("../../../", $name)))),*] };
}

const ORDER: &str = "Order Completed: {order_id: string, revenue: number, currency: string, quantity: number}";

/// All of them, in the order of a customer's life.
#[must_use]
pub const fn playbooks() -> &'static [Playbook] {
    &[
        Playbook {
            name: "welcome",
            about: "three mails to who has signed up, until the first order",
            files: shipped![
                "rules/welcome.yaml",
                "rules/welcome.test.yaml",
                "templates/welcome/en.md",
                "templates/welcome-guide/en.md",
                "templates/welcome-first-order/en.md",
            ],
            topic: None,
            attributes: &[],
            events: &["Signed Up: {method: string}", ORDER],
        },
        Playbook {
            name: "first-to-second",
            about: "two mails after the first order, until the second",
            files: shipped![
                "rules/first-to-second.yaml",
                "rules/first-to-second.test.yaml",
                "templates/first-to-second/en.md",
                "templates/first-to-second-next/en.md",
            ],
            topic: Some("offers"),
            attributes: &[],
            events: &[ORDER],
        },
        Playbook {
            name: "win-back",
            about: "a reminder to good customers who have gone quiet, and ten days later a question",
            files: shipped![
                "rules/win-back.yaml",
                "rules/win-back.test.yaml",
                "templates/win-back/en.md",
                "templates/win-back-why/en.md"
            ],
            topic: Some("offers"),
            attributes: &["wholesale: {type: boolean, default: false}   # they have a person to call them"],
            events: &[ORDER],
        },
        Playbook {
            name: "birthday",
            about: "a wish on the day, at nine on the customer's clock",
            files: shipped!["rules/birthday.yaml", "rules/birthday.test.yaml", "templates/birthday/en.md"],
            topic: None,
            attributes: &["birthday: date"],
            events: &[ORDER],
        },
        Playbook {
            name: "membership-renewal",
            about: "reminders round the end of a membership",
            files: shipped![
                "rules/membership-renewal.yaml",
                "rules/membership-renewal.test.yaml",
                "templates/membership-renewal-early/en.md",
                "templates/membership-renewal/en.md",
                "templates/membership-renewal-today/en.md",
                "templates/membership-renewal-late/en.md",
            ],
            topic: None,
            attributes: &[
                "membership_ends_on: date",
                "membership_status: {type: string, one_of: [new, current, grace, expired, cancelled]}",
                "membership_autorenew: {type: boolean, default: false}",
            ],
            events: &[],
        },
    ]
}
