-- Rosters: what sessions tell of themselves while they last.

-- node is the server in which the session is. key is the name that an entry has on the bus. visibility and data are JSON texts;
-- bytes counts both, about.
CREATE TABLE rosters (
    id          bytea NOT NULL PRIMARY KEY,
    node        bytea NOT NULL,
    session_id  bigint NOT NULL,
    name        text COLLATE "C" NOT NULL,
    key         text COLLATE "C" NOT NULL,
    visibility  text NOT NULL,
    data        text NOT NULL,
    bytes       bigint NOT NULL,
    created_at  bigint NOT NULL,
    modified_at bigint NOT NULL,
    UNIQUE (node, session_id, name)
);

CREATE INDEX rosters_by_name ON rosters (name, created_at);
