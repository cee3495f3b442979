//! The configuration: every mistake is told with its place and its remedy, and secrets never print.
//!
//! Files are real ones in a folder of their own, read as `sereno check` reads them.

use std::fmt::Write as _;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::sync::Arc;

use sereno::app::{api_tokens, build_channels, build_runtimes};
use sereno::channel::web::WebChannel;
use sereno::config::{Config, ConfigError, DEFAULTS};

const VALID_SECRET: &str = "whsec_MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY=";
const CANARY: &str = "canary-4f1d9c-never-shown";

/// A file with the secrets that the cases below name.
fn folder(text: &str) -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    let write = |name: &str, text: &str| {
        let path = folder.path().join(name);
        std::fs::write(&path, text).unwrap();
        std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o600)).unwrap();
    };
    write("sereno.toml", text);
    write("fleet.secret", VALID_SECRET);
    write("claude.token", CANARY);
    write("empty.secret", " \n");
    write("plain.secret", CANARY);
    write("short.secret", "whsec_c2hvcnQ=");
    write("slack.bot", "xoxb-1-canary-4f1d9c-never-shown");
    write("slack.app", "xapp-1-canary-4f1d9c-never-shown");
    folder
}

/// Reads a folder's configuration and builds what `check` builds.
fn load(folder: &Path, vars: &[(&str, &str)]) -> Result<Config, ConfigError> {
    let vars = vars.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
    let config = Config::load(&folder.join("sereno.toml"), vars)?;
    build_channels(&config, Arc::new(WebChannel::default()))?;
    build_runtimes(&config)?;
    api_tokens(&config)?;
    Ok(config)
}

/// What is said about a file, without the folder in which it happens to be.
fn said(text: &str, vars: &[(&str, &str)]) -> String {
    let folder = folder(text);
    let error = load(folder.path(), vars).err();
    let error = error.unwrap_or_else(|| panic!("nothing is said about {text} {vars:?}"));
    error.to_string().replace(&format!("{}/", folder.path().display()), "")
}

/// Every case with what is said about it.
fn told(cases: &[&str]) -> String {
    let mut all = String::new();
    for text in cases {
        writeln!(all, "{}\n  → {}\n", text.trim(), said(text, &[]).replace('\n', "\n  → ")).unwrap();
    }
    all
}

#[test]
fn rules_of_people_that_cannot_be_are_told_with_their_place() {
    let head = "[people.bea]\nrole = \"operator\"\n";
    let cases = [
        format!("{head}within = {{ tags = [\"[ab]\"] }}\n"),
        format!("{head}within = {{ team = [\"web\"] }}\n"),
        format!("{head}[[people.bea.allow]]\nwithin = {{ runtimes = [\"claude\"] }}\n"),
        format!("{head}[[people.bea.allow]]\ncommands = [\"aprove\"]\n"),
        format!("{head}[[people.bea.deny]]\ncommands = [\"frobnicate\"]\n"),
        format!("{head}[[people.bea.deny]]\nrole = \"boss\"\n"),
        "[runtimes.fleet]\nkind = \"generic\"\nsecret_file = \"fleet.secret\"\nenvironment = \"\"\n".to_owned(),
    ];
    insta::assert_snapshot!(told(&cases.each_ref().map(String::as_str)));
}

#[test]
fn rules_of_people_and_tokens_become_part_of_the_policy() {
    let text = "[people.bea]\nrole = \"viewer\"\nwithin = { tags = [\"web\"] }\n\
                [[people.bea.allow]]\ncommands = [\"pause\"]\nwithin = { agents = [\"web-*\"] }\n\
                [[people.bea.deny]]\nwithin = { environments = [\"prod\"] }\n\
                [api.tokens.ci]\nrole = \"operator\"\ntoken = \"ci-token\"\nwithin = { runtimes = [\"fleet\"] }\n\
                [runtimes.fleet]\nkind = \"generic\"\nsecret_file = \"fleet.secret\"\nenvironment = \"prod\"\n\
                [people.ana]\nrole = \"admin\"\n";
    let policy = Config::from_text(text).unwrap().policy;
    assert_eq!(policy.access.keys().collect::<Vec<_>>(), ["bea", "ci"], "a role alone needs no rules");
    let bea = &policy.access["bea"];
    assert_eq!((bea.within.tags.len(), bea.allow[0].commands[0].as_str(), bea.deny[0].commands.len()), (1, "pause", 0));
    assert_eq!(policy.environments["fleet"], "prod");
}

