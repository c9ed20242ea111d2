//! Limits that the server itself keeps. Those of the realm are counted by the realm.

use std::sync::atomic::{AtomicU64, Ordering};

use countersign_router::Limit;

/// A limit, named in the metrics by its setting; constants have no section.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ServerLimit {
    /// Bytes of a message in a session.
    MessageBytes,
    /// Bytes of a message before there is a session.
    LoginBytes,
    /// Nesting of a message.
    MessageDepth,
    /// Values in the options of a message.
    OptionValues,
    /// Messages that wait to be sent to a session.
    OutboundMessages,
    /// Their bytes.
    OutboundBytes,
    /// Time in which a peer has to take what is written.
    WriteSeconds,
    /// Time from connecting to WELCOME.
    HelloSeconds,
    /// Connections of an address without a session.
    UnauthenticatedConnections,
    /// Refused logins on a connection.
    LoginAttempts,
    /// Life of a session that a one-time password opened.
    OtpSessionSeconds,
    /// Live one-time passwords of a user.
    OtpsLive,
    /// Lifetime of a one-time password.
    OtpLifetime,
    /// Live API keys of a user.
    ApiKeysLive,
    /// Lifetime of an API key.
    ApiKeyLifetime,
    /// Characters of an API key's description.
    ApiKeyDescription,
    /// Arguments of a procedure of the server's own.
    ProcedureArguments,
    /// Calls with long arguments that are under way.
    LongCalls,
    /// Bytes of a key of metadata.
    MetadataKeyBytes,
    /// Bytes of a value of metadata.
    MetadataValueBytes,
    /// Entries of metadata of a user.
    MetadataEntries,
    /// Bytes of all metadata of a user.
    MetadataBytes,
    /// Bytes of an entry in a roster.
    RosterDataBytes,
    /// Entries of a session in rosters.
    RosterSessionEntries,
    /// Entries in rosters.
    RosterEntries,
    /// Bytes of all entries in rosters.
    RosterBytes,
    /// Nesting of a value that is stored.
    ValueDepth,
    /// Password checks that run or wait.
    PasswordQueue,
    /// Time that a password check waits.
    PasswordQueueSeconds,
    /// Time in which something has to come over a WebSocket.
    PingSeconds,
    /// Long-poll transports.
    LongpollTransports,
    /// Events of the history that wait to be stored.
    HistoryQueueEvents,
    /// Their bytes.
    HistoryQueueBytes,
    /// Mails that wait or are being sent.
    MailQueue,
    /// Mails that a user gets in an hour.
    UserMails,
    /// Requests for mails of an address in an hour.
    AddressRequests,
    /// Wrong tokens of an address in an hour.
    AddressWrongTokens,
    /// Work that goes on after its request was answered.
    Afterwards,
    /// Logins and searches that wait for a connection to the directory.
    DirectoryQueue,
    /// How long they wait.
    DirectoryQueueSeconds,
    /// Bytes of a listing of the directory.
    DirectoryListingBytes,
    /// Entries of a search.
    DirectoryEntries,
    /// Their bytes.
    DirectorySearchBytes,
    /// Changes of registrations that wait to be stored.
    RegistrationQueue,
    /// Sessions in a list of what is registered or subscribed to.
    ListedSessions,
}

impl ServerLimit {
    /// All of them.
    pub const ALL: [Self; 45] = [
        Self::MessageBytes,
        Self::LoginBytes,
        Self::MessageDepth,
        Self::OptionValues,
        Self::OutboundMessages,
        Self::OutboundBytes,
        Self::WriteSeconds,
        Self::HelloSeconds,
        Self::UnauthenticatedConnections,
        Self::LoginAttempts,
        Self::OtpSessionSeconds,
        Self::OtpsLive,
        Self::OtpLifetime,
        Self::ApiKeysLive,
        Self::ApiKeyLifetime,
        Self::ApiKeyDescription,
        Self::ProcedureArguments,
        Self::LongCalls,
        Self::MetadataKeyBytes,
        Self::MetadataValueBytes,
        Self::MetadataEntries,
        Self::MetadataBytes,
        Self::RosterDataBytes,
        Self::RosterSessionEntries,
        Self::RosterEntries,
        Self::RosterBytes,
        Self::ValueDepth,
        Self::PasswordQueue,
        Self::PasswordQueueSeconds,
        Self::PingSeconds,
        Self::LongpollTransports,
        Self::HistoryQueueEvents,
        Self::HistoryQueueBytes,
        Self::MailQueue,
        Self::UserMails,
        Self::AddressRequests,
        Self::AddressWrongTokens,
        Self::Afterwards,
        Self::DirectoryQueue,
        Self::DirectoryQueueSeconds,
        Self::DirectoryListingBytes,
        Self::DirectoryEntries,
        Self::DirectorySearchBytes,
        Self::RegistrationQueue,
        Self::ListedSessions,
    ];

