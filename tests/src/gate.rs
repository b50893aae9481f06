//! What stands between an agent and its endpoints: it counts the agent's writes, kills the agent at one
//! of them, or refuses what it is told to refuse.
//!
//! It passes bytes on as they are: what is signed stays signed.

use std::{
    net::SocketAddr,
    sync::{
        Arc, Mutex,
        atomic::{AtomicU64, Ordering::SeqCst},
    },
};

use rustix::process::{Pid, Signal, kill_process};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
};

/// Counts, kills, refuses.
#[derive(Debug, Default)]
pub struct Gate {
    /// The agent that is killed.
    agent: Mutex<Option<Pid>>,
    /// The writes that were seen, as method and what was written.
    seen: Mutex<Vec<String>>,
    /// At which write the agent is killed, counted from 1; never at 0.
    deadly: AtomicU64,
    /// A text, and every write that contains it is refused.
    refused: Mutex<Option<String>>,
}

impl Gate {
    /// Forgets what was seen, and has the agent killed at its write `number`.
    pub fn kill_at(&self, number: u64) {
        self.deadly.store(number, SeqCst);
        lock(&self.seen).clear();
    }

    /// Has every write refused that contains `text`, from now on.
    pub fn refuse(&self, text: Option<&str>) {
        *lock(&self.refused) = text.map(str::to_owned);
    }

    /// The writes that were let through or refused or killed at.
    pub fn seen(&self) -> Vec<String> {
        lock(&self.seen).clone()
    }

    pub(crate) fn watch(&self, agent: u32) {
        *lock(&self.agent) = agent.try_into().ok().and_then(Pid::from_raw);
    }

    /// What becomes of a write.
    fn judge(&self, write: String) -> Verdict {
        let mut seen = lock(&self.seen);
        let refused = lock(&self.refused).as_ref().is_some_and(|text| write.contains(text));
        seen.push(write);
        if seen.len() as u64 == self.deadly.load(SeqCst) {
            // It may have ended by itself meanwhile.
            let _ = lock(&self.agent).map(|agent| kill_process(agent, Signal::KILL));
            return Verdict::Killed;
        }
        if refused { Verdict::Refused } else { Verdict::Passed }
    }
}

enum Verdict {
    Passed,
    Refused,
    Killed,
}

fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
}

/// Passes on what comes in at `listener`, for as long as it lasts.
pub(crate) async fn guard(listener: TcpListener, behind: SocketAddr, gate: Arc<Gate>) {
    while let Ok((client, _)) = listener.accept().await {
        let gate = Arc::clone(&gate);
        tokio::spawn(async move {
            // A connection that breaks is the caller's affair.
            let _ = carry(client, behind, &gate).await;
        });
    }
}

async fn carry(mut client: TcpStream, behind: SocketAddr, gate: &Gate) -> std::io::Result<()> {
    let mut server = TcpStream::connect(behind).await?;
    client.set_nodelay(true)?;
    server.set_nodelay(true)?;
    let (mut request, mut answer) = (vec![0; 1 << 16], vec![0; 1 << 16]);
    loop {
        tokio::select! {
            read = client.read(&mut request) => {
                let bytes = &request[..read?];
                if bytes.is_empty() {
                    return Ok(());
                }
                match write_of(bytes).map(|write| gate.judge(write)) {
                    None | Some(Verdict::Passed) => server.write_all(bytes).await?,
                    Some(Verdict::Refused) => client.write_all(REFUSAL.as_bytes()).await?,
                    Some(Verdict::Killed) => return Ok(()),
                }
            }
            read = server.read(&mut answer) => {
                let read = read?;
                if read == 0 {
                    return Ok(());
                }
                client.write_all(&answer[..read]).await?;
            }
        }
    }
}

/// What the request is that begins here, if one does and it writes. The clients send the whole head of
/// a request at once.
fn write_of(bytes: &[u8]) -> Option<String> {
    let head = bytes.split(|byte| *byte == b'\r').next()?;
    let line = std::str::from_utf8(head).ok()?.strip_suffix(" HTTP/1.1")?;
    let (method, target) = line.split_once(' ')?;
    match method {
        // With “?x-id=…”, which says nothing.
        "PUT" | "DELETE" => Some(format!("{method} {}", target.split('?').next()?)),
        "POST" => {
            let text = String::from_utf8_lossy(bytes).to_lowercase();
            let call = ["transactwriteitems", "updateitem", "putitem", "deleteitem"];
            let call = call.iter().find(|call| text.contains(&format!("dynamodb_20120810.{call}")))?;
            Some(format!("{method} {call}"))
        }
        _ => None,
    }
}

const REFUSAL: &str = "HTTP/1.1 403 Forbidden\r\ncontent-type: application/xml\r\ncontent-length: 93\r\n\r\n\
    <Error><Code>AccessDenied</Code><Message>a lock forbids it, says the story</Message></Error>\n";
