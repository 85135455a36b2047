//! The sizes of GGUF's value types and tensor types, as a table.

/// A value of type `uint16`.
pub(crate) const U16: u32 = 2;
/// A value of type `uint32`.
pub(crate) const U32: u32 = 4;
/// A value that is true or false, in one byte.
pub(crate) const BOOL: u32 = 7;
/// A string value.
pub(crate) const STRING: u32 = 8;
/// A list of values of one type.
pub(crate) const ARRAY: u32 = 9;

/// Returns the size in bytes of a value of fixed size, or `None` for other types.
pub(crate) fn scalar_bytes(kind: u32) -> Option<u64> {
    match kind {
        // Unsigned and signed bytes, and booleans.
        0 | 1 | BOOL => Some(1),
        U16 | 3 => Some(2),
        // Integers and floats of 32 bits.
        U32 | 5 | 6 => Some(4),
        10..=12 => Some(8),
        _ => None,
    }
}

/// Returns the size in bytes of a tensor, or `None` when its type is not in this table.
pub(crate) fn tensor_bytes(kind: u32, elements: u64) -> Option<u64> {
    let (block, bytes) = block(kind)?;
    elements.div_ceil(block).checked_mul(bytes)
}

/// Returns how many elements of a type are packed into a block, and the block's bytes.
#[expect(
    clippy::match_same_arms,
    reason = "a table is read by its rows, which are in the format's order"
)]
fn block(kind: u32) -> Option<(u64, u64)> {
    Some(match kind {
        0 => (1, 4),      // F32
        1 => (1, 2),      // F16
        2 => (32, 18),    // Q4_0
        3 => (32, 20),    // Q4_1
        6 => (32, 22),    // Q5_0
        7 => (32, 24),    // Q5_1
        8 => (32, 34),    // Q8_0
        9 => (32, 36),    // Q8_1
        10 => (256, 84),  // Q2_K
        11 => (256, 110), // Q3_K
        12 => (256, 144), // Q4_K
        13 => (256, 176), // Q5_K
        14 => (256, 210), // Q6_K
        15 => (256, 292), // Q8_K
        16 => (256, 66),  // IQ2_XXS
        17 => (256, 74),  // IQ2_XS
        18 => (256, 98),  // IQ3_XXS
        19 => (256, 50),  // IQ1_S
        20 => (32, 18),   // IQ4_NL
        21 => (256, 110), // IQ3_S
        22 => (256, 82),  // IQ2_S
        23 => (256, 136), // IQ4_XS
        24 => (1, 1),     // I8
        25 => (1, 2),     // I16
        26 => (1, 4),     // I32
        27 => (1, 8),     // I64
        28 => (1, 8),     // F64
        29 => (256, 56),  // IQ1_M
        30 => (1, 2),     // BF16
        34 => (256, 54),  // TQ1_0
        35 => (256, 66),  // TQ2_0
        39 => (32, 17),   // MXFP4
        40 => (64, 36),   // NVFP4
        _ => return None,
    })
}
