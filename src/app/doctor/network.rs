//! The mail server, the endpoints, and what the sender's domain says of itself. Nothing is sent.

use super::Finding;
use crate::app::build;
use crate::channels::dns::{DnsError, Kind, Resolver};
use crate::channels::email::{Credentials, Encryption, Probe, probe};
use crate::channels::webhook;
use crate::config::{Email, Endpoint, Settings, Transport};
use futures_util::future::{join_all, join3};
use std::time::Duration;
use tokio::time::timeout;

/// A step may take so long.
const STEP: Duration = Duration::from_secs(5);
/// All steps with one server.
const WHOLE: Duration = Duration::from_secs(20);

/// Asks all of them at once.
pub(super) async fn look(settings: &Settings) -> Vec<Finding> {
    let mail = async {
        match &settings.email {
            Some(email) => Some(smtp(email).await),
            None => None,
        }
    };
    let from = settings.email.as_ref().and_then(|email| email.from.as_ref());
    let domain = from.and_then(|from| from.address.rsplit_once('@')).map(|(_, domain)| domain.to_owned());
    let names = async {
        match domain {
            Some(domain) => of_domain(&domain, Resolver::of_system()).await,
            None => Vec::new(),
        }
    };
    let calls = join_all(settings.endpoints.values().map(endpoint));
    let (mail, calls, names) = Box::pin(join3(mail, calls, names)).await;
    mail.into_iter().chain(calls).chain(names).collect()
}

async fn smtp(email: &Email) -> Finding {
    let server = match &email.transport {
        Transport::Smtp { host, port } | Transport::Smtps { host, port } => format!("{host}:{port}"),
        Transport::Folder(folder) => {
            return Finding::ok("smtp", format!("mail goes into the folder {} and to nobody", folder.display()));
        }
    };
    let mut settings = build::mailer(email);
    settings.timeouts.connect = STEP;
    settings.timeouts.command = STEP;
    let password = email.password.as_ref().map(crate::config::Secret::reveal);
    if let (Some(username), Some(Ok(password))) = (&email.username, &password) {
        settings.credentials = Some(Credentials { username: username.clone(), password: password.clone() });
    }
    let untried = matches!(password, Some(Err(_)));
    let help = "is `email.transport` right, does the server run, does a firewall stand between? `retaind deliveries list` \
                shows what waits";
    match timeout(WHOLE, probe(&settings)).await {
        Ok(Ok(Some(probe))) => connected(&server, &probe, untried),
        Ok(Ok(None)) => Finding::ok("smtp", "mail goes into a folder"),
        Ok(Err(why)) => Finding::error("smtp", format!("{server}: {why}"), help),
        Err(_) => Finding::error("smtp", format!("{server}: no answer in time"), help),
    }
}

fn connected(server: &str, probe: &Probe, untried: bool) -> Finding {
    let login = match (probe.authenticated, untried) {
        (true, _) => ", name and password were taken",
        (false, true) => "; the password cannot be read from here, so it was not tried",
        (false, false) => "",
    };
    match &probe.encryption {
        Encryption::Verified => {
            Finding::ok("smtp", format!("{server} greets, encrypted, with a good certificate{login}"))
        }
        Encryption::None => Finding::ok("smtp", format!("{server} greets, not encrypted{login}")),
        Encryption::Unverified(why) => {
            let why = why.as_deref().unwrap_or("its certificate was not looked at");
            let what = format!("{server} greets, encrypted, but anybody could be it: {why}{login}");
            Finding::warning(
                "smtp",
                what,
                "let the server have a certificate for this name, then set `email.tls: required`",
            )
        }
    }
}

async fn endpoint(endpoint: &Endpoint) -> Finding {
    let name = &endpoint.name;
    let probed = timeout(WHOLE, webhook::probe(&endpoint.url, &endpoint.allow_addresses, &[], STEP)).await;
    let help =
        format!("is `endpoints.{name}.url` right, does the receiver run? `retaind deliveries list` shows what waits");
    match probed {
        Ok(Ok(address)) if endpoint.url.starts_with("https") => {
            Finding::ok("endpoint", format!("{name}: {address} answers, encrypted, with a good certificate"))
        }
        Ok(Ok(address)) => Finding::ok("endpoint", format!("{name}: {address} answers, not encrypted")),
        Ok(Err(why)) => Finding::error("endpoint", format!("{name}: {why}"), help),
        Err(_) => Finding::error("endpoint", format!("{name}: no answer in time"), help),
    }
}

/// What receivers look up to tell mail of the domain from mail in its name: SPF (RFC 7208), DMARC (RFC 7489); and whether
/// answers to it arrive.
async fn of_domain(domain: &str, resolver: Result<Resolver, DnsError>) -> Vec<Finding> {
    let unknown = |error: &DnsError| {
        let help = "look by hand: dig TXT DOMAIN, dig TXT _dmarc.DOMAIN, dig MX DOMAIN";
        Finding::warning("dns", format!("{domain} could not be looked up: {error}"), help)
    };
    let resolver = match resolver {
        Ok(resolver) => resolver,
        Err(error) => return vec![unknown(&error)],
    };
    let policy = format!("_dmarc.{domain}");
    let asked = join3(
        resolver.records(domain, Kind::Txt),
        resolver.records(&policy, Kind::Txt),
        resolver.records(domain, Kind::Mx),
    );
    match asked.await {
        (Ok(texts), Ok(policies), Ok(exchangers)) => judged(domain, &texts, &policies, &exchangers),
        (Err(error), ..) | (_, Err(error), _) | (.., Err(error)) => vec![unknown(&error)],
    }
}

