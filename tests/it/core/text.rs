//! Hostile text: what cannot be seen is shown, what pads is counted, and no two actions look alike.

use proptest::prelude::*;
use proptest::sample::select;
use serde_json::{Value, json};
use sereno::core::event::Action;
use sereno::core::message::{Content, action_text};
use sereno::core::policy::Lang;
use sereno::core::text::{block, clip, has_hidden, is_hidden, one_line, reveal, utf16_len};
use sereno::render::markup::{Block, Doc};
use sereno::render::{RENDERER, Reader, html, plain, telegram};

use super::logs::for_all;
use crate::sim::Sim;

/// Texts that people write, and that attackers do.
fn hostile() -> impl Strategy<Value = String> {
    let piece = prop_oneof![
        4 => "[ -~]{0,12}",
        2 => any::<char>().prop_map(String::from),
        3 => select(vec!["\u{202e}", "\u{200b}", "\u{2066}", "\u{e0041}", "\u{feff}", "\u{a0}", "\t", "\u{1b}[2J", "\r", "\n", "\n\n\n\n\n", "⟨U+202E⟩", "␊", "␠", "⟨␠×20⟩", "```", "\u{fe0f}", "\u{3164}"]).prop_map(String::from),
        1 => (1..400_usize).prop_map(|n| " ".repeat(n)),
    ];
    proptest::collection::vec(piece, 0..8).prop_map(|pieces| pieces.concat())
}

#[test]
fn nothing_hidden_is_ever_shown_and_nothing_is_lost() {
    for_all(3000, &hostile(), |text| {
        for shown in [one_line(&text), block(&text)] {
            assert!(!shown.chars().any(|c| c != '\n' && is_hidden(c)), "{shown:?}");
            assert_eq!(reveal(&shown), text, "{shown:?}");
            assert!(!shown.contains(&" ".repeat(16)), "padding is shown as a count: {shown:?}");
        }
        assert!(!one_line(&text).contains('\n'));
    });
}

#[test]
fn every_character_that_reorders_or_hides_is_escaped() {
    let ranges = [
        '\u{0}'..='\u{9}',
        '\u{b}'..='\u{1f}',
        '\u{7f}'..='\u{a0}',
        '\u{ad}'..='\u{ad}',
        '\u{61c}'..='\u{61c}',
        '\u{180e}'..='\u{180e}',
        '\u{2000}'..='\u{200f}',
        '\u{2028}'..='\u{202f}',
        '\u{205f}'..='\u{2064}',
        '\u{2066}'..='\u{206f}',
        '\u{3000}'..='\u{3000}',
        '\u{e000}'..='\u{e0ff}',
        '\u{fe00}'..='\u{fe0e}',
        '\u{feff}'..='\u{feff}',
        '\u{fff9}'..='\u{fffb}',
        '\u{e0001}'..='\u{e0001}',
        '\u{e0020}'..='\u{e007f}',
        '\u{f0000}'..='\u{f0010}',
    ];
    for c in ranges.into_iter().flatten() {
        let shown = one_line(&c.to_string());
        assert_eq!(shown, format!("⟨U+{:04X}⟩", u32::from(c)));
        assert!(has_hidden(&c.to_string()));
    }
    for c in "aZ9 ñÑ中文🏳é~€—“”\u{fe0f}".chars() {
        assert!(!is_hidden(c), "{c:?} can be seen");
    }
}

fn approval(sim: &mut Sim, tool: &str, input: &Value) -> Doc {
    sim.event(json!({"type": "approval.requested", "agent": {"id": "Debug"}, "session": {"id": "4f2a"},
        "approval": {"id": format!("q{}", sim.world.pos), "action": {"tool": tool, "input": input}}}));
    let view = match &sim.card("approval").content {
        // What differs anyway between two requests is taken out, so that only the action is compared.
        Content::Approval(view) => {
            sereno::core::message::ApprovalView { code: "7K3F".into(), digest: String::new(), ..view.clone() }
        }
        other => panic!("{other:?}"),
    };
    let reader = Reader { lang: Lang::En, tz: "UTC".into(), whole: true };
    RENDERER.draw(&Content::Approval(view), &reader, sim.now).unwrap()
}

#[test]
fn two_different_commands_never_draw_alike() {
    for_all(120, &(hostile(), hostile()), |(a, b)| {
        prop_different(&json!({ "command": a }), &json!({ "command": b }));
        prop_different(&json!({ "command": a.clone() + &b }), &json!({ "command": b + &a }));
    });
}

fn prop_different(a: &Value, b: &Value) {
    let mut sim = Sim::new();
    let (drawn_a, drawn_b) = (approval(&mut sim, "Bash", a), approval(&mut sim, "Bash", b));
    assert_eq!(a == b, plain(&drawn_a) == plain(&drawn_b), "{a} and {b}");
    assert_eq!(a == b, html(&drawn_a) == html(&drawn_b), "{a} and {b}");
    assert_eq!(a == b, telegram(&drawn_a, 100_000) == telegram(&drawn_b, 100_000), "{a} and {b}");
}

