//! The service without a socket: requests in, answers out.
//!
//! Guaranteed: an answer is of one generation, which it names; swaps are admitted beside the walks, one at a time, and a
//! plugin that is refused leaves the one in service where it is; more than [`Limits`] allow is refused before it is done.

use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

use serde_json::{Map, Value, json};

use super::error::AnswerError;
use super::gate::Gate;
use super::limits::Limits;
use super::metrics::{Event, Metrics};
use super::request::{Request, SwapRequest, Verb};
use super::{answer, page, status};
use crate::admission::{Admission, Ask, Order, Pass, Stages, Stamp};
use crate::engine::Wanted;
use crate::gup::{FollFlags, Gup};
use crate::image::Image;
use crate::show::SCHEMA;
use crate::slot::{Pin, PluginSlot};
use crate::typed::configure;
use crate::walk::Root;
use crate::zone::Zone;

/// Swaps that wait for the one that is being admitted.
const SWAPS_WAITING: usize = 8;

/// What a service begins with.
pub struct Setup {
    /// The image.
    pub image: Image,
    /// The roots of its tables.
    pub roots: Vec<Root>,
    /// Device ranges and pages, for GUP.
    pub zone: Zone,
    /// Who is let in.
    pub admission: Admission,
    /// The first plugin, and the configuration and engine of those that follow.
    pub order: Order,
    /// Ceilings.
    pub limits: Limits,
}

/// Answers requests about one image.
#[derive(Debug)]
pub struct Service {
    pub(super) image: Image,
    pub(super) roots: Vec<Root>,
    pub(super) zone: Zone,
    pub(super) slot: PluginSlot,
    pub(super) admission: Admission,
    pub(super) order: Order,
    pub(super) limits: Limits,
    pub(super) metrics: Metrics,
    pub(super) working: Gate,
    pub(super) admitting: Gate,
    pub(super) since: Instant,
    /// The state of the first plugin's file.
    pub(super) stamp: Option<Stamp>,
}

/// What a swap came to.
#[derive(Clone, Debug)]
pub struct Swapped {
    /// The generation in service now.
    pub pin: Pin,
    /// The plugin was not in service before.
    pub changed: bool,
    /// The state of the file that was read, where it is one.
    pub stamp: Option<Stamp>,
    /// The time of each stage.
    pub stages: Stages,
    /// The time of the exchange itself.
    pub publication: Duration,
}

impl Service {
    /// A service with its first plugin.
    ///
    /// # Errors
    /// [`AnswerError::Refused`] and [`AnswerError::Unsuitable`].
    pub fn new(setup: Setup) -> Result<Service, AnswerError> {
        let Setup { image, roots, zone, admission, mut order, limits } = setup;
        // What clients will ask first.
        let dump = Wanted { absent: false, ..Wanted::ALL };
        order.asks.extend([Ask::Walk(dump), Ask::Gup(Gup::new(FollFlags::NONE))]);
        let pass = admission.admit(&order)?;
        suits(&roots, &order.spec, &pass)?;
        Ok(Service {
            image,
            roots,
            zone,
            slot: PluginSlot::new(pass.candidate),
            admission,
            order,
            working: Gate::new(limits.working, limits.waiting),
            admitting: Gate::new(1, SWAPS_WAITING),
            limits,
            metrics: Metrics::new(),
            since: Instant::now(),
            stamp: pass.stamp,
        })
    }

    /// The slot: for walks in the same process.
    pub fn slot(&self) -> &PluginSlot {
        &self.slot
    }

    /// The image.
    pub fn image(&self) -> &Image {
        &self.image
    }

    /// The ceilings.
    pub fn limits(&self) -> &Limits {
        &self.limits
    }

    /// Answers a line of JSON with a line of JSON, its end included.
    pub fn answer_line(&self, line: &[u8]) -> Vec<u8> {
        match Request::parse(line) {
            Ok(request) => self.answer(&request),
            Err((id, error)) => self.failure(&id, None, &error.into()),
        }
    }

    /// Answers a request with a line of JSON, its end included.
    pub fn answer(&self, request: &Request) -> Vec<u8> {
        let start = Instant::now();
        let time = request.deadline.unwrap_or(self.limits.deadline_default).min(self.limits.deadline);
        let signed = |pin: &Pin, fields| self.signed(request, pin, fields);
        let answered = match &request.verb {
            Verb::Walk(walk) => {
                self.work(start, time, |pin, until| Ok(signed(pin, answer::walk(self, pin, walk, until)?)))
            }
            Verb::Gup(gup) => self.work(start, time, |pin, _| Ok(signed(pin, answer::gup(self, pin, gup)?))),
            Verb::Dump(dump) => {
                self.work(start, time, |pin, until| page::dump(self, pin, dump, until, &self.head(request, pin)))
            }
            Verb::Swap(swap) => self.answer_swap(request, swap, time),
            Verb::Status => Ok(signed(&self.slot.pin(), status::fields(self))),
        };
        let mut line = match answered {
            Ok(line) => {
                self.metrics.answers[request.verb.position()].record(start.elapsed());
                line
            }
            Err(error) => return self.failure(&request.id, Some(request.verb.name()), &error),
        };
        line.push(b'\n');
        line
    }

    /// Everything that `status` tells.
    pub fn status(&self) -> Value {
        Value::Object(status::fields(self))
    }