fn judged(domain: &str, texts: &[String], policies: &[String], exchangers: &[String]) -> Vec<Finding> {
    let senders = texts.iter().filter(|text| text.starts_with("v=spf1")).count();
    let spf = match senders {
        0 => Finding::warning(
            "dns",
            format!("{domain} has no SPF record: much of its mail is taken for spam"),
            format!("publish a TXT record of {domain} such as \"v=spf1 mx include:YOUR-MAIL-SERVICE ~all\""),
        ),
        1 => Finding::ok("dns", format!("{domain} says who may send for it (SPF)")),
        many => {
            Finding::error("dns", format!("{domain} has {many} SPF records, which count as none"), "leave one of them")
        }
    };
    let dmarc = if policies.iter().any(|text| text.starts_with("v=DMARC1")) {
        Finding::ok("dns", format!("{domain} says what is to be done with mail in its name (DMARC)"))
    } else {
        Finding::warning(
            "dns",
            format!("{domain} has no DMARC record, which large providers ask of who sends much"),
            format!("publish a TXT record of _dmarc.{domain} such as \"v=DMARC1; p=none; rua=mailto:you@{domain}\""),
        )
    };
    let mx = if exchangers.is_empty() {
        Finding::warning(
            "dns",
            format!("nobody takes mail for {domain} (no MX record): answers and bounces are lost"),
            "publish an MX record, or send from a domain that has one",
        )
    } else {
        Finding::ok("dns", format!("mail for {domain} is taken by {}", exchangers.join(", ")))
    };
    vec![spf, dmarc, mx]
}

#[cfg(test)]
mod tests {
    use super::{connected, endpoint, judged, of_domain, smtp};
    use crate::app::doctor::Level;
    use crate::channels::dns::DnsError;
    use crate::channels::email::{Encryption, Probe};
    use crate::config::{Settings, read_settings};
    use std::path::Path;
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    use tokio::net::TcpListener;

    fn settings(port: u16) -> Settings {
        let text = format!(
            "business: {{name: A, address: B}}\nemail: {{from: a@b.example, transport: \"smtp://127.0.0.1:{port}\"}}\n\
             endpoints:\n  crm: {{url: \"http://127.0.0.1:{port}/secret-path\", secret: {{file: x}}, allow_http: true, \
             allow_addresses: [127.0.0.0/8]}}\n"
        );
        let (settings, problems) = read_settings(Path::new("r.yaml"), text.as_bytes(), Path::new("."));
        settings.unwrap_or_else(|| panic!("{problems:?}"))
    }

    #[tokio::test]
    async fn a_server_that_greets_is_well_and_gets_no_mail() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let settings = settings(listener.local_addr().unwrap().port());
        let serving = tokio::spawn(async move {
            let (mut stream, _) = listener.accept().await.unwrap();
            stream.write_all(b"220 here\r\n").await.unwrap();
            let (mut said, mut bytes) = (String::new(), [0; 512]);
            loop {
                let length = stream.read(&mut bytes).await.unwrap();
                if length == 0 {
                    return said;
                }
                said += &String::from_utf8_lossy(&bytes[..length]);
                stream.write_all(b"250 ok\r\n").await.unwrap();
            }
        });
        let found = smtp(settings.email.as_ref().unwrap()).await;
        assert_eq!(found.level, Level::Ok, "{found:?}");
        let said = serving.await.unwrap();
        assert!(said.contains("EHLO") && said.contains("QUIT") && !said.contains("MAIL"), "{said}");
    }

    #[tokio::test]
    async fn servers_that_are_not_there_are_errors_that_show_no_url() {
        let port = TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap().port();
        let settings = settings(port);
        let mail = smtp(settings.email.as_ref().unwrap()).await;
        let call = endpoint(&settings.endpoints["crm"]).await;
        assert_eq!([mail.level, call.level], [Level::Error; 2]);
        assert!(!format!("{call:?}").contains("secret-path"));
    }

    #[test]
    fn a_certificate_that_proves_nothing_and_a_password_that_was_not_tried_are_told() {
        let probe =
            Probe { encryption: Encryption::Unverified(Some("TLS handshake: expired".into())), authenticated: false };
        let found = connected("mail:25", &probe, true);
        assert_eq!(found.level, Level::Warning);
        assert!(found.what.contains("expired") && found.what.contains("not tried"));
    }

    #[tokio::test]
    async fn a_domain_is_judged_by_its_records() {
        let levels = |texts: &[&str], policies: &[&str], exchangers: &[&str]| {
            let own = |texts: &[&str]| texts.iter().map(|text| (*text).to_owned()).collect::<Vec<_>>();
            judged("b.example", &own(texts), &own(policies), &own(exchangers))
                .iter()
                .map(|one| one.level)
                .collect::<Vec<_>>()
        };
        assert_eq!(levels(&["v=spf1 -all", "x"], &["v=DMARC1; p=none"], &["mx"]), [Level::Ok; 3]);
        assert_eq!(levels(&[], &[], &[]), [Level::Warning; 3]);
        assert_eq!(levels(&["v=spf1 -all", "v=spf1 mx"], &["v=DMARC1"], &["mx"])[0], Level::Error);
        let unasked = of_domain("b.example", Err(DnsError::NoServer)).await;
        assert_eq!(unasked.iter().map(|one| one.level).collect::<Vec<_>>(), [Level::Warning]);
    }
}
