//! Looks: what the fold answers to commands that only show something, for views that tell more than read models hold.
//!
//! A look is a command like one that is typed, and whoever folds answers it by the same rules of access as everywhere.
//! It is no input: nothing follows from it, and a page that stays open leaves no trace in the log.

use super::super::Shared;
use super::super::problem::Problem;
use super::said;
use super::session::Visitor;
use crate::core::input::Invocation;
use crate::core::message::Content;
use crate::core::reason::Reason;
use crate::engine::NewInput;

/// What came of a look.
pub type Looked = Result<Content, Reason>;

/// Asks the fold as the visitor, all at once. The answers come in the order of the lines.
pub async fn look<const N: usize>(
    door: &Shared,
    visitor: &Visitor,
    lines: [String; N],
) -> Result<[Looked; N], Problem> {
    let asks = lines.map(|text| Invocation { text, origin: None, ..said(door, &visitor.person) });
    let inputs = asks.map(NewInput::look).into();
    let mut answers = door.log.append(inputs).await?.into_iter();
    Ok(std::array::from_fn(|_| match answers.next().and_then(|appended| appended.reply) {
        Some(reply) => reply.content.map(|content| *content).ok_or(reply.reason),
        None => Err(Reason::NothingToDo),
    }))
}

/// Asks the fold one thing.
pub async fn look_once(door: &Shared, visitor: &Visitor, line: String) -> Result<Looked, Problem> {
    let [looked] = look(door, visitor, [line]).await?;
    Ok(looked)
}
