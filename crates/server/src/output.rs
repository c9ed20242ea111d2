//! Standard output.

use std::io::{self, Write as _};

/// Writes at once, so that whoever started this program can read on. A reader that has gone
/// (`countersign … | head -1`) has seen enough: that is no error.
///
/// # Errors
///
/// Those of the system.
pub fn say(text: &str) -> io::Result<()> {
    say_more(text).map(drop)
}

/// The same where more is to come. Answers whether somebody still reads.
///
/// # Errors
///
/// Those of the system.
pub fn say_more(text: &str) -> io::Result<bool> {
    let mut out = io::stdout().lock();
    match out.write_all(text.as_bytes()).and_then(|()| out.flush()) {
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(false),
        result => result.map(|()| true),
    }
}
