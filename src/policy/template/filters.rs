//! The filters of Liquid that prompts use, and none of the engine's own: what Liquid does not know
//! is refused here too.

use minijinja::value::{Value, ValueKind};
use minijinja::{Environment, Error, ErrorKind};

/// An environment that knows Liquid's filters and nothing else.
pub fn liquid() -> Environment<'static> {
    let mut environment = Environment::empty();
    environment.add_test("none", |value: &Value| value.is_none());
    environment.add_filter("has", |all: &Value, part: Value| contains(all, &part));
    environment.add_filter("default", |value: &Value, other: Option<Value>| {
        if value.is_none() || !value.is_true() {
            other.unwrap_or_else(|| Value::from(""))
        } else {
            value.clone()
        }
    });
    environment.add_filter("downcase", |text: String| text.to_lowercase());
    environment.add_filter("upcase", |text: String| text.to_uppercase());
    environment.add_filter("capitalize", |text: String| {
        let mut rest = text.chars();
        rest.next().map_or_else(String::new, |first| first.to_uppercase().chain(rest).collect())
    });
    environment.add_filter("strip", |text: String| text.trim().to_owned());
    environment.add_filter("lstrip", |text: String| text.trim_start().to_owned());
    environment.add_filter("rstrip", |text: String| text.trim_end().to_owned());
    environment.add_filter("strip_newlines", |text: String| text.replace(['\n', '\r'], ""));
    environment.add_filter("append", |text: String, more: String| text + &more);
    environment.add_filter("prepend", |text: String, before: String| before + &text);
    environment.add_filter("replace", |text: String, from: String, to: String| text.replace(&from, &to));
    environment
        .add_filter("replace_first", |text: String, from: String, to: String| text.replacen(&from, &to, 1));
    environment.add_filter("remove", |text: String, part: String| text.replace(&part, ""));
    environment.add_filter("escape", |text: String| {
        let pairs = [("&", "&amp;"), ("<", "&lt;"), (">", "&gt;"), ("\"", "&quot;"), ("'", "&#39;")];
        pairs.iter().fold(text, |text, (sign, named)| text.replace(sign, named))
    });
    environment.add_filter("truncate", |text: String, most: Option<usize>, end: Option<String>| {
        let (most, end) = (most.unwrap_or(50), end.unwrap_or_else(|| "...".to_owned()));
        if text.chars().count() <= most {
            return text;
        }
        let kept = most.saturating_sub(end.chars().count());
        text.chars().take(kept).collect::<String>() + &end
    });
    environment.add_filter("split", |text: String, by: String| {
        text.split(by.as_str()).map(str::to_owned).collect::<Vec<_>>()
    });
    environment
        .add_filter("size", |value: &Value| value.len().unwrap_or_else(|| value.to_string().chars().count()));
    lists(&mut environment);
    numbers(&mut environment);
    environment
}

fn lists(environment: &mut Environment<'static>) {
    environment.add_filter("join", |list: &Value, by: Option<String>| {
        let items: Vec<String> = items(list)?.iter().map(Value::to_string).collect();
        Ok::<_, Error>(items.join(by.as_deref().unwrap_or(" ")))
    });
    environment.add_filter("first", |list: &Value| {
        Ok::<_, Error>(items(list)?.into_iter().next().unwrap_or(Value::from(())))
    });
    environment.add_filter("last", |list: &Value| {
        Ok::<_, Error>(items(list)?.into_iter().next_back().unwrap_or(Value::from(())))
    });
    environment.add_filter("reverse", |list: &Value| {
        Ok::<_, Error>(Value::from(items(list)?.into_iter().rev().collect::<Vec<_>>()))
    });
    environment.add_filter("sort", |list: &Value| {
        let mut items = items(list)?;
        items.sort();
        Ok::<_, Error>(Value::from(items))
    });
    environment.add_filter("uniq", |list: &Value| {
        let mut kept: Vec<Value> = Vec::new();
        for item in items(list)? {
            if !kept.contains(&item) {
                kept.push(item);
            }
        }
        Ok::<_, Error>(Value::from(kept))
    });
    environment.add_filter("compact", |list: &Value| {
        Ok::<_, Error>(Value::from(
            items(list)?.into_iter().filter(|item| !item.is_none()).collect::<Vec<_>>(),
        ))
    });
    environment.add_filter("map", |list: &Value, name: String| {
        let named: Result<Vec<Value>, Error> = items(list)?
            .iter()
            .map(|item| match item.get_attr(&name)? {
                found if found.is_undefined() => {
                    Err(Error::new(ErrorKind::UndefinedError, format!("no `{name}`")))
                }
                found => Ok(found),
            })
            .collect();
        named.map(Value::from)
    });
    environment.add_filter("slice", |list: &Value, from: usize, count: Option<usize>| {
        Ok::<_, Error>(Value::from(
            items(list)?.into_iter().skip(from).take(count.unwrap_or(usize::MAX)).collect::<Vec<_>>(),
        ))
    });
}

fn numbers(environment: &mut Environment<'static>) {
    let overflow = || Error::new(ErrorKind::InvalidOperation, "the number is too large");
    environment.add_filter("plus", move |a: i64, b: i64| a.checked_add(b).ok_or_else(overflow));
    environment.add_filter("minus", move |a: i64, b: i64| a.checked_sub(b).ok_or_else(overflow));
    environment.add_filter("times", move |a: i64, b: i64| a.checked_mul(b).ok_or_else(overflow));
}

fn items(list: &Value) -> Result<Vec<Value>, Error> {
    match list.kind() {
        ValueKind::Seq | ValueKind::Iterable => Ok(list.try_iter()?.collect()),
        kind => Err(Error::new(ErrorKind::InvalidOperation, format!("a list is needed, not {kind}"))),
    }
}

/// `contains`: a text's part or a list's item.
fn contains(all: &Value, part: &Value) -> bool {
    match all.kind() {
        ValueKind::Seq => all.try_iter().is_ok_and(|mut items| items.any(|item| item == *part)),
        ValueKind::None => false,
        _ => all.to_string().contains(&part.to_string()),
    }
}
