//! Programs that cannot be guests: each is told with its place in the manifest, and nothing is run.

use crate::harness::Home;
use std::os::unix::fs::symlink;
use std::process::Command;

const FIXTURES: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../tests/fixtures/guests");

fn refused(home: &Home, said: &[&str]) {
    for command in [&["app", "check", "play"][..], &["run", "play"]] {
        let done = home.weft(command).exits(2);
        done.tells(&["play/weft.toml:6:11: agent.actor.program: `script.wasm`"]).tells(said);
    }
    let error = home.weft(&["run", "play", "--json"]).exits(2).json()["error"].clone();
    assert_eq!((&error["code"], &error["problems"][0]["key"]), (&"manifest".into(), &"agent.actor.program".into()));
    assert!(!home.path(".local").exists(), "nothing was made");
}

#[test]
fn what_is_no_component_for_a_kernel_is_told_by_what_it_is() {
    let home = Home::with_script(&[]);
    let program = home.path("play/script.wasm");
    let script = std::fs::read(&program).unwrap();
    // Types in types: `(type (instance (type (instance ...))))`, in a section whose length is LEB128.
    let mut types = vec![1];
    (0..1_500).for_each(|_| types.extend([0x42, 1, 1]));
    types.extend([0x42, 0]);
    let nested = [&script[..], &[7, types.len() as u8 | 0x80, (types.len() >> 7) as u8], &types].concat();
    let alien = std::fs::read(format!("{FIXTURES}/alien.wasm")).unwrap();
    for (bytes, said) in [
        (&b"hello"[..], &["it is not WebAssembly, but text", "give the path of a compiled component"][..]),
        (b"", &["it is not WebAssembly, but an empty file"]),
        (b"(component)", &["it is not WebAssembly, but WebAssembly text"]),
        (b"\x7fELF\x02\x01\x01", &["it is not WebAssembly, but a program for an operating system"]),
        (b"\0asm\x01\0\0\0", &["it is a core module, not a component", "wit-component"]),
        (b"\0asm\x0d\0\x01\0", &["it does not export `weft:guest/guest@0.1`", "build it for the world `agent`"]),
        (&alien, &["it imports `weft:fixture/environment@0.1.0`, which the kernel does not offer"]),
        (&nested, &["it has 101 levels of components, modules and types, and a component may have 100"]),
        (&script[..script.len() / 2], &["it is damaged", "unexpected end-of-file", "build it again"]),
        (&[&script[..], b"more"].concat(), &["it is damaged", "build it again"]),
    ] {
        std::fs::write(&program, bytes).unwrap();
        refused(&home, said);
    }
}

#[test]
fn two_hundred_megabytes_are_refused_by_their_size_without_being_read() {
    let home = Home::with_script(&[]);
    // It begins as a component does, and is that long on purpose: only its size is wrong.
    std::fs::OpenOptions::new().append(true).open(home.path("play/script.wasm")).unwrap().set_len(200 << 20).unwrap();
    refused(&home, &["it is 209715200 bytes; a component may have 67108864", "keep data in mounts"]);
}

#[test]
fn what_is_no_file_is_not_waited_for() {
    let home = Home::with_script(&[]);
    let program = home.path("play/script.wasm");
    std::fs::remove_file(&program).unwrap();
    refused(&home, &["there is no such file beside the manifest"]);
    std::fs::create_dir(&program).unwrap();
    refused(&home, &["it is not a file"]);
    std::fs::remove_dir(&program).unwrap();
    assert!(Command::new("mkfifo").arg(&program).status().expect("this test needs `mkfifo` (coreutils)").success());
    refused(&home, &["it is not a file"]);
    std::fs::remove_file(&program).unwrap();
    symlink("script.wasm", &program).unwrap();
    refused(&home, &["it cannot be read: Too many levels of symbolic links"]);
}

#[test]
fn a_component_with_flipped_bits_is_refused_or_stopped_and_never_more() {
    let home = Home::with_script(&["log hello"]);
    let program = home.path("play/script.wasm");
    let script = std::fs::read(&program).unwrap();
    let mut chance = crate::chance::Chance::new();
    for _ in 0..12 {
        let mut bytes = script.clone();
        for _ in 0..3 {
            let at = chance.within(std::time::Duration::from_micros(bytes.len() as u64)).as_micros() as usize;
            bytes[at] ^= 1 << (at % 8);
        }
        std::fs::write(&program, bytes).unwrap();
        let done = home.weft(&["run", "play", "--timeout", "5s"]);
        assert!(matches!(done.status.code(), Some(0..=2)), "{done:#?}");
    }
    // Whatever they did, the log that they share with a whole one holds.
    std::fs::write(&program, script).unwrap();
    home.weft(&["run", "play"]).exits(0);
    home.weft(&["chain", "verify", "--data-dir", ".local/share/weft/play"]).exits(0);
}
