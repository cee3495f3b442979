//! What the page loads: one style sheet, its scripts, icons. All of it is in the binary.

use std::sync::LazyLock;

use axum::extract::{Path, State};
use axum::http::{HeaderMap, header};
use axum::response::{Html, IntoResponse as _, Response};
use sha2::{Digest as _, Sha256};

use super::super::Shared;
use super::super::problem::Problem;
use super::html;
use crate::render::FILES;

/// Changes with the assets, so that browsers may keep them for ever.
pub static VERSION: LazyLock<String> = LazyLock::new(|| {
    let mut hash = Sha256::new();
    for name in
        ["page.css", "page.js", "mail.js", "device.js", "offline.js", "offline.html", "sw.js", "app.webmanifest"]
    {
        hash.update(FILES.get_file(format!("web/{name}")).map(include_dir::File::contents).unwrap_or_default());
    }
    hex::encode(&hash.finalize()[..6])
});

/// What lets browsers keep an answer; nothing else of the page is kept.
pub const KEPT: &str = "public, max-age=31536000, immutable";

/// `GET /assets/{file}`
pub async fn asset(Path(name): Path<String>) -> Result<Response, Problem> {
    let kind = match name.rsplit('.').next() {
        Some("css") => "text/css; charset=utf-8",
        Some("js") => "text/javascript; charset=utf-8",
        Some("svg") => "image/svg+xml",
        Some("png") => "image/png",
        Some("webmanifest") => "application/manifest+json",
        _ => return Err(Problem::new(404, "There is nothing here.")),
    };
    let file = FILES.get_file(format!("web/{name}")).ok_or_else(|| Problem::new(404, "There is nothing here."))?;
    let headers = [(header::CONTENT_TYPE, kind), (header::CACHE_CONTROL, KEPT)];
    Ok((headers, file.contents()).into_response())
}

/// `GET /sw.js`: the worker behind the page. It names the version of the assets, so that browsers see when it is another.
pub async fn worker() -> Result<Response, Problem> {
    let file = FILES.get_file("web/sw.js").and_then(include_dir::File::contents_utf8);
    let text = file.ok_or_else(|| Problem::new(404, "There is nothing here."))?;
    let headers = [(header::CONTENT_TYPE, "text/javascript; charset=utf-8")];
    Ok((headers, text.replace("{{ version }}", &VERSION)).into_response())
}

/// `GET /offline`: the frame in which the worker shows what was seen last. It is the same for everybody.
pub async fn offline(State(door): State<Shared>, headers: HeaderMap) -> Html<String> {
    html::alone(&door, &headers, "offline")
}
