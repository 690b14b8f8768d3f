//! Connections between every two ranks, and what is sent over them.
//!
//! The store carries no sums: c10d refuses values above 8 MiB in it, and takes 30 ms for 2 MB. Gloo's group would carry
//! them, but could be constructed only in memory of a guessed size, since libtorch ships none of Gloo's headers; and a
//! rank that waits in it hears of no failure. `speed_of_a_sum_over_two_ranks` (tests) measures these connections.

use super::RanksError;
use super::memory::{bytes, bytes_mut};
use super::monitor::{Monitor, locked};
use std::io::{ErrorKind, Read, Write};
use std::net::TcpStream;
use std::sync::Mutex;
use std::time::Duration;
use tch::{Device, Kind, Tensor};

/// How often a rank that waits looks whether another one was lost.
const SLICE: Duration = Duration::from_millis(200);
/// What fits into the buffers of a connection, so that it can be sent before anything is received.
const SMALL: usize = 16 << 10;

/// What ranks do together; they must do the same.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Operation {
    Sum = 1,
    Broadcast = 2,
}

#[derive(Debug)]
pub(super) struct Mesh {
    rank: usize,
    /// A connection to each other rank.
    peers: Vec<Option<TcpStream>>,
    /// How many operations there were.
    operations: u64,
    /// See `room_for_others`; locked because tensors are not shared between threads, and the rest here is.
    room: Mutex<Tensor>,
}

impl Mesh {
    pub(super) fn new(rank: usize, peers: Vec<Option<TcpStream>>) -> std::io::Result<Mesh> {
        for peer in peers.iter().flatten() {
            peer.set_nodelay(true)?;
            peer.set_read_timeout(Some(SLICE))?;
            peer.set_write_timeout(Some(SLICE))?;
        }
        Ok(Mesh {
            rank,
            peers,
            operations: 0,
            room: Mutex::new(Tensor::empty(0, (Kind::Float, Device::Cpu))),
        })
    }

    /// Replaces a flat tensor by its sum over ranks. Each rank sums one part, in the order of ranks, and sends it to
    /// all: every rank has the same bits, and sends and receives twice the tensor's bytes at most.
    pub(super) fn sum(&mut self, flat: &Tensor, monitor: &Monitor) -> Result<(), RanksError> {
        self.operations += 1;
        let ranks = self.peers.len() as i64;
        let start = |rank: i64| flat.size1().unwrap_or(0) * rank / ranks;
        let mut parts: Vec<Tensor> = (0..ranks)
            .map(|rank| flat.narrow(0, start(rank), start(rank + 1) - start(rank)))
            .collect();
        let mut received = self.room_for_others(&parts[self.rank]);
        for (to, from) in self.rounds() {
            self.exchange(
                Operation::Sum,
                (to, bytes(&parts[to])),
                (from, bytes_mut(&mut received[from])),
                monitor,
            )?;
        }
        received[self.rank] = parts[self.rank].shallow_clone();
        let mut sum = received[0].shallow_clone();
        for part in &received[1..] {
            sum += part;
        }
        if self.rank > 0 {
            parts[self.rank].copy_(&sum);
        }
        for (to, from) in self.rounds() {
            self.exchange(
                Operation::Sum,
                (to, bytes(&sum)),
                (from, bytes_mut(&mut parts[from])),
                monitor,
            )?;
        }
        Ok(())
    }

    /// Replaces a flat tensor by rank 0's.
    pub(super) fn broadcast(&mut self, flat: &mut Tensor, monitor: &Monitor) -> Result<(), RanksError> {
        self.operations += 1;
        if self.rank == 0 {
            let sent = bytes(flat);
            return (1..self.peers.len()).try_for_each(|peer| self.send(Operation::Broadcast, peer, sent, monitor));
        }
        self.receive(Operation::Broadcast, 0, bytes_mut(flat), monitor)
    }

    /// Memory for one part from each rank, kept from sum to sum: new memory costs as much as the transfer.
    fn room_for_others(&self, part: &Tensor) -> Vec<Tensor> {
        let (kind, length) = (part.kind(), part.size1().unwrap_or(0));
        let needed = length * self.peers.len() as i64;
        let mut room = locked(&self.room);
        if room.kind() != kind || room.size1().unwrap_or(0) < needed {
            *room = Tensor::empty(needed, (kind, part.device()));
        }
        (0..self.peers.len() as i64)
            .map(|rank| room.narrow(0, rank * length, length))
            .collect()
    }

