//! Entries with which many dictionaries begin.

use std::sync::{Arc, OnceLock};

use crate::{Dict, Encoding, Value};

/// Entries that many dictionaries begin with, as the details that say who a session is: made once, kept once, and encoded
/// once per serializer. Cloning is cheap.
#[derive(Clone)]
pub struct SharedEntries(Arc<Shared>);

struct Shared {
    entries: Box<[(String, Value)]>,
    len_hint: usize,
    /// Per serializer, in the order of [`Encoding::ALL`], made when first asked for.
    encoded: [OnceLock<Box<[u8]>>; Encoding::ALL.len()],
}

impl SharedEntries {
    pub(crate) fn as_slice(&self) -> &[(String, Value)] {
        &self.0.entries
    }

    /// See [`Dict::len_hint`].
    pub(crate) fn len_hint(&self) -> usize {
        self.0.len_hint
    }

    /// The entries one behind the other, without what stands around them in a dictionary. `encode` writes them so; it is
    /// asked once.
    pub(crate) fn encoded(&self, encoding: Encoding, encode: impl FnOnce(&[(String, Value)]) -> Box<[u8]>) -> &[u8] {
        let [cbor, msgpack, ubjson, json] = &self.0.encoded;
        let slot = match encoding {
            Encoding::Cbor => cbor,
            Encoding::MsgPack => msgpack,
            Encoding::Ubjson => ubjson,
            Encoding::Json => json,
        };
        slot.get_or_init(|| encode(&self.0.entries))
    }
}

impl From<Dict> for SharedEntries {
    fn from(dict: Dict) -> Self {
        let len_hint = dict.len_hint();
        Self(Arc::new(Shared { entries: dict.into_iter().collect(), len_hint, encoded: Default::default() }))
    }
}

/// The entries alone: their bytes say the same.
impl std::fmt::Debug for SharedEntries {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.0.entries.fmt(f)
    }
}
