//! Rust text as the checks need it: names and marks without comments and literals, without test code, and the paths that
//! it names.

/// A name or a mark with its line, from 1.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Token {
    pub(crate) text: String,
    pub(crate) line: usize,
}

/// A path such as `crate::domain::Time`, with its first name resolved: `crate` stands for this package whatever way it was written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Path {
    pub(crate) names: Vec<String>,
    pub(crate) line: usize,
}

/// A file's code without its tests.
#[derive(Debug)]
pub(crate) struct Source {
    pub(crate) tokens: Vec<Token>,
    /// Modules that this file declares for tests alone, in files of their own.
    pub(crate) test_modules: Vec<String>,
}

impl Source {
    /// Reads a file's text.
    pub(crate) fn read(text: &str) -> Self {
        let mut test_modules = Vec::new();
        let tokens = without_tests(&tokens(text), &mut test_modules);
        Self { tokens, test_modules }
    }

    /// All paths that the code names. `module` is where the file stands, as in `["store", "sled"]`.
    pub(crate) fn paths(&self, module: &[String]) -> Vec<Path> {
        let mut walk = Walk { tokens: &self.tokens, inline: Vec::new(), depth: 0, module, found: Vec::new() };
        walk.all();
        walk.found
    }
}

/// Splits text into names and marks; comments, strings, characters, numbers and lifetimes are left out. `::` is one mark.
fn tokens(text: &str) -> Vec<Token> {
    let chars: Vec<char> = text.chars().collect();
    let (mut at, mut line, mut out) = (0, 1, Vec::new());
    while at < chars.len() {
        let end = skipped(&chars, at).unwrap_or(at);
        if end > at {
            line += chars[at..end].iter().filter(|c| **c == '\n').count();
            at = end;
            continue;
        }
        let end = if is_name(chars[at]) {
            (at..chars.len()).find(|i| !is_name(chars[*i])).unwrap_or(chars.len())
        } else if chars[at..].starts_with(&[':', ':']) {
            at + 2
        } else {
            at + 1
        };
        let word: String = chars[at..end].iter().collect();
        if !chars[at].is_ascii_digit() {
            out.push(Token { text: word, line });
        }
        at = end;
    }
    out
}

fn is_name(c: char) -> bool {
    c.is_alphanumeric() || c == '_'
}

/// The end of what is no code at `at`, if something of that kind starts there.
fn skipped(chars: &[char], at: usize) -> Option<usize> {
    let rest = &chars[at..];
    match rest {
        [c, ..] if c.is_whitespace() => Some(at + 1),
        ['/', '/', ..] => Some(rest.iter().position(|c| *c == '\n').map_or(chars.len(), |n| at + n)),
        ['/', '*', ..] => Some(at + block_comment(rest)),
        ['"', ..] => Some(at + quoted(rest, '"')),
        ['r' | 'b' | 'c', ..] if at == 0 || !is_name(chars[at - 1]) => prefixed(rest).map(|n| at + n),
        ['\'', '\\', ..] | ['\'', _, '\'', ..] => Some(at + quoted(rest, '\'')),
        ['\'', ..] => Some(at + 1 + rest[1..].iter().take_while(|c| is_name(**c)).count()),
        _ => None,
    }
}

fn block_comment(rest: &[char]) -> usize {
    let (mut depth, mut at) = (0_usize, 0);
    while at < rest.len() {
        if rest[at..].starts_with(&['/', '*']) {
            depth += 1;
            at += 2;
        } else if rest[at..].starts_with(&['*', '/']) {
            depth -= 1;
            at += 2;
            if depth == 0 {
                return at;
            }
        } else {
            at += 1;
        }
    }
    rest.len()
}

fn quoted(rest: &[char], mark: char) -> usize {
    let mut at = 1;
    while at < rest.len() && rest[at] != mark {
        at += if rest[at] == '\\' { 2 } else { 1 };
    }
    (at + 1).min(rest.len())
}

/// The length of a string that starts with letters: `r"…"`, `r#"…"#`, `b"…"`, `br"…"`, `c"…"`, `b'…'`.
fn prefixed(rest: &[char]) -> Option<usize> {
    let letters = rest.iter().take_while(|c| matches!(c, 'r' | 'b' | 'c')).count();
    let raw = rest[..letters].contains(&'r');
    let hashes = if raw { rest[letters..].iter().take_while(|c| **c == '#').count() } else { 0 };
    let start = letters + hashes;
    match rest.get(start)? {
        '"' if raw => {
            let close: Vec<char> = std::iter::once('"').chain(std::iter::repeat_n('#', hashes)).collect();
            let inner = &rest[start + 1..];
            let end = (0..inner.len()).find(|i| inner[*i..].starts_with(&close)).unwrap_or(inner.len());
            Some((start + 1 + end + close.len()).min(rest.len()))
        }
        mark @ ('"' | '\'') if letters <= 2 => Some(start + quoted(&rest[start..], *mark)),
        _ => None,
    }
}