    /// To whom this rank sends and from whom it receives, so that each rank has one of each in every round.
    fn rounds(&self) -> Vec<(usize, usize)> {
        let ranks = self.peers.len();
        (1..ranks)
            .map(|step| ((self.rank + step) % ranks, (self.rank + ranks - step) % ranks))
            .collect()
    }

    fn exchange(
        &self,
        operation: Operation,
        (to, sent): (usize, &[u8]),
        (from, received): (usize, &mut [u8]),
        monitor: &Monitor,
    ) -> Result<(), RanksError> {
        if sent.len() <= SMALL {
            self.send(operation, to, sent, monitor)?;
            return self.receive(operation, from, received, monitor);
        }
        std::thread::scope(|scope| {
            let sender = scope.spawn(|| self.send(operation, to, sent, monitor));
            let received = self.receive(operation, from, received, monitor);
            let sent = sender
                .join()
                .unwrap_or_else(|_| Err(RanksError::Libtorch("the thread that sends panicked".to_owned())));
            received.and(sent)
        })
    }

    fn send(&self, operation: Operation, peer: usize, sent: &[u8], monitor: &Monitor) -> Result<(), RanksError> {
        let header = self.header(operation, sent.len());
        self.transfer(peer, header.len(), monitor, |mut stream, done| {
            stream.write(&header[done..])
        })?;
        self.transfer(peer, sent.len(), monitor, |mut stream, done| {
            stream.write(&sent[done..])
        })
    }

    fn receive(
        &self,
        operation: Operation,
        peer: usize,
        received: &mut [u8],
        monitor: &Monitor,
    ) -> Result<(), RanksError> {
        let expected = self.header(operation, received.len());
        let mut header = [0; HEADER];
        self.transfer(peer, HEADER, monitor, |mut stream, done| {
            stream.read(&mut header[done..])
        })?;
        if header != expected {
            let error = RanksError::Different {
                rank: self.rank,
                peer,
                expected: words(&expected),
                sent: words(&header),
            };
            monitor.report_failure(self.rank, &error.to_string());
            return Err(error);
        }
        self.transfer(peer, received.len(), monitor, |mut stream, done| {
            stream.read(&mut received[done..])
        })
    }

    /// Repeats `step`, which gets the number of bytes done so far and returns how many more it did.
    fn transfer(
        &self,
        peer: usize,
        length: usize,
        monitor: &Monitor,
        mut step: impl FnMut(&TcpStream, usize) -> std::io::Result<usize>,
    ) -> Result<(), RanksError> {
        let Some(stream) = &self.peers[peer] else {
            return Ok(());
        };
        let mut done = 0;
        while done < length {
            match step(stream, done) {
                Ok(0) => return Err(monitor.why_connection_ended(peer, "its process ended without a message")),
                Ok(more) => done += more,
                Err(error) => match error.kind() {
                    ErrorKind::WouldBlock | ErrorKind::TimedOut => monitor.check()?,
                    ErrorKind::Interrupted => (),
                    _ => return Err(monitor.why_connection_ended(peer, &error.to_string())),
                },
            }
        }
        Ok(())
    }

    fn header(&self, operation: Operation, length: usize) -> [u8; HEADER] {
        let mut header = [0; HEADER];
        header[0] = operation as u8;
        header[8..16].copy_from_slice(&self.operations.to_le_bytes());
        header[16..].copy_from_slice(&(length as u64).to_le_bytes());
        header
    }
}

const HEADER: usize = 24;

fn words(header: &[u8; HEADER]) -> String {
    let number = |at: usize| {
        header[at..at + 8]
            .iter()
            .rev()
            .fold(0, |sum, byte| sum << 8 | u64::from(*byte))
    };
    let operation = match header[0] {
        1 => "sum",
        2 => "broadcast",
        _ => "unknown operation",
    };
    format!(
        "operation {}, a {operation}, with {} bytes in this part",
        number(8),
        number(16)
    )
}
