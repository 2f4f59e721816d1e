//! Streams: a real fetch from the server that this page came from, and what is refused before anything is sent.

use super::*;

const ID: StreamId = StreamId(7);

/// Host and port of the page's own server, which is on this machine.
fn server() -> (String, u16) {
    let location = scope().location();
    (location.hostname(), location.port().parse().unwrap())
}

fn connect(devices: &WebDevices, host: &str, port: u16, private: bool) -> Result<DeviceReply, DeviceError> {
    let request = DeviceRequest::Connect { stream: ID, host: host.to_owned(), port, private };
    futures::FutureExt::now_or_never(devices.perform(request)).unwrap()
}

async fn send(devices: &WebDevices, text: &str) -> Result<(), DeviceError> {
    let body = Bytes::copy_from_slice(text.as_bytes());
    devices.perform(DeviceRequest::StreamWrite { stream: ID, body }).await.map(drop)
}

async fn receive(devices: &WebDevices, len: u32) -> Result<Bytes, DeviceError> {
    match devices.perform(DeviceRequest::StreamRead { stream: ID, len }).await? {
        DeviceReply::Data { body, .. } => Ok(body),
        other => panic!("{other:?}"),
    }
}

async fn all(devices: &WebDevices) -> String {
    let mut all = Vec::new();
    loop {
        let part = receive(devices, 1_000).await.unwrap();
        assert!(part.len() <= 1_000);
        if part.is_empty() {
            return String::from_utf8(all).unwrap();
        }
        all.extend_from_slice(&part);
    }
}

#[wasm_bindgen_test]
async fn a_request_is_answered_and_the_stream_ends() {
    let (host, port) = server();
    let devices = WebDevices::default();
    let connected = connect(&devices, &host, port, true).unwrap();
    assert!(matches!(connected, DeviceReply::Done { address: Some(address) } if address == host));
    // In two parts, as a guest may write it.
    send(&devices, "GET / HTTP/1.1\r\nHost: ").await.unwrap();
    send(&devices, &format!("{host}:{port}\r\nConnection: close\r\n\r\n")).await.unwrap();
    let answer = all(&devices).await;
    let (head, body) = answer.split_once("\r\n\r\n").unwrap();
    assert!(head.starts_with("HTTP/1.1 200 "), "{head}");
    assert!(head.contains("\r\ncontent-type: text/html"), "{head}");
    assert!(head.ends_with("\r\nconnection: close"), "{head}");
    assert!(body.contains("<html"), "{body}");
}

#[wasm_bindgen_test]
async fn a_read_that_was_given_up_loses_nothing() {
    let (host, port) = server();
    let mut answers = Vec::new();
    for impatient in [false, true] {
        let devices = WebDevices::default();
        connect(&devices, &host, port, true).unwrap();
        send(&devices, "GET /no-such-page HTTP/1.1\r\nConnection: close\r\n\r\n").await.unwrap();
        let mut all = Vec::new();
        loop {
            let given_up = impatient.then(|| futures::FutureExt::now_or_never(receive(&devices, 16))).flatten();
            let part = match given_up {
                Some(part) => part.unwrap(),
                None => receive(&devices, 16).await.unwrap(),
            };
            if part.is_empty() {
                break;
            }
            all.extend_from_slice(&part);
        }
        let text = String::from_utf8(all).unwrap();
        // The server's clock is in its head.
        answers.push(text.split("\r\n").filter(|line| !line.starts_with("date:")).collect::<Vec<_>>().join("\r\n"));
    }
    assert_eq!(answers[0], answers[1]);
    assert!(answers[0].starts_with("HTTP/1.1 404 "), "{}", answers[0]);
}

#[wasm_bindgen_test]
async fn one_stream_carries_one_request_after_the_other() {
    let (host, port) = server();
    let devices = WebDevices::default();
    connect(&devices, &host, port, true).unwrap();
    for _ in 0..2 {
        send(&devices, "GET /no-such-page HTTP/1.1\r\n\r\n").await.unwrap();
        let mut answer = String::new();
        while !answer.ends_with("0\r\n\r\n") {
            let part = receive(&devices, 100_000).await.unwrap();
            assert!(!part.is_empty(), "{answer}");
            answer.push_str(std::str::from_utf8(&part).unwrap());
        }
        assert!(answer.starts_with("HTTP/1.1 404 "), "{answer}");
        assert!(answer.contains("transfer-encoding: chunked"), "{answer}");
    }
}

