//! Checks whether this processor can run the compiled llama.cpp at all.
//!
//! ggml is compiled for the instructions named here and does not check them at run time: on an older processor the
//! first matrix would end the process with an illegal instruction and no message.

use crate::failure::Failure;

/// Checks the processor.
///
/// # Errors
/// [`Failure::CpuUnsupported`], naming what is missing.
#[cfg(target_arch = "x86_64")]
pub(crate) fn check() -> Result<(), Failure> {
    let has = [
        ("AVX2", is_x86_feature_detected!("avx2")),
        ("FMA", is_x86_feature_detected!("fma")),
        ("F16C", is_x86_feature_detected!("f16c")),
        ("BMI2", is_x86_feature_detected!("bmi2")),
    ];
    match missing(&has) {
        Some(names) => Err(Failure::CpuUnsupported(names)),
        None => Ok(()),
    }
}

/// Checks the processor. Other architectures are compiled for their baseline.
///
/// # Errors
/// None.
#[cfg(not(target_arch = "x86_64"))]
pub(crate) fn check() -> Result<(), Failure> {
    Ok(())
}

#[cfg_attr(
    not(any(test, target_arch = "x86_64")),
    expect(dead_code, reason = "only x86-64 has something to miss")
)]
fn missing(has: &[(&str, bool)]) -> Option<String> {
    let absent = has.iter().filter(|(_, present)| !present);
    let names: Vec<_> = absent.map(|(name, _)| *name).collect();
    (!names.is_empty()).then(|| names.join(", "))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_what_is_missing() {
        assert_eq!(missing(&[("AVX2", true), ("FMA", true)]), None);
        assert_eq!(
            missing(&[("AVX2", false), ("FMA", true), ("F16C", false)]).unwrap(),
            "AVX2, F16C"
        );
    }
}
