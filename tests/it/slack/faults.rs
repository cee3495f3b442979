//! What can go wrong between us and Slack, to be queued for a method of the fake server.

/// Something that goes wrong once.
#[derive(Clone, Debug)]
pub enum Fault {
    /// 429 with `Retry-After`.
    Wait(&'static str),
    /// Slack's own error code.
    Code(&'static str),
    /// A status and a body as they are, whatever they are.
    Raw(u16, &'static str),
    /// No answer at all.
    Silence,
    /// The connection breaks before the request is read.
    ResetBefore,
    /// The connection breaks after the request was carried out.
    ResetAfter,
}

/// A fault that waits for its request.
#[derive(Clone, Debug)]
pub struct Planned {
    pub method: String,
    pub fault: Fault,
}
