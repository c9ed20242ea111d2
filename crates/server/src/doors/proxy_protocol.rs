//! The header in which a proxy says for whom it connects.
//!
//! Only the binary form is read. It comes before anything else, TLS included.
//!
//! **Invariant:** not a byte behind the header is read: what follows belongs to TLS or WAMP.
//!
//! Source: "The PROXY protocol", version 2 (`proxy-protocol.txt`, section 2.2).

use std::io;
use std::net::IpAddr;

use tokio::io::{AsyncRead, AsyncReadExt as _};

/// What a header starts with: a line end that no other protocol takes.
const SIGNATURE: [u8; 12] = *b"\r\n\r\n\0\r\nQUIT\n";
/// Length of the part that is always there, in bytes.
const HEAD_BYTES: usize = 16;
/// Longest rest of a header, in bytes: addresses and what proxies add behind them.
const BODY_BYTES_MAX: usize = 4096;
/// Version 2, the proxy speaks for itself, as when it checks the server's health.
const LOCAL: u8 = 0x20;
/// Version 2, the proxy speaks for a client.
const PROXY: u8 = 0x21;
/// A client of no address that is known, or of a kind that can't be told.
const UNSPECIFIED: u8 = 0x00;
/// TCP over IPv4.
const TCP4: u8 = 0x11;
/// TCP over IPv6.
const TCP6: u8 = 0x21;
/// A stream between processes of the proxy's machine.
const UNIX_STREAM: u8 = 0x31;
/// Addresses and ports of source and destination over IPv4, in bytes.
const TCP4_BYTES: usize = 2 * (4 + 2);
/// The same over IPv6.
const TCP6_BYTES: usize = 2 * (16 + 2);

/// Why bytes are no header. The proxy's fault, or that of its settings.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum HeaderError {
    /// Something else, as the text form, or a client that came without a proxy.
    #[error("a PROXY protocol header of version 2 is missing")]
    Signature,
    /// Neither LOCAL nor PROXY of version 2.
    #[error("the PROXY protocol header has an unknown version or command")]
    Command,
    /// No connection that could be ours, as a datagram.
    #[error("the PROXY protocol header has an unknown address family")]
    Family,
    /// Shorter than its addresses.
    #[error("the PROXY protocol header is shorter than its addresses")]
    TooShort,
    /// Longer than [`BODY_BYTES_MAX`] allows.
    #[error("the PROXY protocol header is longer than {BODY_BYTES_MAX} bytes")]
    TooLong,
}

/// How far a header has been read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Progress {
    /// So many bytes are missing, or more.
    Missing(usize),
    /// All is there. The client's address; `None`: the one from which the proxy connects.
    Source(Option<IpAddr>),
}

/// Reads a header, and nothing behind it. `None`: the address from which the proxy connects
/// counts.
///
/// # Errors
///
/// Those of the stream; [`io::ErrorKind::InvalidData`] for a [`HeaderError`].
pub async fn read(stream: &mut (impl AsyncRead + Unpin)) -> io::Result<Option<IpAddr>> {
    let mut header = Vec::with_capacity(HEAD_BYTES);
    loop {
        match progress(&header).map_err(|error| io::Error::new(io::ErrorKind::InvalidData, error))? {
            Progress::Source(source) => return Ok(source),
            Progress::Missing(bytes) => {
                let limit = u64::try_from(bytes).unwrap_or(u64::MAX);
                if (&mut *stream).take(limit).read_buf(&mut header).await? == 0 {
                    return Err(io::ErrorKind::UnexpectedEof.into());
                }
            }
        }
    }
}

/// How far these bytes, the first of a connection, are a header.
///
/// # Errors
///
/// [`HeaderError`], as soon as it is sure.
pub fn progress(bytes: &[u8]) -> Result<Progress, HeaderError> {
    if bytes.iter().zip(SIGNATURE).any(|(byte, want)| *byte != want) {
        return Err(HeaderError::Signature);
    }
    let Some((&[.., command, family, high, low], body)) = bytes.split_first_chunk::<HEAD_BYTES>() else {
        return Ok(Progress::Missing(HEAD_BYTES - bytes.len()));
    };
    if !matches!(command, LOCAL | PROXY) {
        return Err(HeaderError::Command);
    }
    let body_bytes = usize::from(u16::from_be_bytes([high, low]));
    if body_bytes > BODY_BYTES_MAX {
        return Err(HeaderError::TooLong);
    }
    // A proxy that speaks for itself may leave anything in the rest.
    let addresses_bytes = match (command, family) {
        (LOCAL, _) | (_, UNSPECIFIED | UNIX_STREAM) => 0,
        (_, TCP4) => TCP4_BYTES,
        (_, TCP6) => TCP6_BYTES,
        _ => return Err(HeaderError::Family),
    };
    if body_bytes < addresses_bytes {
        return Err(HeaderError::TooShort);
    }
    if body.len() < body_bytes {
        return Ok(Progress::Missing(body_bytes - body.len()));
    }
    Ok(Progress::Source(match addresses_bytes {
        TCP4_BYTES => body.first_chunk::<4>().map(|source| IpAddr::from(*source)),
        TCP6_BYTES => body.first_chunk::<16>().map(|source| IpAddr::from(*source).to_canonical()),
        _ => None,
    }))
}

