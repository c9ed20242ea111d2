-- What was done with sign-on sessions: opened, renewed. The newest of each are kept; the number counts on.
CREATE TABLE session_changes (
    session BLOB    NOT NULL REFERENCES sign_on_sessions (id) ON DELETE CASCADE,
    number  INTEGER NOT NULL,
    at      INTEGER NOT NULL,
    address TEXT    NOT NULL,
    agent   TEXT    NOT NULL,
    source  TEXT    NOT NULL,
    PRIMARY KEY (session, number)
) STRICT, WITHOUT ROWID;

INSERT INTO session_changes (session, number, at, address, agent, source)
SELECT id, 1, created_at, address, agent, 'login' FROM sign_on_sessions;
