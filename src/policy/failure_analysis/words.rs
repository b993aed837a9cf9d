//! A text as words, and phrases of words in it.

/// Phrases of whole words; a word that ends in `*` stands for all it begins.
pub type Phrases = &'static [&'static str];

/// A text's words: letters and digits, lower case.
pub struct Words(Vec<String>);

impl Words {
    pub fn of(text: &str) -> Self {
        let words = text.split(|c: char| !c.is_alphanumeric()).filter(|word| !word.is_empty());
        Self(words.map(str::to_lowercase).collect())
    }

    pub fn have(&self, phrases: Phrases) -> bool {
        (0..self.0.len()).any(|at| phrases.iter().any(|phrase| self.has_at(at, phrase)))
    }

    /// Whether the phrase begins at that word.
    fn has_at(&self, at: usize, phrase: &str) -> bool {
        phrase.split(' ').enumerate().all(|(offset, part)| {
            let fits =
                |word: &String| part.strip_suffix('*').map_or(word == part, |stem| word.starts_with(stem));
            self.0.get(at + offset).is_some_and(fits)
        })
    }
}
