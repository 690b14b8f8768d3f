//! How ranks find each other: rank 0 hosts the store, each writes there where it listens, and connects to all others.

use super::monitor::{failure, leave, lost, report};
use super::store::Store;
use super::{RankSettings, RanksError};
use std::hash::{BuildHasher, RandomState};
use std::io::{ErrorKind, Read, Write};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, TcpListener, TcpStream, ToSocketAddrs};
use std::time::{Duration, Instant};

const PAUSE: Duration = Duration::from_millis(20);
/// How long a connection may take that is known to have a listener.
const HANDSHAKE: Duration = Duration::from_secs(10);

/// The store, and a connection to each other rank.
pub(super) fn meet(settings: &RankSettings) -> Result<(Store, Vec<Option<TcpStream>>), RanksError> {
    let deadline = Instant::now() + settings.timeout;
    let (store, own_address) = open_store(settings, deadline)?;
    if store.get("met")?.is_some() {
        return Err(taken(settings)); // another run, which goes on
    }
    let met = connect_all(settings, deadline, &store, own_address);
    let peers = met.map_err(|error| part(settings, &store, error))?;
    if settings.rank == 0 {
        store.set("met", "yes")?;
    }
    Ok((store, peers))
}

/// Tells the others why this rank cannot meet them, and leaves the store.
fn part(settings: &RankSettings, store: &Store, error: RanksError) -> RanksError {
    let RankSettings { rank, world_size, .. } = *settings;
    let told = match &error {
        RanksError::Failed { .. } | RanksError::Lost { .. } => Ok(()), // they know it from the same place
        error => report(store, rank, "failed", &error.to_string()),
    };
    match told.and_then(|()| leave(store, rank, world_size, 0)) {
        Err(RanksError::Libtorch(_)) if matches!(error, RanksError::Libtorch(_)) => lost(0, "its store ended"),
        _ => error,
    }
}

/// The store, and this machine's address as the others see it; `None` for rank 0's, which they know.
fn open_store(settings: &RankSettings, deadline: Instant) -> Result<(Store, Option<IpAddr>), RanksError> {
    let (host, port) = (settings.address.as_str(), settings.port);
    let prefix = format!("longtail/{}/", settings.restarts_of_torchrun.unwrap_or(0));
    if settings.rank == 0 && settings.restarts_of_torchrun.is_none() {
        let listener = listen(host, port).map_err(|error| RanksError::Listen {
            port,
            reason: error.to_string(),
        })?;
        let host = if is_loopback(host) { "127.0.0.1" } else { host };
        return Ok((
            Store::connect(host, port, Some(listener), settings.timeout, prefix)?,
            None,
        ));
    }
    let own_address = loop {
        match connect_once(host, port, deadline) {
            Ok(stream) => break stream.local_addr().ok().map(|address| address.ip().to_canonical()),
            Err(error) if Instant::now() + PAUSE >= deadline => {
                return Err(RanksError::Unreachable {
                    rank: settings.rank,
                    address: format!("{host}:{port}"),
                    waited: settings.timeout,
                    reason: error.to_string(),
                });
            }
            Err(_) => std::thread::sleep(PAUSE),
        }
    };
    let store = Store::connect(host, port, None, settings.timeout, prefix)?;
    Ok((store, own_address.filter(|_| settings.rank > 0)))
}

fn connect_all(
    settings: &RankSettings,
    deadline: Instant,
    store: &Store,
    own_address: Option<IpAddr>,
) -> Result<Vec<Option<TcpStream>>, RanksError> {
    let RankSettings { rank, world_size, .. } = *settings;
    if rank == 0 {
        store.set("world_size", &world_size.to_string())?;
        store.set("token", &format!("{:016x}", RandomState::new().hash_one(rank)))?;
    }
    let absent = |missing: &[usize]| absent(settings, missing);
    let first = wait(store, "world_size", deadline)?.ok_or_else(|| absent(&[0]))?;
    if first != world_size.to_string() {
        return Err(RanksError::WorldSize {
            rank,
            own: world_size,
            first,
        });
    }
    if store.add(&format!("arrived/{rank}"), 1)? > 1 {
        return Err(taken(settings));
    }
    let token = wait(store, "token", deadline)?.ok_or_else(|| absent(&[0]))?;
    let host = own_address.map_or_else(|| settings.address.clone(), |address| address.to_string());
    let listener = listen(&host, 0).map_err(|error| connection(rank, rank, &host, &error))?;
    let port = listener
        .local_addr()
        .map_err(|error| connection(rank, rank, &host, &error))?
        .port();
    store.set(&format!("peer/{rank}"), &format!("{host} {port}"))?;
    let mut addresses = Vec::new();
    for peer in 0..world_size {
        addresses.push(wait(store, &format!("peer/{peer}"), deadline)?);
    }
    let missing: Vec<usize> = (0..world_size).filter(|peer| addresses[*peer].is_none()).collect();
    if !missing.is_empty() {
        return Err(absent(&missing));
    }
    let mut peers: Vec<Option<TcpStream>> = (0..world_size).map(|_| None).collect();
    for (peer, address) in addresses.iter().flatten().enumerate().take(rank) {
        let greeted = greet(address, &token, rank).map_err(|error| connection(rank, peer, address, &error))?;
        peers[peer] = Some(greeted);
    }
    let until = Instant::now() + HANDSHAKE;
    while let Some(peer) = (rank + 1..world_size).find(|peer| peers[*peer].is_none()) {
        failure(store)?;
        match accept(&listener, &token, until) {
            Ok(Some((from, stream))) if from > rank && from < world_size => peers[from] = Some(stream),
            Ok(_) => (), // none of the run's ranks
            Err(error) => return Err(connection(rank, peer, &format!("{host} {port}"), &error)),
        }
    }
    Ok(peers)
}

