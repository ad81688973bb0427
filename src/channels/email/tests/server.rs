//! Servers that follow a script, for what the catcher does not do: TLS, authentication, odd bytes.

use super::anywhere;
use rcgen::{CertificateParams, KeyPair};
use rustls::ServerConfig;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use std::net::SocketAddr;
use std::sync::Arc;
use tokio::io::{AsyncBufReadExt, AsyncRead, AsyncWrite, AsyncWriteExt, BufReader};
use tokio::net::{TcpListener, TcpSocket};
use tokio::task::JoinHandle;
use tokio_rustls::TlsAcceptor;

/// A server for one connection.
pub(super) struct Scripted {
    pub(super) address: SocketAddr,
    task: JoinHandle<Vec<String>>,
}

/// A certificate for 127.0.0.1 that vouches for itself, and what accepts TLS with it.
pub(super) struct Identity {
    pub(super) root: CertificateDer<'static>,
    acceptor: TlsAcceptor,
}

/// When TLS begins.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Encryption {
    AtOnce,
    AfterStartTls,
}

trait Stream: AsyncRead + AsyncWrite + Unpin + Send {}
impl<T: AsyncRead + AsyncWrite + Unpin + Send> Stream for T {}

impl Identity {
    pub(super) fn new() -> Self {
        let key = KeyPair::generate().unwrap();
        let certificate = CertificateParams::new(["127.0.0.1".to_owned()]).unwrap().self_signed(&key).unwrap();
        let root = certificate.der().clone();
        let config = ServerConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()))
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_no_client_auth()
            .with_single_cert(vec![root.clone()], PrivateKeyDer::Pkcs8(key.serialize_der().into()))
            .unwrap();
        Self { root, acceptor: TlsAcceptor::from(Arc::new(config)) }
    }
}

impl Scripted {
    /// Everything the client said, line by line, without messages; ends when the client has gone.
    pub(super) async fn heard(self) -> Vec<String> {
        self.task.await.unwrap()
    }
}

/// Answers a line that begins as the script says with its reply, and anything else with `250 Ok`; the first reply is the
/// greeting.
pub(super) async fn scripted(script: &[(&'static str, &'static [u8])]) -> Scripted {
    serve(script, None).await
}

/// The same with TLS. After STARTTLS the server expects the handshake.
pub(super) async fn encrypted(
    script: &[(&'static str, &'static [u8])],
    identity: &Identity,
    encryption: Encryption,
) -> Scripted {
    serve(script, Some((identity.acceptor.clone(), encryption))).await
}

async fn serve(script: &[(&'static str, &'static [u8])], tls: Option<(TlsAcceptor, Encryption)>) -> Scripted {
    let listener = TcpListener::bind(anywhere()).await.unwrap();
    let address = listener.local_addr().unwrap();
    let script = script.to_vec();
    let task = tokio::spawn(async move {
        let (tcp, _) = listener.accept().await.unwrap();
        let mut heard = Vec::new();
        // A client that hangs up in the middle of anything is what some tests are about.
        drop(play(Box::new(tcp), &script, tls, &mut heard).await);
        heard
    });
    Scripted { address, task }
}

async fn play(
    stream: Box<dyn Stream>,
    script: &[(&'static str, &'static [u8])],
    tls: Option<(TlsAcceptor, Encryption)>,
    heard: &mut Vec<String>,
) -> std::io::Result<()> {
    let mut stream = BufReader::new(stream);
    if let Some((acceptor, Encryption::AtOnce)) = &tls {
        stream = BufReader::new(Box::new(acceptor.accept(stream.into_inner()).await?));
    }
    stream.write_all(b"220 scripted.invalid\r\n").await?;
    loop {
        let mut line = String::new();
        if stream.read_line(&mut line).await? == 0 {
            return Ok(());
        }
        let line = line.trim_end().to_owned();
        let reply =
            script.iter().find(|(begin, _)| line.starts_with(begin)).map_or(&b"250 Ok\r\n"[..], |(_, reply)| reply);
        let is_data = line == "DATA";
        stream.write_all(if is_data { b"354 Go on\r\n" } else { reply }).await?;
        stream.flush().await?;
        if let (Some((acceptor, Encryption::AfterStartTls)), "STARTTLS") = (&tls, line.as_str()) {
            stream = BufReader::new(Box::new(acceptor.accept(stream.into_inner()).await?));
        }
        heard.push(line);
        if is_data {
            skip_message(&mut stream).await?;
            stream.write_all(reply).await?;
            stream.flush().await?;
        }
    }
}

async fn skip_message(stream: &mut BufReader<Box<dyn Stream>>) -> std::io::Result<()> {
    let mut line = String::new();
    while line != ".\r\n" {
        line.clear();
        if stream.read_line(&mut line).await? == 0 {
            return Err(std::io::ErrorKind::UnexpectedEof.into());
        }
    }
    Ok(())
}

/// Answers everything up to DATA, and then reads nothing any more.
pub(super) fn deaf_after_data() -> Scripted {
    let socket = TcpSocket::new_v4().unwrap();
    socket.set_recv_buffer_size(4096).unwrap();
    socket.bind(anywhere()).unwrap();
    let listener = socket.listen(1).unwrap();
    let address = listener.local_addr().unwrap();
    let task = tokio::spawn(async move {
        let (tcp, _) = listener.accept().await.unwrap();
        let mut stream = BufReader::new(tcp);
        stream.write_all(b"220 scripted.invalid\r\n").await.unwrap();
        let mut line = String::new();
        while line != "DATA\r\n" {
            line.clear();
            stream.read_line(&mut line).await.unwrap();
            let reply: &[u8] = if line == "DATA\r\n" { b"354 Go on\r\n" } else { b"250 Ok\r\n" };
            stream.write_all(reply).await.unwrap();
        }
        std::future::pending().await
    });
    Scripted { address, task }
}
