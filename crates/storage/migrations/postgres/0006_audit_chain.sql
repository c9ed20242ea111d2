-- The chain over the audit trail. Positions are given out by the chain's head and have no gaps; the rows that are there
-- are numbered anew, and linked by the program.

ALTER TABLE audit ALTER COLUMN sequence DROP IDENTITY;
UPDATE audit SET sequence = -numbered.number
FROM (SELECT sequence, row_number() OVER (ORDER BY sequence) AS number FROM audit) AS numbered
WHERE audit.sequence = numbered.sequence;
UPDATE audit SET sequence = -sequence;

ALTER TABLE audit
    ADD COLUMN link            bytea CHECK (length(link) = 32),
    ADD COLUMN request         text,
    ADD COLUMN claimed_address text NOT NULL DEFAULT '',
    ADD COLUMN claimed_agent   text NOT NULL DEFAULT '';
UPDATE audit SET link = decode(repeat('00', 32), 'hex'), request = cid;
ALTER TABLE audit
    ALTER COLUMN link            SET NOT NULL,
    ALTER COLUMN request         SET NOT NULL,
    ALTER COLUMN claimed_address DROP DEFAULT,
    ALTER COLUMN claimed_agent   DROP DEFAULT;

-- The row that was appended last. Every append updates it, so there is room for its old versions beside it.
CREATE TABLE audit_head (
    one      bigint NOT NULL PRIMARY KEY CHECK (one = 1),
    sequence bigint NOT NULL,
    link     bytea  NOT NULL CHECK (length(link) = 32)
) WITH (fillfactor = 10);

INSERT INTO audit_head (one, sequence, link) VALUES (1, 0, decode(repeat('00', 32), 'hex'));

-- The last rows of some times, signed.
CREATE TABLE audit_checkpoints (
    sequence  bigint NOT NULL PRIMARY KEY,
    link      bytea  NOT NULL CHECK (length(link) = 32),
    at        bigint NOT NULL,
    signature bytea  NOT NULL CHECK (length(signature) = 32)
);

-- The last row that retention removed, signed.
CREATE TABLE audit_stub (
    one       bigint NOT NULL PRIMARY KEY CHECK (one = 1),
    sequence  bigint NOT NULL,
    link      bytea  NOT NULL CHECK (length(link) = 32),
    at        bigint NOT NULL,
    signature bytea  NOT NULL CHECK (length(signature) = 32)
);
