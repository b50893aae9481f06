//! What stands between the functions, the agents and their endpoints: it numbers every call, and does to
//! it what a story asks for: stop its caller before or after it, or give the network or AWS one of the
//! faults that they have.
//!
//! A request is passed on as it came, so what is signed stays signed. Each call has a connection of its
//! own, so that one that is cut takes no other with it.

use std::{
    net::SocketAddr,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
    sync::RwLock,
};

/// How long a delayed answer takes.
const DELAY: Duration = Duration::from_millis(300);

/// Who calls.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Who {
    /// The api function.
    Api,
    /// The worker function.
    Worker,
    /// A task of the agent.
    Agent,
}

/// Which service is called.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Service {
    /// DynamoDB.
    DynamoDb,
    /// S3.
    S3,
    /// ECS.
    Ecs,
    /// SSM.
    Ssm,
}

/// A call that leaves a process.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Call {
    /// By whom.
    pub who: Who,
    /// Of which service.
    pub service: Service,
    /// The operation's name, or S3's method and key.
    pub name: String,
    /// Which of its caller's calls this is, from 1.
    pub number: usize,
    /// Which of all calls this is, from 1.
    pub of_all: usize,
}

impl Call {
    /// Whether it changes anything.
    pub fn changes(&self) -> bool {
        self.writes() || ["RunTask", "StopTask", "UpdateService"].contains(&self.name.as_str())
    }

    /// Whether it changes something in the bucket or in the table.
    pub fn writes(&self) -> bool {
        let of_table = ["TransactWriteItems", "UpdateItem", "PutItem", "DeleteItem"];
        match self.service {
            Service::S3 => ["PUT ", "DELETE ", "POST "].iter().any(|method| self.name.starts_with(method)),
            Service::DynamoDb => of_table.contains(&self.name.as_str()),
            Service::Ecs | Service::Ssm => false,
        }
    }
}

/// When a caller is stopped.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Moment {
    /// The call has not been carried out.
    Before,
    /// The call has been carried out, and its answer has not arrived.
    After,
}

/// What networks and AWS do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    /// The connection is reset before the call is carried out.
    Refused,
    /// The call is carried out; half of the answer arrives.
    Cut,
    /// The answer takes its time.
    Delayed,
    /// The call is carried out twice, and only the second answer arrives.
    Twice,
    /// 500, and the call has not been carried out.
    Failed,
    /// 503, and the call has not been carried out.
    Unavailable,
    /// The call is one too many.
    Throttled,
    /// The table’s capacity is used up, or the bucket’s.
    Exceeded,
    /// The credentials have expired.
    Expired,
}

impl Fault {
    /// All of them.
    pub const ALL: [Self; 9] = [
        Self::Refused,
        Self::Cut,
        Self::Delayed,
        Self::Twice,
        Self::Failed,
        Self::Unavailable,
        Self::Throttled,
        Self::Exceeded,
        Self::Expired,
    ];

    /// Whether it is over when the same call is made again.
    pub fn passes(self) -> bool {
        self != Self::Expired
    }
}

/// What becomes of a call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// It is carried out.
    Pass,
    /// It is carried out after so long, as if the service were far away.
    Late(Duration),
    /// Its caller is stopped.
    Stop(Moment),
    /// It meets a fault.
    Meet(Fault),
    /// It is forbidden.
    Deny,
    /// An object is to be written: the answer is that it is kept, and it is not.
    Lose,
}

type Rule = Arc<dyn Fn(&Call) -> Verdict + Send + Sync>;
type Stop = Arc<dyn Fn() + Send + Sync>;

/// Counts, stops, disturbs.
#[derive(Default)]
pub struct Between {
    calls: Mutex<Vec<Call>>,
    rule: Mutex<Option<Rule>>,
    stop: Mutex<Option<Stop>>,
    /// Held by every call while it is carried out: a caller is stopped while none is.
    passing: RwLock<()>,
}

