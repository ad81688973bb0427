//! Broken files, each with everything that is said of it.

/// Settings.
pub(super) const SETTINGS: &[(&str, &[&str])] = &[
    (
        "[]\n",
        &[
            "retaind.yaml:1:1: error[wrong-type]: `the file` must be a map of keys and values, not a list; help: write a map: {key: value}",
        ],
    ),
    (
        "bussiness: {name: x}\n",
        &["retaind.yaml:1:1: error[unknown-key]: unknown key `bussiness`; help: did you mean `business`?"],
    ),
    (
        "business: {name: 5, adress: x, timezone: Nairobi, locale: english, currency: kes}\n",
        &[
            "retaind.yaml:1:18: error[wrong-type]: `name` must be a text, not a number; help: put it in quotes: \"5\"",
            "retaind.yaml:1:21: error[unknown-key]: unknown key `adress`; help: did you mean `address`?",
            "retaind.yaml:1:42: error[unknown-zone]: `Nairobi` is no time zone; help: did you mean `Africa/Nairobi`?",
            "retaind.yaml:1:59: error[bad-value]: `english` is no language; help: write it like en, sw or hr-HR",
            "retaind.yaml:1:78: error[bad-value]: `kes` is no currency; help: write three capital letters, such as KES",
        ],
    ),
    (
        "business: {timezone: Europe/Zagreeb}\n",
        &[
            "retaind.yaml:1:22: error[unknown-zone]: `Europe/Zagreeb` is no time zone; help: did you mean `Europe/Zagreb`?",
        ],
    ),
    (
        "business:\n  words: {my-shop: x, year: 2026}\n  people: {owner: nobody}\n",
        &[
            "retaind.yaml:2:11: error[bad-name]: `my-shop` cannot be a word's name; help: templates say {{ words.NAME }}: use letters, digits and _",
            "retaind.yaml:2:29: error[wrong-type]: `year` must be a text, not a number; help: put it in quotes: \"2026\"",
            "retaind.yaml:3:19: error[bad-address]: `owner` is no mailbox: it has no single `@`; help: write `hello@shop.example` or `Shop <hello@shop.example>`",
        ],
    ),
    (
        "purchase: {event: }\n",
        &[
            "retaind.yaml:1:12: error[yaml-cut]: `event` has no value; help: inside { } each key has a value: write `key: value`",
        ],
    ),
    (
        "store: {path: 5, cache: 4}\n",
        &[
            "retaind.yaml:1:15: error[wrong-type]: `path` must be a text, not a number; help: put it in quotes: \"5\"",
            "retaind.yaml:1:25: error[bad-value]: `cache` must lie between 16 and 1048576; help: it counts MiB",
        ],
    ),
    (
        "topics: {marketing: All, 5x: y, news: }\n",
        &[
            "retaind.yaml:1:33: error[yaml-cut]: `news` has no value; help: inside { } each key has a value: write `key: value`",
        ],
    ),
    (
        "email: {from: hello, reply_to: \"a@b.example, c@d.example\"}\n",
        &[
            "retaind.yaml:1:15: error[bad-address]: `from` is no mailbox: it has no single `@`; help: write `hello@shop.example` or `Shop <hello@shop.example>`",
            "retaind.yaml:1:32: error[bad-address]: `reply_to` is no mailbox: it names more than one address; help: write `hello@shop.example` or `Shop <hello@shop.example>`",
        ],
    ),
    (
        "email: {from: a@b.example, transport: \"mail.example:25\", tls: off, connections: 0, rate: 100}\n",
        &[
            "retaind.yaml:1:39: error[bad-value]: `transport` is no address of a mail server; help: write smtp://HOST:PORT, smtps://HOST:PORT or file:DIR",
            "retaind.yaml:1:63: error[unknown-word]: `off` is no value of `tls`; help: known here: opportunistic, required, none",
            "retaind.yaml:1:81: error[bad-value]: `connections` must lie between 1 and 256; help: write `connections: 8`",
            "retaind.yaml:1:90: error[bad-value]: `100` is no rate; help: write messages and a unit: 100/s, 6000/m or 10/h; leave `rate` out for no limit",
        ],
    ),
    (
        "email: {from: a@b.example, transport: \"smtp://me:pw123@mail.example\", rate: 0/s}\n",
        &[
            "retaind.yaml:1:39: error[plain-secret]: `transport` must hold no user name or password; help: write them as `username` and `password: {file: PATH}`",
            "retaind.yaml:1:77: error[bad-value]: `0/s` is no rate; help: write messages and a unit: 100/s, 6000/m or 10/h; leave `rate` out for no limit",
        ],
    ),
    (
        "email: {from: a@b.example, transport: \"smtps://mail.example\", tls: none}\n",
        &[
            "retaind.yaml:1:68: error[contradiction]: `tls: none` contradicts smtps://, which is always encrypted; help: remove `tls`, or write smtp:// for a server without encryption",
        ],
    ),
    (
        "email: {from: a@b.example, transport: \"file:\", only_to: [x, \"@ok.example\"]}\n",
        &[
            "retaind.yaml:1:39: error[bad-value]: `file:` names no folder; help: write file:data/outbox",
            "retaind.yaml:1:58: error[bad-address]: this is neither an address nor an @domain; help: write an address, or @domain for all addresses of a domain",
        ],
    ),
    (
        "email: {from: a@b.example, username: me}\n",
        &[
            "retaind.yaml:1:9: error[missing-key]: the key `password` is missing; help: `username` needs it: password: {file: PATH}",
        ],
    ),
    (
        "email: {from: a@b.example, username: me, password: hunter2}\n",
        &[
            "retaind.yaml:1:52: error[plain-secret]: `password` must say where the secret is, not be it; help: write {file: PATH}, {env: NAME} or {credential: NAME}",
        ],
    ),
    (
        "email: {from: a@b.example, username: me, password: {files: x}}\n",
        &["retaind.yaml:1:53: error[unknown-key]: unknown key `files`; help: did you mean `file`?"],
    ),
    (
        "email: {from: a@b.example, username: me, password: {credential: ../x}}\n",
        &[
            "retaind.yaml:1:65: error[bad-value]: `credential` must be a name, not a path; help: for a path write {file: PATH}",
        ],
    ),
    (
        "endpoints: {crm: {url: \"http://crm.example/x\", secret: {file: a}}}\n",
        &[
            "retaind.yaml:1:24: error[bad-url]: http is not encrypted; help: write https://, or `allow_http: true` for a receiver on your own network",
        ],
    ),
    (
        "endpoints: {crm: {url: \"https://me:pw@crm.example/x\", secret: whsec_hunter2}}\n",
        &[
            "retaind.yaml:1:24: error[plain-secret]: a user name or password in an address is not allowed; help: remove it",
            "retaind.yaml:1:63: error[plain-secret]: `secret` must say where the secret is, not be it; help: write {file: PATH}, {env: NAME} or {credential: NAME}",
        ],
    ),
    (
        "endpoints: {crm: {url: crm.example, secret: [{file: a}, {file: b}, {file: c}], allow_addresses: [10.0.0.0/40], allow_http: yes}}\n",
        &[
            "retaind.yaml:1:24: error[bad-url]: `url` is no address of the web; help: write https://HOST/PATH",
            "retaind.yaml:1:45: error[bad-secret]: `secret` has 3 entries; help: write one, or a list of two while a key is being rotated",
            "retaind.yaml:1:98: error[bad-value]: `10.0.0.0/40` is no range of addresses; help: write it like 127.0.0.0/8, 10.1.2.3 or fd00::/8",
            "retaind.yaml:1:124: error[wrong-type]: `allow_http` must be true or false, not a text; help: write true or false, without quotes",
        ],
    ),
    (
        "endpoints: {1x: {url: \"https://crm.example/x#y\"}}\n",
        &[
            "retaind.yaml:1:13: error[bad-name]: `1x` cannot be the name of an endpoint; help: begin with a letter, then letters, digits, _ and -",
            "retaind.yaml:1:18: error[missing-key]: the key `secret` is missing; help: add `secret: {file: PATH}`",
            "retaind.yaml:1:23: error[bad-url]: a `#` part is never sent; help: remove it",
        ],
    ),
    (
        "http: {public: 8025, public_url: mail.amani.example, admin: \"0.0.0.0:80\"}\n",
        &[
            "retaind.yaml:1:8: warning[no-write-keys]: `public` without `write_keys` takes no events: every call is answered 401; help: name a key that senders give: write_keys: [{file: write.key}]",
            "retaind.yaml:1:16: error[bad-value]: `8025` is no address with a port; help: write it like 127.0.0.1:8025 or [::1]:8025",
            "retaind.yaml:1:22: warning[not-supported]: `http.public_url` is not supported in this version, and does nothing yet; help: leave it out until then",
            "retaind.yaml:1:34: error[bad-url]: `public_url` is no address of the web; help: write https://HOST/PATH",
            "retaind.yaml:1:61: error[bad-value]: `admin` must be an address of this machine alone; help: write 127.0.0.1:PORT, or the path of a unix socket",
        ],
    ),
    (
        "http: {public: \"localhost:8025\", admin: \"localhost:80\"}\n",
        &[
            "retaind.yaml:1:8: warning[no-write-keys]: `public` without `write_keys` takes no events: every call is answered 401; help: name a key that senders give: write_keys: [{file: write.key}]",
            "retaind.yaml:1:16: error[bad-value]: `localhost:8025` is no address with a port; help: write it like 127.0.0.1:8025 or [::1]:8025",
            "retaind.yaml:1:41: error[bad-value]: `localhost:80` is neither an address with a port nor a path; help: write 127.0.0.1:PORT, or the path of a unix socket",
        ],
    ),
    (
        "http: {public: \"0.0.0.0:80\", admin: \"127.0.0.1:80\", admin_token: {file: a}, write_keys: [{file: b}], rate: fast}\n",
        &[
            "retaind.yaml:1:16: error[same-port]: `public` and `admin` are both to listen on port 80; help: give one of them another port",
            "retaind.yaml:1:108: error[bad-value]: `fast` is no rate; help: write calls and a unit: 1000/s, 6000/m or 10/h",
        ],
    ),
    (
        "http: {admin: \"127.0.0.1:8026\"}\n",
        &[
            "retaind.yaml:1:8: error[missing-key]: the key `admin_token` is missing; help: `admin` at a port needs it: admin_token: {file: PATH}",
        ],
    ),
    (
        "http: {admin: a.sock, admin_token: {file: x}, write_keys: {file: x}}\n",
        &[
            "retaind.yaml:1:23: warning[no-effect]: `admin_token` has no effect: a unix socket is guarded by its mode; help: remove it, or set `admin` to 127.0.0.1:PORT",
            "retaind.yaml:1:47: warning[no-effect]: `write_keys` has no effect without `public`; help: set `public` to the address that events are sent to, such as 127.0.0.1:8025",
            "retaind.yaml:1:59: error[wrong-type]: `write_keys` must be a list, not a map; help: write its items on lines of their own below it, each beginning with `- `",
        ],
    ),
    (
        "http: {write_keys: [secret-key]}\n",
        &[
            "retaind.yaml:1:8: warning[no-effect]: `write_keys` has no effect without `public`; help: set `public` to the address that events are sent to, such as 127.0.0.1:8025",
            "retaind.yaml:1:21: error[plain-secret]: `write_keys` must say where the secret is, not be it; help: write {file: PATH}, {env: NAME} or {credential: NAME}",
        ],
    ),
    (
        "frequency_caps: {marketing: [{max: 0, per: day}, {max: 1, per: 40d}, {max: 1, pro: day}, {max: 1, per: week}], service: []}\n",
        &[
            "retaind.yaml:1:36: error[bad-value]: `max` must lie between 1 and 10000; help: to send no marketing mail at all, pause the rules",
            "retaind.yaml:1:64: error[bad-value]: `per` must lie between 1m and 31d; help: write `day` for the customer's calendar day, or a span such as 24h or 7d",
            "retaind.yaml:1:71: error[missing-key]: the key `per` is missing; help: add `per: 1d`",
            "retaind.yaml:1:79: error[unknown-key]: unknown key `pro`; help: known here: per",
            "retaind.yaml:1:104: error[bad-span]: `week` is not a span; help: write a whole number and a unit, such as 30m, 24h, 180d or 2w",
            "retaind.yaml:1:121: error[contradiction]: service mail is never capped; help: remove it",
        ],
    ),
    (
        "frequency_caps: {marketting: []}\n",
        &["retaind.yaml:1:18: error[unknown-key]: unknown key `marketting`; help: did you mean `marketing`?"],
    ),
    (
        "quiet_hours: {from: \"8:00\", to: \"24:00\"}\n",
        &[
            "retaind.yaml:1:21: error[bad-value]: `8:00` is no time of the day; help: write it like \"08:00\"",
            "retaind.yaml:1:33: error[bad-value]: `24:00` is no time of the day; help: write it like \"08:00\"",
        ],
    ),
    (
        "backup: {folder: b, at: \"3:30\", keep: 0}\n",
        &[
            "retaind.yaml:1:25: error[bad-value]: `3:30` is no time of the day; help: write it like \"09:00\"",
            "retaind.yaml:1:39: error[bad-value]: `keep` must be 1 or more; help: leave `backup` out for no backups at all",
        ],
    ),
    (
        "quiet_hours: {from: \"20:00\"}\n",
        &["retaind.yaml:1:15: error[missing-key]: the key `to` is missing; help: add `to: ENDPOINT`"],
    ),
    (
        "quiet_hours: off\n",
        &[
            "retaind.yaml:1:14: error[wrong-type]: `quiet_hours` must be a map, not a text; help: write [] to switch it off",
        ],
    ),
    (
        "misfire: {policy: last, within: 6}\nuncertain: retry\n",
        &[
            "retaind.yaml:1:19: error[unknown-word]: `last` is no value of `policy`; help: did you mean `latest`?",
            "retaind.yaml:1:33: error[wrong-type]: `within` must be a number with a unit; help: write the unit with it, such as 6d",
            "retaind.yaml:2:12: error[unknown-word]: `retry` is no value of `uncertain`; help: known here: resend, hold",
        ],
    ),
    (
        "store: &s {path: a}\nendpoints: *s\n",
        &[
            "retaind.yaml:1:8: error[yaml-anchor]: a value cannot begin with `&`: YAML takes it for an anchor; help: write the value alone: {path: a}",
            "retaind.yaml:2:12: error[yaml-alias]: a value cannot begin with `*`: YAML takes it for an alias; help: write the value out; a text that begins with * stands in quotes",
        ],
    ),
];

