//! Clients that do what they should not. The service is the program, so that its memory and threads can be seen.

use std::io::{Read, Write};
use std::os::unix::net::UnixStream;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use serde_json::json;

use crate::client::{Client, Program, until};
use crate::support::random::Random;

/// Kilobytes by which a service may grow whatever clients do: buffers of allocators, a stack that was used.
const GROWTH_KB: u64 = 24 << 10;

/// Tells the client of good will that the attack is over, also where it ends in a panic.
struct Done<'a>(&'a AtomicBool);

impl Drop for Done<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

/// Runs `attack` while a client of good will keeps asking; the service may neither grow nor end, nor keep that one
/// waiting.
fn while_served(program: &mut Program, attack: impl FnOnce(&Program)) {
    let mut good = program.client();
    (0..50).for_each(|_| drop(good.walk()));
    let (before, _) = program.usage();
    let done = AtomicBool::new(false);
    let slowest = std::thread::scope(|scope| {
        let good = scope.spawn(|| {
            let mut slowest = Duration::ZERO;
            while !done.load(Ordering::Relaxed) {
                let start = Instant::now();
                good.walk();
                slowest = slowest.max(start.elapsed());
                std::thread::sleep(Duration::from_millis(1));
            }
            slowest
        });
        let over = Done(&done);
        attack(program);
        drop(over);
        good.join().expect("every walk is answered")
    });
    until("the attackers' threads have gone", || program.usage().1 < 16);
    let (after, threads) = program.usage();
    println!("slowest walk {slowest:?}, {before} kB before, {after} kB after, {threads} threads");
    assert!(slowest < Duration::from_secs(2), "{slowest:?}");
    assert!(after < before + GROWTH_KB, "{before} kB before, {after} kB after");
    assert!(program.child.try_wait().expect("a child").is_none(), "it lives");
    let mut client = program.client();
    client.walk();
    assert_eq!(client.status()["connections"]["panicked"], 0);
}

/// Sends whatever can be sent before the service closes the connection.
fn send(mut stream: &UnixStream, bytes: &[u8]) {
    stream.set_write_timeout(Some(Duration::from_secs(5))).expect("a timeout");
    // That the service hangs up is its right.
    let _ = stream.write_all(bytes);
}

#[test]
fn random_bytes() {
    let mut program = Program::start(&[]);
    while_served(&mut program, |program| {
        let mut random = Random::new(6);
        for _ in 0..200 {
            let len = random.below(10_000);
            let bytes: Vec<u8> = (0..len).map(|_| u8::try_from(random.below(256)).unwrap_or(0)).collect();
            send(program.client().stream(), &bytes);
        }
        // Nearly requests: one byte of a good one changed.
        let good =
            format!("{}\n", json!({ "id": 1, "op": "dump", "range": "0x400000+4K", "filter": "write", "limit": 3 }));
        let mut client = program.client();
        for _ in 0..2000 {
            let mut bytes = good.clone().into_bytes();
            let at = usize::try_from(random.below(bytes.len() as u64 - 1)).unwrap_or(0);
            bytes[at] = u8::try_from(random.below(256)).unwrap_or(0);
            // A changed byte that ends the line makes two of it.
            let lines = bytes.iter().filter(|byte| **byte == b'\n').count();
            client.send(&bytes);
            for line in bytes.split(|byte| *byte == b'\n').take(lines) {
                if !line.iter().all(u8::is_ascii_whitespace) {
                    client.answer().expect("an answer");
                }
            }
        }
    });
}

#[test]
fn huge_lines_and_deep_nesting() {
    let mut program = Program::start(&[]);
    while_served(&mut program, |program| {
        for _ in 0..20 {
            let mut client = program.client();
            send(client.stream(), &vec![b'x'; 8 << 20]);
            if let Some(answer) = client.answer() {
                assert_eq!(answer["error"]["code"], "too_long");
            }
        }
        for filler in ["[", "{\"a\":", "\"\\u0000", "9"] {
            let mut client = program.client();
            let mut line = filler.repeat((64 << 10) / filler.len() - 1);
            line.push('\n');
            client.send(line.as_bytes());
            assert_eq!(client.answer().expect("an answer")["error"]["code"], "bad_request", "{filler}");
        }
        let mut client = program.client();
        let addresses = vec!["0"; 16_000];
        let many = client.ask(&json!({ "op": "walk", "addresses": addresses }));
        assert_eq!(many["error"]["code"], "bad_request");
    });
}

#[test]
fn half_open_and_mute_and_slow() {
    let mut program = Program::start(&["--connections", "32"]);
    while_served(&mut program, |program| {
        let mut held = Vec::new();
        for i in 0..200 {
            let client = program.client();
            match i % 4 {
                // Says nothing.
                0 => {}
                // Says nothing more, and would read.
                1 => client.stream().shutdown(std::net::Shutdown::Write).expect("shut down"),
                // Begins a request.
                2 => send(client.stream(), b"{\"op\":"),
                // Asks for much, and reads nothing.
                _ => {
                    let request = json!({ "op": "dump", "limit": 16384 });
                    send(client.stream(), format!("{request}\n").as_bytes());
                }
            }
            held.push(client);
        }
        std::thread::sleep(Duration::from_millis(1500));
        // Those who are mute lose their places to others.
        let mut late = Vec::new();
        until("places for new clients", || {
            let mut client = program.client();
            send(client.stream(), b"{\"op\":\"status\"}\n");
            late.extend(client.answer().filter(|answer| answer["error"].is_null()).map(|_| client));
            late.len() == 12
        });
        drop(held);
    });
    let connections = program.client().status()["connections"].clone();
    assert!(connections["displaced"].as_u64() > Some(0), "{connections}");
}

#[test]
fn a_thousand_connections() {
    let mut program = Program::start(&[]);
    while_served(&mut program, |program| {
        let clients: Vec<Client> = (0..1000).map(|_| program.client()).collect();
        assert!(program.usage().1 < 160, "{:?}", program.usage());
        let told = clients.iter().filter(|client| {
            client.stream().set_read_timeout(Some(Duration::from_millis(1))).expect("a timeout");
            client.stream().read(&mut [0]).is_ok_and(|read| read == 1)
        });
        assert!(told.count() > 500, "most are told that there is no place");
    });
}
