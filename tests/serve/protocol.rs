//! What is asked and answered.

use std::io::Read;
use std::net::Shutdown;
use std::time::Duration;

use ptwalk::admission::Order;
use ptwalk::serve::{Limits, Server, Stop};
use serde_json::{Value, json};

use crate::client::{Client, PAGE, Program, ask, config, service};
use crate::support::program::ptwalk;

fn arm64() -> ptwalk::serve::Service {
    service(Order::new("arm64", config()), None, Limits::new(2))
}

/// The program on the same image.
fn command_line(program: &Program, args: &[&str]) -> Value {
    let image = program.folder.path().join("user.elf");
    let mut all = vec![args[0], image.to_str().expect("UTF-8")];
    all.extend_from_slice(&args[1..]);
    all.extend(["--root", "0x4e9de000", "--json", "-q"]);
    ptwalk(env!("CARGO_BIN_EXE_ptwalk"), &all).document()
}

#[test]
fn answers_are_those_of_the_command_line_and_signed() {
    let program = Program::start(&[]);
    let mut client = program.client();
    let walk = client.ask(&json!({ "id": 7, "op": "walk", "addresses": [PAGE, "0xffffb1b24000", "0x1000"] }));
    assert_eq!((&walk["schema"], &walk["id"], &walk["op"]), (&json!("ptwalk/1"), &json!(7), &json!("walk")));
    let signature = &walk["plugin"];
    assert_eq!((&signature["name"], &signature["generation"]), (&json!("arm64"), &json!(1)));
    assert_eq!(signature["sha256"].as_str().map(str::len), Some(64));
    assert_eq!(walk["walks"], command_line(&program, &["walk", PAGE, "0xffffb1b24000", "0x1000"])["walks"]);

    let gup = client.ask(&json!({ "id": "g", "op": "gup", "start": PAGE, "nr": 2, "write": true }));
    let alone = command_line(&program, &["gup", PAGE, "2", "--write"]);
    for key in ["requested", "pinned", "pages", "stop", "epoch", "errno"] {
        assert_eq!(gup[key], alone[key], "{key}");
    }
    let range = "0xffffb1a00000-0xffffb1c00000";
    let dump = client.ask(&json!({ "op": "dump", "range": range, "limit": 16384 }));
    let alone = command_line(&program, &["dump", "--range", range]);
    assert_eq!(dump["mappings"], alone["mappings"]);
    assert_eq!((&dump["cursor"], &dump["complete"]), (&Value::Null, &json!(true)));
    for key in ["entries", "pages", "bytes"] {
        assert_eq!(dump["summary"][key], alone["summary"][key], "{key}");
    }
}

#[test]
fn pages_together_are_the_whole() {
    let service = arm64();
    for (merge, filter) in
        [("none", None), ("va", None), ("pa", None), ("none", Some("devmap")), ("va", Some("!write"))]
    {
        let whole = ask(&service, &json!({ "op": "dump", "merge": merge, "filter": filter, "limit": 16384 }));
        let whole = whole["mappings"].as_array().expect("a list");
        for limit in [1, 7, 100, whole.len()] {
            let (mut pages, mut cursor) = (Vec::new(), Value::Null);
            loop {
                let mut request = json!({ "op": "dump", "merge": merge, "filter": filter, "limit": limit });
                if !cursor.is_null() {
                    request["cursor"] = cursor;
                }
                let page = ask(&service, &request);
                assert_eq!(page["cursor"].is_null(), page["complete"] == true, "{page}");
                pages.extend(page["mappings"].as_array().expect("a list").clone());
                cursor = page["cursor"].clone();
                if cursor.is_null() || pages.len() > whole.len() {
                    break;
                }
                // With one record a page, some pages are enough.
                if limit == 1 && pages.len() >= 30 {
                    break;
                }
            }
            assert_eq!(pages[..], whole[..pages.len()], "{merge} {filter:?} by {limit}");
            assert!(pages.len() == whole.len() || limit == 1);
        }
    }
}

