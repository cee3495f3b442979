//! An approval as its card shows it.

use super::{Approval, Reach, Receipt};
use crate::core::message::{ApprovalView, Button, ButtonStyle, DecidedView, ResultView, Shown, action_text};
use crate::core::policy::Verb;
use crate::core::text;
use crate::core::world::{Basis, Session, World};

impl World {
    /// What the card says now; drawn from the structured action, never from the agent's prose.
    pub fn approval_view(&self, approval: &Approval) -> ApprovalView {
        let agent = self.agents.get(approval.agent);
        let session = approval.session.and_then(|ix| self.sessions.get(ix));
        let (headline, whole) = action_text(&approval.action);
        ApprovalView {
            code: approval.code.clone(),
            state: approval.state.as_str().to_owned(),
            asks: approval.is_worded(),
            who: agent.map(|a| self.who(a)).unwrap_or_default(),
            tool: approval.action.tool.clone(),
            hidden: text::has_hidden(&whole),
            chars: whole.chars().count(),
            headline,
            text: whole,
            inputs: other_inputs(approval),
            task: approval.task.and_then(|ix| self.tasks.get(ix)).map(Self::task_label),
            session: session.map(Session::short),
            place: approval.action.cwd.clone().or_else(|| session.and_then(|s| s.cwd.clone())),
            branch: session.and_then(|s| s.branch.clone()),
            reason: agent_words(approval),
            spent: session.filter(|s| s.basis != Basis::Unknown).map(|s| s.sums.cost),
            elapsed: session.map(|s| approval.asked.since(s.started)),
            asked: approval.asked,
            expires: approval.expires,
            digest: approval.digest.short(),
            decided: approval.decided.as_ref().map(|decided| DecidedView {
                by: decided.by.clone(),
                via: decided.via.as_ref().map(|via| self.channel_kind(via)),
                at: decided.at,
                note: decided.note.clone(),
                scope: decided.reach.map(|r| r.as_str().to_owned()),
                grant: decided.grant.map(|g| format!("G{g}")),
                stop: decided.stop,
            }),
            receipt: approval.receipt.as_ref().map(|receipt| match receipt {
                Receipt::Asked => "asked".to_owned(),
                Receipt::Confirmed => "confirmed".to_owned(),
                Receipt::Failed(_) => "failed".to_owned(),
            }),
            receipt_error: match &approval.receipt {
                Some(Receipt::Failed(error)) => Some(error.clone()),
                _ => None,
            },
            result: approval.result.as_ref().map(|result| ResultView {
                ok: result.ok,
                took: result.took,
                message: result.message.clone(),
            }),
        }
    }

    /// The kind of a channel, for "who decided where".
    fn channel_kind(&self, name: &str) -> String {
        self.policy.channels.get(name).map_or_else(|| name.to_owned(), |c| c.kind.clone())
    }

    /// The buttons that fit the approval's state and its runtime. The safe one stands first.
    pub fn approval_buttons(&self, approval: &Approval) -> Vec<Button> {
        if !approval.is_pending() || !self.policy.can(&approval.runtime, Verb::Decide) {
            return Vec::new();
        }
        let (code, digest) = (&approval.code, approval.digest);
        let deny = format!("deny {code} digest:{digest}");
        let approve = format!("approve {code} digest:{digest}");
        let mut buttons = vec![Button::new("show", format!("show {code}"), ButtonStyle::Plain).shown(Shown::WhenCut)];
        if approval.is_worded() {
            let mut answer = Button::new("answer", format!("tell {code}"), ButtonStyle::Plain).shown(Shown::WhenWhole);
            answer.asks_why = true;
            buttons.push(answer);
            buttons.push(Button::new("decline", &deny, ButtonStyle::Plain));
            return buttons;
        }
        if approval.takes(false, Reach::Once) {
            buttons.push(Button::new("deny", &deny, ButtonStyle::Plain));
        }
        for (name, reach) in
            [("approve", Reach::Once), ("approve_session", Reach::Session), ("approve_always", Reach::Always)]
        {
            let command = match reach {
                Reach::Once => approve.clone(),
                reach => format!("{approve} {}", reach.as_str()),
            };
            if approval.takes(true, reach) && (reach != Reach::Session || approval.session.is_some()) {
                buttons.push(Button::new(name, command, ButtonStyle::Approve).shown(Shown::WhenWhole));
            }
        }
        if !approval.takes(false, Reach::Once) {
            return buttons;
        }
        let mut why = Button::new("deny_why", format!("{deny} why:"), ButtonStyle::Plain);
        why.asks_why = true;
        buttons.push(why);
        if self.policy.can(&approval.runtime, Verb::Kill) {
            buttons.push(Button::new("deny_stop", format!("{deny} stop"), ButtonStyle::Danger));
        }
        buttons
    }
}

/// What the agent says about it: its reason, or the description that it wrote into the arguments.
fn agent_words(approval: &Approval) -> Option<String> {
    let described = approval.action.input.get("description").and_then(|d| d.as_str());
    let words = approval.reason.as_deref().or(described)?;
    Some(text::clip(words, 300)).filter(|w| !w.trim().is_empty())
}

/// Arguments besides the main text and the agent's description.
fn other_inputs(approval: &Approval) -> Vec<(String, String)> {
    let Some(input) = approval.action.input.as_object() else { return Vec::new() };
    if !input.get("command").is_some_and(serde_json::Value::is_string) {
        return Vec::new();
    }
    let others = input.iter().filter(|(key, _)| !matches!(key.as_str(), "command" | "description"));
    others.map(|(key, value)| (key.clone(), value.to_string())).collect()
}
