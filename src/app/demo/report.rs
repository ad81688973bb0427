//! What the demo says at its end.

use crate::domain::{Reason, State, Time};
use serde::{Serialize, Serializer};
use std::collections::BTreeMap;
use std::fmt;
use std::path::PathBuf;

/// What one rule did.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct RuleReport {
    /// Ticks of its schedule.
    pub ticks: u64,
    /// Customers whose condition held, counted at each tick.
    pub matched: u64,
    /// Enrollments.
    pub enrolled: u64,
    /// Enrollments held out.
    pub held_out: u64,
    /// Steps that wait for their day.
    pub waiting: u64,
    /// Matches kept out at entry, by reason.
    pub held: BTreeMap<Reason, u64>,
    /// Deliveries by state and reason; in JSON the key is `STATE` or `STATE:REASON`.
    #[serde(serialize_with = "by_state")]
    pub deliveries: BTreeMap<(State, Option<Reason>), u64>,
}

fn by_state<S: Serializer>(
    deliveries: &BTreeMap<(State, Option<Reason>), u64>,
    serializer: S,
) -> Result<S::Ok, S::Error> {
    serializer.collect_map(deliveries.iter().map(|((state, reason), count)| {
        (reason.map_or_else(|| state.to_string(), |reason| format!("{state}:{reason}")), count)
    }))
}

/// One mail that was caught.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct MailReport {
    /// To whom.
    pub to: String,
    /// Its subject.
    pub subject: String,
    /// The file it is in.
    pub file: PathBuf,
}

/// What the demo came to.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct DemoReport {
    /// Made-up customers.
    pub customers: u64,
    /// Their purchases.
    pub purchases: u64,
    /// From when to when the demo's clock ran.
    pub span: (Time, Time),
    /// How long it really took.
    pub took: std::time::Duration,
    /// By rule.
    pub rules: BTreeMap<String, RuleReport>,
    /// Mails that the catcher accepted.
    pub mails: u64,
    /// Webhook calls received, and how many of them carried a right signature.
    pub hooks: (u64, u64),
    /// Deliveries that waited for the end of the quiet hours before they went out.
    pub waited_for_morning: u64,
    /// Deliveries that were due and not worked off.
    pub unfinished: u64,
    /// A few of the mails.
    pub examples: Vec<MailReport>,
    /// A few customers who got nothing: id, rule, why.
    pub silent: Vec<(String, String, Reason)>,
    /// The project folder.
    pub folder: PathBuf,
}

impl DemoReport {
    /// Whether everything that was decided to be sent was received, once.
    #[must_use]
    pub fn is_complete(&self) -> bool {
        let sent: u64 = self
            .rules
            .values()
            .flat_map(|rule| &rule.deliveries)
            .filter(|((state, _), _)| *state == State::Sent)
            .map(|(_, count)| count)
            .sum();
        sent == self.mails + self.hooks.1 && self.hooks.0 == self.hooks.1 && self.unfinished == 0
    }
}

impl fmt::Display for DemoReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{} made-up customers with {} purchases.", self.customers, self.purchases)?;
        let hours = self.span.1.since(self.span.0).0 / 3_600_000;
        writeln!(
            f,
            "{hours} hours from {} passed in {:.1} s; the clock was turned, the rest is the daemon's own code.\n",
            self.span.0,
            self.took.as_secs_f64()
        )?;
        for (name, rule) in &self.rules {
            rule.write(f, name)?;
        }
        writeln!(f, "\nThe mail catcher accepted {} e-mails.", self.mails)?;
        writeln!(f, "The webhook receiver got {} calls, {} with a right signature.", self.hooks.0, self.hooks.1)?;
        if self.waited_for_morning > 0 {
            writeln!(f, "{} e-mails waited for the end of somebody's quiet hours.", self.waited_for_morning)?;
        }
        if !self.examples.is_empty() {
            writeln!(f, "\nSome of the mails:")?;
        }
        for mail in &self.examples {
            writeln!(f, "  {:<44} {}\n    {}", mail.to, mail.subject, mail.file.display())?;
        }
        if !self.silent.is_empty() {
            writeln!(f, "\nSome who got nothing, and why:")?;
        }
        for (customer, rule, reason) in &self.silent {
            writeln!(f, "  {customer:<10} {rule:<16} {reason}")?;
        }
        self.where_to_look(f)
    }
}

impl RuleReport {
    fn write(&self, f: &mut fmt::Formatter<'_>, name: &str) -> fmt::Result {
        // What is no tick of a schedule is not counted before somebody enters; and of ticks that come more often than
        // every minute only some are.
        let counted = self.matched >= self.enrolled + self.held_out && self.matched > 0;
        match self.ticks {
            1 if counted => write!(f, "{name}: {} matched, {} enrolled", self.matched, self.enrolled)?,
            // The same people most often.
            ticks if counted => {
                write!(f, "{name}: {} matched, over {ticks} ticks, {} enrolled", self.matched, self.enrolled)?;
            }
            _ => write!(f, "{name}: {} enrolled", self.enrolled)?,
        }
        if self.held_out > 0 {
            write!(f, ", {} held out to measure the effect", self.held_out)?;
        }
        for (reason, count) in self.held.iter().filter(|(reason, _)| **reason != Reason::FrequencyCap) {
            write!(f, ", {count} kept out ({reason})")?;
        }
        writeln!(f)?;
        for ((state, reason), count) in &self.deliveries {
            match reason {
                Some(reason) => writeln!(f, "  {count:>6} {state} ({reason})")?,
                None => writeln!(f, "  {count:>6} {state}")?,
            }
        }
        if self.waiting > 0 {
            writeln!(f, "  {:>6} more to come on a later day, if nothing speaks against it then", self.waiting)?;
        }
        Ok(())
    }
}

impl DemoReport {
    fn where_to_look(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let folder = self.folder.display();
        writeln!(f, "\nAll mails: {folder}/mails/   The project: {folder}")?;
        writeln!(f, "Look further, for example:")?;
        for command in ["rules list", "plan", "deliveries list --state held", "customers show c00001"] {
            writeln!(f, "  retaind --config {folder}/retaind.yaml {command}")?;
        }
        Ok(())
    }
}
