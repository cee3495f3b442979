//! The mail server of the tests, and the mails that it took.

use std::io::{BufRead as _, BufReader, Write as _};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::{Arc, Condvar, Mutex};
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};
use sereno::channel::email::Security;

/// How long the server may take for anything, in real time.
const PATIENCE: Duration = Duration::from_secs(20);

/// A mail as its reader sees it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mail {
    pub sender: String,
    pub to: Vec<String>,
    /// It came over a connection that was secret.
    pub secret: bool,
    pub login: bool,
    /// Decoded, in order.
    pub headers: Vec<(String, String)>,
    pub kinds: Vec<String>,
    pub defects: Vec<String>,
    pub plain: String,
    pub html: String,
    /// Byte for byte as it came.
    pub raw: Vec<u8>,
}

impl Mail {
    fn read(said: &Value) -> Self {
        let text = |key: &str| said[key].as_str().unwrap().to_owned();
        let texts = |key: &str| -> Vec<String> { serde_json::from_value(said[key].clone()).unwrap() };
        Self {
            sender: text("sender"),
            to: texts("to"),
            secret: said["secret"] == true,
            login: said["login"] == true,
            headers: serde_json::from_value(said["headers"].clone()).unwrap(),
            kinds: texts("kinds"),
            defects: texts("defects"),
            plain: text("plain"),
            html: text("html"),
            raw: STANDARD.decode(text("raw")).unwrap(),
        }
    }

    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(have, _)| have == name).map(|(_, value)| value.as_str())
    }

    pub fn subject(&self) -> &str {
        self.header("Subject").unwrap()
    }

    /// The header as it came, with its folds.
    pub fn raw_head(&self) -> String {
        let raw = String::from_utf8(self.raw.clone()).unwrap();
        raw.split_once("\r\n\r\n").unwrap().0.replace("\r\n", "\n")
    }

    /// The text without buttons and foot.
    pub fn text(&self) -> String {
        let (mut text, _) = self.plain.rsplit_once("\n\n-- \n").unwrap();
        while let Some((before, url)) = text.rsplit_once('\n')
            && url.contains("/m#")
        {
            text = before.rsplit_once("\n\n").unwrap().0;
        }
        text.to_owned()
    }

    /// Labels and tokens of the links, as the text has them; the page must have the same.
    pub fn links(&self) -> Vec<(String, String)> {
        let lines: Vec<&str> = self.plain.lines().collect();
        let pairs = lines.windows(2).filter(|pair| pair[1].contains("/m#"));
        let links = pairs.map(|pair| {
            let (_, token) = pair[1].split_once("/m#").unwrap();
            (pair[0].strip_suffix(':').unwrap().to_owned(), token.to_owned())
        });
        links.collect()
    }

    /// The token of the first link whose label begins with `start`.
    pub fn token(&self, start: &str) -> String {
        let link = self.links().into_iter().find(|(label, _)| label.starts_with(start));
        link.unwrap_or_else(|| panic!("no link {start} in\n{}", self.plain)).1
    }
}

#[derive(Default)]
struct Heard {
    mails: Vec<Mail>,
    orders: usize,
}

/// A mail server. Ends with the value.
pub struct Post {
    pub port: u16,
    pub security: Security,
    pub login: Option<(&'static str, &'static str)>,
    process: Child,
    orders: Mutex<ChildStdin>,
    heard: Arc<(Mutex<Heard>, Condvar)>,
    papers: Option<Papers>,
}

impl Post {
    pub fn start(security: Security, login: Option<(&'static str, &'static str)>) -> Self {
        let papers = (security != Security::None).then(|| Papers::new(false));
        Self::begin(security, login, papers)
    }

    /// A server whose certificate is that of an authority of its own.
    pub fn self_signed() -> Self {
        Self::begin(Security::Tls, None, Some(Papers::new(true)))
    }

