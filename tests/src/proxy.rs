//! A proxy between a program and Databend or AWS. It records the requests, and at a chosen request a test can cut or hold
//! the connection, before or after the server has executed the request. Each test has its own proxies, so tests that run
//! at the same time do not affect each other.

use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use serde_json::Value;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::oneshot;
use tokio::task::{JoinHandle, JoinSet};

use crate::{Error, Sandbox};

/// Time limit for the chosen request to arrive.
const COMES_WITHIN: Duration = Duration::from_secs(60);

/// What the proxy does at the chosen request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    /// Passes it on and notifies the test.
    Notify,
    /// Cuts the connection; the server never sees the request.
    CutBefore,
    /// Lets the server execute it, then cuts the connection instead of passing the answer on.
    CutAfter,
    /// Keeps it from the server until the test releases it or the program exits.
    HoldBefore,
    /// Lets the server execute it and keeps the answer until the test releases it or the program exits.
    HoldAfter,
}

/// A running proxy. Dropping it closes all its connections.
#[derive(Debug)]
pub struct Proxy {
    /// `host:port` that it listens on.
    address: String,
    rules: Rules,
    rewriting: Rewriting,
    passed: Passed,
    accepting: JoinHandle<()>,
}

type Rules = Arc<Mutex<Vec<Rule>>>;
/// The requests so far, in order.
type Passed = Arc<Mutex<Vec<String>>>;
/// Replaces statements.
struct Rewrite(Box<Replacing>);
type Replacing = dyn FnMut(&str) -> Option<String> + Send;
type Rewriting = Arc<Mutex<Option<Rewrite>>>;

struct Rule {
    matches: Box<dyn Fn(&str) -> bool + Send>,
    fault: Fault,
    met: oneshot::Sender<oneshot::Sender<()>>,
}

impl fmt::Debug for Rewrite {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Rewrite").finish_non_exhaustive()
    }
}

impl fmt::Debug for Rule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Rule").field("fault", &self.fault).finish_non_exhaustive()
    }
}

/// A chosen request that has not arrived yet.
#[derive(Debug)]
pub struct Chosen(oneshot::Receiver<oneshot::Sender<()>>);

/// The chosen request has arrived. A held request stays held until this is released.
#[derive(Debug)]
pub struct Met(oneshot::Sender<()>);

impl Proxy {
    /// A proxy to the sandbox's Databend, and the DSN that leads through it. The driver repeats a request whose answer is
    /// lost after a second, instead of its ten: answers get lost here on purpose.
    pub async fn to_databend(sandbox: &Sandbox) -> Result<(Self, String), Error> {
        let dsn = &sandbox.databend_dsn;
        let target = dsn
            .split_once('@')
            .and_then(|(_, rest)| rest.split(['/', '?']).next())
            .ok_or(Error::Dsn { variable: "DATABEND_DSN", reason: "it names no host and port".into() })?;
        let proxy = Self::to(target).await?;
        let dsn = dsn.replacen(target, &proxy.address, 1);
        let joined = if dsn.contains('?') { '&' } else { '?' };
        Ok((proxy, format!("{dsn}{joined}retry_delay_secs=1")))
    }

    /// A proxy to the sandbox's AWS, and the endpoint URL that leads through it.
    pub async fn to_aws(sandbox: &Sandbox) -> Result<(Self, String), Error> {
        let proxy = Self::to(sandbox.aws_endpoint_url.trim_start_matches("http://")).await?;
        let url = format!("http://{}", proxy.address);
        Ok((proxy, url))
    }

