-- Keys of another system: their digest is made of the one that was stored there, until their first login.
ALTER TABLE credentials ADD COLUMN is_imported INTEGER NOT NULL DEFAULT 0 CHECK (is_imported IN (0, 1));
CREATE INDEX credentials_imported ON credentials (owner) WHERE is_imported;
