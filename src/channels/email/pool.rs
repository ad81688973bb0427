//! Connections that are kept and shared.

use super::dial::Dialer;
use super::session::{Ending, Session};
use super::settings::{MailerSettings, Rate, Transport};
use super::{Composed, Mail, MailError, compose, folder};
use crate::domain::{DeliveryId, Outcome};
use governor::clock::{Clock, DefaultClock};
use governor::{DefaultDirectRateLimiter, Quota};
use std::fmt;
use std::num::NonZeroU32;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::Duration;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::{Instant, sleep, sleep_until};

/// Hands mail over; cheap to clone, the clones share connections and rate.
#[derive(Clone)]
pub struct Mailer(Arc<Pool>);

struct Pool {
    settings: MailerSettings,
    /// `None`: the transport is a folder.
    dialer: Option<Dialer>,
    limiter: Option<DefaultDirectRateLimiter>,
    places: Arc<Semaphore>,
    idle: Mutex<Idle>,
}

/// Connections that nobody uses. The one used last is used next, so that those too many grow old.
#[derive(Default)]
struct Idle {
    sessions: Vec<Session>,
    is_watched: bool,
}

/// A place at the server: the right to send one message now.
pub struct Connection {
    pool: Arc<Pool>,
    /// `None` with a folder.
    session: Option<Session>,
    place: Option<OwnedSemaphorePermit>,
}

impl fmt::Debug for Mailer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Mailer").field("settings", &self.0.settings).finish_non_exhaustive()
    }
}

impl fmt::Debug for Connection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Connection").finish_non_exhaustive()
    }
}

impl Mailer {
    /// A mailer without connections yet; nothing is looked up or connected here.
    pub fn new(settings: MailerSettings) -> Result<Self, MailError> {
        if settings.connections == 0 {
            return Err(MailError::NoConnections);
        }
        let dialer = Dialer::new(&settings)?;
        let limiter = settings.rate.map(limiter).transpose()?;
        let places = Arc::new(Semaphore::new(settings.connections.min(Semaphore::MAX_PERMITS)));
        Ok(Self(Arc::new(Pool { settings, dialer, limiter, places, idle: Mutex::default() })))
    }

    /// Waits for a place, takes an idle connection or makes one (authenticated, ready for a message), and then waits
    /// until the rate allows a message. The error is always [`Outcome::Transient`]: it speaks of the server, not of any
    /// message.
    pub async fn connect(&self) -> Result<Connection, Outcome> {
        let pool = self.0.clone();
        // The semaphore is never closed, so a place always comes.
        let place = pool.places.clone().acquire_owned().await.ok();
        let session = match (pool.take().await, &pool.dialer) {
            (None, Some(dialer)) => Some(dialer.dial(&pool.settings).await?),
            (session, _) => session,
        };
        let mut connection = Connection { pool, session, place };
        connection.pool.wait_for_rate().await;
        if connection.pool.limiter.is_some()
            && let Some(session) = &mut connection.session
        {
            // It may have waited for its turn for longer than the server waits: then it is replaced, not blamed.
            session.idle_since.get_or_insert_with(Instant::now);
        }
        Ok(connection)
    }

    /// Says goodbye on all idle connections. Those in use are not touched.
    pub async fn close(&self) {
        let sessions = std::mem::take(&mut self.0.idle().sessions);
        futures_util::future::join_all(sessions.into_iter().map(Session::quit)).await;
    }
}

impl Connection {
    /// One attempt. The connection goes back to the others if it is still good.
    ///
    /// A connection that had ended while it was idle is replaced, once, before anything of this message was said.
    pub async fn send(self, mail: &Mail) -> Outcome {
        let composed = match compose(mail) {
            Ok(composed) => composed,
            Err(error) => {
                self.put_back();
                return error.outcome();
            }
        };
        self.send_composed(mail.id, composed).await
    }

    pub(super) async fn send_composed(mut self, id: DeliveryId, mail: Composed) -> Outcome {
        match (self.session.take(), &self.pool.settings.transport) {
            (Some(session), _) => self.hand_over(session, &mail).await,
            (None, Transport::Folder(path)) => folder::store(path, id, mail.message).await,
            // A connection to a server has a session until it is consumed.
            (None, _) => Outcome::Transient { detail: "no connection".to_owned(), retry_after: None },
        }
    }

