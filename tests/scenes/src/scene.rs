//! What a scene is.

use std::pin::Pin;

use crate::{Error, Fixture, Page};

/// What a user would do to come to a scene.
pub(crate) type Show =
    for<'page> fn(&'page Page) -> Pin<Box<dyn Future<Output = Result<(), Error>> + 'page>>;

/// A view, or a state of one.
#[derive(Debug, Clone, Copy)]
pub struct Scene {
    /// Its name, which is that of its pictures.
    pub name: &'static str,
    /// What there is when the window opens.
    pub fixture: Fixture,
    /// The sizes at which it is worth a look.
    pub sizes: &'static [Size],
    pub(crate) show: Show,
}

impl Scene {
    pub(crate) fn new(name: &'static str, fixture: Fixture, show: Show) -> Self {
        Self {
            name,
            fixture,
            sizes: &[Size::USUAL, Size::SMALL],
            show,
        }
    }

    pub(crate) fn only_at(self, sizes: &'static [Size]) -> Self {
        Self { sizes, ..self }
    }
}

/// The inside of a window, in px.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Size {
    /// From left to right.
    pub width: u32,
    /// From top to bottom.
    pub height: u32,
}

impl Size {
    /// A window on a laptop's screen.
    pub const USUAL: Self = Self::of(1280, 800);
    /// The smallest that has its sidebar beside the conversation.
    pub const SMALL: Self = Self::of(800, 600);
    /// One beside another window, whose sidebar is folded away.
    pub const NARROW: Self = Self::of(480, 720);

    /// A size.
    pub const fn of(width: u32, height: u32) -> Self {
        Self { width, height }
    }
}

/// The colours.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Theme {
    /// Dark on light.
    Light,
    /// Light on dark.
    Dark,
}

impl Theme {
    /// Both.
    pub const ALL: [Self; 2] = [Self::Light, Self::Dark];

    /// As CSS has it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Light => "light",
            Self::Dark => "dark",
        }
    }
}
