-- Snapshots in parts, so that nobody who writes one holds all of it in one piece.

-- What a snapshot holds whose body is empty, in order.
CREATE TABLE snapshot_parts (
    pos BIGINT NOT NULL,
    part BIGINT NOT NULL,
    body BLOB NOT NULL,
    PRIMARY KEY (pos, part)
);
