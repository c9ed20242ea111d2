-- What is known of URIs that are registered, or that somebody has documented. The id follows from the rest of the name.
-- created_at: when it was last registered. disconnected_at: since when nobody has it registered; NULL while it is active.
-- warn_* and count_*: what is to be told when it is gone. zombie_lifespan: seconds, -1: for ever, NULL: as the settings say.
-- due_at: when the alerts look at it next; whatever happens to a row changes it.
CREATE TABLE uris (
    id                        bytea   NOT NULL PRIMARY KEY CHECK (length(id) = 16),
    uri                       text    COLLATE "C" NOT NULL,
    policy                    text    COLLATE "C" NOT NULL,
    is_system                 boolean NOT NULL,
    active                    boolean NOT NULL,
    invoke                    text,
    description               text    NOT NULL,
    contact                   text    NOT NULL,
    created_at                bigint  NOT NULL,
    authid                    text,
    peer                      text,
    session                   bigint,
    disconnected_at           bigint,
    warn_after                bigint,
    warn_reminder_after       bigint,
    warned_at                 bigint,
    count_warn_after          bigint,
    count_warn_reminder_after bigint,
    count_warned_at           bigint,
    zombie_lifespan           bigint,
    schedule                  text    NOT NULL,
    due_at                    bigint
);

CREATE UNIQUE INDEX uris_by_name ON uris (uri, policy);
CREATE INDEX uris_due ON uris (due_at) WHERE due_at IS NOT NULL;
CREATE INDEX uris_documented ON uris (id) WHERE description <> '' AND contact <> '';

-- Times in which a session had a URI registered. node: the server that the session was in.
CREATE TABLE uri_connections (
    sequence        bigint NOT NULL PRIMARY KEY GENERATED ALWAYS AS IDENTITY,
    uri             bytea  NOT NULL REFERENCES uris (id) ON DELETE CASCADE,
    node            text   COLLATE "C" NOT NULL,
    session         bigint NOT NULL,
    connected_at    bigint NOT NULL,
    disconnected_at bigint,
    authid          text   NOT NULL,
    peer            text   NOT NULL
);

CREATE INDEX uri_connections_in_order ON uri_connections (uri, sequence);
CREATE INDEX uri_connections_open ON uri_connections (node, sequence) WHERE disconnected_at IS NULL;
CREATE INDEX uri_connections_open_of ON uri_connections (uri, session) WHERE disconnected_at IS NULL;

-- One row: a number that changes with what is documented.
CREATE TABLE uri_documents (
    id      bigint NOT NULL PRIMARY KEY CHECK (id = 1),
    version bigint NOT NULL
);

INSERT INTO uri_documents (id, version) VALUES (1, 1);
