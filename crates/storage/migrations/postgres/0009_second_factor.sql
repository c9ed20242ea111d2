-- Second factors: wrong codes since the last right one, and recovery codes.

ALTER TABLE totp_factors ADD COLUMN failures bigint NOT NULL DEFAULT 0;

-- A code works while spent_at is NULL.
CREATE TABLE recovery_codes (
    owner    bytea  NOT NULL REFERENCES totp_factors (owner) ON DELETE CASCADE,
    digest   bytea  NOT NULL CHECK (length(digest) = 32),
    spent_at bigint,
    PRIMARY KEY (owner, digest)
);
