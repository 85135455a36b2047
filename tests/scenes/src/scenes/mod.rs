//! The scenes. A new view is one entry in the list of its part: a name, its data, and the user's actions
//! that lead to it.

mod answers;
mod chat;
mod connections;
mod files;
mod map;
mod models;
mod queue;
mod settings;
mod sizes;
mod tree;

use crate::Scene;

/// Returns all scenes, in the order in which a user encounters them.
pub fn all() -> Vec<Scene> {
    [
        chat::scenes(),
        files::scenes(),
        answers::scenes(),
        tree::scenes(),
        map::scenes(),
        queue::scenes(),
        models::scenes(),
        settings::scenes(),
        connections::scenes(),
        sizes::scenes(),
    ]
    .concat()
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    #[test]
    fn no_two_scenes_have_one_name() {
        let names: HashSet<_> = super::all().iter().map(|scene| scene.name).collect();
        assert_eq!(names.len(), super::all().len());
    }
}
