-- What the sign-on API knows of a user. Users who are there already are approved and confirmed.

-- What decides about logins. A password works up to and including its end; NULL: for ever.
ALTER TABLE users ADD COLUMN sign_up_status text COLLATE "C" NOT NULL DEFAULT 'final';
ALTER TABLE users ADD COLUMN approval_status text COLLATE "C" NOT NULL DEFAULT 'approved';
ALTER TABLE users ADD COLUMN password_expires_at bigint;
ALTER TABLE users ADD COLUMN password_must_change boolean NOT NULL DEFAULT false;

-- The rest is read only when asked for. Who: a user's id as the sign-on API spells it, or another actor.
ALTER TABLE users ADD COLUMN password_set_at bigint;
ALTER TABLE users ADD COLUMN locked_at bigint;
ALTER TABLE users ADD COLUMN locked_by text;
ALTER TABLE users ADD COLUMN approval_at bigint;
ALTER TABLE users ADD COLUMN approval_by text;
ALTER TABLE users ADD COLUMN confirmed_at bigint;
ALTER TABLE users ADD COLUMN display_name text;
ALTER TABLE users ADD COLUMN first_name text;
ALTER TABLE users ADD COLUMN middle_name text;
ALTER TABLE users ADD COLUMN last_name text;
-- An address stands in clear or sealed, and is found by its digest either way.
ALTER TABLE users ADD COLUMN email text;
ALTER TABLE users ADD COLUMN email_sealed bytea;
ALTER TABLE users ADD COLUMN email_digest bytea CHECK (length(email_digest) = 32);
ALTER TABLE users ADD COLUMN rate_limit_active boolean NOT NULL DEFAULT false;
ALTER TABLE users ADD COLUMN rate_limit_def text;

-- In lower case, for searches.
ALTER TABLE users ADD COLUMN display_name_folded text COLLATE "C" NOT NULL DEFAULT '';
ALTER TABLE users ADD COLUMN first_name_folded text COLLATE "C" NOT NULL DEFAULT '';
ALTER TABLE users ADD COLUMN middle_name_folded text COLLATE "C" NOT NULL DEFAULT '';
ALTER TABLE users ADD COLUMN last_name_folded text COLLATE "C" NOT NULL DEFAULT '';

CREATE INDEX users_by_email ON users (email_digest) WHERE email_digest IS NOT NULL;
