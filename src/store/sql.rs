//! Every statement, one text for both databases.
//!
//! Portable subset: `$n` placeholders, `ON CONFLICT`, `RETURNING`, no arrays, no JSON operators, no
//! clock. Statements that insert many rows exist for every number of rows that [`share`] gives; their
//! texts are made when they are first needed, from constants.

use std::sync::OnceLock;

/// Up to so many rows go into one statement, however many they are: each statement is a journey to the
/// database's thread or server and back.
const EXACT: usize = 64;
/// More rows go in multiples of [`EXACT`], up to this.
const MOST: usize = 512;
/// Numbers of rows for which there is a text, with one that is not used.
const TEXTS: usize = EXACT + MOST / EXACT;

/// How many of `rows` rows the next statement inserts.
pub const fn share(rows: usize) -> usize {
    if rows <= EXACT {
        rows
    } else if rows >= MOST {
        MOST
    } else {
        rows / EXACT * EXACT
    }
}

/// An insert of many rows, with its text for each number of rows.
pub struct Batch {
    /// Columns of a row.
    pub columns: usize,
    head: &'static str,
    tail: &'static str,
    postgres: Texts,
    sqlite: Texts,
}

type Texts = [OnceLock<&'static str>; TEXTS];

impl Batch {
    const fn new(head: &'static str, columns: usize, tail: &'static str) -> Self {
        let postgres = [const { OnceLock::new() }; TEXTS];
        let sqlite = [const { OnceLock::new() }; TEXTS];
        Self { columns, head, tail, postgres, sqlite }
    }

    /// The text for `rows` rows, a number that [`share`] gives, with numbered placeholders.
    pub fn postgres(&self, rows: usize) -> &'static str {
        self.postgres[place(rows)].get_or_init(|| self.text(rows, |n| format!("${n}")))
    }

    /// The same for SQLite, with placeholders in order: it looks each numbered one up by its name, and
    /// that takes time with the square of their number.
    pub fn sqlite(&self, rows: usize) -> &'static str {
        self.sqlite[place(rows)].get_or_init(|| self.text(rows, |_| "?".to_owned()))
    }

    fn text(&self, rows: usize, mark: impl Fn(usize) -> String) -> &'static str {
        let row = |row: usize| {
            let first = row * self.columns + 1;
            format!("({})", (first..first + self.columns).map(&mark).collect::<Vec<_>>().join(", "))
        };
        let rows = (0..rows).map(row).collect::<Vec<_>>().join(", ");
        // Made once for each of a few numbers of rows, so it lives as long as the program, like a constant.
        format!("{} VALUES {rows} {}", self.head, self.tail).leak()
    }
}

/// Where the text for `rows` rows stands.
const fn place(rows: usize) -> usize {
    if rows <= EXACT { rows - 1 } else { EXACT + rows / EXACT - 1 }
}

macro_rules! batches {
    ($($name:ident = $head:expr, $columns:expr, $tail:expr;)*) => {
        $(#[expect(missing_docs, reason = "the text says it")]
        pub static $name: Batch = Batch::new($head, $columns, $tail);)*
        /// Every batch statement, for the test that prepares them all.
        pub fn batches() -> Vec<&'static Batch> {
            vec![$(&$name),*]
        }
    };
}

