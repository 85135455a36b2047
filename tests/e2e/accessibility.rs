//! Runs axe-core over every scene at each of the scene's sizes, its rules for colours in both themes, and looks whether
//! anything is cut off.

use std::path::Path;

use conch_scenes::{Axe, Scene, SceneRunner, Theme, all};

/// Returns the violations in these scenes, formatted for the failure message.
async fn judge(scenes: &[Scene]) -> Vec<String> {
    let binary = Path::new(env!("CARGO_BIN_EXE_conch"));
    let axe = Axe::load(Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/ui"))).unwrap();
    let mut runner = SceneRunner::for_tests(binary).await.unwrap();
    let mut found = Vec::new();
    for scene in scenes {
        let page = runner.open(scene, scene.sizes[0]).await.unwrap();
        for &size in scene.sizes {
            page.resize(size).await.unwrap();
            for html in page.cut_off().await.unwrap() {
                let (name, width) = (scene.name, size.width);
                found.push(format!("{name}, {width} px wide: cut off: {html}"));
            }
            for (number, theme) in Theme::ALL.into_iter().enumerate() {
                page.freeze(theme).await.unwrap();
                let violations = match number {
                    0 => axe.judge(&page).await,
                    _ => axe.judge_colors(&page).await,
                };
                for violation in violations.unwrap() {
                    let (name, theme, width) = (scene.name, theme.name(), size.width);
                    found.push(format!("{name}, {theme}, {width} px wide: {violation}"));
                }
            }
        }
    }
    found
}

async fn assert_accessible(part: usize) {
    let scenes: Vec<_> = all().into_iter().skip(part).step_by(2).collect();
    assert!(scenes.len() > 10, "there is something to judge");
    let found = judge(&scenes).await;
    assert!(
        found.is_empty(),
        "{} violations:\n\n{}",
        found.len(),
        found.join("\n")
    );
}

/// The scenes are split between two tests, which run concurrently.
#[tokio::test(flavor = "multi_thread")]
async fn every_other_scene_is_accessible() {
    assert_accessible(0).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_other_half_of_the_scenes_is_accessible() {
    assert_accessible(1).await;
}
