//! Too much, too wide, too narrow, and nothing at all.

use crate::library::{LONG_TITLE, REASONED};
use crate::{Error, Library, Scene, Size, Stage};

pub(super) fn scenes() -> Vec<Scene> {
    vec![
        Scene::new("crowded", Library::Crowded, |stage| {
            Box::pin(async move {
                stage.open(LONG_TITLE).await?;
                stage
                    .run("document.querySelector('#transcript').scrollTop = 0;")
                    .await
                    .map(drop)
            })
        }),
        Scene::new("crowded-end", Library::Crowded, |stage| {
            Box::pin(async move { stage.open(LONG_TITLE).await })
        }),
        Scene::new("narrow", Library::Everyday, |stage| {
            Box::pin(async move {
                open_sidebar(stage).await?;
                stage.open(REASONED).await
            })
        })
        .only_at(&[Size::NARROW]),
        Scene::new("narrow-sidebar", Library::Everyday, |stage| {
            Box::pin(async move {
                open_sidebar(stage).await?;
                stage.open(REASONED).await?;
                open_sidebar(stage).await
            })
        })
        .only_at(&[Size::NARROW]),
        Scene::new("cannot-start", Library::Foreign, |stage| {
            Box::pin(async move {
                let in_sight =
                    "document.elementFromPoint(innerWidth / 2, innerHeight / 2)?.closest('#fatal')";
                stage.wait_until(in_sight, "the reason is in sight").await
            })
        }),
        Scene::new("damaged", Library::Damaged, |stage| {
            Box::pin(async move {
                let offered = "document.querySelectorAll('#fatal button').length > 1";
                stage.wait_until(offered, "ways on are offered").await
            })
        }),
    ]
}

async fn open_sidebar(stage: &Stage<'_>) -> Result<(), Error> {
    let is_away = "document.querySelector('#sidebar').getBoundingClientRect().right <= 0";
    stage
        .wait_until(is_away, "the sidebar has slid out")
        .await?;
    stage.press("#toggle-sidebar").await?;
    let is_open = "document.querySelector('#sidebar').getBoundingClientRect().left === 0";
    stage.wait_until(is_open, "the sidebar has slid in").await
}