#[test]
fn the_defaults_alone_are_valid_and_name_every_key() {
    let config = Config::from_text("").unwrap();
    assert_eq!(config.policy.rules.len(), 7);
    // What the reader itself knows, as it says when it meets a key that it does not.
    let sections = [
        ("", ""),
        ("http", "[http]"),
        ("store", "[store]"),
        ("defaults", "[defaults]"),
        ("approvals", "[approvals]"),
        ("agents", "[agents]"),
        ("log", "[log]"),
        ("people", "[people.x]"),
        ("channels", "[channels.x]"),
        ("push", "[push]"),
        ("runtimes", "[runtimes.x]"),
        ("rules", "[[rules]]"),
        ("routes", "[[routes]]"),
        ("prices", "[prices.x]"),
        ("api", "[api]"),
        ("api.tokens", "[api.tokens.x]"),
        ("heartbeat", "[heartbeat]"),
        ("retention", "[retention]"),
        ("backup", "[backup]"),
    ];
    let mut missing = Vec::new();
    for (name, head) in sections {
        let error = Config::from_text(&format!("{head}\nno_such_key = 1\n")).unwrap_err().to_string();
        let keys: Vec<&str> = error.split('`').skip(3).step_by(2).collect();
        assert!(error.contains("unknown field `no_such_key`") && !keys.is_empty(), "{head}: {error}");
        let named = section(name);
        missing.extend(keys.iter().filter(|key| !named.contains(**key)).map(|key| format!("{head} {key}")));
    }
    assert!(missing.is_empty(), "deploy/sereno.toml does not name {missing:?}");
}

/// The part of the defaults, comments with it, that is about a section.
fn section(name: &str) -> String {
    if name.is_empty() {
        return DEFAULTS.to_owned();
    }
    let mut part = String::new();
    let mut inside = false;
    for line in DEFAULTS.lines() {
        let bare = line.trim_start_matches("# ").trim_matches('[');
        if line.trim_start_matches("# ").starts_with('[') {
            inside = bare.starts_with(name) && bare[name.len()..].starts_with(['.', ']']);
        }
        if inside || line.starts_with("# Runtimes:") {
            part.push_str(line);
            part.push('\n');
        }
    }
    part
}

#[test]
fn a_misspelt_key_or_word_is_told_with_the_one_that_was_meant() {
    let told = told(&[
        "[http]\nlisen = \"127.0.0.1:1\"",
        "[htp]\nlisten = \"127.0.0.1:1\"",
        "[people.ana]\nrole = \"aprover\"",
        "[people.ana]\nrole = \"viewer\"\nlang = \"fr\"",
        "[channels.tg]\nkind = \"telegramm\"\ntoken_file = \"tg.token\"",
        "[runtimes.claude]\nkind = \"claude_code\"\ntoken_file = \"claude.token\"",
        "[runtimes.fleet]\nkind = \"generic\"\nsecret_file = \"fleet.secret\"\ncan = [\"pause\", \"halt\"]",
        "[[rules]]\nname = \"r\"\nwhen = \"true\"\nseverity = \"criticl\"",
        "[log]\nformat = \"xml\"",
    ]);
    insta::assert_snapshot!(told);
}

