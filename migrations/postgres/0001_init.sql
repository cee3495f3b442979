-- The log and what follows from it. Times are UTC milliseconds; bodies are JSON text; nothing here reads a clock.

-- Facts about this store: identity, restore epoch, key of button tokens.
CREATE TABLE meta (
    name TEXT NOT NULL PRIMARY KEY,
    value TEXT NOT NULL
);

-- Who folds, under which term, and how far the log is folded. One row.
CREATE TABLE engine (
    id INTEGER NOT NULL PRIMARY KEY,
    term BIGINT NOT NULL,
    holder TEXT NOT NULL,
    expires BIGINT NOT NULL,
    cursor BIGINT NOT NULL
);
INSERT INTO engine (id, term, holder, expires, cursor) VALUES (1, 0, '', 0, 0);

-- Everything that happened, in the order in which it was folded.
CREATE TABLE log (
    pos BIGINT NOT NULL PRIMARY KEY,
    at BIGINT NOT NULL,
    body TEXT NOT NULL
);

-- Idempotency keys: the first 16 bytes of SHA-256 over source and key.
CREATE TABLE seen (
    key BYTEA NOT NULL PRIMARY KEY,
    at BIGINT NOT NULL
);

-- The World, written down every so often.
CREATE TABLE snapshots (
    pos BIGINT NOT NULL PRIMARY KEY,
    at BIGINT NOT NULL,
    format BIGINT NOT NULL,
    body BYTEA NOT NULL
);

-- What must happen: deliveries and control calls.
CREATE TABLE outbox (
    id TEXT NOT NULL PRIMARY KEY,
    kind TEXT NOT NULL,
    via TEXT NOT NULL,
    conversation TEXT NOT NULL,
    copy BIGINT,
    payload TEXT,
    class TEXT NOT NULL,
    priority BIGINT NOT NULL,
    state TEXT NOT NULL,
    due BIGINT NOT NULL,
    expires BIGINT NOT NULL,
    attempts BIGINT NOT NULL,
    lease TEXT,
    lease_until BIGINT,
    error TEXT,
    receipt TEXT,
    created BIGINT NOT NULL,
    updated BIGINT NOT NULL
);
CREATE INDEX outbox_due ON outbox (priority, due) WHERE state IN ('ready', 'uncertain');
CREATE INDEX outbox_open ON outbox (state, id) WHERE state NOT IN ('sent', 'dropped');
CREATE INDEX outbox_busy ON outbox (conversation) WHERE state = 'leased';

-- What is said, and where it stands in each conversation.
CREATE TABLE cards (
    number BIGINT NOT NULL PRIMARY KEY,
    version BIGINT NOT NULL,
    updated BIGINT NOT NULL,
    body TEXT NOT NULL
);
CREATE TABLE copies (
    number BIGINT NOT NULL PRIMARY KEY,
    card BIGINT NOT NULL,
    channel TEXT NOT NULL,
    target TEXT NOT NULL,
    receipt TEXT,
    sent BIGINT NOT NULL,
    parent BIGINT,
    changed BIGINT NOT NULL,
    body TEXT NOT NULL
);
CREATE INDEX copies_place ON copies (channel, target, changed);
CREATE INDEX copies_card ON copies (card);

-- Read models: what lists and the page show. Derived from the log; each row is replaced as a whole.
CREATE TABLE agents (
    name TEXT NOT NULL PRIMARY KEY,
    runtime TEXT NOT NULL,
    status TEXT NOT NULL,
    last_seen BIGINT NOT NULL,
    body TEXT NOT NULL
);
CREATE TABLE sessions (
    name TEXT NOT NULL PRIMARY KEY,
    runtime TEXT NOT NULL,
    status TEXT NOT NULL,
    last_seen BIGINT NOT NULL,
    body TEXT NOT NULL
);
CREATE TABLE tasks (
    name TEXT NOT NULL PRIMARY KEY,
    stage TEXT NOT NULL,
    last_seen BIGINT NOT NULL,
    body TEXT NOT NULL
);
CREATE TABLE alerts (
    number BIGINT NOT NULL PRIMARY KEY,
    rule TEXT NOT NULL,
    state TEXT NOT NULL,
    since BIGINT NOT NULL,
    body TEXT NOT NULL
);
CREATE TABLE approvals (
    number BIGINT NOT NULL PRIMARY KEY,
    code TEXT NOT NULL,
    runtime TEXT NOT NULL,
    external TEXT NOT NULL,
    state TEXT NOT NULL,
    asked BIGINT NOT NULL,
    body TEXT NOT NULL
);
CREATE INDEX approvals_external ON approvals (runtime, external);
CREATE TABLE costs (
    at BIGINT NOT NULL,
    agent TEXT NOT NULL,
    model TEXT NOT NULL,
    task TEXT NOT NULL,
    calls BIGINT NOT NULL,
    unpriced BIGINT NOT NULL,
    input BIGINT NOT NULL,
    output BIGINT NOT NULL,
    cache_read BIGINT NOT NULL,
    cache_write BIGINT NOT NULL,
    micros BIGINT NOT NULL,
    PRIMARY KEY (at, agent, model, task)
);

-- Sessions of the page, by SHA-256 of their token.
CREATE TABLE sign_ins (
    session TEXT NOT NULL PRIMARY KEY,
    person TEXT NOT NULL,
    expires BIGINT NOT NULL
);

-- Who did what, in a chain of hashes.
CREATE TABLE audit (
    seq BIGINT NOT NULL PRIMARY KEY,
    at BIGINT NOT NULL,
    actor TEXT NOT NULL,
    action TEXT NOT NULL,
    object TEXT NOT NULL,
    data TEXT NOT NULL,
    prev TEXT NOT NULL,
    hash TEXT NOT NULL
);
