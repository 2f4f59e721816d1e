//! By property: nothing that is stored can be changed or removed unnoticed, and no bytes cause a panic.

use super::*;
use proptest::prelude::*;

proptest! {
    #![proptest_config(ProptestConfig::with_cases(192))]

    /// No byte of any row can be changed, and no row removed, unnoticed.
    #[test]
    fn nothing_can_be_changed(row in any::<prop::sample::Index>(), at in any::<prop::sample::Index>(), bit in 0..9u8) {
        let (_, mut store) = stored(&[200, 100, 1]);
        let key = store.0.keys().nth(row.index(store.0.len())).unwrap().clone();
        if bit == 8 {
            store.0.remove(&key);
        } else {
            let mut value = store.0[&key].to_vec();
            let at = at.index(value.len());
            value[at] ^= 1 << bit;
            store.0.insert(key, Bytes::from(value));
        }
        prop_assert!(open(&store).is_err());
    }

    /// The same for what a resuming log loads: head, last tiles, last row.
    #[test]
    fn nothing_that_is_resumed_from_can_be_changed(row in any::<prop::sample::Index>(), at in any::<prop::sample::Index>(), bit in 0..9u8) {
        let (_, mut store) = stored(&[200, 100, 40]);
        let loaded = [head_key(), event_key(300), tile_key(TileId { level: 0, index: 1 }), tile_key(TileId { level: 1, index: 0 })];
        let key = loaded[row.index(loaded.len())].clone();
        if bit == 8 {
            store.0.remove(&key);
        } else {
            let mut value = store.0[&key].to_vec();
            let at = at.index(value.len());
            value[at] ^= 1 << bit;
            store.0.insert(key, Bytes::from(value));
        }
        prop_assert!(resume(&store).is_err());
    }

    #[test]
    fn no_bytes_panic(bytes in prop::collection::vec(any::<u8>(), 0..80), table in 1..4u8) {
        let _ = decode(&bytes);
        let _ = Head::decode(&bytes);
        let _ = entries(&bytes).count();
        let (_, mut store) = stored(&[3]);
        let key = [head_key(), event_key(0), tile_key(TileId { level: 0, index: 0 })][usize::from(table) - 1].clone();
        store.0.insert(key, Bytes::from(bytes));
        prop_assert!(open(&store).is_err());
        prop_assert!(resume(&store).is_err());
    }
}
