//! Calls of the public listener, by a client as a shop has it.

use crate::people;
use crate::project::WRITE_KEY;
use std::fmt::Write;
use std::ops::Range;
use std::time::Instant;

/// Sends calls of one kind; clones share the connections.
#[derive(Debug, Clone)]
pub(crate) struct Caller {
    client: reqwest::Client,
    url: String,
}

impl Caller {
    /// For `/v1/CALL` at a port.
    pub(crate) fn new(port: u16, call: &str) -> anyhow::Result<Self> {
        // Another part of the process may have installed it.
        rustls::crypto::ring::default_provider().install_default().ok();
        let client = reqwest::Client::builder().no_proxy().pool_max_idle_per_host(64).build()?;
        Ok(Self { client, url: format!("http://127.0.0.1:{port}/v1/{call}") })
    }

    /// Sends a body; all of it must be stored.
    pub(crate) async fn send(&self, body: String) -> anyhow::Result<()> {
        let call = self.client.post(&self.url).basic_auth(WRITE_KEY, Some(""));
        let answer = call.header("content-type", "application/json").body(body).send().await?;
        let (status, text) = (answer.status(), answer.text().await?);
        anyhow::ensure!(status.is_success(), "a call was answered {status}: {text}");
        anyhow::ensure!(text.contains("\"duplicates\":0,\"refused\":0"), "not all was stored: {text}");
        Ok(())
    }

    /// Sends what `body` makes of each number and `of`, on so many connections as fast as it is taken; answers the seconds that
    /// each call took.
    pub(crate) async fn send_all<T: Copy + Send + 'static>(
        &self,
        numbers: Range<u64>,
        connections: u64,
        body: fn(u64, T) -> String,
        of: T,
    ) -> anyhow::Result<Vec<f64>> {
        let mut senders = tokio::task::JoinSet::new();
        for first in numbers.clone().take(usize::try_from(connections)?) {
            let (caller, all) = (self.clone(), (first..numbers.end).step_by(usize::try_from(connections)?));
            senders.spawn(async move {
                let mut took = Vec::new();
                for n in all {
                    let body = body(n, of);
                    let begin = Instant::now();
                    caller.send(body).await?;
                    took.push(begin.elapsed().as_secs_f64());
                }
                anyhow::Ok(took)
            });
        }
        let mut took = Vec::new();
        while let Some(sender) = senders.join_next().await {
            took.extend(sender??);
        }
        took.sort_by(f64::total_cmp);
        Ok(took)
    }
}

/// A batch of purchases, each of another customer, that happen now.
pub(crate) fn purchases(numbers: Range<u64>, customers: u64) -> String {
    let mut body = String::from("{\"batch\":[");
    for i in numbers {
        let (n, _) = people::owner(i, customers);
        let comma = if body.ends_with('[') { "" } else { "," };
        // Writing to a text does not fail.
        write!(
            body,
            r#"{comma}{{"type":"track","messageId":"b-{i:016x}","userId":"{}","event":"Order Completed","properties":{{"order_id":"{}","revenue":{}.{:02},"currency":"EUR"}}}}"#,
            people::id(n),
            people::order_id(i),
            5 + i % 200,
            i / 200 % 100,
        )
        .ok();
    }
    body + "]}"
}
