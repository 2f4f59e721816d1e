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

    /// The same for what is loaded of a log that is opened from its end: the head, the last tiles, the last rows.
    #[test]
    fn nothing_at_its_end_can_be_changed(row in any::<prop::sample::Index>(), at in any::<prop::sample::Index>(), bit in 0..9u8) {
        let (_, mut store) = stored(&[200, 100, 40]);
        let tiles = [(0, 0), (0, 1), (1, 0)].map(|(level, index)| tile_key(TileId { level, index }));
        let loaded = [vec![head_key(), event_key(200), event_key(300)], tiles.to_vec()].concat();
        prop_assert_eq!(open_end(&store).unwrap().from, 200);
        let key = loaded[row.index(loaded.len())].clone();
        // If the row to begin with is gone, the next one is begun with.
        prop_assume!(bit != 8 || key != event_key(200));
        if bit == 8 {
            store.0.remove(&key);
        } else {
            let mut value = store.0[&key].to_vec();
            let at = at.index(value.len());
            value[at] ^= 1 << bit;
            store.0.insert(key, Bytes::from(value));
        }
        prop_assert!(open_end(&store).is_err());
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
        prop_assert!(open_end(&store).is_err());
    }
}
