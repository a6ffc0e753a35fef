//! Lists that are cut at a limit.

/// Returns at most `limit` rows, and whether there are more.
///
/// `read` returns at most as many rows as it is asked for: one more than requested.
pub(crate) fn limited<T, E>(
    limit: usize,
    read: impl FnOnce(usize) -> Result<Vec<T>, E>,
) -> Result<(Vec<T>, bool), E> {
    let mut rows = read(limit.saturating_add(1))?;
    let more = rows.len() > limit;
    rows.truncate(limit);
    Ok((rows, more))
}