#[test]
fn a_value_of_the_wrong_type_is_told_with_its_place() {
    let told = told(&[
        "[http]\nlisten = 8787",
        "[http]\nlisten = \"localhost\"",
        "[http]\nrate = \"fast\"",
        "[http]\npublic_url = \"sereno.example.org\"",
        "[store]\nurl = \"mysql://root:canary@host/db\"",
        "[store]\nlease = \"15 parsecs\"",
        "[approvals]\ntimeout = \"soon\"",
        "[approvals]\ntimeout = \"2h\"",
        "[approvals]\ntimeout = \"1s\"",
        "[agents]\nsilent_after = 10",
        "[defaults]\ntz = \"Madrid\"",
        "[people.ana]\nrole = \"viewer\"\ntz = \"UTC+1\"",
        "[people.ana]\nlang = \"es\"",
        "[people.ana]\nrole = \"viewer\"\ntelegram = \"@ana\"",
        "[heartbeat]\nurl = \"not an address\"",
        "[http\nlisten = 1",
        "[http]\nlisten = \"127.0.0.1:1\"\nlisten = \"127.0.0.1:2\"",
    ]);
    insta::assert_snapshot!(told);
}

#[test]
fn a_rule_or_route_that_cannot_be_is_told_with_its_place() {
    let told = told(&[
        "[[rules]]\nname = \"r\"\nwhen = \"cost('10m') >\"",
        "[[rules]]\nname = \"r\"\nwhen = \"cost('10m' > 5.0\"",
        "[[rules]]\nname = \"r\"\nwhen = \"cots('10m') > 5.0\"",
        "[[rules]]\nname = \"r\"\nwhen = \"cost('ten minutes') > 5.0\"",
        "[[rules]]\nname = \"r\"\nwhen = \"cost() > 5.0\"",
        "[[rules]]\nname = \"r\"\nwhen = \"stats == 'error'\"",
        "[[rules]]\nname = \"r\"\nwhen = \"cost('10m')\"",
        "[[rules]]\nname = \"r\"\nwhen = \"status == 'error' && cost('10m') + 1.0\"",
        "[[rules]]\nname = \"r\"\nwhen = \"true\"",
        "[[rules]]\nname = \"r\"\nwhen = \"idle() > 5\"\n\n[[rules]]\nname = \"r\"\nwhen = \"idle() > 6\"",
        "[[rules]]\nname = \"r\"\nwhen = \"idle() > 5\"\nthen = [\"pause\"]",
        "[[rules]]\nname = \"r\"\nwhen = \"idle() > 5\"\nfor = \"long\"",
        "[[routes]]\nmatch = 'severity=critical'\nto = [\"page:ana\"]",
        "[[routes]]\nmatch = 'severity=\"critical'\nto = [\"page:ana\"]",
        "[[routes]]\nmatch = 'severity=~\"(\"'\nto = [\"page:ana\"]",
        "[[routes]]\nto = []",
        "[[routes]]\nto = [\"tg:1\"]",
        "[[routes]]\nto = [\"person:ana\"]",
        "[[routes]]\nto = [\"ana\"]",
    ]);
    insta::assert_snapshot!(told);
}

