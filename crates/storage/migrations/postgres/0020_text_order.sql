-- These are compared and ordered in records of the bus: by code points, as SQLite does.
ALTER TABLE credentials ALTER COLUMN description TYPE text COLLATE "C";
ALTER TABLE uris
    ALTER COLUMN invoke      TYPE text COLLATE "C",
    ALTER COLUMN description TYPE text COLLATE "C",
    ALTER COLUMN contact     TYPE text COLLATE "C",
    ALTER COLUMN authid      TYPE text COLLATE "C",
    ALTER COLUMN peer        TYPE text COLLATE "C",
    ALTER COLUMN schedule    TYPE text COLLATE "C";
