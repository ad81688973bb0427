//! What waits for the committer: two bounded lanes, interactive first.

use super::draft::Change;
use super::fault::Fault;
use super::lock;
use super::shared::Shown;
use crate::store::Urgency;
use std::collections::VecDeque;
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::time::Duration;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, oneshot};

/// Background commits have at most so many rows, where the caller's batch can be split.
pub(super) const BACKGROUND_ROWS: usize = 200;
/// Background commits share a round up to so many rows, unless somebody is likely to come who would wait for its end.
const SHORT_ROUND: usize = 2 * BACKGROUND_ROWS;
/// Somebody is likely to come for so many rounds after an interactive commit.
const BUSY: u32 = 8;
/// No round is longer, unless a single commit is.
const LONG_ROUND: usize = 2000;
/// So many rounds may pass over what waits in the background, then some of it is taken. A round that has none of it is
/// soon durable: whoever waits for theirs waits for few rows.
const PATIENCE: u32 = 2;
/// How many interactive commits may wait.
const INTERACTIVE: usize = 1024;
/// How many background commits may wait.
const BACKGROUND: usize = 16;

/// One commit, waiting.
#[derive(Debug)]
pub(super) struct Job {
    /// Tells jobs apart.
    pub(super) id: u64,
    /// In which lane it waits.
    pub(super) urgency: Urgency,
    /// Whether arrivals that follow build upon it.
    pub(super) shown: Shown,
    /// What it changes.
    pub(super) change: Change,
    /// Who waits.
    pub(super) answer: oneshot::Sender<Result<(), Fault>>,
    /// Its place in the queue.
    pub(super) place: OwnedSemaphorePermit,
}

#[derive(Debug, Default)]
struct Waiting {
    interactive: VecDeque<Job>,
    background: VecDeque<Job>,
    passed_over: u32,
    /// For so many rounds somebody is likely to come.
    busy: u32,
    closed: bool,
}

/// Both lanes.
#[derive(Debug)]
pub(super) struct Queue {
    waiting: Mutex<Waiting>,
    arrived: Condvar,
    interactive: Arc<Semaphore>,
    background: Arc<Semaphore>,
}

impl Queue {
    /// Nothing waits.
    pub(super) fn new() -> Self {
        Self {
            waiting: Mutex::default(),
            arrived: Condvar::new(),
            interactive: Arc::new(Semaphore::new(INTERACTIVE)),
            background: Arc::new(Semaphore::new(BACKGROUND)),
        }
    }

    /// A place in a lane, as soon as there is one.
    pub(super) async fn place(&self, urgency: Urgency) -> Result<OwnedSemaphorePermit, Fault> {
        let places = match urgency {
            Urgency::Interactive => &self.interactive,
            Urgency::Background => &self.background,
        };
        Arc::clone(places).acquire_owned().await.map_err(|_| Fault::Closed)
    }

    /// Puts a commit in its lane.
    pub(super) fn push(&self, job: Job) -> Result<(), Fault> {
        let mut waiting = lock(&self.waiting);
        if waiting.closed {
            return Err(Fault::Closed);
        }
        match job.urgency {
            Urgency::Interactive => waiting.interactive.push_back(job),
            Urgency::Background => waiting.background.push_back(job),
        }
        self.arrived.notify_one();
        Ok(())
    }

    /// Takes nothing in any more; what waits is still handed out.
    pub(super) fn close(&self) {
        lock(&self.waiting).closed = true;
        self.interactive.close();
        self.background.close();
        self.arrived.notify_all();
    }

    /// The commits of the next round: none if `patience` passed with nothing to do, `None` once closed and empty.
    pub(super) fn next_round(&self, patience: Duration) -> Option<Vec<Job>> {
        let mut waiting = lock(&self.waiting);
        if waiting.is_empty() && !waiting.closed {
            let wait =
                self.arrived.wait_timeout_while(waiting, patience, |waiting| waiting.is_empty() && !waiting.closed);
            waiting = wait.unwrap_or_else(PoisonError::into_inner).0;
        }
        if waiting.is_empty() && waiting.closed {
            return None;
        }
        Some(waiting.take())
    }
}

