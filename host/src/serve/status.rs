//! How the service is, as `status` tells it.

use serde_json::{Map, Value, json};

use super::request::Verb;
use super::service::Service;
use crate::plugin::describe;

/// The fields of the answer.
pub(super) fn fields(service: &Service) -> Map<String, Value> {
    let metrics = &service.metrics;
    let pin = service.slot.pin();
    let (working, waiting) = service.working.load();
    let requests: Map<String, Value> =
        Verb::NAMES.iter().zip(&metrics.answers).map(|(name, times)| ((*name).to_owned(), times.json())).collect();
    let status = json!({
        "uptime_s": service.since.elapsed().as_secs(),
        "image": service.image.name(),
        "configuration": describe(pin.candidate().config()),
        "generations_alive": service.slot.alive(),
        "swaps": {
            "published": metrics.published.get(),
            "unchanged": metrics.unchanged.get(),
            "refused": metrics.refused.get(),
            "followed": metrics.followed.get(),
            "last_refusal": metrics.last_refusal(),
            "publication_us": metrics.publication.json(),
        },
        "answers_us": requests,
        "entries": metrics.entries.get(),
        "errors": metrics.errors(),
        "working": working,
        "waiting": waiting,
        "connections": {
            "open": metrics.accepted.get().saturating_sub(metrics.closed.get()),
            "accepted": metrics.accepted.get(),
            "turned_away": metrics.turned_away.get(),
            "displaced": metrics.displaced.get(),
            "timed_out": metrics.timed_out.get(),
            "broken": metrics.broken.get(),
            "panicked": metrics.panicked.get(),
        },
        "cache": service.admission.cache().map(|cache| json!(cache.state())),
    });
    status.as_object().cloned().unwrap_or_default()
}