    fn begin(security: Security, login: Option<(&'static str, &'static str)>, papers: Option<Papers>) -> Self {
        let root = Path::new(env!("CARGO_MANIFEST_DIR"));
        let word = match security {
            Security::None => "none",
            Security::StartTls => "starttls",
            Security::Tls => "tls",
        };
        let (name, password) = login.unwrap_or_default();
        let paper = |name: &str| papers.as_ref().map(|papers| papers.path(name)).unwrap_or_default();
        let mut process = Command::new(root.join("tests/.cache/python/bin/python"))
            .arg(root.join("tests/it/email/server.py"))
            .arg(word)
            .args([paper("leaf.pem"), paper("leaf.key")])
            .args([name, password])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .expect("aiosmtpd is there: run ./tests/run");
        let orders = Mutex::new(process.stdin.take().unwrap());
        let mut said = BufReader::new(process.stdout.take().unwrap());
        let mut port = String::new();
        said.read_line(&mut port).unwrap();
        let port = port.trim().parse().expect("aiosmtpd is there: run ./tests/run");
        let heard: Arc<(Mutex<Heard>, Condvar)> = Arc::default();
        let listener = heard.clone();
        std::thread::spawn(move || {
            for line in said.lines().map_while(Result::ok) {
                let line: Value = serde_json::from_str(&line).unwrap();
                let mut heard = listener.0.lock().unwrap();
                if line["heard"] == true {
                    heard.orders += 1;
                } else {
                    heard.mails.push(Mail::read(&line));
                }
                listener.1.notify_all();
            }
        });
        Self { port, security, login, process, orders, heard, papers }
    }

    /// The certificate of the authority that signed the server's own.
    pub fn authority(&self) -> Option<Vec<u8>> {
        self.papers.as_ref().map(|papers| std::fs::read(papers.path("ca.pem")).unwrap())
    }

    /// The next `times` answers at a step are `reply`.
    pub fn fails(&self, at: &str, reply: &str, times: u32) {
        self.order(&json!({ "at": at, "reply": reply, "times": times }));
    }

    /// Every mail that it has taken, in order.
    pub fn mails(&self) -> Vec<Mail> {
        self.order(&json!({}));
        self.heard.0.lock().unwrap().mails.clone()
    }

    /// Mails to an address, in order.
    pub fn to(&self, address: &str) -> Vec<Mail> {
        self.mails().into_iter().filter(|mail| mail.to == [address]).collect()
    }

    /// Says something and waits until it is heard: whatever was printed before has been read then.
    fn order(&self, order: &Value) {
        let before = self.heard.0.lock().unwrap().orders;
        writeln!(self.orders.lock().unwrap(), "{order}").unwrap();
        let heard = self.heard.0.lock().unwrap();
        let (heard, late) = self.heard.1.wait_timeout_while(heard, PATIENCE, |heard| heard.orders == before).unwrap();
        assert!(!late.timed_out(), "the mail server does not answer; it took {} mails", heard.mails.len());
    }
}

impl Drop for Post {
    fn drop(&mut self) {
        let _gone = self.process.kill();
        let _gone = self.process.wait();
    }
}

/// An authority, and a certificate that it signed for this machine.
struct Papers {
    folder: tempfile::TempDir,
}

impl Papers {
    fn new(self_signed: bool) -> Self {
        let papers = Self { folder: tempfile::tempdir().unwrap() };
        let key = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"];
        let names = "subjectAltName=DNS:localhost,IP:127.0.0.1";
        let mut make = vec!["req", "-x509", "-days", "2", "-subj", "/CN=an authority of tests"];
        make.extend(key);
        make.extend(["-addext", "basicConstraints=critical,CA:TRUE", "-addext", names]);
        papers.openssl(&[make, vec!["-keyout", "ca.key", "-out", "ca.pem"]].concat());
        if self_signed {
            std::fs::copy(papers.path("ca.pem"), papers.path("leaf.pem")).unwrap();
            std::fs::copy(papers.path("ca.key"), papers.path("leaf.key")).unwrap();
            return papers;
        }
        let mut ask = vec!["req", "-new", "-subj", "/CN=localhost"];
        ask.extend(key);
        papers.openssl(&[ask, vec!["-keyout", "leaf.key", "-out", "leaf.csr"]].concat());
        std::fs::write(papers.path("leaf.ext"), format!("basicConstraints=CA:FALSE\n{names}\n")).unwrap();
        let sign = ["x509", "-req", "-in", "leaf.csr", "-CA", "ca.pem", "-CAkey", "ca.key", "-CAcreateserial"];
        papers.openssl(&[&sign[..], &["-days", "2", "-extfile", "leaf.ext", "-out", "leaf.pem"]].concat());
        papers
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn openssl(&self, arguments: &[&str]) {
        let done = Command::new("openssl").args(arguments).current_dir(self.folder.path()).output().unwrap();
        assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
    }
}
