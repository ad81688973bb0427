//! Broken rules, each with everything that is said of it.

/// What is written instead of a part of a good rule, and what is said of it.
pub(super) const PARTS: &[(&str, &str, &[&str])] = &[
    (
        "rule: a\n",
        "rule: b\n",
        &[
            "rules/a.yaml:1:7: error[file-name]: the rule is `b`, but its file is `a`; help: write `rule: a`, or rename the file to b.yaml",
        ],
    ),
    (
        "rule: a\n",
        "rule: Win_Back\n",
        &[
            "rules/a.yaml:1:7: error[bad-name]: `Win_Back` is not kebab-case; help: use small letters, digits and single hyphens, and begin with a letter: win-back",
        ],
    ),
    (
        "rule: a\n",
        "rule: 5\n",
        &["rules/a.yaml:1:7: error[wrong-type]: `rule` must be a text, not a number; help: put it in quotes: \"5\""],
    ),
    (
        "class: marketing",
        "class: marketting\nprioritty: 5",
        &[
            "rules/a.yaml:2:8: error[unknown-word]: `marketting` is no value of `class`; help: did you mean `marketing`?",
            "rules/a.yaml:3:1: error[unknown-key]: unknown key `prioritty`; help: did you mean `priority`?",
        ],
    ),
    (
        "class: marketing",
        "class: service\nholdout: 10%",
        &[
            "rules/a.yaml:3:1: error[contradiction]: a rule of class service has no holdout; help: remove it, or make the rule `class: marketing`",
        ],
    ),
    (
        "topic: offers",
        "topic: offer",
        &["rules/a.yaml:3:8: error[unknown-topic]: the settings have no topic `offer`; help: did you mean `offers`?"],
    ),
    (
        "trigger: {schedule: \"0 10 * * *\", timezone: customer}",
        "trigger: 0 10 * * *",
        &[
            "rules/a.yaml:4:10: error[wrong-type]: `trigger` must be a map, not a text; help: write {schedule: \"0 10 * * *\", timezone: customer}",
        ],
    ),
    (
        "0 10 * * *",
        "0 25 * * *",
        &[
            "rules/a.yaml:4:21: error[bad-cron]: the hour `25` is not between 0 and 23; help: write the hour as `10`, `8-18` or `*`",
        ],
    ),
    (
        "0 10 * * *",
        "10 * * *",
        &[
            "rules/a.yaml:4:21: error[bad-cron]: a schedule has 5 fields, or 6 with seconds in front; `10 * * *` has 4 fields; help: write five fields: minute, hour, day of the month, month, day of the week; `0 10 * * *` is every day at 10:00, `30 9 * * MON` every Monday at 9:30",
        ],
    ),
    (
        "timezone: customer",
        "timezone: custommer",
        &["rules/a.yaml:4:45: error[unknown-zone]: `custommer` is no time zone; help: did you mean `customer`?"],
    ),
    (
        "timezone: customer",
        "timezone: Africa/Nairoby",
        &[
            "rules/a.yaml:4:45: error[unknown-zone]: `Africa/Nairoby` is no time zone; help: did you mean `Africa/Nairobi`?",
        ],
    ),
    (
        "timezone: customer",
        "at: \"09:00\"",
        &["rules/a.yaml:4:35: error[unknown-key]: unknown key `at`; help: known here: timezone"],
    ),
    (
        "{schedule: \"0 10 * * *\", timezone: customer}",
        "{event: Order Complete, delay: 24, once_per: order_id, timezone: customer}",
        &[
            "rules/a.yaml:4:18: error[unknown-event]: schema.yaml declares no event `Order Complete`; help: did you mean `Order Completed`?",
            "rules/a.yaml:4:41: error[wrong-type]: `delay` must be a number with a unit; help: write the unit with it, such as 24d",
            "rules/a.yaml:4:65: error[unknown-key]: unknown key `timezone`; help: remove it",
        ],
    ),
    (
        "{schedule: \"0 10 * * *\", timezone: customer}",
        "{event: Sneezed}",
        &[
            "rules/a.yaml:4:18: error[unknown-event]: schema.yaml declares no event `Sneezed`; help: declare it there under `events:`",
        ],
    ),
    (
        "{schedule: \"0 10 * * *\", timezone: customer}",
        "{event: Order Completed, once_per: order_idd, delya: 1h}",
        &[
            "rules/a.yaml:4:45: error[unknown-property]: schema.yaml declares no property `order_idd` of `Order Completed`; help: did you mean `order_id`?",
            "rules/a.yaml:4:56: error[unknown-key]: unknown key `delya`; help: did you mean `delay`?",
        ],
    ),
    (
        "{schedule: \"0 10 * * *\", timezone: customer}",
        "{event: Ticket Solved, once_per: tags}",
        &[
            "rules/a.yaml:4:43: error[type-mismatch]: `tags` of `Ticket Solved` is a list, not a single value; help: there are: rating",
        ],
    ),
    (
        "{schedule: \"0 10 * * *\", timezone: customer}",
        "{event: Ticket Solved, once_per: zzz}",
        &[
            "rules/a.yaml:4:43: error[unknown-property]: schema.yaml declares no property `zzz` of `Ticket Solved`; help: there are: rating",
        ],
    ),
    (
        "{schedule: \"0 10 * * *\", timezone: customer}",
        "{date: birthdey, at: \"9:00\", repeat: monthly, on: x}",
        &[
            "rules/a.yaml:4:17: error[unknown-attribute]: schema.yaml declares no attribute `birthdey`; help: did you mean `birthday`?",
            "rules/a.yaml:4:31: error[bad-value]: `9:00` is no time of the day; help: write it like \"09:00\"",
            "rules/a.yaml:4:47: error[unknown-word]: `monthly` is no value of `repeat`; help: known here: yearly",
            "rules/a.yaml:4:56: error[unknown-key]: unknown key `on`; help: remove it",
        ],
    ),
    (
        "{schedule: \"0 10 * * *\", timezone: customer}",
        "{date: customer.birthday, at: \"24:00\"}",
        &[
            "rules/a.yaml:4:17: error[unknown-attribute]: schema.yaml declares no attribute `customer.birthday`; help: did you mean `birthday`?",
            "rules/a.yaml:4:40: error[bad-value]: `24:00` is no time of the day; help: write it like \"09:00\"",
        ],
    ),
    (
        "{schedule: \"0 10 * * *\", timezone: customer}",
        "{date: tier}",
        &[
            "rules/a.yaml:4:17: error[type-mismatch]: `tier` is a string, and a rule counts from a date; help: there are: birthday, created_at",
        ],
    ),
    (
        "{schedule: \"0 10 * * *\", timezone: customer}",
        "{date: wedding}",
        &[
            "rules/a.yaml:4:17: error[unknown-attribute]: schema.yaml declares no attribute `wedding`; help: declare it there: `wedding: date`",
        ],
    ),
    (
        "{schedule: \"0 10 * * *\", timezone: customer}",
        "{enters: vip}",
        &[
            "rules/a.yaml:4:19: error[unknown-segment]: there is no segment `vip`; help: write it into rules/segments.yaml: `vip: {when: CONDITION}`",
        ],
    ),
    (
        "{schedule: \"0 10 * * *\", timezone: customer}",
        "{schedule: \"0 25 * * *\", event: Order Complete, delay: 1h}",
        &[
            "rules/a.yaml:4:21: error[bad-cron]: the hour `25` is not between 0 and 23; help: write the hour as `10`, `8-18` or `*`",
            "rules/a.yaml:4:35: error[two-triggers]: `schedule` and `event` are two triggers in one; help: write two rules, each with a trigger of its own",
            "rules/a.yaml:4:42: error[unknown-event]: schema.yaml declares no event `Order Complete`; help: did you mean `Order Completed`?",
        ],
    ),
    (
        "{schedule: \"0 10 * * *\", timezone: customer}",
        "{evnt: Order Completed, delay: 1h}",
        &["rules/a.yaml:4:11: error[unknown-key]: unknown key `evnt`; help: did you mean `event`?"],
    ),
    (
        "{schedule: \"0 10 * * *\", timezone: customer}",
        "{timezone: customer}",
        &[
            "rules/a.yaml:4:10: error[missing-key]: the trigger does not say what starts the rule; help: write one of `schedule`, `event`, `date`, `enters` and `leaves`",
        ],
    ),
    (
        "when: orders.count >= 2",
        "when:",
        &[
            "rules/a.yaml:5:1: error[empty-value]: `when` is empty; help: write a condition, or `everyone` for all customers",
        ],
    ),
    (
        "when: orders.count >= 2",
        "when: []",
        &[
            "rules/a.yaml:5:7: error[empty-value]: `when` is empty; help: write a condition, or `everyone` for all customers",
        ],
    ),
    (
        "when: orders.count >= 2",
        "when: true",
        &[
            "rules/a.yaml:5:7: error[wrong-type]: `true` is no condition; help: write `everyone` for all customers, or a condition such as orders.count >= 2",
        ],
    ),
    (
        "when: orders.count >= 2",
        "when: everyon",
        &["rules/a.yaml:5:7: error[unknown-word]: `everyon` is no condition; help: did you mean `everyone`?"],
    ),
    (
        "when: orders.count >= 2",
        "when: !has(customer.phone)",
        &[
            "rules/a.yaml:5:7: error[yaml-tag]: a value cannot begin with `!`: YAML takes it for a tag; help: put the whole text in quotes: '!has(customer.phone)'",
        ],
    ),
    (
        "when: orders.count >= 2",
        "when: {some: [everyone]}",
        &["rules/a.yaml:5:8: error[unknown-key]: unknown key `some`; help: did you mean `none`?"],
    ),
    (
        "when: orders.count >= 2",
        "when: {any: []}",
        &[
            "rules/a.yaml:5:13: error[empty-value]: `any` is empty; help: write a condition, or `everyone` for all customers",
        ],
    ),
    (
        "when: orders.count >= 2",
        "when: {any: [count(\"Order Completed\", 30d) > 1], none: [customer.x]}",
        &[
            "rules/a.yaml:5:14: error[yaml-cut]: inside [ ] a comma ends a value, so this condition is cut off there; help: put the condition in quotes: 'count(\"Order Completed\", 30d) > 1', or write it on a line of its own",
            "rules/a.yaml:5:66: error[unknown-attribute]: schema.yaml declares no attribute `x`; help: declare it there with its type, such as `x: string` or `x: boolean`",
        ],
    ),
    (
        "when: orders.count >= 2",
        "when: >\n  orders.count >= 2 // often\n  && orders.revenue > 5000",
        &[
            "rules/a.yaml:6:21: error[comment]: a comment cannot stand inside a condition; help: put it on a line of its own outside the condition, behind `#`",
        ],
    ),
    (
        "when: orders.count >= 2",
        "when: customer.country == \"a # b\"",
        &[
            "rules/a.yaml:5:7: error[yaml-cut]: a `#` behind a blank begins a comment in YAML, so this condition is cut off there; help: put the whole condition in quotes: 'customer.country == \"a # b\"'",
        ],
    ),
    (
        "when: orders.count >= 2",
        "when:\n  - 'customer.contry == \"KE\"'\n  - orders.count > \"x\"\n  - >-\n    orders.count > 1 &&\n    customer.planet == \"x\"",
        &[
            "rules/a.yaml:6:15: error[unknown-attribute]: schema.yaml declares no attribute `contry`; help: did you mean `customer.country`?",
            "rules/a.yaml:7:18: error[type-mismatch]: a number cannot be compared with a text; help: compare a number with a number, such as `5`, without quotes",
            "rules/a.yaml:10:14: error[unknown-attribute]: schema.yaml declares no attribute `planet`; help: declare it there with its type, such as `planet: string` or `planet: boolean`",
        ],
    ),
    (
        "when: orders.count >= 2",
        "when: orders.count >= 2 and orders.revenue > 10,000",
        &[
            "rules/a.yaml:5:25: error[syntax]: `and` means nothing in a condition; help: write `&&`",
            "rules/a.yaml:5:46: error[syntax]: `10,000` is not one number; help: write `10000`",
        ],
    ),
    (
        "when: orders.count >= 2",
        "when: at_entry.orders.count == 1",
        &[
            "rules/a.yaml:5:7: error[out-of-place]: `at_entry.` means nothing here: only the `when` of a step and `while` have it; help: name the present value alone, such as `orders.count`",
        ],
    ),
    (
        "again_after: 180d\n",
        "",
        &[
            "rules/a.yaml:1:1: error[missing-key]: the key `again_after` is missing; help: write `again_after: 180d`, or `again_after: never` for once in a customer's life",
        ],
    ),
    (
        "again_after: 180d",
        "again_after: 180",
        &[
            "rules/a.yaml:6:14: error[wrong-type]: `again_after` must be a number with a unit; help: write the unit with it, such as 180d",
        ],
    ),
    (
        "again_after: 180d",
        "again_after: nevr",
        &[
            "rules/a.yaml:6:14: error[bad-span]: `nevr` is neither a span nor `never`; help: write a whole number and a unit, such as 30d, 24h or 2w, or `never`",
        ],
    ),
    (
        "again_after: 180d",
        "again_after:",
        &["rules/a.yaml:6:1: error[empty-value]: `again_after` is empty; help: write a value, or remove the key"],
    ),
    (
        "again_after: 180d",
        "again_after: 180d\nholdout: 10\npriority: high\npause_if: {more_then: 200, per: 0d}",
        &[
            "rules/a.yaml:7:10: error[bad-value]: `10` is no share of the customers; help: write a percentage from 0% to 100%, such as 10% or 2.5%",
            "rules/a.yaml:8:11: error[wrong-type]: `priority` must be a whole number, not a text; help: write digits alone, such as 5",
            "rules/a.yaml:9:12: error[unknown-key]: unknown key `more_then`; help: did you mean `more_than`?",
            "rules/a.yaml:9:33: error[bad-span]: `per` must be longer than nothing; help: write a whole number and a unit, such as 30m, 24h, 180d or 2w",
        ],
    ),
    (
        "again_after: 180d",
        "again_after: 180d\nholdout: 101%",
        &[
            "rules/a.yaml:7:10: error[bad-value]: `101%` is no share of the customers; help: write a percentage from 0% to 100%, such as 10% or 2.5%",
        ],
    ),
    (
        "again_after: 180d",
        "again_after: 180d\nholdout: 2.555%",
        &[
            "rules/a.yaml:7:10: error[bad-value]: `2.555%` is no share of the customers; help: write a percentage from 0% to 100%, such as 10% or 2.5%",
        ],
    ),
    (
        "again_after: 180d",
        "again_after: 180d\nwhile: customer.tir == \"gold\"\ngoal: {event: Order Complete, within: 0d, value: revenue, by: x}",
        &[
            "rules/a.yaml:7:17: error[unknown-attribute]: schema.yaml declares no attribute `tir`; help: did you mean `customer.tier`?",
            "rules/a.yaml:8:15: error[unknown-event]: schema.yaml declares no event `Order Complete`; help: did you mean `Order Completed`?",
            "rules/a.yaml:8:39: error[bad-span]: `within` must be longer than nothing; help: write a whole number and a unit, such as 30m, 24h, 180d or 2w",
            "rules/a.yaml:8:59: error[unknown-key]: unknown key `by`; help: remove it",
        ],
    ),
    (
        "again_after: 180d",
        "again_after: 180d\nwhile:\ngoal: {event: Order Completed, value: order_id}",
        &[
            "rules/a.yaml:7:1: error[empty-value]: `while` is empty; help: write a condition, or `everyone` for all customers",
            "rules/a.yaml:8:8: error[missing-key]: the key `within` is missing; help: add `within: 30d`",
            "rules/a.yaml:8:39: error[type-mismatch]: `order_id` of `Order Completed` is a string, not a number; help: there are: revenue",
        ],
    ),
    (
        "again_after: 180d",
        "again_after: 180d\ngoal: {event: Order Completed, within: 30d, value: revenu}",
        &[
            "rules/a.yaml:7:52: error[unknown-property]: schema.yaml declares no property `revenu` of `Order Completed`; help: did you mean `revenue`?",
        ],
    ),
    (
        "again_after: 180d",
        "again_after: 180d\ngoal: Order Completed",
        &[
            "rules/a.yaml:7:7: error[wrong-type]: `goal` must be a map, not a text; help: write {event: Order Completed, within: 30d}",
        ],
    ),
    (
        "  - email: win-back\n",
        "  []\n",
        &["rules/a.yaml:8:3: error[empty-value]: `steps` is empty; help: add a step: `- email: TEMPLATE`"],
    ),
    (
        "  - email: win-back\n",
        "  - win-back\n",
        &["rules/a.yaml:8:5: error[wrong-type]: a step must be a map, not a text; help: write `- email: win-back`"],
    ),
    (
        "  - email: win-back\n",
        "  - email: winback\n",
        &["rules/a.yaml:8:12: error[unknown-template]: there is no template `winback`; help: did you mean `win-back`?"],
    ),
    (
        "  - email: win-back\n",
        "  - email: zzz\n",
        &[
            "rules/a.yaml:8:12: error[unknown-template]: there is no template `zzz`; help: write it as templates/zzz/en.md",
        ],
    ),
    (
        "  - email: win-back\n",
        "  - {email: win-back, webhook: {to: crm, type: a}}\n",
        &[
            "rules/a.yaml:8:5: error[two-steps]: `email` and `webhook` are two steps in one; help: write two steps, each with its own `-`",
        ],
    ),
    (
        "  - email: win-back\n",
        "  - {id: x, expires: 3d}\n",
        &[
            "rules/a.yaml:8:5: error[missing-key]: this step does nothing; help: write `email: TEMPLATE` or `webhook: {to: ENDPOINT, type: NAME}`",
        ],
    ),
    (
        "  - email: win-back\n",
        "  - email: win-back\n  - {email: win-back, when: orders.count > 3}\n",
        &[
            "rules/a.yaml:9:5: error[duplicate-step]: the step of line 8 is named `win-back` too; help: give this one a name of its own with `id:`",
        ],
    ),
    (
        "  - email: win-back\n",
        "  - {day: 10, email: win-back, expires: 0d, when: , hour: 3}\n",
        &[
            "rules/a.yaml:8:45: error[yaml-cut]: `when` has no value; help: inside { } each key has a value: write `key: value`",
        ],
    ),
    (
        "  - email: win-back\n",
        "  - {day: 10, email: win-back, expires: 0d, hour: 3}\n",
        &[
            "rules/a.yaml:8:41: error[bad-span]: `expires` must be longer than nothing; help: write a whole number and a unit, such as 30m, 24h, 180d or 2w",
            "rules/a.yaml:8:45: error[contradiction]: `day` and `hour` cannot both say when a step falls due; help: keep one of them; `hour: 36` is a day and a half",
        ],
    ),
    (
        "  - email: win-back\n",
        "  - {day: 10, email: win-back}\n  - {day: 3, email: win-back-why}\n  - {id: x, hour: 71, email: win-back}\n  - {id: y, hour: 72, email: win-back}\n",
        &[
            "rules/a.yaml:9:6: error[backwards]: day 3 of line 9 lies before day 10 of line 8; help: put the steps in the order in which they fall due",
            "rules/a.yaml:10:13: error[backwards]: hour 71 of line 10 lies before day 3 of line 9; help: put the steps in the order in which they fall due",
        ],
    ),
    (
        "  - email: win-back\n",
        "  - {day: -1, email: win-back}\n  - {hour: 1.5, email: win-back-why}\n  - {id: x, day: 3661, email: win-back}\n",
        &[
            "rules/a.yaml:8:11: error[bad-number]: `day` counts from entry, so it must not be negative; help: only a rule with a `date` trigger can send before it",
            "rules/a.yaml:9:12: error[bad-number]: `hour` must be a whole number; help: write digits alone, without a fraction, such as 5",
            "rules/a.yaml:10:18: error[bad-number]: `day` must not be further away than 3660; help: write a number up to 3660",
        ],
    ),
    (
        "  - email: win-back\n",
        "  - email: win-back\n    when:\n",
        &[
            "rules/a.yaml:9:5: error[empty-value]: `when` is empty; help: write a condition, or `everyone` for all customers",
        ],
    ),
    (
        "  - email: win-back\n",
        "  - webhook: {to: crn, type: \"at risk\", data: [1], url: x}\n",
        &[
            "rules/a.yaml:8:19: error[unknown-endpoint]: the settings have no endpoint `crn`; help: did you mean `crm`?",
            "rules/a.yaml:8:30: error[bad-name]: `at risk` cannot be the type of a webhook; help: join words of letters, digits and _ by dots: customer.at_risk",
            "rules/a.yaml:8:47: error[wrong-type]: `data` must be a map of keys and values, not a list; help: write a map: {key: value}",
            "rules/a.yaml:8:52: error[unknown-key]: unknown key `url`; help: remove it",
        ],
    ),
    (
        "  - email: win-back\n",
        "  - webhook: crm\n",
        &[
            "rules/a.yaml:8:14: error[wrong-type]: `webhook` must be a map, not a text; help: write {to: ENDPOINT, type: NAME}",
        ],
    ),
    (
        "  - email: win-back\n",
        "  - webhook: {to: crm, type: customer.at_risk, data: {id: {{ customer.id }}}}\n",
        &[
            "rules/a.yaml:8:60: error[yaml-key]: a text that begins with `{` must stand in quotes; help: write \"{{ customer.id }}\"",
        ],
    ),
    (
        "  - email: win-back\n",
        "  - {id: a b, webhook: {to: crm, type: customer.at_risk}}\n",
        &[
            "rules/a.yaml:8:10: error[bad-name]: `a b` cannot be the name of a step; help: use at most 64 letters, digits, hyphens, dots and underscores",
        ],
    ),
];

