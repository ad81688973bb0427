//! Rules that are not in use yet, beside the live ones.

use super::beside;
use super::changes::{self, SegmentChanges};
use super::together::{is_asked, to_decide};
use super::{Scope, Watched, judged, no_rule};
use crate::app::operations::failure;
use crate::app::project::{self, Compiled};
use crate::app::shared::Shared;
use crate::delivery::World;
use crate::domain::{Diagnostic, Text};
use crate::http::{
    ChangeKind, Compared, Failure, FailureKind, LiveCounts, PlanFiles, PlanReport, Problem, Result, RuleChange,
    RulePlan,
};
use crate::rules::Rule;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

pub(super) async fn plan(
    core: &Shared,
    live: &Arc<World>,
    files: PlanFiles,
    (only, scope): (Option<&str>, Scope),
) -> Result<PlanReport> {
    let compiled = compile(core, live, files).await?;
    let diagnostics = compiled.diagnostics.iter().map(Problem::from).collect();
    let (world, rebuilt) = world_with(live, compiled);
    let segments = changes::of_segments(&live.rules.segments, &world.rules.segments);
    if let Some(name) = only.filter(|name| live.rules.get(name).is_none() && world.rules.get(name).is_none()) {
        return Err(no_rule(&world, name));
    }
    let (before, after) = (to_decide(live, only), to_decide(&world, only));
    let live_plans = judged(core, live, (before.clone(), Vec::new()), scope).await?;
    let mut told = live_plans.into_iter().map(|plan| (plan.rule.clone(), counts(plan))).collect();
    let watched = watched(&before, &after);
    let asked = watched.iter().filter(|watched| is_asked(&watched.id, only));
    let cancelled = cancelled(core, asked).await?;
    let world = Arc::new(world);
    let mut plans = judged(core, &world, (after.clone(), watched), scope).await?;
    add_gone(&mut plans, &before, &after);
    plans.retain(|plan| is_asked(&plan.rule, only));
    for plan in &mut plans {
        if let Some(under_way) = &mut plan.under_way {
            under_way.deliveries_cancelled = cancelled.get(plan.rule.as_str()).copied().unwrap_or(0);
        }
        plan.change = Some(change(&plan.rule, (&before, &after), (&segments, live, &world), &mut told));
    }
    let segments = segments.into_iter().filter(|(_, kind)| *kind != ChangeKind::Unchanged).collect();
    let compared = Some(Compared { segments, rebuilt, diagnostics });
    let (sending_paused, marketing_paused) = (scope.then.stops_all(core), scope.then.stops_marketing(core));
    Ok(PlanReport { at: scope.then.at, sending_paused, marketing_paused, rules: plans, compared })
}

/// Compiles the files, off the threads that answer others.
async fn compile(core: &Shared, live: &Arc<World>, files: PlanFiles) -> Result<Compiled> {
    let (live, settings_file) = (Arc::clone(live), core.settings_file.clone());
    let compiled = tokio::task::spawn_blocking(move || {
        let settings = project::load_settings(&settings_file)?;
        Ok(project::compile(&settings, (&live.schema, &live.templates), &files))
    });
    let compiled = compiled.await.map_err(|error| Failure::from_error(FailureKind::Internal, &error))?;
    let compiled: Compiled =
        compiled.map_err(|error: crate::app::StartError| Failure::from_error(FailureKind::Settings, &error))?;
    if compiled.diagnostics.iter().any(Diagnostic::is_error) {
        return Err(Failure::new(FailureKind::Rules, "the files to plan with have errors").with(&compiled.diagnostics));
    }
    Ok(compiled)
}

/// The live world with other rules, and whether the totals of customers have to be made anew for them.
fn world_with(live: &World, compiled: Compiled) -> (World, bool) {
    let Compiled { rules, schema, templates, payloads, .. } = compiled;
    let mut wanted = rules.interest.clone();
    wanted.purchase = schema.purchase.clone();
    let covered = live.interest.covers(&wanted);
    if covered {
        let mut merged = live.interest.as_ref().clone();
        merged.merge(&wanted);
        wanted = merged;
    }
    let world = World {
        rules,
        interest: Arc::new(wanted),
        templates: templates.unwrap_or_else(|| live.templates.clone()),
        payloads,
        schema,
        words: live.words.clone(),
        business: live.business.clone(),
        zone: live.zone.clone(),
        zone_name: live.zone_name.clone(),
        policy: live.policy.clone(),
        only_to: live.only_to.clone(),
        sender: None,
        endpoints: BTreeMap::new(),
        mail_places: 0,
    };
    (world, !covered)
}

fn find<'r>(rules: &'r [Arc<Rule>], id: &str) -> Option<&'r Arc<Rule>> {
    rules.iter().find(|rule| rule.id == id)
}

/// Ids of the live rules that are gone.
fn gone<'r>(before: &'r [Arc<Rule>], after: &[Arc<Rule>]) -> Vec<&'r Text> {
    let kept: BTreeSet<&Text> = after.iter().map(|rule| &rule.id).collect();
    before.iter().map(|rule| &rule.id).filter(|id| !kept.contains(id)).collect()
}

fn watched(before: &[Arc<Rule>], after: &[Arc<Rule>]) -> Vec<Watched> {
    let stay = after.iter().map(|rule| Watched::changed(&rule.id, find(before, &rule.id), Some(rule)));
    let gone = gone(before, after).into_iter().map(|id| Watched::changed(id, find(before, id), None));
    stay.chain(gone).collect()
}

async fn cancelled(core: &Shared, watched: impl Iterator<Item = &Watched>) -> Result<BTreeMap<Text, u64>> {
    let mut counts = BTreeMap::new();
    for one in watched {
        counts.insert(one.id.clone(), one.cancelled(core.store.as_ref()).await.map_err(failure)?);
    }
    Ok(counts)
}

/// For a past instant nothing is told of what goes on, so that rules that are gone are not among the plans yet.
fn add_gone(plans: &mut Vec<RulePlan>, before: &[Arc<Rule>], after: &[Arc<Rule>]) {
    for id in gone(before, after) {
        if plans.iter().all(|plan| *id != plan.rule.as_str()) {
            plans.push(RulePlan { rule: id.to_string(), ..RulePlan::default() });
        }
    }
}

fn change(
    id: &str,
    (before, after): (&[Arc<Rule>], &[Arc<Rule>]),
    (segments, live, new): (&SegmentChanges, &World, &World),
    told: &mut BTreeMap<String, LiveCounts>,
) -> RuleChange {
    let (before, after) = (find(before, id), find(after, id));
    let beside = before.and(after).map(|rule| beside::differences(rule, live, new)).unwrap_or_default();
    let (kind, lines) = changes::of_rule(before.map(AsRef::as_ref), after.map(AsRef::as_ref), (segments, beside));
    RuleChange { kind, lines, live: told.remove(id) }
}

fn counts(plan: RulePlan) -> LiveCounts {
    let RulePlan { matched, unknown, enroll, holdout, hold, deliveries, .. } = plan;
    LiveCounts { matched, unknown, enroll, holdout, hold, deliveries }
}