batches! {
    INSERT_SEEN = "INSERT INTO seen (key, at, lasting)", 3, "ON CONFLICT (key) DO NOTHING";
    INSERT_SEEN_TOLD = "INSERT INTO seen (key, at, lasting)", 3, "ON CONFLICT (key) DO NOTHING RETURNING key";
    INSERT_LOG = "INSERT INTO log (pos, at, body)", 3, "";
    UPSERT_CARD = "INSERT INTO cards (number, version, updated, body)", 4,
        "ON CONFLICT (number) DO UPDATE SET version = excluded.version, updated = excluded.updated, body = excluded.body";
    UPSERT_COPY = "INSERT INTO copies (number, card, channel, target, receipt, sent, parent, changed, body)", 9,
        "ON CONFLICT (number) DO UPDATE SET target = excluded.target, receipt = excluded.receipt, sent = excluded.sent, changed = excluded.changed, body = excluded.body";
    INSERT_OUTBOX = "INSERT INTO outbox (id, kind, via, conversation, copy, payload, class, priority, state, due, expires, attempts, created, updated, part)", 15, "";
    UPSERT_AGENT = "INSERT INTO agents (name, runtime, status, last_seen, body)", 5,
        "ON CONFLICT (name) DO UPDATE SET status = excluded.status, last_seen = excluded.last_seen, body = excluded.body";
    UPSERT_SESSION = "INSERT INTO sessions (name, runtime, status, last_seen, body)", 5,
        "ON CONFLICT (name) DO UPDATE SET status = excluded.status, last_seen = excluded.last_seen, body = excluded.body";
    UPSERT_TASK = "INSERT INTO tasks (name, stage, last_seen, body)", 4,
        "ON CONFLICT (name) DO UPDATE SET stage = excluded.stage, last_seen = excluded.last_seen, body = excluded.body";
    UPSERT_COST = "INSERT INTO costs (at, agent, model, task, calls, unpriced, input, output, cache_read, cache_write, micros)", 11,
        "ON CONFLICT (at, agent, model, task) DO UPDATE SET calls = excluded.calls, unpriced = excluded.unpriced, input = excluded.input, output = excluded.output, cache_read = excluded.cache_read, cache_write = excluded.cache_write, micros = excluded.micros";
    UPSERT_HOUR = "INSERT INTO cost_hours (at, agent, family, task, calls, unpriced, input, output, cache_read, cache_write, micros)", 11,
        "ON CONFLICT (at, agent, family, task) DO UPDATE SET calls = excluded.calls, unpriced = excluded.unpriced, input = excluded.input, output = excluded.output, cache_read = excluded.cache_read, cache_write = excluded.cache_write, micros = excluded.micros";
    UPSERT_ALERT = "INSERT INTO alerts (number, rule, state, since, body)", 5,
        "ON CONFLICT (number) DO UPDATE SET state = excluded.state, since = excluded.since, body = excluded.body";
    UPSERT_APPROVAL = "INSERT INTO approvals (number, code, runtime, external, state, asked, body)", 7,
        "ON CONFLICT (number) DO UPDATE SET state = excluded.state, body = excluded.body";
    INSERT_REQUEST = "INSERT INTO requests (owner, number, at, inputs)", 4, "";
    INSERT_ANSWER = "INSERT INTO answers (owner, number, at, body)", 4, "";
    INSERT_AUDIT = "INSERT INTO audit (seq, at, actor, action, object, data, prev, hash)", 8, "";
    UPSERT_SIGN_IN = "INSERT INTO sign_ins (session, person, expires)", 3,
        "ON CONFLICT (session) DO UPDATE SET person = excluded.person, expires = excluded.expires";
    UPSERT_DEVICE = "INSERT INTO devices (id, body)", 2,
        "ON CONFLICT (id) DO UPDATE SET body = excluded.body";
}

/// Copies a SQLite database; PostgreSQL has its own tools for that.
pub const VACUUM_INTO: &str = "VACUUM INTO $1";
/// Asks SQLite whether its file is whole.
pub const QUICK_CHECK: &str = "PRAGMA quick_check(1)";
/// Asks SQLite for rows that point at nothing.
pub const FOREIGN_KEY_CHECK: &str = "PRAGMA foreign_key_check";

/// Wakes processes on the same PostgreSQL database, because a request waits; SQLite has one process.
pub const NOTIFY_REQUEST: &str = "NOTIFY sereno, 'request'";
/// The same, after a commit.
pub const NOTIFY_COMMIT: &str = "NOTIFY sereno, 'commit'";
/// The same, when a lease was given back.
pub const NOTIFY_LEASE: &str = "NOTIFY sereno, 'lease'";
/// The newest migration that was applied, as the migrator notes it.
pub const NEWEST_MIGRATION: &str = "SELECT version FROM _sqlx_migrations ORDER BY version DESC LIMIT 1";