#[test]
fn a_digest_that_cannot_be_is_told_with_its_place() {
    let ana = "[people.ana]\nrole = \"viewer\"\n[channels.out]\nkind = \"log\"\n[digest.daily]\n";
    let (at, to) = ("at = \"0 7 * * *\"\n", "to = [\"person:ana\"]");
    let cases = [
        (format!("at = \"7:00\"\n{to}"), "6:7", "cron has five fields, not 1"),
        (format!("at = \"0 0 7 * * *\"\n{to}"), "6:7", "there are no seconds"),
        (format!("at = \"0 25 * * *\"\n{to}"), "6:9", "the hour is 0 to 23, not `25`"),
        (format!("at = \"0 7 L * *\"\n{to}"), "6:11", "after the last day of a month is 0 0 1 * *"),
        (format!("{at}to = []"), "7:6", "write for example person:NAME"),
        (format!("{at}to = [\"person:bob\"]"), "7:7", "there is no person `bob`; the people are ana"),
        (format!("{at}to = [\"mail:ana\"]"), "7:7", "there is no channel `mail`; the channels are api, out, page"),
        (format!("{at}{to}\nvia = [\"mail\"]"), "8:8", "there is no channel `mail`; the channels are api, out, page"),
        (format!("{at}{to}\nvia = [\"out\"]"), "7:7", "`person:ana` cannot be reached on out; give them an account"),
        (format!("{at}{to}\nperiod = \"year\""), "8:", "day"),
        (
            format!("{at}{to}\n[[people.ana.deny]]\nwithin = {{ environments = [\"prod\"] }}"),
            "7:7",
            "a digest tells of the whole fleet, and `person:ana` may not see all of it",
        ),
        (to.to_owned(), "5:", "at"),
    ];
    for (keys, place, words) in cases {
        let told = said(&format!("{ana}{keys}"), &[]);
        assert!(told.contains(&format!("sereno.toml:{place}")) && told.contains(words), "{keys}\n{told}");
    }
}

#[test]
fn a_digest_is_about_what_it_says_or_its_name_or_how_often_it_comes() {
    use sereno::core::calendar::Unit;
    let period = |name: &str, at: &str, more: &str| {
        let text =
            format!("[people.ana]\nrole = \"viewer\"\n[digest.{name}]\nat = \"{at}\"\nto = [\"person:ana\"]\n{more}");
        Config::from_text(&text).unwrap().policy.digests[name].period
    };
    assert_eq!(period("daily", "0 7 * * 1", ""), Unit::Day);
    assert_eq!(period("weekly", "0 7 * * *", ""), Unit::Week);
    assert_eq!(period("monthly", "0 7 * * *", ""), Unit::Month);
    assert_eq!(period("daily", "0 7 * * *", "period = \"month\""), Unit::Month);
    assert_eq!(period("board", "0 7 1 * *", ""), Unit::Month);
    assert_eq!(period("board", "0 17 * * fri", ""), Unit::Week);
    assert_eq!(period("board", "0 17 * * 1-5", ""), Unit::Day);
}

#[test]
fn a_budget_that_cannot_be_is_told_with_its_place() {
    for (keys, words) in [
        ("", "a budget has one of per_day, per_week and per_month"),
        ("per_day = 20.0\nper_week = 90.0", "a budget has one of per_day, per_week and per_month"),
        ("per_day = 0.0", "a budget is an amount of dollars above 0, such as 20.0"),
        ("per_day = nan", "a budget is an amount of dollars above 0, such as 20.0"),
        ("per_day = 1\nagent = \"a\"\nmodel = \"Claude\"", "write two budgets for both"),
        ("per_hour = 1.0", "per_"),
    ] {
        let told = said(&format!("[budgets.all]\n{keys}"), &[]);
        assert!(told.contains("sereno.toml:") && told.contains(words), "{keys}\n{told}");
    }
    let config = Config::from_text("[budgets.all]\nper_month = 20.25").unwrap();
    assert_eq!(config.policy.budgets["all"].limit.0, 20_250_000);
}

