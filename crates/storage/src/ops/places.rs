//! `IN ($1, $2, …)` in few sizes, so that there are few statements to prepare.

use countersign_identity::sign_on::operations::FindLiving;

use crate::error::TxError;

/// How many values a statement asks for. The greatest is all that one may ask for.
const SIZES: [usize; 3] = [1, 16, FindLiving::IDS_MAX];

/// Values, repeated up to a size.
pub struct Places<'a, V> {
    values: &'a [V],
    size: usize,
}

/// Places for these values; `None` where there are none.
pub fn of<V>(values: &[V]) -> Result<Option<Places<'_, V>>, TxError> {
    if values.is_empty() {
        return Ok(None);
    }
    let size = SIZES.into_iter().find(|size| *size >= values.len());
    let size = size.ok_or_else(|| TxError::Corrupt("more is asked for than one may ask for at once".into()))?;
    Ok(Some(Places { values, size }))
}

impl<'a, V> Places<'a, V> {
    /// The parameters' names, from this number on.
    pub fn text(&self, from: usize) -> String {
        let names: Vec<String> = (from..from + self.size).map(|place| format!("${place}")).collect();
        names.join(", ")
    }

    /// As many values as names; the last one over again.
    pub fn padded(&self) -> impl Iterator<Item = &'a V> + use<'a, V> {
        self.values.iter().chain(self.values.last().into_iter().cycle()).take(self.size)
    }
}
