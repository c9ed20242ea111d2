-- Keys of another system: their digest is made of the one that was stored there, until their first login.
ALTER TABLE credentials ADD COLUMN is_imported boolean NOT NULL DEFAULT false;
CREATE INDEX credentials_imported ON credentials (owner) WHERE is_imported;
