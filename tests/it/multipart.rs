//! Forms that hold files, as platforms read them.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

/// A form as a value: a field is its text, a file its name, kind and bytes in base64.
pub fn form(body: &[u8], boundary: &str) -> Value {
    let mut fields = json!({});
    let mark = format!("--{boundary}");
    let mut rest = body;
    while let Some(at) = find(rest, mark.as_bytes()) {
        rest = &rest[at + mark.len()..];
        let end = find(rest, mark.as_bytes()).unwrap_or(rest.len());
        let Some(head_end) = find(&rest[..end], b"\r\n\r\n") else { continue };
        let head = std::str::from_utf8(&rest[..head_end]).unwrap();
        let bytes = rest[head_end + 4..end].strip_suffix(b"\r\n").unwrap();
        let word = |key: &str| head.split_once(&format!("{key}=\"")).map(|(_, rest)| rest.split('"').next().unwrap());
        let kind = head.lines().find_map(|line| line.strip_prefix("Content-Type: "));
        fields[word(" name").unwrap()] = match word("filename") {
            Some(name) => json!({ "filename": name, "kind": kind, "bytes": STANDARD.encode(bytes) }),
            None => json!(std::str::from_utf8(bytes).unwrap()),
        };
    }
    fields
}

fn find(bytes: &[u8], wanted: &[u8]) -> Option<usize> {
    bytes.windows(wanted.len()).position(|window| window == wanted)
}

/// The picture in a file of a form: a PNG of a phone's width that is no larger than any platform takes.
pub fn picture(file: &Value) -> Vec<u8> {
    assert_eq!((file["filename"].as_str(), file["kind"].as_str()), (Some("chart.png"), Some("image/png")));
    let png = STANDARD.decode(file["bytes"].as_str().unwrap()).unwrap();
    checked(&png);
    png
}

/// Name, kind and text of a file of a form.
pub fn text(file: &Value) -> (String, String, String) {
    let word = |key: &str| file[key].as_str().unwrap_or_default().to_owned();
    let bytes = STANDARD.decode(file["bytes"].as_str().unwrap()).unwrap();
    (word("filename"), word("kind"), String::from_utf8(bytes).unwrap())
}

/// Whether bytes are a picture of ours.
pub fn checked(png: &[u8]) {
    let pixmap = tiny_skia::Pixmap::decode_png(png).expect("it is a PNG");
    assert!(pixmap.width() == 720 && (200..4000).contains(&pixmap.height()) && png.len() < 500_000);
}
