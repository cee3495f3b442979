-- Devices on which people are notified.

CREATE TABLE devices (
    id TEXT NOT NULL PRIMARY KEY,
    body TEXT NOT NULL
);
