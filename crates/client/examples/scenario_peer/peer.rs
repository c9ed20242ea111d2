//! One session and what is open in it.

use std::collections::HashMap;
use std::fmt::Display;
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use countersign_client::{
    Auth, AuthError, CallError, CallOptions, CallResult, CancelMode, Client, ConnectError, ConnectOptions, Dict,
    Encoding, Ended, HandlerError, Invocation, OnInterrupt, PendingCall, PrivateKey, PublishOptions, RegisterOptions,
    Registration, RegistrationEnd, Session, SubscribeOptions, SubscriptionHandle, Trust, Value,
};
use serde_json::{Value as Json, json};
use tokio::sync::mpsc;

use crate::line::{Output, args, dict_to_line, flag, kwargs, number, options, text, values};

/// Commands that one call or invocation has not come to yet.
const COMMANDS_MAX: usize = 64;

/// Why a command has no answer.
pub enum Trouble {
    /// The router or the other end said no.
    Refused(Json),
    /// Anything else.
    Failed(String),
}

impl From<CallError> for Trouble {
    fn from(error: CallError) -> Self {
        match error {
            CallError::Remote { error, args, kwargs, .. } => {
                let (args, kwargs) = values(&args, &kwargs);
                Self::Refused(json!({ "uri": error, "args": args, "kwargs": kwargs }))
            }
            other => failed(other),
        }
    }
}

fn failed(error: impl Display) -> Trouble {
    Trouble::Failed(error.to_string())
}

/// A session by its number.
pub struct Peer {
    number: u64,
    output: Output,
    session: OnceLock<Session>,
    open: Mutex<Open>,
    invocations: AtomicU64,
}

/// What is open in a session, by the numbers that the scenarios gave.
#[derive(Default)]
struct Open {
    calls: HashMap<u64, mpsc::Sender<Json>>,
    invocations: HashMap<u64, mpsc::Sender<Json>>,
    registrations: HashMap<u64, Registration>,
    subscriptions: HashMap<u64, SubscriptionHandle>,
}

impl Peer {
    pub fn new(number: u64, output: Output) -> Self {
        Self { number, output, session: OnceLock::new(), open: Mutex::default(), invocations: AtomicU64::new(0) }
    }

    /// Carries a command out; its answer.
    pub async fn act(self: &Arc<Self>, what: &str, command: &Json) -> Result<Json, Trouble> {
        match what {
            "connect" => self.connect(command).await,
            "call" => self.call(command).await,
            "register" => self.register(command).await,
            "unregister" => self.unregister(command).await,
            "subscribe" => self.subscribe(command).await,
            "unsubscribe" => self.unsubscribe(command).await,
            "publish" => self.publish(command).await,
            "leave" => self.session()?.leave().await.map(|()| Json::Null).map_err(Trouble::from),
            other => Err(Trouble::Failed(format!("no such command: {other}"))),
        }
    }

    fn session(&self) -> Result<&Session, Trouble> {
        self.session.get().ok_or_else(|| failed("there is no session"))
    }

    fn open<T>(&self, change: impl FnOnce(&mut Open) -> T) -> T {
        change(&mut self.open.lock().unwrap_or_else(PoisonError::into_inner))
    }

    fn event(&self, kind: &str, fields: Json) {
        let mut event = json!({ "event": kind, "session": self.number });
        if let (Json::Object(event), Json::Object(fields)) = (&mut event, fields) {
            event.extend(fields);
        }
        self.output.send(event);
    }

    async fn connect(self: &Arc<Self>, command: &Json) -> Result<Json, Trouble> {
        let session = match Client::connect(connect_options(command)?).await {
            Ok(session) => session,
            Err(ConnectError::Aborted { reason, details }) => {
                let message = details.get("message").and_then(Value::as_str);
                return Err(Trouble::Refused(json!({ "uri": reason, "args": [message], "kwargs": {} })));
            }
            Err(error) => return Err(failed(error)),
        };
        let welcome = session.welcome_details();
        let named = |name: &str| welcome.get(name).and_then(Value::as_str);
        let answer = json!({
            "session": session.session_id().get(),
            "authid": named("authid"),
            "authrole": named("authrole"),
            "authmethod": named("authmethod"),
        });
        let (peer, watched) = (Arc::clone(self), session.clone());
        tokio::spawn(async move {
            let (reason, message) = match watched.ended().await {
                Ended::Goodbye { reason, details } | Ended::Aborted { reason, details } => {
                    (Some(reason), details.get("message").and_then(Value::as_str).map(str::to_owned))
                }
                _ => (None, None),
            };
            peer.event("left", json!({ "reason": reason, "message": message }));
        });
        let _ = self.session.set(session);
        Ok(answer)
    }

