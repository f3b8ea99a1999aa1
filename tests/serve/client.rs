//! A client, and a service to talk to: in this process, or the program.

use std::io::{BufRead, BufReader, Write};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

use ptwalk::admission::{Admission, Cache, Order};
use ptwalk::sample;
use ptwalk::serve::{Limits, Service, Setup};
use ptwalk_abi::{Config, Extern};
use serde_json::{Value, json};

/// Longer than anything takes that works.
pub const PATIENCE: Duration = Duration::from_secs(20);

/// A page of the sample, and one of a swapped page, of PROT_NONE, of nothing.
pub const PAGE: &str = "0xffffb1b20000";

/// The sample's kernel.
pub fn config() -> Config {
    Config::DEFAULT.with(Extern::LINUX_VERSION_CODE, 6 << 16 | 12 << 8)
}

/// A service about the sample.
pub fn service(order: Order, cache: Option<Cache>, limits: Limits) -> Service {
    let setup = Setup {
        image: sample::image().expect("embedded"),
        roots: vec![sample::ROOT],
        zone: sample::zone().expect("embedded"),
        admission: Admission::new(cache).expect("the host's laws"),
        order,
        limits,
    };
    Service::new(setup).expect("the plugin is verified")
}

/// Asks a service in this process.
pub fn ask(service: &Service, request: &Value) -> Value {
    let answer = service.answer_line(request.to_string().as_bytes());
    assert_eq!(answer.iter().position(|byte| *byte == b'\n'), Some(answer.len() - 1), "a line");
    serde_json::from_slice(&answer).expect("JSON")
}

/// A connection.
pub struct Client {
    reader: BufReader<UnixStream>,
}

impl Client {
    pub fn connect(path: &Path) -> Client {
        let stream = UnixStream::connect(path).expect("it listens");
        stream.set_read_timeout(Some(PATIENCE)).expect("a timeout");
        stream.set_write_timeout(Some(PATIENCE)).expect("a timeout");
        Client { reader: BufReader::new(stream) }
    }

    pub fn stream(&self) -> &UnixStream {
        self.reader.get_ref()
    }

    pub fn send(&self, bytes: &[u8]) {
        self.stream().write_all(bytes).expect("the service reads");
    }

    /// The next answer; `None` at the end.
    pub fn answer(&mut self) -> Option<Value> {
        let mut line = String::new();
        let read = self.reader.read_line(&mut line);
        match read {
            Ok(0) => None,
            Ok(_) => Some(serde_json::from_str(&line).unwrap_or_else(|error| panic!("{error}: {line}"))),
            // The service closed the connection with something unread.
            Err(error) if error.kind() == std::io::ErrorKind::ConnectionReset => None,
            Err(error) => panic!("{error}"),
        }
    }

    pub fn ask(&mut self, request: &Value) -> Value {
        self.send(format!("{request}\n").as_bytes());
        self.answer().expect("an answer")
    }

    pub fn status(&mut self) -> Value {
        self.ask(&json!({ "op": "status" }))
    }

    /// A walk that must succeed.
    pub fn walk(&mut self) -> Value {
        let answer = self.ask(&json!({ "op": "walk", "addresses": [PAGE] }));
        assert_eq!(answer["walks"][0]["pa"], "0x71019000", "{answer}");
        answer
    }
}

/// The program, serving the sample.
pub struct Program {
    pub folder: tempfile::TempDir,
    pub child: Child,
    pub socket: PathBuf,
}

impl Program {
    pub fn start(more: &[&str]) -> Program {
        let folder = tempfile::tempdir().expect("a temporary directory");
        Program::start_in(folder, "exec \"$@\"", more)
    }

    /// Starts it by a line of shell, which finds its arguments in `$@`.
    pub fn start_in(folder: tempfile::TempDir, shell: &str, more: &[&str]) -> Program {
        let image = folder.path().join("user.elf");
        let compressed = include_bytes!("../../host/samples/arm64-6.12-user.elf.gz");
        let mut file = std::fs::File::create(&image).expect("created");
        std::io::copy(&mut flate2::read::GzDecoder::new(&compressed[..]), &mut file).expect("unpacked");
        let socket = folder.path().join("p.sock");
        let mut command = Command::new("sh");
        command.args(["-c", shell, "sh", env!("CARGO_BIN_EXE_ptwalk"), "serve"]).arg(&image);
        command.args(["--root", "0x4e9de000", "--socket"]).arg(&socket).args(more);
        if !more.contains(&"--cache") {
            command.arg("--no-cache");
        }
        let child = command.stderr(Stdio::null()).spawn().expect("the program starts");
        let program = Program { folder, child, socket };
        program.wait_for_socket();
        program
    }

    fn wait_for_socket(&self) {
        let start = Instant::now();
        while UnixStream::connect(&self.socket).is_err() {
            assert!(start.elapsed() < PATIENCE, "no socket");
            std::thread::sleep(Duration::from_millis(10));
        }
    }

    pub fn client(&self) -> Client {
        Client::connect(&self.socket)
    }

    pub fn signal(&self, name: &str) {
        let pid = self.child.id().to_string();
        assert!(Command::new("kill").args(["-s", name, &pid]).status().expect("kill runs").success());
    }

    /// Waits for its end.
    pub fn ends(&mut self) -> ExitStatus {
        let start = Instant::now();
        loop {
            if let Some(status) = self.child.try_wait().expect("a child") {
                return status;
            }
            assert!(start.elapsed() < PATIENCE, "it does not end");
            std::thread::sleep(Duration::from_millis(10));
        }
    }

    /// Kilobytes of memory that are its own, and its threads.
    pub fn usage(&self) -> (u64, u64) {
        usage(&self.child.id().to_string())
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        // It has ended already where the test went well.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Kilobytes of memory that are a process's own, and its threads.
pub fn usage(process: &str) -> (u64, u64) {
    let status = std::fs::read_to_string(format!("/proc/{process}/status")).expect("it lives");
    let field = |name: &str| {
        let line = status.lines().find_map(|line| line.strip_prefix(name)).expect("a field");
        line.split_whitespace().next().and_then(|number| number.parse().ok()).expect("a number")
    };
    (field("RssAnon:"), field("Threads:"))
}

/// Waits until something holds.
#[track_caller]
pub fn until(what: &str, mut holds: impl FnMut() -> bool) {
    let start = Instant::now();
    while !holds() {
        assert!(start.elapsed() < PATIENCE, "not in time: {what}");
        std::thread::sleep(Duration::from_millis(5));
    }
}
