//! One SMTP session, seen from the server (RFC 5321).

use super::mail::{CaughtMail, Shared};
use super::{MailAct, MailStage};
use std::io;
use std::sync::Arc;
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::TcpStream;

/// The largest message, as SIZE says it.
const LARGEST: usize = 32 * 1024 * 1024;
/// The longest line that is read; RFC 5321 allows commands of 512 and texts of 1,000 octets.
const LONGEST_LINE: u64 = 8192;

struct Session<'a> {
    stream: BufReader<TcpStream>,
    shared: &'a Shared,
    from: Option<String>,
    to: Vec<String>,
    smtputf8: bool,
}

/// Whether the session goes on.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Next {
    GoOn,
    Close,
}

/// Speaks with one client until either side has enough.
pub(super) async fn serve(stream: TcpStream, shared: &Shared) -> io::Result<()> {
    let stream = BufReader::new(stream);
    let mut session = Session { stream, shared, from: None, to: Vec::new(), smtputf8: false };
    if session.answer(MailStage::Greeting, "", "220 catcher.invalid ESMTP").await? == Next::Close {
        return Ok(());
    }
    while let Some(line) = session.line().await? {
        if session.command(&String::from_utf8_lossy(&line)).await? == Next::Close {
            return Ok(());
        }
    }
    Ok(())
}

impl Session<'_> {
    async fn command(&mut self, line: &str) -> io::Result<Next> {
        let line = line.trim_end();
        let (verb, rest) = line.split_once(' ').unwrap_or((line, ""));
        match verb.to_ascii_uppercase().as_str() {
            "EHLO" => self.answer(MailStage::Hello, rest, &self.features()).await,
            "HELO" => self.answer(MailStage::Hello, rest, "250 catcher.invalid").await,
            "MAIL" => self.mail(rest).await,
            "RCPT" => self.recipient(rest).await,
            "DATA" => self.data().await,
            "RSET" => {
                self.reset();
                self.reply("250 2.0.0 Forgotten").await
            }
            "NOOP" => self.reply("250 2.0.0 Ok").await,
            "QUIT" => {
                self.reply("221 2.0.0 Bye").await?;
                Ok(Next::Close)
            }
            _ => self.reply("502 5.5.1 Not known here").await,
        }
    }

    fn features(&self) -> String {
        let utf8 = if self.shared.faults.ascii_only { "" } else { "250-SMTPUTF8\r\n" };
        format!("250-catcher.invalid\r\n250-8BITMIME\r\n{utf8}250-ENHANCEDSTATUSCODES\r\n250 SIZE {LARGEST}")
    }

    async fn mail(&mut self, rest: &str) -> io::Result<Next> {
        if self.from.is_some() {
            return self.reply("503 5.5.1 One message at a time").await;
        }
        let Some((from, parameters)) = path(rest, "FROM:") else {
            return self.reply("501 5.5.4 MAIL FROM:<address>").await;
        };
        if let Some(act) = self.shared.faults.at(MailStage::Mail, from) {
            return self.act(act, "250 2.1.0 Ok").await;
        }
        self.from = Some(from.to_owned());
        self.smtputf8 = parameters.split(' ').any(|parameter| parameter.eq_ignore_ascii_case("SMTPUTF8"));
        self.reply("250 2.1.0 Ok").await
    }

    async fn recipient(&mut self, rest: &str) -> io::Result<Next> {
        let Some((to, _)) = path(rest, "TO:") else {
            return self.reply("501 5.5.4 RCPT TO:<address>").await;
        };
        if self.from.is_none() {
            return self.reply("503 5.5.1 MAIL first").await;
        }
        match self.shared.faults.at(MailStage::Recipient, to) {
            Some(act @ (MailAct::Reply(_) | MailAct::Close | MailAct::Stall)) => return self.act(act, "").await,
            Some(MailAct::Delay(time)) => tokio::time::sleep(*time).await,
            None => {}
        }
        self.to.push(to.to_owned());
        self.reply("250 2.1.5 Ok").await
    }

    async fn data(&mut self) -> io::Result<Next> {
        if self.to.is_empty() {
            return self.reply("503 5.5.1 RCPT first").await;
        }
        let subject = self.to.join(" ");
        let go_on = "354 End with a dot";
        match self.shared.faults.at(MailStage::Data, &subject) {
            Some(act @ (MailAct::Reply(_) | MailAct::Close | MailAct::Stall)) => return self.act(act, "").await,
            Some(act @ MailAct::Delay(_)) => drop(self.act(act, go_on).await?),
            None => drop(self.reply(go_on).await?),
        }
        let Some(message) = self.message().await? else {
            return Ok(Next::Close);
        };
        self.finish(&subject, message).await
    }

    /// The final dot has come.
    async fn finish(&mut self, subject: &str, message: Vec<u8>) -> io::Result<Next> {
        let mail = self.caught(&message);
        self.reset();
        if message.len() > LARGEST {
            return self.reply("552 5.3.4 Too large").await;
        }
        let faults = &self.shared.faults;
        match faults.at(MailStage::Dot, subject) {
            Some(act @ (MailAct::Reply(_) | MailAct::Close | MailAct::Stall)) => return self.act(act, "").await,
            Some(MailAct::Delay(time)) => tokio::time::sleep(*time).await,
            None => {}
        }
        if self.shared.record(mail).await.is_err() {
            return self.reply("452 4.3.1 No room").await;
        }
        if self.answer(MailStage::Recorded, subject, "250 2.0.0 Kept").await? == Next::Close {
            return Ok(Next::Close);
        }
        match faults.at(MailStage::Idle, subject) {
            Some(act) => self.act(act, "").await,
            None => Ok(Next::GoOn),
        }
    }

    /// Everything up to the final dot, dots unstuffed, at most a line more than the largest message; `None` when the
    /// client went away.
    async fn message(&mut self) -> io::Result<Option<Vec<u8>>> {
        let mut message = Vec::new();
        while let Some(line) = self.line().await? {
            if line == b".\r\n" {
                return Ok(Some(message));
            }
            if message.len() <= LARGEST {
                message.extend_from_slice(line.strip_prefix(b".").unwrap_or(&line));
            }
        }
        Ok(None)
    }

    fn caught(&self, message: &[u8]) -> CaughtMail {
        CaughtMail {
            message_id: header(message, "message-id").unwrap_or_default(),
            subject: header(message, "subject").unwrap_or_default(),
            from: self.from.clone().unwrap_or_default(),
            to: self.to.clone(),
            smtputf8: self.smtputf8,
            message: Arc::from(message),
            file: None,
        }
    }

    fn reset(&mut self) {
        self.from = None;
        self.to.clear();
        self.smtputf8 = false;
    }

    /// One line with its end; `None` when the client went away, or sends no line at all.
    async fn line(&mut self) -> io::Result<Option<Vec<u8>>> {
        let mut line = Vec::new();
        (&mut self.stream).take(LONGEST_LINE).read_until(b'\n', &mut line).await?;
        Ok(line.ends_with(b"\n").then_some(line))
    }

    /// The usual reply of a stage, or what the faults make of it.
    async fn answer(&mut self, stage: MailStage, subject: &str, usual: &str) -> io::Result<Next> {
        match self.shared.faults.at(stage, subject) {
            Some(act) => self.act(act, usual).await,
            None => self.reply(usual).await,
        }
    }

    async fn act(&mut self, act: &MailAct, usual: &str) -> io::Result<Next> {
        match act {
            MailAct::Reply(reply) => self.reply(reply).await,
            MailAct::Close => Ok(Next::Close),
            MailAct::Stall => std::future::pending().await,
            MailAct::Delay(time) => {
                tokio::time::sleep(*time).await;
                self.reply(usual).await
            }
        }
    }

    async fn reply(&mut self, reply: &str) -> io::Result<Next> {
        if reply.is_empty() {
            return Ok(Next::GoOn);
        }
        self.stream.write_all(format!("{reply}\r\n").as_bytes()).await?;
        self.stream.flush().await?;
        Ok(if reply.starts_with("421") { Next::Close } else { Next::GoOn })
    }
}

