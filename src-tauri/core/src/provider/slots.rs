//! How many answers a model server of the user's own writes at once, where it says so.
//!
//! llama.cpp's server takes any number of requests and lets those without a slot wait without a byte, not
//! even a head. So no more are sent than it has slots, and whoever waits is told what for. It says their
//! number beside its OpenAI paths
//! ([props](https://github.com/ggml-org/llama.cpp/tree/master/tools/server#get-props-get-server-global-properties)).

use std::time::Duration;

use serde::Deserialize;

use super::endpoint::{Endpoint, Locality, Provider};
use super::gate::QueueEntry;
use super::models;
use super::protocol::{ProtocolKind, count};
use super::registry::Providers;

/// How long it may take: it answers at once, or is no such server.
const PROPS_TIMEOUT: Duration = Duration::from_millis(500);

#[derive(Deserialize)]
struct Props {
    #[serde(default, deserialize_with = "count")]
    total_slots: Option<u32>,
}

impl Providers {
    /// Asks for the number of slots where it matters: before a second answer from a server of the user's
    /// own.
    pub(crate) async fn learn_slots(&self, place: &QueueEntry, endpoint: &Endpoint) {
        let provider = &endpoint.provider;
        let may_say = provider.protocol == ProtocolKind::OpenAi
            && provider.locality() != Locality::Remote
            && !endpoint.embedded;
        if may_say && !place.is_alone() && !place.knows_slots() {
            place.learn_slots(self.slots(provider).await);
        }
    }

    async fn slots(&self, provider: &Provider) -> Option<u32> {
        let base = provider.base_url.trim_end_matches('/');
        let address = format!("{}/props", base.trim_end_matches("/v1"));
        let response = models::get(&self.network, provider, &address, PROPS_TIMEOUT).await;
        let reported = response
            .ok()
            .filter(|response| response.status.is_success())?;
        let props: Props = serde_json::from_str(reported.body()).ok()?;
        props.total_slots.filter(|slots| *slots > 0)
    }
}
