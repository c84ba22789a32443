//! Receivers of events, and a run's try to send each what it has not taken yet.
//!
//! Receivers know nothing of each other: each has its own thread, queue and time. An event counts as sent when its
//! receiver answered 2xx, and that is on disk before the next one goes out. Whatever else happens, it stays pending.

use super::alertmanager;
use super::clock;
use super::http::{self, Address, Answer};
use super::secret::Secret;
use super::store::Store;
use super::webhook::WebhookStyle;
use crate::threads::lock;
use crate::usage::state::{Event, PRINTED, digest, hex};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Mutex;
use std::time::{Duration, Instant};
use std::{panic, thread};
use ureq::Agent;

/// Bytes of the SHA-256 that make a key.
const KEY_BYTES: usize = 8;

/// How patient a run is with one receiver.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Pace {
    /// Tries for one event, the first included.
    pub attempts: u32,
    /// Time for one try.
    pub attempt_timeout: Duration,
    /// Wait before the second try; each later wait is twice the one before.
    pub first_wait: Duration,
    /// No try begins after this, counted from the receiver's first.
    pub budget: Duration,
}

/// The original's pace, and a budget that lets a run end within a cron interval of five minutes.
impl Default for Pace {
    fn default() -> Self {
        Pace {
            attempts: 5,
            attempt_timeout: Duration::from_secs(10),
            first_wait: Duration::from_secs(1),
            budget: Duration::from_secs(120),
        }
    }
}

/// Someone who is told of events.
#[derive(Clone, Debug)]
pub struct Receiver {
    key: String,
    address: Address,
    message: Message,
    agent: Agent,
    pace: Pace,
}

/// What an event looks like to a receiver.
#[derive(Clone, Debug)]
enum Message {
    Webhook(WebhookStyle, Vec<Secret>),
    Alert,
}

/// How a run fared with one receiver.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Delivery {
    /// The receiver, as it may be shown.
    pub receiver: String,
    /// Events that it took.
    pub delivered: u64,
    /// Events that it has still to take.
    pub pending: u64,
    /// What went wrong, for people.
    pub messages: Vec<String>,
}

impl Receiver {
    /// A webhook; without a secret its messages go unsigned.
    ///
    /// # Errors
    /// A URL that is none; its text is not repeated.
    pub fn webhook(url: &str, style: WebhookStyle, secrets: Vec<Secret>) -> anyhow::Result<Receiver> {
        Ok(Receiver::new(style.name(), Address::parse(url)?, Message::Webhook(style, secrets)))
    }

    /// An Alertmanager, by the URL under which it is reached.
    ///
    /// # Errors
    /// A URL that is none; its text is not repeated.
    pub fn alertmanager(url: &str) -> anyhow::Result<Receiver> {
        Ok(Receiver::new("alertmanager", Address::parse(url)?.join(alertmanager::PATH), Message::Alert))
    }

    fn new(style: &str, address: Address, message: Message) -> Receiver {
        let key = hex(&digest(&[style, address.url()])[..KEY_BYTES]);
        let pace = Pace::default();
        Receiver { key, address, message, agent: http::agent(pace.attempt_timeout), pace }
    }

    /// The same receiver at another pace.
    pub fn with_pace(self, pace: Pace) -> Receiver {
        Receiver { agent: http::agent(pace.attempt_timeout), pace, ..self }
    }

    /// What stands for it in the state: a hash of style and URL, without the user in it.
    pub fn key(&self) -> &str {
        &self.key
    }

    /// What it is called in messages.
    pub fn shown(&self) -> String {
        match self.message {
            Message::Webhook(..) => format!("webhook {}", self.address.origin()),
            Message::Alert => format!("alertmanager {}", self.address.origin()),
        }
    }

    /// One try.
    fn post(&self, event: &Event) -> Answer {
        let now_ms = clock::now_ms();
        match &self.message {
            Message::Webhook(style, secrets) => {
                let headers = style.headers(secrets, event, now_ms.div_euclid(1000));
                http::post(&self.agent, &self.address, &headers, &event.body)
            }
            Message::Alert => match alertmanager::body(event, now_ms) {
                Ok(body) => http::post(&self.agent, &self.address, &[], &body),
                Err(error) => Answer::Refused(error.to_string()),
            },
        }
    }

