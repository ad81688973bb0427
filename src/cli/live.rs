//! The program itself, as the commands drive it.

use super::composition::{Checked, Composition, Offline, ProjectNames, Refusal, StoreAccess};
use crate::app::{
    self, BackupContents, Closer, CompactReport, DemoReport, DemoRequest, RestoreFrom, RestoreReport, StartError,
    StoreMode, Tested,
};
use crate::http::{AdminAddress, Failure, FailureKind, Operations};
use crate::rules::RuleSet;
use async_trait::async_trait;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// The composition root.
#[derive(Debug, Clone, Copy, Default)]
pub struct Live;

#[async_trait]
impl Composition for Live {
    fn check(&self, settings: &Path) -> Checked {
        let mut loaded = app::load(settings);
        let tests = app::test_problems(&loaded);
        loaded.diagnostics.extend(tests);
        Checked {
            diagnostics: loaded.diagnostics,
            bad_settings: loaded.bad_settings,
            rules: loaded.rule_files,
            templates: loaded.template_files,
        }
    }

    fn names(&self, settings: &Path) -> Option<ProjectNames> {
        let project = app::load(settings).project?;
        let rules = &project.rules.rules;
        Some(ProjectNames {
            topics: project.settings.topics.keys().cloned().collect(),
            endpoints: project.settings.endpoint_names().clone(),
            templates: project.templates.names(),
            segments: project.rules.segments.iter().map(|segment| segment.name.to_string()).collect(),
            rules: rules.iter().map(|rule| rule.id.to_string()).collect(),
            steps: rules.iter().flat_map(|rule| &rule.steps).map(|step| step.id.to_string()).collect(),
            schema: project.schema,
        })
    }

    fn test(&self, settings: &Path, files: &[PathBuf]) -> Tested {
        app::test(settings, files)
    }

    fn rules(&self, settings: &Path) -> Result<RuleSet, Refusal> {
        let loaded = app::load(settings);
        let has_errors = loaded.has_errors();
        match loaded.project {
            Some(project) if !has_errors => Ok(project.rules),
            _ => {
                let kind = if loaded.bad_settings { FailureKind::Settings } else { FailureKind::Rules };
                Err(Refusal::Files { kind, diagnostics: loaded.diagnostics })
            }
        }
    }

    fn admin(&self, settings: &Path) -> Result<AdminAddress, Refusal> {
        app::admin_of(settings).map_err(refusal)
    }

    async fn offline(&self, settings: &Path, access: StoreAccess) -> Result<Box<dyn Offline>, Refusal> {
        let mode = match access {
            StoreAccess::Existing => StoreMode::MustExist,
            StoreAccess::Create => StoreMode::Create,
        };
        let (operations, closer) = app::offline(settings, mode).await.map_err(refusal)?;
        Ok(Box::new(Opened { operations, closer }))
    }

    async fn run(&self, settings: &Path) -> Result<(), Refusal> {
        app::run(settings).await.map_err(refusal)
    }

    async fn verify_backup(&self, file: &Path) -> Result<BackupContents, Refusal> {
        app::verify_backup(file).await.map_err(refusal)
    }

    async fn restore(
        &self,
        settings: &Path,
        from: RestoreFrom,
        journal: Option<&Path>,
    ) -> Result<RestoreReport, Refusal> {
        app::restore(settings, from, journal).await.map_err(refusal)
    }

    async fn compact(&self, settings: &Path) -> Result<CompactReport, Refusal> {
        app::compact(settings).await.map_err(refusal)
    }

    async fn demo(&self, request: &DemoRequest) -> Result<DemoReport, Refusal> {
        app::demo(request).await.map_err(refusal)
    }
}

struct Opened {
    operations: Arc<dyn Operations>,
    closer: Closer,
}

#[async_trait]
impl Offline for Opened {
    fn operations(&self) -> Arc<dyn Operations> {
        Arc::clone(&self.operations)
    }

    async fn close(self: Box<Self>) -> Result<(), Failure> {
        self.closer.close().await.map_err(|error| failure(&error))
    }
}

/// The problems of the project if they are the reason, else what happened with its causes.
fn refusal(error: anyhow::Error) -> Refusal {
    match error.downcast::<StartError>() {
        Ok(StartError::BadProject { diagnostics, bad_settings }) => {
            let kind = if bad_settings { FailureKind::Settings } else { FailureKind::Rules };
            Refusal::Files { kind, diagnostics }
        }
        Ok(other) => failure(&other.into()).into(),
        Err(error) => failure(&error).into(),
    }
}

fn failure(error: &anyhow::Error) -> Failure {
    let kind = match app::exit_code(error) {
        74 => FailureKind::Store,
        78 => FailureKind::Settings,
        65 => FailureKind::Rules,
        _ => FailureKind::Internal,
    };
    Failure::from_error(kind, error.as_ref())
}
