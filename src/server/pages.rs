//! Responses that contain lists of any length, read page by page.
//!
//! A list that fits in one page is read from one snapshot and written as a whole. The pages of a
//! longer list are read one by one as the client receives them, so the server never holds more than
//! a page of it, nor a snapshot of the store while a client is slow. Each page starts after the
//! last element of the previous one. An element that is added meanwhile is newer and appears in no
//! further page; an element that exists from the first page to the last appears exactly once.

use std::sync::Arc;

use axum::body::{Body, Bytes};
use futures_util::stream;
use serde::Serialize;
use tracing::error;

use super::api_error::ApiError;
use super::app::App;
use super::budget::BudgetShare;
use super::response::ApiResponse;
use crate::Store;

/// A list that is read page by page.
pub(super) trait Pages: Send + 'static {
    /// Writes at most `most` next elements, and returns whether more may follow.
    ///
    /// If more may follow, exactly `most` elements were written.
    fn next(
        &mut self,
        app: &App,
        store: &Store,
        most: usize,
        to: &mut Elements,
    ) -> Result<bool, ApiError>;

    /// Returns the memory that the list itself takes between two pages, in bytes.
    fn bytes(&self) -> usize;
}

/// Elements of a JSON array, each preceded by a comma.
#[derive(Debug, Default)]
pub(super) struct Elements(Vec<u8>);

impl Elements {
    pub(super) fn push(&mut self, element: &impl Serialize) -> Result<(), ApiError> {
        self.0.push(b',');
        serde_json::to_writer(&mut self.0, element)
            .map_err(|error| ApiError::Internal(error.to_string().into()))
    }
}

/// Maximum number of elements of the first page; most lists are not longer.
const MAX_FIRST_ELEMENTS: usize = 64;

/// Approximate size of a further page in bytes.
const PAGE_BYTES: usize = 256 * 1024;

/// Maximum number of elements of a further page, if they are small.
const MAX_ELEMENTS: usize = 512;

/// Memory of a list in progress: the page that is read, and the data that waits to be sent.
const LIST_BYTES: usize = 3 * PAGE_BYTES;

const START: &[u8] = br#"{"data":["#;
const END: &[u8] = br#"],"error":null}"#;

/// A list that has been read up to some page.
struct ListState<P> {
    pages: P,
    elements: Elements,
    /// Maximum number of elements of the next page; 0 after the last one.
    next: usize,
}

impl<P: Pages> ListState<P> {
    /// Reads the next page.
    fn read_page(mut self, app: &App, store: &Store) -> Result<Self, ApiError> {
        let most = self.next;
        self.elements.0.clear();
        let may_continue = self.pages.next(app, store, most, &mut self.elements)?;
        self.next = if may_continue {
            // About a page, if the next elements are as large as these.
            (PAGE_BYTES * most / self.elements.0.len().max(1)).clamp(1, MAX_ELEMENTS)
        } else {
            0
        };
        Ok(self)
    }

    /// Returns the memory of this page, of the previous one in transit, and of the list itself.
    fn bytes(&self) -> usize {
        LIST_BYTES.max(2 * self.elements.0.len()) + self.pages.bytes()
    }
}

/// The pages that are still to be sent.
struct RemainingPages<P> {
    app: Arc<App>,
    list: ListState<P>,
    share: BudgetShare,
}

/// Returns a response that contains a list in the envelope.
pub(super) async fn respond<P: Pages>(app: Arc<App>, pages: P) -> Result<ApiResponse, ApiError> {
    let list = ListState {
        pages,
        elements: Elements::default(),
        next: MAX_FIRST_ELEMENTS,
    };
    let shared = Arc::clone(&app);
    let list = app
        .read(move |store| list.read_page(&shared, store))
        .await??;
    let mut json = START.to_vec();
    json.extend_from_slice(list.elements.0.strip_prefix(b",").unwrap_or_default());
    if list.next == 0 {
        json.extend_from_slice(END);
        return Ok(ApiResponse::text(app.budget.count_response(json.into())?));
    }
    let share = app.budget.take_passing(list.bytes())?;
    let remaining = RemainingPages { app, list, share };
    let states = (Some(Bytes::from(json)), Some(remaining));
    let pieces = stream::unfold(states, |(first, remaining)| async {
        if let Some(first) = first {
            return Some((Ok(first), (None, remaining)));
        }
        match remaining?.next_piece().await {
            Ok((piece, remaining)) => Some((Ok(piece), (None, remaining))),
            Err(refusal) => Some((Err(refusal), (None, None))),
        }
    });
    Ok(ApiResponse::in_pieces(Body::from_stream(pieces)))
}

