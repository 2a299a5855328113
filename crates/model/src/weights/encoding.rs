//! How numbers lie in files, and their way into f32.
//!
//! Both file formats come through here: safetensors with plain floats, GGUF with floats and blocks of a few bits that
//! share a scale. Everything is read in pieces of a megabyte straight to its place among the weights, so a model is
//! never in memory twice, and no file is mapped. Does not write and does not quantise.

use crate::ModelError;
use half::{bf16, f16};
use std::fs::File;
use std::io::{Read, Seek, SeekFrom};
use std::path::Path;

/// Elements of a `Q8_0` or `Q4_1` block.
const SMALL_BLOCK: usize = 32;
/// Elements of a `Q6_K` block.
const LARGE_BLOCK: usize = 256;
/// Bytes that are read at once, about.
const PIECE: usize = 1 << 20;

/// How the numbers of a tensor are stored.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Encoding {
    F32,
    F16,
    Bf16,
    /// 32 signed bytes under one f16 scale.
    Q8_0,
    /// 32 times four bits under one f16 scale and one f16 minimum.
    Q4_1,
    /// 256 times six bits: 16 signed byte scales of 16 elements each, under one f16 scale.
    Q6K,
}

impl Encoding {
    /// Elements and bytes of the smallest readable unit.
    const fn block(self) -> (usize, usize) {
        match self {
            Self::F32 => (1, 4),
            Self::F16 | Self::Bf16 => (1, 2),
            Self::Q8_0 => (SMALL_BLOCK, 2 + SMALL_BLOCK),
            Self::Q4_1 => (SMALL_BLOCK, 4 + SMALL_BLOCK / 2),
            Self::Q6K => (LARGE_BLOCK, LARGE_BLOCK / 2 + LARGE_BLOCK / 4 + LARGE_BLOCK / 16 + 2),
        }
    }

    /// Bytes of a tensor whose rows are `row` long; `None` where a row is no whole number of blocks, or beyond 64 bits.
    pub(super) fn bytes(self, elements: u64, row: u64) -> Option<u64> {
        let (per_block, bytes) = self.block();
        (row.is_multiple_of(per_block as u64))
            .then(|| (elements / per_block as u64).checked_mul(bytes as u64))?
    }

    /// Blocks to numbers; `bytes` holds exactly the blocks of `out`.
    fn decode(self, bytes: &[u8], out: &mut [f32]) {
        let (per_block, block_bytes) = self.block();
        let blocks = bytes.chunks_exact(block_bytes).zip(out.chunks_exact_mut(per_block));
        match self {
            Self::F32 => blocks.for_each(|(bytes, out)| {
                out[0] = f32::from_le_bytes([bytes[0], bytes[1], bytes[2], bytes[3]]);
            }),
            Self::F16 => blocks.for_each(|(bytes, out)| out[0] = half_at(bytes, 0)),
            Self::Bf16 => blocks.for_each(|(bytes, out)| {
                out[0] = bf16::from_le_bytes([bytes[0], bytes[1]]).to_f32();
            }),
            Self::Q8_0 => blocks.for_each(|(bytes, out)| {
                let scale = half_at(bytes, 0);
                for (out, byte) in out.iter_mut().zip(&bytes[2..]) {
                    *out = f32::from(byte.cast_signed()) * scale;
                }
            }),
            Self::Q4_1 => blocks.for_each(|(bytes, out)| {
                let (scale, minimum) = (half_at(bytes, 0), half_at(bytes, 2));
                let (low, high) = out.split_at_mut(SMALL_BLOCK / 2);
                for ((byte, low), high) in bytes[4..].iter().zip(low).zip(high) {
                    *low = scale * f32::from(byte & 15) + minimum;
                    *high = scale * f32::from(byte >> 4) + minimum;
                }
            }),
            Self::Q6K => blocks.for_each(|(bytes, out)| decode_q6_k(bytes, out)),
        }
    }

    /// Fills `out` from the bytes at `at`.
    pub(super) fn read(
        self,
        file: &mut File,
        path: &Path,
        at: u64,
        out: &mut [f32],
    ) -> Result<(), ModelError> {
        let io = |source| ModelError::Io { path: path.to_owned(), source };
        let (per_block, block_bytes) = self.block();
        file.seek(SeekFrom::Start(at)).map_err(io)?;
        let blocks_a_piece = PIECE / block_bytes;
        let mut buffer = vec![0; blocks_a_piece.min(out.len() / per_block) * block_bytes];
        for out in out.chunks_mut(blocks_a_piece * per_block) {
            let bytes = &mut buffer[..out.len() / per_block * block_bytes];
            file.read_exact(bytes).map_err(io)?;
            self.decode(bytes, out);
        }
        Ok(())
    }
}

fn half_at(bytes: &[u8], at: usize) -> f32 {
    f16::from_le_bytes([bytes[at], bytes[at + 1]]).to_f32()
}

/// One `Q6_K` block: low four bits of all elements, high two bits of all, scales, scale of scales.
///
/// Each half of 128 elements stands by itself: its element `32·quarter + i` has its low bits in byte `i` or `32 + i`
/// (lower nibble for the first two quarters, upper for the last two) and its high bits in byte `i`, two a quarter.
fn decode_q6_k(bytes: &[u8], out: &mut [f32]) {
    let (low, rest) = bytes.split_at(LARGE_BLOCK / 2);
    let (high, rest) = rest.split_at(LARGE_BLOCK / 4);
    let (scales, scale) = rest.split_at(LARGE_BLOCK / 16);
    let scale = half_at(scale, 0);
    for (at, out) in out.iter_mut().enumerate() {
        let (half, quarter, i) = (at / 128, at % 128 / 32, at % 32);
        let nibble = low[half * 64 + quarter % 2 * 32 + i] >> (quarter / 2 * 4) & 15;
        let pair = high[half * 32 + i] >> (quarter * 2) & 3;
        let quant = i16::from(nibble | pair << 4) - 32;
        *out = scale * f32::from(scales[at / 16].cast_signed()) * f32::from(quant);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_are_those_of_the_formats() {
        assert_eq!(Encoding::Q6K.bytes(512, 256), Some(420));
        assert_eq!(Encoding::Q8_0.bytes(64, 32), Some(68));
        assert_eq!(Encoding::Q4_1.bytes(64, 64), Some(40));
        assert_eq!(Encoding::Q4_1.bytes(96, 48), None);
        assert_eq!(Encoding::F32.bytes(u64::MAX, 1), None);
    }
}