/// `FROM:<address> PARAMETERS` taken apart.
fn path<'a>(rest: &'a str, word: &str) -> Option<(&'a str, &'a str)> {
    let begins = rest.get(..word.len())?.eq_ignore_ascii_case(word);
    let (address, parameters) = rest[word.len()..].trim_start().strip_prefix('<')?.split_once('>')?;
    begins.then_some((address, parameters))
}

/// The value of a header, unfolded.
fn header(message: &[u8], name: &str) -> Option<String> {
    let mut found: Option<String> = None;
    for line in message.split(|byte| *byte == b'\n') {
        let line = String::from_utf8_lossy(line.strip_suffix(b"\r").unwrap_or(line));
        match &mut found {
            Some(value) if line.starts_with([' ', '\t']) => value.push_str(&line),
            Some(_) => break,
            None if line.is_empty() => break,
            None => {
                let parts = line.split_once(':').filter(|(key, _)| key.eq_ignore_ascii_case(name));
                found = parts.map(|(_, value)| value.trim_start().to_owned());
            }
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::{header, path};

    #[test]
    fn envelopes_are_taken_apart() {
        assert_eq!(path("FROM:<a@b.c> SMTPUTF8", "FROM:"), Some(("a@b.c", " SMTPUTF8")));
        assert_eq!(path("to: <a@b.c>", "TO:"), Some(("a@b.c", "")));
        assert_eq!(path("FROM:a@b.c", "FROM:"), None);
        assert_eq!(path("", "FROM:"), None);
    }

    #[test]
    fn headers_are_found_and_unfolded() {
        let message = b"Date: x\r\nSubject: one\r\n two\r\nMessage-ID: <1@x>\r\n\r\nSubject: body\r\n";
        assert_eq!(header(message, "subject").as_deref(), Some("one two"));
        assert_eq!(header(message, "message-id").as_deref(), Some("<1@x>"));
        assert_eq!(header(message, "from"), None);
    }
}
