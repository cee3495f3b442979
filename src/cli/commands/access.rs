//! The table of who may do what, as it stands in `docs/access.md`: made by asking the rules, not by telling them again.

use crate::core::access::{Access, Rights, Role, Ruling, Within};
use crate::core::command::{CATALOGUE, Spec, Touches};
use crate::core::policy::Policy;

/// Where it stands, beside the README.
pub const PATH: &str = "docs/access.md";

/// The page.
pub fn page() -> String {
    let mut table = String::from(
        "| command | touches | viewer | operator | approver | admin | with `within` |\n|---|---|:-:|:-:|:-:|:-:|---|\n",
    );
    let mut specs: Vec<&Spec> = CATALOGUE.0.iter().collect();
    specs.sort_by(|a, b| a.name.cmp(&b.name));
    for spec in specs {
        let roles = Role::ALL.map(|role| if may(spec, &plain(role)) { "yes" } else { "–" });
        let touches = match spec.touches {
            Touches::Fleet => "everything",
            Touches::Agents => "agents",
            Touches::Oneself => "oneself",
        };
        table.push_str(&format!("| `/{}` | {touches} | {} | {} |\n", spec.name, roles.join(" | "), bounded(spec)));
    }
    format!("{BEFORE}{table}{AFTER}")
}

fn plain(role: Role) -> Rights {
    Rights { role, access: Access::default() }
}

fn may(spec: &Spec, rights: &Rights) -> bool {
    rights.everywhere(spec) == Ruling::Allowed
}

/// What is left of a command when its role holds for one runtime only.
fn bounded(spec: &Spec) -> &'static str {
    let within = Within { runtimes: vec!["here".into()], ..Within::default() };
    let rights = Rights { role: Role::Admin, access: Access { within, ..Access::default() } };
    let policy = Policy::default();
    let on = |runtime: &str| rights.on(spec, &policy.target(runtime, "agent", &[])) == Ruling::Allowed;
    match spec.touches {
        Touches::Oneself => "yes",
        Touches::Fleet if may(spec, &rights) => "yes",
        Touches::Agents if on("here") && !on("elsewhere") => "on those agents",
        _ => "no",
    }
}

const BEFORE: &str = "<!-- Made by `sereno commands generate` from commands/ and src/core/access. -->
# Who may do what

Whatever comes in (a command, a tap, a line on the page, a call of the API) is decided in one place, when it is
folded, and by these rules only:

1. A person is known by the account that the platform proves, never by a name; a token of the API by itself.
2. A role allows the commands of its column, on every agent that its `within` means: all, when nothing is said.
3. `allow` adds commands, or those of a role, each with a `within` of its own.
4. `deny` takes away, whatever allows it. Without commands and role it takes away everything.
5. What nothing allows is refused, and so is a command that nobody knows.

A command that touches everything needs to be allowed everywhere and denied nowhere. `/pause all` and lists mean what
whoever says it may touch; a task is seen by whoever may see one of its agents, and an alert or a task is changed by whoever may
change all of them. Whoever sees a part of the agents is sent cards about that part only, and the lists and the stream of the API
tell of that part: a list shows what the command of its name would (`/cost` for costs, `/status` for the figures of the
stream), and a task that others work on too shows without them and what they used. Digests are about everything.
A refusal calls what is out of reach by the words of whoever asked, and the audit by its name.

A refusal says why, to whoever asked and where the platform can do that to nobody else, and stands in the audit when it
would have changed something.

";

const AFTER: &str = "
Which agents a `within` means: every list in it that is written must fit, each by one of its globs (`*`, `?`).

| list | fits |
|---|---|
| `agents` | the agent's identity, or `runtime/identity` where the glob holds a slash |
| `runtimes` | the runtime's name |
| `tags` | one of the agent's tags: its own word, so give nothing by a tag that an agent must not give itself |
| `environments` | `environment` of the runtime's table; where it has none, the agent's tag `env:NAME` |
";
