//! The states that a ledger allows after a script, computed by running the steps that took place in
//! memory.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};

use crate::ledger::{Ledger, Outcome};
use crate::observed::{Observed, observe};
use crate::script::{Script, begin, options, perform};

/// A history that the ledger allows.
pub struct Possible {
    /// Whether each step took place.
    pub took_place: Vec<bool>,
    pub observed: Arc<Observed>,
}

/// Returns each history that the ledger allows. An acknowledged step took place, a failed one did
/// not, and a step with an unknown outcome may have. If the latest steps may be lost, every
/// acknowledged step before one that took place did take place too.
pub fn possible(ledger: &Ledger) -> Vec<Possible> {
    let mut histories = vec![Vec::new()];
    for tried in &ledger.tries {
        let outcomes: &[bool] = match tried.outcome {
            Outcome::Done(_) if ledger.may_lose => &[true, false],
            Outcome::Done(_) => &[true],
            Outcome::Failed(_) => &[false],
            Outcome::Open | Outcome::Unknown(..) => &[true, false],
        };
        let longer = |history: &Vec<bool>| {
            let history = history.clone();
            outcomes.iter().map(move |outcome| {
                let mut history = history.clone();
                history.push(*outcome);
                history
            })
        };
        histories = histories.iter().flat_map(longer).collect();
    }
    histories
        .into_iter()
        .filter(|history| !ledger.may_lose || is_a_beginning(history, ledger))
        .map(|took_place| Possible {
            observed: after(&ledger.script, &took_place),
            took_place,
        })
        .collect()
}

/// Returns whether no acknowledged step is lost before a step that took place.
fn is_a_beginning(took_place: &[bool], ledger: &Ledger) -> bool {
    let done = took_place
        .iter()
        .zip(&ledger.tries)
        .filter(|(_, tried)| !matches!(tried.outcome, Outcome::Failed(_)));
    done.map(|(took_place, _)| !took_place).is_sorted()
}

/// Returns the state after those steps of a script.
pub fn after(script: &Script, took_place: &[bool]) -> Arc<Observed> {
    type Known = HashMap<(Script, Vec<bool>), Arc<Observed>>;
    static KNOWN: Mutex<Option<Known>> = Mutex::new(None);
    let key = (script.clone(), took_place.to_vec());
    let mut known = KNOWN
        .lock()
        .unwrap_or_else(std::sync::PoisonError::into_inner);
    let known = known.get_or_insert_default();
    if let Some(observed) = known.get(&key) {
        return Arc::clone(observed);
    }
    let store = options().in_memory().unwrap();
    begin(&store, script.start).unwrap();
    for (number, (step, took_place)) in script.steps.iter().zip(took_place).enumerate() {
        if *took_place {
            // A step that the store refuses here would have been refused in the child too.
            let _ = perform(*step, number, &store);
        }
    }
    let observed = Arc::new(observe(store.as_view()).unwrap());
    known.insert(key, Arc::clone(&observed));
    observed
}
