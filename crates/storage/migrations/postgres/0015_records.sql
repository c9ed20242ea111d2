-- Records as the database procedures of the bus see them.

-- The id of a role stays when it is renamed. Every role has one.
ALTER TABLE roles ADD COLUMN id bytea CHECK (length(id) = 16);
UPDATE roles SET id = uuid_send(gen_random_uuid());
CREATE UNIQUE INDEX roles_by_id ON roles (id);

-- The name by which a directory knows the user.
ALTER TABLE users ADD COLUMN upn text COLLATE "C";

-- These are compared and ordered now.
ALTER TABLE users ALTER COLUMN display_name TYPE text COLLATE "C";
ALTER TABLE users ALTER COLUMN email TYPE text COLLATE "C";
ALTER TABLE credentials ALTER COLUMN origin TYPE text COLLATE "C";

-- What lists of users are sorted by, beside the login.
CREATE INDEX users_by_role ON users (role, login);
CREATE INDEX users_by_name ON users (display_name NULLS FIRST, login);
