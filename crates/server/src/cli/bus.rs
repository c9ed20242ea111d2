//! `call`, `publish` and `subscribe`: a client of any WAMP server, with a login of its own.
//!
//! **Invariants:** a ticket is never an argument, where every user of the machine could read it. What others
//! sent reaches the terminal without control characters.

mod explain;
mod output;
mod reach;

use std::time::Duration;

use clap::Args;
use countersign_client::{
    CallOptions, CallResult, CancelMode, Payload, PendingCall, PublishOptions, Session, SubscribeOptions, Subscription,
};
use countersign_wamp::{DecodeLimits, Dict, Message};
use serde_json::value::RawValue;

use crate::json_parts;
use reach::Reach;

/// Events that wait to be printed.
const EVENTS_MAX: usize = 16_384;
/// Longest time that a call waits for its results, where no timeout is given. It ends with Ctrl-C.
const CALL_SECONDS_MAX: Duration = Duration::from_hours(24);

/// What a request carries.
#[derive(Debug, Args)]
pub struct Request {
    /// URI
    uri: String,
    /// Arguments in JSON: 5, '"text"', '[1, 2]', null
    #[arg(value_parser = json, allow_negative_numbers = true)]
    args: Vec<Box<RawValue>>,
    /// Keyword arguments, a JSON object
    #[arg(long, value_name = "JSON", value_parser = object)]
    kwargs: Option<Box<RawValue>>,
    /// An option of the message, as rkey='"sn239019"'; repeatable
    #[arg(long, value_name = "NAME=JSON", value_parser = option)]
    option: Vec<(String, Box<RawValue>)>,
    #[command(flatten)]
    reach: Reach,
}

/// `call`
#[derive(Debug, Args)]
pub struct Call {
    #[command(flatten)]
    request: Request,
    /// Ask for progressive results and print them as they come
    #[arg(long)]
    progress: bool,
    /// Longest time to a result and between results, in seconds (default: until Ctrl-C)
    #[arg(long, value_name = "SECONDS", value_parser = clap::value_parser!(u64).range(1..=86_400))]
    timeout: Option<u64>,
}

/// `publish`
#[derive(Debug, Args)]
pub struct Publish {
    #[command(flatten)]
    request: Request,
}

/// `subscribe`
#[derive(Debug, Args)]
pub struct Subscribe {
    /// URI, or a pattern
    uri: String,
    /// What the URI is: a wildcard pattern has empty components, as com.example..news
    #[arg(long = "match", value_name = "POLICY", value_parser = ["exact", "prefix", "wildcard"], default_value = "exact")]
    policy: String,
    /// End after so many events (default: at Ctrl-C)
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..))]
    count: Option<u64>,
    /// An option of the message, as `get_retained=true`; repeatable
    #[arg(long, value_name = "NAME=JSON", value_parser = option)]
    option: Vec<(String, Box<RawValue>)>,
    #[command(flatten)]
    reach: Reach,
}

fn json(text: &str) -> Result<Box<RawValue>, String> {
    serde_json::from_str(text).map_err(|_| "it is not JSON; text needs quotes of its own, as '\"text\"'".to_owned())
}

fn object(text: &str) -> Result<Box<RawValue>, String> {
    json(text).ok().filter(|raw| raw.get().starts_with('{')).ok_or_else(|| "it is no JSON object".to_owned())
}

fn option(text: &str) -> Result<(String, Box<RawValue>), String> {
    let (name, value) = text.split_once('=').ok_or("give NAME=JSON, as get_retained=true")?;
    Ok((name.to_owned(), json(value)?))
}

/// Options and payload, as a message reads them.
fn parts(
    options: &[(String, Box<RawValue>)],
    args: &[Box<RawValue>],
    kwargs: Option<&RawValue>,
) -> Result<(Dict, Payload), String> {
    let text = |error: serde_json::Error| error.to_string();
    let options: std::collections::BTreeMap<&str, &RawValue> =
        options.iter().map(|(name, value)| (name.as_str(), &**value)).collect();
    let options = serde_json::value::to_raw_value(&options).map_err(text)?;
    let args = serde_json::value::to_raw_value(args).map_err(text)?;
    match json_parts::read(48, "x", [Some(&options), Some(&args), kwargs], DecodeLimits::default()) {
        Ok(Message::Call { options, payload, .. }) => Ok((options, payload)),
        Ok(_) => Err("the arguments can't be sent".to_owned()),
        Err(error) => Err(format!("the arguments can't be sent: {error}")),
    }
}

impl Request {
    fn parts(&self) -> Result<(Dict, Payload), String> {
        parts(&self.option, &self.args, self.kwargs.as_deref())
    }
}

/// `call`
///
/// # Errors
///
/// For the person in front of the terminal.
pub async fn call(Call { request, progress, timeout }: Call, is_json: bool) -> Result<(), String> {
    let (options, payload) = request.parts()?;
    let patience = if timeout.is_some() { Duration::from_mins(1) } else { CALL_SECONDS_MAX };
    let session = request.reach.connect(patience).await?;
    let mut options = CallOptions::from(options);
    if progress {
        options = options.receive_progress();
    }
    if let Some(seconds) = timeout {
        options = options.timeout(Duration::from_secs(seconds));
    }
    let answer = match session.start_call(&request.uri, options, payload).await {
        Ok(pending) => results(pending, is_json).await,
        Err(error) => Err(explain::request(&error)),
    };
    leave(session).await;
    answer
}

