//! `sereno connect`: ready settings for a runtime that calls us; for one that has to be called, whether it lets us in.

use std::path::PathBuf;

use clap::{Args as ClapArgs, ValueEnum};

use super::doctor::{Report, examined};
use super::{Done, Failure, block_on, load};
use crate::app::build_runtimes;
use crate::config::{Config, RuntimeKind};
use crate::exam::Grade;
use crate::runtime::claude_code::settings::{Wanted, settings};
use crate::runtime::telemetry::UsageFrom;

/// Arguments of `connect`.
#[derive(Debug, ClapArgs)]
pub(crate) struct Args {
    /// Which runtime.
    kind: Kind,
    /// Its name in the configuration; the first one of its kind when it is not named.
    #[arg(long, value_name = "NAME")]
    runtime: Option<String>,
    /// Name of the agent; otherwise the working directory names it.
    #[arg(long, value_name = "NAME")]
    agent: Option<String>,
    /// Environment variable that holds the token where the agent runs.
    #[arg(long, default_value = "SERENO_TOKEN", value_name = "NAME")]
    token_env: String,
    /// How the agent's machine calls this program.
    #[arg(long, value_name = "PATH")]
    binary: Option<String>,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum Kind {
    ClaudeCode,
    Generic,
    Openclaw,
    Otlp,
}

pub(crate) fn run(config: Option<PathBuf>, args: &Args) -> Done {
    let config = load(config)?;
    match args.kind {
        Kind::ClaudeCode => claude_code(&config, args),
        Kind::Generic => generic(&config, args),
        Kind::Openclaw => openclaw(&config, args),
        Kind::Otlp => otlp(&config, args),
    }
}

fn runtime(config: &Config, named: Option<&str>, kind: RuntimeKind, word: &str) -> Result<String, Failure> {
    let fitting = |name: &&String| *config.file.runtimes[*name].kind.get_ref() == kind;
    let found = match named {
        Some(name) => config.file.runtimes.keys().filter(fitting).find(|have| *have == name),
        None => config.file.runtimes.keys().find(fitting),
    };
    found.cloned().ok_or_else(|| {
        Failure::Usage(format!("the configuration has no such runtime: add [runtimes.NAME] with kind = \"{word}\""))
    })
}

fn claude_code(config: &Config, args: &Args) -> Done {
    let runtime = runtime(config, args.runtime.as_deref(), RuntimeKind::ClaudeCode, "claude-code")?;
    let here = std::env::current_exe().ok().map(|path| path.display().to_string());
    let binary = args.binary.clone().or(here).unwrap_or_else(|| "sereno".into());
    let url = config.public_url();
    let wanted = Wanted {
        url: &url,
        runtime: &runtime,
        token_env: &args.token_env,
        gate: config.file.runtimes[&runtime].gate.unwrap_or_default(),
        agent: args.agent.as_deref(),
        binary: &binary,
    };
    let text = serde_json::to_string_pretty(&settings(&wanted)).map_err(Failure::no)?;
    println!("{text}");
    eprintln!(
        "Merge this into ~/.claude/settings.json, or save it and use `claude --settings FILE`.\n\
         Where Claude Code runs, {} must hold the token of [runtimes.{runtime}].\n\
         Gates fail closed: while sereno cannot be reached, no tool runs.",
        args.token_env
    );
    Ok(())
}

fn generic(config: &Config, args: &Args) -> Done {
    let runtime = runtime(config, args.runtime.as_deref(), RuntimeKind::Generic, "generic")?;
    let url = config.public_url();
    println!("Events:   POST {url}/hooks/{runtime} (or {url}/v1/events), signed with Standard Webhooks");
    match &config.file.runtimes[&runtime].control_url {
        Some(control) => println!("Control:  sereno posts to {}, signed with the same secret", control.get_ref()),
        None => println!("Control:  none; set control_url to pause, kill, tell, reassign and decide"),
    }
    println!("Try it:   sereno emit agent.heartbeat --agent demo --runtime {runtime}");
    Ok(())
}

/// There is nothing to set up at a gateway: it is asked whether it lets us in, and what we may do there.
fn openclaw(config: &Config, args: &Args) -> Done {
    let name = runtime(config, args.runtime.as_deref(), RuntimeKind::Openclaw, "openclaw")?;
    let runtimes = build_runtimes(config)?;
    let Some(adapter) = runtimes.get(&name) else {
        return Err(Failure::Usage(format!("there is no runtime `{name}`")));
    };
    let mut report = Report::new();
    block_on(async {
        for finding in examined(config, &name, adapter.as_ref()).await {
            report.say(&name, finding);
        }
    });
    report.print();
    if report.count(Grade::Bad) > 0 {
        return Err(Failure::No("the gateway does not let sereno do its work yet".into()));
    }
    println!(
        "\nAgents must ask before there is anything to approve: set tools.exec.mode to \"ask\" in openclaw.json.\n\
         Cron jobs report to {}/hooks/{name} when their delivery is a webhook there, and hook_token is cron.webhookToken.",
        config.public_url()
    );
    Ok(())
}

/// Settings for exporters, as lines for a shell.
fn otlp(config: &Config, args: &Args) -> Done {
    let runtime = runtime(config, args.runtime.as_deref(), RuntimeKind::Otlp, "otlp")?;
    let url = format!("{}/hooks/{runtime}", config.public_url());
    let token = format!("${{{}}}", args.token_env);
    let agent = args.agent.as_deref().unwrap_or("my-agent");
    let metrics = config.file.runtimes[&runtime].usage_from == Some(UsageFrom::Metrics);
    println!(
        "# Any exporter of OpenTelemetry: CrewAI, LangChain and AutoGen with OpenInference or OpenLIT, your own spans\n\
         export OTEL_EXPORTER_OTLP_ENDPOINT=\"{url}\"\n\
         export OTEL_EXPORTER_OTLP_HEADERS=\"authorization=Bearer%20{token}\"\n\
         export OTEL_EXPORTER_OTLP_PROTOCOL=http/protobuf\n\
         export OTEL_EXPORTER_OTLP_COMPRESSION=gzip\n\
         export OTEL_SERVICE_NAME=\"{agent}\"\n\
         # Claude Code\n\
         export CLAUDE_CODE_ENABLE_TELEMETRY=1 OTEL_LOGS_EXPORTER=otlp{}\n\
         # LiteLLM, with callbacks: [\"otel\"]\n\
         export OTEL_EXPORTER=otlp_http OTEL_ENDPOINT=\"{url}/v1/traces\" OTEL_HEADERS=\"authorization=Bearer {token}\"\n\
         # Langfuse's kits, in place of Langfuse\n\
         export LANGFUSE_BASE_URL=\"{url}\" LANGFUSE_PUBLIC_KEY=sereno LANGFUSE_SECRET_KEY=\"{token}\"",
        if metrics { " OTEL_METRICS_EXPORTER=otlp" } else { "" },
    );
    eprintln!(
        "Put this before whatever starts the agent; {env} must hold the token of [runtimes.{runtime}].\n\
         Codex reads none of it; in its config.toml:\n\
         [otel]\n\
         exporter = {{ otlp-http = {{ endpoint = \"{url}/v1/logs\", protocol = \"json\", headers = {{ authorization = \"Bearer …\" }} }} }}\n\
         OpenRouter (Settings, Observability, Webhook): {url}/v1/traces with the header authorization: Bearer …",
        env = args.token_env,
    );
    Ok(())
}