macro_rules! statements {
    ($($(#[$doc:meta])* $name:ident = $text:expr;)*) => {
        $($(#[$doc])* pub const $name: &str = $text;)*
        /// Every single statement, for the test that prepares them all.
        pub const ALL: &[&str] = &[$($name),*];
    };
}

statements! {
    /// A fact about the store.
    SELECT_META = "SELECT value FROM meta WHERE name = $1";
    /// Sets a fact that is not set yet.
    INSERT_META = "INSERT INTO meta (name, value) VALUES ($1, $2) ON CONFLICT (name) DO NOTHING";

    /// Sets a fact.
    UPSERT_META = "INSERT INTO meta (name, value) VALUES ($1, $2) ON CONFLICT (name) DO UPDATE SET value = excluded.value";

    /// How a lease stands.
    SELECT_LEASE = "SELECT term, holder, beat, renewed FROM leases WHERE name = $1";
    /// A lease that nobody has had.
    INSERT_LEASE = "INSERT INTO leases (name, term, holder, beat, renewed) VALUES ($1, 0, '', 0, 0) ON CONFLICT (name) DO NOTHING";
    /// Takes a lease that has not moved since it was looked at.
    TAKE_LEASE = "UPDATE leases SET term = term + 1, holder = $2, beat = beat + 1, renewed = $5 WHERE name = $1 AND term = $3 AND beat = $4 RETURNING term";
    /// Keeps it.
    RENEW_LEASE = "UPDATE leases SET beat = beat + 1, renewed = $3 WHERE name = $1 AND term = $2";
    /// Gives it back.
    RESIGN_LEASE = "UPDATE leases SET holder = '' WHERE name = $1 AND term = $2";
    /// From here on commits of older terms are refused.
    FENCE_ENGINE = "UPDATE engine SET term = $1 WHERE id = 1 RETURNING cursor";
    /// Moves the cursor, if the lease is still ours and it stands where we left it: so a position is written once.
    ADVANCE_CURSOR = "UPDATE engine SET cursor = $1 WHERE id = 1 AND term = $2 AND cursor = $3";
    /// How far the log is folded, and under which term.
    SELECT_ENGINE = "SELECT term, cursor, policy FROM engine WHERE id = 1";
    /// Says where the policy was written down.
    MARK_POLICY = "UPDATE engine SET policy = $1 WHERE id = 1";

    /// Requests that wait to be folded, in order.
    SELECT_REQUESTS = "SELECT owner, number, at, inputs FROM requests ORDER BY at, owner, number LIMIT $1";
    /// Takes a request back.
    DELETE_REQUEST = "DELETE FROM requests WHERE owner = $1 AND number = $2";
    /// Takes away the requests that have an answer.
    DELETE_ANSWERED = "DELETE FROM requests WHERE EXISTS (SELECT 1 FROM answers a WHERE a.owner = requests.owner AND a.number = requests.number)";
    /// What the fold answered to a process.
    SELECT_ANSWERS = "SELECT number, body FROM answers WHERE owner = $1 AND number > $2 ORDER BY number";
    /// Forgets answers that were read.
    DELETE_ANSWERS = "DELETE FROM answers WHERE owner = $1 AND number <= $2";
    /// Forgets answers that nobody reads any more.
    DELETE_OLD_ANSWERS = "DELETE FROM answers WHERE at < $1";

    /// Says that a process lives.
    UPSERT_REPLICA = "INSERT INTO replicas (id, beat) VALUES ($1, 1) ON CONFLICT (id) DO UPDATE SET beat = replicas.beat + 1";
    /// Processes that live, or have lived.
    SELECT_REPLICAS = "SELECT id, beat FROM replicas ORDER BY id";
    /// Somebody waits at a place in a process.
    INSERT_HOLD = "INSERT INTO holds (runtime, place, owner) VALUES ($1, $2, $3) ON CONFLICT (runtime, place, owner) DO NOTHING";
    /// Nobody waits there any more.
    DELETE_HOLD = "DELETE FROM holds WHERE runtime = $1 AND place = $2 AND owner = $3";
    /// In which processes somebody waits at a place.
    SELECT_HOLDERS = "SELECT owner FROM holds WHERE runtime = $1 AND place = $2";
    /// Forgets who waited in a process.
    DELETE_HOLDS = "DELETE FROM holds WHERE owner = $1";
    /// Forgets a process.
    DELETE_REPLICA = "DELETE FROM replicas WHERE id = $1";

    /// A stretch of the log.
    SELECT_LOG = "SELECT pos, at, body FROM log WHERE pos > $1 AND pos <= $2 ORDER BY pos LIMIT $3";
    /// The newest snapshot of a format.
    SELECT_SNAPSHOT = "SELECT pos, format, body FROM snapshots WHERE format = $1 OR format = $2 ORDER BY pos DESC LIMIT 1";
    /// Writes a snapshot.
    INSERT_SNAPSHOT = "INSERT INTO snapshots (pos, at, format, body) VALUES ($1, $2, $3, $4) ON CONFLICT (pos) DO UPDATE SET at = excluded.at, format = excluded.format, body = excluded.body";
    /// Drops snapshots that newer ones have replaced.
    DELETE_SNAPSHOTS = "DELETE FROM snapshots WHERE (format = $1 AND pos < $2) OR (format <> $1 AND at < $3)";
    /// Where the newest snapshot stands.
    SELECT_SNAPSHOT_POS = "SELECT pos FROM snapshots WHERE format = $1 ORDER BY pos DESC LIMIT 1";

    /// Where the log begins and ends, how much there is, and how far it is folded, all at one moment.
    SELECT_LOG_SPAN = "SELECT COALESCE(MIN(pos), 1) AS first, COALESCE(MAX(pos), 0) AS last, COUNT(*) AS rows, (SELECT COALESCE(MAX(cursor), 0) FROM engine) AS cursor FROM log";
    /// The first entry of the log.
    SELECT_LOG_FIRST = "SELECT pos, at FROM log ORDER BY pos LIMIT 1";
    /// Where the older snapshot stands.
    OLDEST_SNAPSHOT = "SELECT MIN(pos) AS pos FROM snapshots";
    /// Every snapshot of a format, the oldest first.
    SELECT_SNAPSHOTS = "SELECT pos, format, body FROM snapshots WHERE format = $1 OR format = $2 ORDER BY pos";
    /// A part of a snapshot.
    SELECT_PART = "SELECT body FROM snapshot_parts WHERE pos = $1 AND part = $2";
    /// Writes a part of a snapshot.
    INSERT_PART = "INSERT INTO snapshot_parts (pos, part, body) VALUES ($1, $2, $3)";
    /// Removes the parts of a snapshot that is written again.
    DELETE_PARTS = "DELETE FROM snapshot_parts WHERE pos = $1";
    /// Removes parts whose snapshot is gone.
    DELETE_LOST_PARTS = "DELETE FROM snapshot_parts WHERE pos NOT IN (SELECT pos FROM snapshots)";
    /// Cuts the log behind a position and a time.
    DELETE_LOG = "DELETE FROM log WHERE pos IN (SELECT pos FROM log WHERE pos <= $1 AND at < $2 ORDER BY pos LIMIT $3)";
    /// Forgets old keys in a stretch of them.
    DELETE_SEEN = "DELETE FROM seen WHERE key >= $1 AND key < $2 AND ((lasting = 0 AND at < $3) OR at < $4)";
    /// Outbox rows that are done and old.
    OLD_OUTBOX = "SELECT id FROM outbox WHERE state IN ('sent', 'dropped') AND updated < $1 LIMIT $2";
    /// Removes one, if it still is.
    DELETE_OUTBOX = "DELETE FROM outbox WHERE id = $1 AND state IN ('sent', 'dropped') AND updated < $2";
    /// Sessions that were not heard of.
    OLD_SESSIONS = "SELECT name FROM sessions WHERE last_seen < $1 LIMIT $2";
    /// Removes one, if it still was not.
    DELETE_SESSION = "DELETE FROM sessions WHERE name = $1 AND last_seen < $2";
    /// Tasks that were not heard of.
    OLD_TASKS = "SELECT name FROM tasks WHERE last_seen < $1 LIMIT $2";
    /// Removes one, if it still was not.
    DELETE_TASK = "DELETE FROM tasks WHERE name = $1 AND last_seen < $2";
    /// Agents that were not heard of.
    OLD_AGENTS = "SELECT name FROM agents WHERE last_seen < $1 LIMIT $2";
    /// Removes one, if it still was not.
    DELETE_AGENT = "DELETE FROM agents WHERE name = $1 AND last_seen < $2";
    /// Alerts that are over.
    OLD_ALERTS = "SELECT number FROM alerts WHERE state = 'resolved' AND since < $1 LIMIT $2";
    /// Removes one, if it still is.
    DELETE_ALERT = "DELETE FROM alerts WHERE number = $1 AND state = 'resolved' AND since < $2";
    /// Approvals that are decided.
    OLD_APPROVALS = "SELECT number FROM approvals WHERE state <> 'pending' AND asked < $1 LIMIT $2";
    /// Removes one, if it still is.
    DELETE_APPROVAL = "DELETE FROM approvals WHERE number = $1 AND state <> 'pending' AND asked < $2";
    /// Sessions of the page that have ended.
    OLD_SIGN_INS = "SELECT session FROM sign_ins WHERE expires < $1 LIMIT $2";
    /// Removes one, if it still has.
    DELETE_OLD_SIGN_IN = "DELETE FROM sign_ins WHERE session = $1 AND expires < $2";
    /// Alerts that are not over, whose cards are kept.
    SELECT_OPEN_ALERTS = "SELECT body FROM alerts WHERE state <> 'resolved'";
    /// Approvals that wait, whose cards are kept.
    SELECT_OPEN_APPROVALS = "SELECT body FROM approvals WHERE state = 'pending'";
    /// Cards that have not changed, and of which nothing is on its way.
    OLD_CARDS = "SELECT number FROM cards WHERE updated < $1 AND number NOT IN (SELECT c.card FROM outbox o JOIN copies c ON c.number = o.copy WHERE o.state NOT IN ('sent', 'dropped')) ORDER BY number LIMIT $2";
    /// Removes one, if it still has not.
    DELETE_CARD = "DELETE FROM cards WHERE number = $1 AND updated < $2";
    /// Removes the copies of a card.
    DELETE_COPIES = "DELETE FROM copies WHERE card = $1";
    /// The beginning of the audit.
    OLD_AUDIT = "SELECT seq, hash FROM audit WHERE at < $1 ORDER BY seq LIMIT $2";
    /// Cuts it.
    DELETE_AUDIT = "DELETE FROM audit WHERE seq <= $1";

    /// From where on hours are not written.
    SELECT_HOURS_MARK = "SELECT value FROM marks WHERE name = 'hours'";
    /// An hour is written.
    SET_HOURS_MARK = "UPDATE marks SET value = $1 WHERE name = 'hours'";
    /// A quarter of an hour that is written in its hour has changed.
    LOWER_HOURS_MARK = "UPDATE marks SET value = $1 WHERE name = 'hours' AND value > $1";
    /// The first quarter of an hour from a time on.
    NEXT_QUARTER = "SELECT MIN(at) AS at FROM costs WHERE at >= $1";
    /// Quarters of an hour in a time.
    SELECT_QUARTERS = "SELECT agent, model, task, CAST(COALESCE(SUM(calls), 0) AS BIGINT) AS calls, CAST(COALESCE(SUM(unpriced), 0) AS BIGINT) AS unpriced, CAST(COALESCE(SUM(input), 0) AS BIGINT) AS input, CAST(COALESCE(SUM(output), 0) AS BIGINT) AS output, CAST(COALESCE(SUM(cache_read), 0) AS BIGINT) AS cache_read, CAST(COALESCE(SUM(cache_write), 0) AS BIGINT) AS cache_write, CAST(COALESCE(SUM(micros), 0) AS BIGINT) AS micros FROM costs WHERE at >= $1 AND at < $2 GROUP BY agent, model, task";
    /// Their sum.
    SUM_QUARTERS = "SELECT CAST(COALESCE(SUM(calls), 0) AS BIGINT) AS calls, CAST(COALESCE(SUM(unpriced), 0) AS BIGINT) AS unpriced, CAST(COALESCE(SUM(input), 0) AS BIGINT) AS input, CAST(COALESCE(SUM(output), 0) AS BIGINT) AS output, CAST(COALESCE(SUM(cache_read), 0) AS BIGINT) AS cache_read, CAST(COALESCE(SUM(cache_write), 0) AS BIGINT) AS cache_write, CAST(COALESCE(SUM(micros), 0) AS BIGINT) AS micros FROM costs WHERE at >= $1 AND at < $2";
    /// Hours in a time.
    SELECT_HOURS = "SELECT agent, family, task, CAST(COALESCE(SUM(calls), 0) AS BIGINT) AS calls, CAST(COALESCE(SUM(unpriced), 0) AS BIGINT) AS unpriced, CAST(COALESCE(SUM(input), 0) AS BIGINT) AS input, CAST(COALESCE(SUM(output), 0) AS BIGINT) AS output, CAST(COALESCE(SUM(cache_read), 0) AS BIGINT) AS cache_read, CAST(COALESCE(SUM(cache_write), 0) AS BIGINT) AS cache_write, CAST(COALESCE(SUM(micros), 0) AS BIGINT) AS micros FROM cost_hours WHERE at >= $1 AND at < $2 GROUP BY agent, family, task";
    /// Removes a quarter of an hour.
    DELETE_QUARTER = "DELETE FROM costs WHERE at = $1";

    /// Changes an outbox row.
    SETTLE_OUTBOX = "UPDATE outbox SET state = $2, due = $3, error = $4, receipt = $5, updated = $6, expires = COALESCE($7, expires), held = $8, lease = NULL, lease_until = NULL WHERE id = $1";
    /// Takes the turn to lease: of two processes the second waits here until the first has committed, and then
    /// sees what it has leased.
    TAKE_TURN = "UPDATE leases SET beat = beat + 1 WHERE name = 'outbox'";
    /// Whether there is a conversation of which rows wait and none is leased, however many rows that are: from one
    /// conversation to the next it goes by the index.
    ANY_FREE = "WITH RECURSIVE talks(name) AS (SELECT MIN(f.conversation) FROM outbox f WHERE f.state IN ('ready', 'uncertain') UNION ALL SELECT (SELECT MIN(n.conversation) FROM outbox n WHERE n.state IN ('ready', 'uncertain') AND n.conversation > talks.name) FROM talks WHERE talks.name IS NOT NULL) SELECT t.name FROM talks t WHERE t.name IS NOT NULL AND NOT EXISTS (SELECT 1 FROM outbox b WHERE b.conversation = t.name AND b.state = 'leased') LIMIT 1";
    /// Leases rows that are due, in conversations of which nothing is leased, through channels that are not left
    /// alone, and behind no row that holds them back: that keeps their order. The state is checked again so that
    /// two couriers never take the same row. Deliveries outside our part ($5 to $6) are for others, unless they
    /// were due at $7 already.
    CLAIM_OUTBOX = "UPDATE outbox SET state = 'leased', attempts = attempts + 1, lease = $1, lease_until = $2 WHERE state IN ('ready', 'uncertain') AND id IN (SELECT o.id FROM outbox o WHERE o.state IN ('ready', 'uncertain') AND o.due <= $3 AND (o.part BETWEEN $5 AND $6 OR o.kind = 'control' OR o.due <= $7) AND o.via NOT IN (SELECT g.via FROM gates g WHERE g.until > $3) AND NOT EXISTS (SELECT 1 FROM outbox b WHERE b.conversation = o.conversation AND b.state = 'leased') AND NOT EXISTS (SELECT 1 FROM outbox h WHERE h.conversation = o.conversation AND h.state IN ('ready', 'uncertain') AND h.held > 0 AND h.held > $3 AND h.priority <= o.priority AND h.id < o.id) ORDER BY o.priority, o.id LIMIT $4) RETURNING id";
    /// What was leased, with the card as it is now.
    SELECT_CLAIMED = "SELECT o.id, o.attempts, o.class, o.expires, o.payload, o.via, o.conversation, c.body AS copy_body, k.body AS card_body, p.receipt AS parent_receipt FROM outbox o LEFT JOIN copies c ON c.number = o.copy LEFT JOIN cards k ON k.number = c.card LEFT JOIN copies p ON p.number = c.parent WHERE o.lease = $1 ORDER BY o.priority, o.id";
    /// Leases whose holder did not come back, in the order in which it would have carried them out.
    SELECT_LOST = "SELECT id, lease, kind, via, conversation, attempts FROM outbox WHERE state = 'leased' AND lease_until < $1 ORDER BY conversation, priority, id";
    /// Ends every lease.
    END_LEASES = "UPDATE outbox SET lease_until = 0 WHERE state = 'leased'";
    /// Gives a leased row back as it was, without an attempt; only its holder can.
    UNCLAIM_OUTBOX = "UPDATE outbox SET state = 'ready', attempts = attempts - 1, lease = NULL, lease_until = NULL WHERE id = $1 AND state = 'leased' AND lease = $2";
    /// Puts a leased row back without an attempt: its destination is busy, and those behind it wait with it.
    RELEASE_OUTBOX = "UPDATE outbox SET state = 'ready', attempts = attempts - 1, due = $3, held = 9223372036854775807, lease = NULL, lease_until = NULL WHERE id = $1 AND state = 'leased' AND lease = $2";
    /// When the next row is due that can be leased, in a part of the outbox ($2 to $3).
    NEXT_DUE = "SELECT o.due AS due FROM outbox o WHERE o.state IN ('ready', 'uncertain') AND (o.part BETWEEN $2 AND $3 OR o.kind = 'control') AND o.via NOT IN (SELECT g.via FROM gates g WHERE g.until > $1) AND NOT EXISTS (SELECT 1 FROM outbox b WHERE b.conversation = o.conversation AND b.state = 'leased') AND NOT EXISTS (SELECT 1 FROM outbox h WHERE h.conversation = o.conversation AND h.state IN ('ready', 'uncertain') AND h.held > 0 AND h.held > $1 AND h.priority <= o.priority AND h.id < o.id) ORDER BY o.due LIMIT 1";
    /// When the next row stops holding back those behind it.
    NEXT_HOLD_END = "SELECT MIN(held) AS due FROM outbox WHERE state IN ('ready', 'uncertain') AND held > 0 AND held > $1 AND held < 9223372036854775807";
    /// When the next channel may be tried again.
    NEXT_GATE_END = "SELECT MIN(until) AS due FROM gates WHERE until > $1";
    /// Channels that are left alone, or would be tried again with one message.
    SELECT_GATES = "SELECT via, until, since, why FROM gates ORDER BY via";
    /// Leaves a channel alone.
    UPSERT_GATE = "INSERT INTO gates (via, until, since, why) VALUES ($1, $2, $3, $4) ON CONFLICT (via) DO UPDATE SET until = excluded.until, since = excluded.since, why = excluded.why";
    /// The channel works again.
    DELETE_GATE = "DELETE FROM gates WHERE via = $1";
    /// Takes the one try that a channel gets; nobody else has it until then.
    TAKE_PROBE = "UPDATE gates SET until = $2 WHERE via = $1 AND until <= $3";
    /// When the next lease ends.
    NEXT_LEASE_END = "SELECT MIN(lease_until) AS due FROM outbox WHERE state = 'leased'";
    /// Rows that are not done.
    LIST_OUTBOX = "SELECT id, kind, via, class, state, due, attempts, error, created FROM outbox WHERE state NOT IN ('sent', 'dropped') ORDER BY id LIMIT $1";
    /// How many rows are in each state that is not final.
    COUNT_OUTBOX = "SELECT state, COUNT(*) AS rows FROM outbox WHERE state NOT IN ('sent', 'dropped') GROUP BY state";

    /// What stands in a conversation, the newest change first.
    SELECT_FEED = "SELECT c.body AS copy_body, c.changed AS changed, k.body AS card_body FROM copies c JOIN cards k ON k.number = c.card WHERE c.channel = $1 AND c.target = $2 AND c.sent > 0 ORDER BY k.updated DESC, c.number DESC LIMIT $3";
    /// What has changed in a conversation since a position.
    SELECT_FEED_SINCE = "SELECT c.body AS copy_body, c.changed AS changed, k.body AS card_body FROM copies c JOIN cards k ON k.number = c.card WHERE c.channel = $1 AND c.target = $2 AND c.sent > 0 AND c.changed > $3 ORDER BY c.changed LIMIT $4";
    /// One copy, wherever it is.
    SELECT_COPY = "SELECT c.body AS copy_body, c.changed AS changed, k.body AS card_body FROM copies c JOIN cards k ON k.number = c.card WHERE c.number = $1";
    /// One copy in a conversation.
    SELECT_FEED_ONE = "SELECT c.body AS copy_body, c.changed AS changed, k.body AS card_body FROM copies c JOIN cards k ON k.number = c.card WHERE c.channel = $1 AND c.target = $2 AND c.number = $3";
    /// The copy of a card that somebody has.
    SELECT_OWN_COPY = "SELECT c.body AS copy_body, c.changed AS changed, k.body AS card_body FROM copies c JOIN cards k ON k.number = c.card WHERE c.channel = $1 AND c.target = $2 AND c.card = $3 ORDER BY c.number DESC LIMIT 1";

    /// Agents, by state and name.
    SELECT_AGENTS = "SELECT body FROM agents WHERE last_seen > $1 ORDER BY name LIMIT $2";
    /// How many agents are in each state.
    COUNT_AGENTS = "SELECT status, COUNT(*) AS rows FROM agents WHERE last_seen > $1 GROUP BY status";
    /// How many approvals wait, and how many alerts are open.
    COUNT_OPEN = "SELECT (SELECT COUNT(*) FROM approvals WHERE state = 'pending') AS approvals, (SELECT COUNT(*) FROM alerts WHERE state IN ('firing', 'acked')) AS alerts";
    /// Cost since a time.
    SUM_COSTS = "SELECT CAST(COALESCE(SUM(micros), 0) AS BIGINT) AS micros FROM costs WHERE at >= $1";
    /// Sessions that fit a pattern, the newest first.
    SELECT_SESSIONS = "SELECT body FROM sessions WHERE LOWER(body) LIKE $1 ORDER BY last_seen DESC LIMIT $2";
    /// Tasks that fit a pattern, the newest first.
    SELECT_TASKS = "SELECT body FROM tasks WHERE LOWER(body) LIKE $1 ORDER BY last_seen DESC LIMIT $2";
    /// A task.
    SELECT_TASK = "SELECT body FROM tasks WHERE name = $1";
    /// Alerts, the newest first.
    SELECT_ALERTS = "SELECT body FROM alerts ORDER BY number DESC LIMIT $1";
    /// An alert with its trail.
    SELECT_ALERT = "SELECT body FROM alerts WHERE number = $1";
    /// The newest approval with this identity in its runtime.
    SELECT_APPROVAL = "SELECT number, code, state, body FROM approvals WHERE runtime = $1 AND external = $2 ORDER BY number DESC LIMIT 1";
    /// The newest approval with this code.
    SELECT_APPROVAL_BY_CODE = "SELECT number, code, state, body FROM approvals WHERE code = $1 ORDER BY number DESC LIMIT 1";
    /// Approvals of a runtime that wait.
    SELECT_PENDING = "SELECT number, code, state, body FROM approvals WHERE runtime = $1 AND state = 'pending' ORDER BY number";
    /// Costs in quarters of an hour.
    SELECT_COSTS = "SELECT at, agent, model, task, calls, unpriced, input, output, cache_read, cache_write, micros FROM costs WHERE at >= $1 ORDER BY at, agent, model, task";
    /// Agents behind a key.
    LIST_AGENTS = "SELECT name, body FROM agents WHERE name > $1 AND ($2 = '' OR runtime = $2) AND ($3 = '' OR status = $3) AND last_seen > $4 ORDER BY name LIMIT $5";
    /// Sessions behind a key.
    LIST_SESSIONS = "SELECT name, body FROM sessions WHERE name > $1 AND ($2 = '' OR runtime = $2) AND ($3 = '' OR status = $3) AND last_seen > $4 ORDER BY name LIMIT $5";
    /// Tasks behind a key.
    LIST_TASKS = "SELECT name, body FROM tasks WHERE name > $1 AND ($2 = '' OR stage = $2) AND last_seen > $3 ORDER BY name LIMIT $4";
    /// Alerts below a number, newest first.
    LIST_ALERTS = "SELECT body FROM alerts WHERE number < $1 AND ($2 = '' OR rule = $2) AND ($3 = '' OR state = $3) ORDER BY number DESC LIMIT $4";
    /// Approvals below a number, newest first.
    LIST_APPROVALS = "SELECT body FROM approvals WHERE number < $1 AND ($2 = '' OR runtime = $2) AND ($3 = '' OR state = $3) ORDER BY number DESC LIMIT $4";
    /// A card.
    SELECT_CARD = "SELECT body FROM cards WHERE number = $1";
    /// Who a session of the page belongs to.
    SELECT_SIGN_IN = "SELECT person, expires FROM sign_ins WHERE session = $1";
    /// Ends a session of the page.
    DELETE_SIGN_IN = "DELETE FROM sign_ins WHERE session = $1";
    /// A device that is notified.
    SELECT_DEVICE = "SELECT body FROM devices WHERE id = $1";
    /// Ends a device.
    DELETE_DEVICE = "DELETE FROM devices WHERE id = $1";
    /// How many sessions of the page live.
    COUNT_SIGN_INS = "SELECT COUNT(*) AS rows FROM sign_ins WHERE expires > $1";
    /// The end of the audit.
    SELECT_AUDIT_END = "SELECT seq, hash FROM audit ORDER BY seq DESC LIMIT 1";
    /// The highest numbers that were given.
    SELECT_NUMBERS = "SELECT (SELECT COALESCE(MAX(number), 0) FROM alerts) AS alerts, \
        (SELECT COALESCE(MAX(number), 0) FROM approvals) AS approvals, \
        (SELECT COALESCE(MAX(number), 0) FROM cards) AS cards, \
        (SELECT COALESCE(MAX(number), 0) FROM copies) AS copies";
    /// A stretch of the audit.
    SELECT_AUDIT = "SELECT seq, at, actor, action, object, data, prev, hash FROM audit WHERE seq > $1 AND at >= $2 AND at < $3 ORDER BY seq LIMIT $4";
}