impl Between {
    /// Forgets what was called, and follows a new rule from now on.
    pub fn follow(&self, rule: impl Fn(&Call) -> Verdict + Send + Sync + 'static) {
        lock(&self.calls).clear();
        *lock(&self.rule) = Some(Arc::new(rule));
    }

    /// Lets everything pass from now on.
    pub fn rest(&self) {
        *lock(&self.rule) = None;
    }

    /// Answers nobody from now on.
    pub(crate) fn fall_silent(&self) {
        *lock(&self.rule) = Some(Arc::new(|_| Verdict::Meet(Fault::Refused)));
    }

    /// What stops a caller. It must have stopped when this returns.
    pub fn stop_by(&self, stop: impl Fn() + Send + Sync + 'static) {
        *lock(&self.stop) = Some(Arc::new(stop));
    }

    /// The calls since the rule was made.
    pub fn calls(&self) -> Vec<Call> {
        lock(&self.calls).clone()
    }

    fn judge(&self, who: Who, service: Service, name: String) -> Verdict {
        let call = {
            let mut calls = lock(&self.calls);
            let number = calls.iter().filter(|call| call.who == who).count() + 1;
            let call = Call { who, service, name, number, of_all: calls.len() + 1 };
            calls.push(call.clone());
            call
        };
        let rule = lock(&self.rule).clone();
        rule.map_or(Verdict::Pass, |rule| rule(&call))
    }

    fn stop(&self) {
        let stop = lock(&self.stop).clone();
        stop.expect("a story that stops callers has said how")();
    }

    /// Passes on what comes in at `listener`, for as long as it lasts.
    pub(crate) async fn guard(
        self: Arc<Self>,
        listener: TcpListener,
        behind: SocketAddr,
        who: Who,
        service: Service,
    ) {
        while let Ok((client, _)) = listener.accept().await {
            let between = Arc::clone(&self);
            tokio::spawn(async move {
                // A connection that breaks is the caller's affair.
                let _ = between.carry(client, behind, who, service).await;
            });
        }
    }

    async fn carry(
        &self,
        mut client: TcpStream,
        behind: SocketAddr,
        who: Who,
        service: Service,
    ) -> std::io::Result<()> {
        client.set_nodelay(true)?;
        let Some(request) = read_request(&mut client).await? else { return Ok(()) };
        let pass = || async {
            let _passing = self.passing.read().await;
            exchange(behind, &request.bytes).await
        };
        let answer = match self.judge(who, service, request.name.clone()) {
            Verdict::Pass => pass().await?,
            Verdict::Late(late) => {
                tokio::time::sleep(late).await;
                pass().await?
            }
            Verdict::Stop(moment) => {
                if moment == Moment::After {
                    pass().await?;
                }
                let _none = self.passing.write().await;
                tokio::task::block_in_place(|| self.stop());
                return Ok(());
            }
            Verdict::Deny => refusal(service, 403, "AccessDeniedException", "AccessDenied"),
            Verdict::Lose => b"HTTP/1.1 200 OK\r\netag: \"lost\"\r\ncontent-length: 0\r\n\r\n".to_vec(),
            Verdict::Meet(fault) => match fault {
                Fault::Refused => {
                    client.set_zero_linger()?;
                    return Ok(());
                }
                Fault::Cut => {
                    let answer = pass().await?;
                    client.write_all(&answer[..answer.len() / 2]).await?;
                    client.set_zero_linger()?;
                    return Ok(());
                }
                Fault::Delayed => {
                    let answer = pass().await?;
                    tokio::time::sleep(DELAY).await;
                    answer
                }
                Fault::Twice => {
                    pass().await?;
                    pass().await?
                }
                Fault::Failed => refusal(service, 500, "InternalServerError", "InternalError"),
                Fault::Unavailable => refusal(service, 503, "ServiceUnavailable", "ServiceUnavailable"),
                Fault::Throttled => refusal(service, 400, "ThrottlingException", "RequestLimitExceeded"),
                Fault::Exceeded => match service {
                    Service::DynamoDb => refusal(service, 400, "ProvisionedThroughputExceededException", ""),
                    Service::S3 => refusal(service, 503, "", "SlowDown"),
                    Service::Ecs | Service::Ssm => refusal(service, 400, "TooManyRequestsException", ""),
                },
                Fault::Expired => refusal(service, 400, "ExpiredTokenException", "ExpiredToken"),
            },
        };
        client.write_all(&answer).await?;
        client.shutdown().await
    }
}

