//! The program behind the commands: the composition root, in the words of the command line.

use super::composition::{Checked, Composition, Offline, Refusal, StoreAccess};
use crate::app::{self, Closer, DemoReport, DemoRequest, StartError, StoreMode};
use crate::http::{AdminAddress, Failure, FailureKind, Operations};
use async_trait::async_trait;
use std::path::Path;
use std::sync::Arc;

/// The real program.
#[derive(Debug, Clone, Copy, Default)]
pub struct Program;

#[async_trait]
impl Composition for Program {
    fn check(&self, settings: &Path) -> Checked {
        let loaded = app::load(settings);
        let of_settings = |file: &Path| file == settings || file.file_name().is_some_and(|name| name == "schema.yaml");
        let (settings, rules) = loaded.diagnostics.into_iter().partition(|found| of_settings(&found.place.file));
        Checked { settings, rules, rule_count: loaded.rule_files, template_count: loaded.template_files }
    }

    fn admin(&self, settings: &Path) -> Result<AdminAddress, Refusal> {
        app::admin_of(settings).map_err(refused)
    }

    async fn offline(&self, settings: &Path, access: StoreAccess) -> Result<Box<dyn Offline>, Refusal> {
        let mode = match access {
            StoreAccess::Existing => StoreMode::MustExist,
            StoreAccess::Create => StoreMode::Create,
        };
        let (operations, closer) = app::offline(settings, mode).await.map_err(refused)?;
        Ok(Box::new(Opened { operations, closer }))
    }

    async fn run(&self, settings: &Path) -> Result<(), Refusal> {
        app::run(settings).await.map_err(refused)
    }

    async fn demo(&self, request: DemoRequest) -> Result<DemoReport, Refusal> {
        app::demo(&request).await.map_err(refused)
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
        self.closer.close().await.map_err(failure)
    }
}

fn refused(error: anyhow::Error) -> Refusal {
    match error.downcast::<StartError>() {
        Ok(StartError::BadProject { diagnostics, bad_settings }) => {
            let kind = if bad_settings { FailureKind::Settings } else { FailureKind::Rules };
            Refusal::Files { kind, diagnostics }
        }
        Ok(other) => failure(other.into()).into(),
        Err(error) => failure(error).into(),
    }
}

/// With the kind that gives the exit code, and every cause.
#[expect(clippy::needless_pass_by_value, reason = "it is used by map_err")]
fn failure(error: anyhow::Error) -> Failure {
    let kind = match app::exit_code(&error) {
        65 => FailureKind::Rules,
        74 => FailureKind::Store,
        78 => FailureKind::Settings,
        _ => FailureKind::Internal,
    };
    Failure::from_error(kind, error.as_ref())
}
