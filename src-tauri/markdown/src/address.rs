//! What is shown of the addresses that may be opened.

use conch_model::web_address;

/// Returns what is shown for a link: the host in its ASCII form (punycode), or the mail address.
pub(crate) fn link_host(destination: &str) -> Option<String> {
    let url = web_address(destination)?;
    Some(url.host_str().unwrap_or(url.path()).to_owned())
}

/// Returns the host of an image.
pub(crate) fn image_host(destination: &str) -> Option<String> {
    Some(web_address(destination)?.host_str()?.to_owned())
}
