-- Logins by proof: what is kept of a password for them, and public keys. And which keys of the keyring seal something.

-- Set and replaced with the password. The text keys are those of the other dialect, where it has its own.
CREATE TABLE scram_verifiers (
    owner           BLOB    NOT NULL PRIMARY KEY REFERENCES users (id) ON DELETE CASCADE,
    kdf             TEXT    NOT NULL,
    iterations      INTEGER NOT NULL,
    memory_kib      INTEGER,
    salt            BLOB    NOT NULL CHECK (length(salt) = 16),
    stored_key      BLOB    NOT NULL CHECK (length(stored_key) = 32),
    server_key      BLOB    NOT NULL CHECK (length(server_key) = 32),
    text_stored_key BLOB    CHECK (length(text_stored_key) = 32),
    text_server_key BLOB    CHECK (length(text_server_key) = 32)
) STRICT, WITHOUT ROWID;

-- Set and replaced with the password. shared_key is sealed: it is as good as the password for its method.
CREATE TABLE shared_keys (
    owner      BLOB    NOT NULL PRIMARY KEY REFERENCES users (id) ON DELETE CASCADE,
    salt       TEXT    NOT NULL,
    iterations INTEGER NOT NULL,
    shared_key BLOB    NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE user_keys (
    public_key BLOB    NOT NULL PRIMARY KEY CHECK (length(public_key) = 32),
    owner      BLOB    NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    label      TEXT    NOT NULL,
    created_at INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE INDEX user_keys_by_owner ON user_keys (owner, created_at, public_key);

-- A keyring without one of these can't open what is in this database.
CREATE TABLE seal_keys (
    id BLOB NOT NULL PRIMARY KEY CHECK (length(id) = 8)
) STRICT, WITHOUT ROWID;
