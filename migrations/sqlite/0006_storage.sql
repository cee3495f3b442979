-- Storage life: how long a key is kept, and cost by the hour. And how the outbox is read when much waits.

-- Whether a key is kept for long, because its source signs no time; unknown, and so kept, for older ones.
ALTER TABLE seen ADD COLUMN lasting BIGINT NOT NULL DEFAULT 1;

-- Cost by the hour and the family of a model: the history behind the quarters of an hour in costs.
CREATE TABLE cost_hours (
    at BIGINT NOT NULL,
    agent TEXT NOT NULL,
    family TEXT NOT NULL,
    task TEXT NOT NULL,
    calls BIGINT NOT NULL,
    unpriced BIGINT NOT NULL,
    input BIGINT NOT NULL,
    output BIGINT NOT NULL,
    cache_read BIGINT NOT NULL,
    cache_write BIGINT NOT NULL,
    micros BIGINT NOT NULL,
    PRIMARY KEY (at, agent, family, task)
) WITHOUT ROWID;

-- What is leased next, in its order, without looking at everything that waits; and which conversations wait.
DROP INDEX outbox_due;
CREATE INDEX outbox_order ON outbox (priority, id) WHERE state IN ('ready', 'uncertain');
CREATE INDEX outbox_talks ON outbox (conversation) WHERE state IN ('ready', 'uncertain');

-- How far a work in the background has come, by its name.
CREATE TABLE marks (
    name TEXT NOT NULL PRIMARY KEY,
    value BIGINT NOT NULL
);
INSERT INTO marks (name, value) VALUES ('hours', 0);
