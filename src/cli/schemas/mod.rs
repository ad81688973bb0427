//! The JSON Schemas of the files that people write, for their editors.
//!
//! They are written by hand (draft 7, which YAML language servers read), each key with what it does. `x-names` in them
//! says where names of the project belong; it never reaches an editor.

mod fill;

#[cfg(test)]
mod tests;

use super::composition::ProjectNames;
use clap::ValueEnum;
use serde_json::Value;

/// A file that people write.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(super) enum Kind {
    /// A rule: rules/NAME.yaml
    Rule,
    /// Named conditions: rules/segments.yaml
    Segments,
    /// The settings: retaind.yaml
    Settings,
    /// Attributes and events: schema.yaml
    Schema,
    /// Tests of a rule: rules/NAME.test.yaml
    Test,
}

impl Kind {
    /// All of them.
    pub(super) const ALL: [Self; 5] = [Self::Rule, Self::Segments, Self::Settings, Self::Schema, Self::Test];

    /// The name of the schema's file.
    pub(super) const fn file(self) -> &'static str {
        match self {
            Self::Rule => "rule.json",
            Self::Segments => "segments.json",
            Self::Settings => "settings.json",
            Self::Schema => "schema.json",
            Self::Test => "test.json",
        }
    }

    const fn text(self) -> &'static str {
        match self {
            Self::Rule => include_str!("rule.json"),
            Self::Segments => include_str!("segments.json"),
            Self::Settings => include_str!("settings.json"),
            Self::Schema => include_str!("schema.json"),
            Self::Test => include_str!("test.json"),
        }
    }

    /// The schema, with the names of a project if there is one.
    pub(super) fn schema(self, names: Option<&ProjectNames>) -> serde_json::Result<Value> {
        let mut schema = serde_json::from_str(self.text())?;
        fill::fill(&mut schema, names);
        Ok(schema)
    }
}
