//! Which version a spec names, from memory: the last answers, as long as nobody has committed since.

use std::collections::HashMap;
use std::mem;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::backend::ChangeMark;
use crate::number::Spec;
use crate::record::Version;

/// The versions that specs name, under the mark of the index that vouches for all of them.
///
/// An answer is put under the mark that was read before the snapshot it is from, and is got only under an equal mark,
/// read now: then it is what the index would answer. Without a mark there is nothing to put or get.
#[derive(Debug, Default)]
pub(crate) struct ResolvedSpecs {
    answers: Mutex<Answers>,
}

#[derive(Debug, Default)]
struct Answers {
    mark: Option<ChangeMark>,
    versions: HashMap<Spec, Arc<Version>>,
}

/// Answers kept in memory; when there are more, all are forgotten.
const MOST: usize = 4096;

impl ResolvedSpecs {
    /// What a spec names, under the current mark. Another one than before forgets all answers.
    pub(crate) fn get(&self, mark: Option<ChangeMark>, spec: &Spec) -> Option<Arc<Version>> {
        let mut answers = self.answers();
        if answers.mark == mark {
            return answers.versions.get(spec).cloned();
        }
        let versions = HashMap::new();
        let outdated = mem::replace(&mut *answers, Answers { mark, versions });
        drop(answers); // Nobody waits while they are freed.
        drop(outdated);
        None
    }

    /// Remembers what a spec named in a snapshot that was taken after the mark was read. An answer whose mark is
    /// outdated already is not kept.
    pub(crate) fn put(&self, mark: Option<ChangeMark>, spec: &Spec, version: Arc<Version>) {
        let mut answers = self.answers();
        if mark.is_none() || answers.mark != mark {
            return;
        }
        if answers.versions.len() >= MOST {
            answers.versions.clear();
        }
        answers.versions.insert(spec.clone(), version);
    }

    fn answers(&self) -> MutexGuard<'_, Answers> {
        self.answers.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::backend::testing::values::{prompt_id, version, version_id};

    fn spec(number: usize) -> Spec {
        Spec::new(
            prompt_id(1),
            format!("environment {number}")
                .parse::<crate::Selector>()
                .unwrap(),
        )
    }

    fn answer() -> Arc<Version> {
        Arc::new(version(prompt_id(1), 1, "1.0", b"{}"))
    }

    fn mark(number: u64) -> Option<ChangeMark> {
        Some(ChangeMark::new(number))
    }

    #[test]
    fn an_answer_is_given_under_its_mark_only() {
        let resolved = ResolvedSpecs::default();
        assert_eq!(resolved.get(mark(1), &spec(1)), None);
        resolved.put(mark(1), &spec(1), answer());
        let found = resolved.get(mark(1), &spec(1)).map(|version| version.id);
        assert_eq!(found, Some(version_id(1)), "it was forgotten");
        assert_eq!(
            resolved.get(mark(1), &spec(2)),
            None,
            "another spec's answer"
        );
        assert_eq!(resolved.get(mark(2), &spec(1)), None, "a stale answer");
        assert_eq!(resolved.get(mark(1), &spec(1)), None, "it came back");
    }

    /// A thread that was slow reads the index, and comes back when the others are further.
    #[test]
    fn an_answer_of_an_older_mark_is_not_kept() {
        let resolved = ResolvedSpecs::default();
        assert_eq!(resolved.get(mark(1), &spec(1)), None);
        assert_eq!(resolved.get(mark(2), &spec(2)), None);
        resolved.put(mark(1), &spec(1), answer());
        assert_eq!(resolved.get(mark(2), &spec(1)), None, "under another mark");
    }

    #[test]
    fn without_a_mark_nothing_is_kept() {
        let resolved = ResolvedSpecs::default();
        assert_eq!(resolved.get(None, &spec(1)), None);
        resolved.put(None, &spec(1), answer());
        assert_eq!(resolved.get(None, &spec(1)), None, "nothing vouches for it");
    }

    #[test]
    fn answers_are_bounded() {
        let resolved = ResolvedSpecs::default();
        assert_eq!(resolved.get(mark(1), &spec(0)), None);
        for number in 0..=MOST {
            resolved.put(mark(1), &spec(number), answer());
            assert!(resolved.answers().versions.len() <= MOST, "too many");
        }
        assert!(resolved.get(mark(1), &spec(MOST)).is_some(), "not the last");
    }
}
