//! The slot count of a self-hosted model server, if it reports one.
//!
//! llama.cpp's server accepts any number of requests and sends those without a slot nothing, not even
//! response headers. So no more are sent than it has slots, and the answers that wait show why. The server
//! reports the count next to its OpenAI paths
//! ([props](https://github.com/ggml-org/llama.cpp/tree/master/tools/server#get-props-get-server-global-properties)).

use std::time::Duration;

use conch_model::ProtocolKind;
use serde::Deserialize;

use super::endpoint::{Endpoint, Locality, Provider};
use super::gate::QueueEntry;
use super::models;
use super::protocol::count;
use crate::network::Network;

/// Timeout of the query: such a server answers immediately.
const PROPS_TIMEOUT: Duration = Duration::from_millis(500);

#[derive(Deserialize)]
struct Props {
    #[serde(default, deserialize_with = "count")]
    total_slots: Option<u32>,
}

/// Queries the slot count where it matters: before a second concurrent answer from a self-hosted server.
pub async fn learn_slots(network: &Network, place: &QueueEntry, endpoint: &Endpoint) {
    let provider = &endpoint.provider;
    let is_openai = matches!(
        provider.protocol,
        ProtocolKind::OpenAi | ProtocolKind::Responses
    );
    let may_say = is_openai && provider.locality() != Locality::Remote && !endpoint.embedded;
    if may_say && !place.is_alone() && !place.knows_slots() {
        place.learn_slots(slots(network, provider).await);
    }
}

async fn slots(network: &Network, provider: &Provider) -> Option<u32> {
    let base = provider.base_url.trim_end_matches('/');
    let address = format!("{}/props", base.trim_end_matches("/v1"));
    let response = models::get(network, provider, &address, PROPS_TIMEOUT).await;
    let reported = response
        .ok()
        .filter(|response| response.status.is_success())?;
    let props: Props = serde_json::from_str(reported.body()).ok()?;
    props.total_slots.filter(|slots| *slots > 0)
}
