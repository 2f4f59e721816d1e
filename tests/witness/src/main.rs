//! Checks an exported log and proofs of it by `tlog_tiles` and `ct-merkle`, without a line of Weft.
//!
//! `witness DIR [PROOF...]`: the tiles and entries in DIR lead to the root in its checkpoint, and each file of proof, as
//! `weft chain prove` and `weft chain consistency` print them, holds. Signatures are looked at by `check.py` beside this.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use ct_merkle::{ConsistencyProof, InclusionProof, RootHash};
use serde_json::Value;
use sha2::Sha256;
use sha2::digest::Output;
use std::path::{Path, PathBuf};
use tlog_tiles::{
    Checkpoint, Error, HashReader, Tile, TileHashReader, TileReader, prove_record, record_hash, tree_hash,
};

/// The tiles of a folder. Each is read in the width that is asked for.
struct Folder(PathBuf);

impl TileReader for Folder {
    fn height(&self) -> u8 {
        8
    }

    fn read_tiles(&self, tiles: &[Tile]) -> Result<Vec<Vec<u8>>, Error> {
        let read = |tile: &Tile| {
            // The path of C2SP leaves out the height, which is always 8.
            let path = tile.path().replacen("tile/8/", "tile/", 1);
            Ok(read(&self.0.join(path)))
        };
        tiles.iter().map(read).collect()
    }

    fn save_tiles(&self, _: &[Tile], _: &[Vec<u8>]) {}
}

fn main() {
    let mut arguments = std::env::args_os().skip(1).map(PathBuf::from);
    let dir = arguments.next().expect("usage: witness DIR [PROOF...]");
    let note = String::from_utf8(read(&dir.join("checkpoint"))).expect("a note is text");
    let checkpoint = checkpoint(&note);
    let (size, root) = (checkpoint.size(), *checkpoint.hash());
    let folder = Folder(dir.clone());
    let reader = TileHashReader::new(size, root, &folder);
    assert_eq!(tree_hash(size, &reader).expect("tiles that fit"), root, "the tiles lead to another root");
    for (seq, entry) in entries(&dir, size).iter().enumerate() {
        let index = tlog_tiles::stored_hash_index(0, seq as u64);
        let hash = reader.read_hashes(&[index]).expect("a tile that fits")[0];
        assert_eq!(hash, record_hash(entry), "entry {seq} is not the one of the tiles");
    }
    for seq in [0, size / 3, size - 1] {
        prove_record(size, seq, &reader).expect("a proof from tiles");
    }
    println!("witness: {size} entries, tiles and checkpoint fit (tlog_tiles)");
    for file in arguments {
        let proof: Value = serde_json::from_slice(&read(&file)).expect("JSON");
        match proof["evidence"].as_str() {
            Some("inclusion" | "receipt") => included(&proof),
            Some("consistency") => consistent(&proof),
            other => panic!("{}: {other:?} is no proof", file.display()),
        }
        println!("witness: {} holds (ct-merkle)", file.display());
    }
}

/// What a note is about: its text is all before the empty line.
fn checkpoint(note: &str) -> Checkpoint {
    Checkpoint::from_reader(&mut note.as_bytes(), false).expect("a checkpoint")
}

/// The entries of all bundles: each has its length before it, in two bytes.
fn entries(dir: &Path, size: u64) -> Vec<Vec<u8>> {
    let mut found = Vec::new();
    for index in 0..size.div_ceil(256) {
        let width = (size - 256 * index).min(256);
        let tile = Tile::new(8, 0, index, u32::try_from(width).expect("a width"), true);
        let path = tile.path().replacen("tile/8/data/", "tile/entries/", 1);
        let bundle = read(&dir.join(path));
        let mut rest = &bundle[..];
        while let Some((length, more)) = rest.split_first_chunk::<2>() {
            let (entry, more) = more.split_at(usize::from(u16::from_be_bytes(*length)));
            found.push(entry.to_vec());
            rest = more;
        }
    }
    assert_eq!(found.len() as u64, size, "there are more or fewer entries than the checkpoint says");
    found
}

fn included(proof: &Value) {
    let root = root_of(&checkpoint(text(&proof["checkpoint"])));
    for event in proof["events"].as_array().expect("events") {
        let hashes = hashes(&event["proof"]);
        let seq = event["seq"].as_u64().expect("a number");
        let leaf = bytes(&event["event"]);
        let proof = InclusionProof::<Sha256>::from_bytes(hashes);
        root.verify_inclusion(&leaf, seq, &proof).expect("an inclusion that holds");
    }
}

fn consistent(proof: &Value) {
    let new = root_of(&checkpoint(text(&proof["checkpoint"])));
    let old = &proof["old"];
    let old = RootHash::<Sha256>::new(digest(&bytes(&old["root"])), old["size"].as_u64().expect("a number"));
    let proof = ConsistencyProof::<Sha256>::try_from_bytes(hashes(&proof["proof"])).expect("whole hashes");
    new.verify_consistency(&old, &proof).expect("a consistency that holds");
}

fn root_of(checkpoint: &Checkpoint) -> RootHash<Sha256> {
    RootHash::new(digest(&checkpoint.hash().0), checkpoint.size())
}

fn digest(bytes: &[u8]) -> Output<Sha256> {
    Output::<Sha256>::try_from(bytes).expect("32 bytes")
}

fn hashes(proof: &Value) -> Vec<u8> {
    proof.as_array().expect("hashes").iter().flat_map(bytes).collect()
}

fn bytes(value: &Value) -> Vec<u8> {
    STANDARD.decode(text(value)).expect("base64")
}

fn text(value: &Value) -> &str {
    value.as_str().expect("a text")
}

fn read(path: &Path) -> Vec<u8> {
    std::fs::read(path).unwrap_or_else(|e| panic!("{}: {e}", path.display()))
}