    async fn to(target: &str) -> Result<Self, Error> {
        let io = |error: std::io::Error| Error::Form { what: "the proxy".into(), reason: error.to_string() };
        let listener = TcpListener::bind("127.0.0.1:0").await.map_err(io)?;
        let address = listener.local_addr().map_err(io)?.to_string();
        let (target, rules, passed) = (target.to_owned(), Rules::default(), Passed::default());
        let rewriting = Rewriting::default();
        let kept = (rules.clone(), passed.clone(), rewriting.clone());
        let accepting = tokio::spawn(async move {
            // Dropped, and so aborted, together with this task.
            let mut connections = JoinSet::new();
            while let Ok((client, _)) = listener.accept().await {
                let (target, (rules, passed, rewriting)) = (target.clone(), kept.clone());
                // When one side closes the connection, the other side is closed too.
                connections.spawn(async move { pass_on(client, &target, &rules, &passed, &rewriting).await });
            }
        });
        Ok(Self { address, rules, rewriting, passed, accepting })
    }

    /// Chooses the next request whose SQL text or AWS action `matches`.
    pub fn on(&self, matches: impl Fn(&str) -> bool + Send + 'static, fault: Fault) -> Chosen {
        let (met, chosen) = oneshot::channel();
        let rule = Rule { matches: Box::new(matches), fault, met };
        self.rules.lock().unwrap_or_else(PoisonError::into_inner).push(rule);
        Chosen(chosen)
    }

    /// From now on, replaces each statement for which `rewrite` returns another one.
    pub fn rewrite(&self, rewrite: impl FnMut(&str) -> Option<String> + Send + 'static) {
        *self.rewriting.lock().unwrap_or_else(PoisonError::into_inner) = Some(Rewrite(Box::new(rewrite)));
    }

