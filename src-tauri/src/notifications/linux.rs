//! The Desktop Notifications Specification, version 1.2, over the session's bus.

use std::collections::HashMap;
use std::time::Duration;

use super::text::Notice;
use conch_core::model::ConversationId;
use futures_util::StreamExt;
use tauri::AppHandle;
use tokio::time::timeout;
use zbus::Connection;
use zbus::zvariant::Value;

/// The timeout of a request to the service. One that hangs never replies.
const SEND_TIMEOUT: Duration = Duration::from_secs(2);

/// The specification's action key of a click on the notification itself.
const CLICK: &str = "default";

#[zbus::proxy(
    interface = "org.freedesktop.Notifications",
    default_service = "org.freedesktop.Notifications",
    default_path = "/org/freedesktop/Notifications",
    gen_blocking = false
)]
trait Service {
    fn get_capabilities(&self) -> zbus::Result<Vec<String>>;

    #[allow(clippy::too_many_arguments, reason = "the specification's")]
    fn notify(
        &self,
        app_name: &str,
        replaces_id: u32,
        app_icon: &str,
        summary: &str,
        body: &str,
        actions: &[&str],
        hints: HashMap<&str, Value<'_>>,
        expire_timeout: i32,
    ) -> zbus::Result<u32>;

    #[zbus(signal)]
    fn action_invoked(&self, id: u32, action_key: String) -> zbus::Result<()>;

    #[zbus(signal)]
    fn notification_closed(&self, id: u32, reason: u32) -> zbus::Result<()>;
}

/// The desktop's notifications.
pub(super) struct Desktop {
    /// `None` before the first notification, and after the bus connection was lost.
    session: Option<Session>,
}

/// A connection to the bus. It is kept open: some services close the notifications of a client that disconnects.
struct Session {
    service: ServiceProxy<'static>,
    clicks: ActionInvokedStream,
    closed: NotificationClosedStream,
    /// The notifications that are shown, by the service's id.
    shown: HashMap<u32, ConversationId>,
}

impl Desktop {
    pub(super) fn new(_: &AppHandle) -> Self {
        Self { session: None }
    }

    /// Shows a notification. A failure is only logged.
    pub(super) async fn show(&mut self, notice: &Notice, conversation: &ConversationId) {
        let sent = match timeout(SEND_TIMEOUT, self.send(notice, conversation)).await {
            Ok(sent) => sent.map_err(|error| error.to_string()),
            Err(_) => Err("the notification service does not respond".to_owned()),
        };
        if let Err(error) = sent {
            tracing::warn!(%error, "the notification was not shown");
            // The next notification reconnects.
            self.session = None;
        }
    }

    async fn send(&mut self, notice: &Notice, conversation: &ConversationId) -> zbus::Result<()> {
        let session = match &mut self.session {
            Some(session) => session,
            none => none.insert(Session::open().await?),
        };
        let capabilities = session.service.get_capabilities().await?;
        let number = session
            .service
            .notify(
                "Conch",
                0,
                "",
                &notice.title,
                &body(&notice.body, &capabilities),
                &[CLICK, "Show"],
                HashMap::new(),
                -1,
            )
            .await?;
        session.shown.insert(number, conversation.clone());
        Ok(())
    }

    /// Waits until a notification is clicked. Cancel safe.
    pub(super) async fn clicked(&mut self) -> ConversationId {
        loop {
            match &mut self.session {
                None => std::future::pending().await,
                Some(session) => match session.next().await {
                    Some(NotificationEvent::Clicked(conversation)) => return conversation,
                    Some(NotificationEvent::Closed) => {}
                    // The bus connection is lost.
                    None => self.session = None,
                },
            }
        }
    }

    /// Waits until no notification is shown any more, one is clicked, or `longest` has passed.
    pub(super) async fn wait_for_click(
        &mut self,
        longest: Duration,
        show: impl Fn(ConversationId),
    ) {
        let Some(session) = &mut self.session else {
            return;
        };
        let gone = async {
            while !session.shown.is_empty() {
                match session.next().await {
                    Some(NotificationEvent::Clicked(conversation)) => return show(conversation),
                    Some(NotificationEvent::Closed) => {}
                    None => return,
                }
            }
        };
        // After the timeout they remain wherever the desktop keeps them.
        let _ = timeout(longest, gone).await;
    }
}

/// An event of one of our notifications.
enum NotificationEvent {
    Clicked(ConversationId),
    Closed,
}

impl Session {
    async fn open() -> zbus::Result<Self> {
        let service = ServiceProxy::new(&Connection::session().await?).await?;
        Ok(Self {
            clicks: service.receive_action_invoked().await?,
            closed: service.receive_notification_closed().await?,
            service,
            shown: HashMap::new(),
        })
    }

    /// Waits for the next event; returns `None` when the bus connection is lost. Cancel safe.
    async fn next(&mut self) -> Option<NotificationEvent> {
        loop {
            tokio::select! {
                // A click that closes the notification is handled before the close.
                biased;
                click = self.clicks.next() => {
                    let click = click?;
                    if let Ok(click) = click.args()
                        && click.action_key == CLICK
                        && let Some(conversation) = self.shown.get(&click.id)
                    {
                        return Some(NotificationEvent::Clicked(conversation.clone()));
                    }
                }
                closed = self.closed.next() => {
                    let closed = closed?;
                    if let Ok(closed) = closed.args()
                        && self.shown.remove(&closed.id).is_some()
                    {
                        return Some(NotificationEvent::Closed);
                    }
                }
            }
        }
    }
}

/// Returns the body escaped so that a service with these capabilities shows it verbatim. A title is never markup.
fn body(text: &str, capabilities: &[String]) -> String {
    if capabilities
        .iter()
        .any(|capability| capability == "body-markup")
    {
        text.replace('&', "&amp;")
            .replace('<', "&lt;")
            .replace('>', "&gt;")
    } else {
        text.to_owned()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn markup_is_escaped_where_the_service_would_take_it_for_some() {
        let markup = ["body".to_owned(), "body-markup".to_owned()];
        let text = "Vec<String> && <a href=\"https://evil.example/\">log in</a> &amp;";
        assert_eq!(body(text, &markup[..1]), text);
        assert_eq!(
            body(text, &markup),
            "Vec&lt;String&gt; &amp;&amp; &lt;a href=\"https://evil.example/\"&gt;log in&lt;/a&gt; &amp;amp;"
        );
    }
}
