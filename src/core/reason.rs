//! Every decision to send, hold, drop or refuse, by name.
//!
//! A reason is data: it goes into the log line, the audit row, the trail behind `/why`, and through
//! the texts of each language to people. It holds no sentence of its own.

mod trail;

use serde::{Deserialize, Serialize};

use super::policy::Severity;
use super::time::Ts;

pub use trail::{Step, Trail};

/// Why something was done, held, dropped or refused.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "code", rename_all = "snake_case")]
pub enum Reason {
    // ---- told, held, dropped
    /// A condition became true; it is told when it has held for a while.
    HoldStarted {
        /// When it will be told unless it clears.
        until: Ts,
    },
    /// The condition cleared before it had held long enough.
    ClearedBeforeHold,
    /// The condition held: someone is told.
    Fired,
    /// It fired again soon after it had resolved, so the same episode goes on.
    Reopened,
    /// The condition no longer holds.
    Cleared,
    /// A person resolved it.
    ResolvedBy {
        /// Who.
        person: String,
    },
    /// A person has seen it.
    AckedBy {
        /// Who.
        person: String,
    },
    /// The rule is no longer in the configuration.
    RuleRemoved,
    /// What it was about is gone.
    ScopeGone,
    /// A route chose this destination.
    Routed {
        /// Matchers of the route; empty for the default route.
        route: String,
        /// Channel and target.
        to: String,
    },
    /// No route and no person is left to tell.
    NobodyToTell,
    /// The person wants to hear of it when their quiet hours are over.
    QuietHours {
        /// Who.
        person: String,
        /// When they are over.
        until: Ts,
    },
    /// The person does not want to hear of alerts below this.
    BelowLevel {
        /// Who.
        person: String,
        /// What they want to hear of at least.
        level: Severity,
    },
    /// Whatever the person wants to hear of at least: nobody else would be told.
    NobodyElse {
        /// Who.
        person: String,
    },
    /// What waited for the person is not for them any more: they are not there, may not see it, or have no way there.
    NotTheirs {
        /// Who.
        person: String,
    },
    /// Why this comes only now: nothing keeps it from the person any more.
    SuppressionEnded {
        /// When it would have come.
        since: Ts,
    },
    /// The reader does not want the digest.
    DigestOff,
    /// The channel took the message.
    Sent {
        /// Channel and target.
        to: String,
        /// What the channel calls it.
        receipt: String,
        /// Which attempt it was, from 1.
        attempt: u32,
    },
    /// The channel did not take it; it is tried again.
    SendRetried {
        /// Channel and target.
        to: String,
        /// What went wrong, without any secret.
        error: String,
        /// When it is tried again.
        due: Ts,
        /// Whether the message may have arrived all the same.
        uncertain: bool,
    },
    /// It will not be tried again.
    SendDead {
        /// Channel and target.
        to: String,
        /// What went wrong, without any secret.
        error: String,
    },
    /// The channel took the words of a message and not its picture, which is not sent again.
    ImageLost {
        /// Channel and target.
        to: String,
        /// What went wrong, without any secret.
        error: String,
    },
    /// The channel took the words of a message and not its file, which is not sent again.
    FileLost {
        /// Channel and target.
        to: String,
        /// What went wrong, without any secret.
        error: String,
    },
    /// The channel failed, so somebody was told somewhere else.
    FellBack {
        /// Channel and target that failed.
        from: String,
        /// Channel and target that were told instead.
        to: String,
    },
    /// It was late, and told in one message with everything else that was.
    Collapsed {
        /// Channel and target.
        to: String,
    },
    /// Why this comes here: the channel that was meant does not answer.
    Unreachable {
        /// Its kind.
        channel: String,
        /// Since when.
        since: Ts,
    },
    /// Why this comes here: the channel that was meant did not take it.
    Refused {
        /// Its kind.
        channel: String,
    },
    /// Why this comes only now.
    Delayed {
        /// When it would have come.
        since: Ts,
    },
    /// A platform does not know us any more.
    ChannelLocked {
        /// The channel.
        channel: String,
        /// What was said.
        error: String,
    },
    /// Much could not be delivered lately.
    ManyDead {
        /// How many rows were given up within an hour.
        count: u32,
    },
    /// Something is to be read that could not be shown.
    CannotBeShown {
        /// The card.
        number: u64,
    },
    /// It waits for a person: after a restore it may have been sent before.
    Held {
        /// Channel and target.
        to: String,
    },
    /// The destination has moved.
    TargetMoved {
        /// Channel and old target.
        from: String,
        /// New target.
        to: String,
    },