/// The value of `key`; `None` if there is none at the deadline.
fn wait(store: &Store, key: &str, deadline: Instant) -> Result<Option<String>, RanksError> {
    loop {
        failure(store)?;
        let value = store.get(key)?;
        if value.is_some() || Instant::now() >= deadline {
            return Ok(value);
        }
        std::thread::sleep(PAUSE);
    }
}

fn taken(settings: &RankSettings) -> RanksError {
    RanksError::Taken {
        rank: settings.rank,
        address: format!("{}:{}", settings.address, settings.port),
    }
}

fn absent(settings: &RankSettings, missing: &[usize]) -> RanksError {
    let ranks: Vec<String> = missing.iter().map(ToString::to_string).collect();
    RanksError::Absent {
        missing: format!("rank{} {}", if ranks.len() == 1 { "" } else { "s" }, ranks.join(", ")),
        world_size: settings.world_size,
        address: format!("{}:{}", settings.address, settings.port),
        waited: settings.timeout,
    }
}

fn connection(rank: usize, peer: usize, address: &str, error: &std::io::Error) -> RanksError {
    RanksError::Connection {
        rank,
        peer,
        address: address.replace(' ', ":"),
        reason: error.to_string(),
    }
}

/// A listener that other machines reach, unless `host` is this machine for itself only.
fn listen(host: &str, port: u16) -> std::io::Result<TcpListener> {
    if is_loopback(host) {
        return TcpListener::bind((Ipv4Addr::LOCALHOST, port));
    }
    match TcpListener::bind((Ipv6Addr::UNSPECIFIED, port)) {
        // A machine without IPv6.
        Err(error) if error.kind() != ErrorKind::AddrInUse => TcpListener::bind((Ipv4Addr::UNSPECIFIED, port)),
        listener => listener,
    }
}

fn is_loopback(host: &str) -> bool {
    host == "localhost" || host.parse::<Ipv4Addr>().is_ok_and(|address| address.is_loopback())
}

fn connect_once(host: &str, port: u16, deadline: Instant) -> std::io::Result<TcpStream> {
    let mut last = std::io::Error::new(ErrorKind::NotFound, "the name has no address");
    for address in (host, port).to_socket_addrs()? {
        let left = deadline.saturating_duration_since(Instant::now()).max(PAUSE);
        match TcpStream::connect_timeout(&address, left.min(HANDSHAKE)) {
            Ok(stream) => return Ok(stream),
            Err(error) => last = error,
        }
    }
    Err(last)
}

/// Connects to a rank that listens, and says who this one is.
fn greet(address: &str, token: &str, rank: usize) -> std::io::Result<TcpStream> {
    let (host, port) = address.split_once(' ').unwrap_or((address, ""));
    let port = port
        .parse()
        .map_err(|error| std::io::Error::new(ErrorKind::InvalidData, error))?;
    let mut stream = connect_once(host, port, Instant::now() + HANDSHAKE)?;
    stream.write_all(format!("{token}{rank:08}").as_bytes())?;
    Ok(stream)
}

/// The next connection and the rank that it says it is; `None` if it does not know the token.
fn accept(listener: &TcpListener, token: &str, until: Instant) -> std::io::Result<Option<(usize, TcpStream)>> {
    listener.set_nonblocking(true)?;
    let mut stream = match listener.accept() {
        Ok((stream, _)) => stream,
        Err(error) if error.kind() == ErrorKind::WouldBlock && Instant::now() < until => {
            std::thread::sleep(PAUSE / 10);
            return Ok(None);
        }
        Err(error) if error.kind() == ErrorKind::WouldBlock => {
            return Err(std::io::Error::new(ErrorKind::TimedOut, "it did not connect"));
        }
        Err(error) => return Err(error),
    };
    stream.set_nonblocking(false)?;
    stream.set_read_timeout(Some(Duration::from_secs(1)))?;
    let mut greeting = vec![0; token.len() + 8];
    if stream.read_exact(&mut greeting).is_err() {
        return Ok(None);
    }
    let rank = greeting.strip_prefix(token.as_bytes());
    let rank = rank.and_then(|rank| std::str::from_utf8(rank).ok()?.parse().ok());
    Ok(rank.map(|rank| (rank, stream)))
}
