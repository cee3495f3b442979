//! Pictures: what they show, in both languages, and that it can be seen on either ground.

use sereno::core::chart::{Amount, Begin, By, Chart, Course, Each, Name, Panel, Part, Parts, Slice};
use sereno::core::message::Content;
use sereno::core::money::Micros;
use sereno::core::policy::Lang;
use sereno::core::status::Status;
use sereno::core::time::{Span, Ts};
use sereno::render::chart::{Ground, Picture, picture};
use tiny_skia::Pixmap;

use super::scenes::all;

/// Names that want to be markup, to reorder their line, to be too long, and to have no letters in the font.
const HOSTILE: [&str; 4] =
    ["</text><script>alert(1)</script>", "evil\u{202e}gnp.exe", "WWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWW", "漢字 🙂"];

fn settings() -> insta::Settings {
    let mut settings = insta::Settings::clone_current();
    settings.set_prepend_module_to_snapshot(false);
    settings.set_omit_expression(true);
    settings.set_snapshot_path("charts");
    settings
}

fn hostile() -> Chart {
    let row = |(place, name): (usize, &&str)| Part {
        name: Name::Given((*name).to_owned()),
        amount: Amount::Cents([4000, 3000, 2000, 1000][place]),
        percent: [40, 30, 20, 10][place],
    };
    let rows = HOSTILE.iter().enumerate().map(row).collect();
    Chart { panels: vec![Panel::Parts(Parts { by: By::Agent, rows })] }
}

/// A picture of two panels, as one goes with a message.
pub fn some() -> Picture {
    let slice = |(hour, cost): (i64, &i64)| Slice { from: Begin::At(Ts(hour * 3_600_000)), cost: Micros(*cost) };
    let slices = (0..).zip(&[400_000, 1_200_000, 250_000]).map(slice).collect();
    let each = Each::Time(Span::hours(1));
    let course = Course { cents: 185, each, slices, open: true, last_hour: Some(Micros(250_000)) };
    let Chart { mut panels } = hostile();
    panels.insert(0, Panel::Course(course));
    picture(&Chart { panels }, Lang::En, "UTC")
}

fn decoded(picture: &Picture, ground: Ground) -> Pixmap {
    let png = picture.png(ground).expect("it can be painted");
    Pixmap::decode_png(&png).expect("it is a PNG")
}

fn colours(pixmap: &Pixmap, wanted: [u8; 3]) -> usize {
    let is = |pixel: &tiny_skia::PremultipliedColorU8| [pixel.red(), pixel.green(), pixel.blue()] == wanted;
    pixmap.pixels().iter().filter(|pixel| is(pixel)).count()
}

#[test]
fn every_chart_looks_as_it_was_approved() {
    settings().bind(|| {
        for scene in all() {
            let Some(chart) = scene.content.chart() else { continue };
            for lang in Lang::ALL {
                let name = format!("{}.{}", scene.name, lang.as_str());
                insta::assert_snapshot!(name, picture(&chart, lang, "UTC").svg());
            }
        }
        let counts = [(Status::Waiting, 1), (Status::Error, 1), (Status::Silent, 0), (Status::Running, 5)];
        let agents = Chart::of_agents(&counts).unwrap();
        for lang in Lang::ALL {
            insta::assert_snapshot!(format!("agents.{}", lang.as_str()), picture(&agents, lang, "UTC").svg());
        }
        insta::assert_snapshot!("hostile.en", picture(&hostile(), Lang::En, "UTC").svg());
    });
}

#[test]
fn only_what_tells_of_money_has_a_chart() {
    for scene in all() {
        let has = scene.content.chart().is_some();
        match &scene.content {
            Content::Cost(view) => assert_eq!(has, view.total.cost > Micros(0), "{}", scene.name),
            Content::Digest(view) => assert_eq!(has, view.money.total.cost > Micros(0), "{}", scene.name),
            _ => assert!(!has, "{}", scene.name),
        }
    }
    assert_eq!(Chart::of_agents(&[(Status::Idle, 0)]), None);
}

#[test]
fn parts_add_up_to_the_whole_beside_them() {
    let mut seen = 0;
    for scene in all() {
        for panel in scene.content.chart().into_iter().flat_map(|chart| chart.panels) {
            let (Panel::Parts(parts), Some(total)) = (panel, cents(&scene.content)) else { continue };
            assert!(parts.rows.len() <= 5 && parts.by != By::Status, "{}", scene.name);
            assert_eq!(parts.rows.iter().map(|part| part.percent).sum::<i64>(), 100, "{}", scene.name);
            let amount = |part: &Part| match part.amount {
                Amount::Cents(cents) => cents,
                Amount::Count(_) => panic!("money is no number of things"),
            };
            assert_eq!(parts.rows.iter().map(amount).sum::<i64>(), total, "{}", scene.name);
            seen += 1;
        }
    }
    assert!(seen > 4);
}

