//! Floating-point numbers in the shortest of the three CBOR widths that keeps their value
//! (RFC 8949 4.1 and 4.2.2). Every NaN becomes `f9 7e 00`; the sign of zero is kept.

use minicbor::encode::Write;
use minicbor::{Decoder, Encoder, data::Type, decode, encode};

const NAN: u16 = 0x7e00;

/// Writes `x` in the shortest width that keeps its value.
pub fn put_f64<W: Write>(e: &mut Encoder<W>, x: f64) -> Result<(), encode::Error<W::Error>> {
    if let Some(bits) = to_half(x) {
        let [high, low] = bits.to_be_bytes();
        return e.writer_mut().write_all(&[0xf9, high, low]).map_err(encode::Error::write);
    }
    let single = x as f32;
    if f64::from(single) == x { e.f32(single)?.ok() } else { e.f64(x)?.ok() }
}

/// Reads a floating-point number of any width.
pub fn get_f64(d: &mut Decoder<'_>) -> Result<f64, decode::Error> {
    if d.datatype()? != Type::F16 {
        return d.f64();
    }
    let at = d.position();
    let Some(&[high, low]) = d.input().get(at + 1..).and_then(|rest| rest.first_chunk::<2>()) else {
        return Err(decode::Error::end_of_input());
    };
    d.set_position(at + 3);
    Ok(from_half(u16::from_be_bytes([high, low])))
}

/// Whether single width is the shortest that keeps `x`.
pub(super) fn is_single_short(x: f32) -> bool {
    to_half(f64::from(x)).is_none()
}

/// Whether double width is the shortest that keeps `x`.
pub(super) fn is_double_short(x: f64) -> bool {
    to_half(x).is_none() && f64::from(x as f32) != x
}

/// The half-width bits of `x` if they keep its value (IEEE 754-2008 binary16).
fn to_half(x: f64) -> Option<u16> {
    if x.is_nan() {
        return Some(NAN);
    }
    let bits = x.to_bits();
    let sign = ((bits >> 48) & 0x8000) as u16;
    let fraction = bits & ((1 << 52) - 1);
    let exponent = ((bits >> 52) & 0x7ff) as i32 - 1023;
    if x == 0.0 {
        Some(sign)
    } else if x.is_infinite() {
        Some(sign | 0x7c00)
    } else if (-14..=15).contains(&exponent) {
        let kept = (fraction >> 42) as u16;
        (fraction & ((1 << 42) - 1) == 0).then_some(sign | (((exponent + 15) as u16) << 10) | kept)
    } else if (-24..=-15).contains(&exponent) {
        // A subnormal half counts units of 2^-24.
        let shift = 52 - (exponent + 24);
        let significand = fraction | (1 << 52);
        (significand & ((1 << shift) - 1) == 0).then_some(sign | (significand >> shift) as u16)
    } else {
        None
    }
}

fn from_half(bits: u16) -> f64 {
    let sign = if bits & 0x8000 == 0 { 1.0 } else { -1.0 };
    let exponent = i32::from((bits >> 10) & 0x1f);
    let fraction = f64::from(bits & 0x03ff);
    match exponent {
        0 => sign * fraction * 2f64.powi(-24),
        31 if bits & 0x03ff == 0 => sign * f64::INFINITY,
        31 => f64::NAN,
        _ => sign * (1.0 + fraction / 1024.0) * 2f64.powi(exponent - 15),
    }
}
