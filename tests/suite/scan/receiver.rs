//! An HTTP receiver that answers as a test wants and remembers what it was sent.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::time::Duration;

/// A request as it came.
#[derive(Clone, Debug)]
pub struct Delivery {
    pub path: String,
    /// Names in lower case.
    pub headers: Vec<(String, String)>,
    pub body: String,
}

impl Delivery {
    pub fn header(&self, name: &str) -> &str {
        self.headers.iter().find(|(key, _)| key == name).map_or("", |(_, value)| value)
    }
}

/// A server on a port of its own, until the process ends.
pub struct Receiver {
    pub url: String,
    seen: Arc<Mutex<Vec<Delivery>>>,
}

impl Receiver {
    /// Answers the n-th request, from 0, with `answer(n)`: a status, after a pause.
    pub fn start(answer: impl Fn(usize) -> (u16, Duration) + Send + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let seen = Arc::new(Mutex::new(Vec::new()));
        let kept = Arc::clone(&seen);
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                // A client that went away is none of ours.
                let _ = serve(stream, &kept, &answer);
            }
        });
        Receiver { url, seen }
    }

    /// Takes everything.
    pub fn willing() -> Self {
        Receiver::start(|_| (200, Duration::ZERO))
    }

    pub fn seen(&self) -> Vec<Delivery> {
        self.seen.lock().unwrap().clone()
    }

    /// The ids of what came, in order.
    pub fn ids(&self) -> Vec<String> {
        self.seen().iter().map(|delivery| delivery.header("webhook-id").to_owned()).collect()
    }
}

fn serve(
    stream: TcpStream,
    seen: &Mutex<Vec<Delivery>>,
    answer: &impl Fn(usize) -> (u16, Duration),
) -> std::io::Result<()> {
    let mut reader = BufReader::new(stream.try_clone()?);
    let mut stream = stream;
    let mut line = String::new();
    reader.read_line(&mut line)?;
    let path = line.split(' ').nth(1).unwrap_or("").to_owned();
    let mut headers = Vec::new();
    loop {
        line.clear();
        reader.read_line(&mut line)?;
        let Some((name, value)) = line.trim_end().split_once(':') else { break };
        headers.push((name.to_ascii_lowercase(), value.trim().to_owned()));
    }
    let length =
        headers.iter().find(|(name, _)| name == "content-length").map_or(0, |(_, value)| value.parse().unwrap());
    let mut body = vec![0; length];
    reader.read_exact(&mut body)?;
    let number = {
        let mut seen = seen.lock().unwrap();
        seen.push(Delivery { path, headers, body: String::from_utf8(body).unwrap() });
        seen.len() - 1
    };
    let (status, pause) = answer(number);
    std::thread::sleep(pause);
    write!(stream, "HTTP/1.1 {status} X\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")
}

/// A URL where nobody listens.
pub fn nobody() -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    format!("http://{}", listener.local_addr().unwrap())
}
