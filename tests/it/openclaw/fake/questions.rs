//! Questions of agents that words answer, and who answers them first.

use serde_json::{Value, json};

use super::protocol::strict;
use super::{Gateway, NOW};

impl Gateway {
    /// An agent asks something that words answer, as one or more questions.
    pub fn wonders(&self, key: &str, id: &str, questions: Value) {
        let agent = key.split(':').nth(1).unwrap();
        let asked = json!({
            "id": id, "questions": questions, "agentId": agent, "sessionKey": key, "runId": "run-1", "createdAtMs": NOW,
            "expiresAtMs": NOW + 900_000, "status": "pending",
        });
        self.change(|memory| memory.questions.insert(id.to_owned(), asked.clone()));
        self.tell("question.requested", asked);
    }

    /// Somebody answers, or declines to.
    pub fn answered_by(&self, params: &Value) -> Result<Value, Value> {
        let id = params["id"].as_str().unwrap();
        let said = self.change(|memory| {
            let asked = memory.questions.get_mut(id).ok_or_else(|| over("QUESTION_NOT_FOUND"))?;
            if asked["status"] != "pending" {
                return Err(over("QUESTION_ALREADY_TERMINAL"));
            }
            let answered = params["cancel"] != true;
            asked["status"] = json!(if answered { "answered" } else { "cancelled" });
            asked["answers"] = params["answers"].clone();
            asked["resolvedBy"] = params["resolvedBy"].clone();
            let mut said = json!({ "id": id, "status": asked["status"] });
            if answered {
                said["answers"] = params["answers"].clone();
            }
            Ok(said)
        })?;
        self.tell("question.resolved", said.clone());
        Ok(json!({ "status": said["status"] }))
    }

    /// Questions that words answer.
    pub(super) fn of_questions(&self, method: &str, params: &Value) -> Result<Value, Value> {
        match method {
            "question.list" => {
                strict(params, &[])?;
                let open = |asked: &&Value| asked["status"] == "pending";
                Ok(self
                    .look(|memory| json!({ "questions": memory.questions.values().filter(open).collect::<Vec<_>>() })))
            }
            "question.get" => {
                strict(params, &["id"])?;
                let asked = self.look(|memory| memory.questions.get(params["id"].as_str().unwrap()).cloned());
                asked.map(|asked| json!({ "question": asked })).ok_or_else(|| over("QUESTION_NOT_FOUND"))
            }
            _ => {
                strict(params, &["id", "answers", "cancel", "resolvedBy"])?;
                self.answered_by(params)
            }
        }
    }
}

/// Why a question is not answered.
fn over(reason: &str) -> Value {
    json!({ "code": "INVALID_REQUEST", "message": "question is over", "details": { "reason": reason } })
}
