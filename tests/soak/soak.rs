//! Rounds: workers and hazards run for some time, then all end and the stores are checked.

use std::collections::HashSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use promptbook::{NewPrompt, OperationId, Store, StoreOptions};

use crate::actions::{PROMPTS, body, prompt};
use crate::check::check;
use crate::crew::Crew;
use crate::full::Disk;
use crate::ledger::Records;
use crate::place;
use crate::settings::{Hazard, Plant, Settings};
use crate::sites::Sites;
use crate::{commands, history, removals, server, swaps};

/// A directory with stores, and the state of the soak across rounds.
pub struct Soak {
    directory: Option<tempfile::TempDir>,
    pub root: PathBuf,
    pub settings: Settings,
    pub sites: Mutex<Sites>,
    pub disk: Disk,
    /// Operations that an earlier check has seen.
    pub known: HashSet<OperationId>,
    pub number: u64,
    pub plant: Option<Plant>,
    planted: Vec<String>,
    tally: Tally,
}

/// Counts of what was done.
#[derive(Debug, Default)]
pub struct Tally {
    pub attempts: usize,
    pub acknowledged: usize,
    pub handles: usize,
    pub kills: usize,
    pub stops: usize,
    pub swaps: usize,
    pub commands: usize,
    pub requests: usize,
    pub fills: usize,
    pub removals: usize,
}

/// State that the threads of a round share.
pub struct Round<'a> {
    pub soak: &'a Soak,
    pub ledgers: PathBuf,
    pub stop: PathBuf,
    pub seed: u64,
    is_over: AtomicBool,
    /// Failures outside the stores.
    pub problems: Mutex<Vec<String>>,
    pub tally: Mutex<Tally>,
}

impl Round<'_> {
    pub fn is_over(&self) -> bool {
        self.is_over.load(Ordering::Acquire)
    }

    pub fn problem(&self, what: String) {
        self.problems.lock().unwrap().push(what);
    }

    pub fn count(&self, count: impl FnOnce(&mut Tally)) {
        count(&mut self.tally.lock().unwrap());
    }

    pub fn rng(&self, thread: u64) -> fastrand::Rng {
        fastrand::Rng::with_seed(self.seed.wrapping_mul(1009).wrapping_add(thread))
    }

    pub fn has(&self, hazard: Hazard) -> bool {
        self.soak.settings.hazards.has(hazard)
    }
}

/// Stores are created again after a round in which the largest exceeds this number of operations.
const MAX_OPERATIONS: usize = 12_000;

impl Soak {
    pub fn new(settings: &Settings) -> Self {
        let directory = match &settings.place {
            Some(place) => tempfile::tempdir_in(place).unwrap(),
            None => place::directory(),
        };
        let root = directory.path().to_owned();
        let is_tight = settings.hazards.has(Hazard::Full);
        let mut soak = Self {
            disk: Disk::at(&root.join("full"), is_tight),
            directory: Some(directory),
            root,
            settings: settings.clone(),
            sites: Mutex::default(),
            known: HashSet::new(),
            number: 0,
            plant: None,
            planted: Vec::new(),
            tally: Tally::default(),
        };
        soak.make_stores();
        soak
    }

    pub fn path(&self) -> &Path {
        &self.root
    }

    pub fn plant(&mut self, plant: Plant) {
        self.plant = Some(plant);
    }

    /// Returns the tokens of the attempts at which a fault was planted.
    pub fn planted(&self) -> Vec<String> {
        self.planted.clone()
    }

    pub fn backup(&self) -> PathBuf {
        self.root.join("backup")
    }

    fn make_stores(&mut self) {
        let mut sites = Sites::default();
        for folder in ["retired", "scratch", "rounds"] {
            fs::create_dir_all(self.root.join(folder)).unwrap();
        }
        let mut places = vec![("main", "main/store"), ("away", "away/store")];
        if self.settings.hazards.has(Hazard::Full) {
            places.push(("full", "full/store"));
        }
        for (site, place) in places {
            let place = self.root.join(place);
            let world = sites.add(site, &place);
            let _ = fs::remove_dir_all(&place);
            sites.worlds[world].before = make_store(&place, site);
            self.known.extend(&sites.worlds[world].before);
        }
        let backup = sites.add("backup", &self.backup());
        sites.worlds[backup].may_be_missing = true;
        let _ = fs::remove_dir_all(self.backup());
        self.sites = Mutex::new(sites);
    }

    /// Begins a round and returns the main store's directory and a directory for ledgers.
    pub fn begin(&mut self) -> (PathBuf, PathBuf) {
        self.number += 1;
        let ledgers = self.root.join(format!("rounds/{}", self.number));
        fs::create_dir(&ledgers).unwrap();
        (self.root.join("main/store"), ledgers)
    }

    /// Checks the stores against a round's ledgers and returns the violations.
    pub fn end(&mut self, ledgers: &Path) -> Vec<String> {
        let records = Records::read(ledgers);
        self.tally.attempts += records.attempts.len();
        self.tally.acknowledged += records.acknowledged();
        self.tally.handles += records.handles.len();
        self.planted.extend(records.planted.iter().cloned());
        let (mut found, largest) = check(self, &records);
        if found.is_empty() {
            found.extend(self.clean_up(ledgers, largest).err());
        }
        found
    }

