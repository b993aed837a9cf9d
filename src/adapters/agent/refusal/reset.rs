//! When a limit ends, as notices tell it in words: `resets 3pm (Europe/Berlin)`, `try again at 11:32
//! AM`, `try again in 3 hours`, `regain access on 2026-12-01`. Times of day are those of the machine
//! the agent runs on, which is this one. What is not understood is no time.

use crate::adapters::clock::SystemClock;
use crate::model::Time;
use crate::ports::Clock;
use crate::system::host;
use chrono::{DateTime, Datelike, Days, Local, NaiveDate, NaiveTime, TimeDelta, TimeZone, Weekday};

/// A time of day that has passed by less is the one that is meant: messages leave the seconds out.
const JUST_PASSED: TimeDelta = TimeDelta::minutes(5);
/// Words that come before a time.
const MARKS: &[&str] = &["resets ", "reset at ", "reset on ", "try again ", "regain access "];

/// The end of the limit a notice tells of.
pub(super) fn told(text: &str) -> Option<Time> {
    let text = text.to_lowercase();
    let rest = MARKS.iter().find_map(|mark| text.split_once(mark)).map(|(_, rest)| rest)?;
    let now = SystemClock::new().now();
    match zone(rest) {
        Zone::Utc => when(rest, now),
        Zone::Here => when(rest, now.with_timezone(&Local)),
        Zone::Elsewhere => None,
    }
}

enum Zone {
    Utc,
    Here,
    Elsewhere,
}

/// The zone in parentheses or after the time; without one it is this machine's.
fn zone(text: &str) -> Zone {
    let named = text.split_once('(').and_then(|(_, rest)| rest.split_once(')')).map(|(name, _)| name.trim());
    match named {
        Some("utc" | "gmt") => Zone::Utc,
        Some(name)
            if name.contains('/') && host::time_zone().is_some_and(|own| own.to_lowercase() != name) =>
        {
            Zone::Elsewhere
        }
        Some(_) => Zone::Here,
        None if text.split_whitespace().any(|word| bare(word) == "utc") => Zone::Utc,
        None => Zone::Here,
    }
}

fn when<Z: TimeZone>(text: &str, now: DateTime<Z>) -> Option<Time> {
    let end = text.find(['\u{b7}', '(', ';', '|', '\n']).unwrap_or(text.len());
    let mut words = text.get(..end)?.split_whitespace().map(bare).filter(|word| !word.is_empty()).peekable();
    if words.next_if_eq(&"in").is_some() {
        return after(words, &now);
    }
    let mut day = Day::default();
    let mut time = None;
    while let Some(word) = words.next() {
        let next = words.peek().copied().unwrap_or_default();
        if matches!(word, "at" | "on") || day.takes(word) {
            continue;
        }
        let half = matches!(next, "am" | "pm").then_some(next);
        match time_of_day(word, half) {
            Some(found) if time.is_none() => time = Some(found),
            _ => break,
        }
        if half.is_some() {
            words.next();
        }
    }
    day.at(time, &now)
}

fn bare(word: &str) -> &str {
    word.trim_matches([',', '.', '!', '"', '\''])
}

/// `3 hours`, `2 days 4 hours 5 minutes`, `90s`.
fn after<'w, Z: TimeZone>(words: impl Iterator<Item = &'w str>, now: &DateTime<Z>) -> Option<Time> {
    let mut all = TimeDelta::zero();
    let mut count: Option<i64> = None;
    for word in words {
        let digits = word.len() - word.trim_start_matches(|c: char| c.is_ascii_digit()).len();
        let (number, unit) = word.split_at(digits);
        if !number.is_empty() {
            count = Some(number.parse().ok()?);
        }
        let unit = match unit {
            "" | "and" => continue,
            "d" | "day" | "days" => TimeDelta::days(1),
            "h" | "hr" | "hrs" | "hour" | "hours" => TimeDelta::hours(1),
            "m" | "min" | "mins" | "minute" | "minutes" => TimeDelta::minutes(1),
            "s" | "sec" | "secs" | "second" | "seconds" => TimeDelta::seconds(1),
            _ => break,
        };
        let part = unit.checked_mul(i32::try_from(count.take()?).ok()?)?;
        all = all.checked_add(&part)?;
    }
    (all > TimeDelta::zero()).then(|| now.to_utc().checked_add_signed(all)).flatten()
}

/// What is told of the day.
#[derive(Default)]
struct Day {
    weekday: Option<Weekday>,
    month: Option<u32>,
    number: Option<u32>,
    year: Option<i32>,
    date: Option<NaiveDate>,
}

impl Day {
    /// Whether the word says something of the day.
    fn takes(&mut self, word: &str) -> bool {
        if let Ok(date) = word.parse::<NaiveDate>() {
            self.date = Some(date);
        } else if let Some(month) = month(word) {
            self.month = Some(month);
        } else if let (true, Ok(weekday)) = (word.len() >= 3 && self.month.is_none(), word.parse::<Weekday>())
        {
            self.weekday = Some(weekday);
        } else if self.month.is_some()
            && self.number.is_none()
            && let Some(number) = ordinal(word)
        {
            self.number = Some(number);
        } else if self.number.is_some()
            && word.len() == 4
            && let Ok(year) = word.parse()
        {
            self.year = Some(year);
        } else {
            return false;
        }
        true
    }

