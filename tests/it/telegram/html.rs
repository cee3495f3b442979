//! Telegram's HTML mode, read as strictly as Telegram reads it.
//!
//! A `<` that begins no known tag, a tag that is not closed and one that closes another are errors; what is
//! left is the text that people see and the entities in it.
//! <https://core.telegram.org/bots/api#html-style>

/// Tags that begin an entity.
const TAGS: &[&str] =
    &["b", "strong", "i", "em", "u", "ins", "s", "strike", "del", "code", "pre", "blockquote", "tg-spoiler", "a"];

/// What people see of a message.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Parsed {
    pub text: String,
    /// Tag and text of every entity, in the order in which they end.
    pub entities: Vec<(String, String)>,
}

/// Reads `html`; the error is what Telegram would say after `can't parse entities: `.
pub fn parse(html: &str) -> Result<Parsed, String> {
    let mut parsed = Parsed::default();
    let mut open: Vec<(String, usize)> = Vec::new();
    let mut rest = html;
    while let Some(c) = rest.chars().next() {
        let at = html.len() - rest.len();
        match c {
            '<' => {
                let end = rest.find('>').ok_or_else(|| format!("Unclosed start tag at byte offset {at}"))?;
                tag(&rest[1..end], at, &mut parsed, &mut open)?;
                rest = &rest[end + 1..];
            }
            '&' => {
                let (text, length) = reference(rest);
                parsed.text.push_str(&text);
                rest = &rest[length..];
            }
            c => {
                parsed.text.push(c);
                rest = &rest[c.len_utf8()..];
            }
        }
    }
    match open.pop() {
        Some((name, at)) => Err(format!("Can't find end tag corresponding to start tag {name} at {at}")),
        None => Ok(parsed),
    }
}

fn tag(inside: &str, at: usize, parsed: &mut Parsed, open: &mut Vec<(String, usize)>) -> Result<(), String> {
    if let Some(name) = inside.strip_prefix('/') {
        let Some((begun, from)) = open.pop() else {
            return Err(format!("Unexpected end tag at byte offset {at}"));
        };
        if begun != name.trim().to_lowercase() {
            return Err(format!("Unmatched end tag at byte offset {at}, expected \"</{begun}>\", found \"</{name}>\""));
        }
        let text = parsed.text[from..].to_owned();
        parsed.entities.push((begun, text));
        return Ok(());
    }
    let name = inside.split_whitespace().next().unwrap_or_default().to_lowercase();
    if !TAGS.contains(&name.as_str()) {
        return Err(format!("Unsupported start tag \"{name}\" at byte offset {at}"));
    }
    open.push((name, parsed.text.len()));
    Ok(())
}

/// The text of what begins with `&`, and how long it was written. What is no reference is itself.
fn reference(rest: &str) -> (String, usize) {
    let named = [("&lt;", "<"), ("&gt;", ">"), ("&amp;", "&"), ("&quot;", "\"")];
    if let Some((written, means)) = named.iter().find(|(written, _)| rest.starts_with(written)) {
        return ((*means).to_owned(), written.len());
    }
    let number = rest.strip_prefix("&#").and_then(|tail| tail.split_once(';')).and_then(|(digits, _)| {
        let code = match digits.strip_prefix('x') {
            Some(hex) => u32::from_str_radix(hex, 16).ok(),
            None => digits.parse().ok(),
        };
        Some((char::from_u32(code?)?.to_string(), digits.len() + 3))
    });
    number.unwrap_or_else(|| ("&".to_owned(), 1))
}

#[test]
fn only_what_telegram_takes_is_taken() {
    let good = parse("<b>a &lt;b&gt; &amp; c</b>\n<pre>x > y</pre> &foo; &#33; & end").unwrap();
    assert_eq!(good.text, "a <b> & c\nx > y &foo; ! & end");
    let entities = [("b".to_owned(), "a <b> & c".to_owned()), ("pre".to_owned(), "x > y".to_owned())];
    assert_eq!(good.entities, entities);
    for bad in ["<b>a", "a</b>", "<b>a</i>", "1 < 2", "<script>x</script>", "<p>x</p>", "<b"] {
        assert!(parse(bad).is_err(), "{bad}");
    }
}
