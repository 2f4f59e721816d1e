//! Connections: to real sockets of this machine.

use super::*;
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::time::timeout;

const ID: StreamId = StreamId(4);

async fn connected() -> (NativeDevices, TcpStream) {
    let devices = NativeDevices::new(tokio::runtime::Handle::current());
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let connect = DeviceRequest::Connect { stream: ID, host: "localhost".to_owned(), port, private: true };
    let (connected, accepted) = tokio::join!(devices.perform(connect), listener.accept());
    assert_eq!(connected.unwrap(), DeviceReply::Done { address: Some("127.0.0.1".to_owned()) });
    (devices, accepted.unwrap().0)
}

async fn read(devices: &NativeDevices, len: u32) -> Result<Bytes, DeviceError> {
    match devices.perform(DeviceRequest::StreamRead { stream: ID, len }).await? {
        DeviceReply::Data { body, .. } => Ok(body),
        other => panic!("{other:?}"),
    }
}

async fn close(devices: &NativeDevices) {
    devices.perform(DeviceRequest::StreamClose { stream: ID }).await.unwrap();
}

#[tokio::test]
async fn bytes_go_both_ways_and_the_end_is_empty() {
    let (devices, mut peer) = connected().await;
    let write = DeviceRequest::StreamWrite { stream: ID, body: Bytes::from_static(b"hello") };
    devices.perform(write).await.unwrap();
    let mut got = [0; 5];
    peer.read_exact(&mut got).await.unwrap();
    assert_eq!(&got, b"hello");
    peer.write_all(b"0123456789").await.unwrap();
    assert_eq!(read(&devices, 4).await.unwrap(), "0123");
    assert_eq!(read(&devices, 100).await.unwrap(), "456789");
    assert_eq!(read(&devices, 0).await.unwrap(), "");
    // A read waits for the first byte.
    assert!(timeout(Duration::from_millis(20), read(&devices, 1)).await.is_err());
    peer.shutdown().await.unwrap();
    assert_eq!(read(&devices, 4).await.unwrap(), "");
    close(&devices).await;
}

#[tokio::test]
async fn a_close_ends_a_read_that_waits_and_ends_the_connection() {
    let (devices, mut peer) = connected().await;
    let waiting = tokio::spawn({
        let devices = devices.clone();
        async move { read(&devices, 10).await }
    });
    tokio::time::sleep(Duration::from_millis(10)).await;
    close(&devices).await;
    assert_eq!(waiting.await.unwrap().unwrap(), "");
    assert_eq!(peer.read(&mut [0; 8]).await.unwrap(), 0);
    close(&devices).await;
    assert!(matches!(read(&devices, 1).await, Err(DeviceError::NotFound(_))));
}

#[tokio::test]
async fn unread_bytes_push_back_on_the_writer() {
    let (devices, mut peer) = connected().await;
    let body = Bytes::from(vec![7; 64 << 20]);
    let write = devices.perform(DeviceRequest::StreamWrite { stream: ID, body });
    let mut write = std::pin::pin!(write);
    assert!(timeout(Duration::from_millis(50), write.as_mut()).await.is_err());
    let drained = async {
        let mut buffer = vec![0; 1 << 20];
        let mut sum = 0;
        while sum < 64 << 20 {
            sum += peer.read(&mut buffer).await.unwrap();
        }
    };
    let (written, ()) = tokio::join!(write, drained);
    written.unwrap();
}

#[tokio::test]
async fn this_machine_needs_a_grant_of_its_own_by_name_and_by_number() {
    let devices = NativeDevices::new(tokio::runtime::Handle::current());
    for host in ["localhost", "127.0.0.1", "[::1]", "10.0.0.1", "169.254.169.254"] {
        let connect = DeviceRequest::Connect { stream: ID, host: host.to_owned(), port: 80, private: false };
        let refused = devices.perform(connect).await.unwrap_err();
        assert!(matches!(refused, DeviceError::Forbidden(_)), "{refused:?}");
        assert!(refused.to_string().contains(" resolves to "), "{refused}");
    }
}

#[tokio::test]
async fn nobody_there_is_said_so() {
    let devices = NativeDevices::new(tokio::runtime::Handle::current());
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    drop(listener);
    let connect = |host: &str, port| DeviceRequest::Connect { stream: ID, host: host.to_owned(), port, private: true };
    let refused = devices.perform(connect("127.0.0.1", port)).await.unwrap_err();
    let DeviceError::Io { doing, source } = refused else { panic!("{refused:?}") };
    assert_eq!(doing, format!("connecting to 127.0.0.1:{port}"));
    assert!(source.to_string().contains("refused"), "{source}");
    let unknown = devices.perform(connect("no-such-host.invalid", 80)).await.unwrap_err();
    assert!(matches!(unknown, DeviceError::Io { .. } | DeviceError::NotFound(_)), "{unknown:?}");
}

#[tokio::test]
async fn an_id_is_used_once() {
    let (devices, _peer) = connected().await;
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let again = DeviceRequest::Connect { stream: ID, host: "127.0.0.1".to_owned(), port, private: true };
    assert!(matches!(devices.perform(again).await, Err(DeviceError::Unfit(_))));
    close(&devices).await;
}

#[tokio::test]
async fn room_is_taken_before_a_connection_is_made_and_given_back() {
    let streams = super::super::streams::Streams::new(2);
    let (first, second) = (streams.room().unwrap(), streams.room().unwrap());
    let full = streams.room().unwrap_err().to_string();
    assert!(full.contains("2 connections are open"), "{full}");
    drop(first);
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let socket = TcpStream::connect(listener.local_addr().unwrap()).await.unwrap();
    streams.insert(ID, socket, second).unwrap();
    let third = streams.room().unwrap();
    assert!(streams.room().is_err());
    streams.close(ID);
    streams.room().unwrap();
    drop(third);
}
