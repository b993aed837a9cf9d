//! Lists as Linear tells them, and the least there is to know of what is in them.

use crate::ports::TrackerError;
use serde::Deserialize;

/// A page of a list.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Page<T> {
    pub nodes: Vec<T>,
    pub page_info: PageInfo,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct PageInfo {
    has_next_page: bool,
    end_cursor: Option<String>,
}

impl<T> Page<T> {
    pub fn empty() -> Self {
        Self { nodes: Vec::new(), page_info: PageInfo { has_next_page: false, end_cursor: None } }
    }

    /// The cursor of the next page. A list that goes on without saying where is an error: half a
    /// list taken for the whole would be worse.
    pub fn next(&self) -> Result<Option<String>, TrackerError> {
        match &self.page_info {
            PageInfo { has_next_page: false, .. } => Ok(None),
            PageInfo { end_cursor: Some(cursor), .. } => Ok(Some(cursor.clone())),
            PageInfo { end_cursor: None, .. } => {
                Err(TrackerError::Protocol("a list has a next page and no cursor to it".to_owned()))
            }
        }
    }
}

/// A list nobody pages through.
#[derive(Deserialize)]
pub struct Few<T> {
    pub nodes: Vec<T>,
}

#[derive(Deserialize)]
pub struct Id {
    pub id: String,
}

#[derive(Deserialize)]
pub struct Named {
    pub name: String,
}
