//! The worker processes of a round, which are killed and stopped while they work.

use std::process::Child;
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};

use crate::hang;
use crate::settings::{Hazard, Orders, Role};
use crate::soak::Round;
use crate::worker;

/// The time within which a worker must end after it is asked to.
const TIMEOUT: Duration = Duration::from_secs(120);

pub struct Crew {
    members: Vec<Member>,
    rng: fastrand::Rng,
}

struct Member {
    orders: Orders,
    base: String,
    incarnation: u64,
    child: Child,
    is_tight: bool,
}

impl Crew {
    pub fn of(round: &Round<'_>) -> Self {
        let mut roles = vec![
            ("main", Role::Writer),
            ("main", Role::Writer),
            ("main", Role::Keeper),
        ];
        if round.has(Hazard::Swaps) {
            roles.push(("main", Role::Walker));
        }
        if round.has(Hazard::Backups) {
            roles.extend([("backup", Role::Guest); 2]);
        }
        if round.has(Hazard::Full) {
            roles.extend([("full", Role::Writer), ("full", Role::Keeper)]);
        }
        let mut rng = round.rng(0);
        let members = roles.into_iter().enumerate().map(|(number, (site, role))| {
            let orders = orders(round, number, site, role, rng.u64(..));
            Member::start(round, orders, site == "full")
        });
        let members = members.collect();
        Self { members, rng }
    }

    /// Waits briefly, then kills or stops one worker if those hazards are enabled.
    pub fn disturb(&mut self, round: &Round<'_>) {
        std::thread::sleep(Duration::from_millis(self.rng.u64(20..250)));
        let victim = self.rng.usize(..self.members.len());
        let seed = self.rng.u64(..);
        let member = &mut self.members[victim];
        if let Some(ended) = member.child.try_wait().unwrap() {
            round.problem(format!(
                "{} ended without a request: {ended}",
                member.orders.name
            ));
            return;
        }
        let is_kill = self.rng.u32(..3) != 0;
        if is_kill && round.has(Hazard::Kills) {
            member.child.kill().unwrap();
            member.child.wait().unwrap();
            member.restart(round, seed);
            round.count(|tally| tally.kills += 1);
        } else if !is_kill && round.has(Hazard::Stops) {
            // The stopped process may hold any lock.
            let pid = Pid::from_child(&member.child);
            kill_process(pid, Signal::STOP).unwrap();
            std::thread::sleep(Duration::from_millis([50, 200, 1500][self.rng.usize(..3)]));
            kill_process(pid, Signal::CONT).unwrap();
            round.count(|tally| tally.stops += 1);
        }
    }

    /// Waits until all workers have ended after the stop file was created.
    pub fn dismiss(&mut self, round: &Round<'_>) {
        let end = Instant::now() + TIMEOUT;
        for member in &mut self.members {
            let ended = loop {
                match member.child.try_wait().unwrap() {
                    Some(ended) => break Some(ended),
                    None if Instant::now() > end => break None,
                    None => std::thread::sleep(Duration::from_millis(2)),
                }
            };
            match ended {
                Some(ended) if ended.success() => {}
                Some(ended) => round.problem(format!("{} failed: {ended}", member.orders.name)),
                None => {
                    let pid = member.child.id().try_into().unwrap();
                    let waits = hang::describe(pid);
                    round.problem(format!("{} hangs\n{waits}", member.orders.name));
                    member.child.kill().unwrap();
                    member.child.wait().unwrap();
                }
            }
        }
    }
}

impl Member {
    fn start(round: &Round<'_>, orders: Orders, is_tight: bool) -> Self {
        let base = orders.name.clone();
        let mut orders = orders;
        orders.name = format!("{base}.0");
        let wrapper = if is_tight {
            round.soak.disk.wrapper(orders.seed)
        } else {
            Vec::new()
        };
        let child = worker::start(&orders, &wrapper);
        Self {
            orders,
            base,
            incarnation: 0,
            child,
            is_tight,
        }
    }

    fn restart(&mut self, round: &Round<'_>, seed: u64) {
        self.incarnation += 1;
        self.orders.name = format!("{}.{}", self.base, self.incarnation);
        self.orders.seed = seed;
        let wrapper = if self.is_tight {
            round.soak.disk.wrapper(seed)
        } else {
            Vec::new()
        };
        self.child = worker::start(&self.orders, &wrapper);
    }
}

fn orders(round: &Round<'_>, number: usize, site: &str, role: Role, seed: u64) -> Orders {
    let root = &round.soak.root;
    let path = match site {
        "backup" => round.soak.backup(),
        site => root.join(site).join("store"),
    };
    // The backups of the store with the small disk are made on a larger one.
    let backup = match site {
        "full" => root.join("scratch/backup of full"),
        _ => round.soak.backup(),
    };
    Orders {
        name: format!("r{}w{number}", round.soak.number),
        role,
        site: site.to_owned(),
        path,
        other: root.join("away/store"),
        backup,
        ledgers: round.ledgers.clone(),
        stop: round.stop.clone(),
        scratch: root.join("scratch"),
        seed,
        hazards: round.soak.settings.hazards.clone(),
        plant: round.soak.plant.filter(|_| number == 0),
    }
}
