//! Publishing.

use countersign_wamp::{Dict, Id, Message, Payload, Value};

use crate::error::CallError;
use crate::request_options::PublishOptions;
use crate::session::Session;
use crate::shared::{Answered, Pending};

impl Session {
    /// Publishes an event. With the option `acknowledge` it waits for the server and returns
    /// the publication's id; without, it returns when the event is on its way. `options` are
    /// [`PublishOptions`] or a [`Dict`].
    ///
    /// # Errors
    ///
    /// [`CallError`]; without `acknowledge` no refusal of the server's is heard of.
    pub async fn publish(
        &self,
        topic: &str,
        args: Vec<Value>,
        kwargs: Dict,
        options: impl Into<PublishOptions>,
    ) -> Result<Option<Id>, CallError> {
        self.publish_with(topic, options, (args, kwargs)).await
    }

    /// Like [`Session::publish`]. The payload goes out as it is if it was encoded by this
    /// session's serializer.
    ///
    /// # Errors
    ///
    /// As [`Session::publish`].
    pub async fn publish_with(
        &self,
        topic: &str,
        options: impl Into<PublishOptions>,
        payload: impl Into<Payload>,
    ) -> Result<Option<Id>, CallError> {
        let options = options.into();
        let is_acknowledged = options.is_acknowledged();
        let payload = self.encoded(payload.into());
        let publish = |request| Message::Publish { request, options: options.dict, topic: topic.into(), payload };
        if !is_acknowledged {
            let place = tokio::time::timeout(self.options().request_timeout, self.place());
            let place = place.await.map_err(|_| CallError::TimedOut)??;
            let shared = self.shared();
            return shared.enqueue(&mut *shared.live()?, place, publish, None).map(|_| None);
        }
        match self.request(publish, Pending::Publish).await? {
            Answered::Id(publication) => Ok(Some(publication)),
            _ => Err(self.broken("an answer of another kind")),
        }
    }
}
