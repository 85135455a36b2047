//! Stop strings, which may begin in one token and end in another.

/// Searches for stop strings in text that arrives in pieces.
#[derive(Debug)]
pub(super) struct StopStrings {
    strings: Vec<String>,
    /// The end of the text so far, held back because it may be the beginning of a stop string.
    held: String,
}

/// The text that may be emitted after a piece.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum ScanResult {
    /// Text after which more may follow.
    Text(String),
    /// The last text, which a stop string ended.
    Stopped(String),
}

impl StopStrings {
    /// Creates a scanner for `strings`; empty ones are ignored.
    pub(super) fn new(strings: Vec<String>) -> Self {
        let mut strings = strings;
        strings.retain(|string| !string.is_empty());
        Self {
            strings,
            held: String::new(),
        }
    }

    /// Adds a piece of text and returns what may be emitted.
    pub(super) fn push(&mut self, text: &str) -> ScanResult {
        self.held.push_str(text);
        let found = self.strings.iter();
        if let Some(at) = found.filter_map(|stop| self.held.find(stop)).min() {
            self.held.truncate(at);
            return ScanResult::Stopped(std::mem::take(&mut self.held));
        }
        let suspect = self.held.split_off(self.held.len() - self.suspect_bytes());
        ScanResult::Text(std::mem::replace(&mut self.held, suspect))
    }

    /// Returns the text that was held back, when there is no more and no stop string came.
    pub(super) fn finish(self) -> String {
        self.held
    }

    /// Returns the length of the text's longest suffix that is a prefix of a stop string.
    fn suspect_bytes(&self) -> usize {
        let beginnings = self.strings.iter().flat_map(|stop| {
            let ends = stop.char_indices().map(|(end, _)| end);
            ends.filter(|&end| self.held.ends_with(&stop[..end]))
        });
        beginnings.max().unwrap_or(0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn stops(strings: &[&str]) -> StopStrings {
        StopStrings::new(strings.iter().map(ToString::to_string).collect())
    }

    fn text(text: &str) -> ScanResult {
        ScanResult::Text(text.into())
    }

    #[test]
    fn without_stop_strings_everything_passes_at_once() {
        let mut scan = stops(&[""]);
        assert_eq!(scan.push("anything"), text("anything"));
        assert_eq!(scan.finish(), "");
    }

    #[test]
    fn a_stop_string_is_found_across_pieces() {
        let mut scan = stops(&["\nUser:"]);
        assert_eq!(scan.push("yes\nUs"), text("yes"));
        assert_eq!(scan.push("er"), text(""));
        assert_eq!(scan.push(": no"), ScanResult::Stopped(String::new()));
    }

    #[test]
    fn what_only_looked_like_a_stop_string_is_shown() {
        let mut scan = stops(&["END", "ENOUGH"]);
        assert_eq!(scan.push("the EN"), text("the "));
        assert_eq!(scan.push("GINE"), text("ENGIN"));
        assert_eq!(scan.finish(), "E");
    }

    #[test]
    fn the_earliest_of_several_counts() {
        let mut scan = stops(&["late", "early"]);
        assert_eq!(
            scan.push("an early and a late one"),
            ScanResult::Stopped("an ".into())
        );
    }

    #[test]
    fn characters_of_several_bytes_are_not_split() {
        let mut scan = stops(&["猫犬"]);
        assert_eq!(scan.push("鳥猫"), text("鳥"));
        assert_eq!(scan.push("鳥"), text("猫鳥"));
    }
}
