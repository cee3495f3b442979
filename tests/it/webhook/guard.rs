//! Nobody inside the house is called who may not be (T28), whatever a name answers.

use std::net::{IpAddr, SocketAddr};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use reqwest::dns::{Addrs, Name, Resolve, Resolving};
use sereno::channel::webhook::Webhook;
use sereno::channel::{Channel as _, Verdict};
use sereno::outgoing::{self, Failed, Guarded, Inside, Network};

use super::settings;
use super::taker::Taker;
use crate::channel::contract::line;

const LIMIT: Duration = Duration::from_secs(10);

fn only(networks: &[&str]) -> Inside {
    Inside::Only(networks.iter().map(|text| Network::parse(text).unwrap()).collect())
}

#[test]
fn addresses_are_inside_or_outside_however_they_are_written() {
    let outside =
        ["1.1.1.1", "8.8.8.8", "172.15.255.255", "172.32.0.0", "100.128.0.1", "2606:4700::1111", "64:ff9b::808:808"];
    let private = [
        "127.0.0.1",
        "127.8.9.1",
        "10.0.0.1",
        "172.16.0.1",
        "172.31.255.255",
        "192.168.1.1",
        "100.64.0.1",
        "::1",
        "fd00::1",
        "::ffff:127.0.0.1",
        "::ffff:10.1.2.3",
    ];
    let never = [
        "0.0.0.0",
        "169.254.169.254",
        "::ffff:169.254.169.254",
        "64:ff9b::a9fe:a9fe",
        "2002:a9fe:a9fe::1",
        "2002:7f00:1::",
        "64:ff9b::7f00:1",
        "fe80::1",
        "fec0::1",
        "ff02::1",
        "::",
        "224.0.0.1",
        "255.255.255.255",
        "192.0.2.1",
        "198.18.0.1",
        "2001:db8::1",
        "2001::1",
        "::7f00:1",
    ];
    let allows = |inside: &Inside, text: &str| inside.allows(text.parse::<IpAddr>().unwrap());
    for address in outside {
        assert!(allows(&Inside::Nowhere, address), "{address}");
    }
    for address in private {
        assert!(!allows(&Inside::Nowhere, address) && allows(&Inside::Private, address), "{address}");
    }
    for address in never {
        assert!(!allows(&Inside::Nowhere, address) && !allows(&Inside::Private, address), "{address}");
    }
    let some = only(&["10.1.0.0/16", "169.254.169.254", "fd00:1::/32"]);
    for (address, wanted) in [
        ("10.1.255.1", true),
        ("10.2.0.1", false),
        ("127.0.0.1", false),
        ("169.254.169.254", true),
        ("169.254.169.253", false),
        ("fd00:1::7", true),
        ("fd00:2::7", false),
        ("::ffff:10.1.0.1", true),
        ("9.9.9.9", true),
    ] {
        assert_eq!(allows(&some, address), wanted, "{address}");
    }
    for wrong in ["10.0.0.0/33", "10.0.0", "fd00::/129", "example.org", "10.0.0.0/", ""] {
        assert_eq!(Network::parse(wrong), None, "{wrong}");
    }
}

#[tokio::test]
async fn nobody_on_this_machine_is_called_by_any_name_of_it() {
    let taker = Taker::start().await;
    let port = taker.address.port();
    let hosts = [
        "127.0.0.1",
        "localhost",
        "[::ffff:127.0.0.1]",
        "127.1",
        "2130706433",
        "0x7f000001",
        "0177.0.0.1",
        "0.0.0.0",
        "[::]",
    ];
    for inside in [Inside::Nowhere, only(&["10.0.0.0/8"])] {
        for host in hosts {
            let mut hook = settings(&taker);
            hook.url = format!("http://{host}:{port}/take").parse().unwrap();
            let hook = Webhook::new(hook, Webhook::client(inside.clone()).unwrap());
            let verdict = hook.send(&line("ops", "It asks")).await;
            assert!(matches!(&verdict, Verdict::Locked(why) if why.contains("allow_private")), "{host}: {verdict:?}");
        }
    }
    assert_eq!(taker.heard(), []);
    // The same program is called once the configuration says so.
    let hook = Webhook::new(settings(&taker), Webhook::client(only(&["127.0.0.0/8"])).unwrap());
    assert!(matches!(hook.send(&line("ops", "It asks")).await, Verdict::Sent(_)));
}

/// A name that answers with these, one list after the other.
struct Changing {
    answers: Mutex<Vec<Vec<IpAddr>>>,
    asked: AtomicUsize,
    port: u16,
}

impl Resolve for Changing {
    fn resolve(&self, _name: Name) -> Resolving {
        self.asked.fetch_add(1, Ordering::Relaxed);
        let found = self.answers.lock().unwrap().remove(0);
        let found: Vec<SocketAddr> = found.into_iter().map(|ip| SocketAddr::new(ip, self.port)).collect();
        Box::pin(async move { Ok(Box::new(found.into_iter()) as Addrs) })
    }
}

#[tokio::test]
async fn a_name_that_changes_its_answer_is_judged_by_what_is_dialled() {
    let taker = Taker::start().await;
    let here: IpAddr = "127.0.0.1".parse().unwrap();
    let (there, cloud): (IpAddr, IpAddr) = ("127.0.0.9".parse().unwrap(), "169.254.169.254".parse().unwrap());
    // What may be called stands first, then the name leads elsewhere; and once it does both at a time.
    let answers = vec![vec![here], vec![cloud], vec![there], vec![cloud, there], vec![there, here]];
    let names =
        Arc::new(Changing { answers: Mutex::new(answers), asked: AtomicUsize::new(0), port: taker.address.port() });
    let client = Guarded::resolving(LIMIT, only(&["127.0.0.1"]), names.clone()).unwrap();
    let url = format!("http://rebind.example:{}/elsewhere", taker.address.port());
    let call = async || {
        let request = client.post(url.parse().unwrap()).unwrap().header("connection", "close");
        outgoing::call(request).await.map(|answer| answer.status)
    };
    assert_eq!(call().await, Ok(404));
    for _ in 0..3 {
        assert_eq!(call().await, Err(Failed::Refused));
    }
    // Only the address that may be called is dialled.
    assert_eq!(call().await, Ok(404));
    assert_eq!(names.asked.load(Ordering::Relaxed), 5);
    assert_eq!(
        Failed::Refused.words("x"),
        "x is not called: it leads into a private network, which allow_private does not name"
    );
}
