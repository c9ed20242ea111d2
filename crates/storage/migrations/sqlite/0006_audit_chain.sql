-- The chain over the audit trail. Positions are given out by the chain's head and have no gaps; the rows that are there
-- are numbered anew, and linked by the program.

CREATE TABLE audit_chained (
    sequence        INTEGER NOT NULL PRIMARY KEY,
    link            BLOB    NOT NULL CHECK (length(link) = 32),
    at              INTEGER NOT NULL,
    cid             TEXT    NOT NULL,
    request         TEXT    NOT NULL,
    actor           TEXT    NOT NULL,
    target          TEXT    NOT NULL,
    operation       TEXT    NOT NULL,
    application     TEXT    NOT NULL,
    address         TEXT    NOT NULL,
    agent           TEXT    NOT NULL,
    claimed_address TEXT    NOT NULL,
    claimed_agent   TEXT    NOT NULL,
    outcome         TEXT    NOT NULL,
    reason          TEXT,
    detail          TEXT    NOT NULL
) STRICT;

INSERT INTO audit_chained
SELECT row_number() OVER (ORDER BY sequence), zeroblob(32), at, cid, cid, actor, target, operation, application,
    address, agent, '', '', outcome, reason, detail
FROM audit ORDER BY sequence;

DROP TABLE audit;
ALTER TABLE audit_chained RENAME TO audit;

CREATE INDEX audit_by_cid ON audit (cid, sequence);
CREATE INDEX audit_by_actor ON audit (actor, sequence);
CREATE INDEX audit_by_target ON audit (target, sequence);
CREATE INDEX audit_by_operation ON audit (operation, sequence);
CREATE INDEX audit_by_time ON audit (at);

-- The row that was appended last.
CREATE TABLE audit_head (
    one      INTEGER NOT NULL PRIMARY KEY CHECK (one = 1),
    sequence INTEGER NOT NULL,
    link     BLOB    NOT NULL CHECK (length(link) = 32)
) STRICT;

INSERT INTO audit_head (one, sequence, link) VALUES (1, 0, zeroblob(32));

-- The last rows of some times, signed.
CREATE TABLE audit_checkpoints (
    sequence  INTEGER NOT NULL PRIMARY KEY,
    link      BLOB    NOT NULL CHECK (length(link) = 32),
    at        INTEGER NOT NULL,
    signature BLOB    NOT NULL CHECK (length(signature) = 32)
) STRICT;

-- The last row that retention removed, signed.
CREATE TABLE audit_stub (
    one       INTEGER NOT NULL PRIMARY KEY CHECK (one = 1),
    sequence  INTEGER NOT NULL,
    link      BLOB    NOT NULL CHECK (length(link) = 32),
    at        INTEGER NOT NULL,
    signature BLOB    NOT NULL CHECK (length(signature) = 32)
) STRICT;
