-- API keys are credentials of the kind `apikey`. One that never expires has the greatest number in expires_at.
ALTER TABLE credentials ADD COLUMN description TEXT NOT NULL DEFAULT '';
-- The last login by a credential that is good for several.
ALTER TABLE credentials ADD COLUMN last_used_at BIGINT;
ALTER TABLE credentials ADD COLUMN last_used_from TEXT;
