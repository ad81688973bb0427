//! What can be said of endpoints and secrets before anything is sent.

use crate::app::build::endpoint_of;
use crate::config::{Secret, Settings};
use crate::domain::{Diagnostic, Place};
use crate::yaml;
use secrecy::SecretString;
use std::path::Path;

/// A secret of the right form, to check the rest of an endpoint whose own secret is not at hand.
const STAND_IN: &str = "whsec_MDAwMDAwMDAwMDAwMDAwMDAwMDAwMDAwMDAwMDAwMDA=";

/// Endpoints that could never be called are errors; files of secrets that are not there are warnings, for a project is
/// also checked where its secrets are not. Variables and credentials are the business of the machine that runs it.
pub(super) fn check(file: &Path, bytes: &[u8], settings: &Settings) -> Vec<Diagnostic> {
    let Ok(document) = yaml::parse(file, bytes) else { return Vec::new() };
    let place = |path: &[&str]| place(&document, path);
    let mut problems = Vec::new();
    for (name, endpoint) in &settings.endpoints {
        let mut secrets = Vec::new();
        for secret in &endpoint.secrets {
            secrets.push(look_at(secret, || place(&["endpoints", name, "secret"]), &mut problems));
        }
        if let Err(error) = endpoint_of(endpoint, secrets) {
            let message = format!("the endpoint `{name}` cannot be used: {error:#}");
            problems.push(Diagnostic::error("endpoint", place(&["endpoints", name]), message));
        }
    }
    if let Some(password) = settings.email.as_ref().and_then(|email| email.password.as_ref()) {
        look_at(password, || place(&["email", "password"]), &mut problems);
    }
    problems
}

/// The secret, or a stand-in for one that is not here.
fn look_at(secret: &Secret, place: impl Fn() -> Place, problems: &mut Vec<Diagnostic>) -> SecretString {
    match secret.reveal() {
        Ok(revealed) => revealed,
        Err(error) => {
            if matches!(secret, Secret::File(_)) {
                let message = format!("{:#}", anyhow::Error::from(error));
                problems.push(
                    Diagnostic::warning("no-secret", place(), message).help("the daemon does not start without it"),
                );
            }
            STAND_IN.to_owned().into()
        }
    }
}

/// The place of a value, or of the nearest one around it that is there.
fn place(document: &yaml::Document, path: &[&str]) -> Place {
    let mut node = &document.root;
    for name in path {
        match node.get(name) {
            Some(inner) => node = inner,
            None => break,
        }
    }
    document.place(node.span.clone())
}
