//! The statements that apply moves of environments.
//!
//! Their parameters are arrays: the prompts' ids, the names, the ids of the versions before and after,
//! and the moments. The last one is the number of moves.

use super::guarded::guarded;

/// Selects moves by the keys of their rows, `after` only if it is a live version of the prompt.
///
/// The limits of 1 make the planner look up each row by its id, however small it believes the tables
/// to be.
macro_rules! moves {
    () => {
        "(SELECT p.key AS prompt, m.name, f.key AS before, t.key AS after, m.at
          FROM unnest($1::bytea[], $2::bytea[], $3::bytea[], $4::bytea[], $5::bigint[])
                  AS m (prompt, name, before, after, at)
              CROSS JOIN LATERAL (SELECT key FROM prompt WHERE id = m.prompt LIMIT 1) p
              LEFT JOIN LATERAL (SELECT key FROM version WHERE id = m.before LIMIT 1) f ON true
              LEFT JOIN LATERAL
                  (SELECT key, prompt, deleted_at FROM version WHERE id = m.after LIMIT 1) t
                  ON t.prompt = p.key AND t.deleted_at IS NULL)"
    };
}

/// Creates environments.
pub(super) const SET: &str = guarded!(
    "$6::bigint",
    concat!(
        "INSERT INTO environment SELECT prompt, name, after, at FROM ",
        moves!(),
        " m WHERE after IS NOT NULL"
    )
);

/// Points environments from one version to another.
pub(super) const MOVE: &str = guarded!(
    "$6::bigint",
    concat!(
        "UPDATE environment e SET version = m.after, moved_at = m.at FROM ",
        moves!(),
        " m WHERE m.after IS NOT NULL AND e.prompt = m.prompt AND e.name = m.name
             AND e.version = m.before"
    )
);

/// Removes environments.
pub(super) const REMOVE: &str = guarded!(
    "$6::bigint",
    concat!(
        "DELETE FROM environment e USING ",
        moves!(),
        " m WHERE e.prompt = m.prompt AND e.name = m.name AND e.version = m.before"
    )
);
