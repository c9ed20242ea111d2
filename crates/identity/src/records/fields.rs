//! Collections and their fields.

/// What a field holds, which decides how it can be tested.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// Text.
    Text,
    /// A truth value.
    Truth,
    /// A time.
    Time,
    /// A whole number.
    Number,
    /// An id.
    Id,
    /// A keyed hash under which something is found.
    Digest,
    /// Rules: patterns with letters.
    Rules,
    /// A value of whatever kind, into which a path leads.
    Json,
    /// The same text in every record.
    Constant(&'static str),
}

/// Whose records those are that belong to nobody in particular.
pub(super) const ROOT: &str = "%root";
/// What records of URIs are about.
const REGISTER: &str = "register";

macro_rules! collections {
    ($($(#[$doc:meta])* $collection:ident $text:literal $fields:ident {
        $($field:ident $name:literal $kind:expr,)+
    })+) => {
        /// A kind of records.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
        pub enum Collection {
            $($(#[$doc])* $collection,)+
        }

        impl Collection {
            /// Every one.
            pub const ALL: &[Self] = &[$(Self::$collection,)+];

            /// The name on the bus.
            pub fn name(self) -> &'static str {
                match self {
                    $(Self::$collection => $text,)+
                }
            }

            /// Its fields.
            pub fn fields(self) -> Vec<Field> {
                match self {
                    $(Self::$collection => $fields::ALL.iter().copied().map(Field::$collection).collect(),)+
                }
            }
        }

        $(
            #[doc = concat!("A field of `", $text, "`.")]
            #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
            pub enum $fields {
                $(#[doc = concat!("`", $name, "`")] $field,)+
            }

            impl $fields {
                const ALL: &[Self] = &[$(Self::$field,)+];
            }
        )+

        /// A field of some collection.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
        pub enum Field {
            $(#[doc = concat!("Of `", $text, "`.")] $collection($fields),)+
        }

        impl Field {
            /// The name on the bus.
            pub fn name(self) -> &'static str {
                match self {
                    $($(Self::$collection($fields::$field) => $name,)+)+
                }
            }

            /// What it holds.
            pub fn kind(self) -> Kind {
                match self {
                    $($(Self::$collection($fields::$field) => $kind,)+)+
                }
            }

            /// Of which records.
            pub fn collection(self) -> Collection {
                match self {
                    $(Self::$collection(_) => Collection::$collection,)+
                }
            }
        }
    };
}

collections! {
    /// Users.
    Users "users" UserField {
        Login "login" Kind::Text,
        Enabled "enabled" Kind::Truth,
        Role "role" Kind::Text,
        Source "source" Kind::Text,
        Email "email" Kind::Text,
        Upn "upn" Kind::Text,
        Name "name" Kind::Text,
        Uuid "uuid" Kind::Id,
        Owner "owner" Kind::Constant(ROOT),
        // Stand in for the fields of their names where a test needs them.
        EmailDigest "email" Kind::Digest,
        NameFolded "name" Kind::Text,
    }
    /// Roles.
    Roles "roles" RoleField {
        Role "role" Kind::Text,
        Permissions "permissions" Kind::Rules,
        Uuid "uuid" Kind::Id,
        Owner "owner" Kind::Constant(ROOT),
    }
    /// Cookies by which browsers come back.
    Cookies "cookies" CookieField {
        Uuid "uuid" Kind::Id,
        Authid "authid" Kind::Text,
        Authrole "authrole" Kind::Text,
        Created "created" Kind::Time,
        Expires "expires" Kind::Time,
        Origin "origin" Kind::Text,
        Owner "owner" Kind::Constant(ROOT),
    }
    /// One-time passwords that can still be used.
    Otps "otps" OtpField {
        Uuid "uuid" Kind::Id,
        Origin "origin" Kind::Text,
        Expires "expires" Kind::Time,
        Permissions "permissions" Kind::Rules,
        Key "key" Kind::Digest,
        Owner "owner" Kind::Id,
        Login "login" Kind::Text,
        OwnerLogin "owner_.login" Kind::Text,
        OwnerUuid "owner_.uuid" Kind::Id,
    }
    /// API keys that can still be used. One that never expires comes after all others.
    ApiKeys "apikeys" ApiKeyField {
        Uuid "uuid" Kind::Id,
        Description "description" Kind::Text,
        Expires "expires" Kind::Time,
        Permissions "permissions" Kind::Rules,
        Key "key" Kind::Digest,
        Owner "owner" Kind::Id,
        OwnerLogin "owner_.login" Kind::Text,
        OwnerUuid "owner_.uuid" Kind::Id,
    }
    /// What programs note of users by key.
    Metadata "metadata" MetadataField {
        Key "key" Kind::Text,
        Value "value" Kind::Json,
        Uuid "uuid" Kind::Id,
        Owner "owner" Kind::Id,
        OwnerLogin "owner_.login" Kind::Text,
        OwnerUuid "owner_.uuid" Kind::Id,
    }
    /// What is known of URIs.
    Uris "uris" UriField {
        Key "key" Kind::Text,
        Uuid "uuid" Kind::Id,
        Uri "uri" Kind::Text,
        Action "action" Kind::Constant(REGISTER),
        Active "active" Kind::Truth,
        System "system" Kind::Truth,
        Match "match" Kind::Text,
        Invoke "invoke" Kind::Text,
        Description "description" Kind::Text,
        Contact "contact" Kind::Text,
        Create "create" Kind::Time,
        Peer "peer" Kind::Text,
        Authid "authid" Kind::Text,
        SessionId "session_id" Kind::Number,
        WarnAfter "disconnect_warn_after" Kind::Number,
        WarnReminderAfter "disconnect_warn_reminder_after" Kind::Number,
        WarnLast "disconnect_warn_last" Kind::Time,
        Disconnect "disconnect" Kind::Time,
        CountWarnAfter "disconnect_count_warn_after" Kind::Number,
        CountWarnReminderAfter "disconnect_count_warn_reminder_after" Kind::Number,
        CountWarnLast "disconnect_count_warn_last" Kind::Time,
        Schedule "schedule" Kind::Text,
        Owner "owner" Kind::Constant(ROOT),
    }
    /// What sessions tell of themselves.
    Rosters "rosters" RosterField {
        Name "name" Kind::Text,
        Data "data" Kind::Json,
        SessionId "session_id" Kind::Number,
        Key "key" Kind::Text,
        Created "created" Kind::Time,
        Uuid "uuid" Kind::Id,
        Owner "owner" Kind::Constant(ROOT),
    }
}

impl Collection {
    /// The collection of this name.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|collection| collection.name() == name)
    }

    /// The names of all of them, as an error says them.
    pub fn names() -> String {
        let names: Vec<&str> = Self::ALL.iter().map(|collection| collection.name()).collect();
        names.join(", ")
    }

    /// Whether its records belong to a user, who may see them.
    pub fn has_owners(self) -> bool {
        matches!(self, Self::Otps | Self::ApiKeys | Self::Metadata)
    }

    /// The field of this name.
    pub fn field(self, name: &str) -> Option<Field> {
        // Those that stand in for another come after it.
        self.fields().into_iter().find(|field| field.name() == name)
    }

    /// The names of its fields, as an error says them.
    pub fn field_names(self) -> String {
        let mut names: Vec<&str> = Vec::new();
        for field in self.fields() {
            if !names.contains(&field.name()) {
                names.push(field.name());
            }
        }
        names.join(", ")
    }
}