#[test]
fn arguments_that_imitate_each_other_draw_differently() {
    let pairs = [
        (json!({ "a": "x\nb: y" }), json!({ "a": "x", "b": "y" })),
        (json!({ "a": "1" }), json!({ "a": 1 })),
        (json!({ "a": "null" }), json!({ "a": null })),
        (json!({ "a": "" }), json!({ "a": "\"\"" })),
        (json!({ "a": "[\n  1\n]" }), json!({ "a": [1] })),
        (json!({ "a: x\nb": "y" }), json!({ "a": "x", "b": "y" })),
        (json!({ "a": "x\n  y" }), json!({ "a": "x\ny" })),
        (json!({ "command": "ls\ntimeout: 5" }), json!({ "command": "ls", "timeout": 5 })),
        (json!({ "command": "ls", "timeout": 5 }), json!({ "command": "ls", "timeout": 50 })),
        (json!({ "command": "ls" }), json!({ "command": "ls\n" })),
        (json!({ "command": "ls" }), json!({ "command": ["ls"] })),
        (json!({ "command": "ls  -la" }), json!({ "command": "ls -la" })),
    ];
    for (a, b) in pairs {
        prop_different(&a, &b);
    }
}

#[test]
fn any_two_objects_of_arguments_make_different_texts() {
    let value = || {
        prop_oneof![
            hostile().prop_map(Value::from),
            any::<i32>().prop_map(Value::from),
            Just(Value::Null),
            Just(json!({"k": [1, "2"]}))
        ]
    };
    let object = || {
        proptest::collection::btree_map("[a-c \n:]{1,3}", value(), 0..4)
            .prop_map(|map| Value::Object(map.into_iter().collect()))
    };
    for_all(2000, &(object(), object()), |(a, b)| {
        let text =
            |input: &Value| action_text(&Action { tool: "T".into(), input: input.clone(), cwd: None, target: None }).1;
        assert_eq!(a == b, text(&a) == text(&b), "{a} and {b}");
    });
}

#[test]
fn a_command_is_announced_when_it_holds_what_cannot_be_seen() {
    let mut sim = Sim::new();
    let drawn = plain(&approval(&mut sim, "Bash", &json!({ "command": "echo \u{202e}gnp.exe" })));
    assert!(drawn.contains("echo ⟨U+202E⟩gnp.exe"), "{drawn}");
    assert!(drawn.contains("It contains hidden characters"), "{drawn}");
    assert!(drawn.starts_with("⏳ Debug wants to run: echo ⟨U+202E⟩gnp.exe"), "{drawn}");
    let drawn = plain(&approval(&mut sim, "Bash", &json!({ "command": format!("ls{}; rm -rf /", " ".repeat(5000)) })));
    assert!(drawn.contains("ls⟨␠×5000⟩; rm -rf /"), "{drawn}");
}

#[test]
fn what_an_agent_writes_is_never_markup() {
    let mut sim = Sim::new();
    let evil = "**x** `y` <b>z</b> ``` {{ 1 }}\n```\n- item\n> quote\nLabel :: value";
    let doc = approval(&mut sim, evil, &json!({ "command": evil }));
    let codes: Vec<_> =
        doc.blocks.iter().filter_map(|b| if let Block::Code(text) = b { Some(text.as_str()) } else { None }).collect();
    assert_eq!(codes, [evil], "the command is one block, as it is");
    let page = html(&doc);
    assert!(!page.contains("<b>z</b>") && page.contains("&lt;b&gt;z&lt;/b&gt;"), "{page}");
    assert!(!doc.blocks.iter().any(|b| matches!(b, Block::Item(_))));
}

#[test]
fn a_card_that_has_approve_buttons_shows_everything_on_telegram() {
    let texts = (hostile(), "[a-z]{0,3000}", hostile(), "[a-z/]{0,3000}", hostile(), "[a-z]{0,1500}");
    let whole = std::cell::Cell::new((0, 0));
    for_all(120, &texts, |(command, long, value, cwd, title, name)| {
        let mut sim = Sim::new();
        let command = command + &long;
        sim.event(json!({"type": "approval.requested", "agent": {"id": "Debug", "name": name}, "session": {"id": "4f2a"}, "task": {"id": "T", "title": title},
            "approval": {"id": "q", "reason": value, "action": {"tool": "Bash", "cwd": cwd, "input": {"command": command, "more": value}}}}));
        let card = sim.card("approval");
        let copy = sim.world.copies.values().find(|c| c.card == card.number && c.to.channel == "tg").unwrap();
        let (is_whole, (yes, no)) = (copy.whole, whole.get());
        whole.set(if is_whole { (yes + 1, no) } else { (yes, no + 1) });
        let approves = card.buttons.iter().any(|b| b.label.starts_with("approve") && b.is_drawn(copy.whole));
        assert_eq!(approves, is_whole);
        if is_whole {
            for lang in Lang::ALL {
                let reader = Reader { lang, tz: "UTC".into(), whole: true };
                let doc = RENDERER.draw(&card.content, &reader, sim.now).unwrap();
                let (cut, uncut) = (telegram(&doc, 4096), telegram(&doc, 1_000_000));
                assert_eq!(cut, uncut, "something was left out of a card that can be approved");
            }
        }
    });
    let (yes, no) = whole.get();
    assert!(yes > 20 && no > 20, "{yes} fitted and {no} did not: the test shows too little");
}

#[test]
fn lengths_are_counted_as_platforms_count_them() {
    assert_eq!([utf16_len("abc"), utf16_len("ñ"), utf16_len("😀"), utf16_len("𝕏𝕏")], [3, 1, 2, 4]);
    assert_eq!((clip("añ😀b", 3), clip("añ😀", 3), clip("", 3)), ("añ…".into(), "añ😀".into(), String::new()));
}