/// Leaves out every item under `#[cfg(test)]`, and keeps the names of modules that it declares.
fn without_tests(tokens: &[Token], modules: &mut Vec<String>) -> Vec<Token> {
    let (mut at, mut out) = (0, Vec::new());
    while at < tokens.len() {
        if !starts(&tokens[at..], &["#", "[", "cfg", "(", "test", ")", "]"]) {
            out.push(tokens[at].clone());
            at += 1;
            continue;
        }
        let end = item_end(tokens, at + 7);
        let item = &tokens[at + 7..end];
        if let Some(name) = item.iter().position(|t| t.text == "mod").and_then(|mod_at| item.get(mod_at + 1)) {
            modules.push(name.text.clone());
        }
        at = end;
    }
    out
}

fn starts(tokens: &[Token], texts: &[&str]) -> bool {
    tokens.len() >= texts.len() && tokens.iter().zip(texts).all(|(token, text)| token.text == *text)
}

/// Where the item that starts at `at` ends: behind its `;`, or behind the brace that closes its body.
fn item_end(tokens: &[Token], at: usize) -> usize {
    let mut depth = 0_usize;
    for (index, token) in tokens.iter().enumerate().skip(at) {
        match token.text.as_str() {
            "{" | "(" | "[" => depth += 1,
            "}" if depth == 1 => return index + 1,
            "}" | ")" | "]" => depth = depth.saturating_sub(1),
            ";" if depth == 0 => return index + 1,
            _ => {}
        }
    }
    tokens.len()
}

/// Goes through tokens and gathers paths.
struct Walk<'a> {
    tokens: &'a [Token],
    /// Modules written inside the file that are open here, each with the depth of its brace.
    inline: Vec<(String, usize)>,
    depth: usize,
    module: &'a [String],
    found: Vec<Path>,
}

impl Walk<'_> {
    fn all(&mut self) {
        let mut at = 0;
        while at < self.tokens.len() {
            at = self.one(at);
        }
    }

    fn text(&self, at: usize) -> &str {
        self.tokens.get(at).map_or("", |token| &token.text)
    }

    /// Takes in what stands at `at` and answers where to go on.
    fn one(&mut self, at: usize) -> usize {
        match self.text(at) {
            "use" if self.text(at + 1) != "<" => return self.tree(at + 1, &[]) + 1,
            "mod" if self.text(at + 2) == "{" => self.inline.push((self.text(at + 1).to_owned(), self.depth + 1)),
            "{" => self.depth += 1,
            "}" => {
                self.inline.retain(|(_, depth)| *depth < self.depth);
                self.depth = self.depth.saturating_sub(1);
            }
            word if word.starts_with(is_name) && self.text(at + 1) == "::" => return self.plain(at),
            _ => {}
        }
        at + 1
    }

    /// A path outside `use`.
    fn plain(&mut self, start: usize) -> usize {
        let (mut names, mut at) = (vec![self.text(start).to_owned()], start + 1);
        while self.text(at) == "::" && self.text(at + 1).starts_with(is_name) {
            names.push(self.text(at + 1).to_owned());
            at += 2;
        }
        // Behind `>::` or `)::` stands an associated item, not the beginning of a path.
        let goes_on = start >= 2 && self.text(start - 1) == "::" && [">", ")", "]"].contains(&self.text(start - 2));
        if !goes_on {
            self.keep(names, start);
        }
        at
    }

    /// A `use` tree under `stem`; answers where it ends (at `;`, `,` or `}`).
    fn tree(&mut self, mut at: usize, stem: &[String]) -> usize {
        let start = at;
        let mut names = stem.to_vec();
        loop {
            match self.text(at) {
                "::" => at += 1,
                "{" => return self.group(at + 1, &names),
                "as" => at += 2,
                "" | ";" | "," | "}" => break,
                name => {
                    names.push(name.to_owned());
                    at += 1;
                }
            }
        }
        self.keep(names, start);
        at
    }

    fn group(&mut self, mut at: usize, stem: &[String]) -> usize {
        while !["", "}"].contains(&self.text(at)) {
            at = self.tree(at, stem);
            if self.text(at) == "," {
                at += 1;
            }
        }
        at + 1
    }

    fn keep(&mut self, names: Vec<String>, at: usize) {
        let line = self.tokens.get(at).map_or(0, |token| token.line);
        let here: Vec<String> =
            self.module.iter().cloned().chain(self.inline.iter().map(|(name, _)| name.clone())).collect();
        let names = resolved(names, &here);
        if !names.is_empty() {
            self.found.push(Path { names, line });
        }
    }
}

/// Writes `self`, `super` and the package's own name as a path from `crate`.
fn resolved(names: Vec<String>, here: &[String]) -> Vec<String> {
    let root = || vec!["crate".to_owned()];
    match names.first().map(String::as_str) {
        Some("retaind") => root().into_iter().chain(names.into_iter().skip(1)).collect(),
        Some("self" | "super") => {
            let steps = names.iter().take_while(|name| *name == "self" || *name == "super").count();
            let ups = names[..steps].iter().filter(|name| *name == "super").count();
            let base = here[..here.len().saturating_sub(ups)].to_vec();
            root().into_iter().chain(base).chain(names.into_iter().skip(steps)).collect()
        }
        _ => names,
    }
}
