-- Past events of topics, for event history.
-- history: SHA-256 of realm, match policy and pattern. topic and the rest are bytes, because a URI
-- can hold any character. bytes: what the event counts in the history's limit.
-- content_encoding: the serializer of args and kwargs; NULL: there are none.
CREATE TABLE history_events (
    sequence         bigint NOT NULL PRIMARY KEY GENERATED ALWAYS AS IDENTITY,
    history          bytea  NOT NULL CHECK (length(history) = 32),
    at               bigint NOT NULL,
    publication      bigint NOT NULL,
    publisher        bigint NOT NULL,
    topic            bytea  NOT NULL,
    bytes            bigint NOT NULL,
    restrictions     bytea  NOT NULL,
    details          bytea  NOT NULL,
    content_encoding text,
    args             bytea  NOT NULL,
    kwargs           bytea  NOT NULL
);

CREATE INDEX history_events_in_order ON history_events (history, sequence, bytes);
CREATE UNIQUE INDEX history_events_once ON history_events (history, publication);
