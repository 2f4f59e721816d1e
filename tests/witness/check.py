"""Checks an exported log and proofs of it by aics-tlog, without a line of Weft.

`check.py DIR KEY [PROOF...]`: KEY signed the checkpoint in DIR, every tile and every entry there is what it covers, and
each file of proof, as `weft receipt`, `weft chain prove` and `weft chain consistency` print them, holds under its own
signed checkpoint.
"""

import base64
import json
import sys
from pathlib import Path

from aics_tlog import (
    FileSystemTileReader,
    audit_tiles,
    leaf_hash,
    parse_checkpoint,
    parse_note,
    parse_vkey,
    verify_consistency,
    verify_inclusion,
    verify_note,
)


def signed(text, key):
    note = parse_note(text)
    assert verify_note(note, [key]), "the checkpoint is signed by somebody else"
    checkpoint = parse_checkpoint(note.text)
    assert checkpoint.origin == key.name, "the checkpoint is of another log"
    return checkpoint


def unpacked(hashes):
    return [base64.b64decode(text, validate=True) for text in hashes]


def check(proof, key):
    checkpoint = signed(proof["checkpoint"], key)
    for event in proof.get("events", []):
        leaf = leaf_hash(base64.b64decode(event["event"], validate=True))
        path = unpacked(event["proof"])
        assert verify_inclusion(leaf, event["seq"], checkpoint.size, path, checkpoint.root), event["seq"]
    if old := proof.get("old"):
        root = base64.b64decode(old["root"], validate=True)
        path = unpacked(proof["proof"])
        assert verify_consistency(old["size"], checkpoint.size, root, checkpoint.root, path), old


def main():
    folder, key = Path(sys.argv[1]), parse_vkey(sys.argv[2])
    checkpoint = signed((folder / "checkpoint").read_text(encoding="utf-8"), key)
    audit_tiles(FileSystemTileReader(folder), checkpoint.size, checkpoint.root, entries=True)
    print(f"witness: {checkpoint.size} entries, tiles, checkpoint and signature fit (aics-tlog)")
    for file in sys.argv[3:]:
        check(json.loads(Path(file).read_text(encoding="utf-8")), key)
        print(f"witness: {file} holds (aics-tlog)")


main()