    async fn call(self: &Arc<Self>, command: &Json) -> Result<Json, Trouble> {
        let given = command.get("options").unwrap_or(&Json::Null);
        let mut options = CallOptions::new();
        if flag(given, "parts") {
            options = options.more_follows();
        }
        if given.get("timeout").is_some() {
            options = options.timeout(std::time::Duration::from_millis(number(given, "timeout")));
        }
        if given.get("rkey").is_some() {
            options = options.rkey(text(given, "rkey"));
        }
        let call = number(command, "call");
        let (sender, commands) = mpsc::channel(COMMANDS_MAX);
        self.open(|open| open.calls.insert(call, sender));
        if flag(given, "progress") {
            options = options.receive_progress();
        }
        let payload = (args(command), kwargs(command));
        let pending = self.session()?.start_call(text(command, "procedure"), options, payload).await?;
        let result = self.follow(call, pending, commands).await?;
        let (args, kwargs) = values(&result.args(), &result.kwargs());
        Ok(json!({ "args": args, "kwargs": kwargs }))
    }

    /// Passes progressive results on, and carries out what is asked of the call, until its end.
    async fn follow(
        &self,
        call: u64,
        mut pending: PendingCall,
        mut commands: mpsc::Receiver<Json>,
    ) -> Result<CallResult, CallError> {
        loop {
            tokio::select! {
                progress = pending.next() => match progress {
                    Some(result) => {
                        let (args, kwargs) = values(&result.args(), &result.kwargs());
                        self.event("progress", json!({ "call": call, "args": args, "kwargs": kwargs }));
                    }
                    None => return pending.result().await,
                },
                Some(command) = commands.recv() => {
                    let payload = (args(&command), kwargs(&command));
                    match (text(&command, "do"), flag(&command, "last")) {
                        ("cancel", _) => pending.cancel(mode(text(&command, "mode"))).await?,
                        (_, true) => pending.send_last(payload).await?,
                        _ => pending.send(payload).await?,
                    }
                }
            }
        }
    }

    /// Hands a command to the task of a call or an invocation, if it is for one; in the order of the commands, so not
    /// from within a task.
    pub fn hand_over(&self, command: &Json) -> bool {
        let sender = match text(command, "do") {
            "cancel" | "more" => self.open(|open| open.calls.get(&number(command, "call")).cloned()),
            "progress" | "yield" | "error" | "throw" => {
                self.open(|open| open.invocations.get(&number(command, "invocation")).cloned())
            }
            _ => return false,
        };
        // One that is over already has nobody to hear it.
        let _ = sender.map(|sender| sender.blocking_send(command.clone()));
        true
    }

    async fn register(self: &Arc<Self>, command: &Json) -> Result<Json, Trouble> {
        let procedure = text(command, "procedure").to_owned();
        let at = number(command, "registration");
        let options = RegisterOptions::from(options(command)).on_interrupt(OnInterrupt::Tell);
        let (peer, name) = (Arc::clone(self), procedure.clone());
        let handler = move |invocation| Arc::clone(&peer).serve(at, name.clone(), invocation);
        let registration = self.session()?.register(&procedure, options, handler).await?;
        let id = registration.id().get();
        let (peer, watched) = (Arc::clone(self), registration.clone());
        tokio::spawn(async move {
            if let RegistrationEnd::Revoked { reason } = watched.ended().await {
                peer.event("revoked", json!({ "registration": at, "reason": reason }));
            }
        });
        self.open(|open| open.registrations.insert(at, registration));
        Ok(json!(id))
    }

    /// Passes an invocation on, and gives the answer that comes back.
    async fn serve(
        self: Arc<Self>,
        registration: u64,
        procedure: String,
        mut invocation: Invocation,
    ) -> Result<(Vec<Value>, Dict), HandlerError> {
        let at = self.invocations.fetch_add(1, Ordering::Relaxed) + 1;
        let (sender, mut answers) = mpsc::channel(COMMANDS_MAX);
        self.open(|open| open.invocations.insert(at, sender));
        let mut details = invocation.details.clone();
        if invocation.procedure().is_none() {
            details.push("procedure", procedure);
        }
        let mut details = dict_to_line(&details);
        if let Json::Object(details) = &mut details {
            details.insert("progress".to_owned(), json!(invocation.wants_progress()));
        }
        let shown = |(args, kwargs): (Vec<Value>, Dict)| {
            let (args, kwargs) = values(&args, &kwargs);
            json!({ "registration": registration, "invocation": at, "args": args, "kwargs": kwargs, "details": details })
        };
        self.event("invocation", shown(invocation.values()));
        let mut has_parts = invocation.has_parts();
        let interrupted = invocation.interrupted();
        tokio::pin!(interrupted);
        loop {
            tokio::select! {
                () = &mut interrupted => {
                    self.event("interrupted", json!({ "invocation": at, "details": {} }));
                    return Err(HandlerError::new("wamp.error.canceled", "interrupted"));
                }
                part = invocation.next_part(), if has_parts => match part {
                    Some(part) => self.event("invocation", shown(part.values())),
                    None => has_parts = false,
                },
                Some(answer) = answers.recv() => {
                    let payload = (args(&answer), kwargs(&answer));
                    match text(&answer, "do") {
                        "progress" => {
                            // Its session is over then, and with it the invocation.
                            let _ = invocation.progress(payload).await;
                        }
                        "yield" => return Ok(payload),
                        "error" => return Err(HandlerError::with_payload(text(&answer, "uri"), payload)),
                        _ => return Err(HandlerError::new("wamp.error.runtime_error", text(&answer, "text"))),
                    }
                }
            }
        }
    }

