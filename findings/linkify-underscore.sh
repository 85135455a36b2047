#!/bin/sh
# linkify: an address whose host has an underscore is found without its scheme and its first label.
#
# Seen with linkify 0.11.0.
#
# With `url_must_have_scheme(false)`, "http://my_host.example.org/a" gives "host.example.org/a": the scheme and what
# precedes the underscore stay text, and the link leads to another host. With the default, which requires a scheme, nothing
# is found. Underscores are no part of host names (RFC 952), but DNS has them, containers and networks at home use them, and
# browsers open such addresses. GFM's autolinks allow them in all labels but the last two.
#
# Needs cargo and a registry of crates. Prints what it saw; fails when that is another thing.
set -eu

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
mkdir src

cat > Cargo.toml <<'TOML'
[package]
name = "try"
version = "0.1.0"
edition = "2021"

[dependencies]
linkify = "=0.11.0"
TOML

cat > src/main.rs <<'RUST'
use linkify::{LinkFinder, LinkKind};

fn main() {
    for must_have_scheme in [true, false] {
        let mut finder = LinkFinder::new();
        finder.kinds(&[LinkKind::Url]).url_must_have_scheme(must_have_scheme);
        for text in ["http://my_host.example.org/a", "http://my-host.example.org/a"] {
            let found: Vec<_> = finder.links(text).map(|link| link.as_str()).collect();
            println!("scheme required: {must_have_scheme}: {text} -> {found:?}");
        }
    }
}
RUST

cargo run --quiet > seen.txt
cat seen.txt
cat > expected.txt <<'TEXT'
scheme required: true: http://my_host.example.org/a -> []
scheme required: true: http://my-host.example.org/a -> ["http://my-host.example.org/a"]
scheme required: false: http://my_host.example.org/a -> ["host.example.org/a"]
scheme required: false: http://my-host.example.org/a -> ["http://my-host.example.org/a"]
TEXT
diff expected.txt seen.txt