    /// Gives the connection back unused.
    pub fn put_back(mut self) {
        if let Some(session) = self.session.take() {
            self.give_back(session);
        }
    }

    fn give_back(mut self, session: Session) {
        if session.carried < self.pool.settings.messages_per_connection {
            self.pool.keep(session);
            return;
        }
        // The place is free when the goodbye is said: no more connections are open than are permitted.
        let place = self.place.take();
        tokio::spawn(async move {
            session.quit().await;
            drop(place);
        });
    }

    async fn hand_over(self, mut session: Session, mail: &Composed) -> Outcome {
        let settings = &self.pool.settings;
        let mut ending = session.send(mail, &settings.timeouts).await;
        if let (Ending::Stale, Some(dialer)) = (&ending, &self.pool.dialer) {
            session = match dialer.dial(settings).await {
                Ok(session) => session,
                Err(outcome) => return outcome,
            };
            ending = session.send(mail, &settings.timeouts).await;
        }
        match ending {
            Ending::Ready(outcome) => {
                self.give_back(session);
                outcome
            }
            Ending::Broken(outcome) => outcome,
            // A new connection was never idle, so it cannot be stale.
            Ending::Stale => Outcome::Transient { detail: "the connection ended".to_owned(), retry_after: None },
        }
    }
}

impl Pool {
    fn idle(&self) -> MutexGuard<'_, Idle> {
        self.idle.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The idle connection that was used last, unless it is too old; then all are.
    async fn take(&self) -> Option<Session> {
        let session = self.idle().sessions.pop()?;
        if session.idle_for() < self.settings.idle_limit {
            return Some(session);
        }
        session.quit().await;
        None
    }

    fn keep(self: &Arc<Self>, mut session: Session) {
        session.idle_since = Some(Instant::now());
        let mut idle = self.idle();
        idle.sessions.push(session);
        if !idle.is_watched {
            idle.is_watched = true;
            tokio::spawn(close_idle(Arc::downgrade(self), self.settings.idle_limit));
        }
    }

    /// The connections that are too old; when the next will be, or that nothing is left to watch.
    fn expired(&self) -> (Vec<Session>, Option<Instant>) {
        let limit = self.settings.idle_limit;
        let mut idle = self.idle();
        // They lie in the order in which they became idle.
        let old = idle.sessions.partition_point(|session| session.idle_for() >= limit);
        let sessions = idle.sessions.drain(..old).collect();
        let next = idle.sessions.first().map(|session| Instant::now() + limit.saturating_sub(session.idle_for()));
        idle.is_watched = next.is_some();
        (sessions, next)
    }

    async fn wait_for_rate(&self) {
        let Some(limiter) = &self.limiter else { return };
        while let Err(not_yet) = limiter.check() {
            sleep(not_yet.wait_time_from(DefaultClock::default().now())).await;
        }
    }
}

/// Closes connections that nobody used for the limit, until none is idle or the pool is gone.
async fn close_idle(pool: Weak<Pool>, limit: Duration) {
    let mut next = Instant::now() + limit;
    loop {
        sleep_until(next).await;
        let Some(pool) = pool.upgrade() else { return };
        let (sessions, soonest) = pool.expired();
        drop(pool);
        futures_util::future::join_all(sessions.into_iter().map(Session::quit)).await;
        let Some(soonest) = soonest else { return };
        next = soonest;
    }
}

fn limiter(rate: Rate) -> Result<DefaultDirectRateLimiter, MailError> {
    let messages = NonZeroU32::new(rate.messages).ok_or(MailError::NoRate)?;
    let quota = Quota::with_period(rate.per / messages.get()).ok_or(MailError::NoRate)?;
    let at_once = NonZeroU32::new(rate.messages / 10).unwrap_or(NonZeroU32::MIN);
    Ok(DefaultDirectRateLimiter::direct(quota.allow_burst(at_once)))
}
