//! `sereno doctor`: what is wrong with the installation, and how to mend it.
//!
//! It looks at everything that `sereno check` cannot see in the file alone: files, people, the store, the clock, the
//! page's address and what each platform says of us. It changes nothing and sends nothing to anybody; that a message
//! arrives is proved by `sereno notify test`.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::time::Duration;

use super::{Channels, Done, Failure, block_on, load};
use crate::app::{build_runtimes, reachable};
use crate::clock::{Clock as _, SystemClock};
use crate::config::{Config, PAGE};
use crate::core::access::Role;
use crate::core::time::Span;
use crate::disk;
use crate::engine::DiskLevel;
use crate::exam::{Finding, Grade, ahead};
use crate::listener::secret_key;
use crate::outgoing;
use crate::runtime::{Kept, Runtime};
use crate::store::{Store, folder_of, sqlite_path};

/// Who does not answer in this time is not there.
const TIMEOUT: Duration = Duration::from_secs(5);
/// Signatures and links are judged by the clock; further off than this they begin to fail.
const OFF: Span = Span::secs(30);
/// Further off than this somebody should know.
const SLIGHTLY_OFF: Span = Span::secs(2);

/// What was found, about what.
pub(super) struct Report(Vec<(String, Finding)>);

impl Report {
    pub(super) const fn new() -> Self {
        Self(Vec::new())
    }

    pub(super) fn say(&mut self, about: &str, finding: Finding) {
        self.0.push((about.to_owned(), finding));
    }

    pub(super) fn print(&self) {
        let width = self.0.iter().map(|(about, _)| about.chars().count()).max().unwrap_or(0);
        for (about, finding) in &self.0 {
            let sign = match finding.grade {
                Grade::Good => "ok",
                Grade::Doubtful => "??",
                Grade::Bad => "!!",
            };
            println!("{sign} {about:width$}  {}", finding.what);
            if let Some(remedy) = &finding.remedy {
                println!("   {:width$}  → {remedy}", "");
            }
        }
    }

    pub(super) fn count(&self, grade: Grade) -> usize {
        self.0.iter().filter(|(_, finding)| finding.grade == grade).count()
    }
}

pub(crate) fn run(named: Option<PathBuf>) -> Done {
    let config = load(named)?;
    let built = super::build(&config)?;
    let mut report = Report::new();
    report.say(
        "configuration",
        Finding::good(format!(
            "{} people, {} channels, {} runtimes",
            config.policy.people.len(),
            config.file.channels.len(),
            config.file.runtimes.len()
        )),
    );
    people(&config, &mut report);
    block_on(address(&config, &mut report));
    block_on(store(&config, &mut report));
    block_on(channels(&built, &mut report));
    block_on(runtimes(&config, &mut report))?;
    report.print();
    match (report.count(Grade::Bad), report.count(Grade::Doubtful)) {
        (0, 0) => println!("\nNothing is wrong. `sereno notify test CHANNEL` proves that a message arrives."),
        (0, doubtful) => println!("\nIt works; {doubtful} to know of."),
        (bad, _) => return Err(Failure::No(format!("{bad} to mend"))),
    }
    Ok(())
}

/// Whether there is somebody who may decide, and everybody can be told.
fn people(config: &Config, report: &mut Report) {
    let people = &config.policy.people;
    if !people.values().any(|person| matches!(person.role, Role::Approver | Role::Admin)) {
        report.say(
            "people",
            Finding::bad("nobody may approve anything", "give somebody role = \"approver\" or \"admin\""),
        );
    }
    let kinds: BTreeSet<&str> =
        config.policy.channels.iter().filter(|(name, _)| *name != PAGE).map(|(_, about)| about.kind.as_str()).collect();
    for (name, person) in people {
        if !person.accounts.keys().any(|kind| kinds.contains(kind.as_str())) {
            let what = format!("{name} is told things on the page alone, and is not woken by it");
            report.say(
                "people",
                Finding::doubtful(what, format!("give [people.{name}] an account on one of the channels")),
            );
        }
    }
}

/// Whether we run, and are found where links lead to.
async fn address(config: &Config, report: &mut Report) {
    let client = outgoing::builder(TIMEOUT).no_proxy().build();
    let Ok(client) = client else { return };
    let here = format!("http://{}/readyz", reachable(config.listen()));
    match client.get(&here).send().await {
        Ok(answer) if answer.status().is_success() => report.say("process", Finding::good("it runs, and is ready")),
        Ok(_) => report.say("process", Finding::bad("it runs, but is not ready", "`sereno health` tells why")),
        Err(_) => report.say(
            "process",
            Finding::doubtful("it does not run here now", "start it with `sereno serve`, or its service"),
        ),
    }
    let public = config.public_url();
    let is_local = config.listen().ip().is_loopback() && public.starts_with("http://127.");
    if is_local {
        let what = "links lead to this machine alone";
        report.say("page", Finding::doubtful(what, "set http.public_url to an address that phones reach, behind TLS"));
        return;
    }
    if !public.starts_with("https://") {
        report.say(
            "page",
            Finding::doubtful(
                format!("{public} is not secret on its way"),
                "put it behind TLS, and write https:// into http.public_url",
            ),
        );
    }
    match client.get(format!("{public}/healthz")).send().await {
        Ok(answer) if answer.status().is_success() => report.say("page", Finding::good(format!("{public} leads here"))),
        Ok(answer) => {
            let what = format!("{public} answers {}", answer.status().as_u16());
            report.say("page", Finding::bad(what, "let the proxy hand every path on to http.listen"));
        }
        Err(_) => report.say(
            "page",
            Finding::bad(
                format!("{public} does not answer"),
                "see to DNS, the proxy and its certificate; or mend http.public_url",
            ),
        ),
    }
}

