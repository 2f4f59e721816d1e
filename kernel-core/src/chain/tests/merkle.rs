//! The tree, its tiles and its proofs against an independent implementation of RFC 6962.

use super::*;
use ct_merkle::mem_backed_tree::MemoryBackedTree;
use ct_merkle::{ConsistencyProof, InclusionProof, RootHash};
use proptest::prelude::*;
use sha2::Sha256;

type Oracle = MemoryBackedTree<Sha256, Vec<u8>>;

fn event(n: u64) -> Vec<u8> {
    format!("event {n}").into_bytes()
}

/// Full and partial tiles of a tree.
#[derive(Default)]
struct Tiles {
    tree: Tree,
    full: BTreeMap<TileId, Vec<u8>>,
}

impl Tiles {
    fn of(size: u64) -> Tiles {
        let mut tiles = Tiles::default();
        (0..size).for_each(|n| tiles.push(n));
        tiles
    }

    fn push(&mut self, n: u64) {
        let full = &mut self.full;
        self.tree.push(Hash::leaf(&event(n)), |id, tile| assert!(full.insert(id, tile).is_none()));
    }

    fn get(&self, id: TileId) -> Option<Bytes> {
        let partial = self.tree.partial(id.level).filter(|(partial, _)| *partial == id).map(|(_, tile)| tile);
        self.full.get(&id).map(Vec::as_slice).or(partial).map(Bytes::copy_from_slice)
    }
}

fn oracle(size: u64) -> Oracle {
    let mut oracle = Oracle::new();
    (0..size).for_each(|n| oracle.push(event(n)));
    oracle
}

fn root_of(oracle: &Oracle) -> Hash {
    Hash::from_slice(oracle.root().as_bytes()).unwrap()
}

fn bytes_of(proof: &[Hash]) -> Vec<u8> {
    proof.iter().flat_map(|hash| hash.0).collect()
}

