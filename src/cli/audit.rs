//! `sereno audit`: whether the chain is whole, and a copy of it for others.

use std::path::PathBuf;

use clap::{Subcommand, ValueEnum};

use super::{Done, Failure, Output, block_on, load};
use crate::core::audit::{AuditRow, ChainHead};
use crate::core::time::Ts;
use crate::store::{AuditFilter, Store};

/// What `audit` does.
#[derive(Debug, Subcommand)]
pub(crate) enum AuditCommand {
    /// Check that no row was changed, removed or added since it was written.
    Verify {
        /// An export to check instead of the store.
        #[arg(long, value_name = "FILE")]
        file: Option<PathBuf>,
        /// The hash that the last row must have, from an earlier export or message.
        #[arg(long, value_name = "HASH")]
        head: Option<String>,
        /// How to print.
        #[arg(short, long, value_enum, default_value_t)]
        output: Output,
    },
    /// Print rows, oldest first.
    Export {
        /// Not before, RFC 3339.
        #[arg(long, value_parser = instant, value_name = "TIME")]
        from: Option<Ts>,
        /// Before, RFC 3339.
        #[arg(long, value_parser = instant, value_name = "TIME")]
        to: Option<Ts>,
        /// How rows are written.
        #[arg(long, value_enum, default_value_t)]
        format: Format,
    },
}

/// How rows are written.
#[derive(Clone, Copy, Debug, Default, ValueEnum)]
pub(crate) enum Format {
    /// A line of JSON for each row.
    #[default]
    Jsonl,
    /// Comma-separated values.
    Csv,
}

fn instant(text: &str) -> Result<Ts, String> {
    Ts::parse(text).ok_or_else(|| "write a time such as 2026-11-20T00:00:00Z".into())
}

pub(crate) fn run(config: Option<PathBuf>, command: AuditCommand) -> Done {
    match command {
        AuditCommand::Verify { file: Some(file), head, output } => verify_file(&file, head.as_deref(), output),
        AuditCommand::Verify { file: None, head, output } => {
            let config = load(config)?;
            block_on(async {
                let store = Store::open_reader(&config.store_url()?).await?;
                let (anchor, result) = (store.audit_anchor().await?, store.verify_audit().await);
                store.close().await;
                report(&anchor, result?, head.as_deref(), output)
            })
        }
        AuditCommand::Export { from, to, format } => {
            let config = load(config)?;
            block_on(export(&config.store_url()?, from, to, format))
        }
    }
}

/// The end of the chain, or what is wrong with it.
type Verdict = Result<ChainHead, String>;

fn verify_file(file: &std::path::Path, wanted: Option<&str>, output: Output) -> Done {
    let text = std::fs::read_to_string(file).map_err(|e| Failure::Usage(format!("{}: {e}", file.display())))?;
    let (mut head, mut first): (Option<ChainHead>, _) = (None, ChainHead::default());
    for (number, line) in text.lines().enumerate() {
        let row: AuditRow = serde_json::from_str(line).map_err(|e| Failure::No(format!("line {}: {e}", number + 1)))?;
        // An export may begin in the middle; its first row says what it follows.
        let at = head.get_or_insert_with(|| {
            first = ChainHead { seq: row.seq.saturating_sub(1), hash: row.prev };
            first.clone()
        });
        if let Err(wrong) = at.verify(&row) {
            return report(&first, Err(wrong), wanted, output);
        }
    }
    report(&first, Ok(head.unwrap_or_default()), wanted, output)
}

/// Says how it went; `first` is what the first row follows.
fn report(first: &ChainHead, verdict: Verdict, wanted: Option<&str>, output: Output) -> Done {
    let verdict = verdict.and_then(|head| match wanted {
        Some(wanted) if wanted != head.hash.to_string() => Err(format!(
            "the last row is {} with hash {}, not {wanted}: rows are missing at the end",
            head.seq, head.hash
        )),
        _ => Ok(head),
    });
    match (verdict, output) {
        (Ok(head), Output::Text) => {
            let from = if first.seq == 0 { String::new() } else { format!(" from {} on", first.seq + 1) };
            println!("ok: {} rows{from}, head {}", head.seq - first.seq, head.hash);
            Ok(())
        }
        (Ok(head), Output::Json) => {
            let from = first.seq + 1;
            println!(
                "{}",
                serde_json::json!({ "ok": true, "from": from, "rows": head.seq - first.seq, "head": head.hash })
            );
            Ok(())
        }
        (Err(wrong), Output::Text) => Err(Failure::No(wrong)),
        (Err(wrong), Output::Json) => {
            println!("{}", serde_json::json!({ "ok": false, "error": wrong }));
            Err(Failure::No(String::new()))
        }
    }
}

async fn export(url: &str, from: Option<Ts>, to: Option<Ts>, format: Format) -> Done {
    let store = Store::open_reader(url).await?;
    let filter = AuditFilter { from: from.unwrap_or(Ts(i64::MIN)), until: to.unwrap_or(Ts(i64::MAX)) };
    let mut after = 0;
    if matches!(format, Format::Csv) {
        println!("seq,at,actor,action,object,data,hash");
    }
    loop {
        let rows = store.audit_after(after, &filter).await?;
        let Some(last) = rows.last() else { break };
        after = last.seq;
        for row in &rows {
            match format {
                Format::Jsonl => println!("{}", serde_json::to_string(row).map_err(Failure::no)?),
                Format::Csv => println!("{}", csv(row)),
            }
        }
    }
    store.close().await;
    Ok(())
}

fn csv(row: &AuditRow) -> String {
    let fields = [
        row.seq.to_string(),
        row.at.rfc3339(),
        row.actor.clone(),
        row.action.clone(),
        row.object.clone(),
        row.data.to_string(),
        row.hash.to_string(),
    ];
    fields.map(|field| format!("\"{}\"", guarded(&field).replace('"', "\"\""))).join(",")
}

/// A field that a spreadsheet would run as a formula begins with an apostrophe instead.
fn guarded(field: &str) -> String {
    if field.starts_with(['=', '+', '-', '@']) { format!("'{field}") } else { field.to_owned() }
}