    /// Its name in the metrics.
    pub fn name(self) -> &'static str {
        match self {
            Self::MessageBytes => "limits.message_bytes_max",
            Self::LoginBytes => "limits.login_bytes_max",
            Self::MessageDepth => "limits.message_depth_max",
            Self::OptionValues => "option_values_max",
            Self::OutboundMessages => "limits.outbound_messages_max",
            Self::OutboundBytes => "limits.outbound_bytes_max",
            Self::WriteSeconds => "limits.write_seconds_max",
            Self::HelloSeconds => "limits.hello_seconds_max",
            Self::UnauthenticatedConnections => "limits.unauthenticated_connections_max",
            Self::LoginAttempts => "limits.login_attempts_max",
            Self::OtpSessionSeconds => "otp.session_seconds_max",
            Self::OtpsLive => "otp.live_max",
            Self::OtpLifetime => "otp.lifetime_seconds_max",
            Self::ApiKeysLive => "apikey.live_max",
            Self::ApiKeyLifetime => "apikey.lifetime_seconds_max",
            Self::ApiKeyDescription => "apikey_description_characters_max",
            Self::ProcedureArguments => "procedure_arguments_bytes_max",
            Self::LongCalls => "long_calls_max",
            Self::MetadataKeyBytes => "metadata.key_bytes_max",
            Self::MetadataValueBytes => "metadata.value_bytes_max",
            Self::MetadataEntries => "metadata.entries_max",
            Self::MetadataBytes => "metadata.bytes_max",
            Self::RosterDataBytes => "rosters.data_bytes_max",
            Self::RosterSessionEntries => "rosters.session_entries_max",
            Self::RosterEntries => "rosters.entries_max",
            Self::RosterBytes => "rosters.bytes_max",
            Self::ValueDepth => "value_depth_max",
            Self::PasswordQueue => "password.queue_max",
            Self::PasswordQueueSeconds => "password.queue_seconds_max",
            Self::PingSeconds => "websocket.ping_seconds",
            Self::LongpollTransports => "http.longpoll_transports_max",
            Self::HistoryQueueEvents => "limits.history_queue_events_max",
            Self::HistoryQueueBytes => "limits.history_queue_bytes_max",
            Self::MailQueue => "mail.queue_messages_max",
            Self::UserMails => "mail.user_mails_per_hour_max",
            Self::AddressRequests => "mail.address_requests_per_hour_max",
            Self::AddressWrongTokens => "mail.address_wrong_tokens_per_hour_max",
            Self::Afterwards => "afterwards_max",
            Self::DirectoryQueue => "ldap.queue_max",
            Self::DirectoryQueueSeconds => "ldap.queue_seconds_max",
            Self::DirectoryListingBytes => "ldap.listing_bytes_max",
            Self::DirectoryEntries => "ldap.entries_max",
            Self::DirectorySearchBytes => "ldap.search_bytes_max",
            Self::RegistrationQueue => "uris.queue_changes_max",
            Self::ListedSessions => "listed_sessions_max",
        }
    }
}

/// The name of a limit of the realm in the metrics.
pub fn name_of(limit: Limit) -> &'static str {
    match limit {
        Limit::UriBytes => "limits.uri_bytes_max",
        Limit::WildcardComponents => "wildcard_components_max",
        Limit::ShardKeyBytes => "shard_key_bytes_max",
        Limit::SubscriptionsAndRegistrations => "limits.subscriptions_and_registrations_max",
        Limit::Wildcards => "limits.wildcards_max",
        Limit::PendingCalls => "limits.pending_calls_max",
        Limit::Testaments => "limits.testaments_max",
        Limit::TestamentBytes => "limits.testament_bytes_max",
        Limit::RetainedEvents => "limits.retained_events_max",
        Limit::RetainedBytes => "limits.retained_bytes_max",
        Limit::HistoryAnswerBytes => "limits.history_answer_bytes_max",
    }
}

/// How often each was passed.
#[derive(Debug)]
pub(super) struct LimitCounts([AtomicU64; ServerLimit::ALL.len()]);

impl Default for LimitCounts {
    fn default() -> Self {
        Self([const { AtomicU64::new(0) }; ServerLimit::ALL.len()])
    }
}

impl LimitCounts {
    pub fn add(&self, limit: ServerLimit) {
        if let Some(count) = self.0.get(limit as usize) {
            count.fetch_add(1, Ordering::Relaxed);
        }
    }

    pub fn get(&self, limit: ServerLimit) -> u64 {
        self.0.get(limit as usize).map_or(0, |count| count.load(Ordering::Relaxed))
    }

    /// Names and counts.
    pub fn all(&self) -> impl Iterator<Item = (&'static str, u64)> {
        ServerLimit::ALL.into_iter().map(|limit| (limit.name(), self.get(limit)))
    }
}
