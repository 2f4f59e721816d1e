//! What instructions cost. A unit is one plain instruction.

use super::{MeterError, unmetered};
use wasmparser::Operator;

/// A division, remainder or square root.
const DIVISION: u64 = 8;
/// A call, beside what the function itself costs.
const CALL: u64 = 10;
/// The same by a table.
const INDIRECT_CALL: u64 = 14;
/// An instruction on a piece of memory or of a table, beside its [`Extent`].
const BULK: u64 = 16;
/// A growth, beside its [`Extent`].
const GROWTH: u64 = 64;

/// What an instruction costs whatever it is given. What only says where blocks begin and end costs nothing.
///
/// # Errors
///
/// [`MeterError::Unmetered`]: it belongs to a proposal that is not in this table.
pub(super) fn of(operator: &Operator<'_>) -> Result<u64, MeterError> {
    use Operator as O;
    Ok(match operator {
        O::Block { .. } | O::Loop { .. } | O::Else | O::End | O::Nop => 0,
        O::Call { .. } | O::ReturnCall { .. } => CALL,
        O::CallIndirect { .. } | O::ReturnCallIndirect { .. } => INDIRECT_CALL,
        O::MemoryGrow { .. } | O::TableGrow { .. } => GROWTH,
        O::MemoryCopy { .. } | O::MemoryFill { .. } | O::MemoryInit { .. } => BULK,
        O::TableCopy { .. } | O::TableFill { .. } | O::TableInit { .. } => BULK,
        O::I32DivS | O::I32DivU | O::I32RemS | O::I32RemU | O::I64DivS | O::I64DivU | O::I64RemS | O::I64RemU => {
            DIVISION
        }
        O::F32Div | O::F64Div | O::F32Sqrt | O::F64Sqrt => DIVISION,
        O::F32x4Div | O::F64x2Div | O::F32x4Sqrt | O::F64x2Sqrt => DIVISION,
        other => match proposal(other) {
            "mvp"
            | "sign_extension"
            | "saturating_float_to_int"
            | "bulk_memory"
            | "reference_types"
            | "simd"
            | "tail_call" => 1,
            unknown => return unmetered(format!("the proposal `{}`", unknown.replace('_', "-"))),
        },
    })
}

/// How many times the unit the number on top of the stack is worth, for an instruction that works on so much:
/// `number << shift_up >> shift_down`.
pub(super) struct Extent {
    pub(super) up: i64,
    pub(super) down: i64,
}

/// What the last operand adds to the cost. All of these are numbers of 32 bits.
pub(super) fn extent(operator: &Operator<'_>) -> Option<Extent> {
    use Operator as O;
    match operator {
        // 16 bytes a unit.
        O::MemoryCopy { .. } | O::MemoryFill { .. } | O::MemoryInit { .. } => Some(Extent { up: 0, down: 4 }),
        // Pages come zeroed: the same for each byte.
        O::MemoryGrow { .. } => Some(Extent { up: 12, down: 0 }),
        O::TableCopy { .. } | O::TableFill { .. } | O::TableInit { .. } | O::TableGrow { .. } => {
            Some(Extent { up: 0, down: 0 })
        }
        _ => None,
    }
}

/// The proposal by which an instruction came into WebAssembly.
fn proposal(operator: &Operator<'_>) -> &'static str {
    macro_rules! names {
        ($(@$proposal:ident $op:ident $({ $($arg:ident: $ty:ty),* })? => $visit:ident ($($rest:tt)*))*) => {
            match operator {
                $(Operator::$op { .. } => stringify!($proposal),)*
                _ => "unknown",
            }
        };
    }
    wasmparser::for_each_operator!(names)
}