#[test]
fn a_page_whose_time_is_up_says_where_it_was() {
    let limits = Limits { deadline: Duration::from_nanos(1), ..Limits::new(2) };
    let service = service(Order::new("arm64", config()), None, limits);
    let (mut found, mut cursor, mut pages) = (Vec::new(), Value::Null, 0);
    loop {
        let mut request = json!({ "op": "dump" });
        if !cursor.is_null() {
            request["cursor"] = cursor.clone();
        }
        let page = ask(&service, &request);
        pages += 1;
        found.extend(page["mappings"].as_array().expect("a list").clone());
        if page["cursor"].is_null() {
            break;
        }
        assert_eq!(page["summary"]["reason"], "deadline");
        assert_ne!(page["cursor"], cursor, "every page gets somewhere");
        cursor = page["cursor"].clone();
    }
    let whole = ask(&arm64(), &json!({ "op": "dump", "limit": 16384 }));
    assert_eq!(Value::Array(found), whole["mappings"]);
    assert!(pages > 10, "{pages}");
    let walk = ask(&service, &json!({ "op": "walk", "addresses": [PAGE] }));
    assert_eq!((&walk["complete"], &walk["reason"]), (&json!(false), &json!("deadline")));
}

#[test]
fn a_swap_changes_answers_and_a_refused_one_does_not() {
    let service = arm64();
    let protnone = |service: &ptwalk::serve::Service| {
        let dump = ask(service, &json!({ "op": "dump", "filter": "protnone", "limit": 16384 }));
        (dump["summary"]["entries"].as_u64().expect("a count"), dump["plugin"]["generation"].as_u64())
    };
    assert_eq!(protnone(&service), (50, Some(1)));
    let first = ask(&service, &json!({ "op": "dump", "limit": 1 }));
    // The bit of PROT_NONE moved in 6.11.
    let swap = ask(&service, &json!({ "op": "swap", "plugin": "arm64", "kernel": "6.1" }));
    assert_eq!((&swap["changed"], &swap["plugin"]["generation"]), (&json!(true), &json!(2)));
    assert!(swap["stages_us"]["laws"].as_u64() > Some(0) && swap["publication_ns"].as_u64() > Some(0), "{swap}");
    let (entries, generation) = protnone(&service);
    assert!(entries != 50 && generation == Some(2), "{entries}");
    let next = ask(&service, &json!({ "op": "dump", "limit": 1, "cursor": first["cursor"] }));
    assert_eq!(next["error"]["code"], "generation_changed");

    let v3 = format!("{}/../tests/plugins/thread/v3.wat", env!("CARGO_MANIFEST_DIR"));
    let config = "DEVMAP_SERIES=31,TRANSPARENT_HUGEPAGE=0";
    let refused = ask(&service, &json!({ "id": 1, "op": "swap", "plugin": v3, "config": config, "kernel": "5.3" }));
    assert_eq!((&refused["error"]["code"], &refused["plugin"]["generation"]), (&json!("refused"), &json!(2)));
    let laws: Vec<&Value> = refused["error"]["errors"].as_array().expect("a list").iter().collect();
    assert!(laws.iter().any(|error| error["message"].as_str().is_some_and(|text| text.contains("no_huge_devmap.pmd"))));
    assert!(laws.iter().any(|error| error["counterexample"].is_string()));
    assert_eq!(protnone(&service), (entries, Some(2)));

    let unsuited = ask(&service, &json!({ "op": "swap", "plugin": "arm64", "config": "PAGE_SHIFT=14,VA_BITS=47" }));
    assert_eq!(unsuited["error"]["code"], "unsuitable", "the root is not aligned to 16 KiB");
    let same = ask(&service, &json!({ "op": "swap", "plugin": "arm64", "kernel": "6.1" }));
    assert_eq!((&same["changed"], &same["plugin"]["generation"]), (&json!(false), &json!(2)));
    let status = service.status();
    let swaps = &status["swaps"];
    assert_eq!((&swaps["published"], &swaps["refused"], &swaps["unchanged"]), (&json!(1), &json!(2), &json!(1)));
    assert_eq!(swaps["last_refusal"]["code"], "unsuitable");
    assert_eq!(status["generations_alive"], 1);
    assert_eq!(status["answers_us"]["dump"]["count"], 4);
}

