//! Answers to `walk` and `gup`.

use std::time::Instant;

use ptwalk_abi::Half;
use serde_json::{Map, Value, json};

use super::error::{AnswerError, RequestError};
use super::request::{GupRequest, WalkRequest};
use super::service::Service;
use crate::admission::Ask;
use crate::engine::Wanted;
use crate::errno::Errno;
use crate::gup::{AccessOk, Gup, get_user_pages_fast};
use crate::show;
use crate::slot::Pin;
use crate::walk::{Space, TranslateError};

/// Each address, every level. Those for which there was no time are left out, and the answer says so.
pub(super) fn walk(
    service: &Service,
    pin: &Pin,
    request: &WalkRequest,
    until: Instant,
) -> Result<Map<String, Value>, AnswerError> {
    within("addresses", request.addresses.len(), service.limits.addresses)?;
    let mut engine = pin.engine(&Ask::Walk(Wanted::ALL))?.start()?;
    let geometry = pin.candidate().geometry();
    let space = Space { image: &service.image, geometry, roots: &service.roots };
    let mut walks = Vec::new();
    for va in request.addresses.iter().copied() {
        if Instant::now() >= until {
            break;
        }
        walks.push(show::translation(&space.translate(&mut engine, va)?, geometry.page_shift()));
    }
    service.metrics.entries.add(walks.len() as u64);
    let complete = walks.len() == request.addresses.len();
    let mut fields =
        Map::from_iter([("walks".to_owned(), Value::Array(walks)), ("complete".to_owned(), complete.into())]);
    if !complete {
        fields.insert("reason".to_owned(), "deadline".into());
    }
    Ok(fields)
}

/// Pages that a kernel would pin. Nothing stays pinned.
pub(super) fn gup(service: &Service, pin: &Pin, request: &GupRequest) -> Result<Map<String, Value>, AnswerError> {
    if request.nr > service.limits.gup_pages {
        let (asked, max) = (request.nr, service.limits.gup_pages);
        return Err(RequestError::TooMany { what: "pages", asked, max }.into());
    }
    let candidate = pin.candidate();
    let space = Space { image: &service.image, geometry: candidate.geometry(), roots: &service.roots };
    let half = Half::Lower;
    let root = space.root_of(half)?.ok_or(TranslateError::NoRoot { half, va: request.start })?;
    let arch = candidate.admitted().plugin().manifest().arch.as_deref().unwrap_or_default();
    let gup = Gup { policy: request.policy, access_ok: AccessOk::of_arch(arch), ..Gup::new(request.flags) };
    let mut engine = pin.engine(&Ask::Gup(gup))?.start()?;
    // References are taken in a copy, so that requests do not see those of others.
    let mut zone = service.zone.clone();
    let outcome = get_user_pages_fast(&mut engine, &space.tables(root), &mut zone, &gup, request.start, request.nr)?;
    service.metrics.entries.add(outcome.pages.len() as u64);
    let pages: Vec<Value> = outcome.pages.iter().map(|page| show::gup_page(page, &zone)).collect();
    let fields = json!({
        "requested": outcome.requested,
        "pinned": outcome.pages.len(),
        "pages": pages,
        "stop": show::gup_stop(&outcome.stop),
        "errno": outcome.errno.map(Errno::name),
        "epoch": gup.policy.name,
        "complete": true,
    });
    Ok(fields.as_object().cloned().unwrap_or_default())
}

/// Whether so many may be asked for.
pub(super) fn within(what: &'static str, asked: usize, max: usize) -> Result<(), RequestError> {
    if asked <= max {
        return Ok(());
    }
    let count = |count: usize| i64::try_from(count).unwrap_or(i64::MAX);
    Err(RequestError::TooMany { what, asked: count(asked), max: count(max) })
}
