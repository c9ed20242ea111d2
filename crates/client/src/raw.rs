//! A connection without a session, for whoever wants to speak to a server message by message.

use std::io;

use bytes::{Bytes, BytesMut};
use countersign_wamp::{DecodeLimits, Encoding, Message, decode, encode};

use crate::auth::Channel;
use crate::dial::dial;
use crate::error::{Closed, ConnectError, RecvError};
use crate::options::ConnectOptions;
use crate::transport::{Incoming, Transport};

/// A connected transport with an agreed serializer, and no rules: it sends what it is given,
/// and shows what comes. For tests of a server's answers to bad input.
pub struct RawConnection {
    transport: Transport,
    encoding: Encoding,
    channel: Channel,
}

impl RawConnection {
    /// Connects as `options` say, up to the point where a session would send HELLO.
    ///
    /// # Errors
    ///
    /// [`ConnectError`], but none of those that come after HELLO.
    pub async fn connect(options: &ConnectOptions) -> Result<Self, ConnectError> {
        let transport = tokio::time::timeout(options.connect_timeout, dial(options)).await;
        let (transport, channel) = transport.map_err(|_| ConnectError::TimedOut)??;
        Ok(Self { transport, encoding: options.encoding, channel })
    }

    /// The serializer agreed on.
    pub fn encoding(&self) -> Encoding {
        self.encoding
    }

    /// Sends any bytes as one frame: a text frame on a WebSocket if the serializer is JSON,
    /// UTF-8 or not; a binary frame otherwise; on a RawSocket even one longer than the server
    /// accepts.
    ///
    /// # Errors
    ///
    /// The transport's, and above 16 MiB on a RawSocket, which has no header for that.
    pub async fn send_frame(&mut self, frame: impl Into<Bytes>) -> io::Result<()> {
        self.transport.sender.feed(frame.into()).await?;
        self.transport.sender.flush().await
    }

    /// Sends a message.
    ///
    /// # Errors
    ///
    /// As [`RawConnection::send_frame`].
    pub async fn send(&mut self, message: &Message) -> io::Result<()> {
        let mut frame = BytesMut::new();
        encode(self.encoding, message, &mut frame);
        self.send_frame(frame).await
    }

    /// Waits for a frame. Pings are answered.
    ///
    /// # Errors
    ///
    /// [`Closed`], with the WebSocket's close code if there is one.
    pub async fn recv_frame(&mut self) -> Result<Bytes, Closed> {
        loop {
            match self.transport.receiver.next().await? {
                Incoming::Frame(frame) => return Ok(frame),
                Incoming::Pong => {}
                Incoming::Ping(content) => {
                    let sender = &mut self.transport.sender;
                    sender.feed_pong(&content).await.map_err(|error| Closed::Broken(error.to_string()))?;
                    sender.flush().await.map_err(|error| Closed::Broken(error.to_string()))?;
                }
            }
        }
    }

    /// Waits for a message.
    ///
    /// # Errors
    ///
    /// [`RecvError`].
    pub async fn recv(&mut self) -> Result<Message, RecvError> {
        let frame = self.recv_frame().await.map_err(RecvError::Closed)?;
        Ok(decode(self.encoding, &frame, DecodeLimits::default())?)
    }

    /// Says that nothing more will be sent. What the server still sends can be received.
    ///
    /// # Errors
    ///
    /// The transport's.
    pub async fn close(&mut self) -> io::Result<()> {
        self.transport.sender.close().await
    }

    /// What is known of the connection.
    pub fn channel(&self) -> &Channel {
        &self.channel
    }

    /// The transport of a session that was opened on this connection.
    pub(crate) fn into_transport(mut self) -> Transport {
        self.transport.sender.signed_in();
        self.transport
    }

    pub(crate) fn limit_bytes(&self) -> usize {
        self.transport.sender.limit_bytes()
    }
}
