//! The stores and paths of a soak: which store was at which path, and when.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use promptbook::OperationId;

/// A store with its own history.
pub struct World {
    pub name: String,
    /// Its path at the end of a round.
    pub place: PathBuf,
    /// The operations that it contained at the last check.
    pub before: Vec<OperationId>,
    /// Whether the store may be absent, for example the backup before the first one is made.
    pub may_be_missing: bool,
}

/// A change, between two times, of the store that a path leads to.
struct Turn {
    from: u64,
    until: u64,
    world: Option<usize>,
}

/// The stores, and the paths at which they were opened.
#[derive(Default)]
pub struct Sites {
    pub worlds: Vec<World>,
    turns: BTreeMap<String, Vec<Turn>>,
}

impl Sites {
    /// Adds a store that is at a path from the start.
    pub fn add(&mut self, site: &str, place: &Path) -> usize {
        let world = self.add_later(site, place);
        self.turn(site, 0, 0, Some(world));
        world
    }

    /// Adds a store that is not yet at its path.
    pub fn add_later(&mut self, name: &str, place: &Path) -> usize {
        self.worlds.push(World {
            name: format!("{name} {}", self.worlds.len()),
            place: place.to_owned(),
            before: Vec::new(),
            may_be_missing: false,
        });
        self.worlds.len() - 1
    }

    pub fn turn(&mut self, site: &str, from: u64, until: u64, world: Option<usize>) {
        let turns = self.turns.entry(site.to_owned()).or_default();
        turns.push(Turn { from, until, world });
    }

    /// Returns the store that is at a path now.
    pub fn now_at(&self, site: &str) -> Option<usize> {
        self.turns.get(site)?.last()?.world
    }

    /// Returns the store that was at a path during the whole time, or `None` if that changed
    /// meanwhile.
    pub fn during(&self, site: &str, from: u64, until: u64) -> Option<usize> {
        let turns = self.turns.get(site)?;
        let is_meanwhile = |turn: &&Turn| turn.from < until && turn.until > from;
        if turns.iter().any(|turn| is_meanwhile(&turn)) {
            return None;
        }
        turns.iter().rfind(|turn| turn.until <= from)?.world
    }

    /// Forgets and returns the stores that are at no path any more, and forgets earlier times.
    pub fn checkpoint(&mut self) -> Vec<World> {
        let current: BTreeMap<String, Option<usize>> = self
            .turns
            .keys()
            .map(|site| (site.clone(), self.now_at(site)))
            .collect();
        let mut retired = Vec::new();
        let mut places = BTreeMap::new();
        for (number, world) in std::mem::take(&mut self.worlds).into_iter().enumerate() {
            if current.values().any(|current| *current == Some(number)) {
                places.insert(number, self.worlds.len());
                self.worlds.push(world);
            } else {
                retired.push(world)
            }
        }
        self.turns.clear();
        for (site, world) in current {
            let world = world.map(|world| places[&world]);
            self.turn(&site, 0, 0, world);
        }
        retired
    }
}