    // ---- approvals
    /// An agent asked.
    Asked,
    /// A person approved.
    ApprovedBy {
        /// Who.
        person: String,
        /// `once` or `session`.
        scope: String,
    },
    /// A person denied.
    DeniedBy {
        /// Who.
        person: String,
        /// Their words.
        note: Option<String>,
    },
    /// Approved by an earlier grant for the session.
    Granted {
        /// The grant, such as `G3`.
        grant: String,
        /// Who had given it.
        person: String,
    },
    /// Nobody decided in time; silence denies.
    Expired,
    /// The agent stopped waiting.
    Withdrawn {
        /// In the runtime's words.
        why: String,
    },
    /// The session ended while it asked.
    SessionEnded,
    /// Somebody decided where the agent runs.
    ResolvedElsewhere {
        /// In the runtime's words.
        outcome: String,
    },
    /// The same request came again with another action.
    Superseded,
    /// The agent has too many open requests.
    TooManyOpen {
        /// How many are open.
        open: u32,
    },

    // ---- control
    /// The runtime was asked.
    ControlAsked {
        /// What.
        verb: String,
    },
    /// The runtime fetches it at its next sign of life.
    ControlWaits {
        /// What.
        verb: String,
    },
    /// The runtime says that it is done.
    ControlConfirmed {
        /// What.
        verb: String,
        /// In the runtime's words.
        receipt: String,
    },
    /// The runtime refused or is gone.
    ControlFailed {
        /// What.
        verb: String,
        /// What went wrong.
        error: String,
    },
    /// Too late to be carried out.
    ControlExpired {
        /// What.
        verb: String,
    },

    // ---- time
    /// The clock was set forward.
    ClockAhead {
        /// By how many milliseconds.
        by: i64,
    },
    /// The clock was set back.
    ClockBack {
        /// By how many milliseconds.
        by: i64,
    },
    /// The machine slept.
    MachineSlept {
        /// For how many milliseconds.
        span: i64,
    },
    /// Sereno was not there.
    WasAway {
        /// Since when.
        from: Ts,
        /// Until when.
        to: Ts,
    },
    /// A runtime that has to be called cannot be reached: nobody can tell what its agents do.
    RuntimeAway {
        /// Which.
        runtime: String,
        /// Since when.
        since: Ts,
    },
    /// It can be reached again.
    RuntimeBack {
        /// Which.
        runtime: String,
        /// Since when it could not.
        since: Ts,
        /// Until when.
        to: Ts,
    },
    /// It does not let us in, and a person has to see to it.
    RuntimeRefuses {
        /// Which.
        runtime: String,
        /// In its words, or what to do.
        why: String,
    },
    /// Genuine requests of a source are stamped with another time than ours.
    SkewedClock {
        /// Name of the runtime.
        source: String,
        /// How many in a hundred.
        percent: u8,
    },

    /// What is known of a kind is all that there is room for.
    NoRoom {
        /// `agent`, `session`, `task` or `approval`.
        thing: String,
        /// How many there are.
        most: u64,
        /// Name of the runtime that reports another one.
        source: String,
    },

    // ---- faults of sereno itself
    /// The fold broke over it, and it was put aside.
    Quarantined {
        /// The kind of input, or `deadlines`.
        what: String,
        /// The beginning of the SHA-256 of its body; empty for deadlines.
        digest: String,
    },

