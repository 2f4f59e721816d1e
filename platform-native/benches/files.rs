//! What reading files through a mount costs, beside the same system calls made in place: for the bar of
//! the audit example (20,000 files within 3 times of a plain pass). CPU time of the whole process.
#![allow(missing_docs)]

use criterion::{BenchmarkId, Criterion, criterion_group, criterion_main};
use platform_native::devices::NativeDevices;
use platform_native::kernel_core::path::Name;
use platform_native::kernel_core::platform::{DeviceReply, DeviceRequest, Devices};
use rustix::time::{ClockId, clock_gettime};
use std::fs;
use std::time::Duration;

const FILES: u64 = 1_000;

fn cpu() -> Duration {
    let now = clock_gettime(ClockId::ProcessCPUTime);
    Duration::new(now.tv_sec as u64, now.tv_nsec as u32)
}

fn read(mount: &str, path: String) -> DeviceRequest {
    DeviceRequest::Read { mount: mount.to_owned(), path, offset: 0, len: 65_536 }
}

fn files(c: &mut Criterion) {
    let runtime = platform_native::runtime().expect("a runtime");
    let tmp = tempfile::tempdir().expect("a folder");
    let deep = tmp.path().join("a/b/c");
    fs::create_dir_all(&deep).expect("folders");
    for i in 0..FILES {
        fs::write(deep.join(format!("f{i}")), vec![b'x'; 10_000]).expect("a file");
        fs::write(tmp.path().join(format!("f{i}")), vec![b'x'; 10_000]).expect("a file");
    }
    let devices = NativeDevices::new(runtime.handle().clone());
    let name = Name::parse("m").expect("a name");
    devices.bind(&name, tmp.path()).expect("a mount");

    let mut group = c.benchmark_group("read a file of 10 kB");
    group.sample_size(20).warm_up_time(Duration::from_millis(300)).measurement_time(Duration::from_secs(1));
    for (what, folder) in [("at the top", ""), ("three folders deep", "a/b/c/")] {
        group.bench_function(BenchmarkId::new(what, "weft"), |b| {
            b.iter_custom(|n| {
                runtime.block_on(async {
                    let begun = cpu();
                    for i in 0..n {
                        let request = read("m", format!("{folder}f{}", i % FILES));
                        let reply = match devices.at_once(&request) {
                            Some(reply) => reply,
                            None => devices.perform(request).await,
                        };
                        assert!(matches!(reply, Ok(DeviceReply::Data { body, .. }) if body.len() == 10_000));
                    }
                    cpu() - begun
                })
            });
        });
        group.bench_function(BenchmarkId::new(what, "floor"), |b| {
            b.iter_custom(|n| {
                let begun = cpu();
                for i in 0..n {
                    let body = fs::read(tmp.path().join(format!("{folder}f{}", i % FILES))).expect("a file");
                    assert_eq!(body.len(), 10_000);
                }
                cpu() - begun
            });
        });
    }
    group.finish();

    let large = tmp.path().join("large");
    fs::create_dir(&large).expect("a folder");
    for i in 0..100_000 {
        fs::write(large.join(format!("file-{i:06}")), "").expect("a file");
    }
    let mut group = c.benchmark_group("list 100,000 files in pages of 1,000");
    group.sample_size(10).measurement_time(Duration::from_secs(5));
    group.bench_function("weft", |b| {
        b.iter_custom(|n| {
            runtime.block_on(async {
                let begun = cpu();
                for _ in 0..n {
                    let (mut seen, mut cursor) = (0, None);
                    loop {
                        let request =
                            DeviceRequest::List { mount: "m".into(), path: "large".into(), cursor, limit: 1_000 };
                        let Ok(DeviceReply::Entries { entries, next }) = devices.perform(request).await else {
                            panic!("a page")
                        };
                        seen += entries.len();
                        cursor = next;
                        if cursor.is_none() {
                            break;
                        }
                    }
                    assert_eq!(seen, 100_000);
                }
                cpu() - begun
            })
        });
    });
    group.bench_function("floor", |b| {
        b.iter_custom(|n| {
            let begun = cpu();
            for _ in 0..n {
                let mut seen = 0;
                for entry in fs::read_dir(&large).expect("a folder") {
                    let meta = entry.expect("an entry").metadata().expect("its metadata");
                    assert!(meta.is_file());
                    seen += 1;
                }
                assert_eq!(seen, 100_000);
            }
            cpu() - begun
        });
    });
    group.finish();
}

criterion_group!(benches, files);
criterion_main!(benches);
