//! Connections that are kept and shared, the rate, and the folder.

use super::{catcher, is_transient, mail, mailer, send, settings};
use crate::catcher::{MailAct, MailCatcher, MailFaults, MailStage, When};
use crate::channels::email::{Mailer, MailerSettings, Rate, Transport, compose};
use crate::domain::Outcome;
use std::time::{Duration, Instant};

fn is_accepted(outcome: &Outcome) -> bool {
    matches!(outcome, Outcome::Accepted { .. })
}

#[tokio::test]
async fn one_after_the_other_goes_over_one_connection() {
    let catcher = catcher(MailFaults::none()).await;
    let mailer = mailer(&catcher);
    for number in 0..20 {
        assert!(is_accepted(&send(&mailer, &mail(number)).await));
    }
    assert_eq!((catcher.count(), catcher.connections()), (20, 1));
}

#[tokio::test]
async fn no_more_connections_are_open_than_permitted() {
    let catcher = catcher(MailFaults::none()).await;
    let mut settings = settings(catcher.address());
    (settings.connections, settings.messages_per_connection) = (3, 7);
    let mailer = Mailer::new(settings).unwrap();
    let sends = (0..60).map(|number| {
        let mailer = mailer.clone();
        tokio::spawn(async move { send(&mailer, &mail(number)).await })
    });
    for outcome in futures_util::future::join_all(sends).await {
        assert!(is_accepted(&outcome.unwrap()));
    }
    assert_eq!(catcher.count(), 60);
    assert!(catcher.most_open_connections() <= 3, "{}", catcher.most_open_connections());
}

#[tokio::test]
async fn a_connection_that_was_closed_while_idle_costs_no_mail() {
    for farewell in [MailAct::Close, MailAct::Reply("421 4.4.2 Idle for too long".into())] {
        let faults = MailFaults::none().with(MailStage::Idle, When::First(1), farewell);
        let catcher = catcher(faults).await;
        let mailer = mailer(&catcher);
        for number in 1..=3 {
            let outcome = send(&mailer, &mail(number)).await;
            assert!(is_accepted(&outcome), "{outcome:?}");
        }
        assert_eq!((catcher.count(), catcher.connections()), (3, 2));
    }
}

#[tokio::test]
async fn a_server_that_was_restarted_costs_no_mail() {
    let first = catcher(MailFaults::none()).await;
    let address = first.address();
    let mailer = mailer(&first);
    mailer.connect().await.unwrap().put_back();
    drop(first);
    // The port is free as soon as the first catcher's task has run its last.
    let second = loop {
        if let Ok(second) = MailCatcher::start(address, MailFaults::none()).await {
            break second;
        }
        tokio::task::yield_now().await;
    };
    let outcome = send(&mailer, &mail(1)).await;
    assert!(is_accepted(&outcome), "{outcome:?}");
    assert_eq!(second.count(), 1);
}

#[tokio::test]
async fn a_connection_that_went_silent_while_idle_is_replaced_once() {
    let faults = MailFaults::none().with(MailStage::Idle, When::First(1), MailAct::Stall);
    let catcher = catcher(faults).await;
    let mailer = super::hasty_with_commands(&catcher);
    assert!(is_accepted(&send(&mailer, &mail(1)).await));
    assert!(is_accepted(&send(&mailer, &mail(2)).await));
    assert_eq!((catcher.count(), catcher.connections()), (2, 2));
}

#[tokio::test]
async fn a_mail_that_was_begun_is_never_begun_again_by_itself() {
    let faults = MailFaults::none()
        .with(MailStage::Recipient, When::Contains("customer2".into()), MailAct::Close)
        .with(MailStage::Dot, When::Contains("customer4".into()), MailAct::Close);
    let catcher = catcher(faults).await;
    let mailer = mailer(&catcher);
    assert!(is_accepted(&send(&mailer, &mail(1)).await));
    assert!(is_transient(&send(&mailer, &mail(2)).await));
    assert!(is_accepted(&send(&mailer, &mail(3)).await));
    assert!(matches!(send(&mailer, &mail(4)).await, Outcome::Uncertain { .. }));
    assert_eq!((catcher.count(), catcher.connections()), (2, 2));
}

