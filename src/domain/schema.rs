//! What `schema.yaml` declares: the attributes and events that rules and templates may name.

use super::{Value, ValueType};
use std::collections::BTreeMap;

/// One declared attribute of a customer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Attribute {
    /// Its type.
    pub kind: ValueType,
    /// The only texts it may hold, if they are listed.
    pub one_of: Option<Vec<String>>,
    /// What stands for a missing value.
    pub default: Option<Value>,
}

impl Attribute {
    /// An attribute of that type, with no list and no default.
    #[must_use]
    pub const fn of(kind: ValueType) -> Self {
        Self { kind, one_of: None, default: None }
    }
}

/// Which event is a purchase and where its value and id stand (`purchase:` in the settings).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Purchase {
    /// Name of the event.
    pub event: String,
    /// Property that holds the amount.
    pub value: String,
    /// Property that identifies the purchase; two events with one id count once.
    pub id: String,
}

impl Default for Purchase {
    fn default() -> Self {
        Self { event: "Order Completed".into(), value: "revenue".into(), id: "order_id".into() }
    }
}

/// The declared attributes and events, with what is always there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Schema {
    /// Attributes by name, the built-in ones among them; without `consent`.
    pub customer: BTreeMap<String, Attribute>,
    /// Properties by event and name.
    pub events: BTreeMap<String, BTreeMap<String, ValueType>>,
    /// Names that may follow `customer.consent.`: the classes and the topics of the settings.
    pub consents: Vec<String>,
    /// What a purchase is.
    pub purchase: Purchase,
}

/// Attributes that every customer may have without being declared, with their types.
pub const BUILT_IN: [(&str, ValueType); 9] = [
    ("id", ValueType::Text),
    ("email", ValueType::Text),
    ("phone", ValueType::Text),
    ("first_name", ValueType::Text),
    ("last_name", ValueType::Text),
    ("locale", ValueType::Text),
    ("timezone", ValueType::Text),
    ("country", ValueType::Text),
    ("created_at", ValueType::Time),
];

/// Property types that the default purchase event has even when `schema.yaml` does not declare it.
const PURCHASE_PROPERTIES: [(&str, ValueType); 3] =
    [("order_id", ValueType::Text), ("revenue", ValueType::Number), ("currency", ValueType::Text)];

impl Schema {
    /// The schema of a project that declares nothing: built-in attributes and the purchase event.
    #[must_use]
    pub fn new(purchase: Purchase) -> Self {
        let mut schema = Self {
            customer: BUILT_IN.iter().map(|(name, kind)| ((*name).to_owned(), Attribute::of(*kind))).collect(),
            events: BTreeMap::new(),
            consents: vec!["marketing".into(), "service".into()],
            purchase,
        };
        schema.complete();
        schema
    }

    /// Adds the purchase event's own properties where the declaration leaves them out. Call after reading
    /// `schema.yaml`.
    pub fn complete(&mut self) {
        let purchase = self.purchase.clone();
        let properties = self.events.entry(purchase.event.clone()).or_default();
        if purchase == Purchase::default() {
            for (name, kind) in PURCHASE_PROPERTIES {
                properties.entry(name.to_owned()).or_insert(kind);
            }
        }
        properties.entry(purchase.value).or_insert(ValueType::Number);
        properties.entry(purchase.id).or_insert(ValueType::Text);
    }

    /// The declared type of a property of an event.
    #[must_use]
    pub fn property(&self, event: &str, property: &str) -> Option<ValueType> {
        self.events.get(event)?.get(property).copied()
    }
}

impl Default for Schema {
    fn default() -> Self {
        Self::new(Purchase::default())
    }
}