#[test]
fn many_clients_get_answers_of_the_generation_that_signs_them() {
    let folder = tempfile::tempdir().expect("a temporary directory");
    let path = folder.path().join("p.sock");
    let service = service(Order::new("arm64", config()), None, Limits::new(2));
    let server = Server::bind(&path).expect("bound");
    let stop = server.stop();
    let protnone = json!({ "op": "dump", "filter": "protnone", "limit": 16384 });
    let first = service.slot().pin().candidate().clone();
    ask(&service, &json!({ "op": "swap", "plugin": "arm64", "kernel": "6.1" }));
    let two = [service.slot().pin().candidate().clone(), first];
    std::thread::scope(|scope| {
        scope.spawn(|| server.run(&service));
        let _stop = Stopping(stop);
        let client = || {
            let mut client = Client::connect(&path);
            let answers = (0..200).map(|_| {
                let answer = client.ask(&protnone);
                let generation = answer["plugin"]["generation"].as_u64().expect("a number");
                // Generations alternate, and those of 6.12 see what is PROT_NONE.
                let entries = answer["summary"]["entries"].as_u64().expect("a count");
                assert_eq!(entries == 50, generation % 2 == 1, "{entries} of generation {generation}");
                generation
            });
            answers.collect::<std::collections::BTreeSet<u64>>().len()
        };
        let clients: Vec<_> = (0..8).map(|_| scope.spawn(client)).collect();
        // Much faster than anybody swaps, so that swaps fall into the middle of answers.
        while !clients.iter().all(std::thread::ScopedJoinHandle::is_finished) {
            let even = service.slot().pin().number().is_multiple_of(2);
            service.slot().publish(two[usize::from(even)].clone());
            std::thread::sleep(Duration::from_micros(20));
        }
        let seen: usize = clients.into_iter().map(|client| client.join().expect("no answer is of another")).sum();
        assert!(seen > 80, "{seen} generations seen by 8 clients");
    });
    assert_eq!(service.slot().alive(), 1);
}

#[test]
fn what_makes_no_sense_is_refused_with_its_id() {
    let service = arm64();
    let many: Vec<&str> = vec![PAGE; 1025];
    for (request, code, says) in [
        (json!([]), "bad_request", "JSON object"),
        (json!({ "id": 5 }), "bad_request", "`op` is one of"),
        (json!({ "id": 5, "op": "frobnicate" }), "bad_request", "`op` is one of"),
        (json!({ "id": 5, "op": "status", "lmit": 3 }), "bad_request", "unknown field `lmit`"),
        (json!({ "id": 5, "op": "walk", "addresses": [5] }), "bad_request", "string"),
        (json!({ "id": 5, "op": "walk", "addresses": ["five"] }), "bad_request", "`five` is not a number"),
        (json!({ "id": 5, "op": "walk", "addresses": many }), "bad_request", "1025 addresses, more than 1024"),
        (json!({ "id": 5, "op": "walk", "addresses": ["0xffff800000000000"] }), "no_root", "upper half"),
        (json!({ "id": 5, "op": "gup", "start": PAGE, "nr": 99999 }), "bad_request", "99999 pages, more than"),
        (json!({ "id": 5, "op": "gup", "start": PAGE, "nr": 1, "flags": ["x"] }), "bad_request", "no flag `x`"),
        (json!({ "id": 5, "op": "gup", "start": PAGE, "nr": 1, "gup_epoch": "4.4" }), "bad_request", "from v5.3 on"),
        (json!({ "id": 5, "op": "dump", "filter": "wrte" }), "bad_request", "column 1"),
        (json!({ "id": 5, "op": "dump", "range": "2-1" }), "bad_request", "empty"),
        (json!({ "id": 5, "op": "dump", "range": "0xffff800000000000+4K" }), "no_root", "no root translates"),
        (json!({ "id": 5, "op": "dump", "limit": 99999 }), "bad_request", "99999 records"),
        (json!({ "id": 5, "op": "dump", "cursor": "1.2" }), "bad_request", "not a cursor"),
        (json!({ "id": 5, "op": "dump", "cursor": "1.99.0x0" }), "bad_request", "not a cursor"),
        (json!({ "id": 5, "op": "swap", "plugin": "arm64", "config": "PAGE=1" }), "bad_request", "no extern `PAGE`"),
        (json!({ "id": 5, "op": "walk", "addresses": [], "deadline_ms": 0 }), "bad_request", "deadline_ms"),
        (json!({ "id": 5, "op": "swap", "plugin": "/nonexistent/p.wasm" }), "unreadable", "cannot open"),
    ] {
        let answer = ask(&service, &request);
        assert_eq!(answer["error"]["code"], code, "{request}: {answer}");
        assert!(answer["error"]["message"].as_str().is_some_and(|text| text.contains(says)), "{request}: {answer}");
        assert_eq!(answer["id"], request.get("id").cloned().unwrap_or_default(), "{request}");
    }
    let long_id = ask(&service, &json!({ "id": "x".repeat(129), "op": "status" }));
    assert_eq!((&long_id["error"]["code"], &long_id["id"]), (&json!("bad_request"), &Value::Null));
    assert_eq!(service.status()["errors"]["bad_request"], 18);
}

