-- Records as the database procedures of the bus see them.

-- The id of a role stays when it is renamed. Every role has one.
ALTER TABLE roles ADD COLUMN id BLOB CHECK (length(id) = 16);
UPDATE roles SET id = randomblob(16);
CREATE UNIQUE INDEX roles_by_id ON roles (id);

-- The name by which a directory knows the user.
ALTER TABLE users ADD COLUMN upn TEXT;

-- What lists of users are sorted by, beside the login.
CREATE INDEX users_by_role ON users (role, login);
CREATE INDEX users_by_name ON users (display_name, login);