#[test]
fn known_hashes() {
    assert_eq!(Hash::of_empty_tree().to_string(), "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
    assert_eq!(Hash::leaf(b"").to_string(), "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d");
    assert_eq!(Tree::new().root(), Hash::of_empty_tree());
}

#[test]
fn roots_agree_with_the_oracle_at_every_size() {
    let (mut tiles, mut oracle) = (Tiles::default(), Oracle::new());
    for n in 0..1100 {
        tiles.push(n);
        oracle.push(event(n));
        assert_eq!(tiles.tree.root(), root_of(&oracle), "size {}", n + 1);
    }
}

/// The example of C2SP tlog-tiles: which tiles a tree of 70,000 leaves has.
#[test]
fn tiles_of_a_large_tree() {
    let tiles = Tiles::of(70_000);
    let full = |level| tiles.full.keys().filter(|id| id.level == level).count();
    let partial = |level| tiles.tree.partial(level).map(|(id, tile)| (id.index, tile.len() / 32));
    assert_eq!((full(0), full(1), full(2)), (273, 1, 0));
    assert_eq!((partial(0), partial(1), partial(2)), (Some((273, 112)), Some((1, 17)), Some((0, 1))));
    assert_eq!(tiles.tree.levels(), 3);
    for (id, tile) in &tiles.full {
        assert_eq!((tile.len(), id.width(70_000)), (8192, 256));
    }
    assert_eq!(TileId { level: 0, index: 273 }.width(70_000), 112);
    assert_eq!(TileId { level: 0, index: 274 }.width(70_000), 0);
    assert_eq!(TileId { level: 2, index: 0 }.width(70_000), 1);
    assert_eq!(TileId { level: 7, index: u64::MAX }.width(u64::MAX), 0);

    let proof = inclusion(69_999, 70_000, &mut |id| tiles.get(id)).unwrap();
    verify_inclusion(Hash::leaf(&event(69_999)), 69_999, 70_000, tiles.tree.root(), &proof).unwrap();
    for size in [1, 255, 256, 257, 65_535, 65_536, 65_537, 69_999] {
        let root = root_at(size, &mut |id| tiles.get(id)).unwrap();
        assert_eq!(root, Tiles::of(size).tree.root(), "size {size}");
        let proof = consistency(size, 70_000, &mut |id| tiles.get(id)).unwrap();
        verify_consistency(size, root, 70_000, tiles.tree.root(), &proof).unwrap();
    }
}

#[test]
fn tile_paths() {
    let path = |level, index, width| TileId { level, index }.path(width);
    assert_eq!(path(0, 0, 256), "tile/0/000");
    assert_eq!(path(3, 1_234_067, 256), "tile/3/x001/x234/067");
    assert_eq!(path(0, 273, 112), "tile/0/273.p/112");
    assert_eq!(path(1, 1000, 1), "tile/1/x001/000.p/1");
    assert_eq!(TileId::entries_path(1_234_067, 256), "tile/entries/x001/x234/067");
    assert_eq!(TileId::entries_path(273, 112), "tile/entries/273.p/112");
}

#[test]
fn a_tree_resumes_from_its_edge() {
    for size in [0, 1, 2, 255, 256, 257, 511, 512, 65_535, 65_536, 65_537, 70_000] {
        let whole = Tiles::of(size).tree;
        let edge =
            |tree: &Tree| (0..tree.levels()).map(|l| tree.partial(l).map_or(vec![], |(_, t)| t.to_vec())).collect();
        let mut again = Tree::resume(size, edge(&whole)).unwrap();
        assert_eq!((again.root(), again.size()), (whole.root(), size));
        let mut more = whole;
        for n in 0..300 {
            let (mut a, mut b) = (Vec::new(), Vec::new());
            more.push(Hash::leaf(&event(n)), |id, tile| a.push((id, tile)));
            again.push(Hash::leaf(&event(n)), |id, tile| b.push((id, tile)));
            assert_eq!((a, more.root()), (b, again.root()));
        }
    }
    assert!(Tree::resume(1, vec![]).is_none());
    assert!(Tree::resume(1, vec![vec![0; 64]]).is_none());
    assert!(Tree::resume(0, vec![vec![]]).is_none());
    assert!(Tree::resume(u64::MAX, vec![vec![0; 255 * 32]; 8]).is_some());
}

#[test]
fn proofs_out_of_range() {
    let tiles = Tiles::of(10);
    assert!(matches!(inclusion(10, 10, &mut |id| tiles.get(id)), Err(ProofError::OutOfRange { .. })));
    assert!(matches!(consistency(11, 10, &mut |id| tiles.get(id)), Err(ProofError::OutOfRange { .. })));
    assert!(matches!(inclusion(0, 11, &mut |id| tiles.get(id)), Err(ProofError::MissingTile(_))));
    assert!(matches!(root_at(300, &mut |_| None), Err(ProofError::MissingTile(_))));
    let root = tiles.tree.root();
    assert!(verify_inclusion(Hash::ZERO, 10, 10, root, &[]).is_err());
    assert!(verify_consistency(11, root, 10, root, &[]).is_err());
    assert!(verify_consistency(10, root, 10, root, &[]).is_ok());
    assert!(verify_consistency(0, Hash::of_empty_tree(), 10, root, &[]).is_ok());
    assert!(verify_consistency(0, root, 10, root, &[]).is_err());
    assert!(verify_consistency(3, root, 10, root, &[]).is_err());
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    /// Our proofs are the oracle's byte for byte, each side accepts the other's, and nothing else passes.
    #[test]
    fn inclusion_agrees_with_the_oracle(size in 1..900u64, at in any::<prop::sample::Index>(), bit in 0..256usize) {
        let (tiles, oracle) = (Tiles::of(size), oracle(size));
        let (seq, root) = (at.index(size as usize) as u64, tiles.tree.root());
        let mut proof = inclusion(seq, size, &mut |id| tiles.get(id)).unwrap();
        let theirs = oracle.prove_inclusion(seq as usize);
        prop_assert_eq!(theirs.as_bytes(), &bytes_of(&proof)[..]);
        let mine = InclusionProof::<Sha256>::from_bytes(bytes_of(&proof));
        prop_assert!(oracle.root().verify_inclusion(&event(seq), seq, &mine).is_ok());
        let leaf = Hash::leaf(&event(seq));
        prop_assert_eq!(verify_inclusion(leaf, seq, size, root, &proof), Ok(()));

        prop_assert!(verify_inclusion(Hash::leaf(b"other"), seq, size, root, &proof).is_err());
        prop_assert!(verify_inclusion(leaf, seq, size, leaf, &proof).is_err() || size == 1);
        proof.push(Hash::ZERO);
        prop_assert!(verify_inclusion(leaf, seq, size, root, &proof).is_err());
        proof.pop();
        if let Some(hash) = proof.first_mut() {
            hash.0[bit / 8] ^= 1 << (bit % 8);
            prop_assert!(verify_inclusion(leaf, seq, size, root, &proof).is_err());
            proof.pop();
            prop_assert!(verify_inclusion(leaf, seq, size, root, &proof).is_err());
        }
    }

    #[test]
    fn consistency_agrees_with_the_oracle(size in 2..900u64, at in any::<prop::sample::Index>(), bit in 0..256usize) {
        let (tiles, all) = (Tiles::of(size), oracle(size));
        let old = 1 + at.index(size as usize - 1) as u64;
        let (old_root, root) = (Tiles::of(old).tree.root(), tiles.tree.root());
        prop_assert_eq!(root_at(old, &mut |id| tiles.get(id)).unwrap(), old_root);
        let mut proof = consistency(old, size, &mut |id| tiles.get(id)).unwrap();
        let theirs = all.prove_consistency((size - old) as usize);
        prop_assert_eq!(theirs.as_bytes(), &bytes_of(&proof)[..]);
        let mine = ConsistencyProof::<Sha256>::try_from_bytes(bytes_of(&proof)).unwrap();
        let (old_tree, new_tree): (RootHash<Sha256>, RootHash<Sha256>) = (oracle(old).root(), all.root());
        prop_assert!(new_tree.verify_consistency(&old_tree, &mine).is_ok());
        prop_assert_eq!(verify_consistency(old, old_root, size, root, &proof), Ok(()));

        prop_assert!(verify_consistency(old, Hash::ZERO, size, root, &proof).is_err());
        prop_assert!(verify_consistency(old, old_root, size, Hash::ZERO, &proof).is_err());
        proof.push(Hash::ZERO);
        prop_assert!(verify_consistency(old, old_root, size, root, &proof).is_err());
        proof.pop();
        proof[0].0[bit / 8] ^= 1 << (bit % 8);
        prop_assert!(verify_consistency(old, old_root, size, root, &proof).is_err());
    }
}