/// Schemas, in a project with the topic `offers`.
pub(super) const SCHEMAS: &[(&str, &[&str])] = &[
    (
        "customers: {}\n",
        &["schema.yaml:1:1: error[unknown-key]: unknown key `customers`; help: did you mean `customer`?"],
    ),
    (
        "customer: {plan: {type: string, one_of: [free, pro], default: prro}}\n",
        &["schema.yaml:1:63: error[unknown-word]: the default `prro` is not in `one_of`; help: did you mean `pro`?"],
    ),
    (
        "customer: {plan: text, age: int, x: foo, y: 5}\n",
        &[
            "schema.yaml:1:18: error[unknown-type]: `text` is no type; help: did you mean `string`?",
            "schema.yaml:1:29: error[unknown-type]: `int` is no type; help: did you mean `number`?",
            "schema.yaml:1:37: error[unknown-type]: `foo` is no type; help: known here: string, number, boolean, date, timestamp, list",
            "schema.yaml:1:45: error[wrong-type]: `y` must be a map of keys and values, not a number; help: write a map: {key: value}",
        ],
    ),
    (
        "customer: {email: number, consent: string, \"favourite colour\": string}\n",
        &[
            "schema.yaml:1:19: error[built-in]: `email` is built in as a string and cannot be a number; help: remove it, or choose another name",
            "schema.yaml:1:27: error[bad-name]: `consent` cannot be an attribute; help: `consent` is always there, by class and topic",
            "schema.yaml:1:44: error[bad-name]: `favourite colour` cannot be an attribute; help: rules say customer.NAME: use letters, digits and _",
        ],
    ),
    (
        "customer:\n  a: {type: number, default: x}\n  b: {type: boolean, default: \"true\"}\n  c: {type: date, default: 2026-02-30}\n  d: {one_of: [a]}\n  e: {type: number, one_of: [a]}\n  f: {type: list, default: [[a]]}\n  g: {type: string, default: 5}\n  h: {type: string, one_of: [a, a, 5]}\n  i: {type: string, deflt: x}\n",
        &[
            "schema.yaml:2:30: error[wrong-type]: `default` must be a number, not a text; help: write it like 0 or 12.5, without quotes",
            "schema.yaml:3:31: error[wrong-type]: `default` must be a boolean, not a text; help: write true or false, without quotes",
            "schema.yaml:4:28: error[wrong-type]: `default` must be a date, not a text; help: write it like 2026-03-29",
            "schema.yaml:5:7: error[missing-key]: the key `type` is missing; help: add `type: …`",
            "schema.yaml:6:29: error[contradiction]: `one_of` is for texts; help: write `type: string`, or remove it",
            "schema.yaml:7:28: error[wrong-type]: `default` must be a list of texts and numbers; help: write it like [a, b]",
            "schema.yaml:8:30: error[wrong-type]: `default` must be a string, not a number; help: put it in quotes",
            "schema.yaml:9:33: error[duplicate-value]: `a` is listed twice",
            "schema.yaml:9:36: error[wrong-type]: `one_of` must be a text, not a number; help: put it in quotes: \"5\"",
            "schema.yaml:10:21: error[unknown-key]: unknown key `deflt`; help: did you mean `default`?",
        ],
    ),
    (
        "events: {Order Completed: {revenue: string}, Ticket Solved: {rating: srting}, X: 5}\n",
        &[
            "schema.yaml:1:37: error[wrong-type]: `revenue` is the purchase's value and must be a number, not a string; help: write number, or name another property under `purchase` in the settings",
            "schema.yaml:1:70: error[unknown-type]: `srting` is no type; help: did you mean `string`?",
            "schema.yaml:1:82: error[wrong-type]: `X` must be a map of keys and values, not a number; help: write a map: {key: value}",
        ],
    ),
    (
        "customer:\n  plan: string\n  plan: number\n",
        &[
            "schema.yaml:3:3: error[duplicate-key]: the key `plan` stands twice in this map, first on line 2; help: keep one of the two",
        ],
    ),
];
