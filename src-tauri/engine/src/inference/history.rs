//! Which turns of a long conversation are left out so that the rest fits the context.

/// Returns how many of the oldest turns to leave out.
///
/// `ends` holds for each turn, oldest first, the number of tokens up to its end; the last turn is never left out.
/// `overflow` is the number of tokens by which the whole is too long.
///
/// The cut moves in steps of about `step` tokens and not with every turn: computed state can be reused only for the
/// common prefix with the next prompt, so a cut that moved every turn would recompute the whole prompt every turn.
pub(super) fn turns_to_omit(ends: &[usize], overflow: usize, step: usize) -> usize {
    if overflow == 0 {
        return 0;
    }
    let wanted = overflow.next_multiple_of(step.max(1));
    let too_short = ends.partition_point(|&end| end < wanted);
    (too_short + 1).min(ends.len().saturating_sub(1))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_fits_is_whole() {
        assert_eq!(turns_to_omit(&[10, 20, 30], 0, 8), 0);
        assert_eq!(turns_to_omit(&[], 0, 8), 0);
    }

    #[test]
    fn the_oldest_go_first_and_the_newest_stays() {
        assert_eq!(turns_to_omit(&[10, 20, 30], 5, 1), 1);
        assert_eq!(turns_to_omit(&[10, 20, 30], 11, 1), 2);
        assert_eq!(turns_to_omit(&[10, 20, 30], 1000, 1), 2);
        assert_eq!(turns_to_omit(&[10], 1000, 1), 0);
    }

    #[test]
    fn the_cut_stays_while_the_conversation_grows() {
        let budget = 1000;
        let step = 250;
        let mut ends: Vec<_> = (1..=20).map(|turn| turn * 50).collect();
        let mut cuts = Vec::new();
        for _ in 0..10 {
            let whole = ends.last().unwrap() + 50;
            ends.push(whole);
            let cut = turns_to_omit(&ends, whole - budget, step);
            let kept = whole - ends[cut - 1];
            assert!(kept <= budget, "{kept} tokens are kept");
            cuts.push(cut);
        }
        assert_eq!(cuts, [5, 5, 5, 5, 5, 10, 10, 10, 10, 10]);
    }
}