impl<P: Pages> RemainingPages<P> {
    /// Returns the next piece of the response, and the pages that follow it.
    ///
    /// If it fails, the response is broken off, and the client sees that it is incomplete.
    async fn next_piece(self) -> Result<(Bytes, Option<Self>), IncompleteList> {
        let Self {
            app,
            list,
            mut share,
        } = self;
        let shared = Arc::clone(&app);
        let page = app
            .read(move |store| list.read_page(&shared, store))
            .await
            .flatten()
            .and_then(|list| {
                share.grow_to(list.bytes())?;
                Ok(list)
            });
        let mut list = page.map_err(|refusal| {
            error!(?refusal, "the response with a list was broken off");
            IncompleteList
        })?;
        let mut json = std::mem::take(&mut list.elements.0);
        if list.next == 0 {
            json.extend_from_slice(END);
            return Ok((share.with(json), None));
        }
        Ok((json.into(), Some(Self { app, list, share })))
    }
}

/// The list could not be read to its end.
#[derive(Debug, thiserror::Error)]
#[error("the list could not be read to its end")]
struct IncompleteList;

#[cfg(test)]
mod tests {
    use axum::body::to_bytes;
    use axum::response::IntoResponse;

    use super::*;
    use crate::server::Limits;
    use crate::server::api_error::StatusMode;
    use crate::server::hosts::Hosts;
    use crate::server::keys::ApiKeys;
    use crate::server::signature::Signer;

    /// The numbers up to a last one, after which the list fails or ends.
    struct Numbers {
        next: usize,
        last: usize,
        fails: bool,
    }

    impl Pages for Numbers {
        fn next(
            &mut self,
            _: &App,
            _: &Store,
            most: usize,
            to: &mut Elements,
        ) -> Result<bool, ApiError> {
            for _ in 0..most {
                if self.next > self.last {
                    return if self.fails {
                        Err(ApiError::Internal("it fails".into()))
                    } else {
                        Ok(false)
                    };
                }
                to.push(&self.next)?;
                self.next += 1;
            }
            Ok(true)
        }

        fn bytes(&self) -> usize {
            0
        }
    }

    async fn listed(last: usize, fails: bool) -> Result<String, ()> {
        let app = App::new(
            Store::in_memory().unwrap(),
            StatusMode::Plain,
            Limits::default(),
            ApiKeys::new(&[]),
            Hosts::new([]),
            Signer::new(""),
        );
        let next = 1;
        let respond = respond(Arc::new(app), Numbers { next, last, fails });
        let body = respond.await.map_err(drop)?.into_response().into_body();
        let bytes = to_bytes(body, usize::MAX).await.map_err(drop)?;
        Ok(String::from_utf8(bytes.to_vec()).unwrap())
    }

    #[tokio::test]
    async fn pages_form_one_list() {
        for last in [
            0,
            1,
            MAX_FIRST_ELEMENTS - 1,
            MAX_FIRST_ELEMENTS,
            MAX_FIRST_ELEMENTS + 1,
            100_000,
        ] {
            let numbers: Vec<usize> = (1..=last).collect();
            let expected = serde_json::json!({"data": numbers, "error": null});
            assert_eq!(listed(last, false).await.unwrap(), expected.to_string());
        }
    }

    #[tokio::test]
    async fn a_list_that_cannot_be_continued_is_broken_off() {
        for last in [0, 1, MAX_FIRST_ELEMENTS, 1000] {
            assert!(listed(last, true).await.is_err(), "{last}");
        }
    }
}
