//! What all scenes share: a display, the provider stand-ins, and the data, which is created once.

use std::collections::HashMap;
use std::net::TcpListener;
use std::path::{Path, PathBuf};

use conch_gguf::testing::{Sample, Value};
use conch_window::{Display, Launch, Window};
use tempfile::TempDir;

use crate::fixture::{self, Fixture};
use crate::servers::{FIXED_PORTS, Servers};
use crate::{Error, Page, Scene, Size};

/// The data folder for pictures, whose name a scene may show.
const FIXED_FOLDER: &str = "conch-scenes";

/// The file with the only authority that the windows trust.
const AUTHORITY: &str = "authority.pem";

/// A model file without a chat template.
const BASE_MODEL: &str = "pier-1b-base.gguf";

/// Opens windows for scenes, one at a time.
#[derive(Debug)]
pub struct SceneRunner {
    binary: PathBuf,
    display: Display,
    folder: Folder,
    servers: Servers,
    fixtures: HashMap<Fixture, PathBuf>,
    runs: u32,
    scale: u32,
}

#[derive(Debug)]
enum Folder {
    Temporary(TempDir),
    Fixed(PathBuf),
}

impl Folder {
    fn path(&self) -> &Path {
        match self {
            Self::Temporary(folder) => folder.path(),
            Self::Fixed(folder) => folder,
        }
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        if let Self::Fixed(folder) = self {
            let _ = std::fs::remove_dir_all(folder);
        }
    }
}

impl SceneRunner {
    /// Returns a runner for tests, which can run concurrently with others.
    ///
    /// # Errors
    /// When no display is available.
    pub async fn for_tests(binary: &Path) -> Result<Self, Error> {
        let servers = Servers::on_free_ports().await?;
        let folder = Folder::Temporary(tempfile::tempdir()?);
        Self::new(binary, Display::find()?, folder, servers, 1)
    }

    /// Returns a runner for pictures, which are the same every time: the addresses and the folder in them
    /// are fixed, so only one such runner can exist at a time. `screen` is the largest size of a window,
    /// `scale` the number of device pixels per px in each direction.
    ///
    /// # Errors
    /// When no display is available, or a port is in use.
    pub async fn for_pictures(binary: &Path, screen: Size, scale: u32) -> Result<Self, Error> {
        let folder = std::env::temp_dir().join(FIXED_FOLDER);
        if folder.is_dir() {
            std::fs::remove_dir_all(&folder)?;
        }
        std::fs::create_dir_all(&folder)?;
        for port in FIXED_PORTS {
            let taken = |source| Error::PortTaken { port, source };
            drop(TcpListener::bind(("127.0.0.1", port)).map_err(taken)?);
        }
        let servers = Servers::on_ports(FIXED_PORTS).await?;
        let display = Display::start_virtual(screen.width, screen.height)?;
        Self::new(binary, display, Folder::Fixed(folder), servers, scale)
    }

    fn new(
        binary: &Path,
        display: Display,
        folder: Folder,
        servers: Servers,
        scale: u32,
    ) -> Result<Self, Error> {
        std::fs::write(folder.path().join(AUTHORITY), servers.authority.pem())?;
        let base_model = Sample::default().with("general.name", Value::Text("Pier 1B base"));
        std::fs::write(folder.path().join(BASE_MODEL), base_model.bytes())?;
        servers.cluster.set_models(&fixture::CLUSTER_MODELS);
        servers.cluster.set_context_tokens(131_072);
        servers.local.set_models(&fixture::LOCAL_MODELS);
        Ok(Self {
            binary: binary.to_owned(),
            display,
            folder,
            servers,
            fixtures: HashMap::new(),
            runs: 0,
            scale,
        })
    }

    /// Opens a window of this size and sets the scene up. The stand-ins and the data are reset first.
    ///
    /// # Errors
    /// When the scene cannot be set up.
    pub async fn open(&mut self, scene: &Scene, size: Size) -> Result<Page<'_>, Error> {
        let failed = |source: Error| Error::Scene {
            scene: scene.name,
            source: Box::new(source),
        };
        let data_folder = self.data_folder(scene, size).await.map_err(failed)?;
        self.servers.cluster.clear_scripts();
        self.servers.local.clear_scripts();
        let mut environment = self.display.environment().to_vec();
        let nowhere = format!("unix:path={}/no-bus", self.folder.path().display());
        let set = [
            ("CONCH_LOG", "error".to_owned()),
            ("CONCH_DATA_DIR", data_folder.display().to_string()),
            // Keeps the developer's own keychain and notifications out of it.
            ("DBUS_SESSION_BUS_ADDRESS", nowhere),
            ("GDK_BACKEND", "x11".to_owned()),
            ("GDK_SCALE", self.scale.to_string()),
            ("LC_ALL", "C.UTF-8".to_owned()),
            ("LIBGL_ALWAYS_SOFTWARE", "1".to_owned()),
            // The accessibility bus is started on demand, and nothing here can start it.
            ("NO_AT_BRIDGE", "1".to_owned()),
            (
                "SSL_CERT_FILE",
                self.folder.path().join(AUTHORITY).display().to_string(),
            ),
            ("TZ", "UTC".to_owned()),
        ];
        environment.extend(set.map(|(name, value)| (name.to_owned(), value)));
        if let Some(proxy) = self.servers.proxy(scene.proxy) {
            environment.push(("HTTPS_PROXY".to_owned(), proxy));
        }
        let launch = Launch {
            binary: self.binary.clone(),
            environment,
        };
        let window = Window::open(&launch)
            .await
            .map_err(|error| failed(error.into()))?;
        self.runs += 1;
        let base_model = self.folder.path().join(BASE_MODEL);
        let page = Page::new(window, &self.display, &self.servers, base_model, self.runs);
        let shown = async {
            page.resize(size).await?;
            page.wait_for_start().await?;
            scene.show.show(&page).await?;
            page.leave_pointer().await
        };
        shown.await.map_err(failed)?;
        Ok(page)
    }

    /// Returns a fresh copy of a scene's data. Each window has its own folder: remaining processes of the
    /// previous one may still write into theirs.
    async fn data_folder(&mut self, scene: &Scene, size: Size) -> Result<PathBuf, Error> {
        let fixture = scene.fixture;
        let made = if let Some(made) = self.fixtures.get(&fixture) {
            made.clone()
        } else {
            let made = self.folder.path().join(format!("{fixture:?}"));
            std::fs::create_dir_all(&made)?;
            fixture.fill(&made, &self.servers).await?;
            self.fixtures.insert(fixture, made.clone());
            made
        };
        let folder = self
            .folder
            .path()
            .join(format!("{}-{}", scene.name, size.width));
        if folder.is_dir() {
            std::fs::remove_dir_all(&folder)?;
        }
        copy(&made, &folder)?;
        Ok(folder)
    }
}

fn copy(from: &Path, to: &Path) -> Result<(), Error> {
    std::fs::create_dir_all(to)?;
    for entry in std::fs::read_dir(from)? {
        let (entry, kind) = entry.and_then(|entry| Ok((entry.path(), entry.file_type()?)))?;
        let target = to.join(entry.file_name().unwrap_or_default());
        if kind.is_dir() {
            copy(&entry, &target)?;
        } else {
            std::fs::copy(&entry, &target)?;
        }
    }
    Ok(())
}
