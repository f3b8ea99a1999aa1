//! Requests to the service from strangers: each gets one line of JSON, soon, with its `id`.
//!
//! Requests that would swap the plugin are parsed and not answered: they name files.

use std::time::Duration;

use ptwalk_abi::{Half, PhysAddr};
use serde_json::Value;

use super::clock::within;
use super::minimise::Kind;
use super::mutate::mutate;
use super::random::Random;
use super::reference::MACHINES;
use super::reference::scene::Scene;
use super::run::{Entry, Failure, Property, Tally};
use crate::admission::{Admission, Order};
use crate::serve::{Limits, Request, Service, Setup, Verb};
use crate::show::SCHEMA;
use crate::walk::Root;
use crate::zone::Zone;

/// Of the service's protocol.
pub(super) const REQUESTS: Entry = Entry {
    name: "requests",
    about: "any line gets one line of JSON from the service, in bounded time and size, with the id that it had",
    kind: Kind::Bytes,
    make: |_| Ok(Box::new(Requests { service: service()? })),
};

/// Longest that one request may take of the thread's own time.
const PATIENCE: Duration = Duration::from_secs(if cfg!(debug_assertions) { 10 } else { 2 });
/// Bytes of an answer: a page of a dump, or of pinned pages, and what is around it.
const ANSWER_BYTES_MAX: usize = 16 << 20;

const SEEDS: [&str; 6] = [
    r#"{"op":"walk","id":1,"addresses":["0x0","0xffffb1b20000","0x7fffffffffff"]}"#,
    r#"{"op":"gup","id":"a","start":"0x0","nr":2,"write":true,"longterm":false,"flags":["pin"],"gup_epoch":"6.6"}"#,
    r#"{"op":"dump","id":2,"range":"0x0-0xc0000000","filter":"write & !dirty","merge":"pa","limit":3,"cursor":"1.0.0x1000"}"#,
    r#"{"op":"dump","deadline_ms":20}"#,
    r#"{"op":"swap","id":7,"plugin":"arm64","config":"TRANSPARENT_HUGEPAGE=0","kernel":"5.3"}"#,
    r#"{"op":"status","id":null}"#,
];

struct Requests {
    service: Service,
}

/// A service of some tables of arm64 with pages of 4K and four levels.
fn service() -> Result<Service, Failure> {
    let m = &MACHINES[1];
    let scene = Scene::new(&mut Random::new(7), m);
    let image = scene.memory.image(m.big_endian())?;
    let root = |half| Root { pa: PhysAddr(scene.root), half };
    let order = Order::new(m.plugin(), m.config());
    let (admission, limits) = (Admission::new(None)?, Limits::new(1));
    let roots = vec![root(Half::Lower), root(Half::Upper)];
    Ok(Service::new(Setup { image, roots, zone: Zone::default(), admission, order, limits })?)
}

impl Property for Requests {
    fn generate(&mut self, random: &mut Random<'_>) -> Vec<u8> {
        let mut bytes = random.pick(&SEEDS).as_bytes().to_vec();
        if random.one_in(3) {
            let numbers =
                ["0", "-1", "9223372036854775807", "1e400", "\"0xffffffffffffffff\"", "[]", "{\"a\":[[[[[]]]]]}"];
            let at = bytes.iter().position(|byte| *byte == b':').map_or(0, |at| at + 1);
            let number = random.pick(&numbers);
            drop(bytes.splice(at..at, number.bytes()));
        }
        if !random.one_in(6) {
            mutate(random, &mut bytes);
        }
        bytes
    }

    fn check(&mut self, input: &[u8], tally: &mut Tally) -> Result<(), Failure> {
        let request = Request::parse(input);
        tally.judge(request.is_ok());
        if let Ok(Request { verb: Verb::Swap(_), .. }) = request {
            return Ok(());
        }
        let mut line = Vec::new();
        within(PATIENCE, || {
            line = self.service.answer_line(input);
            Ok(())
        })?;
        if line.len() > ANSWER_BYTES_MAX {
            return Err(format!("size: {} bytes", line.len()).into());
        }
        tally.executions += 1;
        let Some((b'\n', text)) = line.split_last() else { return Err("line: the answer does not end".into()) };
        let answer: Value = serde_json::from_slice(text)?;
        let id = request.as_ref().map_or_else(|(id, _)| id, |request| &request.id);
        let is_plain = !text.contains(&b'\n') && answer["schema"] == SCHEMA;
        let tells = answer.get("error").is_some() || request.is_ok();
        if is_plain && tells && (id.is_null() || answer["id"] == *id) {
            Ok(())
        } else {
            Err(format!("answer: to {:?}: {answer}", String::from_utf8_lossy(input)).into())
        }
    }
}
