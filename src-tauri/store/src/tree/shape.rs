//! Collapses the messages of a tree into runs that end with a fork, or with an end of the tree or of a branch. Pure.

use std::collections::{HashMap, HashSet};

use conch_model::MessageId;

/// A message, as far as the shape depends on it.
#[derive(Debug, Clone, serde::Deserialize)]
pub(super) struct Link {
    pub(super) id: MessageId,
    pub(super) parent_id: Option<MessageId>,
    pub(super) is_user: bool,
    /// Its branch is deleted, and so is the message unless another branch continues from it.
    pub(super) is_deleted: bool,
}

/// Messages that follow one another without a fork. Messages are named by their index.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Run {
    /// Index of the run before it.
    pub(super) parent: Option<usize>,
    pub(super) first: usize,
    pub(super) last: usize,
    /// The first message of the user.
    pub(super) user: Option<usize>,
    pub(super) count: u32,
    pub(super) children: usize,
}

/// Returns the index of each message's parent; the error is a message whose parent is not before it.
pub(super) fn parents(links: &[Link]) -> Result<Vec<Option<usize>>, MessageId> {
    let mut places = HashMap::with_capacity(links.len());
    let mut parents = Vec::with_capacity(links.len());
    for (at, link) in links.iter().enumerate() {
        parents.push(match &link.parent_id {
            None => None,
            Some(parent) => Some(*places.get(parent).ok_or_else(|| link.id.clone())?),
        });
        places.insert(&link.id, at);
    }
    Ok(parents)
}

/// Returns the runs, each after its parent and siblings oldest first. `links` are in the order in which they were
/// stored.
pub(super) fn runs(
    links: &[Link],
    parents: &[Option<usize>],
    heads: &HashSet<&MessageId>,
) -> Vec<Run> {
    let is_head: Vec<_> = links.iter().map(|link| heads.contains(&link.id)).collect();
    let mut is_kept: Vec<_> = links.iter().map(|link| !link.is_deleted).collect();
    let mut children = vec![0_usize; links.len()];
    for at in (0..links.len()).rev() {
        is_kept[at] |= is_head[at];
        if let (true, Some(parent)) = (is_kept[at], parents[at]) {
            is_kept[parent] = true;
            children[parent] += 1;
        }
    }
    let mut runs: Vec<Run> = Vec::new();
    let mut run_of = vec![0; links.len()];
    for at in (0..links.len()).filter(|&at| is_kept[at]) {
        let before = parents[at];
        let continues = before.filter(|&before| children[before] == 1 && !is_head[before]);
        run_of[at] = continues.map_or(runs.len(), |before| run_of[before]);
        if continues.is_none() {
            let parent = before.map(|before| run_of[before]);
            if let Some(parent) = parent {
                runs[parent].children += 1;
            }
            runs.push(Run {
                parent,
                first: at,
                last: at,
                user: None,
                count: 0,
                children: 0,
            });
        }
        let run = &mut runs[run_of[at]];
        run.last = at;
        run.count += 1;
        if links[at].is_user {
            run.user.get_or_insert(at);
        }
    }
    runs
}

#[cfg(test)]
mod tests {
    use super::*;

    fn link(id: usize, parent: Option<usize>) -> Link {
        Link {
            id: MessageId::from(id.to_string()),
            parent_id: parent.map(|parent| MessageId::from(parent.to_string())),
            is_user: id.is_multiple_of(2),
            is_deleted: false,
        }
    }

    fn links(parents: &[Option<usize>]) -> Vec<Link> {
        let all = parents.iter().enumerate();
        all.map(|(id, parent)| link(id, *parent)).collect()
    }

    /// Returns the runs as (parent, first, last, children), with branches that end at these messages.
    fn shape(links: &[Link], heads: &[usize]) -> Vec<(Option<usize>, usize, usize, usize)> {
        let heads: Vec<_> = heads.iter().map(|&head| &links[head].id).collect();
        let parents = parents(links).unwrap();
        let runs = runs(links, &parents, &heads.into_iter().collect());
        let facts = runs
            .iter()
            .map(|run| (run.parent, run.first, run.last, run.children));
        facts.collect()
    }

