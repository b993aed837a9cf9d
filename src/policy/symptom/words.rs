//! A text as words, and phrases of words in it.

/// Phrases of whole words; a word that ends in `*` stands for all it begins.
pub type Phrases = &'static [&'static str];

/// A text's words (letters and digits, lower case) and where they stand.
pub struct Words<'t> {
    text: &'t str,
    lower: Vec<(String, usize, usize)>,
}

impl<'t> Words<'t> {
    pub fn of(text: &'t str) -> Self {
        let mut lower = Vec::new();
        let mut start = None;
        for (at, c) in text.char_indices().chain([(text.len(), ' ')]) {
            match (c.is_alphanumeric(), start) {
                (true, None) => start = Some(at),
                (false, Some(from)) => {
                    lower.push((text.get(from..at).unwrap_or_default().to_lowercase(), from, at));
                    start = None;
                }
                _ => {}
            }
        }
        Self { text, lower }
    }

    pub fn count(&self) -> usize {
        self.lower.len()
    }

    pub fn word(&self, at: usize) -> &str {
        self.lower.get(at).map_or("", |(word, _, _)| word)
    }

    pub fn have(&self, phrases: Phrases) -> bool {
        (0..self.count()).any(|at| phrases.iter().any(|phrase| self.phrase_at(at, phrase).is_some()))
    }

    /// How many words the phrase takes when it stands at that word.
    pub fn phrase_at(&self, at: usize, phrase: &str) -> Option<usize> {
        let mut taken = 0;
        for part in phrase.split(' ') {
            let word = self.lower.get(at + taken).map(|(word, _, _)| word.as_str())?;
            let fits = part.strip_suffix('*').map_or(word == part, |stem| word.starts_with(stem));
            if !fits {
                return None;
            }
            taken += 1;
        }
        Some(taken)
    }

    /// What stands before the word, and after it and the `more` words that follow.
    pub fn around(&self, at: usize, more: usize) -> (&'t str, &'t str) {
        let start = self.lower.get(at).map_or(0, |(_, start, _)| *start);
        let end = self.lower.get(at + more).map_or(self.text.len(), |(_, _, end)| *end);
        (self.text.get(..start).unwrap_or_default(), self.text.get(end..).unwrap_or_default())
    }
}
