//! No Stop is lost.

use std::sync::Arc;

use shuttle::future;

use super::locked;
use crate::live::{Control, LiveAnswers};
use crate::model::{ConversationId, GenerationId};
use crate::sync::{self, Mutex};

/// A generation is registered before it requests its lock. Two presses of Stop come at any moment from then on:
/// before it runs, while it does, after its end.
pub(super) fn no_stop_is_lost() {
    sync::begin(false);
    let live = Arc::new(LiveAnswers::default());
    let generation_id = GenerationId::from("generation".to_owned());
    let conversation_id = ConversationId::from("conversation".to_owned());
    let mut registration = live.register(generation_id.clone(), conversation_id);
    let stopped = Arc::new(Mutex::new((0, false)));
    let answer = future::spawn({
        let stopped = Arc::clone(&stopped);
        async move {
            let mut stops = Vec::new();
            for _token in 0..2 {
                future::yield_now().await;
                while let Ok(Control::Stop(done)) = registration.control.try_recv() {
                    stops.push(done);
                }
                if !stops.is_empty() {
                    *locked(&stopped) = (0, true);
                    break;
                }
            }
            for done in stops {
                let _ = done.send(());
            }
        }
    });
    let presses: Vec<_> = (0..2)
        .map(|_| {
            let (live, generation_id) = (Arc::clone(&live), generation_id.clone());
            let stopped = Arc::clone(&stopped);
            future::spawn(async move {
                let told = live.stop(&generation_id).await;
                assert!(
                    !told || locked(&stopped).1,
                    "told stopped before its end was stored"
                );
                told
            })
        })
        .collect();
    future::block_on(async move {
        assert!(answer.await.is_ok());
        let mut told = false;
        for press in presses {
            told |= press.await.unwrap_or(false);
        }
        assert_eq!(
            told,
            locked(&stopped).1,
            "a generation was stopped without an event"
        );
        assert!(
            !live.contains(&generation_id),
            "an ended generation is still registered"
        );
    });
}
