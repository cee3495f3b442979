//! Golden texts: each scene in each language, as plain text, Telegram's HTML and the page's HTML.

use std::collections::BTreeSet;
use std::path::Path;

use sereno::core::command::CATALOGUE;
use sereno::core::message::Content;
use sereno::core::policy::Lang;
use sereno::render::{RENDERER, Reader, html, plain, telegram, template_names};

use super::scenes::{Scene, all};

fn drawn(scene: &Scene, lang: Lang) -> String {
    let reader = Reader { lang, tz: "UTC".into(), whole: scene.whole };
    let doc = RENDERER.draw(&scene.content, &reader, scene.now).expect("every scene can be drawn");
    let buttons = scene.buttons.iter().filter(|b| b.is_drawn(scene.whole));
    let labels: Vec<_> = buttons.map(|b| format!("[{}]", CATALOGUE.button(&b.label, lang).unwrap())).collect();
    format!(
        "{}\n{}\n\n--- telegram\n{}\n\n--- page\n{}\n",
        plain(&doc),
        labels.join(" "),
        telegram(&doc, 4096),
        html(&doc).replace("><", ">\n<")
    )
}

fn snapshot_name(scene: &Scene, lang: Lang) -> String {
    format!("{}.{}", scene.name, lang.as_str())
}

#[test]
fn every_message_reads_as_it_was_approved() {
    let mut settings = insta::Settings::clone_current();
    settings.set_prepend_module_to_snapshot(false);
    settings.set_omit_expression(true);
    settings.bind(|| {
        for scene in all() {
            for lang in Lang::ALL {
                insta::assert_snapshot!(snapshot_name(&scene, lang), drawn(&scene, lang));
            }
        }
    });
}

#[test]
fn every_template_has_a_snapshot_in_every_language() {
    let shown: BTreeSet<String> = all().iter().map(|scene| scene.content.name().to_owned()).collect();
    let known: BTreeSet<String> = Content::NAMES.iter().map(|name| (*name).to_owned()).collect();
    assert_eq!(shown, known, "every kind of message occurs in a scene");
    for lang in Lang::ALL {
        let templates: BTreeSet<String> = template_names(lang).into_iter().collect();
        assert_eq!(templates, known, "templates/{}", lang.as_str());
    }
}

#[test]
fn no_snapshot_is_left_over_and_none_is_missing() {
    let wanted: BTreeSet<String> =
        all().iter().flat_map(|s| Lang::ALL.map(|lang| format!("{}.snap", snapshot_name(s, lang)))).collect();
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/it/render/snapshots");
    let files = std::fs::read_dir(folder).expect("the snapshots are there");
    let have: BTreeSet<String> = files.map(|f| f.unwrap().file_name().into_string().unwrap()).collect();
    assert_eq!(have, wanted);
}