impl Waiting {
    fn is_empty(&self) -> bool {
        self.interactive.is_empty() && self.background.is_empty()
    }

    fn take(&mut self) -> Vec<Job> {
        let (mut round, mut rows) = (Vec::new(), 0);
        if self.passed_over >= PATIENCE {
            take_while_short(&mut self.background, &mut round, &mut rows, BACKGROUND_ROWS);
        }
        let in_turn = round.len();
        take_while_short(&mut self.interactive, &mut round, &mut rows, LONG_ROUND);
        let is_waited_for = round.len() > in_turn;
        self.busy = if is_waited_for { BUSY } else { self.busy.saturating_sub(1) };
        if is_waited_for && in_turn == 0 && !self.background.is_empty() {
            self.passed_over += 1;
            return round;
        }
        let most = if self.busy > 0 { BACKGROUND_ROWS } else { SHORT_ROUND };
        take_while_short(&mut self.background, &mut round, &mut rows, most);
        self.passed_over = 0;
        round
    }
}

fn take_while_short(lane: &mut VecDeque<Job>, round: &mut Vec<Job>, rows: &mut usize, most: usize) {
    while let Some(job) = lane.front()
        && (round.is_empty() || *rows + job.change.rows.len() <= most)
        && let Some(job) = lane.pop_front()
    {
        *rows += job.change.rows.len();
        round.push(job);
    }
}

#[cfg(test)]
mod tests {
    use super::{BACKGROUND_ROWS, BUSY, Job, LONG_ROUND, PATIENCE, Queue};
    use crate::store::Urgency;
    use crate::store::sled::draft::Change;
    use crate::store::sled::shared::Shown;
    use std::time::Duration;
    use tokio::sync::oneshot;

    async fn push(queue: &Queue, urgency: Urgency, rows: usize) {
        let rows = (0..rows).map(|n| (n.to_be_bytes().to_vec().into(), None)).collect();
        let change = Change { rows, ..Change::default() };
        let place = queue.place(urgency).await.unwrap();
        queue.push(Job { id: 0, urgency, shown: Shown::No, change, answer: oneshot::channel().0, place }).unwrap();
    }

    fn next(queue: &Queue) -> Vec<Urgency> {
        queue.next_round(Duration::ZERO).unwrap().iter().map(|job| job.urgency).collect()
    }

    #[tokio::test]
    async fn interactive_commits_go_first_and_alone_and_those_of_the_background_share_a_short_round() {
        let queue = Queue::new();
        push(&queue, Urgency::Background, BACKGROUND_ROWS).await;
        push(&queue, Urgency::Background, BACKGROUND_ROWS).await;
        push(&queue, Urgency::Interactive, 5).await;
        assert_eq!(next(&queue), [Urgency::Interactive]);
        assert_eq!(next(&queue), [Urgency::Background], "another interactive one would wait for both");
        assert_eq!(next(&queue), [Urgency::Background]);
        for _ in 0..BUSY {
            assert!(next(&queue).is_empty());
        }
        push(&queue, Urgency::Background, BACKGROUND_ROWS).await;
        push(&queue, Urgency::Background, BACKGROUND_ROWS).await;
        assert_eq!(next(&queue), [Urgency::Background, Urgency::Background]);
        assert!(next(&queue).is_empty());
    }

    #[tokio::test]
    async fn the_background_is_not_passed_over_for_ever() {
        let queue = Queue::new();
        push(&queue, Urgency::Background, BACKGROUND_ROWS).await;
        let mut rounds = 0;
        loop {
            push(&queue, Urgency::Interactive, LONG_ROUND).await;
            if next(&queue).contains(&Urgency::Background) {
                break;
            }
            rounds += 1;
        }
        assert_eq!(rounds, PATIENCE);
    }

    #[tokio::test]
    async fn a_closed_queue_hands_out_what_it_has_and_takes_nothing() {
        let queue = Queue::new();
        push(&queue, Urgency::Interactive, 1).await;
        queue.close();
        assert_eq!(next(&queue).len(), 1);
        assert!(queue.next_round(Duration::ZERO).is_none());
        assert!(queue.place(Urgency::Interactive).await.is_err());
    }
}