    fn at<Z: TimeZone>(&self, time: Option<NaiveTime>, now: &DateTime<Z>) -> Option<Time> {
        let today = now.date_naive();
        let moment = |date: NaiveDate, time: NaiveTime| {
            now.timezone().from_local_datetime(&date.and_time(time)).earliest().map(|at| at.to_utc())
        };
        let midnight = time.unwrap_or(NaiveTime::MIN);
        if let Some(date) = self.date {
            return moment(date, midnight);
        }
        if let (Some(month), Some(number)) = (self.month, self.number) {
            let of = |year: i32| {
                NaiveDate::from_ymd_opt(year, month, number).and_then(|date| moment(date, midnight))
            };
            return match self.year {
                Some(year) => of(year),
                None => of(today.year()).filter(|at| *at > now.to_utc()).or_else(|| of(today.year() + 1)),
            };
        }
        let is_to_come = |at: &Time| at.signed_duration_since(now.to_utc()) > -JUST_PASSED;
        let wanted = |date: &NaiveDate| self.weekday.is_none_or(|weekday| date.weekday() == weekday);
        let time = time.or(self.weekday.map(|_| NaiveTime::MIN))?;
        let days = (0..=7).filter_map(|ahead| today.checked_add_days(Days::new(ahead)));
        days.filter(wanted).filter_map(|date| moment(date, time)).find(is_to_come)
    }
}

fn month(word: &str) -> Option<u32> {
    let names = ["jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"];
    let place =
        names.iter().position(|name| word.starts_with(name) && word.chars().all(char::is_alphabetic))?;
    u32::try_from(place + 1).ok()
}

/// `3`, `3rd`.
fn ordinal(word: &str) -> Option<u32> {
    let number = ["st", "nd", "rd", "th"].iter().find_map(|end| word.strip_suffix(end)).unwrap_or(word);
    number.parse().ok().filter(|number| (1..=31).contains(number))
}

/// `3pm`, `11:11am`, `11:32` with `am` after it, `15:00`.
fn time_of_day(word: &str, half: Option<&str>) -> Option<NaiveTime> {
    let (clock, half) = match (word.strip_suffix("am"), word.strip_suffix("pm")) {
        (Some(clock), _) => (clock, Some("am")),
        (_, Some(clock)) => (clock, Some("pm")),
        _ => (word, half),
    };
    let (hour, minute) = match clock.split_once(':') {
        Some((hour, minute)) => (hour, minute.parse().ok()?),
        // A lone number is an hour only where a half of the day is named.
        None if half.is_some() => (clock, 0),
        None => return None,
    };
    let hour: u32 = hour.parse().ok()?;
    let hour = match half {
        Some(_) if !(1..=12).contains(&hour) => return None,
        Some("pm") => hour % 12 + 12,
        Some(_) => hour % 12,
        None => hour,
    };
    NaiveTime::from_hms_opt(hour, minute, 0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use chrono::{FixedOffset, Utc};

    /// A Sunday, ten in the morning, in a zone an hour ahead of UTC.
    fn at(text: &str) -> Option<String> {
        let zone = FixedOffset::east_opt(3600).unwrap();
        let now = zone.with_ymd_and_hms(2026, 11, 22, 10, 0, 0).unwrap();
        when(text, now).map(|at| at.format("%F %R").to_string())
    }

    #[test]
    fn a_time_of_day_is_the_next_one_on_this_machines_clock() {
        for (told, expected) in [
            ("3pm", "2026-11-22 14:00"),
            ("3pm (europe/berlin)", "2026-11-22 14:00"),
            ("11:11am", "2026-11-22 10:11"),
            ("at 11:32 am.", "2026-11-22 10:32"),
            ("at 9am", "2026-11-23 08:00"),
            ("9:58am", "2026-11-22 08:58"),
            ("12am", "2026-11-22 23:00"),
            ("12pm \u{b7} /upgrade", "2026-11-22 11:00"),
            ("at 15:00", "2026-11-22 14:00"),
        ] {
            assert_eq!(at(told).as_deref(), Some(expected), "{told}");
        }
    }

    #[test]
    fn a_day_may_be_named_in_many_ways() {
        for (told, expected) in [
            ("mon 3pm", "2026-11-23 14:00"),
            ("sun 9am", "2026-11-29 08:00"),
            ("oct 3", "2027-10-02 23:00"),
            ("dec 1, 3pm", "2026-12-01 14:00"),
            ("at dec 3rd, 2026 11:32 am", "2026-12-03 10:32"),
            ("on 2026-12-01 at 00:00", "2026-11-30 23:00"),
            ("in 3 hours", "2026-11-22 12:00"),
            ("in 2 days 4 hours 5 minutes.", "2026-11-24 13:05"),
            ("in 90s", "2026-11-22 09:01"),
        ] {
            assert_eq!(at(told).as_deref(), Some(expected), "{told}");
        }
    }

    #[test]
    fn what_names_no_time_is_none() {
        for told in
            ["", "soon", "later", "3", "25:00", "13pm", "in a moment", "in hours", "99", "feb 31", "at 11"]
        {
            assert_eq!(at(told), None, "{told}");
        }
        assert_eq!(super::told("You've hit your limit"), None);
    }

    #[test]
    fn a_zone_that_is_utc_is_utc_wherever_this_machine_is() {
        let until = super::told("You've hit your 5-hour limit \u{b7} resets 11:11am (UTC)").unwrap();
        assert_eq!(until.format("%R").to_string(), "11:11");
        let wait = until.signed_duration_since(Utc::now());
        assert!(wait > -JUST_PASSED && wait <= TimeDelta::days(1), "{wait}");
        let until = super::told("regain access on 2036-12-01 at 00:00 UTC.").unwrap();
        assert_eq!(until.to_rfc3339(), "2036-12-01T00:00:00+00:00");
    }
}