#[test]
fn what_does_not_fit_together_is_told_with_its_place() {
    let told = told(&[
        "[channels.tg]\nkind = \"telegram\"",
        "[channels.page]\nkind = \"log\"",
        "[channels.api]\nkind = \"log\"",
        "[channels.tg]\nkind = \"telegram\"\ntoken_file = \"claude.token\"\napi_url = \"localhost\"",
        "[channels.team]\nkind = \"slack\"\ntoken = \"xoxb-1\"",
        "[channels.team]\nkind = \"slack\"\nbot_token_file = \"slack.bot\"",
        "[channels.team]\nkind = \"slack\"\nbot_token_file = \"slack.bot\"\napp_token_file = \"slack.app\"\nsigning_secret = \"s\"",
        "[channels.team]\nkind = \"slack\"\nbot_token_file = \"slack.app\"\napp_token_file = \"slack.app\"",
        "[channels.team]\nkind = \"slack\"\nbot_token_file = \"slack.bot\"\napp_token_file = \"slack.bot\"",
        "[channels.team]\nkind = \"slack\"\nbot_token = \"xapp-1\"\napp_token = \"xoxb-1\"",
        "[channels.team]\nkind = \"slack\"\nbot_token_file = \"claude.token\"\napp_token_file = \"slack.app\"",
        "[channels.team]\nkind = \"slack\"\nbot_token_file = \"slack.bot\"\napp_token_file = \"nowhere.app\"",
        "[runtimes.fleet]\nkind = \"generic\"",
        "[runtimes.fleet]\nkind = \"generic\"\ntoken_file = \"claude.token\"\ncontrol_url = \"http://127.0.0.1:1/\"",
        "[runtimes.fleet]\nkind = \"generic\"\nsecret_file = \"fleet.secret\"\ncontrol_url = \"127.0.0.1:9100\"",
        "[runtimes.fleet]\nkind = \"generic\"\nsecret_file = \"fleet.secret\"\nagents = \"build-[\"",
        "[runtimes.\"a/b\"]\nkind = \"generic\"\nsecret_file = \"fleet.secret\"",
        "[runtimes.claude]\nkind = \"claude-code\"",
        "[people.ana]\nrole = \"viewer\"\ntelegram = 7\n[people.bob]\nrole = \"viewer\"\ntelegram = 7",
        "[people.ops]\nrole = \"viewer\"\n[api.tokens.ops]\nrole = \"viewer\"\ntoken_file = \"claude.token\"",
        "[api.tokens.ops]\nrole = \"admin\"",
        "[retention]\nlog = \"5m\"\nkeys = \"1d\"\naudit = \"30d\"",
        "[backup]\ndir = \"backups\"\nevery = \"1s\"",
        "[store]\nurl = \"postgres://sereno@db/sereno\"\n[backup]\ndir = \"backups\"",
    ]);
    insta::assert_snapshot!(told);
}

#[test]
fn what_discord_cannot_use_is_told_with_its_place() {
    let discord = |line: &str| format!("[channels.dc]\nkind = \"discord\"\ntoken_file = \"claude.token\"\n{line}");
    let cases = [
        "[channels.dc]\nkind = \"discord\"".to_owned(),
        discord("public_key = \"abc\""),
        discord(&format!("public_key = \"{}\"", "0".repeat(64))),
        discord("guilds = [0]"),
        discord("api_resolve = \"localhost:4143\""),
        discord("ca_file = \"plain.secret\""),
    ];
    let told = told(&cases.each_ref().map(String::as_str));
    insta::assert_snapshot!(told);
}

#[test]
fn what_does_not_fit_a_mail_server_is_told_with_its_place() {
    let mail = |rest: &str| format!("[channels.mail]\nkind = \"email\"\n{rest}");
    let fits = "host = \"smtp.example.org\"\nfrom = \"sereno <sereno@example.org>\"\n";
    let cases = [
        mail(""),
        mail("host = \"smtp.example.org:587\"\nfrom = \"sereno\""),
        mail("host = \"smtp.example.org\"\nfrom = \"sereno <sereno@example.org> <\""),
        mail(&format!("{fits}security = \"none\"")),
        mail(&format!("{fits}security = \"ssl\"")),
        mail(&format!("{fits}username = \"sereno\"")),
        mail(&format!("{fits}password_file = \"claude.token\"")),
        mail(&format!("{fits}username = \"sereno\"\npassword_file = \"nowhere.password\"")),
        mail(&format!("{fits}ca_file = \"nowhere.pem\"")),
        mail(&format!("{fits}ca_file = \"claude.token\"")),
        mail(&format!("{fits}port = 70000")),
    ];
    let cases: Vec<&str> = cases.iter().map(String::as_str).collect();
    let told = told(&cases);
    insta::assert_snapshot!(told);
    assert!(!told.contains(CANARY));
}

