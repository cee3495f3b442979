-- Order within a conversation, and channels that are left alone.

-- Until when a row holds back those behind it in its conversation; 0 when it does not.
ALTER TABLE outbox ADD COLUMN held BIGINT NOT NULL DEFAULT 0;
CREATE INDEX outbox_held ON outbox (conversation, priority, id) WHERE state IN ('ready', 'uncertain') AND held > 0;
CREATE INDEX outbox_hold_ends ON outbox (held) WHERE state IN ('ready', 'uncertain') AND held > 0;
CREATE INDEX outbox_next ON outbox (due, id) WHERE state IN ('ready', 'uncertain');

-- Channels whose breaker is open, until when, since when nothing went through, and why.
CREATE TABLE gates (
    via TEXT NOT NULL PRIMARY KEY,
    until BIGINT NOT NULL,
    since BIGINT NOT NULL,
    why TEXT NOT NULL
);
