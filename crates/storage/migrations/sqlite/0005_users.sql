-- What the sign-on API knows of a user. Users who are there already are approved and confirmed.

-- What decides about logins. A password works up to and including its end; NULL: for ever.
ALTER TABLE users ADD COLUMN sign_up_status TEXT NOT NULL DEFAULT 'final';
ALTER TABLE users ADD COLUMN approval_status TEXT NOT NULL DEFAULT 'approved';
ALTER TABLE users ADD COLUMN password_expires_at INTEGER;
ALTER TABLE users ADD COLUMN password_must_change INTEGER NOT NULL DEFAULT 0 CHECK (password_must_change IN (0, 1));

-- The rest is read only when asked for. Who: a user's id as the sign-on API spells it, or another actor.
ALTER TABLE users ADD COLUMN password_set_at INTEGER;
ALTER TABLE users ADD COLUMN locked_at INTEGER;
ALTER TABLE users ADD COLUMN locked_by TEXT;
ALTER TABLE users ADD COLUMN approval_at INTEGER;
ALTER TABLE users ADD COLUMN approval_by TEXT;
ALTER TABLE users ADD COLUMN confirmed_at INTEGER;
ALTER TABLE users ADD COLUMN display_name TEXT;
ALTER TABLE users ADD COLUMN first_name TEXT;
ALTER TABLE users ADD COLUMN middle_name TEXT;
ALTER TABLE users ADD COLUMN last_name TEXT;
-- An address stands in clear or sealed, and is found by its digest either way.
ALTER TABLE users ADD COLUMN email TEXT;
ALTER TABLE users ADD COLUMN email_sealed BLOB;
ALTER TABLE users ADD COLUMN email_digest BLOB CHECK (length(email_digest) = 32);
ALTER TABLE users ADD COLUMN rate_limit_active INTEGER NOT NULL DEFAULT 0 CHECK (rate_limit_active IN (0, 1));
ALTER TABLE users ADD COLUMN rate_limit_def TEXT;

-- In lower case, for searches.
ALTER TABLE users ADD COLUMN display_name_folded TEXT NOT NULL DEFAULT '';
ALTER TABLE users ADD COLUMN first_name_folded TEXT NOT NULL DEFAULT '';
ALTER TABLE users ADD COLUMN middle_name_folded TEXT NOT NULL DEFAULT '';
ALTER TABLE users ADD COLUMN last_name_folded TEXT NOT NULL DEFAULT '';

CREATE INDEX users_by_email ON users (email_digest) WHERE email_digest IS NOT NULL;