/// Whole files.
pub(super) const FILES: &[(&str, &[&str])] = &[
    (
        "- a\n",
        &[
            "rules/a.yaml:1:1: error[wrong-type]: `the file` must be a map of keys and values, not a list; help: write a map: {key: value}",
        ],
    ),
    (
        "description: x\n",
        &[
            "rules/a.yaml:1:1: error[missing-key]: the key `rule` is missing; help: add `rule: NAME`, the file's name without `.yaml`",
            "rules/a.yaml:1:1: error[missing-key]: the key `class` is missing; help: add `class: marketing` (consent, caps and quiet hours are obeyed) or `class: service`",
            "rules/a.yaml:1:1: error[missing-key]: the key `trigger` is missing; help: add `trigger: {schedule: \"0 10 * * *\", timezone: customer}`",
            "rules/a.yaml:1:1: error[missing-key]: the key `when` is missing; help: write a condition, or `when: everyone`",
            "rules/a.yaml:1:1: error[missing-key]: the key `again_after` is missing; help: write `again_after: 180d`, or `again_after: never` for once in a customer's life",
            "rules/a.yaml:1:1: error[missing-key]: the key `steps` is missing; help: add `steps:`, and below it `  - email: TEMPLATE`",
        ],
    ),
    (
        "rule: a\nclas: marketing\nwhem: everyone\n",
        &[
            "rules/a.yaml:1:1: error[missing-key]: the key `trigger` is missing; help: add `trigger: {schedule: \"0 10 * * *\", timezone: customer}`",
            "rules/a.yaml:1:1: error[missing-key]: the key `again_after` is missing; help: write `again_after: 180d`, or `again_after: never` for once in a customer's life",
            "rules/a.yaml:1:1: error[missing-key]: the key `steps` is missing; help: add `steps:`, and below it `  - email: TEMPLATE`",
            "rules/a.yaml:2:1: error[unknown-key]: unknown key `clas`; help: did you mean `class`?",
            "rules/a.yaml:3:1: error[unknown-key]: unknown key `whem`; help: did you mean `when`?",
        ],
    ),
];
