//! pull_request
