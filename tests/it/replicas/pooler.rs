//! Behind `PgBouncer` in transaction mode: a real one, started by the test.

use std::io::Write as _;
use std::net::TcpListener;
use std::process::{Child, Command, Stdio};

use serde_json::json;
use sereno::clock::within;

use crate::database;
use crate::scene::{PATIENCE, Scene};

/// A pooler in front of the server of the tests; it goes with the value.
struct Pooler {
    child: Child,
    port: u16,
    _folder: tempfile::TempDir,
}

impl Pooler {
    async fn start(database: &str) -> Self {
        let address: reqwest::Url = database.parse().unwrap();
        let folder = tempfile::Builder::new().prefix("sereno-pgbouncer").tempdir_in("/tmp").unwrap();
        let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let users = folder.path().join("users.txt");
        std::fs::write(&users, "\"sereno\" \"\"\n").unwrap();
        let settings = folder.path().join("pgbouncer.ini");
        let mut file = std::fs::File::create(&settings).unwrap();
        write!(
            file,
            "[databases]\n* = host=127.0.0.1 port={}\n[pgbouncer]\nlisten_addr = 127.0.0.1\nlisten_port = {port}\n\
             unix_socket_dir =\nauth_type = trust\nauth_file = {}\npool_mode = transaction\n\
             default_pool_size = 4\nmax_client_conn = 100\n",
            address.port().unwrap(),
            users.display(),
        )
        .unwrap();
        drop(file);
        for path in [folder.path(), users.as_path(), settings.as_path()] {
            use std::os::unix::fs::PermissionsExt as _;
            std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o755)).unwrap();
        }
        // It refuses to run as root.
        let mut command = Command::new("pgbouncer");
        command.arg(&settings).args(["-u", "nobody"]).stdout(Stdio::null()).stderr(Stdio::null());
        let child = command.spawn().expect("pgbouncer is installed: run ./tests/run");
        let pooler = Self { child, port, _folder: folder };
        let up = within(PATIENCE, async {
            while tokio::net::TcpStream::connect(("127.0.0.1", port)).await.is_err() {
                tokio::task::yield_now().await;
            }
        });
        assert!(up.await.is_some(), "the pooler does not start");
        pooler
    }

    /// The address of a database behind it.
    fn url(&self, database: &str) -> String {
        let mut url: reqwest::Url = database.parse().unwrap();
        url.set_port(Some(self.port)).unwrap();
        url.to_string()
    }
}

impl Drop for Pooler {
    fn drop(&mut self) {
        // It may have ended already.
        let _ended = self.child.kill();
        let _reaped = self.child.wait();
    }
}

/// Two processes behind the pooler; what one takes the other folds, and either delivers.
async fn goes_round(direct: bool) {
    let db = database::postgres().await;
    let pooler = Pooler::start(db.url()).await;
    if !direct {
        // What must be migrated needs an address past the pooler.
        let refused = sereno::store::Store::open(&pooler.url(db.url())).await.err().expect("it is not migrated");
        assert!(refused.to_string().contains("store.direct_url"), "{refused}");
        db.open().await.close().await;
    }
    let straight = if direct { format!("direct_url = \"{}\"\n", db.url()) } else { String::new() };
    let mut scene = Scene::start_at(pooler.url(db.url()), db, &straight, "").await;
    let other = scene.another().await;
    scene.asks("apr-1", "make deploy").await;
    let first = std::mem::replace(&mut scene.app, other);
    let event = json!({ "id": "e-1", "type": "agent.heartbeat", "agent": { "id": "build-1" } });
    assert_eq!(scene.event(event.clone()).await, json!({ "accepted": 1, "duplicates": 0 }));
    assert_eq!(scene.event(event).await, json!({ "accepted": 0, "duplicates": 1 }));
    let victor = scene.visitor("victor").await;
    let yes = victor.card(&scene, "approval").await.yes();
    let (status, text) = victor.taps(&scene, &yes).await;
    assert_eq!(status, 200, "{text}");
    scene.settle().await;
    assert_eq!(scene.fleet.heard(), ["control.decide approved"]);
    first.stop().await;
    let again = json!({ "id": "e-2", "type": "agent.heartbeat", "agent": { "id": "build-1" } });
    assert_eq!(scene.event(again).await, json!({ "accepted": 1, "duplicates": 0 }));
    scene.finish(&[]).await;
}

#[tokio::test]
async fn everything_works_with_an_address_past_it() {
    goes_round(true).await;
}

#[tokio::test]
async fn everything_works_without_one() {
    goes_round(false).await;
}
