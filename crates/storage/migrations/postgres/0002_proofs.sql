-- Logins by proof: what is kept of a password for them, and public keys. And which keys of the keyring seal something.

-- Set and replaced with the password. The text keys are those of the other dialect, where it has its own.
CREATE TABLE scram_verifiers (
    owner           bytea  NOT NULL PRIMARY KEY REFERENCES users (id) ON DELETE CASCADE,
    kdf             text   NOT NULL,
    iterations      bigint NOT NULL,
    memory_kib      bigint,
    salt            bytea  NOT NULL CHECK (length(salt) = 16),
    stored_key      bytea  NOT NULL CHECK (length(stored_key) = 32),
    server_key      bytea  NOT NULL CHECK (length(server_key) = 32),
    text_stored_key bytea  CHECK (length(text_stored_key) = 32),
    text_server_key bytea  CHECK (length(text_server_key) = 32)
);

-- Set and replaced with the password. shared_key is sealed: it is as good as the password for its method.
CREATE TABLE shared_keys (
    owner      bytea            NOT NULL PRIMARY KEY REFERENCES users (id) ON DELETE CASCADE,
    salt       text COLLATE "C" NOT NULL,
    iterations bigint           NOT NULL,
    shared_key bytea            NOT NULL
);

CREATE TABLE user_keys (
    public_key bytea  NOT NULL PRIMARY KEY CHECK (length(public_key) = 32),
    owner      bytea  NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    label      text   NOT NULL,
    created_at bigint NOT NULL
);

CREATE INDEX user_keys_by_owner ON user_keys (owner, created_at, public_key);

-- A keyring without one of these can't open what is in this database.
CREATE TABLE seal_keys (
    id bytea NOT NULL PRIMARY KEY CHECK (length(id) = 8)
);
