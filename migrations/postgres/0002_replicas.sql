-- Several processes on one database: who holds which right, what waits for the one that folds, who lives.

-- Rights that one process has at a time. The term fences: whoever holds an older one is refused. The beat
-- moves with every renewal, so that a right is judged dead by the watcher's own clock alone.
CREATE TABLE leases (
    name TEXT NOT NULL PRIMARY KEY,
    term BIGINT NOT NULL,
    holder TEXT NOT NULL,
    beat BIGINT NOT NULL,
    renewed BIGINT NOT NULL
);
INSERT INTO leases (name, term, holder, beat, renewed) SELECT 'engine', term, '', 0, 0 FROM engine;
-- Couriers touch this row before they lease, so that one leases after the other.
INSERT INTO leases (name, term, holder, beat, renewed) VALUES ('outbox', 0, '', 0, 0);

-- Inputs that a process took which does not fold; folding takes the row away in the same transaction.
CREATE TABLE requests (
    owner TEXT NOT NULL,
    number BIGINT NOT NULL,
    at BIGINT NOT NULL,
    inputs TEXT NOT NULL,
    PRIMARY KEY (owner, number)
);
CREATE INDEX requests_order ON requests (at, owner, number);

-- What the fold answered to them.
CREATE TABLE answers (
    owner TEXT NOT NULL,
    number BIGINT NOT NULL,
    at BIGINT NOT NULL,
    body TEXT NOT NULL,
    PRIMARY KEY (owner, number)
);

-- Processes that live: each moves its beat.
CREATE TABLE replicas (
    id TEXT NOT NULL PRIMARY KEY,
    beat BIGINT NOT NULL
);

-- Where somebody waits for a person, and at which process.
CREATE TABLE holds (
    runtime TEXT NOT NULL,
    place TEXT NOT NULL,
    owner TEXT NOT NULL,
    PRIMARY KEY (runtime, place, owner)
);

-- The position at which the policy of the log was last written down in meta, for whoever does not fold.
ALTER TABLE engine ADD COLUMN policy BIGINT NOT NULL DEFAULT 0;

-- Which part of the outbox a row is in; the processes that live share the parts.
ALTER TABLE outbox ADD COLUMN part BIGINT NOT NULL DEFAULT 0;
