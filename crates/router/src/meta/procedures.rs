//! The procedures that the realm answers itself.

use std::time::Instant;

use countersign_wamp::uris::meta::{registration, session, subscription};
use countersign_wamp::{Dict, Id, Message, MessageType, Payload};

use super::arguments::Arguments;
use crate::refusal::Refusal;
use crate::{Authorizer, Effect, Realm};

macro_rules! procedures {
    ($($uri:path => $name:ident),+ $(,)?) => {
        /// A procedure of the router's own.
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        pub(crate) enum Procedure {
            $($name),+
        }

        impl Procedure {
            pub fn from_uri(uri: &str) -> Option<Self> {
                match uri {
                    $($uri => Some(Self::$name),)+
                    _ => None,
                }
            }
        }
    };
}

procedures! {
    session::COUNT => CountSessions,
    session::LIST => ListSessions,
    session::GET => GetSession,
    session::KILL => Kill,
    session::KILL_BY_AUTHID => KillByAuthid,
    session::KILL_BY_AUTHROLE => KillByAuthrole,
    session::KILL_ALL => KillAll,
    session::ADD_TESTAMENT => AddTestament,
    session::FLUSH_TESTAMENTS => FlushTestaments,
    registration::LIST => ListRegistrations,
    registration::LOOKUP => LookUpRegistration,
    registration::MATCH => MatchRegistration,
    registration::GET => GetRegistration,
    registration::LIST_CALLEES => ListCallees,
    registration::COUNT_CALLEES => CountCallees,
    registration::REMOVE_CALLEE => RemoveCallee,
    subscription::LIST => ListSubscriptions,
    subscription::LOOKUP => LookUpSubscription,
    subscription::MATCH => MatchSubscriptions,
    subscription::GET => GetSubscription,
    subscription::LIST_SUBSCRIBERS => ListSubscribers,
    subscription::COUNT_SUBSCRIBERS => CountSubscribers,
    subscription::REMOVE_SUBSCRIBER => RemoveSubscriber,
    subscription::GET_EVENTS => GetEvents,
}

/// A call that the realm answers itself, allowed already.
#[derive(Debug)]
pub(crate) struct OwnCall {
    pub procedure: Procedure,
    pub request: Id,
    pub payload: Payload,
}

/// What an answer is made with.
pub(super) struct Question<'a> {
    pub now: Instant,
    pub caller: Id,
    pub arguments: Arguments,
    /// What the arguments took in the message, about.
    pub bytes: usize,
    pub authorizer: &'a dyn Authorizer,
}

impl Realm {
    /// Answers a call of one of the router's own procedures.
    pub(crate) fn answer(
        &mut self,
        now: Instant,
        caller: Id,
        call: &OwnCall,
        authorizer: &dyn Authorizer,
        out: &mut Vec<Effect>,
    ) {
        let request = call.request;
        let answer = Arguments::read(&call.payload).and_then(|arguments| {
            let bytes = call.payload.len_hint();
            self.answer_question(call.procedure, &Question { now, caller, arguments, bytes, authorizer }, out)
        });
        out.push(match answer {
            Ok(payload) => {
                let message = Message::Result { request, details: Dict::new(), payload };
                Effect::Send { to: caller, message }
            }
            Err(refusal) => refusal.counted(&mut self.limits).into_effect(caller, MessageType::Call, request),
        });
    }

    fn answer_question(
        &mut self,
        procedure: Procedure,
        question: &Question<'_>,
        out: &mut Vec<Effect>,
    ) -> Result<Payload, Refusal> {
        let arguments = &question.arguments;
        match procedure {
            Procedure::CountSessions => self.count_sessions(arguments),
            Procedure::ListSessions => self.list_sessions(arguments),
            Procedure::GetSession => self.get_session(arguments),
            Procedure::Kill => self.kill(question, out),
            Procedure::KillByAuthid => self.kill_by_authid(question, out),
            Procedure::KillByAuthrole => self.kill_by_authrole(question, out),
            Procedure::KillAll => self.kill_all(question, out),
            Procedure::AddTestament => self.add_testament(question),
            Procedure::FlushTestaments => self.flush_testaments(question),
            Procedure::ListRegistrations => Ok(self.list_registrations()),
            Procedure::LookUpRegistration => self.look_up_registration(arguments),
            Procedure::MatchRegistration => self.match_registration(arguments),
            Procedure::GetRegistration => self.get_registration(arguments),
            Procedure::ListCallees => self.list_callees(arguments),
            Procedure::CountCallees => self.count_callees(arguments),
            Procedure::RemoveCallee => self.remove_callee(arguments, out),
            Procedure::ListSubscriptions => Ok(self.list_subscriptions()),
            Procedure::LookUpSubscription => self.look_up_subscription(arguments),
            Procedure::MatchSubscriptions => self.match_subscriptions(arguments),
            Procedure::GetSubscription => self.get_subscription(arguments),
            Procedure::ListSubscribers => self.list_subscribers(arguments),
            Procedure::CountSubscribers => self.count_subscribers(arguments),
            Procedure::GetEvents => self.get_events(question),
            Procedure::RemoveSubscriber => self.remove_subscriber(arguments, out),
        }
    }
}
