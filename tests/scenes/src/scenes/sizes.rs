//! Content that is too long, too wide, too narrow, or empty.

use crate::fixture::{LONG_TITLE, REASONED};
use crate::{Error, Fixture, Page, Scene, Size};

pub(super) fn scenes() -> Vec<Scene> {
    vec![
        Scene::new("crowded", Fixture::Crowded, async |page| {
            page.open(LONG_TITLE).await?;
            page.run("document.querySelector('#transcript').scrollTop = 0;")
                .await
                .map(drop)
        }),
        Scene::new("crowded-end", Fixture::Crowded, async |page| {
            page.open(LONG_TITLE).await
        }),
        Scene::new("narrow", Fixture::Everyday, async |page| {
            open_sidebar(page).await?;
            page.open(REASONED).await
        })
        .only_at(&[Size::NARROW]),
        Scene::new("narrow-sidebar", Fixture::Everyday, async |page| {
            open_sidebar(page).await?;
            page.open(REASONED).await?;
            open_sidebar(page).await
        })
        .only_at(&[Size::NARROW]),
        Scene::new("cannot-start", Fixture::Foreign, async |page| {
            let in_sight =
                "document.elementFromPoint(innerWidth / 2, innerHeight / 2)?.closest('#fatal')";
            page.wait_until(in_sight, "the reason is in sight").await
        }),
        Scene::new("damaged", Fixture::Damaged, async |page| {
            let offered = "document.querySelectorAll('#fatal button').length > 1";
            page.wait_until(offered, "ways on are offered").await
        }),
    ]
}

async fn open_sidebar(page: &Page<'_>) -> Result<(), Error> {
    let is_away = "document.querySelector('#sidebar').getBoundingClientRect().right <= 0";
    page.wait_until(is_away, "the sidebar has slid out").await?;
    page.press("#toggle-sidebar").await?;
    let is_open = "document.querySelector('#sidebar').getBoundingClientRect().left === 0";
    page.wait_until(is_open, "the sidebar has slid in").await
}
