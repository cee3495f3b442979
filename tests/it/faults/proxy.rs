//! A proxy that breaks what goes through it: it stands between a real client and a server of the tests, and does to a
//! request what it was told to, once each, or to all of them while the line is cut.
//!
//! It speaks just enough HTTP to know where a request ends, and closes the connection after each.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use sereno::clock::within;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};

/// What is done to a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// The connection is cut before the body is read.
    ResetBeforeBody,
    /// The connection is cut once the body was read; the server never saw it.
    ResetAfterBody,
    /// The server has done it, and its answer is cut in the middle.
    ResetMidAnswer,
    /// The server has done it, and nothing comes back.
    Silence,
    /// The server has done it, and its answer comes a byte a second.
    Slow,
    /// 200 with half of a JSON text.
    Malformed,
    /// 200 with `ok: false` and nothing else.
    NotOk,
    /// A status with an empty JSON object.
    Status(u16),
    /// 502 with a page.
    BadGateway,
    /// 503 with `Retry-After`.
    Unavailable,
    /// 429 that says in its header how long to wait.
    LimitHeader,
    /// 429 with a fraction of a second in the body.
    LimitFloat,
    /// 429 with whole seconds in the body.
    LimitBody,
    /// 429 with a date in the header.
    LimitDate,
    /// 429 that does not say how long.
    LimitNone,
    /// 200 with 50 MiB.
    Huge,
    /// A redirect to a stranger.
    Redirect,
    /// What a TLS server says to somebody who speaks plainly.
    NoTls,
    /// The server gets it twice.
    Twice,
}

/// Those that come back at once.
pub const QUICK: [Fault; 20] = [
    Fault::ResetBeforeBody,
    Fault::ResetAfterBody,
    Fault::ResetMidAnswer,
    Fault::Malformed,
    Fault::NotOk,
    Fault::Status(401),
    Fault::Status(403),
    Fault::Status(404),
    Fault::Status(500),
    Fault::BadGateway,
    Fault::Unavailable,
    Fault::LimitHeader,
    Fault::LimitFloat,
    Fault::LimitBody,
    Fault::LimitDate,
    Fault::LimitNone,
    Fault::Huge,
    Fault::Redirect,
    Fault::NoTls,
    Fault::Twice,
];

/// Those that last as long as a client lets them.
pub const SLOW: [Fault; 2] = [Fault::Silence, Fault::Slow];

#[derive(Default)]
struct Plan {
    /// Only requests whose first line contains this.
    about: String,
    next: Vec<Fault>,
    cut: bool,
    passed: Vec<String>,
    strangers: usize,
}

/// A running proxy.
#[derive(Clone)]
pub struct Proxy {
    pub address: SocketAddr,
    plan: Arc<Mutex<Plan>>,
}