#[cfg(test)]
mod tests {
    use super::*;

    const V4: [u8; TCP4_BYTES] = [203, 0, 113, 7, 10, 0, 0, 1, 0x9c, 0x40, 0x20, 0x5a];

    fn v6() -> Vec<u8> {
        let source: std::net::Ipv6Addr = "2001:db8::7".parse().unwrap();
        [&source.octets()[..], &[0; 16], &[0x9c, 0x40, 0x20, 0x5a]].concat()
    }

    fn header(command: u8, family: u8, body: &[u8]) -> Vec<u8> {
        let length = u16::try_from(body.len()).unwrap().to_be_bytes();
        [&SIGNATURE[..], &[command, family], &length, body].concat()
    }

    /// What comes out, however the bytes are cut, and that nothing behind the header is read.
    #[track_caller]
    fn check(header: &[u8], want: Result<Option<&str>, HeaderError>) {
        let want = want.map(|source| source.map(|text| text.parse().unwrap()));
        assert_eq!(progress(header), want.map(Progress::Source), "{header:?}");
        if want.is_err() {
            return;
        }
        for cut in 0..header.len() {
            match progress(&header[..cut]) {
                Ok(Progress::Missing(bytes)) => assert!((1..=header.len() - cut).contains(&bytes), "{cut} {bytes}"),
                other => panic!("{cut}: {other:?}"),
            }
        }
    }

    #[test]
    fn the_source_is_the_clients_address() {
        check(&header(PROXY, TCP4, &V4), Ok(Some("203.0.113.7")));
        check(&header(PROXY, TCP6, &v6()), Ok(Some("2001:db8::7")));
        let mapped = [&[0; 10][..], &[0xff; 2], &V4[..4], &[0; 20]].concat();
        check(&header(PROXY, TCP6, &mapped), Ok(Some("203.0.113.7")));
    }

    #[test]
    fn a_proxy_that_speaks_for_itself_or_for_nobody_known_names_no_address() {
        check(&header(LOCAL, UNSPECIFIED, &[]), Ok(None));
        check(&header(LOCAL, TCP4, &V4), Ok(None));
        check(&header(LOCAL, 0xff, &[1, 2, 3]), Ok(None));
        check(&header(PROXY, UNSPECIFIED, &[]), Ok(None));
        check(&header(PROXY, UNSPECIFIED, &V4), Ok(None));
        check(&header(PROXY, UNIX_STREAM, &[b'/'; 216]), Ok(None));
    }

    #[test]
    fn what_stands_behind_the_addresses_is_skipped_up_to_the_limit() {
        let body = |bytes| [&V4[..], &vec![0xee; bytes - TCP4_BYTES]].concat();
        check(&header(PROXY, TCP4, &body(TCP4_BYTES + 3)), Ok(Some("203.0.113.7")));
        check(&header(PROXY, TCP4, &body(BODY_BYTES_MAX)), Ok(Some("203.0.113.7")));
        check(&header(PROXY, TCP4, &body(BODY_BYTES_MAX + 1)), Err(HeaderError::TooLong));
        check(&header(LOCAL, TCP4, &body(65_535))[..HEAD_BYTES], Err(HeaderError::TooLong));
    }

    #[test]
    fn what_is_no_header_of_version_2_is_refused() {
        check(b"PROXY TCP4 203.0.113.7 10.0.0.1 40000 8282\r\n", Err(HeaderError::Signature));
        check(b"G", Err(HeaderError::Signature));
        check(b"\x7f\xf1\0\0", Err(HeaderError::Signature));
        check(b"\r\n\r\n\0\r\nQUIT\r", Err(HeaderError::Signature));
        check(&header(0x11, TCP4, &V4), Err(HeaderError::Command));
        check(&header(0x31, TCP4, &V4), Err(HeaderError::Command));
        check(&header(0x22, TCP4, &V4), Err(HeaderError::Command));
        for family in [0x01, 0x10, 0x12, 0x22, 0x32, 0x41, 0xff] {
            check(&header(PROXY, family, &V4), Err(HeaderError::Family));
        }
    }

    #[test]
    fn a_header_that_is_shorter_than_its_addresses_is_refused() {
        check(&header(PROXY, TCP4, &V4[..TCP4_BYTES - 1]), Err(HeaderError::TooShort));
        check(&header(PROXY, TCP4, &[]), Err(HeaderError::TooShort));
        check(&header(PROXY, TCP6, &v6()[..TCP6_BYTES - 1]), Err(HeaderError::TooShort));
    }

    #[tokio::test]
    async fn reads_a_header_and_nothing_behind_it() {
        let bytes = [&header(PROXY, TCP4, &V4)[..], b"\x7fmore"].concat();
        let mut stream = &bytes[..];
        assert_eq!(read(&mut stream).await.unwrap(), Some([203, 0, 113, 7].into()));
        assert_eq!(stream, b"\x7fmore");
        let mut cut = &bytes[..20];
        assert_eq!(read(&mut cut).await.unwrap_err().kind(), io::ErrorKind::UnexpectedEof);
        assert_eq!(read(&mut &b"GET"[..]).await.unwrap_err().kind(), io::ErrorKind::InvalidData);
    }
}
