//! The stream under lettre's connection.

use lettre::transport::smtp::client::AsyncTokioStream;
use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::task::{Context, Poll};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio_rustls::client::TlsStream;

/// TCP, or TLS over it, that makes what servers say readable for lettre.
#[derive(Debug)]
pub(super) struct Wire {
    stream: Stream,
    /// What is read before anything of the stream: stands in for a greeting that was read already.
    first: &'static [u8],
    replies: Replies,
}

/// What the bytes go over.
#[derive(Debug)]
pub(super) enum Stream {
    Plain(TcpStream),
    Encrypted(Box<TlsStream<TcpStream>>),
}

/// Whether the server's greeting is still to come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Greeting {
    /// It is.
    Awaited,
    /// It came, before the connection was encrypted.
    Seen,
}

impl Wire {
    pub(super) fn new(stream: Stream, greeting: Greeting) -> Self {
        let first: &[u8] = match greeting {
            Greeting::Awaited => b"",
            Greeting::Seen => b"220 \r\n",
        };
        Self { stream, first, replies: Replies::default() }
    }
}

impl Stream {
    fn tcp(&self) -> &TcpStream {
        match self {
            Self::Plain(stream) => stream,
            Self::Encrypted(stream) => stream.get_ref().0,
        }
    }
}

impl AsyncTokioStream for Wire {
    fn peer_addr(&self) -> io::Result<SocketAddr> {
        self.stream.tcp().peer_addr()
    }
}

impl AsyncRead for Wire {
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        if !this.first.is_empty() {
            let (now, later) = this.first.split_at(this.first.len().min(buf.remaining()));
            buf.put_slice(now);
            this.first = later;
            return Poll::Ready(Ok(()));
        }
        let before = buf.filled().len();
        let read = match &mut this.stream {
            Stream::Plain(stream) => Pin::new(stream).poll_read(cx, buf),
            Stream::Encrypted(stream) => Pin::new(stream.as_mut()).poll_read(cx, buf),
        };
        this.replies.make_readable(&mut buf.filled_mut()[before..]);
        read
    }
}

impl AsyncWrite for Wire {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        match &mut self.get_mut().stream {
            Stream::Plain(stream) => Pin::new(stream).poll_write(cx, buf),
            Stream::Encrypted(stream) => Pin::new(stream.as_mut()).poll_write(cx, buf),
        }
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match &mut self.get_mut().stream {
            Stream::Plain(stream) => Pin::new(stream).poll_flush(cx),
            Stream::Encrypted(stream) => Pin::new(stream.as_mut()).poll_flush(cx),
        }
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match &mut self.get_mut().stream {
            Stream::Plain(stream) => Pin::new(stream).poll_shutdown(cx),
            Stream::Encrypted(stream) => Pin::new(stream.as_mut()).poll_shutdown(cx),
        }
    }
}

/// Keeps lettre from stumbling over replies that are seen in the world, because a reply that cannot be read after the
/// final dot would leave it open whether the message was taken.
///
/// Bytes beyond ASCII (texts in Latin-1) become question marks. A second digit of 6 to 9, as in `571`, which RFC 5321
/// does not know and lettre refuses, becomes 5: the first digit alone decides, and the enhanced code stays.
#[derive(Debug, Default)]
struct Replies {
    /// How far into the line the next byte is; counting stops behind the code.
    column: u8,
}

impl Replies {
    fn make_readable(&mut self, bytes: &mut [u8]) {
        for byte in bytes {
            if !byte.is_ascii() {
                *byte = b'?';
            }
            if self.column == 1 && (b'6'..=b'9').contains(byte) {
                *byte = b'5';
            }
            self.column = if *byte == b'\n' { 0 } else { self.column.saturating_add(1) };
        }
    }
}

#[cfg(test)]
mod tests {
    use super::Replies;

    #[test]
    fn replies_become_readable_however_they_are_cut() {
        let said = b"571-5.7.1 gesch\xfctzt 571\r\n571 5.7.1 nein\r\n250 Ok\r\n";
        let heard = "551-5.7.1 gesch?tzt 571\r\n551 5.7.1 nein\r\n250 Ok\r\n";
        for cut in 0..said.len() {
            let mut bytes = said.to_vec();
            let mut replies = Replies::default();
            let (one, two) = bytes.split_at_mut(cut);
            replies.make_readable(one);
            replies.make_readable(two);
            assert_eq!(String::from_utf8(bytes).unwrap(), heard);
        }
    }
}
