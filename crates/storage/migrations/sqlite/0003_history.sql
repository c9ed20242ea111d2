-- Past events of topics, for event history.
-- history: SHA-256 of realm, match policy and pattern. topic and the rest are bytes, because a URI
-- can hold any character. bytes: what the event counts in the history's limit.
-- content_encoding: the serializer of args and kwargs; NULL: there are none.
CREATE TABLE history_events (
    sequence         INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT,
    history          BLOB    NOT NULL CHECK (length(history) = 32),
    at               INTEGER NOT NULL,
    publication      INTEGER NOT NULL,
    publisher        INTEGER NOT NULL,
    topic            BLOB    NOT NULL,
    bytes            INTEGER NOT NULL,
    restrictions     BLOB    NOT NULL,
    details          BLOB    NOT NULL,
    content_encoding TEXT,
    args             BLOB    NOT NULL,
    kwargs           BLOB    NOT NULL
) STRICT;

CREATE INDEX history_events_in_order ON history_events (history, sequence, bytes);
CREATE UNIQUE INDEX history_events_once ON history_events (history, publication);
