//! Against SciPy and statsmodels: the values that `scripts/significance.py` printed.

use serde::Deserialize;

use super::holm::holm;
use super::mcnemar::mcnemar;
use super::student;
use super::welch::welch;

#[derive(Deserialize)]
struct Reference {
    welch: Vec<WelchCase>,
    holm: Vec<HolmCase>,
    mcnemar: Vec<McNemarCase>,
    student: Vec<StudentCase>,
}

#[derive(Deserialize)]
struct WelchCase {
    left: Vec<f64>,
    right: Vec<f64>,
    t: f64,
    freedom: f64,
    p: f64,
}

#[derive(Deserialize)]
struct HolmCase {
    p: Vec<f64>,
    adjusted: Vec<f64>,
}

#[derive(Deserialize)]
struct McNemarCase {
    only_left: u64,
    only_right: u64,
    p: f64,
}

#[derive(Deserialize)]
struct StudentCase {
    freedom: f64,
    critical: f64,
}

fn close(found: f64, expected: f64) -> bool {
    (found - expected).abs() <= 1e-9 * expected.abs().max(1e-3)
}

#[test]
fn tests_and_corrections_have_the_values_of_scipy_and_statsmodels() {
    let text = include_str!("../../../../tests/fixtures/statistics/reference.json");
    let reference: Reference = serde_json::from_str(text).expect("the committed file");
    for WelchCase {
        left,
        right,
        t,
        freedom,
        p,
    } in reference.welch
    {
        let found = welch(&left, &right).expect("two values on each side, and some differ");
        assert!(
            close(found.t, t) && close(found.freedom, freedom) && close(found.p, p),
            "{found:?}, expected {t} {freedom} {p}"
        );
    }
    for HolmCase { p, adjusted } in reference.holm {
        let found = holm(&p);
        assert!(
            found
                .iter()
                .zip(&adjusted)
                .all(|(found, expected)| close(*found, *expected)),
            "{found:?}"
        );
    }
    for McNemarCase {
        only_left,
        only_right,
        p,
    } in reference.mcnemar
    {
        assert!(close(mcnemar(only_left, only_right), p), "{only_left} {only_right}");
    }
    for StudentCase { freedom, critical } in reference.student {
        assert!(close(student::critical(freedom), critical), "{freedom}");
    }
    assert_eq!(welch(&[0.7], &[0.6, 0.5]), None, "one value has no variance");
    assert_eq!(welch(&[0.7, 0.7], &[0.6, 0.6]), None, "nothing varies");
}
