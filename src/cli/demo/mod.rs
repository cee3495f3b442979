//! `sereno demo`: the real thing on a store that is thrown away, and a scripted fleet in place of yours.
//!
//! The fleet reports through the same signed HTTP intake as anybody else's and obeys the same control
//! calls. Nothing here reaches around the front door, so what works in the demo works.

mod fleet;
mod script;

use std::net::SocketAddr;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use clap::Args as ClapArgs;
use tokio::net::TcpListener;

use super::{Done, Failure};
use crate::app::App;
use crate::clock::{Entropy as _, Sources, SystemEntropy};
use crate::config::Config;
use fleet::Fleet;

/// Who watches.
const PERSON: &str = "you";

/// Arguments of `demo`.
#[derive(Debug, ClapArgs)]
pub(crate) struct Args {
    /// Where the page listens. A phone in your network reaches 0.0.0.0:8787, and so does everybody else in it.
    #[arg(long, default_value = "127.0.0.1:8787", value_name = "ADDRESS")]
    listen: SocketAddr,
    /// The address to print in the link, when it is not the one that it listens on.
    #[arg(long, value_name = "URL")]
    public_url: Option<String>,
    /// How many times faster than written the story goes.
    #[arg(long, default_value_t = 1.0, value_name = "FACTOR", value_parser = speed)]
    speed: f64,
    /// Your language, en or es.
    #[arg(long, default_value = "en")]
    lang: String,
}

fn speed(text: &str) -> Result<f64, String> {
    let speed = text.parse().ok().filter(|speed| (0.1..=1000.0).contains(speed));
    speed.ok_or_else(|| "a number from 0.1 to 1000".into())
}

pub(crate) fn run(args: Args) -> Done {
    let quiet = tracing_subscriber::EnvFilter::try_from_default_env().unwrap_or_else(|_| "warn".into());
    tracing_subscriber::fmt().with_env_filter(quiet).with_writer(std::io::stderr).init();
    tokio::runtime::Builder::new_multi_thread().enable_all().build().map_err(Failure::no)?.block_on(play(args))
}

async fn play(args: Args) -> Done {
    let folder = tempfile::tempdir().map_err(Failure::no)?;
    let control = TcpListener::bind("127.0.0.1:0").await.map_err(Failure::no)?;
    let secret = SystemEntropy.bytes::<32>();
    let text =
        configuration(&args, &folder.path().join("demo.db"), control.local_addr().map_err(Failure::no)?, &secret);
    let app = App::start(&Config::from_text(&text)?, Sources::system()).await.map_err(Failure::no)?;
    let link = app.sign_in_link(PERSON).await.map_err(Failure::no)?;
    println!("sereno is running. Open this link, once, as wide as a phone:\n\n  {link}\n");
    println!(
        "A fleet of six agents is about to start on a bug. Type /agents, /cost or /pause debug on the page,\nand answer what they ask. Ctrl-C ends the demo; nothing is kept."
    );
    let fleet = Fleet::new(app.address, secret.to_vec(), args.speed);
    let obeys = tokio::spawn(fleet::obey(fleet.clone(), control));
    let story = tokio::spawn(script::play(fleet));
    let ended = tokio::signal::ctrl_c().await.map_err(Failure::no);
    story.abort();
    obeys.abort();
    app.stop().await;
    ended
}

fn configuration(args: &Args, store: &std::path::Path, control: SocketAddr, secret: &[u8]) -> String {
    let public_url = args.public_url.clone().unwrap_or_else(|| format!("http://{}", args.listen));
    format!(
        "[http]\nlisten = \"{listen}\"\npublic_url = {public_url:?}\n\n\
         [store]\nurl = \"sqlite://{store}\"\n\n\
         [people.{PERSON}]\nrole = \"admin\"\nlang = {lang:?}\n\n\
         [runtimes.{runtime}]\nkind = \"generic\"\nsecret = \"whsec_{secret}\"\ncontrol_url = \"http://{control}/\"\n",
        listen = args.listen,
        store = store.display(),
        lang = args.lang,
        runtime = fleet::RUNTIME,
        secret = STANDARD.encode(secret),
    )
}