    /// Tries until the receiver decides, `attempts` are used up or the next one would begin after `deadline`.
    fn post_patiently(&self, event: &Event, attempts: u32, deadline: Instant) -> Answer {
        let mut backoff = self.pace.first_wait;
        let mut attempt = 1;
        loop {
            let answer = self.post(event);
            let Answer::Later { wait, .. } = answer else { return answer };
            let pause = wait.unwrap_or_default().max(backoff);
            let is_over = Instant::now().checked_add(pause).is_none_or(|next| next >= deadline);
            if attempt >= attempts || is_over {
                return answer;
            }
            thread::sleep(pause);
            backoff = backoff.saturating_mul(2);
            attempt += 1;
        }
    }

    /// Sends a queue of events. One that uses up its tries does not stop the others, but until one gets through they
    /// have a single try each.
    fn send(&self, queue: &[Event], store: &Mutex<&mut Store>) -> Delivery {
        let locked = || lock(store);
        let deadline = Instant::now() + self.pace.budget;
        let mut attempts = self.pace.attempts;
        let mut delivered = 0;
        let mut reasons = BTreeMap::new();
        let mut note = |reason: &str, count: usize| *reasons.entry(reason.to_owned()).or_default() += count as u64;
        for (index, event) in queue.iter().enumerate() {
            if Instant::now() >= deadline {
                note("the time for it was used up", queue.len() - index);
                break;
            }
            match self.post_patiently(event, attempts, deadline) {
                Answer::Taken => {
                    locked().take(&self.key, &[&event.id]);
                    delivered += 1;
                    attempts = self.pace.attempts;
                }
                Answer::Gone => {
                    note("it answered 410, that it is gone for good; take it out of the call", queue.len() - index);
                    break;
                }
                Answer::Refused(reason) => {
                    locked().state_mut().note_failure(&self.key, &event.id);
                    note(&reason, 1);
                }
                Answer::Later { reason, .. } => {
                    locked().state_mut().note_failure(&self.key, &event.id);
                    note(&reason, 1);
                    attempts = 1;
                }
            }
        }
        self.delivery(delivered, reasons)
    }

    fn delivery(&self, delivered: u64, reasons: BTreeMap<String, u64>) -> Delivery {
        let receiver = self.shown();
        let message = |(reason, count): (&String, &u64)| {
            format!("{receiver}: {} not delivered: {reason}; the next run tries again", events(*count))
        };
        let messages = reasons.iter().map(message).collect();
        Delivery { pending: reasons.values().sum(), receiver, delivered, messages }
    }
}

/// Sends every receiver what is pending for it, all receivers at once, and gives up what has been pending for more than a
/// day before `now_ms`, which is a trouble of the store. The state is written along the way; what could not be sent stays
/// in it.
pub fn deliver_pending(store: &mut Store, receivers: &[Receiver], now_ms: i64) -> Vec<Delivery> {
    // One that is named twice is told once.
    let mut keys = BTreeSet::new();
    let receivers: Vec<&Receiver> = receivers.iter().filter(|receiver| keys.insert(receiver.key())).collect();
    let queue = |receiver: &&Receiver| -> Vec<Event> {
        store.state().pending(&receiver.key).into_iter().map(|pending| pending.event.clone()).collect()
    };
    let queues: Vec<Vec<Event>> = receivers.iter().map(queue).collect();
    let deliveries = send_all(store, &receivers, &queues);
    for (key, count) in store.give_up(now_ms) {
        let shown = match receivers.iter().find(|receiver| receiver.key == key) {
            Some(receiver) => receiver.shown(),
            None if key == PRINTED => "standard output".to_owned(),
            None => "a receiver of earlier runs".to_owned(),
        };
        store.add_trouble(format!("{shown}: {} given up, not delivered for more than a day", events(count as u64)));
    }
    store.save();
    deliveries
}

fn send_all(store: &mut Store, receivers: &[&Receiver], queues: &[Vec<Event>]) -> Vec<Delivery> {
    let shared = &Mutex::new(store);
    thread::scope(|scope| {
        let pairs = receivers.iter().zip(queues);
        let threads: Vec<_> = pairs.map(|(receiver, queue)| scope.spawn(|| receiver.send(queue, shared))).collect();
        threads.into_iter().map(|thread| thread.join().unwrap_or_else(|panic| panic::resume_unwind(panic))).collect()
    })
}

fn events(count: u64) -> String {
    if count == 1 { "1 event".to_owned() } else { format!("{count} events") }
}

#[cfg(test)]
mod tests;