/// Prints what comes until the call has ended.
async fn results(mut pending: PendingCall, is_json: bool) -> Result<(), String> {
    loop {
        tokio::select! {
            partial = pending.next() => match partial {
                Some(CallResult { payload, .. }) => {
                    if !output::result(payload, true, is_json)? {
                        // Nobody reads on. Dropping the call cancels it.
                        return Ok(());
                    }
                }
                None => break,
            },
            _ = tokio::signal::ctrl_c() => {
                let canceled = pending.cancel(CancelMode::KillNoWait).await;
                return Err(canceled.map_or_else(|error| explain::request(&error), |()| "canceled".to_owned()));
            }
        }
    }
    let CallResult { payload, .. } = pending.result().await.map_err(|error| explain::request(&error))?;
    output::result(payload, false, is_json).map(drop)
}

/// `publish`
///
/// # Errors
///
/// For the person in front of the terminal.
pub async fn publish(Publish { request }: Publish, is_json: bool) -> Result<(), String> {
    let (options, payload) = request.parts()?;
    let session = request.reach.connect(Duration::from_mins(1)).await?;
    // Otherwise nobody would hear of a refusal.
    let options = PublishOptions::from(options).acknowledge();
    let published = session.publish_with(&request.uri, options, payload).await;
    leave(session).await;
    match published {
        Ok(publication) => output::published(publication, is_json),
        Err(error) => Err(explain::request(&error)),
    }
}

/// `subscribe`
///
/// # Errors
///
/// For the person in front of the terminal.
pub async fn subscribe(Subscribe { uri, policy, count, option, reach }: Subscribe) -> Result<(), String> {
    let (options, _) = parts(&option, &[], None)?;
    let session = reach.connect(Duration::from_mins(1)).await?;
    let options = SubscribeOptions::from(options).option("match", policy.as_str()).events_max(EVENTS_MAX);
    let answer = match session.subscribe(&uri, options).await {
        Ok(subscription) => {
            // For whoever waits to publish.
            eprintln!("subscribed to {uri}");
            events(&session, subscription, &uri, count).await
        }
        Err(error) => Err(explain::request(&error)),
    };
    leave(session).await;
    answer
}

/// Prints events until there were enough of them.
async fn events(
    session: &Session,
    mut subscription: Subscription,
    uri: &str,
    count: Option<u64>,
) -> Result<(), String> {
    let mut left = count;
    while left != Some(0) {
        let event = tokio::select! {
            event = subscription.next() => event,
            _ = tokio::signal::ctrl_c() => break,
        };
        let Some(event) = event else {
            return Err(explain::end_of_events(subscription.end(), session.end()));
        };
        if !output::event(&event, uri)? {
            break;
        }
        left = left.map(|left| left - 1);
    }
    match subscription.missed() {
        0 => Ok(()),
        missed => Err(format!("{missed} events came faster than they were printed, and are missing")),
    }
}

/// Whether the server still says good-bye changes nothing.
async fn leave(session: Session) {
    let _ = session.leave().await;
}

#[cfg(test)]
mod tests {
    use countersign_wamp::Value;

    use super::*;

    #[test]
    fn arguments_are_json_and_keep_big_integers_and_bytes() {
        let read = |texts: &[&str]| {
            let args: Vec<_> = texts.iter().map(|text| json(text).unwrap()).collect();
            parts(&[], &args, None).map(|(_, payload)| payload.values().unwrap().0)
        };
        let want = vec![Value::UInt(u64::MAX), Value::Int(-5), Value::Bytes(vec![0, 1, 2]), Value::Str("x".into())];
        assert_eq!(read(&["18446744073709551615", "-5", r#""\u0000AAEC""#, "\"x\""]), Ok(want));
        assert!(read(&[&format!("{}1{}", "[".repeat(100), "]".repeat(100))]).is_ok());
        assert!(read(&[&format!("{}1{}", "[".repeat(200), "]".repeat(200))]).is_err());
    }

    #[test]
    fn options_and_keyword_arguments_are_read() {
        let named = option("timeout=5").unwrap();
        let kwargs = object(r#"{"k": [null]}"#).unwrap();
        let (options, payload) = parts(&[named], &[], Some(&kwargs)).unwrap();
        assert_eq!(options, Dict::new().with("timeout", 5_i64));
        assert_eq!(payload.values().unwrap().1, Dict::new().with("k", Value::List(vec![Value::Null])));
    }

    #[test]
    fn what_is_no_json_is_refused_with_a_hint() {
        assert!(json("text").unwrap_err().contains("quotes"));
        assert!(json("[1,]").is_err());
        assert!(object("[1]").is_err());
        assert!(option("a").is_err());
        assert!(option("a=b").is_err());
    }
}
