//! A folder instead of a mail server, for development and tests: one file for each mail.

use std::path::{Path, PathBuf};

use futures_util::FutureExt as _;
use futures_util::future::BoxFuture;
use uuid::Uuid;

use super::{Deliver, Undelivered, Written};
use crate::clock::now;
use crate::data_dir::write_private;

/// The folder.
#[derive(Debug)]
pub struct Outbox(PathBuf);

impl Outbox {
    /// A folder, which is made where there is none.
    pub fn new(folder: &Path) -> Self {
        Self(folder.to_owned())
    }
}

impl Deliver for Outbox {
    fn name(&self) -> &'static str {
        "outbox"
    }

    fn prepare(&self) -> Result<(), Undelivered> {
        std::fs::create_dir_all(&self.0).map_err(|error| Undelivered::Later(format!("{}: {error}", self.0.display())))
    }

    /// The file is whole as soon as its name ends in `.eml`; names sort as the mails were written.
    fn deliver<'a>(&'a self, mail: &'a Written) -> BoxFuture<'a, Result<(), Undelivered>> {
        let path = self.0.join(format!("{:020}-{}.eml", now().micros(), Uuid::new_v4().simple()));
        let (folder, bytes) = (self.0.clone(), mail.bytes.clone());
        async move {
            let write = move || std::fs::create_dir_all(&folder).and_then(|()| write_private(&path, &bytes));
            match tokio::task::spawn_blocking(write).await {
                Ok(Ok(())) => Ok(()),
                Ok(Err(error)) => Err(Undelivered::Later(error.to_string())),
                Err(error) => Err(Undelivered::Later(error.to_string())),
            }
        }
        .boxed()
    }
}
