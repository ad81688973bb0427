//! A mail server: takes every message, and can be told to hold back its last answer.

use super::{Arrived, LIMIT, locked};
use std::collections::HashMap;
use std::io::{BufRead, BufReader, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Condvar, Mutex, PoisonError};

/// One message that was accepted.
#[derive(Debug, Clone)]
pub(crate) struct Mail {
    /// The recipient of the envelope.
    pub(crate) to: String,
    /// Headers by lower-case name, unfolded.
    pub(crate) headers: HashMap<String, String>,
}

impl Mail {
    /// The part of the Message-ID before `@`.
    pub(crate) fn id(&self) -> &str {
        let id = self.headers.get("message-id").expect("a mail has a Message-ID");
        id.trim_start_matches('<').split('@').next().unwrap_or_default()
    }
}

#[derive(Debug)]
struct Gate {
    /// Whether answers are held back, and how many messages wait for theirs.
    state: Mutex<(bool, usize)>,
    turned: Condvar,
}

impl Gate {
    fn pass(&self) {
        let mut state = locked(&self.state);
        state.1 += 1;
        self.turned.notify_all();
        while state.0 {
            state = self.turned.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
        state.1 -= 1;
    }
}

/// The server.
#[derive(Debug, Clone)]
pub(crate) struct Mailbox {
    pub(crate) address: SocketAddr,
    arrived: Arc<Arrived<Mail>>,
    gate: Arc<Gate>,
}

impl Mailbox {
    /// Listens on a free port until the test program ends.
    pub(crate) fn open() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port on loopback");
        let address = listener.local_addr().expect("the port is known");
        let gate = Gate { state: Mutex::new((false, 0)), turned: Condvar::new() };
        let mailbox = Self { address, arrived: Arc::new(Arrived::new()), gate: Arc::new(gate) };
        let server = mailbox.clone();
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let server = server.clone();
                // A client that goes away in the middle is no fault of the server.
                std::thread::spawn(move || server.session(&stream).ok());
            }
        });
        mailbox
    }

    /// Everything accepted so far.
    pub(crate) fn all(&self) -> Vec<Mail> {
        self.arrived.all()
    }

    /// Waits until at least `count` messages were accepted.
    pub(crate) fn wait(&self, count: usize) -> Vec<Mail> {
        self.arrived.wait(count, |_| true)
    }

    /// Waits for a message to that address.
    pub(crate) fn wait_for(&self, address: &str) -> Vec<Mail> {
        self.arrived.wait(1, |mail| mail.to == address)
    }

    /// Waits for a message of that subject.
    pub(crate) fn wait_for_subject(&self, subject: &str) -> Vec<Mail> {
        self.arrived.wait(1, |mail| mail.headers.get("subject").is_some_and(|found| found == subject))
    }

    /// From now on a message is taken in and its acceptance is not said.
    pub(crate) fn hold(&self) {
        locked(&self.gate.state).0 = true;
    }

    /// Waits until a message waits for its answer.
    pub(crate) fn wait_until_held(&self) {
        let state = locked(&self.gate.state);
        let (state, _) = self
            .gate
            .turned
            .wait_timeout_while(state, LIMIT, |state| state.1 == 0)
            .unwrap_or_else(PoisonError::into_inner);
        assert!(state.1 > 0, "no message came within {LIMIT:?}");
    }

    /// Says all that was held back.
    pub(crate) fn release(&self) {
        locked(&self.gate.state).0 = false;
        self.gate.turned.notify_all();
    }

    fn session(&self, stream: &TcpStream) -> std::io::Result<()> {
        let (mut lines, mut answer) = (BufReader::new(stream.try_clone()?).lines(), stream.try_clone()?);
        answer.write_all(b"220 mail.test ESMTP\r\n")?;
        let mut to = String::new();
        while let Some(line) = lines.next().transpose()? {
            let verb = line.get(..4).unwrap_or(&line).to_ascii_uppercase();
            match verb.as_str() {
                "EHLO" => answer.write_all(b"250-mail.test\r\n250-8BITMIME\r\n250 SMTPUTF8\r\n")?,
                "RCPT" => {
                    line.split(['<', '>']).nth(1).unwrap_or_default().clone_into(&mut to);
                    if to.starts_with("gone") {
                        // As many servers do, it says whom it does not know.
                        answer.write_all(format!("550 5.1.1 <{to}>: recipient unknown\r\n").as_bytes())?;
                    } else {
                        answer.write_all(b"250 2.1.5 yes\r\n")?;
                    }
                }
                "DATA" => {
                    answer.write_all(b"354 go on\r\n")?;
                    let text: Vec<String> =
                        lines.by_ref().map_while(Result::ok).take_while(|line| line != ".").collect();
                    self.gate.pass();
                    self.arrived.add(Mail { to: to.clone(), headers: headers(&text) });
                    answer.write_all(b"250 2.0.0 taken\r\n")?;
                }
                "QUIT" => return answer.write_all(b"221 2.0.0 bye\r\n"),
                _ => answer.write_all(b"250 2.0.0 yes\r\n")?,
            }
        }
        Ok(())
    }
}

fn headers(lines: &[String]) -> HashMap<String, String> {
    let mut unfolded: Vec<String> = Vec::new();
    for line in lines.iter().take_while(|line| !line.is_empty()) {
        match unfolded.last_mut() {
            Some(last) if line.starts_with([' ', '\t']) => last.push_str(line),
            _ => unfolded.push(line.clone()),
        }
    }
    let pairs = unfolded.iter().filter_map(|line| line.split_once(':'));
    pairs.map(|(name, value)| (name.to_ascii_lowercase(), value.trim().to_owned())).collect()
}
