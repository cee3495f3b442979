//! A store that is brought back from a copy: nothing is decided, sent or carried out a second time.

use serde_json::json;
use sereno::core::approval::ApprovalState;
use sereno::core::audit::ChainHead;
use sereno::core::control::Verdict;
use sereno::core::delivery::{RowState, Work};
use sereno::core::input::Body;
use sereno::core::time::Span;
use sereno::store::Store;

use crate::binary::Home;
use crate::dose;
use crate::real::process::{SOON, until};
use crate::scene::Fleet;
use crate::sim::Sim;
use crate::store::night::whole_log;

fn ask(sim: &mut Sim, id: &str) {
    let ask = json!({"id": id, "action": {"tool": "Bash", "input": {"command": "make deploy"}}});
    sim.event(json!({"type": "approval.requested", "agent": {"id": "a"}, "session": {"id": "s"}, "approval": ask}));
}

#[test]
fn what_was_open_ends_and_old_rows_are_held() {
    let mut sim = Sim::new();
    sim.delivers = false;
    ask(&mut sim, "one");
    let old: Vec<String> = sim.world.outstanding.keys().cloned().collect();
    sim.advance(Span::mins(16));
    ask(&mut sim, "two");
    let code = sim.code();
    let approvals: Vec<u64> = sim.world.approvals.keys().copied().collect();
    let head = sim.world.audit.clone();
    let replaced = ChainHead { seq: 99, hash: head.hash };
    sim.input(Body::Restored { epoch: 2, replaced: Some(replaced) });
    let decision = sim.decisions.last().unwrap();

    for number in &approvals {
        assert_eq!(sim.world.approvals[number].state, ApprovalState::Expired);
    }
    let denied = decision.outbox.iter().filter(|row| match &row.work {
        Work::Control(call) => {
            matches!(&call.order, sereno::core::control::Order::Decide { verdict: Verdict::Denied, .. })
        }
        Work::Deliver { .. } => false,
    });
    assert_eq!(denied.count(), 2, "the runtime is told no, for both");
    let held: Vec<&String> = decision.settled.iter().filter(|s| s.state == RowState::Held).map(|s| &s.id).collect();
    assert_eq!(held, old.iter().collect::<Vec<_>>(), "only what is older than 15 minutes");
    let link = &decision.audit[0];
    assert_eq!((link.action.as_str(), link.prev), ("store.restored", head.hash));
    assert_eq!(link.data["replaced"]["seq"], 99);
    let id = held[0].clone();
    assert!(sim.say("ana", &format!("/approve {code}")).refused);
    assert!(sim.say("victor", &format!("/outbox retry {id}")).refused, "a question that is over is not asked again");
    assert!(!sim.say("victor", &format!("/outbox drop {id} why: it is over")).refused);
    assert_eq!(sim.decisions.last().unwrap().settled[0].state, RowState::Dropped);
}

#[test]
fn nothing_of_the_lost_time_means_something_else() {
    let mut sim = Sim::new();
    ask(&mut sim, "one");
    let (code, card) = (sim.code(), sim.card("approval").number);
    assert!(!sim.say("ana", &format!("/approve {code} session")).refused);
    sim.input(Body::LinkIssued { token: "l".into(), person: "ana".into(), expires: sim.now.plus(Span::days(1)) });
    sim.input(Body::LinkUsed { token: "l".into(), session: "s".into(), expires: sim.now.plus(Span::days(1)) });
    sim.input(Body::Restored { epoch: 2, replaced: None });
    assert!(sim.world.sessions.iter().all(|(_, s)| s.grants.is_empty()), "a right may have been taken back");
    assert!(sim.world.signins.sessions.is_empty());
    let told = sim.decisions.iter().flat_map(|decision| &decision.changed.sign_ins);
    assert_eq!(told.collect::<Vec<_>>(), ["s", "s"], "signed in, and signed out");
    ask(&mut sim, "two");
    assert!(sim.card("approval").number > card + 1_000);
    assert_ne!(sim.code(), code);
    let ids: Vec<String> = sim.decisions.iter().flat_map(|d| &d.outbox).map(|row| row.id.clone()).collect();
    assert!(ids.is_sorted(), "{ids:?}");
    assert!(ids.last().unwrap().starts_with("ob_e002_"), "no identity comes twice");
}

