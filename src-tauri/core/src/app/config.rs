//! The configuration of one run, read once from the environment: data folder, providers, proxies.

use std::ffi::OsString;
use std::path::PathBuf;

use conch_provider::environment;

use crate::network::Proxies;
use crate::provider::{EngineCommand, Provider};

const MODEL_FILE: &str = "models/SmolLM2-135M-Instruct.Q4_1.gguf";

/// The configuration of one run.
#[derive(Debug, Clone)]
pub struct Config {
    /// The folder of everything that the application writes.
    pub data_folder: PathBuf,
    /// The providers from the environment; the first one's first model is the default.
    pub providers: Vec<Provider>,
    /// The proxies from the environment, or the system's.
    pub proxies: Proxies,
    /// The embedded model.
    pub engine: EngineCommand,
}

impl Config {
    /// Reads `CONCH_DATA_DIR` and the providers' variables as the official clients read them (an empty one
    /// counts as absent), and curl's variables for proxies. `user_data` is the user's own data folder,
    /// `program` this executable.
    pub fn from_environment(
        variable: impl Fn(&str) -> Option<OsString>,
        user_data: Option<PathBuf>,
        program: PathBuf,
    ) -> Self {
        let text = |name: &str| {
            let value = variable(name)?.into_string().ok()?;
            Some(value.trim().to_owned()).filter(|value| !value.is_empty())
        };
        let own_folder = user_data
            .unwrap_or_else(|| PathBuf::from("."))
            .join("conch");
        let data_folder = variable("CONCH_DATA_DIR")
            .filter(|value| !value.is_empty())
            .map_or_else(|| own_folder.clone(), PathBuf::from);
        let providers = environment::providers(text);
        let proxies = Proxies::from_variables(text).or_system();
        // With a separate data folder, the model that set-up downloaded for the user is still found.
        let model_files = vec![data_folder.join(MODEL_FILE), own_folder.join(MODEL_FILE)];
        Self {
            data_folder,
            providers,
            proxies,
            engine: EngineCommand {
                program,
                model_files,
            },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn config(variables: &[(&str, &str)]) -> Config {
        let lookup = |name: &str| {
            let found = variables.iter().find(|(known, _)| *known == name);
            found.map(|(_, value)| OsString::from(value))
        };
        Config::from_environment(lookup, Some("/home/u/.local/share".into()), "conch".into())
    }

    #[test]
    fn nothing_set_means_the_users_folder_and_the_embedded_model() {
        let config = config(&[("OPENAI_API_KEY", " ")]);
        assert_eq!(
            config.data_folder,
            PathBuf::from("/home/u/.local/share/conch")
        );
        assert!(config.providers.is_empty());
    }
}