#[test]
fn what_calls_an_address_of_ones_own_is_told_what_it_needs() {
    let channel = |kind: &str, rest: &str| format!("[channels.x]\nkind = \"{kind}\"\n{rest}");
    let url = "url = \"https://example.org/\"\n";
    let cases = [
        channel("webhook", ""),
        channel("webhook", "url = \"example.org\"\nsecret_file = \"fleet.secret\""),
        channel("webhook", &format!("{url}secret_file = \"plain.secret\"")),
        channel("webhook", &format!("{url}secret_file = \"fleet.secret\"\nallow_private = \"10.0.0.0/8\"")),
        channel("webhook", &format!("{url}secret_file = \"fleet.secret\"\nallow_private = [\"10.0.0.0/40\"]")),
        channel("ntfy", ""),
        channel("ntfy", &format!("{url}username = \"sereno\"")),
        channel("ntfy", &format!("{url}token_file = \"nowhere.token\"")),
        channel("apprise", ""),
        channel("apprise", &format!("{url}password_file = \"claude.token\"")),
        "[people.ana]\nrole = \"viewer\"\nntfy = \"two words\"".to_owned(),
        "[people.ana]\nrole = \"viewer\"\napprise = \"ops/\"".to_owned(),
    ];
    let cases: Vec<&str> = cases.iter().map(String::as_str).collect();
    let told = told(&cases);
    insta::assert_snapshot!(told);
    assert!(!told.contains(CANARY));
}

#[test]
fn what_a_gateway_needs_is_told_with_its_place() {
    let cases = [
        "[runtimes.claw]\nkind = \"openclaw\"\nurl = \"ws://127.0.0.1:18789\"\n",
        "[runtimes.claw]\nkind = \"openclaw\"\ntoken = \"t\"\n",
        "[runtimes.claw]\nkind = \"openclaw\"\ntoken = \"t\"\nurl = \"ws://claw.example.org:18789\"\n",
        "[runtimes.claw]\nkind = \"openclaw\"\ntoken = \"t\"\nurl = \"http://127.0.0.1:18789\"\n",
    ];
    insta::assert_snapshot!(told(&cases));
    for url in ["ws://localhost:1", "ws://[::1]:1", "wss://claw.example.org"] {
        let text = format!("[runtimes.claw]\nkind = \"openclaw\"\ntoken = \"t\"\nurl = \"{url}\"\n");
        assert!(Config::from_text(&text).is_ok(), "{url}");
    }
}

#[test]
fn a_secret_that_cannot_be_used_is_told_without_the_secret() {
    let told = told(&[
        "[runtimes.fleet]\nkind = \"generic\"\nsecret_file = \"nowhere.secret\"",
        "[runtimes.fleet]\nkind = \"generic\"\nsecret_file = [\"fleet.secret\", \"empty.secret\"]",
        "[runtimes.fleet]\nkind = \"generic\"\nsecret_file = \"plain.secret\"",
        "[runtimes.fleet]\nkind = \"generic\"\nsecret_file = \"short.secret\"",
        "[channels.tg]\nkind = \"telegram\"\ntoken_file = \"nowhere.token\"",
        "[api.tokens.ops]\nrole = \"admin\"\ntoken_file = \"nowhere.token\"",
        "[channels.tg]\nkind = \"telegram\"\ntoken = 8123456789",
        "[runtimes.fleet]\nkind = \"generic\"\nsecret = 8123456789",
        "[runtimes.fleet]\nkind = \"generic\"\nsecret = \"canary-4f1d9c-never-shown\"",
        "[runtimes.fleet]\nkind = \"generic\"\nsecret = \"canary-4f1d9c-never-shown",
    ]);
    insta::assert_snapshot!(told);
    let answers: String = told.lines().filter(|line| line.starts_with("  → ")).collect();
    assert!(!answers.contains("canary") && !answers.contains("8123456789"), "{answers}");
}