#[wasm_bindgen_test]
async fn addresses_of_this_machine_need_their_own_grant() {
    let devices = WebDevices::default();
    for host in ["127.0.0.1", "10.0.0.1", "192.168.1.1", "169.254.169.254", "[::1]", "localhost", "x.localhost"] {
        let refused = connect(&devices, host, 80, false).unwrap_err();
        assert!(matches!(refused, DeviceError::Forbidden(_)), "{host}: {refused}");
    }
    for host in ["localhost", "224.0.0.1"] {
        assert!(matches!(connect(&devices, host, 80, true), Err(DeviceError::Forbidden(_))));
    }
    connect(&devices, "8.8.8.8", 80, false).unwrap();
    assert!(matches!(connect(&devices, "8.8.8.8", 80, false), Err(DeviceError::Unfit(_))));
}

#[wasm_bindgen_test]
async fn what_is_no_http_is_refused_in_words() {
    let devices = WebDevices::default();
    connect(&devices, "example.com", 22, false).unwrap();
    let refused = send(&devices, "SSH-2.0-OpenSSH_9.2\r\n").await.unwrap_err();
    assert!(matches!(&refused, DeviceError::Unsupported(why) if why.contains("no raw sockets")), "{refused}");
}

#[wasm_bindgen_test]
async fn a_failed_fetch_says_what_it_may_be() {
    let devices = WebDevices::default();
    // A port that nobody listens on.
    connect(&devices, "127.0.0.1", 9, true).unwrap();
    send(&devices, "GET / HTTP/1.1\r\n\r\n").await.unwrap();
    let DeviceError::Io { doing, source } = receive(&devices, 100).await.unwrap_err() else { panic!("another error") };
    assert_eq!(doing, "fetching http://127.0.0.1:9/");
    let said = source.to_string();
    assert!(said.contains("Access-Control-Allow-Origin: http://") && said.contains("(CORS)"), "{said}");
    assert_eq!(receive(&devices, 100).await.unwrap(), "");
}

#[wasm_bindgen_test]
async fn a_close_ends_a_read_that_waits() {
    let devices = WebDevices::default();
    connect(&devices, "example.com", 443, false).unwrap();
    let close = async {
        crate::clock::pause(5).await;
        devices.perform(DeviceRequest::StreamClose { stream: ID }).await.unwrap();
    };
    let (read, ()) = futures::future::join(receive(&devices, 100), close).await;
    assert_eq!(read.unwrap(), "");
    missing(receive(&devices, 100).await);
    missing(send(&devices, "GET").await);
    devices.perform(DeviceRequest::StreamClose { stream: ID }).await.unwrap();
}

#[wasm_bindgen_test]
async fn a_server_that_does_not_answer_pushes_back() {
    let devices = WebDevices::default();
    // An answer is awaited as long as nobody reads it, whether it came or not.
    connect(&devices, "127.0.0.1", 9, true).unwrap();
    send(&devices, "POST / HTTP/1.1\r\nContent-Length: 4\r\n\r\nbody").await.unwrap();
    let mib = "x".repeat(1 << 20);
    send(&devices, &mib).await.unwrap();
    let refused = send(&devices, "x").await.unwrap_err();
    assert!(matches!(&refused, DeviceError::Full(why) if why.contains("has not answered yet")), "{refused}");
    // Its end is the end of what was written ahead.
    receive(&devices, 100).await.unwrap_err();
    assert!(matches!(send(&devices, "x").await, Err(DeviceError::Io { .. })));
    assert_eq!(devices.streams.held(), 0);
}

#[wasm_bindgen_test]
async fn what_all_streams_hold_together_is_bounded_and_given_back() {
    let devices = WebDevices::default();
    let write =
        |stream: u64, body: Bytes| devices.perform(DeviceRequest::StreamWrite { stream: StreamId(stream), body });
    let mib = Bytes::from("x".repeat(1 << 20));
    let mut full = None;
    for stream in 0..10 {
        let (host, port, private) = ("example.com".to_owned(), 443, false);
        devices.perform(DeviceRequest::Connect { stream: StreamId(stream), host, port, private }).await.unwrap();
        let head = format!("POST / HTTP/1.1\r\nContent-Length: {}\r\n\r\n", 16 << 20);
        full = full.or(write(stream, head.into()).await.err());
        for _ in 0..15 {
            full = full.or(write(stream, mib.clone()).await.err());
        }
    }
    assert!(matches!(&full, Some(DeviceError::Full(why)) if why.contains("hold 67108864 bytes")), "{full:?}");
    assert_eq!(devices.streams.held(), 64 << 20);
    for stream in 0..10 {
        devices.perform(DeviceRequest::StreamClose { stream: StreamId(stream) }).await.unwrap();
    }
    assert_eq!(devices.streams.held(), 0);
}
