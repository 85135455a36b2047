//! Which addresses from messages may be opened.
//!
//! The rule applies to the text as well as to the parsed URL: a browser repairs backslashes, tabs and missing
//! slashes, and each repair has been used to show one host and open another. Text that needs repair is refused.

use url::Url;

/// Returns the address to pass to the system browser, or `None` if the link must not be opened.
///
/// Accepted are `http` and `https` with a host, and `mailto` with an address; nothing with credentials,
/// and nothing with a control character.
pub fn web_address(destination: &str) -> Option<Url> {
    if destination.contains(|c: char| c.is_control() || c == '\\') {
        return None;
    }
    let (scheme, rest) = destination.split_once(':')?;
    if scheme.eq_ignore_ascii_case("mailto") {
        return mail_address(destination);
    }
    if !scheme.eq_ignore_ascii_case("http") && !scheme.eq_ignore_ascii_case("https") {
        return None;
    }
    let authority = rest.strip_prefix("//")?.split(['/', '?', '#']).next()?;
    if authority.is_empty() || authority.contains('@') {
        return None;
    }
    let url = Url::parse(destination).ok()?;
    url.host_str()
        .is_some_and(|host| !host.is_empty())
        .then_some(url)
}

/// Validates a `mailto:` address. Fields that add recipients or attach files are refused, because the page does
/// not show them.
fn mail_address(destination: &str) -> Option<Url> {
    let url = Url::parse(destination).ok()?;
    let (name, host) = url.path().split_once('@')?;
    let plain = |text: &str| {
        !text.is_empty()
            && text
                .chars()
                .all(|c| c.is_ascii_alphanumeric() || "!#$&'*+-./=^_`{|}~".contains(c))
    };
    let fields_are_shown = url
        .query_pairs()
        .all(|(name, _)| matches!(&*name.to_ascii_lowercase(), "body" | "subject"));
    (url.cannot_be_a_base() && plain(name) && plain(host) && fields_are_shown).then_some(url)
}
