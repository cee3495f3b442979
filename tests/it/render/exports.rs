//! Files as they are handed over: read back by other programs, and harmless to those that compute.

use std::io::Write as _;
use std::process::{Command, Stdio};

use serde_json::{Value, json};
use sereno::core::message::{ExportFormat, ExportKind, ExportView};
use sereno::core::policy::Lang;
use sereno::core::time::Span;
use sereno::render::export::{File, file};

use crate::sim::at;

fn view(format: ExportFormat, rows: Vec<Vec<Value>>) -> ExportView {
    ExportView {
        what: ExportKind::Costs,
        period: "7d".into(),
        from: at("09:00").minus(Span::days(7)),
        format,
        columns: ["agent", "cost_usd"].map(str::to_owned).into(),
        rows,
        left_out: 0,
        at: at("09:00"),
    }
}

/// A small file.
pub fn some() -> File {
    file(&view(ExportFormat::Csv, vec![vec![json!("debug"), json!(1.85)]]), Lang::En)
}

const HOSTILE: &[&str] = &[
    "=1+1",
    "+1",
    "-1",
    "@SUM(A1)",
    "\t=1",
    "\r=1",
    "\n=1",
    "＝cmd|' /C calc'!A0",
    "say \"hi\", twice",
    "two\r\nlines",
    "ñandú 🏳️‍🌈",
    "'quoted",
    "",
];

/// What Python's reader of CSV makes of it.
fn read_back(csv: &str) -> Vec<Vec<String>> {
    let program = "import csv,json,sys,io\nt=sys.stdin.buffer.read().decode()\n\
                   print(json.dumps(list(csv.reader(io.StringIO(t,newline=''),strict=True))))";
    let mut python = Command::new("python3");
    python.args(["-c", program]).stdin(Stdio::piped()).stdout(Stdio::piped());
    let mut child = python.spawn().expect("python3 is there");
    child.stdin.take().unwrap().write_all(csv.as_bytes()).unwrap();
    serde_json::from_slice(&child.wait_with_output().unwrap().stdout).unwrap()
}

#[test]
fn a_table_is_read_back_as_it_was_and_computes_nothing() {
    let rows = HOSTILE.iter().map(|text| vec![json!(text), json!(-1.25)]).chain([vec![Value::Null, json!(2)]]);
    let file = file(&view(ExportFormat::Csv, rows.collect()), Lang::En);
    assert_eq!((file.name.as_str(), file.mime), ("sereno-costs-2026-11-20.csv", "text/csv"));
    let read = read_back(&file.text);
    assert_eq!(read[0], ["agent", "cost_usd"]);
    for (row, text) in read[1..].iter().zip(HOSTILE) {
        let harmless = row[0].trim_start_matches('\'');
        assert_eq!(harmless, text.trim_start_matches('\''), "nothing is lost");
        assert!(!row[0].starts_with(['=', '+', '-', '@', '\t', '\r', '\n', '＝']), "{row:?}");
        assert_eq!(row[1], "-1.25", "a number of ours is a number");
    }
    assert_eq!(read.last().unwrap()[..], ["", "2"]);
}

#[test]
fn each_line_is_an_object_and_the_first_says_what_is_left_out() {
    let mut view = view(ExportFormat::Jsonl, vec![vec![json!("=1\n2"), json!(0.5)], vec![Value::Null, json!(0)]]);
    view.left_out = 3;
    for (lang, said) in [(Lang::En, "3 older rows are left out"), (Lang::Es, "se dejaron fuera 3 filas anteriores")] {
        let file = file(&view, lang);
        assert_eq!((file.name.as_str(), file.mime), ("sereno-costs-2026-11-20.jsonl", "application/jsonl"));
        let lines: Vec<Value> = file.text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
        assert_eq!(
            lines,
            [
                json!({ "left_out": 3, "note": said }),
                json!({ "agent": "=1\n2", "cost_usd": 0.5 }),
                json!({ "agent": null, "cost_usd": 0 }),
            ]
        );
        view.format = ExportFormat::Csv;
        assert_eq!(read_back(&sereno::render::export::file(&view, lang).text)[0], [format!("# {said}")]);
        view.format = ExportFormat::Jsonl;
    }
}
