//! The definition of a scene.

use std::pin::Pin;
use std::rc::Rc;

use crate::{Error, Fixture, Page};

/// The user's actions that lead to a scene: an async closure as a trait object, which `AsyncFn` cannot be.
pub(crate) trait Show {
    /// Acts on the page.
    fn show<'a>(
        &'a self,
        page: &'a Page<'_>,
    ) -> Pin<Box<dyn Future<Output = Result<(), Error>> + 'a>>;
}

impl<F: AsyncFn(&Page<'_>) -> Result<(), Error>> Show for F {
    fn show<'a>(
        &'a self,
        page: &'a Page<'_>,
    ) -> Pin<Box<dyn Future<Output = Result<(), Error>> + 'a>> {
        Box::pin(async move { self(page).await })
    }
}

/// A view, or a state of one.
#[derive(Clone)]
pub struct Scene {
    /// The name of the scene and of its pictures.
    pub name: &'static str,
    /// The data when the window opens.
    pub fixture: Fixture,
    /// The window sizes at which it is captured.
    pub sizes: &'static [Size],
    pub(crate) proxy: Proxy,
    pub(crate) show: Rc<dyn Show>,
}

/// The proxy for https that the window's environment names.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Proxy {
    None,
    /// Accepts connections, and never answers.
    Silent,
    /// Refuses connections.
    Refusing,
}

impl Scene {
    pub(crate) fn new(
        name: &'static str,
        fixture: Fixture,
        show: impl AsyncFn(&Page<'_>) -> Result<(), Error> + 'static,
    ) -> Self {
        Self {
            name,
            fixture,
            sizes: &[Size::USUAL, Size::SMALL],
            proxy: Proxy::None,
            show: Rc::new(show),
        }
    }

    pub(crate) fn behind(self, proxy: Proxy) -> Self {
        Self { proxy, ..self }
    }

    pub(crate) fn only_at(self, sizes: &'static [Size]) -> Self {
        Self { sizes, ..self }
    }
}

/// The inner size of a window, in px.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Size {
    /// Horizontally.
    pub width: u32,
    /// Vertically.
    pub height: u32,
}

impl Size {
    /// A window on a laptop's screen.
    pub const USUAL: Self = Self::of(1280, 800);
    /// The smallest size with the sidebar next to the conversation.
    pub const SMALL: Self = Self::of(800, 600);
    /// A narrow window, whose sidebar is collapsed.
    pub const NARROW: Self = Self::of(480, 720);

    /// A size of this width and height.
    pub const fn of(width: u32, height: u32) -> Self {
        Self { width, height }
    }
}

/// A colour theme.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Theme {
    /// Dark on light.
    Light,
    /// Light on dark.
    Dark,
}

impl Theme {
    /// Both themes.
    pub const ALL: [Self; 2] = [Self::Light, Self::Dark];

    /// Returns the value of CSS `color-scheme`.
    pub fn name(self) -> &'static str {
        match self {
            Self::Light => "light",
            Self::Dark => "dark",
        }
    }
}
