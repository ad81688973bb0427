//! Project folders for benchmarks: settings, rules and the shipped template.

use anyhow::Context;
use retaind::app;
use std::fmt::Write;
use std::fs;
use std::path::{Path, PathBuf};

/// Which rules.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Rules {
    /// Twenty over attributes and totals.
    Totals,
    /// Twenty, of which five name a window.
    FiveWindowed,
    /// One, with a mail and a webhook, that holds for everyone who ever bought.
    One,
    /// Those with windows, and thirty that a purchase starts, of which a few fire and none sends anything.
    AtOnce,
}

/// The key that events are sent with.
pub(crate) const WRITE_KEY: &str = "wk_figures_0123456789abcdef";

/// A project folder.
#[derive(Debug)]
pub(crate) struct Project {
    folder: PathBuf,
}

/// Where mail and webhooks go.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Receivers {
    /// Where the daemon takes in events; 0 for nowhere.
    pub(crate) public: u16,
    /// Port of the mail server.
    pub(crate) smtp: u16,
    /// Port of the webhook receiver.
    pub(crate) http: u16,
}

/// Nobody listens there.
pub(crate) const NOBODY: Receivers = Receivers { public: 0, smtp: 9, http: 9 };

impl Project {
    /// Writes the files into a folder; the store will be `data` in it.
    pub(crate) fn write(folder: &Path, rules: Rules, receivers: Receivers) -> anyhow::Result<Self> {
        fs::create_dir_all(folder.join("rules"))?;
        fs::create_dir_all(folder.join("templates/win-back"))?;
        fs::write(folder.join("templates/win-back/en.md"), include_str!("../../templates/win-back/en.md"))?;
        fs::write(folder.join("write.key"), WRITE_KEY)?;
        fs::write(folder.join("crm.secret"), "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw")?;
        fs::write(folder.join("retaind.yaml"), settings(receivers))?;
        for (name, text) in rule_files(rules)? {
            fs::write(folder.join("rules").join(format!("{name}.yaml")), text)?;
        }
        Ok(Self { folder: folder.to_owned() })
    }

    /// The settings file.
    pub(crate) fn settings(&self) -> PathBuf {
        self.folder.join("retaind.yaml")
    }

    /// The store's folder.
    pub(crate) fn store(&self) -> PathBuf {
        self.folder.join("data")
    }

    /// Reads and compiles it.
    pub(crate) fn load(&self) -> anyhow::Result<app::Project> {
        let loaded = app::load(&self.settings());
        loaded.project.with_context(|| format!("the project has errors: {:?}", loaded.diagnostics))
    }
}

fn settings(receivers: Receivers) -> String {
    let public = match receivers.public {
        0 => String::new(),
        port => format!(", public: \"127.0.0.1:{port}\", write_keys: [{{file: write.key}}], rate: 1000000/s"),
    };
    format!(
        "business: {{name: Amani Coffee, address: \"Moi Avenue 1, Nairobi\", timezone: Europe/Zagreb, locale: en, \
         words: {{shop: \"https://amani.example\"}}}}\n\
         store: {{path: data{}}}\n\
         topics: {{offers: Offers and news}}\n\
         email: {{from: Amani Coffee <hello@amani.example>, transport: \"smtp://127.0.0.1:{}\", tls: none}}\n\
         endpoints:\n  crm: {{url: \"http://127.0.0.1:{}/hook\", secret: {{file: crm.secret}}, allow_http: true, \
         allow_addresses: [127.0.0.0/8]}}\n\
         http: {{admin: admin.sock{}}}\n",
        std::env::var("RETAIND_BENCH_CACHE").map(|mib| format!(", cache: {mib}")).unwrap_or_default(),
        receivers.smtp,
        receivers.http,
        public,
    )
}

fn rule_files(rules: Rules) -> anyhow::Result<Vec<(String, String)>> {
    let conditions: Vec<String> = match rules {
        Rules::One => {
            let steps = "  - email: win-back\n  - id: crm\n    webhook: {to: crm, type: customer.at_risk, data: {id: \"{{ customer.id }}\"}}\n";
            return Ok(vec![("win-back".to_owned(), rule("win-back", "orders.count >= 1", steps)?)]);
        }
        Rules::Totals => (0..20).map(over_totals).collect(),
        Rules::FiveWindowed | Rules::AtOnce => {
            (0..20).map(|n| if n % 4 == 3 { over_window(n) } else { over_totals(n) }).collect()
        }
    };
    let named = conditions.iter().enumerate().map(|(n, condition)| {
        let name = format!("rule-{n}");
        let text = rule(&name, condition, "  - email: win-back\n")?;
        Ok((name, text))
    });
    let mut files: Vec<_> = named.collect::<anyhow::Result<_>>()?;
    if rules == Rules::AtOnce {
        files.extend((0..30).map(|n| (format!("at-once-{n}"), at_once(n))));
    }
    Ok(files)
}

fn rule(name: &str, condition: &str, steps: &str) -> anyhow::Result<String> {
    let mut text = String::new();
    writeln!(text, "rule: {name}\nclass: marketing\ntopic: offers\ntrigger: {{schedule: \"0 10 * * *\"}}")?;
    write!(text, "when:\n  - '{condition}'\nagain_after: 180d\nsteps:\n{steps}")?;
    Ok(text)
}

/// One purchase in five starts one of six of them; its step is for nobody.
fn at_once(n: u64) -> String {
    let more_than = if n.is_multiple_of(6) { 80 } else { 100_000 };
    format!(
        "rule: at-once-{n}\nclass: service\ntrigger: {{event: Order Completed}}\nwhen:\n  - 'event.revenue > {more_than}'\n  - 'orders.count >= 1'\nsteps:\n  - {{email: win-back, when: 'customer.id == \"\"'}}\n"
    )
}

/// Each holds for a few customers in a hundred, as rules do.
fn over_totals(n: u64) -> String {
    match n % 4 {
        0 => format!("orders.count >= 2 && since(orders.last_at) > days({})", 126 + n / 4),
        1 => format!("orders.revenue > {} && customer.country == \"HR\"", 420 + n),
        2 => format!("days_since(orders.last_at) > {} && orders.average < 200", 124 + n / 4),
        _ => format!("orders.revenue < {} && has(customer.email) && customer.locale != \"de-DE\"", 120 + n),
    }
}

fn over_window(n: u64) -> String {
    match n % 8 {
        3 => format!("count(\"Order Completed\", days({})) >= 2", 90 + n),
        _ => format!("sum(\"Order Completed\", \"revenue\", days({})) > 300", 60 + n),
    }
}