#[test]
fn a_secret_in_a_file_that_others_can_read_is_refused() {
    let text = format!("[runtimes.fleet]\nkind = \"generic\"\nsecret = \"{VALID_SECRET}\"\n");
    let folder = folder(&text);
    let path = folder.path().join("sereno.toml");
    load(folder.path(), &[]).expect("only its owner can read it");
    for mode in [0o640, 0o604, 0o644] {
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(mode)).unwrap();
        let error = load(folder.path(), &[]).unwrap_err().to_string();
        let path = path.display();
        assert_eq!(
            error,
            format!("{path}: holds a secret and can be read by others; run chmod 600 {path}, or use …_file keys")
        );
    }
    std::fs::write(&path, "[runtimes.fleet]\nkind = \"generic\"\nsecret_file = \"fleet.secret\"\n").unwrap();
    load(folder.path(), &[]).expect("it holds no secret itself");
}

#[test]
fn a_variable_that_does_not_fit_is_named() {
    let cases: &[&[(&str, &str)]] = &[
        &[("SERENO_HTTP__LISEN", "127.0.0.1:1"), ("SERENO_LOG__LEVEL", "debug")],
        &[("SERENO_HTP__LISTEN", "127.0.0.1:1")],
        &[("SERENO_HTTP__RATE", "fast")],
        &[("SERENO_HTTP__LISTEN", "8787")],
        &[("SERENO_APPROVALS__TIMEOUT", "soon")],
        &[("SERENO_APPROVALS__TIMEOUT", "9h")],
        &[("SERENO_DEFAULTS__TZ", "Madrid")],
        &[("SERENO_STORE__URL", "mysql://root:canary@host/db")],
        &[("SERENO_HTTP__PUBLIC_URL", "sereno.example.org")],
        &[("SERENO_PEOPLE__ANA__LANG", "es")],
        &[("SERENO_PEOPLE__ANA__ROLE", "king")],
    ];
    let mut all = String::new();
    for vars in cases {
        let set: Vec<String> = vars.iter().map(|(name, value)| format!("{name}={value}")).collect();
        writeln!(all, "{}\n  → {}\n", set.join(" "), said("", vars)).unwrap();
    }
    insta::assert_snapshot!(all);
}

#[test]
fn the_environment_lies_over_the_file_and_the_file_over_the_defaults() {
    let folder = folder("[http]\nlisten = \"127.0.0.1:1\"\nrate = 7.0\n[defaults]\nlang = \"es\"\n");
    let vars = [
        ("SERENO_HTTP__LISTEN", "127.0.0.1:2"),
        ("SERENO_PEOPLE__ANA__ROLE", "admin"),
        ("SERENO_PEOPLE__ANA__TELEGRAM", "77"),
        ("SERENO_API__TOKENS__OPS__TOKEN", "007"),
        ("SERENO_API__TOKENS__OPS__ROLE", "viewer"),
        ("SERENO_CONFIG", "/nowhere"),
        ("SERENO_TEST_POSTGRES", "whatever"),
        ("PATH", "/bin"),
    ];
    let config = load(folder.path(), &vars).unwrap();
    assert_eq!(config.listen().port(), 2);
    assert_eq!(config.file.http.rate, Some(7.0));
    assert_eq!(config.file.http.burst, Some(2000.0));
    assert_eq!(config.policy.people["ana"].accounts["telegram"], "77");
    assert_eq!(config.policy.people["ana"].lang, sereno::core::policy::Lang::Es);
    assert!(api_tokens(&config).unwrap()[0].token.is("007"));
}

#[test]
fn rules_of_the_same_name_replace_the_default_ones() {
    let off = Config::from_text("[[rules]]\nname = \"loop\"\nwhen = \"idle() > 5\"\nenabled = false\n").unwrap();
    assert!(off.policy.rules.iter().all(|rule| rule.name != "loop"));
    assert_eq!(off.policy.rules.len(), 6);
    let more = Config::from_text("[[rules]]\nname = \"mine\"\nwhen = \"status == 'error'\"\n").unwrap();
    assert_eq!(more.policy.rules.len(), 8);
}

