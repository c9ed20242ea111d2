-- What was done with sign-on sessions: opened, renewed. The newest of each are kept; the number counts on.
CREATE TABLE session_changes (
    session bytea  NOT NULL REFERENCES sign_on_sessions (id) ON DELETE CASCADE,
    number  bigint NOT NULL,
    at      bigint NOT NULL,
    address text   NOT NULL,
    agent   text   NOT NULL,
    source  text   NOT NULL,
    PRIMARY KEY (session, number)
);

INSERT INTO session_changes (session, number, at, address, agent, source)
SELECT id, 1, created_at, address, agent, 'login' FROM sign_on_sessions;
