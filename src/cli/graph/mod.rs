//! `retaind rules graph`.

mod mermaid;
mod text;
mod words;

#[cfg(test)]
mod tests;

use super::Context;
use super::error::Error;
use crate::condition::Reads;
use crate::rules::{Action, Rule, RuleSet, Trigger};
use clap::{Args, ValueEnum};
use serde::Serialize;

/// How the graph is drawn
#[derive(Debug, Args)]
pub(super) struct GraphArgs {
    /// text: for reading; mermaid: a diagram that pull requests and many editors show; json: nodes and edges
    #[arg(long, value_enum, default_value_t = Form::Text, value_name = "FORM")]
    format: Form,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Form {
    Text,
    Mermaid,
    Json,
}

/// Reads the files alone: neither a store nor a daemon is asked.
pub(super) fn run(args: &GraphArgs, context: &mut Context<'_>) -> Result<u8, Error> {
    let settings = context.settings()?;
    let rules = context.composition.rules(&settings)?;
    match args.format {
        Form::Text => context.console.answer(&text::draw(&rules))?,
        Form::Mermaid => context.console.answer(&mermaid::draw(&Graph::of(&rules)))?,
        Form::Json => context.console.json(&Graph::of(&rules))?,
    }
    Ok(0)
}

/// What there is, and how it hangs together.
#[derive(Debug, Default, PartialEq, Eq, Serialize)]
struct Graph {
    nodes: Vec<Node>,
    edges: Vec<Edge>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
struct Node {
    /// The kind and the name, which only it has: `rule:win-back`, `step:win-back/letter`.
    id: String,
    kind: NodeKind,
    name: String,
    /// What it is, in words; of rules and segments what their files say.
    #[serde(skip_serializing_if = "String::is_empty")]
    description: String,
    /// The file and line of a rule.
    #[serde(skip_serializing_if = "Option::is_none")]
    file: Option<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
enum NodeKind {
    Schedule,
    Event,
    Date,
    Segment,
    Rule,
    Step,
    Template,
    Endpoint,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
struct Edge {
    from: String,
    to: String,
    kind: EdgeKind,
    /// More of it in words.
    #[serde(skip_serializing_if = "String::is_empty")]
    text: String,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
enum EdgeKind {
    /// A trigger starts a rule.
    Starts,
    /// A rule has a step.
    Does,
    /// A step sends a template.
    Sends,
    /// A step calls an endpoint.
    Calls,
    /// A condition of a rule or a segment asks who is in a segment.
    Feeds,
    /// A condition asks whether a rule sent something.
    Sent,
    /// A rule is meant to bring an event about.
    Goal,
}

impl NodeKind {
    const fn word(self) -> &'static str {
        match self {
            Self::Schedule => "schedule",
            Self::Event => "event",
            Self::Date => "date",
            Self::Segment => "segment",
            Self::Rule => "rule",
            Self::Step => "step",
            Self::Template => "template",
            Self::Endpoint => "endpoint",
        }
    }
}

/// A condition of a rule and what it is for.
fn conditions(rule: &Rule) -> Vec<(String, &Reads)> {
    let mut all = vec![("when".to_owned(), rule.when.reads())];
    all.extend(rule.stays.iter().map(|stays| ("while".to_owned(), stays.reads())));
    let steps = rule.steps.iter().filter_map(|step| Some((step, step.when.as_ref()?)));
    all.extend(steps.map(|(step, when)| (format!("when of {}", step.id), when.reads())));
    all
}

impl Graph {
    fn of(rules: &RuleSet) -> Self {
        let mut graph = Self::default();
        for segment in &rules.segments {
            let id = graph.node(NodeKind::Segment, &segment.name, &segment.description);
            graph.asks(&id, "", segment.when.reads());
        }
        for rule in &rules.rules {
            graph.rule(rule);
        }
        graph
    }

    fn rule(&mut self, rule: &Rule) {
        let id = self.node(NodeKind::Rule, &rule.id, &rule.description);
        let file = format!("{}:{}", rule.file.display(), rule.line);
        if let Some(node) = self.nodes.iter_mut().find(|node| node.id == id) {
            // A rule that names this one may have been met first, and knew no more than its name.
            node.description.clone_from(&rule.description);
            node.file = Some(file);
        }
        let (trigger, text) = self.trigger(&rule.trigger);
        self.edge(trigger, &id, EdgeKind::Starts, text);
        for (what, reads) in conditions(rule) {
            self.asks(&id, &what, reads);
        }
        for step in &rule.steps {
            let inner = self.node(NodeKind::Step, &format!("{}/{}", rule.id, step.id), "");
            self.edge(id.clone(), &inner, EdgeKind::Does, words::offset(rule, step));
            match &step.action {
                Action::Email { template, .. } => {
                    let to = self.node(NodeKind::Template, template, "");
                    self.edge(inner, &to, EdgeKind::Sends, String::new());
                }
                Action::Webhook { to, kind, .. } => {
                    let to = self.node(NodeKind::Endpoint, to, "");
                    self.edge(inner, &to, EdgeKind::Calls, kind.clone());
                }
            }
        }
        if let Some(goal) = &rule.goal {
            let event = self.node(NodeKind::Event, &goal.event, "");
            self.edge(id, &event, EdgeKind::Goal, format!("within {}", goal.within));
        }
    }

    /// The node that a trigger is, and what more there is to say of it.
    fn trigger(&mut self, trigger: &Trigger) -> (String, String) {
        match trigger {
            Trigger::Schedule { cron, zone } => {
                let clock = words::clock(zone);
                (self.node(NodeKind::Schedule, &format!("{} {clock}", cron.text()), ""), String::new())
            }
            Trigger::Event { name, .. } => (self.node(NodeKind::Event, name, ""), words::of_event(trigger)),
            Trigger::Date { attribute, .. } => (self.node(NodeKind::Date, attribute, ""), words::of_date(trigger)),
            Trigger::Crossing { segment, direction } => {
                (self.node(NodeKind::Segment, segment, ""), words::crossing(*direction).to_owned())
            }
        }
    }

    /// Edges from what a condition names to whose condition it is.
    fn asks(&mut self, whose: &str, what: &str, reads: &Reads) {
        for segment in &reads.segments {
            let from = self.node(NodeKind::Segment, segment, "");
            self.edge(from, whose, EdgeKind::Feeds, what.to_owned());
        }
        for rule in &reads.sent {
            let from = self.node(NodeKind::Rule, rule, "");
            self.edge(from, whose, EdgeKind::Sent, what.to_owned());
        }
    }

    /// The id of a node, which is made if it is not there.
    fn node(&mut self, kind: NodeKind, name: &str, description: &str) -> String {
        let id = format!("{}:{name}", kind.word());
        if !self.nodes.iter().any(|node| node.id == id) {
            let (name, description) = (name.to_owned(), description.to_owned());
            self.nodes.push(Node { id: id.clone(), kind, name, description, file: None });
        }
        id
    }

    fn edge(&mut self, from: String, to: &str, kind: EdgeKind, text: String) {
        let edge = Edge { from, to: to.to_owned(), kind, text };
        if !self.edges.contains(&edge) {
            self.edges.push(edge);
        }
    }
}
