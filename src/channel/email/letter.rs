//! A card as a mail: a plain twin and one in HTML of the same tree, under headers that no text can add to.
//!
//! The same row and version of a card make the same bytes, so that a mail which is sent again because nobody knows
//! whether it arrived is the same mail: name, date and boundary follow from what it says. The boundary is a digest of
//! both parts, so no text can hold it.

use lettre::Address;
use lettre::message::header::{
    ContentTransferEncoding, ContentType, Date, Header, HeaderName, HeaderValue, InReplyTo, MessageId, References,
    Subject,
};
use lettre::message::{Attachment, Body, Mailbox, Message, MultiPart, SinglePart};
use sha2::{Digest as _, Sha256};

use crate::channel::{Outgoing, PICTURE};
use crate::core::text;
use crate::render::export::File;
use crate::render::markup::text_of;
use crate::render::{self, Link};

/// Characters of a subject: two lines of a mail program, more than any lock screen shows.
const SUBJECT: usize = 140;

/// A mail that is to be written.
pub struct Letter<'a> {
    /// What it says.
    pub out: &'a Outgoing,
    /// Names of the mails that it follows, the oldest first.
    pub thread: &'a [&'a str],
    /// Who writes.
    pub from: &'a Mailbox,
    /// Who reads.
    pub to: &'a Address,
    /// The address to which its buttons lead; without it they are left out.
    pub links: Option<&'a str>,
    /// Its picture as PNG.
    pub png: Option<Vec<u8>>,
}

macro_rules! fixed_header {
    ($(#[$doc:meta])* $name:ident, $header:literal, $value:literal) => {
        $(#[$doc])*
        #[derive(Clone)]
        struct $name;

        impl Header for $name {
            fn name() -> HeaderName {
                HeaderName::new_from_ascii_str($header)
            }

            fn parse(_: &str) -> Result<Self, Box<dyn std::error::Error + Send + Sync>> {
                Ok(Self)
            }

            fn display(&self) -> HeaderValue {
                HeaderValue::new(Self::name(), $value.to_owned())
            }
        }
    };
}

fixed_header!(
    /// No machine shall answer. <https://www.rfc-editor.org/rfc/rfc3834#section-5>
    AutoSubmitted, "Auto-Submitted", "auto-generated"
);
fixed_header!(
    /// Exchange answers all the same unless it is told so.
    /// <https://learn.microsoft.com/openspecs/exchange_server_protocols/ms-oxcmail>
    NoAutoResponse, "X-Auto-Response-Suppress", "All"
);
fixed_header!(
    /// It makes no sound, where a mail program knows that. <https://www.rfc-editor.org/rfc/rfc4021#section-2.1.53>
    Quiet, "Importance", "low"
);

/// Where whoever wants no more of these mails says so with one click, without seeing a page.
/// <https://www.rfc-editor.org/rfc/rfc8058>
#[derive(Clone)]
struct ListUnsubscribe(String);

impl Header for ListUnsubscribe {
    fn name() -> HeaderName {
        HeaderName::new_from_ascii_str("List-Unsubscribe")
    }

    fn parse(text: &str) -> Result<Self, Box<dyn std::error::Error + Send + Sync>> {
        Ok(Self(text.to_owned()))
    }

    fn display(&self) -> HeaderValue {
        HeaderValue::new(Self::name(), format!("<{}>", self.0))
    }
}

fixed_header!(
    /// The link above may be posted to. <https://www.rfc-editor.org/rfc/rfc8058#section-3.1>
    OneClick, "List-Unsubscribe-Post", "List-Unsubscribe=One-Click"
);

impl Letter<'_> {
    /// Its name and its bytes.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn write(&self) -> Result<(String, Vec<u8>), String> {
        let out = self.out;
        let name = self.name();
        let subject = subject(&text_of(&out.doc.title));
        let links = self.links();
        let plain = render::mail_text(&out.doc, &links, out.lang);
        let (cid, alt) = (self.cid(), out.picture.as_ref().map_or("", |picture| picture.alt.as_str()));
        let shown = self.png.as_ref().map(|_| render::Inline { cid: &cid, alt });
        let html = render::mail(&out.doc, shown, &links, out.lang, &subject).map_err(|error| error.to_string())?;
        let mut message = Message::builder()
            .header(self.date())
            .from(self.from.clone())
            .to(Mailbox::new(None, self.to.clone()))
            .header(Subject::from(subject))
            .header(MessageId::from(name.clone()))
            .header(AutoSubmitted)
            .header(NoAutoResponse);
        let thread: Vec<&str> = self.thread.iter().copied().filter(|one| is_name(one)).collect();
        if let Some(last) = thread.last() {
            message = message.header(InReplyTo::from((*last).to_owned())).header(References::from(thread.join(" ")));
        }
        if out.silent {
            message = message.header(Quiet);
        }
        if let Some(link) = self.stops() {
            message = message.header(ListUnsubscribe(link)).header(OneClick);
        }
        let boundary = boundary(&name, &plain, &html);
        // No line of base64 begins with a dash, so the boundary around the picture need not know it.
        let (related, around) = (format!("related-{boundary}"), format!("mixed-{boundary}"));
        let parts = MultiPart::alternative().boundary(boundary).singlepart(part(ContentType::TEXT_PLAIN, plain));
        let page = part(ContentType::TEXT_HTML, html);
        let parts = match &self.png {
            None => parts.singlepart(page),
            Some(png) => {
                let related = MultiPart::related().boundary(related).singlepart(page);
                parts.multipart(related.singlepart(picture(&cid, png)?))
            }
        };
        let parts = match &out.file {
            None => parts,
            Some(file) => {
                let mixed = MultiPart::mixed().boundary(around).multipart(parts);
                mixed.singlepart(attached(file)?)
            }
        };
        let message = message.multipart(parts).map_err(|_| "the mail cannot be written")?;
        Ok((name, message.formatted()))
    }

    /// The same for the same row and version: mail programs show mails of one name once.
    fn name(&self) -> String {
        format!("<{}.{}@{}>", self.out.id, self.out.version, self.from.email.domain())
    }

    /// What its picture is called inside of it.
    fn cid(&self) -> String {
        format!("{}.{}.chart@{}", self.out.id, self.out.version, self.from.email.domain())
    }

    fn date(&self) -> Date {
        let millis = u64::try_from(self.out.at.0).unwrap_or(0);
        Date::new(std::time::UNIX_EPOCH + std::time::Duration::from_millis(millis))
    }

    /// The link that ends mails of this kind, where its reader has one: the only button of a digest.
    fn stops(&self) -> Option<String> {
        let button = self.out.buttons.first().filter(|_| self.out.about.kind == "digest")?;
        Some(format!("{}/m/stop/{}", self.links?, button.token))
    }

    fn links(&self) -> Vec<Link> {
        let Some(base) = self.links else { return Vec::new() };
        let link = |button: &crate::channel::DrawnButton| Link {
            label: button.label.clone(),
            // Behind the # no server and no log on the way sees it.
            href: format!("{base}/m#{}", button.token),
            style: button.style,
        };
        self.out.buttons.iter().map(link).collect()
    }
}