impl Proxy {
    /// Stands before `server`; only requests whose first line contains `about` are broken.
    pub async fn start(server: SocketAddr, about: &str) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let plan = Plan { about: about.to_lowercase(), ..Plan::default() };
        let proxy = Self { address: listener.local_addr().unwrap(), plan: Arc::new(Mutex::new(plan)) };
        let serving = proxy.clone();
        tokio::spawn(async move {
            loop {
                let Ok((client, _)) = listener.accept().await else { continue };
                let proxy = serving.clone();
                // Whatever breaks here is what was asked for.
                tokio::spawn(async move { proxy.serve(client, server).await });
            }
        });
        proxy
    }

    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// The next request that it is about meets this.
    pub fn meets(&self, fault: Fault) {
        self.plan.lock().unwrap().next.push(fault);
    }

    /// Whether every request is cut from now on.
    pub fn cuts(&self, cut: bool) {
        self.plan.lock().unwrap().cut = cut;
    }

    /// First lines of the requests that it is about, those that were broken too.
    pub fn seen(&self) -> usize {
        self.plan.lock().unwrap().passed.len()
    }

    /// Requests that somebody sent where a redirect pointed to.
    pub fn strangers(&self) -> usize {
        self.plan.lock().unwrap().strangers
    }

    async fn serve(&self, mut client: TcpStream, server: SocketAddr) -> Option<()> {
        let (head, mut rest) = read_head(&mut client).await?;
        let first = head.lines().next().unwrap_or_default().to_lowercase();
        let (fault, cut) = self.fault(&first);
        if cut || fault == Some(Fault::ResetBeforeBody) {
            return None;
        }
        read_body(&mut client, &head, &mut rest).await?;
        let again = head.replace("\r\nconnection: keep-alive", "").replacen("\r\n", "\r\nconnection: close\r\n", 1);
        let forward = || async {
            let mut upstream = TcpStream::connect(server).await.ok()?;
            upstream.write_all(again.as_bytes()).await.ok()?;
            upstream.write_all(&rest).await.ok()?;
            let mut answer = Vec::new();
            upstream.read_to_end(&mut answer).await.ok()?;
            Some(answer)
        };
        match fault {
            None => client.write_all(&forward().await?).await.ok(),
            Some(Fault::ResetBeforeBody | Fault::ResetAfterBody) => None,
            Some(Fault::ResetMidAnswer) => {
                let answer = forward().await?;
                client.write_all(&answer[..answer.len() * 2 / 3]).await.ok()
            }
            Some(Fault::Silence) => {
                forward().await?;
                std::future::pending().await
            }
            Some(Fault::Slow) => {
                for byte in forward().await? {
                    client.write_all(&[byte]).await.ok()?;
                    let _a_second = within(Duration::from_secs(1), std::future::pending::<()>()).await;
                }
                Some(())
            }
            Some(Fault::Twice) => {
                forward().await?;
                client.write_all(&forward().await?).await.ok()
            }
            Some(Fault::Huge) => huge(&mut client).await,
            Some(fault) => client.write_all(&self.answer(fault)).await.ok(),
        }
    }

    fn fault(&self, first: &str) -> (Option<Fault>, bool) {
        let mut plan = self.plan.lock().unwrap();
        if first.contains("/stranger") {
            plan.strangers += 1;
        }
        let fitting = first.contains(&plan.about);
        if fitting {
            plan.passed.push(first.to_owned());
        }
        let fault = if fitting && !plan.next.is_empty() { Some(plan.next.remove(0)) } else { None };
        (fault, plan.cut)
    }

    fn answer(&self, fault: Fault) -> Vec<u8> {
        let json = |status: u16, headers: &str, body: &str| {
            let length = body.len();
            format!("HTTP/1.1 {status} X\r\ncontent-type: application/json\r\nconnection: close\r\ncontent-length: {length}\r\n{headers}\r\n{body}")
                .into_bytes()
        };
        let limit = |wait: &str| {
            format!("{{\"ok\":false,\"error_code\":429,\"description\":\"Too Many Requests: retry later\"{wait}}}")
        };
        let date = "date: Fri, 20 Nov 2026 09:00:00 GMT\r\nretry-after: Fri, 20 Nov 2026 09:00:07 GMT\r\n";
        match fault {
            Fault::Malformed => json(200, "", "{\"ok\":true,\"resu"),
            Fault::NotOk => json(200, "", "{\"ok\":false}"),
            Fault::Status(status) => json(status, "", "{}"),
            Fault::BadGateway => json(502, "", "<html><body>Bad Gateway</body></html>"),
            Fault::Unavailable => json(503, "retry-after: 7\r\n", "{}"),
            Fault::LimitHeader => json(429, "retry-after: 7\r\n", "<html>slow down</html>"),
            Fault::LimitFloat => json(429, "", &limit(",\"parameters\":{\"retry_after\":6.5}")),
            Fault::LimitBody => json(429, "", &limit(",\"parameters\":{\"retry_after\":7}")),
            Fault::LimitDate => json(429, date, "{}"),
            Fault::LimitNone => json(429, "", &limit("")),
            Fault::Redirect => json(302, &format!("location: {}/stranger\r\n", self.url()), ""),
            _ => b"\x15\x03\x01\x00\x02\x02\x46".to_vec(),
        }
    }
}

async fn read_head(client: &mut TcpStream) -> Option<(String, Vec<u8>)> {
    let mut read = Vec::new();
    loop {
        if let Some(end) = read.windows(4).position(|w| w == b"\r\n\r\n") {
            let rest = read.split_off(end + 4);
            return Some((String::from_utf8(read).ok()?, rest));
        }
        if client.read_buf(&mut read).await.ok()? == 0 {
            return None;
        }
    }
}

async fn read_body(client: &mut TcpStream, head: &str, rest: &mut Vec<u8>) -> Option<()> {
    let length = head.lines().find_map(|line| {
        let (name, value) = line.split_once(':')?;
        name.eq_ignore_ascii_case("content-length").then(|| value.trim().parse::<usize>().ok())?
    });
    while rest.len() < length.unwrap_or(0) {
        if client.read_buf(rest).await.ok()? == 0 {
            return None;
        }
    }
    Some(())
}

/// 50 MiB, or as much as the client takes.
async fn huge(client: &mut TcpStream) -> Option<()> {
    const SIZE: usize = 50 * 1024 * 1024;
    let head = format!("HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: {SIZE}\r\n\r\n{{\"x\":\"");
    client.write_all(head.as_bytes()).await.ok()?;
    let piece = vec![b'x'; 64 * 1024];
    for _ in 0..SIZE / piece.len() {
        client.write_all(&piece).await.ok()?;
    }
    Some(())
}
