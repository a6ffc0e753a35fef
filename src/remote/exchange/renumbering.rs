//! [`Renumbering`], new numbers for own versions whose numbers another store has given to others.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use serde::{Deserialize, Serialize};

use crate::history::{Change, OperationContent};
use crate::{PromptId, PromptName, VersionId, VersionNumber};

/// A version that got another number by a pull or an import.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct ReassignedNumber {
    /// The prompt.
    pub prompt: PromptId,
    /// Its name.
    pub name: PromptName,
    /// The version.
    pub version: VersionId,
    /// The number before that. Another version has it now.
    pub from: VersionNumber,
    /// The number since then.
    pub to: VersionNumber,
}

/// The numbers that the operations of one side give to new versions, by prompt, in commit order.
#[derive(Debug, Default)]
pub(super) struct NewNumbers(BTreeMap<PromptId, Vec<(VersionId, VersionNumber)>>);

impl NewNumbers {
    /// Adds the next operation.
    pub(super) fn add(&mut self, content: &OperationContent) {
        for change in &content.changes {
            if let Change::VersionCreated(version) = change {
                let of_prompt = self.0.entry(version.prompt_id).or_default();
                of_prompt.push((version.id, version.number));
            }
        }
    }

    /// Returns the new versions of a prompt.
    pub(super) fn of(&self, prompt: PromptId) -> impl Iterator<Item = (VersionId, VersionNumber)> {
        self.0.get(&prompt).into_iter().flatten().copied()
    }
}

/// A version with its old and its new number.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct NumberChange {
    pub(super) prompt: PromptId,
    pub(super) version: VersionId,
    pub(super) from: VersionNumber,
    pub(super) to: VersionNumber,
}

/// The own versions that need other numbers.
#[derive(Debug, Default)]
pub(super) struct Renumbering {
    pub(super) changes: Vec<NumberChange>,
}

impl Renumbering {
    /// Compares the new versions of both sides.
    ///
    /// Own versions keep their order. Within a major number that both sides have used, the own
    /// minors follow the remote's. A major number that both sides have begun, and each own one after
    /// it, follows the remote's highest.
    pub(super) fn of(own: &NewNumbers, theirs: &NewNumbers) -> Self {
        let mut changes = Vec::new();
        for (prompt, own) in &own.0 {
            let Some(theirs) = theirs.0.get(prompt) else {
                continue;
            };
            // The same version may be on both sides.
            let theirs_ids: BTreeSet<VersionId> = theirs.iter().map(|one| one.0).collect();
            let own = own.iter().filter(|(id, _)| !theirs_ids.contains(id));
            let own: Vec<(VersionId, VersionNumber)> = own.copied().collect();
            let theirs: Vec<VersionNumber> = theirs.iter().map(|one| one.1).collect();
            let shift = NumberShift::of(&own, &theirs);
            let changed = own.iter().filter_map(|(version, from)| {
                let to = shift.shifted(*from)?;
                (to != *from).then_some(NumberChange {
                    prompt: *prompt,
                    version: *version,
                    from: *from,
                    to,
                })
            });
            changes.extend(changed);
        }
        Self { changes }
    }

    /// Returns the new number of each version.
    pub(super) fn numbers(&self) -> HashMap<VersionId, VersionNumber> {
        let numbers = self.changes.iter();
        numbers.map(|change| (change.version, change.to)).collect()
    }
}

/// How far the own numbers of one prompt are shifted.
#[derive(Debug, Default)]
struct NumberShift {
    /// From this major on, by this number.
    majors: Option<(u32, u32)>,
    /// The minors of other majors, by these numbers.
    minors: BTreeMap<u32, u32>,
}

impl NumberShift {
    fn of(own: &[(VersionId, VersionNumber)], theirs: &[VersionNumber]) -> Self {
        let begun: BTreeSet<u32> = own
            .iter()
            .filter(|(_, number)| number.minor == 0)
            .map(|(_, number)| number.major)
            .collect();
        let used_there: BTreeSet<u32> = theirs.iter().map(|number| number.major).collect();
        let highest = used_there.last().copied().unwrap_or_default();
        let majors = begun
            .intersection(&used_there)
            .next()
            .map(|first| (*first, highest - first + 1));
        let mut minors = BTreeMap::new();
        for major in used_there {
            let of_own = own.iter().filter(|(_, number)| number.major == major);
            let lowest = of_own.map(|(_, number)| number.minor).min();
            let of_theirs = theirs.iter().filter(|number| number.major == major);
            let highest = of_theirs.map(|number| number.minor).max();
            if let (Some(lowest), Some(highest)) = (lowest, highest)
                && lowest <= highest
                && !begun.contains(&major)
            {
                minors.insert(major, highest - lowest + 1);
            }
        }
        Self { majors, minors }
    }

    /// Returns the new number; none if the numbers are exhausted.
    fn shifted(&self, number: VersionNumber) -> Option<VersionNumber> {
        let VersionNumber { major, minor } = number;
        match self.majors {
            Some((from, by)) if major >= from => {
                Some(VersionNumber::new(major.checked_add(by)?, minor))
            }
            _ => {
                let by = self.minors.get(&major).copied().unwrap_or_default();
                Some(VersionNumber::new(major, minor.checked_add(by)?))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Returns the new numbers of own versions, in their order.
    fn renumbered(own: &[(u32, u32)], theirs: &[(u32, u32)]) -> Vec<String> {
        let mut next = 0;
        let mut side = |numbers: &[(u32, u32)]| {
            let all = numbers.iter().map(|(major, minor)| {
                next += 1;
                let id = VersionId::from_bytes([next; 16]);
                (id, VersionNumber::new(*major, *minor))
            });
            let prompt: PromptId = "aaaaaa".parse().unwrap();
            NewNumbers(BTreeMap::from([(prompt, all.collect())]))
        };
        let (own, theirs) = (side(own), side(theirs));
        let changes = Renumbering::of(&own, &theirs).numbers();
        let all = own.0.values().flatten();
        all.map(|(id, number)| changes.get(id).unwrap_or(number).to_string())
            .collect()
    }

    #[test]
    fn own_numbers_follow_those_of_the_remote() {
        assert_eq!(renumbered(&[(1, 2)], &[(1, 2)]), ["1.3"]);
        assert_eq!(renumbered(&[(1, 2), (1, 3)], &[(1, 2)]), ["1.3", "1.4"]);
        assert_eq!(renumbered(&[(1, 2)], &[(2, 0)]), ["1.2"]);
        assert_eq!(renumbered(&[(2, 0), (2, 1)], &[(2, 0)]), ["3.0", "3.1"]);
        let own = [(1, 2), (2, 0), (3, 0)];
        assert_eq!(renumbered(&own, &[(1, 2), (2, 0)]), ["1.3", "3.0", "4.0"]);
        assert_eq!(renumbered(&[(2, 0)], &[(2, 0), (3, 0)]), ["4.0"]);
        assert_eq!(renumbered(&[(1, 4)], &[(1, 2)]), ["1.4"]);
        assert_eq!(renumbered(&[(3, 0)], &[(2, 0)]), ["3.0"]);
    }
}
