//! From a project to what the worker works with.

use super::StartError;
use super::project::Project;
use crate::channels::{email, webhook};
use crate::config::{self, Email, Tls, Transport};
use crate::delivery::{Sender, World};
use crate::domain::Span;
use crate::http::KeyRate;
use crate::templates::Business;
use anyhow::Context;
use secrecy::SecretString;
use std::collections::BTreeMap;
use std::num::NonZeroU32;
use std::sync::Arc;
use std::time::Duration;

/// Deliveries in hand per connection: while one is on the wire, others are read, rendered and recorded.
const IN_HAND_PER_CONNECTION: usize = 4;

/// Under a rate no more deliveries of a class are in hand than get their turn in this time: well before the worker's claim
/// on them ends, for one that is claimed twice takes a turn in vain; and mail of the other class waits no longer.
const IN_HAND_UNDER_RATE: Span = Span::minutes(5);

/// Builds the world of a project: reads its secrets, makes the pool for mail, checks the endpoints.
///
/// # Errors
/// A secret that cannot be read, or an endpoint that may not be called; [`StartError::Settings`] (exit 78).
pub fn world(project: &Project) -> anyhow::Result<World> {
    with_channels(project).map_err(|error| StartError::Settings(error).into())
}

fn with_channels(project: &Project) -> anyhow::Result<World> {
    let settings = &project.settings;
    let mut world = without_channels(project);
    world.sender = settings.email.as_ref().map(sender).transpose()?.flatten();
    for (name, endpoint) in &settings.endpoints {
        let secrets = endpoint.secrets.iter().map(config::Secret::reveal).collect::<Result<Vec<_>, _>>();
        let built = secrets.map_err(anyhow::Error::from).and_then(|secrets| endpoint_of(endpoint, secrets));
        world.endpoints.insert(name.clone(), built.with_context(|| format!("the endpoint {name:?} cannot be used"))?);
    }
    Ok(world)
}

/// The world of a project as far as nothing is sent: no secrets are read, no pool is made. For commands that work
/// without a daemon.
pub(crate) fn without_channels(project: &Project) -> World {
    let settings = &project.settings;
    let mut interest = project.rules.interest.clone();
    interest.purchase = project.schema.purchase.clone();
    World {
        rules: project.rules.clone(),
        interest: Arc::new(interest),
        templates: project.templates.clone(),
        payloads: project.payloads.clone(),
        schema: project.schema.clone(),
        words: settings.business.words.clone(),
        business: Business {
            name: settings.business.name.clone(),
            address: settings.business.address.clone(),
            locale: settings.business.locale.clone(),
        },
        zone_name: settings.business.timezone.iana_name().unwrap_or("UTC").to_owned(),
        zone: settings.business.timezone.clone(),
        policy: settings.policy.clone(),
        only_to: settings.email.as_ref().map(|email| email.only_to.clone()).unwrap_or_default(),
        sender: None,
        endpoints: BTreeMap::new(),
        mail_places: mail_places(settings.email.as_ref()),
    }
}

fn mail_places(email: Option<&Email>) -> usize {
    let connections = email.map_or(8, |email| usize::from(email.connections));
    let in_turn = email.and_then(|email| email.rate).map_or(usize::MAX, |rate| {
        let messages = i64::from(rate.messages).saturating_mul(IN_HAND_UNDER_RATE.0) / rate.per.0.max(1);
        usize::try_from(messages).unwrap_or(usize::MAX)
    });
    (connections * IN_HAND_PER_CONNECTION).min(in_turn.max(1))
}

/// The write keys of a project, and how many calls each may make.
///
/// # Errors
/// A key that cannot be read; [`StartError::Settings`] (exit 78).
pub(super) fn write_keys(project: &Project) -> anyhow::Result<(Vec<SecretString>, KeyRate)> {
    let http = &project.settings.http;
    // Without a listener nobody needs them, and the file may not be there yet.
    let keys = if http.public.is_some() { http.write_keys.as_slice() } else { &[] };
    let keys = keys.iter().map(config::Secret::reveal).collect::<Result<Vec<_>, _>>();
    let keys = keys.context("http.write_keys").map_err(StartError::Settings)?;
    let rate = KeyRate {
        calls: NonZeroU32::new(http.rate.messages).unwrap_or(NonZeroU32::MIN),
        per: Duration::from_millis(u64::try_from(http.rate.per.0).unwrap_or(1000)),
    };
    Ok((keys, rate))
}

fn sender(email: &Email) -> anyhow::Result<Option<Sender>> {
    let Some(from) = &email.from else { return Ok(None) };
    let mut mailer = mailer(email);
    if let (Some(username), Some(password)) = (&email.username, &email.password) {
        let password = password.reveal().context("email.password")?;
        mailer.credentials = Some(email::Credentials { username: username.clone(), password });
    }
    Ok(Some(Sender {
        from: from.to_string(),
        reply_to: email.reply_to.as_ref().map(ToString::to_string),
        rated: email.rate.is_some(),
        mailer: Arc::new(email::Mailer::new(mailer).context("mail cannot be sent")?),
    }))
}

/// How mail is handed over, as far as it is no secret.
pub(super) fn mailer(email: &Email) -> email::MailerSettings {
    let transport = match &email.transport {
        Transport::Smtp { host, port } => email::Transport::Smtp { host: host.clone(), port: *port },
        Transport::Smtps { host, port } => email::Transport::Smtps { host: host.clone(), port: *port },
        Transport::Folder(folder) => email::Transport::Folder(folder.clone()),
    };
    let mut mailer = email::MailerSettings::new(transport);
    mailer.tls = match email.tls {
        Tls::Opportunistic => email::TlsPolicy::Opportunistic,
        Tls::Required => email::TlsPolicy::Required,
        Tls::None => email::TlsPolicy::Off,
    };
    mailer.connections = usize::from(email.connections);
    mailer.rate = email.rate.map(|rate| email::Rate {
        messages: rate.messages,
        per: Duration::from_millis(u64::try_from(rate.per.0).unwrap_or(1000)),
    });
    mailer
}

/// An endpoint with its secrets.
pub(super) fn endpoint_of(
    endpoint: &config::Endpoint,
    secrets: Vec<SecretString>,
) -> anyhow::Result<webhook::Endpoint> {
    let settings = webhook::EndpointSettings {
        url: endpoint.url.clone(),
        secrets,
        allow_http: endpoint.allow_http,
        allow_addresses: endpoint.allow_addresses.clone(),
    };
    Ok(webhook::Endpoint::new(&settings)?)
}

#[cfg(test)]
mod tests {
    use super::mail_places;
    use crate::config::Email;
    use std::path::Path;

    fn email(more: &str) -> Email {
        let text = format!("business: {{name: A, address: B}}\nemail: {{from: a@b.example, connections: 8{more}}}\n");
        let (settings, problems) = crate::config::read_settings(Path::new("r.yaml"), text.as_bytes(), Path::new("."));
        settings.and_then(|settings| settings.email).unwrap_or_else(|| panic!("{problems:?}"))
    }

    #[test]
    fn no_more_mail_is_in_hand_than_gets_its_turn_in_five_minutes() {
        for (rate, places) in
            [("", 32), (", rate: 100/s", 32), (", rate: 60/h", 5), (", rate: 1/m", 5), (", rate: 2/h", 1)]
        {
            assert_eq!(mail_places(Some(&email(rate))), places, "{rate}");
        }
    }
}
