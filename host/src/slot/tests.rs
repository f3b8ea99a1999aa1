use std::num::NonZeroUsize;
use std::sync::atomic::AtomicBool;

use ptwalk_abi::{Config, Extern};

use super::*;
use crate::admission::{Admission, Order};
use crate::engine::{Engine, Wanted};
use crate::sample;
use crate::walk::{Event, MapSink, Passed, WalkError, walk_split};

/// arm64 for a kernel.
fn candidate(admission: &Admission, major: i32, minor: i32) -> Arc<Candidate> {
    let config = Config::DEFAULT.with(Extern::LINUX_VERSION_CODE, major << 16 | minor << 8);
    admission.admit(&Order::new("arm64", config)).expect("arm64 is verified").candidate
}

/// Leaves that are PROT_NONE in the sample, whose kernel is 6.12: the bit moved in 6.11.
fn protnone(pin: &Pin, image: &Image, threads: usize) -> u64 {
    let engine = pin.engine(&Ask::Walk(Wanted::ALL)).expect("compiled");
    let tables = pin.tables(image, sample::ROOT);
    let whole = tables.whole().expect("a lower half");
    let mut found = 0;
    let threads = NonZeroUsize::new(threads).expect("not 0");
    walk_split(engine.prepared(), &tables, whole, threads, &|| Found(0), &mut |part: Found| {
        found += part.0;
        Ok(())
    })
    .expect("the plugin does not fail");
    found
}

struct Found(u64);

impl MapSink for Found {
    fn event(&mut self, event: &Event, _: &[Passed]) -> Result<(), WalkError> {
        if let Event::Mapping(mapping) = event {
            self.0 += u64::from(mapping.attrs.protnone);
        }
        Ok(())
    }
}

#[test]
fn a_pin_keeps_its_generation_and_a_retired_one_goes_with_its_last_pin() {
    let admission = Admission::new(None).expect("the host's laws");
    let slot = PluginSlot::new(candidate(&admission, 6, 12));
    let image = sample::image().expect("embedded");
    let pin = slot.pin();
    let right = protnone(&pin, &image, 1);
    assert_eq!(right, 50, "the README counts them");
    let second = slot.publish(candidate(&admission, 6, 1));
    assert_eq!((second.pin.number(), slot.pin().number(), pin.number()), (2, 2, 1));
    assert_eq!(second.pin.identity().generation, 2);
    assert_eq!(protnone(&pin, &image, 2), right, "the first answer, also now");
    assert_ne!(protnone(&second.pin, &image, 2), right);
    drop(second);
    assert_eq!(slot.alive(), 2);
    let engine = pin.engine(&Ask::Walk(Wanted::ALL)).expect("compiled");
    drop(pin);
    assert_eq!(slot.alive(), 2, "an engine holds its generation");
    let mut started = engine.start().expect("started");
    assert!(started.record(0, 0).is_ok());
    drop(engine);
    assert_eq!(slot.alive(), 1);
}

#[test]
fn endless_swaps_keep_few_generations() {
    let admission = Admission::new(None).expect("the host's laws");
    let two = [candidate(&admission, 6, 12), candidate(&admission, 6, 1)];
    let slot = PluginSlot::new(two[0].clone());
    let image = sample::image().expect("embedded");
    let expected = two.clone().map(|candidate| protnone(&PluginSlot::new(candidate).pin(), &image, 1));
    let done = AtomicBool::new(false);
    let mut alive_max = 0;
    std::thread::scope(|scope| {
        let walk = || {
            let mut seen = [0_u64; 2];
            while !done.load(Ordering::Relaxed) {
                let pin = slot.pin();
                let which = usize::from(pin.number().is_multiple_of(2));
                assert_eq!(protnone(&pin, &image, 1), expected[which], "generation {}", pin.number());
                seen[which] += 1;
            }
            seen
        };
        let walkers = [scope.spawn(walk), scope.spawn(walk)];
        for i in 0..2000_usize {
            slot.publish(two[(i + 1) % 2].clone());
            alive_max = alive_max.max(slot.alive());
            // In pairs, so that walks meet both.
            if i % 10 < 2 {
                std::thread::sleep(Duration::from_millis(1));
            }
        }
        done.store(true, Ordering::Relaxed);
        for walker in walkers {
            let seen = walker.join().expect("no answer was of two plugins");
            assert!(seen.iter().all(|seen| *seen > 0), "{seen:?}");
        }
    });
    assert_eq!((slot.alive(), slot.pin().number()), (1, 2001));
    assert!(alive_max <= 4, "one in service, one a walker, one being replaced: {alive_max}");
}

#[test]
fn of_concurrent_publications_the_last_number_stays() {
    let admission = Admission::new(None).expect("the host's laws");
    let candidate = candidate(&admission, 6, 12);
    let slot = PluginSlot::new(candidate.clone());
    std::thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| (0..500).for_each(|_| drop(slot.publish(candidate.clone()))));
        }
    });
    assert_eq!((slot.pin().number(), slot.alive()), (2001, 1));
}

#[test]
fn code_is_unmapped_with_the_last_that_holds_it() {
    let admission = || Admission::new(None).expect("the host's laws");
    let slot = PluginSlot::new(candidate(&admission(), 6, 12));
    let first = Arc::downgrade(slot.pin().candidate());
    let pin = slot.pin();
    slot.publish(candidate(&admission(), 6, 1));
    assert!(first.upgrade().is_some(), "a walk holds it");
    drop(pin);
    assert!(first.upgrade().is_none(), "nobody holds it");
}
