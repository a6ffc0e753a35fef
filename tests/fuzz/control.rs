//! Control target: a failure deep inside. A fuzzer that does not find it proves nothing.

use promptbook::{Selector, VersionSpec};

/// Fails for a selector such as `a@>=7.3`, which random bytes hardly ever form: only the branches
/// of the parser lead there.
pub fn holds(data: &[u8]) {
    let spec = std::str::from_utf8(data)
        .ok()
        .and_then(|text| text.parse::<VersionSpec>().ok());
    let Some(Selector::Requirement(requirement)) = spec.map(|spec| spec.selector) else {
        return;
    };
    let [comparator] = &requirement.comparators[..] else {
        return;
    };
    let is_found = comparator.op == semver::Op::GreaterEq && comparator.major == 7;
    assert!(!is_found, "the control is found");
}
