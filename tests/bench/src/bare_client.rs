//! A client that does nothing but ask and decode, for the other side of the rows.

use anyhow::bail;
use serde_json::{Value, json};

/// A minimal client: sends a request, and passes on the text as its decoder finds it.
pub(crate) struct BareClient {
    client: reqwest::Client,
    url: String,
}

impl BareClient {
    pub(crate) fn new(base_url: &str) -> Self {
        Self {
            client: reqwest::Client::new(),
            url: format!("{base_url}/chat/completions"),
        }
    }

    /// Asks a question, and calls `on_text` for each piece of text until it returns true.
    pub(crate) async fn complete(
        &self,
        mut on_text: impl FnMut(&str) -> bool,
    ) -> anyhow::Result<()> {
        use futures_util::StreamExt;

        let question = json!({"role": "user", "content": "a question"});
        let body = json!({"model": "stand-in-1", "messages": [question], "stream": true});
        let response = self.client.post(&self.url).json(&body).send().await?;
        if !response.status().is_success() {
            bail!("the server answered {}", response.status());
        }
        let mut events = sse_stream::SseByteStream::new(response.bytes_stream());
        while let Some(event) = events.next().await {
            let Some(data) = event?.data else { continue };
            if data == "[DONE]" {
                break;
            }
            let chunk: Value = serde_json::from_str(&data)?;
            let text = chunk
                .pointer("/choices/0/delta/content")
                .and_then(Value::as_str);
            if let Some(text) = text
                && !text.is_empty()
                && on_text(text)
            {
                break;
            }
        }
        Ok(())
    }
}
