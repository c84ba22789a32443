//! One worker: takes chunks off the schedule and turns them into what the merge wants.
//!
//! It shares nothing with other workers but the schedule, and knows nothing of threads.

use super::chunk::{Before, ChunkPlan, ChunkReader};
use super::format::{InputFormat, LineFormat};
use super::merge::Delivery;
use super::schedule::{Job, Next, Schedule};
use crate::backtest::spool::Stamps;
use std::io;

/// What a worker tells.
pub enum Message {
    /// A chunk was read.
    Part(Box<Delivery>),
    /// An input ended: the input, how many chunks it had, why it broke off.
    Ended(usize, u64, Option<io::Error>),
    /// A chunk could not be read: the input, the chunk's number, why.
    Failed(usize, u64, io::Error),
}

/// Chunks in, parts out, until nothing is left.
pub struct Worker<'s> {
    number: usize,
    schedule: &'s Schedule,
    formats: &'s [Option<(LineFormat, Stamps)>],
    reader: ChunkReader,
    /// By input, each from its first chunk on.
    parsers: Vec<Option<InputFormat>>,
    buffer: Vec<u8>,
    /// Endpoints, developers and breakers that were delivered.
    reported: (usize, usize, usize),
}

impl<'s> Worker<'s> {
    /// A worker that has done nothing; `formats` by input.
    pub fn new(
        number: usize,
        schedule: &'s Schedule,
        formats: &'s [Option<(LineFormat, Stamps)>],
        plan: ChunkPlan,
    ) -> Self {
        let parsers = formats.iter().map(|_| None).collect();
        let reader = ChunkReader::new(plan);
        Worker { number, schedule, formats, reader, parsers, buffer: Vec::new(), reported: (0, 0, 0) }
    }

    /// Does the next piece of work; `None` when there is no more.
    pub fn next(&mut self) -> Option<Message> {
        loop {
            match self.schedule.next() {
                Next::Done => return None,
                Next::Ended(input, chunks, error) => return Some(Message::Ended(input, chunks, error)),
                Next::Job(job) => {
                    let Some((format, stamps)) = &self.formats[job.input] else { continue };
                    let (input, number) = (job.input, job.number);
                    return Some(match self.parse(format, *stamps, job) {
                        Ok(delivery) => Message::Part(Box::new(delivery)),
                        Err(error) => Message::Failed(input, number, error),
                    });
                }
            }
        }
    }

    fn parse(&mut self, format: &LineFormat, stamps: Stamps, job: Job) -> io::Result<Delivery> {
        let Job { input, number, newest_ms, chunk } = job;
        let parser = self.parsers[input].get_or_insert_with(|| InputFormat::new(format, stamps));
        let before = Before { newest_ms, astray: Vec::new() };
        let (part, block) = parser.read(&mut self.reader, &chunk, &mut self.buffer, &before)?;
        let ChunkReader { endpoints, developers, breakers, .. } = &self.reader;
        let new_endpoints = (self.reported.0..endpoints.len()).map(|n| endpoints.parts(n as u32).map(Box::from));
        let new_developers = (self.reported.1..developers.len()).map(|n| {
            let [key_mark, id, _] = developers.parts(n as u32);
            (Box::from(id), !key_mark.is_empty())
        });
        let new_breakers = (self.reported.2..breakers.len()).map(|n| Box::from(breakers.parts(n as u32)[1])).collect();
        let (new_endpoints, new_developers) = (new_endpoints.collect(), new_developers.collect());
        self.reported = (endpoints.len(), developers.len(), breakers.len());
        let forgets_endpoints = self.reader.forget_endpoints();
        if forgets_endpoints {
            self.reported.0 = 0;
        }
        let forgets_developers = self.reader.forget_developers();
        if forgets_developers {
            self.reported.1 = 0;
        }
        Ok(Delivery {
            worker: self.number,
            input,
            number,
            chunk,
            part,
            block,
            new_endpoints,
            new_developers,
            new_breakers,
            forgets_endpoints,
            forgets_developers,
        })
    }
}