/// What stands on the lock screen: one line without anything that cannot be seen.
fn subject(title: &str) -> String {
    let shown: String = title.chars().map(|c| if c.is_control() || c.is_whitespace() { ' ' } else { c }).collect();
    let words: Vec<&str> = shown.split(' ').filter(|word| !word.is_empty()).collect();
    // A reader of mail would take what looks encoded for what it would be decoded.
    text::clip(&words.join(" ").replace("=?", "= ?"), SUBJECT)
}

/// Whether a receipt is the name of a mail; whatever else it is stays out of the headers.
fn is_name(receipt: &str) -> bool {
    let inner = receipt.strip_prefix('<').and_then(|rest| rest.strip_suffix('>'));
    inner.is_some_and(|inner| {
        inner.split_once('@').is_some_and(|(left, right)| !left.is_empty() && !right.is_empty())
            && inner.chars().all(|c| c.is_ascii_graphic() && !matches!(c, '<' | '>' | ',' | '"'))
    })
}

fn boundary(name: &str, plain: &str, html: &str) -> String {
    let mut hash = Sha256::new();
    for text in [name, plain, html] {
        hash.update(text.len().to_be_bytes());
        hash.update(text);
    }
    format!("sereno-{}", hex::encode(&hash.finalize()[..16]))
}

/// A picture as a part of the page, and no file beside it.
fn picture(cid: &str, png: &[u8]) -> Result<SinglePart, String> {
    let kind = ContentType::parse("image/png").map_err(|_| "the mail cannot be written")?;
    Ok(Attachment::new_inline_with_name(cid.to_owned(), PICTURE.to_owned()).body(png.to_vec(), kind))
}

/// A file beside the page, in base64: what is in it comes as it is.
fn attached(file: &File) -> Result<SinglePart, String> {
    let kind = ContentType::parse(file.mime).map_err(|_| "the mail cannot be written")?;
    let body = Body::new_with_encoding(file.text.clone().into_bytes(), ContentTransferEncoding::Base64);
    let body = body.map_err(|_| "the mail cannot be written")?;
    Ok(Attachment::new(file.name.clone()).body(body, kind))
}

/// Lines of any length pass every server this way.
fn part(kind: ContentType, text: String) -> SinglePart {
    SinglePart::builder().header(kind).header(ContentTransferEncoding::QuotedPrintable).body(text)
}