fn cents(content: &Content) -> Option<i64> {
    match content {
        Content::Cost(view) => Some(view.total_cents),
        Content::Digest(view) => Some(view.money.cents),
        _ => None,
    }
}

#[test]
fn a_picture_is_opaque_twice_its_drawing_and_shows_what_is_in_it() {
    for chart in all().iter().filter_map(|scene| scene.content.chart()).chain([hostile()]) {
        for lang in Lang::ALL {
            let picture = picture(&chart, lang, "America/Mexico_City");
            let svg = picture.svg();
            let size = svg.split("viewBox=\"0 0 360 ").nth(1).and_then(|rest| rest.split('"').next()).unwrap();
            let high: f64 = size.parse().unwrap();
            for ground in [Ground::Light, Ground::Dark] {
                let pixmap = decoded(&picture, ground);
                assert_eq!((pixmap.width(), f64::from(pixmap.height())), (720, high.trunc() * 2.0));
                assert!(pixmap.pixels().iter().all(|pixel| pixel.alpha() == 255));
                let all = pixmap.pixels().len();
                let behind = colours(&pixmap, ground.colour());
                assert!(behind > all / 2, "most of it is what it is painted on");
                let [ink, _, bar] = ground.colours();
                for colour in [ink, bar] {
                    assert!(colours(&pixmap, colour) > 20, "{colour:?} is seen");
                }
            }
        }
    }
}

#[test]
fn what_is_painted_can_be_seen_on_its_ground_and_bars_on_either() {
    for ground in [Ground::Light, Ground::Dark] {
        let [ink, soft, bar] = ground.colours();
        assert!(contrast(ink, ground.colour()) >= 7.0);
        assert!(contrast(soft, ground.colour()) >= 4.5);
        assert!(contrast(bar, ground.colour()) >= 4.5);
    }
}

/// <https://www.w3.org/TR/WCAG22/#dfn-contrast-ratio>
fn contrast(one: [u8; 3], other: [u8; 3]) -> f64 {
    let light = |colour: [u8; 3]| {
        let part = |value: u8| {
            let value = f64::from(value) / 255.0;
            if value <= 0.04045 { value / 12.92 } else { ((value + 0.055) / 1.055).powf(2.4) }
        };
        0.2126 * part(colour[0]) + 0.7152 * part(colour[1]) + 0.0722 * part(colour[2]) + 0.05
    };
    let (one, other) = (light(one), light(other));
    one.max(other) / one.min(other)
}

#[test]
fn hostile_names_are_text_and_never_leave_the_picture() {
    let picture = picture(&hostile(), Lang::En, "UTC");
    let svg = picture.svg();
    assert!(!svg.contains("<script") && !svg.contains('\u{202e}') && svg.contains("⟨U+202E⟩"), "{svg}");
    let known = ["svg", "title", "desc", "rect", "text"];
    let mut tags = svg.split('<').skip(1).map(|tag| tag.trim_start_matches('/').split([' ', '>', '/']).next().unwrap());
    assert!(tags.all(|tag| known.contains(&tag)), "{svg}");
    for attribute in ["style=", "on", "href", "url("] {
        let mut inside = svg.split('<').map(|tag| tag.split('>').next().unwrap());
        assert!(!inside.any(|tag| tag.contains(&format!(" {attribute}"))), "{attribute}");
    }
    assert_eq!(picture.png(Ground::Dark), picture.png(Ground::Dark), "the same every time");
    let pixmap = decoded(&picture, Ground::Light);
    let width = usize::try_from(pixmap.width()).unwrap();
    let edge = |x: usize| pixmap.pixels().iter().skip(x).step_by(width).all(|p| p.red() == 255 && p.blue() == 255);
    assert!(edge(0) && edge(8) && edge(width - 9) && edge(width - 1), "nothing runs over the edges");
}

#[test]
fn slices_of_any_number_and_size_can_be_drawn() {
    for count in [2, 8, 25, 62] {
        for each in [Each::Day, Each::Time(Span::mins(15)), Each::Time(Span::hours(3))] {
            let from = |place: i64| Begin::At(Ts(1_795_000_000_000 + place * 86_400_000));
            let cost = |place: i64| Micros([0, 1, 12_340_000, i64::MAX / 100, -5][usize::try_from(place % 5).unwrap()]);
            let slices = (0..count).map(|place| Slice { from: from(place), cost: cost(place) }).collect();
            let course = Course { cents: 1234, each, slices, open: true, last_hour: Some(Micros(1)) };
            let drawn = picture(&Chart { panels: vec![Panel::Course(course)] }, Lang::Es, "nowhere");
            assert!(drawn.svg().contains("<rect") && drawn.alt.starts_with("Costo por"), "{}", drawn.alt);
            assert!(decoded(&drawn, Ground::Dark).height() < 600);
        }
    }
}
