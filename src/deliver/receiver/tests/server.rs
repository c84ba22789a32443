//! A receiver to be tested against: it listens on 127.0.0.1, remembers what came and answers as it is told.

use std::io::{BufRead, BufReader, Read, Write};
use std::iter::repeat_with;
use std::net::{TcpListener, TcpStream};
use std::sync::atomic::{AtomicU16, Ordering::Relaxed};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;

/// One request as it arrived.
#[derive(Clone, Debug)]
pub(super) struct Request {
    pub path: String,
    headers: Vec<(String, String)>,
    pub body: String,
}

impl Request {
    pub(super) fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(header, _)| header == name).map(|(_, value)| value.as_str())
    }

    /// The event's id.
    pub(super) fn id(&self) -> &str {
        self.header("webhook-id").or_else(|| self.header("x-callora-delivery")).unwrap()
    }
}

/// What to do about a request.
pub(super) enum Reply {
    Status(u16),
    /// A status with one more header line.
    With(u16, &'static str),
    /// 200, but only after this.
    Late(Duration),
    /// Not a byte.
    Hangup,
    /// The head of a 200, then the end.
    CutBody,
    /// The head of a 200 with a body that never comes.
    HangingBody,
}

/// A listening receiver; it lives as long as the test's process.
pub(super) struct Server {
    pub port: u16,
    requests: Arc<Mutex<Vec<Request>>>,
}

impl Server {
    /// Answers the n-th request (from 0) as `reply` says.
    pub(super) fn start(reply: impl FnMut(usize, &Request) -> Reply + Send + 'static) -> Server {
        Server::start_on(0, reply)
    }

    pub(super) fn start_on(port: u16, reply: impl FnMut(usize, &Request) -> Reply + Send + 'static) -> Server {
        let listener = TcpListener::bind(("127.0.0.1", port)).unwrap();
        let port = listener.local_addr().unwrap().port();
        let requests = Arc::new(Mutex::new(Vec::new()));
        let reply = Arc::new(Mutex::new(reply));
        let kept = Arc::clone(&requests);
        thread::spawn(move || {
            for stream in listener.incoming() {
                let (reply, requests) = (Arc::clone(&reply), Arc::clone(&kept));
                thread::spawn(move || serve(&stream.unwrap(), &reply, &requests));
            }
        });
        Server { port, requests }
    }

    pub(super) fn url(&self) -> String {
        format!("http://127.0.0.1:{}/hook", self.port)
    }

    pub(super) fn requests(&self) -> Vec<Request> {
        self.requests.lock().unwrap().clone()
    }

    /// The ids that came, in order of arrival.
    pub(super) fn ids(&self) -> Vec<String> {
        self.requests().iter().map(|request| request.id().to_owned()).collect()
    }
}

/// A port that nothing listens on: none of those that the system gives out itself, and another one each time, so that no
/// test that runs beside comes to listen there.
pub(super) fn free_port() -> u16 {
    const FIRST: u16 = 20_000;
    const PORTS: u16 = 10_000;
    static NEXT: AtomicU16 = AtomicU16::new(0);
    let offset = (std::process::id() % u32::from(PORTS)) as u16;
    let mut ports = repeat_with(|| FIRST + (offset + NEXT.fetch_add(1, Relaxed)) % PORTS).take(usize::from(PORTS));
    ports.find(|port| TcpListener::bind(("127.0.0.1", *port)).is_ok()).unwrap()
}

fn serve(stream: &TcpStream, reply: &Mutex<impl FnMut(usize, &Request) -> Reply>, requests: &Mutex<Vec<Request>>) {
    let mut reader = BufReader::new(stream);
    let mut writer = stream;
    while let Some(request) = read_request(&mut reader) {
        let answer = {
            let mut requests = requests.lock().unwrap();
            requests.push(request.clone());
            let number = requests.len() - 1;
            drop(requests);
            (reply.lock().unwrap())(number, &request)
        };
        let (head, stays_open) = match answer {
            Reply::Status(status) => (format!("HTTP/1.1 {status} S\r\ncontent-length: 2\r\n\r\nok"), true),
            Reply::With(status, header) => {
                (format!("HTTP/1.1 {status} S\r\n{header}\r\ncontent-length: 0\r\n\r\n"), true)
            }
            Reply::Late(wait) => {
                thread::sleep(wait);
                ("HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n".to_owned(), false)
            }
            Reply::Hangup => (String::new(), false),
            Reply::CutBody => ("HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\nhalf".to_owned(), false),
            Reply::HangingBody => ("HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\n".to_owned(), true),
        };
        // The sender may have gone away.
        let _ = writer.write_all(head.as_bytes());
        if !stays_open {
            return;
        }
    }
}

fn read_request(reader: &mut BufReader<&TcpStream>) -> Option<Request> {
    let mut line = String::new();
    if reader.read_line(&mut line).ok()? == 0 {
        return None;
    }
    let mut words = line.split(' ');
    assert_eq!(words.next(), Some("POST"));
    let path = words.next()?.to_owned();
    let mut headers = Vec::new();
    loop {
        let mut line = String::new();
        reader.read_line(&mut line).ok()?;
        let Some((name, value)) = line.trim_end().split_once(':') else { break };
        headers.push((name.to_ascii_lowercase(), value.trim().to_owned()));
    }
    let mut request = Request { path, headers, body: String::new() };
    let length: u64 = request.header("content-length")?.parse().ok()?;
    reader.take(length).read_to_string(&mut request.body).ok()?;
    Some(request)
}