#[test]
fn a_busy_service_says_so() {
    let limits = Limits { working: 1, waiting: 0, ..Limits::new(1) };
    let service = service(Order::new("arm64", config()), None, limits);
    std::thread::scope(|scope| {
        let dump = || {
            let request = json!({ "op": "dump", "limit": 16384 });
            (0..100).map(|_| ask(&service, &request)["error"]["code"].clone()).collect::<Vec<Value>>()
        };
        let others = [scope.spawn(dump), scope.spawn(dump)];
        let codes: Vec<Value> = others.into_iter().flat_map(|thread| thread.join().expect("no panic")).collect();
        assert!(codes.iter().all(|code| code.is_null() || code == "busy"), "{codes:?}");
        assert!(codes.iter().any(Value::is_null) && codes.iter().any(|code| code == "busy"));
    });
}

#[test]
fn requests_may_be_sent_ahead_and_the_end_is_the_end() {
    let program = Program::start(&[]);
    let mut client = program.client();
    let requests: String =
        (0..200).map(|id| format!("{}\n", json!({ "id": id, "op": "walk", "addresses": [PAGE] }))).collect();
    client.send(requests.as_bytes());
    client.send(b"\n  \n{\"op\":\"status\"}\nunfinished");
    client.stream().shutdown(Shutdown::Write).expect("shut down");
    for id in 0..200 {
        assert_eq!(client.answer().expect("an answer")["id"], id);
    }
    assert_eq!(client.answer().expect("an answer")["op"], "status");
    assert_eq!(client.answer(), None);
}

#[test]
fn sigterm_lets_what_is_answered_be_answered() {
    for signal in ["TERM", "INT"] {
        let mut program = Program::start(&[]);
        let mut idle = program.client();
        idle.walk();
        let mut busy = program.client();
        let request = json!({ "op": "dump", "limit": 16384 });
        busy.send(format!("{request}\n").repeat(20).as_bytes());
        busy.answer().expect("the first answer");
        program.signal(signal);
        let rest: Vec<Value> = std::iter::from_fn(|| busy.answer()).collect();
        assert!(
            rest.iter().all(|answer| answer["complete"] == true || answer["error"]["code"] == "ending"),
            "{signal}"
        );
        assert_eq!(idle.answer(), None);
        assert_eq!(program.ends().code(), Some(0), "{signal}");
        assert!(!program.socket.exists(), "{signal}");
    }
}

#[test]
fn a_second_service_does_not_take_the_place_of_a_living_one() {
    let mut first = Program::start(&[]);
    let image = first.folder.path().join("user.elf");
    let socket = first.socket.to_str().expect("UTF-8");
    let args = ["serve", image.to_str().expect("UTF-8"), "--root", "0x4e9de000", "--no-cache", "--socket", socket];
    let second = ptwalk(env!("CARGO_BIN_EXE_ptwalk"), &args);
    second.exits(2).says(&["a service listens on"]).prints_nothing();
    first.client().walk();
    first.signal("KILL");
    first.ends();
    assert!(first.socket.exists(), "the remains");
    let folder = std::mem::replace(&mut first.folder, tempfile::tempdir().expect("a temporary directory"));
    let third = Program::start_in(folder, "exec \"$@\"", &[]);
    third.client().walk();
}

/// Stops a server, also where a test ends in a panic.
struct Stopping(Stop);

impl Drop for Stopping {
    fn drop(&mut self) {
        self.0.stop();
    }
}

#[test]
fn who_finds_no_place_is_told() {
    let folder = tempfile::tempdir().expect("a temporary directory");
    let path = folder.path().join("p.sock");
    let limits = Limits { connections: 2, ..Limits::new(2) };
    let service = service(Order::new("arm64", config()), None, limits);
    let server = Server::bind(&path).expect("bound");
    let stop = server.stop();
    std::thread::scope(|scope| {
        let served = scope.spawn(|| server.run(&service));
        {
            let _stop = Stopping(stop);
            let mut clients = [Client::connect(&path), Client::connect(&path)];
            clients.iter_mut().for_each(|client| drop(client.walk()));
            let mut third = Client::connect(&path);
            let told = third.answer().expect("it is told");
            assert_eq!(told["error"]["code"], "too_many_connections");
            let mut rest = Vec::new();
            third.stream().read_to_end(&mut rest).expect("closed");
            clients.iter_mut().for_each(|client| drop(client.walk()));
        }
        assert_eq!(served.join().expect("no panic").expect("served").cut, 0);
    });
    assert_eq!(service.status()["connections"]["turned_away"], 1);
}