    #[test]
    fn a_path_is_one_run() {
        let path = links(&[None, Some(0), Some(1), Some(2)]);
        assert_eq!(shape(&path, &[3]), [(None, 0, 3, 0)]);
        assert_eq!(shape(&[], &[]), []);
    }

    #[test]
    fn a_run_ends_at_a_fork_and_at_the_end_of_a_branch() {
        let tree = links(&[None, Some(0), Some(1), Some(2), Some(1), Some(4)]);
        let forked = [(None, 0, 1, 2), (Some(0), 2, 3, 0), (Some(0), 4, 5, 0)];
        assert_eq!(shape(&tree, &[3]), forked);
        let path = links(&[None, Some(0), Some(1), Some(2)]);
        assert_eq!(
            shape(&path, &[3, 1]),
            [(None, 0, 1, 1), (Some(0), 2, 3, 0)],
            "a branch ends in the middle"
        );
        let roots = links(&[None, Some(0), None, Some(2)]);
        assert_eq!(shape(&roots, &[3]), [(None, 0, 1, 0), (None, 2, 3, 0)]);
    }

    #[test]
    fn deleted_messages_are_in_no_run_unless_something_continues_from_them() {
        let mut tree = links(&[None, Some(0), Some(1), Some(2), Some(1), Some(4), Some(4)]);
        for at in [4, 5] {
            tree[at].is_deleted = true;
        }
        assert_eq!(
            shape(&tree, &[3]),
            [(None, 0, 1, 2), (Some(0), 2, 3, 0), (Some(0), 4, 6, 0)]
        );
        tree[6].is_deleted = true;
        assert_eq!(shape(&tree, &[3]), [(None, 0, 3, 0)]);
        assert_eq!(
            shape(&tree, &[3, 5]).len(),
            3,
            "a branch was forked from one"
        );
    }

    #[test]
    fn a_message_before_its_parent_is_damage() {
        for (tree, broken) in [
            (vec![link(0, Some(1)), link(1, None)], "0"),
            (vec![link(0, None), link(1, Some(1))], "1"),
            (vec![link(0, Some(7))], "0"),
        ] {
            assert_eq!(parents(&tree), Err(MessageId::from(broken.to_owned())));
        }
    }

    #[test]
    fn every_message_of_any_tree_is_in_one_run() {
        let mut random = fastrand::Rng::with_seed(21);
        for size in (1..=2_000).step_by(97) {
            let parent = |at: usize, random: &mut fastrand::Rng| match at {
                0 => None,
                // Mostly the last message, as in a conversation.
                _ if random.u8(..) < 200 => Some(at - 1),
                _ => Some(random.usize(..at)),
            };
            let parents: Vec<_> = (0..size).map(|at| parent(at, &mut random)).collect();
            let tree = links(&parents);
            let heads = [size - 1, random.usize(..size)];
            let heads: HashSet<_> = heads.iter().map(|&head| &tree[head].id).collect();
            let runs = runs(&tree, &parents, &heads);
            let count: u32 = runs.iter().map(|run| run.count).sum();
            assert_eq!(usize::try_from(count).unwrap(), size);
            let ends: HashSet<_> = runs.iter().map(|run| run.last).collect();
            for (at, message) in tree.iter().enumerate() {
                let children = parents.iter().filter(|parent| **parent == Some(at)).count();
                let ends_here = children != 1 || heads.contains(&message.id);
                assert_eq!(ends.contains(&at), ends_here, "message {at} of {size}");
            }
            for (at, run) in runs.iter().enumerate() {
                assert!(run.parent.is_none_or(|parent| parent < at));
                let parent = run.parent.map(|parent| runs[parent].last);
                assert_eq!(parents[run.first], parent);
                let children = runs.iter().filter(|other| other.parent == Some(at));
                assert_eq!(children.count(), run.children);
            }
        }
    }
}