    async fn unregister(&self, command: &Json) -> Result<Json, Trouble> {
        let registration = self.open(|open| open.registrations.remove(&number(command, "registration")));
        if let Some(registration) = registration {
            self.session()?.unregister(&registration).await?;
        }
        Ok(Json::Null)
    }

    async fn subscribe(self: &Arc<Self>, command: &Json) -> Result<Json, Trouble> {
        let topic = text(command, "topic").to_owned();
        let at = number(command, "subscription");
        let options = SubscribeOptions::from(options(command));
        let (peer, name) = (Arc::clone(self), topic.clone());
        let handler = move |event: countersign_client::Event| {
            let mut details = event.details.clone();
            if event.topic().is_none() {
                details.push("topic", name.clone());
            }
            details.push("publication", event.publication.get());
            let (args, kwargs) = values(&event.args(), &event.kwargs());
            let details = dict_to_line(&details);
            peer.event("event", json!({ "subscription": at, "args": args, "kwargs": kwargs, "details": details }));
        };
        let subscription = self.session()?.subscribe_with(&topic, options, handler).await?;
        self.open(|open| open.subscriptions.insert(at, subscription));
        Ok(json!(subscription.id().get()))
    }

    async fn unsubscribe(&self, command: &Json) -> Result<Json, Trouble> {
        let subscription = self.open(|open| open.subscriptions.remove(&number(command, "subscription")));
        if let Some(subscription) = subscription {
            self.session()?.unsubscribe(subscription).await?;
        }
        Ok(Json::Null)
    }

    async fn publish(&self, command: &Json) -> Result<Json, Trouble> {
        let options = PublishOptions::from(options(command));
        let topic = text(command, "topic");
        let publication = self.session()?.publish(topic, args(command), kwargs(command), options).await?;
        Ok(json!(publication.map(countersign_client::Id::get)))
    }
}

fn mode(name: &str) -> CancelMode {
    match name {
        "skip" => CancelMode::Skip,
        "kill" => CancelMode::Kill,
        _ => CancelMode::KillNoWait,
    }
}

fn connect_options(command: &Json) -> Result<ConnectOptions, Trouble> {
    let encoding = match text(command, "serializer") {
        "json" => Encoding::Json,
        "msgpack" => Encoding::MsgPack,
        "cbor" => Encoding::Cbor,
        _ => Encoding::Ubjson,
    };
    let given = command.get("auth").unwrap_or(&Json::Null);
    let auth = auth(given)?;
    // The scenarios write addresses as swampyer takes them.
    let url = text(command, "url").replace("tcpip", "tcp").replace("unix://", "unix:");
    let certificate = std::env::var_os("SSL_CERT_FILE").unwrap_or_default();
    let trust = Trust::Certificates(read(certificate)?);
    let mut options = ConnectOptions::new(url, text(command, "realm")).encoding(encoding).auth(auth).trust(trust);
    for (name, value) in given.get("headers").and_then(Json::as_object).into_iter().flatten() {
        options = options.header(name, value.as_str().unwrap_or_default());
    }
    if given.get("certificate").is_none() {
        return Ok(options);
    }
    Ok(options.client_certificate(read(text(given, "certificate"))?, read(text(given, "key"))?))
}

fn read(path: impl AsRef<Path>) -> Result<Vec<u8>, Trouble> {
    std::fs::read(path).map_err(failed)
}

fn auth(auth: &Json) -> Result<Auth, Trouble> {
    Ok(match text(auth, "method") {
        "anonymous" => Auth::anonymous(),
        "ticket" => {
            let ticket = Auth::ticket(text(auth, "authid"), text(auth, "secret"));
            match auth.get("code").and_then(Json::as_str) {
                Some(code) => ticket.and(Auth::second_factor(code)),
                None => ticket,
            }
        }
        "wampcra" => Auth::wampcra(text(auth, "authid"), text(auth, "secret")),
        "cryptosign" => {
            let key = PrivateKey::from_hex(text(auth, "secret")).ok_or_else(|| failed("no private key"))?;
            Auth::cryptosign(Some(text(auth, "authid").to_owned()), key, false)
        }
        "tls" => Auth::tls(Some(text(auth, "authid").to_owned())),
        "cookie" => Auth::cookie(Some(text(auth, "authid").to_owned())),
        "scram" => Auth::scram_of_crossbar(text(auth, "authid"), text(auth, "secret")),
        "wamp-scram" => Auth::scram(text(auth, "authid"), text(auth, "secret"), false),
        other => Auth::answering(other, |_| async { Err(AuthError::Other("not asked for".to_owned())) }),
    })
}
