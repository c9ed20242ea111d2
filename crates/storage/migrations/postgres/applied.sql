CREATE TABLE IF NOT EXISTS schema_migrations (
    version    bigint NOT NULL PRIMARY KEY,
    name       text   NOT NULL,
    checksum   text   NOT NULL,
    applied_at bigint NOT NULL DEFAULT (extract(epoch FROM now()) * 1000000)::bigint
);
