//! Names of time zones.

use super::Item;
use jiff::tz::{TimeZone, TimeZoneDatabase};
use std::sync::LazyLock;

static ZONES: LazyLock<TimeZoneDatabase> = LazyLock::new(TimeZoneDatabase::bundled);

impl Item<'_> {
    /// A time zone by its IANA name, from the bundled database only.
    #[must_use]
    pub fn zone(self) -> Option<TimeZone> {
        let name = self.text()?;
        if let Some(zone) = ZONES.get(name).ok().filter(|zone| !zone.is_unknown()) {
            return Some(zone);
        }
        self.error_with_help("unknown-zone", format!("`{name}` is no time zone"), near(name));
        None
    }
}

/// The nearest zone; a city or a country code stands for the zone that ends in it.
fn near(name: &str) -> String {
    let names: Vec<String> = ZONES.available().map(|name| name.as_str().to_owned()).collect();
    let wanted = name.to_lowercase().replace(' ', "_");
    let by_city = names.iter().find(|known| known.to_lowercase().rsplit('/').next() == Some(&*wanted));
    let near = by_city.map(String::as_str).or_else(|| crate::domain::nearest(name, names.iter().map(String::as_str)));
    match near {
        Some(near) => format!("did you mean `{near}`?"),
        None => "write a name of the IANA database, such as Europe/Zagreb or Africa/Nairobi".to_owned(),
    }
}
