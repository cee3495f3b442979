//! Words and short texts of a language: `templates/LANG/words.toml`.

use std::sync::LazyLock;

use super::FILES;
use crate::core::policy::Lang;

/// The words of one language, by section and key.
#[derive(Debug)]
pub struct Words(pub toml::Table);

static EN: LazyLock<Words> = LazyLock::new(|| Words::load(Lang::En));
static ES: LazyLock<Words> = LazyLock::new(|| Words::load(Lang::Es));

impl Words {
    /// The words of a language.
    pub fn of(lang: Lang) -> &'static Self {
        match lang {
            Lang::En => &EN,
            Lang::Es => &ES,
        }
    }

    fn load(lang: Lang) -> Self {
        let path = format!("{}/words.toml", lang.as_str());
        let text = FILES.get_file(&path).and_then(|f| f.contents_utf8()).unwrap_or_default();
        Self(text.parse().unwrap_or_else(|e| panic!("{path}: {e}")))
    }

    /// A text by its path such as `page.signin_title`; a question mark when there is none.
    pub fn get(&self, path: &str) -> &str {
        let mut table = Some(&self.0);
        let mut text = None;
        for key in path.split('.') {
            let value = table.and_then(|table| table.get(key));
            table = value.and_then(toml::Value::as_table);
            text = value.and_then(toml::Value::as_str);
        }
        text.unwrap_or("?")
    }

    /// Every path, for the test that no language misses one.
    pub fn paths(&self) -> Vec<String> {
        fn walk(prefix: &str, table: &toml::Table, paths: &mut Vec<String>) {
            for (key, value) in table {
                let path = if prefix.is_empty() { key.clone() } else { format!("{prefix}.{key}") };
                match value {
                    toml::Value::Table(inner) => walk(&path, inner, paths),
                    _ => paths.push(path),
                }
            }
        }
        let mut paths = Vec::new();
        walk("", &self.0, &mut paths);
        paths.sort_unstable();
        paths
    }
}
