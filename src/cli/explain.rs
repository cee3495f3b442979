//! `sereno explain`: the trail of an alert or an approval, from the store.

use clap::Args as ClapArgs;

use super::{Done, Failure, Output, block_on};
use crate::config::Config;
use crate::core::message::{Content, WhyView};
use crate::core::policy::RuleSpec;
use crate::core::time::Ts;
use crate::render::{RENDERER, Reader, plain};
use crate::store::Store;

/// Arguments of `explain`.
#[derive(Debug, ClapArgs)]
pub(crate) struct Args {
    /// An alert such as A17, or an approval such as 7K3F.
    id: String,
    /// How to print.
    #[arg(short, long, value_enum, default_value_t)]
    output: Output,
}

pub(crate) fn run(config: &Config, args: &Args) -> Done {
    let why = block_on(async {
        let store = Store::open_reader(&config.store_url()?).await?;
        let why = find(&store, &args.id, &config.policy.rules).await;
        store.close().await;
        why
    })?;
    let why = why.ok_or_else(|| Failure::No(format!("there is no alert or approval `{}`", args.id)))?;
    if args.output == Output::Json {
        println!("{}", serde_json::to_string_pretty(&why).map_err(Failure::no)?);
        return Ok(());
    }
    let reader = Reader { lang: config.policy.lang, tz: config.policy.tz.clone(), whole: true };
    // Every instant is shown with its date, because nobody says when this is read.
    let doc = RENDERER.draw(&Content::Why(why), &reader, Ts(0)).map_err(Failure::no)?;
    println!("{}", plain(&doc));
    Ok(())
}

async fn find(store: &Store, id: &str, rules: &[RuleSpec]) -> Result<Option<WhyView>, Failure> {
    if let Some(row) = store.approval_by_code(&id.to_ascii_uppercase()).await? {
        let approval = row.approval;
        return Ok(Some(WhyView {
            subject: approval.code,
            values: Vec::new(),
            condition: None,
            steps: approval.trail.0,
        }));
    }
    let Ok(number) = id.trim_start_matches(['A', 'a']).parse() else { return Ok(None) };
    let alert = store.alert(number).await?;
    Ok(alert.map(|alert| WhyView {
        subject: alert.code(),
        values: alert.values,
        condition: rules.iter().find(|rule| rule.name == alert.rule).map(|rule| rule.when.clone()),
        steps: alert.trail.0,
    }))
}
