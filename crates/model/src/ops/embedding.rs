//! Token embeddings: rows of a table, and their gradients added back.

use rayon::prelude::*;

/// `y[i] = table[ids[i]]`; `y: [ids, hidden]`. Ids are within the table.
pub(crate) fn forward(y: &mut [f32], table: &[f32], ids: &[u32], hidden: usize) {
    y.par_chunks_mut(hidden).zip(ids).with_min_len(super::ROWS).for_each(|(row, id)| {
        row.copy_from_slice(&table[*id as usize * hidden..][..hidden]);
    });
}

/// Adds row i of `dy` to the row of `ids[i]`: in order of i on one thread, since an id may come twice and the sum must
/// not depend on who is first.
pub(crate) fn backward(d_table: &mut [f32], dy: &[f32], ids: &[u32], hidden: usize) {
    for (row, id) in dy.chunks(hidden).zip(ids) {
        for (total, d) in d_table[*id as usize * hidden..][..hidden].iter_mut().zip(row) {
            *total += d;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ops::testing::{check, dot, noise};

    #[test]
    fn gradients_are_difference_quotients_and_repeated_ids_add_up() {
        let (ids, hidden) = ([2u32, 0, 2, 2], 3);
        let (table, dy) = (noise(4 * hidden, 1), noise(ids.len() * hidden, 2));
        let mut gradient = vec![0.0; table.len()];
        backward(&mut gradient, &dy, &ids, hidden);
        assert_eq!(gradient[9..], [0.0; 3]);
        check(&table, &gradient, |table| {
            let mut y = vec![0.0; ids.len() * hidden];
            forward(&mut y, table, &ids, hidden);
            dot(&y, &dy)
        });
    }
}