struct Request {
    name: String,
    bytes: Vec<u8>,
}

/// Reads a whole request; none if the client has sent none.
async fn read_request(client: &mut TcpStream) -> std::io::Result<Option<Request>> {
    let mut bytes = Vec::new();
    let mut buffer = vec![0; 1 << 16];
    let end = loop {
        if let Some(end) = bytes.windows(4).position(|window| window == b"\r\n\r\n") {
            break end;
        }
        let read = client.read(&mut buffer).await?;
        if read == 0 {
            return Ok(None);
        }
        bytes.extend_from_slice(&buffer[..read]);
    };
    let head = String::from_utf8_lossy(&bytes[..end]).into_owned();
    let mut lines = head.split("\r\n");
    let first = lines.next().unwrap_or_default().to_owned();
    let header = |name: &str| {
        let lines = head.split("\r\n").skip(1).filter_map(|line| line.split_once(':'));
        let mut found = lines.filter(|(there, _)| there.eq_ignore_ascii_case(name));
        found.next().map(|(_, value)| value.trim().to_owned())
    };
    assert!(header("transfer-encoding").is_none(), "a request whose length is not told: {head}");
    let length: usize = header("content-length").map_or(0, |length| length.parse().expect("a length"));
    let mut body = bytes.split_off(end + 4);
    while body.len() < length {
        let read = client.read(&mut buffer).await?;
        if read == 0 {
            return Ok(None);
        }
        body.extend_from_slice(&buffer[..read]);
    }
    let name = match header("x-amz-target") {
        Some(target) => target.rsplit('.').next().unwrap_or_default().to_owned(),
        // With “?x-id=…”, which says nothing.
        None => first.split('?').next().unwrap_or_default().trim_end_matches(" HTTP/1.1").to_owned(),
    };
    // The end of the answer is where the connection ends.
    let kept = lines.filter(|line| !line.to_ascii_lowercase().starts_with("connection:"));
    let head: Vec<&str> = std::iter::once(first.as_str()).chain(kept).collect();
    let mut bytes = format!("{}\r\nconnection: close\r\n\r\n", head.join("\r\n")).into_bytes();
    bytes.extend_from_slice(&body);
    Ok(Some(Request { name, bytes }))
}

/// The whole answer to a request.
async fn exchange(behind: SocketAddr, request: &[u8]) -> std::io::Result<Vec<u8>> {
    let mut server = TcpStream::connect(behind).await?;
    server.set_nodelay(true)?;
    server.write_all(request).await?;
    let mut answer = Vec::new();
    server.read_to_end(&mut answer).await?;
    Ok(answer)
}

/// An answer that is an error, as the service words it.
fn refusal(service: Service, status: u16, code: &str, of_s3: &str) -> Vec<u8> {
    let (kind, body) = match service {
        Service::S3 => (
            "application/xml",
            format!("<Error><Code>{of_s3}</Code><Message>a story wants it so</Message></Error>"),
        ),
        Service::DynamoDb => (
            "application/x-amz-json-1.0",
            format!(
                r#"{{"__type":"com.amazonaws.dynamodb.v20120810#{code}","message":"a story wants it so"}}"#
            ),
        ),
        Service::Ecs | Service::Ssm => (
            "application/x-amz-json-1.1",
            format!(r#"{{"__type":"{code}","message":"a story wants it so"}}"#),
        ),
    };
    let length = body.len();
    format!(
        "HTTP/1.1 {status} \r\ncontent-type: {kind}\r\ncontent-length: {length}\r\nconnection: close\r\n\r\n{body}"
    )
    .into_bytes()
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
