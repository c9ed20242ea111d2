-- Users, roles, credentials and the audit trail.
-- Times are microseconds since the Unix epoch. Ids are the 16 bytes of a UUID.
-- Text that is ordered or compared has the collation "C", so that both engines agree.

CREATE TABLE installation (
    one        bigint NOT NULL PRIMARY KEY CHECK (one = 1),
    created_at bigint NOT NULL
);

CREATE TABLE roles (
    name text COLLATE "C" NOT NULL PRIMARY KEY
);

CREATE TABLE role_rules (
    role    text COLLATE "C" NOT NULL REFERENCES roles (name) ON DELETE CASCADE,
    pattern text COLLATE "C" NOT NULL,
    rights  text NOT NULL,
    PRIMARY KEY (role, pattern)
);

CREATE TABLE users (
    id         bytea            NOT NULL PRIMARY KEY CHECK (length(id) = 16),
    login      text COLLATE "C" NOT NULL UNIQUE,
    enabled    boolean          NOT NULL,
    role       text COLLATE "C" NOT NULL REFERENCES roles (name),
    password   text,
    created_at bigint           NOT NULL
);

-- permissions: JSON, a list of [pattern, rights]; as text, because it is kept as written.
CREATE TABLE credentials (
    id             bytea  NOT NULL PRIMARY KEY CHECK (length(id) = 16),
    kind           text   NOT NULL,
    owner          bytea  NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    digest         bytea  NOT NULL UNIQUE CHECK (length(digest) = 32),
    permissions    text   NOT NULL,
    origin         text   NOT NULL,
    expires_at     bigint NOT NULL,
    expires_offset bigint NOT NULL,
    created_at     bigint NOT NULL,
    spent_at       bigint
);

-- Live ones of an owner stand together, so that counting them doesn't touch the spent ones.
CREATE INDEX credentials_by_owner ON credentials (owner, kind, spent_at, expires_at);
CREATE INDEX credentials_by_end ON credentials (expires_at);
CREATE INDEX credentials_by_use ON credentials (spent_at) WHERE spent_at IS NOT NULL;

CREATE TABLE audit (
    sequence    bigint           NOT NULL PRIMARY KEY GENERATED ALWAYS AS IDENTITY,
    at          bigint           NOT NULL,
    cid         text COLLATE "C" NOT NULL,
    actor       text COLLATE "C" NOT NULL,
    target      text COLLATE "C" NOT NULL,
    operation   text COLLATE "C" NOT NULL,
    application text             NOT NULL,
    address     text             NOT NULL,
    agent       text             NOT NULL,
    outcome     text             NOT NULL,
    reason      text,
    detail      text             NOT NULL
);

CREATE INDEX audit_by_cid ON audit (cid, sequence);
CREATE INDEX audit_by_actor ON audit (actor, sequence);
CREATE INDEX audit_by_target ON audit (target, sequence);
CREATE INDEX audit_by_operation ON audit (operation, sequence);
CREATE INDEX audit_by_time ON audit (at);
