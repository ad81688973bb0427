//! `frequency_caps:`, `quiet_hours:`, `misfire:` and `uncertain:`.

pub(super) use crate::domain::Policy;

use crate::domain::{
    CapPeriod, Class, FrequencyCap, Misfire, MisfirePolicy, QuietHours, SLOTS_KEPT, Span, UncertainPolicy,
};
use crate::yaml::{Item, Kind, Map};

const MISFIRE: [(&str, MisfirePolicy); 3] =
    [("latest", MisfirePolicy::Latest), ("all", MisfirePolicy::All), ("skip", MisfirePolicy::Skip)];

const UNCERTAIN: [(&str, UncertainPolicy); 2] = [("resend", UncertainPolicy::Resend), ("hold", UncertainPolicy::Hold)];

/// Reads the four keys of the settings; what is not there, or wrong, has its default.
pub(super) fn read(map: &Map<'_>) -> Policy {
    let mut policy = Policy::default();
    if let Some(item) = map.optional("frequency_caps") {
        caps(item, &mut policy);
    }
    if let Some(item) = map.optional("quiet_hours") {
        policy.quiet_hours = quiet_hours(item, policy.quiet_hours);
    }
    if let Some(section) = map.optional("misfire").and_then(Item::map) {
        policy.misfire = misfire(section);
    }
    if let Some(uncertain) = map.optional("uncertain").and_then(|item| item.word(&UNCERTAIN)) {
        policy.uncertain = uncertain;
    }
    policy
}

/// A setting that `[]` switches off.
enum Switch<'r> {
    Off,
    On(Map<'r>),
    /// Something else, which has been noted.
    Neither,
}

fn switch(item: Item<'_>) -> Switch<'_> {
    match &item.node().kind {
        Kind::List(items) if items.is_empty() => Switch::Off,
        Kind::Map(_) => item.map().map_or(Switch::Neither, Switch::On),
        _ => {
            let message = format!("`{}` must be a map, not {}", item.name(), item.node().noun());
            item.error_with_help("wrong-type", message, "write [] to switch it off");
            Switch::Neither
        }
    }
}

fn caps(item: Item<'_>, policy: &mut Policy) {
    let map = match switch(item) {
        Switch::On(map) => map,
        Switch::Off => return policy.caps.clear(),
        Switch::Neither => return,
    };
    if let Some(service) = map.get(Class::Service.word()) {
        service.error_with_help("contradiction", "service mail is never capped", "remove it");
    }
    if let Some(items) = map.optional(Class::Marketing.word()).and_then(Item::list) {
        let caps: Vec<_> = items.into_iter().filter_map(Item::map).filter_map(cap).collect();
        policy.caps.insert(Class::Marketing, caps);
    }
    policy.caps.retain(|_, caps| !caps.is_empty());
    map.close();
}

fn cap(map: Map<'_>) -> Option<FrequencyCap> {
    let max = map.required("max").and_then(|item| {
        let max = item.whole().map(u32::try_from)?.ok().filter(|max| (1..=10_000).contains(max));
        if max.is_none() {
            let help = "to send no marketing mail at all, pause the rules";
            item.error_with_help("bad-value", "`max` must lie between 1 and 10000", help);
        }
        max
    });
    let per = map.required("per").and_then(period);
    map.close();
    Some(FrequencyCap { max: max?, per: per? })
}

fn period(item: Item<'_>) -> Option<CapPeriod> {
    if item.node().as_text() == Some("day") {
        return Some(CapPeriod::Day);
    }
    let span = item.span()?;
    if span < Span::minutes(1) || span > SLOTS_KEPT {
        let help = "write `day` for the customer's calendar day, or a span such as 24h or 7d";
        item.error_with_help("bad-value", format!("`per` must lie between 1m and {SLOTS_KEPT}"), help);
        return None;
    }
    Some(CapPeriod::Rolling(span))
}

/// Quiet hours, or `otherwise` when they are written wrongly.
fn quiet_hours(item: Item<'_>, otherwise: Option<QuietHours>) -> Option<QuietHours> {
    let map = match switch(item) {
        Switch::On(map) => map,
        Switch::Off => return None,
        Switch::Neither => return otherwise,
    };
    let from = map.required("from").and_then(minute_of_day);
    let to = map.required("to").and_then(minute_of_day);
    map.close();
    match (from, to) {
        (Some(from), Some(to)) => (from != to).then_some(QuietHours { from, to }),
        _ => otherwise,
    }
}

/// Minutes since midnight of `HH:MM`.
fn minute_of_day(item: Item<'_>) -> Option<u16> {
    let text = item.text()?;
    let part = |part: &str, most: u16| part.parse::<u16>().ok().filter(|number| part.len() == 2 && *number <= most);
    let minutes = text.split_once(':').and_then(|(hour, minute)| Some(part(hour, 23)? * 60 + part(minute, 59)?));
    if minutes.is_none() {
        item.error_with_help("bad-value", format!("`{text}` is no time of the day"), "write it like \"08:00\"");
    }
    minutes
}

fn misfire(map: Map<'_>) -> Misfire {
    let default = Misfire::default();
    let policy = map.optional("policy").and_then(|item| item.word(&MISFIRE)).unwrap_or(default.policy);
    let within = map.optional("within").and_then(Item::span).unwrap_or(default.within);
    map.close();
    Misfire { policy, within }
}