    fn clean_up(&mut self, ledgers: &Path, largest: usize) -> Result<(), String> {
        let failed = |error: std::io::Error| format!("cleaning up: {error}");
        let retired = self.sites.get_mut().unwrap().checkpoint();
        for world in retired {
            fs::remove_dir_all(&world.place).map_err(failed)?;
        }
        fs::remove_dir_all(self.root.join("scratch")).map_err(failed)?;
        fs::create_dir(self.root.join("scratch")).map_err(failed)?;
        fs::remove_dir_all(ledgers).map_err(failed)?;
        if largest > MAX_OPERATIONS || self.disk.is_half_full() {
            self.make_stores();
        }
        Ok(())
    }

    /// Runs workers and hazards for some seconds, checks the stores, and returns the violations.
    pub fn round(&mut self, seconds: u64) -> Vec<String> {
        let (_, ledgers) = self.begin();
        let seed = self
            .settings
            .seed
            .wrapping_mul(1_000_003)
            .wrapping_add(self.number);
        let round = Round {
            soak: self,
            stop: ledgers.join("stop"),
            ledgers: ledgers.clone(),
            seed,
            is_over: AtomicBool::new(false),
            problems: Mutex::default(),
            tally: Mutex::default(),
        };
        let end = Instant::now() + Duration::from_secs(seconds);
        let mut crew = Crew::of(&round);
        std::thread::scope(|scope| {
            for number in 0..commands::CALLERS {
                let round = &round;
                scope.spawn(move || commands::call(round, number));
            }
            scope.spawn(|| server::serve(&round));
            if round.has(Hazard::Swaps) {
                scope.spawn(|| swaps::swap(&round));
            }
            if round.has(Hazard::Full) {
                scope.spawn(|| self.disk.fill(&round));
            }
            if round.has(Hazard::Removals) {
                scope.spawn(|| removals::remove(&round));
            }
            while Instant::now() < end && round.problems.lock().unwrap().is_empty() {
                crew.disturb(&round);
            }
            round.is_over.store(true, Ordering::Release);
        });
        fs::write(&round.stop, "").unwrap();
        crew.dismiss(&round);
        let mut found = round.problems.into_inner().unwrap();
        let tally = round.tally.into_inner().unwrap();
        self.tally.add(&tally);
        self.disk.empty();
        found.extend(self.end(&ledgers));
        found
    }

    /// Keeps the directory for an investigation and returns its path.
    pub fn keep(mut self) -> PathBuf {
        if let Some(directory) = self.directory.take() {
            self.disk.keep();
            let _ = directory.keep();
        }
        self.root.clone()
    }

    pub fn tally(&self) -> &Tally {
        &self.tally
    }
}

impl Tally {
    fn add(&mut self, round: &Self) {
        self.kills += round.kills;
        self.stops += round.stops;
        self.swaps += round.swaps;
        self.commands += round.commands;
        self.requests += round.requests;
        self.fills += round.fills;
        self.removals += round.removals;
    }
}

/// Creates a store with the prompts that all stores contain, and returns its operations.
pub fn make_store(place: &Path, site: &str) -> Vec<OperationId> {
    fs::create_dir_all(place.parent().unwrap()).unwrap();
    let author = format!("setup {site}");
    let store = StoreOptions::new().author(author).create(place).unwrap();
    for number in 0..PROMPTS {
        let text = format!("soaked {number} of {site}");
        let new = NewPrompt::new(&*text, body(&text));
        store.create_prompt(new.id(prompt(number))).unwrap();
    }
    ids(&store)
}

pub fn ids(store: &Store) -> Vec<OperationId> {
    let operations = history::operations(store).unwrap();
    operations.iter().map(|operation| operation.id).collect()
}

/// Runs rounds for the configured time.
pub fn nothing_is_lost_doubled_or_misplaced() {
    let settings = Settings::from_environment();
    println!(
        "{} s, PROMPTBOOK_SOAK_SEED={}, hazards {}",
        settings.seconds, settings.seed, settings.hazards
    );
    let mut soak = Soak::new(&settings);
    println!("full disk: {}", soak.disk.words());
    let since = Instant::now();
    let end = since + Duration::from_secs(settings.seconds);
    while Instant::now() < end {
        let left = end.saturating_duration_since(Instant::now()).as_secs() + 1;
        let found = soak.round(left.min(20));
        if soak.number.is_multiple_of(15) {
            println!("{} s: {:?}", since.elapsed().as_secs(), soak.tally());
        }
        if !found.is_empty() {
            let (number, tally) = (soak.number, format!("{:?}", soak.tally()));
            let kept = soak.keep();
            let report = kept.join("report");
            fs::write(&report, found.join("\n")).unwrap();
            let short = |line: &String| line.chars().take(400).collect::<String>();
            let few: Vec<String> = found.iter().take(20).map(short).collect();
            panic!(
                "round {number}, seed {}: {} violations; see {}; {tally}\n{}",
                settings.seed,
                found.len(),
                report.display(),
                few.join("\n")
            );
        }
    }
    println!(
        "{} rounds in {} s: {:?}",
        soak.number,
        since.elapsed().as_secs(),
        soak.tally()
    );
    assert!(
        soak.tally().acknowledged > 50,
        "too few operations were acknowledged"
    );
}