    // ---- refusals
    /// Nobody in the configuration has this account.
    UnknownPerson {
        /// The channel.
        channel: String,
        /// The account.
        account: String,
    },
    /// The person's role may not use the command.
    RoleMissing {
        /// The command.
        command: String,
        /// The role they have.
        role: String,
        /// The roles that may.
        needs: Vec<String>,
    },
    /// The account has been told already that nobody knows it.
    StillUnknown,
    /// Whoever acts cannot be known here: an anonymous admin, or a guest from elsewhere.
    ForeignAccount {
        /// The kind of channel.
        channel: String,
    },
    /// The answer is nobody else's to read.
    OnlyInPrivate {
        /// The command.
        command: String,
    },
    /// The answer was sent where nobody else reads it.
    SentDirectly,
    /// The code is not one of ours, was used, or is too old.
    WrongCode {
        /// How many tries are left.
        left: u32,
    },
    /// Too many codes were wrong.
    TooManyTries {
        /// When it may be tried again.
        until: Ts,
    },
    /// The account is somebody's already.
    AccountKnown {
        /// Whose.
        person: String,
    },
    /// The account has become somebody's.
    YouAre {
        /// Whose.
        person: String,
    },
    /// An account has become a person's.
    Linked {
        /// Whose.
        person: String,
        /// The kind of channel.
        channel: String,
        /// The account there.
        account: String,
    },
    /// An account is a person's no more.
    Unlinked {
        /// Whose it was.
        person: String,
        /// The kind of channel.
        channel: String,
        /// The account there.
        account: String,
    },
    /// It stands in the configuration, and is changed there.
    Configured {
        /// The person, or the token.
        name: String,
    },
    /// The name is somebody's, or cannot be one.
    NameTaken {
        /// The name.
        name: String,
    },
    /// Nobody else could add anybody any more.
    LastAdmin,
    /// It is shown once, and a conversation would show it for ever.
    OnlyByApi,
    /// Nothing allows the person to use the command there.
    OutOfScope {
        /// The command.
        command: String,
        /// Identity of the agent; empty for what is no single agent's.
        thing: String,
    },
    /// A rule denies the person the command there.
    DeniedByRule {
        /// The command.
        command: String,
        /// Identity of the agent; empty for what is no single agent's.
        thing: String,
    },
    /// There is no such command.
    UnknownCommand {
        /// What was typed.
        word: String,
        /// The nearest command, if one is near.
        nearest: Option<String>,
    },
    /// The beginning fits several commands.
    AmbiguousCommand {
        /// What was typed.
        word: String,
        /// What it fits.
        candidates: Vec<String>,
    },
    /// An argument is missing.
    MissingArgument {
        /// The command.
        command: String,
        /// The argument.
        argument: String,
    },
    /// An argument cannot be read.
    BadArgument {
        /// The command.
        command: String,
        /// What was typed.
        argument: String,
    },
    /// Nothing has that name.
    NotFound {
        /// What was looked for, such as `agent`.
        what: String,
        /// What was typed.
        name: String,
        /// The nearest name, if one is near.
        nearest: Option<String>,
    },
    /// Several things fit.
    Ambiguous {
        /// What was looked for.
        what: String,
        /// What was typed.
        name: String,
        /// What it fits, as far as whoever asks may know.
        candidates: Vec<String>,
    },
    /// It touches many, so the number must be typed too.
    CountNeeded {
        /// How many it touches.
        count: u32,
        /// What to type.
        retype: String,
    },
    /// It is destructive, so it must be confirmed.
    ConfirmNeeded {
        /// What to type.
        retype: String,
    },
    /// The runtime has no such control.
    RuntimeCannot {
        /// The runtime.
        runtime: String,
        /// What was asked.
        verb: String,
        /// What it can do.
        can: Vec<String>,
    },
    /// The question has this outcome now.
    Decided {
        /// `approved` or `denied`.
        outcome: String,
    },
    /// Somebody was first.
    AlreadyDecided {
        /// `approved`, `denied`, `expired`, `cancelled` or `superseded`.
        outcome: String,
        /// Who, when a person decided.
        person: Option<String>,
        /// When.
        at: Ts,
    },
    /// The button belongs to an older state of the card.
    StaleButton,
    /// The button was not pressed on the message that carries it.
    ForeignButton,
    /// The button is not one of ours, or too old to be known.
    UnknownButton,
    /// The runtime does not take this decision.
    NotOffered {
        /// What it takes.
        offered: Vec<String>,
    },
    /// The action is not the one that was shown.
    DigestMismatch,
    /// The full text has not been delivered to this person yet.
    ReadFirst,
    /// A tap cannot bring words along here; a reply to the card does.
    ReplyInstead,
    /// It is already so.
    AlreadySo {
        /// The state.
        state: String,
    },
    /// There is nothing to do.
    NothingToDo,
    /// The sign-in link is used, too old, or not ours.
    LinkInvalid,
    /// A device is not notified any more.
    DeviceEnded {
        /// `gone`, `forgotten`, `signed_out`, `replaced` or `too_many`.
        why: String,
    },
    /// So many rows are tried again or given up, as asked.
    RowsDone {
        /// How many.
        count: u32,
    },
    // ---- the store
    /// Nothing can be stored now.
    StoreTrouble {
        /// What the store says.
        error: String,
    },
    /// The disk of the store runs full.
    DiskLow,
    /// The disk of the store is nearly full.
    DiskFull,
    /// The store was brought back from a copy: what was open in it is not open any more.
    Restored,
    /// Done as asked.
    Done,
}

impl Reason {
    /// The name, as in JSON.
    pub fn code(&self) -> String {
        let value = serde_json::to_value(self).unwrap_or_default();
        value["code"].as_str().unwrap_or_default().to_owned()
    }

    /// The same for somebody who sees a part: what else has such a name is not theirs to know, and what they may not
    /// touch is called what they `typed` for it.
    #[must_use]
    pub fn without_names(self, typed: impl Fn(&str) -> String) -> Self {
        match self {
            Self::NotFound { what, name, .. } => Self::NotFound { what, name, nearest: None },
            Self::Ambiguous { what, name, .. } => Self::Ambiguous { what, name, candidates: Vec::new() },
            Self::OutOfScope { command, thing } if !thing.is_empty() => {
                Self::OutOfScope { command, thing: typed(&thing) }
            }
            Self::DeniedByRule { command, thing } if !thing.is_empty() => {
                Self::DeniedByRule { command, thing: typed(&thing) }
            }
            other => other,
        }
    }
}
