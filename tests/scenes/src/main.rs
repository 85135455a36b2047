//! `screenshots`: renders every scene in both themes at its sizes. `cargo xtask screenshots` runs it.

#![expect(
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "printing is its job"
)]

use std::collections::HashSet;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use conch_scenes::{Error, Page, Scene, SceneRunner, Size, Theme, all, compress};

const USAGE: &str =
    "screenshots PATH-TO-CONCH FOLDER [--only NAME]... [--size WIDTHxHEIGHT] [--scale N]

--only draws the scenes whose names begin so; without it, pictures of scenes that are no more are removed.
--size draws every scene at this size instead of its own.
--scale draws with so many dots to a px in each direction.";

#[derive(Debug)]
struct Arguments {
    binary: PathBuf,
    folder: PathBuf,
    only: Vec<String>,
    size: Option<Size>,
    scale: u32,
}

#[tokio::main]
async fn main() -> ExitCode {
    let Some(arguments) = arguments(std::env::args().skip(1)) else {
        eprintln!("usage: {USAGE}");
        return ExitCode::FAILURE;
    };
    match draw(&arguments).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("screenshots: {error}");
            ExitCode::FAILURE
        }
    }
}

async fn draw(arguments: &Arguments) -> Result<(), Error> {
    let wanted = |scene: &Scene| {
        let begins = |only: &String| scene.name.starts_with(only.as_str());
        arguments.only.is_empty() || arguments.only.iter().any(begins)
    };
    let scenes: Vec<_> = all().into_iter().filter(wanted).collect();
    if scenes.is_empty() {
        let names: Vec<_> = all().iter().map(|scene| scene.name).collect();
        eprintln!("no scene begins so; there are: {}", names.join(" "));
    }
    std::fs::create_dir_all(&arguments.folder)?;
    let largest = arguments.size.unwrap_or(Size::USUAL);
    let screen = Size::of(
        largest.width * arguments.scale,
        largest.height * arguments.scale,
    );
    let mut runner = SceneRunner::for_pictures(&arguments.binary, screen, arguments.scale).await?;
    let mut drawn = HashSet::new();
    let mut bytes = 0;
    for scene in &scenes {
        let given: Vec<_> = arguments.size.into_iter().collect();
        let sizes = if given.is_empty() {
            scene.sizes
        } else {
            &given
        };
        for &size in sizes {
            let page = runner.open(scene, size).await?;
            for theme in Theme::ALL {
                let name = format!("{}-{}-{}.png", scene.name, theme.name(), size.width);
                bytes += picture(&page, theme, &arguments.folder.join(&name)).await?;
                println!("{name}");
                drawn.insert(name);
            }
        }
    }
    if arguments.only.is_empty() {
        remove_others(&arguments.folder, &drawn)?;
    }
    println!("{} pictures, {} kB", drawn.len(), bytes / 1000);
    Ok(())
}

async fn picture(page: &Page<'_>, theme: Theme, path: &Path) -> Result<usize, Error> {
    page.freeze(theme).await?;
    let small = compress(&page.picture().await?)?;
    std::fs::write(path, &small)?;
    Ok(small.len())
}

fn remove_others(folder: &Path, drawn: &HashSet<String>) -> Result<(), Error> {
    for entry in std::fs::read_dir(folder)? {
        let entry = entry?;
        let (path, name) = (entry.path(), entry.file_name());
        let name = name.to_string_lossy();
        let is_picture = path.extension().is_some_and(|end| end == "png");
        if is_picture && !drawn.contains(name.as_ref()) {
            std::fs::remove_file(path)?;
            println!("{name} is no more");
        }
    }
    Ok(())
}

fn arguments(mut given: impl Iterator<Item = String>) -> Option<Arguments> {
    let mut arguments = Arguments {
        binary: given.next()?.into(),
        folder: given.next()?.into(),
        only: Vec::new(),
        size: None,
        scale: 1,
    };
    while let Some(name) = given.next() {
        let value = given.next()?;
        match name.as_str() {
            "--only" => arguments.only.push(value),
            "--scale" => arguments.scale = value.parse().ok()?,
            "--size" => {
                let (width, height) = value.split_once('x')?;
                arguments.size = Some(Size::of(width.parse().ok()?, height.parse().ok()?));
            }
            _ => return None,
        }
    }
    Some(arguments)
}
