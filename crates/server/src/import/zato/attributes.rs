//! Attributes of users and of the sessions that come over.

use std::collections::BTreeSet;

use countersign_identity::sign_on::SignOnSession;
use countersign_identity::sign_on::attributes::{Attribute, AttributeName, AttributeOwner};
use countersign_identity::{Secret, TokenKind, UserId};
use countersign_storage::ForeignRow;

use super::text::{time, truth};
use super::user::Conversion;

impl Conversion<'_> {
    /// The attributes that are still there, and what is to be said of those that don't come over.
    pub fn attributes(
        &self,
        rows: &[ForeignRow],
        user: UserId,
        sessions: &[SignOnSession],
    ) -> (Vec<(AttributeOwner, Attribute)>, Vec<String>) {
        let (mut attributes, mut notes, mut seen) = (Vec::new(), Vec::new(), BTreeSet::new());
        for row in rows {
            let Some(owner) = self.owner(row, user, sessions) else { continue };
            match self.attribute(row) {
                Ok(Some(attribute)) if seen.insert((owner, attribute.name.clone())) => {
                    attributes.push((owner, attribute));
                }
                Ok(_) => {}
                Err(why) => notes.push(format!("the attribute {:?} did not come over: {why}", row.get("name"))),
            }
        }
        (attributes, notes)
    }

    /// `None` for an attribute of a session that is over.
    fn owner(&self, row: &ForeignRow, user: UserId, sessions: &[SignOnSession]) -> Option<AttributeOwner> {
        if !truth(row.get("is_session_attr")) {
            return Some(AttributeOwner::User(user));
        }
        let digest = self.pepper.digest_token(&TokenKind::Session.of_bytes(&self.key.derive(row.get("ust")?)));
        let session = sessions.iter().find(|session| session.digest == digest)?;
        Some(AttributeOwner::Session(session.id))
    }

    /// `None` for one whose time is over.
    fn attribute(&self, row: &ForeignRow) -> Result<Option<Attribute>, String> {
        let name = AttributeName::parse(row.get("name").unwrap_or_default()).map_err(|error| error.to_string())?;
        let expires = row.get("expiration_time").and_then(time);
        if expires.is_some_and(|end| end < self.now) {
            return Ok(None);
        }
        let is_sealed = truth(row.get("is_encrypted"));
        let json = row.get("value").unwrap_or("null");
        let value = if is_sealed {
            // Text within the JSON text, as only texts could be encrypted.
            let token: String = serde_json::from_str(json).map_err(|_| "it is no JSON text".to_owned())?;
            let clear = self.key.open(&token).map_err(|error| format!("it {error}"))?;
            Secret::new(serde_json::Value::from(clear.expose()).to_string())
        } else {
            serde_json::from_str::<serde::de::IgnoredAny>(json).map_err(|_| "it is no JSON".to_owned())?;
            Secret::new(json)
        };
        let created = row.get("creation_time").and_then(time).unwrap_or(self.now);
        let modified = row.get("last_modified").and_then(time).unwrap_or(created);
        Ok(Some(Attribute { name, value: Some(value), is_sealed, created, modified, expires }))
    }
}