    /// The requests since the last call, in order: SQL texts and names of AWS actions.
    pub fn take_passed(&self) -> Vec<String> {
        std::mem::take(&mut *self.passed.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Forgets all chosen requests that have not arrived.
    pub fn clear(&self) {
        self.rules.lock().unwrap_or_else(PoisonError::into_inner).clear();
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.accepting.abort();
    }
}

impl Chosen {
    /// Waits until the request has arrived and, for the `…After` faults, has been executed.
    pub async fn met(self) -> Result<Met, Error> {
        let late = |seen: &str| Error::Late {
            what: "the chosen request arrives".into(),
            seen: seen.into(),
            limit: COMES_WITHIN,
        };
        match tokio::time::timeout(COMES_WITHIN, self.0).await {
            Ok(Ok(release)) => Ok(Met(release)),
            Ok(Err(_)) => Err(late("the proxy was dropped")),
            Err(_) => Err(late("only other requests")),
        }
    }

    /// Whether it has arrived.
    pub fn has_come(&mut self) -> bool {
        self.0.try_recv().is_ok()
    }
}

impl Met {
    /// Lets it continue.
    pub fn release(self) {
        // Fails if the program has exited; then there is nothing left to release.
        let _ = self.0.send(());
    }
}

/// Serves one connection of the program, request by request.
async fn pass_on(
    mut client: TcpStream,
    target: &str,
    rules: &Rules,
    passed: &Passed,
    rewriting: &Rewriting,
) -> std::io::Result<()> {
    let mut server = TcpStream::connect(target).await?;
    let (mut from_client, mut from_server) = (Vec::new(), Vec::new());
    while let Some(request) = message(&mut client, &mut from_client).await? {
        let subject = subject(&request);
        let request = rewritten(request, &subject, rewriting);
        let rule = taken(rules, &subject);
        passed.lock().unwrap_or_else(PoisonError::into_inner).push(subject);
        let fault = rule.as_ref().map(|rule| rule.fault);
        if matches!(fault, Some(Fault::CutBefore | Fault::HoldBefore)) {
            meet(rule, &mut client, fault == Some(Fault::HoldBefore)).await?;
            if fault == Some(Fault::CutBefore) {
                return Ok(());
            }
            server.write_all(&request).await?;
            let Some(answer) = message(&mut server, &mut from_server).await? else { return Ok(()) };
            client.write_all(&answer).await?;
            continue;
        }
        server.write_all(&request).await?;
        let Some(answer) = message(&mut server, &mut from_server).await? else { return Ok(()) };
        meet(rule, &mut client, fault == Some(Fault::HoldAfter)).await?;
        if fault == Some(Fault::CutAfter) {
            return Ok(());
        }
        client.write_all(&answer).await?;
    }
    Ok(())
}

/// Notifies the test and, if told to, holds the connection until the test releases it or the program exits.
async fn meet(rule: Option<Rule>, client: &mut TcpStream, hold: bool) -> std::io::Result<()> {
    let Some(rule) = rule else { return Ok(()) };
    let (release, released) = oneshot::channel();
    // Fails if the test has dropped its `Chosen`.
    let _ = rule.met.send(release);
    if !hold {
        return Ok(());
    }
    let gone = async {
        // Readable without a byte: the other side has closed it.
        while client.peek(&mut [0]).await.is_ok_and(|n| n > 0) {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        std::io::Error::from(std::io::ErrorKind::ConnectionAborted)
    };
    let released = async {
        if released.await.is_err() {
            // The test has dropped its `Met` without a release.
            std::future::pending::<()>().await;
        }
    };
    tokio::select! {
        error = gone => Err(error),
        () = released => Ok(()),
    }
}

/// The request, with its statement replaced if the test wants that.
fn rewritten(request: Vec<u8>, sql: &str, rewriting: &Rewriting) -> Vec<u8> {
    let mut rewriting = rewriting.lock().unwrap_or_else(PoisonError::into_inner);
    let Some(other) = rewriting.as_mut().and_then(|Rewrite(rewrite)| rewrite(sql)) else { return request };
    let end = request.windows(4).position(|four| four == b"\r\n\r\n").unwrap_or(request.len());
    let mut document: Value = serde_json::from_slice(&request[end + 4..]).unwrap_or_default();
    document["sql"] = other.into();
    let body = document.to_string();
    let head = String::from_utf8_lossy(&request[..end]);
    let kept = head.lines().filter(|line| !line.to_ascii_lowercase().starts_with("content-length:"));
    let head: Vec<_> = kept.map(str::to_owned).chain([format!("content-length: {}", body.len())]).collect();
    format!("{}\r\n\r\n{body}", head.join("\r\n")).into_bytes()
}

fn taken(rules: &Rules, subject: &str) -> Option<Rule> {
    let mut rules = rules.lock().unwrap_or_else(PoisonError::into_inner);
    let found = rules.iter().position(|rule| (rule.matches)(subject))?;
    Some(rules.remove(found))
}

/// The SQL text, or the AWS action, or else the first line.
fn subject(request: &[u8]) -> String {
    let end = request.windows(4).position(|four| four == b"\r\n\r\n").unwrap_or(request.len());
    let head = String::from_utf8_lossy(&request[..end]);
    if head.starts_with("POST /v1/query ") {
        let document: Value = serde_json::from_slice(&request[end + 4..]).unwrap_or_default();
        return document["sql"].as_str().unwrap_or_default().to_owned();
    }
    if let Some(target) = header(&head, "x-amz-target") {
        return target.rsplit('.').next().unwrap_or_default().to_owned();
    }
    head.lines().next().unwrap_or_default().to_owned()
}

fn header<'a>(head: &'a str, name: &str) -> Option<&'a str> {
    let mut lines = head.lines().filter_map(|line| line.split_once(':'));
    lines.find(|(key, _)| key.eq_ignore_ascii_case(name)).map(|(_, value)| value.trim())
}

/// The next whole HTTP message; `None` at the end of the connection. A body without a length ends with the connection.
async fn message(stream: &mut TcpStream, unread: &mut Vec<u8>) -> std::io::Result<Option<Vec<u8>>> {
    let mut chunk = vec![0; 16 * 1024];
    loop {
        let mut whole = None;
        if let Some(end) = unread.windows(4).position(|four| four == b"\r\n\r\n") {
            let head = String::from_utf8_lossy(&unread[..end]);
            let length = header(&head, "content-length").and_then(|value| value.parse::<usize>().ok());
            let is_request = !head.starts_with("HTTP/");
            let is_bodiless = head.split(' ').nth(1) == Some("204");
            whole = length.or((is_request || is_bodiless).then_some(0)).map(|length| end + 4 + length);
        }
        if let Some(whole) = whole.filter(|whole| unread.len() >= *whole) {
            return Ok(Some(unread.drain(..whole).collect()));
        }
        match stream.read(&mut chunk).await? {
            0 if unread.is_empty() => return Ok(None),
            0 => return Ok(Some(std::mem::take(unread))),
            n => unread.extend_from_slice(&chunk[..n]),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A server that answers every request with its number, and the list of its requests.
    async fn numbers() -> (String, Arc<Mutex<Vec<String>>>) {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap().to_string();
        let asked = Arc::new(Mutex::new(Vec::new()));
        let kept = asked.clone();
        tokio::spawn(async move {
            while let Ok((mut stream, _)) = listener.accept().await {
                let kept = kept.clone();
                tokio::spawn(async move {
                    let mut unread = Vec::new();
                    while let Ok(Some(request)) = message(&mut stream, &mut unread).await {
                        let n = {
                            let mut kept = kept.lock().unwrap();
                            kept.push(subject(&request));
                            kept.len()
                        };
                        let answer = format!("HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\n{n}");
                        stream.write_all(answer.as_bytes()).await.unwrap();
                    }
                });
            }
        });
        (address, asked)
    }

    async fn ask(address: &str, sql: &str) -> Option<String> {
        let body = serde_json::json!({ "sql": sql }).to_string();
        let mut stream = TcpStream::connect(address).await.unwrap();
        let request = format!("POST /v1/query HTTP/1.1\r\nContent-Length: {}\r\n\r\n{body}", body.len());
        stream.write_all(request.as_bytes()).await.unwrap();
        let answer = message(&mut stream, &mut Vec::new()).await.ok()??;
        Some(String::from_utf8_lossy(&answer).rsplit("\r\n").next().unwrap().to_owned())
    }

    #[tokio::test]
    async fn the_chosen_request_is_cut_before_or_after_its_execution() {
        let (target, asked) = numbers().await;
        let proxy = Proxy::to(&target).await.unwrap();
        assert_eq!(ask(&proxy.address, "SELECT 1").await.as_deref(), Some("1"));
        let chosen = proxy.on(|sql| sql == "COMMIT", Fault::CutBefore);
        assert_eq!(ask(&proxy.address, "COMMIT").await, None);
        chosen.met().await.unwrap();
        let chosen = proxy.on(|sql| sql == "COMMIT", Fault::CutAfter);
        assert_eq!(ask(&proxy.address, "COMMIT").await, None);
        chosen.met().await.unwrap();
        assert_eq!(ask(&proxy.address, "COMMIT").await.as_deref(), Some("3"));
        assert_eq!(*asked.lock().unwrap(), ["SELECT 1", "COMMIT", "COMMIT"]);
        assert_eq!(proxy.take_passed(), ["SELECT 1", "COMMIT", "COMMIT", "COMMIT"]);
        assert_eq!(proxy.take_passed(), Vec::<String>::new());
    }

    #[tokio::test]
    async fn a_statement_can_be_replaced() {
        let (target, asked) = numbers().await;
        let proxy = Proxy::to(&target).await.unwrap();
        proxy.rewrite(|sql| (sql == "COMMIT").then(|| "SELECT 'ü'".into()));
        ask(&proxy.address, "COMMIT").await.unwrap();
        ask(&proxy.address, "BEGIN").await.unwrap();
        assert_eq!(*asked.lock().unwrap(), ["SELECT 'ü'", "BEGIN"]);
    }

    #[tokio::test]
    async fn a_held_request_continues_when_it_is_released() {
        let (target, asked) = numbers().await;
        let proxy = Proxy::to(&target).await.unwrap();
        for (fault, done) in [(Fault::HoldBefore, 0), (Fault::HoldAfter, 2)] {
            let chosen = proxy.on(|_| true, fault);
            let address = proxy.address.clone();
            let answer = tokio::spawn(async move { ask(&address, "X").await });
            let met = chosen.met().await.unwrap();
            assert_eq!(asked.lock().unwrap().len(), done);
            met.release();
            assert!(answer.await.unwrap().is_some());
        }
    }
}