/// The drill: a control call and an open question in the copy, more of both after it, and then the copy comes back.
#[tokio::test]
async fn a_drill_with_the_real_binary() {
    for _ in 0..dose::times(2, 20) {
        drill().await;
    }
}

async fn drill() {
    let fleet = Fleet::start().await;
    let home = Home::new(&format!(
        "[runtimes.drill]\nkind = \"generic\"\ntoken_file = \"claude.token\"\nsecret_file = \"drill.secret\"\n\
         control_url = {:?}\n",
        fleet.url()
    ));
    home.write("drill.secret", crate::scene::SECRET);
    let mut serve = home.serve(&[]);
    let open = asked(&home, "open").await;
    let decided = asked(&home, "decided").await;
    let copy = home.path("copy.db").display().to_string();
    assert_eq!(home.run(&["backup", &copy]).code, 0);
    command(&home, &format!("/approve {decided}")).await;
    fleet_hears(&fleet, 1).await;
    let before = fleet.calls();
    assert_eq!(serve.stop().0, 0);

    let ran = home.run(&["restore", &copy]);
    assert_eq!((ran.code, ran.err.as_str()), (0, ""));
    assert!(ran.out.starts_with("restored: epoch 2, from "), "{}", ran.out);
    assert!(home.path("sereno.db.replaced-2").exists(), "what was there is kept");
    serve = home.serve(&[]);
    // Both were open in the copy: both are denied, and nothing is approved a second time.
    fleet_hears(&fleet, 3).await;
    for code in [&open, &decided] {
        assert!(command(&home, &format!("/approve {code}")).await.contains("\"refused\":true"));
    }
    assert_eq!(serve.stop().0, 0);
    let calls = fleet.calls();
    assert_eq!(calls.len(), 3);
    let approved = calls.iter().filter(|call| call.body.to_string().contains("\"approved\"")).count();
    assert_eq!(approved, 1, "{calls:?}");
    assert!(calls[1..].iter().all(|call| call.id != before[0].id), "no identity comes twice");
    assert_eq!(home.run(&["audit", "verify"]).code, 0);
    let ran = home.run(&["db", "check"]);
    assert_eq!((ran.code, ran.err.as_str()), (0, ""), "{}", ran.out);
    let store = Store::open_reader(&home.store_url()).await.unwrap();
    assert!(whole_log(&store).await.iter().any(|input| matches!(input.body, Body::Restored { epoch: 2, .. })));
    store.close().await;
}

/// An agent asks; the code under which people know it.
async fn asked(home: &Home, id: &str) -> String {
    let event = json!({
        "type": "approval.requested", "id": id, "agent": {"id": "a"}, "session": {"id": "s"},
        "approval": {"id": id, "action": {"tool": "Bash", "input": {"command": format!("make {id}")}}},
    });
    let request = reqwest::Client::new().post(format!("{}/hooks/drill", home.url()));
    let answer = request.bearer_auth(crate::binary::CLAUDE_TOKEN).json(&event).send().await.unwrap();
    assert_eq!(answer.status(), 202);
    let store = Store::open_reader(&home.store_url()).await.unwrap();
    let approval = store.approval("drill", id).await.unwrap().expect("it was stored").approval;
    store.close().await;
    approval.code
}

/// Waits until so many calls have reached the fleet.
async fn fleet_hears(fleet: &Fleet, calls: usize) {
    until(SOON, &format!("the fleet hears {calls} calls"), async || (fleet.calls().len() == calls).then_some(())).await;
}

async fn command(home: &Home, text: &str) -> String {
    let request = reqwest::Client::new().post(format!("{}/v1/commands", home.url()));
    let answer = request.bearer_auth("ops-token-for-tests").json(&json!({"text": text})).send().await.unwrap();
    answer.text().await.unwrap()
}
