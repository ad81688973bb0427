//! What the domain name system says of a domain: MX and TXT records, which the machine's own resolver does not hand out.
//!
//! What it is for: telling a person whether the sender's domain is set up for mail.
//! Invariants: only the name servers of `/etc/resolv.conf` are asked, under a time limit; an answer counts only with the
//! id and the question that it was asked with, so that nothing is decided on somebody else's.
//! Deliberately not here: names of servers that are connected to (the system looks those up), caches, DNSSEC.

mod message;

use message::{Answer, question, read};
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpStream, UdpSocket};
use tokio::time::timeout;

pub use message::Kind;

/// How long a name server may take.
const PATIENCE: Duration = Duration::from_secs(2);
/// The longest answer over UDP that is taken (no EDNS is offered, so servers stop at 512).
const LONGEST: usize = 4096;

/// Asks for records.
#[derive(Debug, Clone)]
pub struct Resolver {
    servers: Vec<SocketAddr>,
}

/// Why there is no answer.
#[derive(Debug, thiserror::Error)]
pub enum DnsError {
    /// No name server is named.
    #[error("/etc/resolv.conf names no name server")]
    NoServer,
    /// None answered.
    #[error("no name server answered in time")]
    Silent,
    /// It did not want to, or could not.
    #[error("the name server answered with code {0}")]
    Refused(u8),
    /// The question cannot be put.
    #[error("{0:?} is no name of a domain")]
    BadName(String),
    /// The network failed.
    #[error("the name server could not be asked")]
    Io(#[from] io::Error),
}

impl Resolver {
    /// With the name servers of the machine.
    ///
    /// # Errors
    /// [`DnsError::NoServer`], [`DnsError::Io`].
    pub fn of_system() -> Result<Self, DnsError> {
        let servers = servers(&std::fs::read_to_string("/etc/resolv.conf")?);
        if servers.is_empty() { Err(DnsError::NoServer) } else { Ok(Self { servers }) }
    }

    /// With that name server.
    #[must_use]
    pub fn of(server: SocketAddr) -> Self {
        Self { servers: vec![server] }
    }

    /// All records of a kind, as text; none where the name, or that kind of it, does not exist.
    ///
    /// # Errors
    /// What the last of the name servers came to.
    pub async fn records(&self, name: &str, kind: Kind) -> Result<Vec<String>, DnsError> {
        let mut failure = DnsError::NoServer;
        for server in &self.servers {
            match ask(*server, name, kind).await {
                Err(error) => failure = error,
                found => return found,
            }
        }
        Err(failure)
    }
}

fn servers(text: &str) -> Vec<SocketAddr> {
    let named = text.lines().filter_map(|line| line.trim().strip_prefix("nameserver"));
    named.filter_map(|address| Some(SocketAddr::new(address.trim().parse::<IpAddr>().ok()?, 53))).take(3).collect()
}

async fn ask(server: SocketAddr, name: &str, kind: Kind) -> Result<Vec<String>, DnsError> {
    let mut id = [0; 2];
    getrandom::fill(&mut id).map_err(io::Error::other)?;
    let asked = question(id, name, kind).ok_or_else(|| DnsError::BadName(name.to_owned()))?;
    let over_udp = timeout(PATIENCE, udp(server, &asked)).await.map_err(|_| DnsError::Silent)??;
    let answer = if over_udp.is_cut {
        timeout(PATIENCE, tcp(server, &asked)).await.map_err(|_| DnsError::Silent)??
    } else {
        over_udp
    };
    match answer.code {
        // No such name is an answer.
        0 | 3 => Ok(answer.records),
        code => Err(DnsError::Refused(code)),
    }
}

async fn udp(server: SocketAddr, asked: &[u8]) -> Result<Answer, DnsError> {
    let local: SocketAddr = if server.is_ipv4() { ([0, 0, 0, 0], 0).into() } else { ([0u16; 8], 0).into() };
    let socket = UdpSocket::bind(local).await?;
    socket.connect(server).await?;
    socket.send(asked).await?;
    let mut bytes = vec![0; LONGEST];
    loop {
        let length = socket.recv(&mut bytes).await?;
        if let Some(answer) = read(&bytes[..length], asked) {
            return Ok(answer);
        }
    }
}

async fn tcp(server: SocketAddr, asked: &[u8]) -> Result<Answer, DnsError> {
    let mut stream = TcpStream::connect(server).await?;
    let length = u16::try_from(asked.len()).map_err(io::Error::other)?;
    stream.write_all(&[&length.to_be_bytes(), asked].concat()).await?;
    let mut bytes = vec![0; usize::from(stream.read_u16().await?)];
    stream.read_exact(&mut bytes).await?;
    read(&bytes, asked).ok_or_else(|| io::Error::from(io::ErrorKind::InvalidData).into())
}

#[cfg(test)]
mod tests {
    use super::{DnsError, Kind, Resolver, servers};
    use tokio::net::UdpSocket;

    #[test]
    fn the_name_servers_of_the_machine_are_read() {
        let text = "# by hand\nsearch a.example\nnameserver 192.0.2.1\n nameserver\t2001:db8::1\nnameserver x\noptions edns0\n";
        assert_eq!(servers(text), ["192.0.2.1:53".parse().unwrap(), "[2001:db8::1]:53".parse().unwrap()]);
    }

    /// Answers one question with that code and those records.
    async fn answered(code: u8, records: &[&[u8]], kind: Kind) -> Result<Vec<String>, DnsError> {
        let server = UdpSocket::bind("127.0.0.1:0").await.unwrap();
        let resolver = Resolver::of(server.local_addr().unwrap());
        let answering = async {
            let mut question = [0; 512];
            let (length, from) = server.recv_from(&mut question).await.unwrap();
            let mut answer = question[..length].to_vec();
            answer[2] |= 0x80;
            answer[3] = code;
            answer[7] = u8::try_from(records.len()).unwrap();
            for data in records {
                answer.extend([0xc0, 12, 0, kind.number(), 0, 1, 0, 0, 0, 60, 0, u8::try_from(data.len()).unwrap()]);
                answer.extend_from_slice(data);
            }
            // Somebody else's comes first.
            let mut other = answer.clone();
            other[0] ^= 1;
            server.send_to(&other, from).await.unwrap();
            server.send_to(&answer, from).await.unwrap();
        };
        tokio::join!(resolver.records("shop.example", kind), answering).0
    }

    #[tokio::test]
    async fn records_are_read_and_what_does_not_exist_is_nothing() {
        let spf = answered(0, &[b"\x07v=spf1 \x04-all", b"\x01x"], Kind::Txt).await.unwrap();
        assert_eq!(spf, ["v=spf1 -all", "x"]);
        assert_eq!(answered(0, &[b"\x00\x0a\x02mx\xc0\x0c"], Kind::Mx).await.unwrap(), ["mx.shop.example"]);
        assert!(answered(3, &[], Kind::Mx).await.unwrap().is_empty());
        assert!(matches!(answered(2, &[], Kind::Mx).await, Err(DnsError::Refused(2))));
    }

    #[tokio::test]
    async fn a_name_that_is_none_is_not_asked_for() {
        let resolver = Resolver::of("127.0.0.1:9".parse().unwrap());
        for name in ["", "a..b", &"x".repeat(64)] {
            assert!(matches!(resolver.records(name, Kind::Txt).await, Err(DnsError::BadName(_))), "{name}");
        }
    }
}