/// Whether the store can be read, and has room.
async fn store(config: &Config, report: &mut Report) {
    let Ok(url) = config.store_url() else { return };
    let path = sqlite_path(&url);
    if path.as_ref().is_none_or(|path| path.exists()) {
        report.say(
            "store",
            match Store::open_reader(&url).await {
                Ok(store) => {
                    store.close().await;
                    Finding::good("it can be read")
                }
                Err(error) => Finding::bad(
                    error.to_string(),
                    "see to store.url, its password, and the server or the file behind it",
                ),
            },
        );
    }
    let Some(path) = path else { return };
    report.say("store", of_file(&path));
    let folder = folder_of(&path);
    if let Some(kind) = disk::network_file_system(folder) {
        report.say(
            "store",
            Finding::bad(
                format!("it is on {kind}, where locks do not hold"),
                "put store.url on a disk of this machine",
            ),
        );
    }
    if let Ok((free, total)) = disk::space(folder) {
        let what = format!("{} MiB of {} MiB are free", free / 1024 / 1024, total / 1024 / 1024);
        report.say(
            "disk",
            match disk::level(free, total) {
                DiskLevel::Plenty | DiskLevel::Tight => Finding::good(what),
                DiskLevel::Low => Finding::doubtful(what, "make room: telemetry is refused soon"),
                DiskLevel::Scarce => Finding::bad(what, "make room: only decisions are taken in"),
            },
        );
    }
}

fn of_file(path: &Path) -> Finding {
    use std::os::unix::fs::PermissionsExt as _;
    let shown = path.display();
    match std::fs::metadata(path) {
        Ok(about) if about.permissions().mode() & 0o077 != 0 => {
            Finding::doubtful(format!("{shown} can be read by others"), format!("run chmod 600 {shown}"))
        }
        Ok(about) => Finding::good(format!("{shown}, {} KiB", about.len() / 1024)),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
            Finding::good(format!("{shown} is made at the first start"))
        }
        Err(error) => Finding::bad(format!("{shown}: {error}"), "see to it that the user of the service owns it"),
    }
}

/// What each platform says of us, and what time it is there.
async fn channels(channels: &Channels, report: &mut Report) {
    let clock = SystemClock::new();
    let mut worst = None;
    let mut names: Vec<&String> = channels.keys().filter(|name| *name != PAGE).collect();
    names.sort_unstable();
    for name in names {
        let before = clock.now();
        let exam = channels[name].examine().await;
        let about = format!("channel {name}");
        if exam.findings.is_empty() {
            report.say(&about, Finding::good(format!("nothing to look at; `sereno notify test {name}` proves it")));
        }
        for finding in exam.findings {
            report.say(&about, finding);
        }
        let off = exam.date.map(|date| ahead(date, (before, clock.now())));
        worst = worst.into_iter().chain(off).max_by_key(|off: &Span| off.0.abs());
    }
    report.say("clock", of_clock(worst));
}

/// What each runtime says of us that has to be called.
async fn runtimes(config: &Config, report: &mut Report) -> Done {
    for (name, runtime) in build_runtimes(config)?.iter().filter(|(_, runtime)| runtime.is_called()) {
        for finding in examined(config, name, runtime.as_ref()).await {
            report.say(&format!("runtime {name}"), finding);
        }
    }
    Ok(())
}

/// What a look at a runtime shows that has to be called, as the device that the store knows.
pub(super) async fn examined(config: &Config, name: &str, runtime: &dyn Runtime) -> Vec<Finding> {
    let mut kept = Kept::new();
    if let Ok(url) = config.store_url()
        && sqlite_path(&url).is_none_or(|path| path.exists())
        && let Ok(store) = Store::open_reader(&url).await
    {
        for secret in runtime.secrets() {
            let found = store.meta(&secret_key(name, secret)).await.ok().flatten();
            kept.extend(found.map(|found| (*secret, found)));
        }
        store.close().await;
    }
    runtime.examine(&kept).await.findings
}

fn of_clock(worst: Option<Span>) -> Finding {
    let Some(off) = worst else { return Finding::good("nobody to compare it with") };
    let what = format!("{} s {}", off.0.abs() / 1000, if off.0 < 0 { "behind" } else { "ahead" });
    let remedy = "let NTP keep it, for example with systemd-timesyncd or chrony";
    match Span(off.0.abs()) {
        off if off > OFF => Finding::bad(format!("it is {what}"), remedy),
        off if off > SLIGHTLY_OFF => Finding::doubtful(format!("it is {what}"), remedy),
        _ => Finding::good("it agrees with the platforms"),
    }
}
