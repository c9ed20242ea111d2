-- How often the restrictions of a key were changed; its sessions are bound to what they were.
ALTER TABLE credentials ADD COLUMN revision INTEGER NOT NULL DEFAULT 0;
