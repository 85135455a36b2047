//! Samples of one side, and their statistics.

/// Samples of one side, in the row's unit.
#[derive(Debug, Clone, Default)]
pub(crate) struct Samples(Vec<f64>);

impl Samples {
    pub(crate) fn add(&mut self, sample: f64) {
        self.0.push(sample);
        self.0.sort_by(f64::total_cmp);
    }

    pub(crate) fn count(&self) -> usize {
        self.0.len()
    }

    pub(crate) fn median(&self) -> f64 {
        self.quantile(50)
    }

    /// Returns the range of the middle half of the samples.
    pub(crate) fn middle_half(&self) -> (f64, f64) {
        (self.quantile(25), self.quantile(75))
    }

    /// Returns the sample that `percent` of them do not exceed (nearest rank); 0 without samples.
    fn quantile(&self, percent: usize) -> f64 {
        let rank = (self.0.len() * percent).div_ceil(100);
        let sample = self.0.get(rank.saturating_sub(1));
        sample.copied().unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_median_and_the_middle_half_do_not_mind_the_order() {
        let mut samples = Samples::default();
        for sample in [5.0, 1.0, 4.0, 2.0, 3.0, 6.0, 7.0] {
            samples.add(sample);
        }
        assert!((samples.median() - 4.0).abs() < f64::EPSILON);
        let (low, high) = samples.middle_half();
        assert!((low - 2.0).abs() < f64::EPSILON && (high - 6.0).abs() < f64::EPSILON);
    }
}
