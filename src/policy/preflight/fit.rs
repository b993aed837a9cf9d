//! Logistic regression that stays near what it starts from: a few hundred examples of one
//! repository move the weights that many repositories have agreed on, and no further than they say.

/// Newton steps; it is there after five or six.
const STEPS: usize = 12;
/// What is far from zero is as good as certain.
const MOST: f64 = 30.0;

/// One example: what speaks for it, and whether it was so.
pub(super) type Example<const N: usize> = ([f64; N], bool);

pub(super) fn sigmoid(score: f64) -> f64 {
    1.0 / (1.0 + (-score.clamp(-MOST, MOST)).exp())
}

/// The odds of a probability, as a logarithm; neither end is certain.
pub(super) fn logit(probability: f64) -> f64 {
    let probability = probability.clamp(0.002, 0.98);
    (probability / (1.0 - probability)).ln()
}

pub(super) fn score<const N: usize>(weights: &[f64; N], features: &[f64; N]) -> f64 {
    weights.iter().zip(features).map(|(weight, feature)| weight * feature).sum()
}

/// The weights that explain the examples best, at a price of `strength` for leaving `prior`.
pub(super) fn fit<const N: usize>(examples: &[Example<N>], prior: [f64; N], strength: f64) -> [f64; N] {
    let mut weights = prior;
    for _ in 0..STEPS {
        let (gradient, curvature) = slope(examples, &weights, &prior, strength);
        let Some(step) = solve(curvature, gradient) else { return weights };
        weights.iter_mut().zip(step).for_each(|(weight, step)| *weight -= step);
        if step.iter().all(|step| step.abs() < 1e-5) {
            break;
        }
    }
    if weights.iter().all(|weight| weight.is_finite()) { weights } else { prior }
}

fn slope<const N: usize>(
    examples: &[Example<N>],
    weights: &[f64; N],
    prior: &[f64; N],
    strength: f64,
) -> ([f64; N], [[f64; N]; N]) {
    let mut gradient = [0.0; N];
    let mut curvature = [[0.0; N]; N];
    for (features, is_so) in examples {
        let probability = sigmoid(score(weights, features));
        let (error, spread) = (probability - f64::from(u8::from(*is_so)), probability * (1.0 - probability));
        for (row, feature) in features.iter().enumerate() {
            if *feature == 0.0 {
                continue;
            }
            if let (Some(slope), Some(curve)) = (gradient.get_mut(row), curvature.get_mut(row)) {
                *slope += error * feature;
                curve.iter_mut().zip(features).for_each(|(cell, other)| *cell += spread * feature * other);
            }
        }
    }
    for (row, (slope, curve)) in gradient.iter_mut().zip(&mut curvature).enumerate() {
        if let (Some(weight), Some(from), Some(cell)) = (weights.get(row), prior.get(row), curve.get_mut(row))
        {
            *slope += strength * (weight - from);
            *cell += strength;
        }
    }
    (gradient, curvature)
}

/// Solves a symmetric, positive system by elimination; `None` when it has no single answer.
fn solve<const N: usize>(mut matrix: [[f64; N]; N], mut right: [f64; N]) -> Option<[f64; N]> {
    for column in 0..N {
        let pivot = matrix.get(column).copied()?;
        let (divisor, value) = (*pivot.get(column)?, *right.get(column)?);
        if divisor.abs() < 1e-12 {
            return None;
        }
        for row in (0..N).filter(|row| *row != column) {
            let cells = matrix.get_mut(row)?;
            let factor = *cells.get(column)? / divisor;
            cells.iter_mut().zip(&pivot).for_each(|(cell, from)| *cell -= factor * from);
            *right.get_mut(row)? -= factor * value;
        }
    }
    for (row, value) in right.iter_mut().enumerate() {
        *value /= matrix.get(row)?.get(row)?;
    }
    Some(right)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn frequencies_come_back_as_probabilities() {
        let examples: Vec<Example<2>> = (0..400)
            .map(|number| {
                let is_one = number % 2 == 0;
                let is_so = if is_one { number % 10 < 8 } else { number % 10 < 2 };
                ([1.0, f64::from(u8::from(is_one))], is_so)
            })
            .collect();
        let share = |is_one: bool| {
            let of = |example: &&Example<2>| (example.0[1] > 0.5) == is_one;
            let all: Vec<_> = examples.iter().filter(of).collect();
            all.iter().filter(|example| example.1).count() as f64 / all.len() as f64
        };
        let weights = fit(&examples, [0.0; 2], 0.01);
        assert!((sigmoid(score(&weights, &[1.0, 1.0])) - share(true)).abs() < 0.01, "{weights:?}");
        assert!((sigmoid(score(&weights, &[1.0, 0.0])) - share(false)).abs() < 0.01, "{weights:?}");
    }

    #[test]
    fn without_examples_nothing_moves() {
        assert_eq!(fit(&[], [0.5, -2.0], 10.0), [0.5, -2.0]);
    }
}