    /// Brings another plugin into service, if it is let in. `time` bounds the wait for swaps before it.
    ///
    /// # Errors
    /// [`AnswerError::Refused`], [`AnswerError::Unsuitable`], [`AnswerError::Busy`]; the plugin in service stays.
    pub fn swap(&self, order: &Order, time: Duration) -> Result<Swapped, AnswerError> {
        let place = self.admitting.enter(Instant::now() + time)?;
        let Some(_place) = place else { return Err(AnswerError::Deadline(time)) };
        let current = self.slot.pin();
        let mut order = order.clone();
        // Engines for what the clients ask these days, before the first of them meets the new plugin.
        order.asks.extend(current.candidate().asks());
        let admitted = self.admission.admit(&order).map_err(AnswerError::from);
        let suited = admitted.and_then(|pass| suits(&self.roots, &order.spec, &pass).map(|()| pass));
        let pass = suited.inspect_err(|error| self.count_refusal(&order.spec, error))?;
        let (stages, stamp) = (pass.stages, pass.stamp);
        if Arc::ptr_eq(&pass.candidate, current.candidate()) {
            self.metrics.unchanged.add(1);
            return Ok(Swapped { pin: current, changed: false, stamp, stages, publication: Duration::ZERO });
        }
        let published = self.slot.publish(pass.candidate);
        self.metrics.published.add(1);
        self.metrics.publication.record(published.took);
        Ok(Swapped { pin: published.pin, changed: true, stamp, stages, publication: published.took })
    }

    fn count_refusal(&self, spec: &str, error: &AnswerError) {
        let stages = match error {
            AnswerError::Refused(refusal) => stages_json(&refusal.stages),
            _ => Value::Null,
        };
        let (code, message, when) = (error.code(), error.to_string(), SystemTime::now());
        self.metrics.refusal(Event { when, spec: spec.to_owned(), code, message, stages });
    }

    /// Does what needs a place among those that work, with one pin for the whole answer.
    fn work(
        &self,
        start: Instant,
        time: Duration,
        work: impl FnOnce(&Pin, Instant) -> Result<Vec<u8>, AnswerError>,
    ) -> Result<Vec<u8>, AnswerError> {
        let until = start + time;
        let place = self.working.enter(until)?;
        let Some(_place) = place else { return Err(AnswerError::Deadline(time)) };
        work(&self.slot.pin(), until)
    }

    fn answer_swap(&self, request: &Request, swap: &SwapRequest, time: Duration) -> Result<Vec<u8>, AnswerError> {
        let config = configure(self.order.config, swap.settings.iter().copied());
        let order = Order { spec: swap.plugin.clone(), config, ..self.order.clone() };
        let swapped = self.swap(&order, time)?;
        let fields = json!({
            "changed": swapped.changed,
            "stages_us": stages_json(&swapped.stages),
            "publication_ns": u64::try_from(swapped.publication.as_nanos()).unwrap_or(u64::MAX),
        });
        Ok(self.signed(request, &swapped.pin, fields.as_object().cloned().unwrap_or_default()))
    }

    /// The fields that every answer begins with.
    fn head(&self, request: &Request, pin: &Pin) -> Map<String, Value> {
        Map::from_iter([
            ("schema".to_owned(), SCHEMA.into()),
            ("id".to_owned(), request.id.clone()),
            ("op".to_owned(), request.verb.name().into()),
            ("plugin".to_owned(), json!(pin.identity())),
        ])
    }

    fn signed(&self, request: &Request, pin: &Pin, fields: Map<String, Value>) -> Vec<u8> {
        let mut answer = self.head(request, pin);
        answer.extend(fields);
        Value::Object(answer).to_string().into_bytes()
    }

    /// The answer to what is not answered.
    pub(super) fn failure(&self, id: &Value, op: Option<&str>, error: &AnswerError) -> Vec<u8> {
        self.metrics.error(error.code());
        let mut fields = json!({ "code": error.code(), "message": error.to_string() });
        if let AnswerError::Refused(refusal) = error {
            fields["stages_us"] = stages_json(&refusal.stages);
            fields["errors"] = refusal.cause.errors_json();
        }
        let plugin = json!(self.slot.pin().identity());
        let answer = json!({ "schema": SCHEMA, "id": id, "op": op, "plugin": plugin, "error": fields });
        let mut line = answer.to_string().into_bytes();
        line.push(b'\n');
        line
    }
}

/// Whether the roots are roots in a plugin's geometry.
fn suits(roots: &[Root], spec: &str, pass: &Pass) -> Result<(), AnswerError> {
    let geometry = pass.candidate.geometry();
    let fits = |root: &&Root| geometry.half(root.half).is_some() && root.is_aligned(geometry);
    match roots.iter().find(|root| !fits(root)) {
        Some(root) => Err(AnswerError::Unsuitable { spec: spec.to_owned(), root: root.pa }),
        None => Ok(()),
    }
}

/// The time of each stage in microseconds.
pub(super) fn stages_json(stages: &Stages) -> Value {
    let us = |time: Duration| Value::from(u64::try_from(time.as_micros()).unwrap_or(u64::MAX));
    let mut fields: Map<String, Value> =
        stages.named().into_iter().map(|(name, time)| (name.to_owned(), us(time))).collect();
    fields.insert("total".to_owned(), us(stages.total()));
    Value::Object(fields)
}