#[tokio::test]
async fn idle_connections_are_closed_after_their_time() {
    let catcher = catcher(MailFaults::none()).await;
    let mut settings = settings(catcher.address());
    settings.idle_limit = Duration::from_millis(20);
    let mailer = Mailer::new(settings).unwrap();
    for round in 1..=2 {
        let one = mailer.connect().await.unwrap();
        let two = mailer.connect().await.unwrap();
        assert!(is_accepted(&one.send(&mail(1)).await));
        two.put_back();
        catcher.wait_for_open(0).await;
        assert_eq!(catcher.connections(), 2 * round);
    }
}

#[tokio::test]
async fn a_connection_ends_after_its_number_of_messages() {
    let catcher = catcher(MailFaults::none()).await;
    let mut settings = settings(catcher.address());
    settings.messages_per_connection = 2;
    let mailer = Mailer::new(settings).unwrap();
    for number in 0..5 {
        assert!(is_accepted(&send(&mailer, &mail(number)).await));
    }
    assert_eq!(catcher.connections(), 3);
}

#[tokio::test]
async fn a_connection_put_back_or_dropped_frees_its_place() {
    let catcher = catcher(MailFaults::none()).await;
    let mut settings = settings(catcher.address());
    settings.connections = 1;
    let mailer = Mailer::new(settings).unwrap();
    mailer.connect().await.unwrap().put_back();
    drop(mailer.connect().await.unwrap());
    assert!(is_accepted(&send(&mailer, &mail(1)).await));
    assert_eq!(catcher.connections(), 2, "the one put back was used again, the one dropped was not");
}

#[tokio::test]
async fn closing_says_goodbye() {
    let catcher = catcher(MailFaults::none()).await;
    let mailer = mailer(&catcher);
    assert!(is_accepted(&send(&mailer, &mail(1)).await));
    assert_eq!(catcher.open_connections(), 1);
    mailer.close().await;
    catcher.wait_for_open(0).await;
}

#[tokio::test]
async fn the_rate_holds_for_all_connections_together() {
    let catcher = catcher(MailFaults::none()).await;
    let mut settings = settings(catcher.address());
    settings.rate = Some(Rate { messages: 100, per: Duration::from_secs(1) });
    let mailer = Mailer::new(settings).unwrap();
    let begin = Instant::now();
    let sends = (0..40).map(|number| {
        let mailer = mailer.clone();
        tokio::spawn(async move { send(&mailer, &mail(number)).await })
    });
    for outcome in futures_util::future::join_all(sends).await {
        assert!(is_accepted(&outcome.unwrap()));
    }
    // 10 at once, the others every 10 ms.
    assert!(begin.elapsed() >= Duration::from_millis(290), "{:?}", begin.elapsed());
}

#[tokio::test]
async fn settings_that_permit_nothing_are_refused() {
    let mut settings = settings(super::anywhere());
    settings.connections = 0;
    assert!(Mailer::new(settings.clone()).is_err());
    settings.connections = 1;
    for rate in [Rate { messages: 0, per: Duration::from_secs(1) }, Rate { messages: 1, per: Duration::ZERO }] {
        settings.rate = Some(rate);
        assert!(Mailer::new(settings.clone()).is_err(), "{rate:?}");
    }
    settings.rate = None;
    settings.hello_name = Some("x\r\nMAIL FROM:<>".into());
    assert!(Mailer::new(settings).is_err());
}

#[tokio::test]
async fn the_folder_gets_one_whole_file_per_delivery_however_often_it_is_sent() {
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().join("new/out");
    let mailer = Mailer::new(MailerSettings::new(Transport::Folder(out.clone()))).unwrap();
    for number in [1, 2, 1] {
        assert!(is_accepted(&send(&mailer, &mail(number)).await));
    }
    let mut files: Vec<_> = std::fs::read_dir(&out).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    files.sort();
    assert_eq!(files, [format!("{}.eml", mail(1).id), format!("{}.eml", mail(2).id)].map(std::ffi::OsString::from));
    assert_eq!(std::fs::read(out.join(&files[1])).unwrap(), compose(&mail(2)).unwrap().message);
}

#[tokio::test]
async fn a_folder_that_cannot_be_written_is_transient() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("file");
    std::fs::write(&file, "in the way").unwrap();
    let mailer = Mailer::new(MailerSettings::new(Transport::Folder(file))).unwrap();
    assert!(is_transient(&send(&mailer, &mail(1)).await));
}