#[test]
fn the_password_of_the_store_may_stand_in_a_file() {
    let text = "[store]\nurl = \"postgres://sereno@db/sereno\"\npassword_file = \"db.password\"\n";
    let folder = folder(text);
    let missing = load(folder.path(), &[]).unwrap().store_url().unwrap_err().to_string();
    assert!(missing.contains("sereno.toml:3:17") && missing.contains("db.password"), "{missing}");
    std::fs::write(folder.path().join("db.password"), "p@ss/w:rd\n").unwrap();
    let config = load(folder.path(), &[]).unwrap();
    assert_eq!(config.store_url().unwrap(), "postgres://sereno:p%40ss%2Fw%3Ard@db/sereno");
    assert!(!config.show().contains("w%3Ard"));
}

#[test]
fn secrets_print_nowhere() {
    let text = format!(
        "[store]\nurl = \"postgres://sereno:{CANARY}@127.0.0.1/db\"\n\
         [people.ana]\nrole = \"admin\"\n\
         [channels.tg]\nkind = \"telegram\"\ntoken = \"12345:{CANARY}\"\napi_url = \"http://u:{CANARY}@127.0.0.1:1\"\n\
         [channels.mail]\nkind = \"email\"\nhost = \"localhost\"\nfrom = \"a@example.org\"\n\
         username = \"sereno\"\npassword = \"{CANARY}\"\n\
         [channels.hook]\nkind = \"webhook\"\nurl = \"https://u:{CANARY}@example.org/\"\nsecret = \"{VALID_SECRET}\"\n\
         allow_private = [\"10.0.0.0/8\"]\n\
         [runtimes.fleet]\nkind = \"generic\"\nsecret = [\"{VALID_SECRET}\"]\ntoken = [\"{CANARY}\"]\n\
         control_url = \"http://u:{CANARY}@127.0.0.1:1/\"\n\
         [runtimes.claude]\nkind = \"claude-code\"\ntoken = \"{CANARY}\"\n\
         [api.tokens.ops]\nrole = \"admin\"\ntoken = \"{CANARY}\"\n\
         [heartbeat]\nurl = \"https://u:{CANARY}@hc.example.org/ping\"\n"
    );
    let folder = folder(&text);
    let config = load(folder.path(), &[]).unwrap();
    let secret = config.file.api.tokens["ops"].token.clone();
    let secret = config.secret(secret.as_ref(), None, "test").unwrap();
    assert!(secret.as_ref().unwrap().is(CANARY), "the secret is there");
    assert!(config.store_url().unwrap().contains(CANARY), "the password is there");
    let shown = [config.show(), format!("{config:?}"), format!("{config:#?}"), format!("{secret:?}")];
    for text in shown {
        assert!(!text.contains(CANARY) && !text.contains("MDEyMzQ1"), "{text}");
        assert!(text.contains("‹secret›"), "{text}");
    }
    let shown = config.show();
    assert!(shown.contains("url = \"postgres://sereno@127.0.0.1/db\""), "{shown}");
}

#[test]
fn what_is_shown_can_be_read_again() {
    let text = "[people.ana]\nrole = \"admin\"\ntelegram = 5\n[runtimes.fleet]\nkind = \"generic\"\nsecret_file = [\"fleet.secret\"]\n\
                [[routes]]\nmatch = 'severity=\"critical\"'\nto = [\"page:ana\"]\n[prices.m]\ninput = 1.5\noutput = 2.0\n";
    let first = Config::from_text(text).unwrap();
    let again = Config::from_text(&first.show()).unwrap();
    assert_eq!(first.policy, again.policy);
    assert_eq!(first.show(), again.show());
}
