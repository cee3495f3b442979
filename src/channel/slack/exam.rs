//! A look at the app: in which workspace it is, what it is allowed there, and whether a socket would be opened.

use serde_json::{Value, json};
use slack_morphism::ClientResult;

use super::call;
use super::{Slack, Way, token, verdict};
use crate::channel::SLACK_SCOPES;
use crate::exam::{Exam, Finding};

impl Slack {
    pub(super) async fn looked_at(&self) -> Exam {
        let date = self.connector.date().await;
        let (said, scopes) = match self.connector.who(&self.token).await {
            Ok(who) => who,
            Err(error) => {
                let remedy = "copy the Bot User OAuth Token from OAuth & Permissions of the app; it begins with xoxb-";
                return Exam { findings: vec![Finding::bad(verdict::words(&error), remedy)], date };
            }
        };
        let word = |key: &str| crate::core::text::one_line(said[key].as_str().unwrap_or("?"));
        let mut findings = vec![Finding::good(format!("in {} as @{}", word("team"), word("user")))];
        findings.extend(scopes.map(|scopes| allowed(&scopes)));
        if let Way::Socket(app) = &self.settings.way {
            let opened: ClientResult<Value> =
                call::call(&self.web, &token(app), "apps.connections.open", &json!({})).await;
            findings.push(match opened {
                Ok(_) => Finding::good("Socket Mode opens connections"),
                Err(error) => Finding::bad(
                    format!("Socket Mode: {}", verdict::words(&error)),
                    "switch Socket Mode on, and make an app-level token with connections:write; it begins with xapp-",
                ),
            });
        }
        Exam { findings, date }
    }
}

/// Whether everything is allowed that deploy/slack-manifest.yaml asks for.
fn allowed(scopes: &[String]) -> Finding {
    let missing: Vec<&str> =
        SLACK_SCOPES.iter().map(|(scope, _)| *scope).filter(|scope| !scopes.iter().any(|have| have == scope)).collect();
    if missing.is_empty() {
        return Finding::good(format!("{} scopes, all that are needed", SLACK_SCOPES.len()));
    }
    let what = format!("scopes are missing: {}", missing.join(", "));
    Finding::bad(
        what,
        "add them under OAuth & Permissions, or paste deploy/slack-manifest.yaml, and install the app again",
    )
}
