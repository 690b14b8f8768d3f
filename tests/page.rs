//! The page of a grid's results: what is in it, and how it behaves in a real browser, where there is one.

use std::fs;
use std::path::PathBuf;

use serde_json::{Value, json};

use crate::browser::Browser;
use crate::sandbox::{Sandbox, TINY, said};

/// The tiny grid and a fourth method, so that two differ in NC alone.
fn grid() -> String {
    let plain = "\n[[method]]\nname = \"ce-drw\"\n[method.uses]\nreweight = { class-balanced = { start_epoch = 1 } }\n";
    TINY.to_owned() + plain
}

/// Most bytes of a page.
const LARGEST: u64 = 8_000_000;

/// What the page's script reads.
fn contents(page: &str) -> Value {
    let json = page
        .split("id=\"results\">")
        .nth(1)
        .and_then(|rest| rest.split("</script>").next());
    serde_json::from_str(json.expect("the page has its results")).expect("JSON")
}

/// A browser, or `None` and a line that says so.
fn browser() -> Option<Browser> {
    let browser = Browser::start();
    if browser.is_none() {
        eprintln!("skipped: no Chromium here; scripts/chromium installs it");
    }
    browser
}

#[test]
fn a_page_has_every_run_and_says_why_something_is_missing_and_no_name_is_markup_in_it() {
    let sandbox = Sandbox::new(&grid());
    sandbox.take_finished(TINY, "ce,nc-drw-crt", "0");
    sandbox.run(&["--methods", "ce,nc-drw-crt"]).succeeded();
    let trained = sandbox.read("out/report.html");
    let name = "a<script>alert('1')<!--\"&.toml";
    sandbox.write(name, &grid());
    let mut report = sandbox.binary("report");
    let report = report.arg(name).args(["--out", "out"]);
    let report = said(&report.output().expect("the binary starts")).succeeded();
    assert!(report.stdout.ends_with("out/report.html\n"), "{report:#?}");

    let page = sandbox.read("out/report.html");
    assert_ne!(page, trained, "two methods more");
    assert!(!page.contains("a<script>"), "a name is no markup");
    let results = contents(&page);
    assert_eq!(results["title"], json!(name.strip_suffix(".toml")));
    let methods: Vec<&str> = results["rows"]
        .as_array()
        .expect("rows")
        .iter()
        .map(|row| row["method"].as_str().expect("a name"))
        .collect();
    assert_eq!(methods, ["ce", "nc-drw", "nc-drw-crt", "ce-drw"]);
    assert_eq!(results["pairs"], json!([[3, 1]]));
    let runs = results["runs"].as_array().expect("runs");
    let of = |method: &str| runs.iter().find(|run| run["method"] == method).expect(method);
    assert_eq!(of("nc-drw")["role"], Value::Null);
    let before = contents(&trained)["runs"].clone();
    let before = before.as_array().expect("runs");
    assert_eq!(
        before
            .iter()
            .find(|run| run["method"] == "nc-drw")
            .expect("it is needed")["role"],
        "first stage"
    );
    assert_eq!(
        of("ce-drw")["outcome"]["missing"],
        "not run to its end; the same command goes on from where it stopped"
    );
    let ce = of("ce");
    assert_eq!(
        ce["config"],
        sandbox.read(&format!("{}/config.toml", sandbox.run_dir("ce")))
    );
    let split = ce["split"]["shown"].as_u64().expect("its place") as usize;
    let indices = sandbox.read(&format!("{}/indices.txt", sandbox.run_dir("ce")));
    assert_eq!(results["texts"][split], indices);
    let images = &results["images"]["shown"];
    let hard = images["shown"]
        .as_array()
        .expect("thumbnails")
        .iter()
        .filter(|image| image["is_hard"] == true);
    assert!(hard.count() > 0, "nobody learns all in two epochs");
    assert_eq!(images["answers"][3], json!([]), "no run of it is finished");
    assert_eq!(
        results["methods"][3]["curves"]["missing"],
        "no run of this method is finished"
    );
}

#[test]
fn a_page_of_damaged_and_older_runs_names_what_is_missing_and_a_page_is_never_half_written() {
    let sandbox = Sandbox::new(TINY);
    sandbox.take_finished(TINY, "ce", "0");
    sandbox.run(&["--methods", "ce"]).succeeded();
    let run_dir = sandbox.run_dir("ce");
    let whole = sandbox.read("out/report.html");
    let report = || sandbox.reproduce("report", &["--methods", "ce"]);
    let detail = |name: &str| contents(&sandbox.read("out/report.html"))["methods"][0][name]["missing"].clone();

    let metrics = sandbox.read(&format!("{run_dir}/metrics.csv"));
    let loss = metrics
        .lines()
        .nth(1)
        .and_then(|row| row.split(',').nth(2))
        .expect("a loss");
    sandbox.write(&format!("{run_dir}/metrics.csv"), &metrics.replace(loss, "NaN"));
    report().succeeded();
    let curves = contents(&sandbox.read("out/report.html"))["methods"][0]["curves"]["shown"].clone();
    assert_eq!(
        (&curves["not_numbers"], &curves["series"]["train_loss"]["mean"][0]),
        (&json!(1), &Value::Null)
    );

    sandbox.write(&format!("{run_dir}/metrics.csv"), "epoch\nx\n");
    fs::remove_file(sandbox.path(&format!("{run_dir}/calibration.csv"))).expect("it was there");
    report().succeeded();
    assert_eq!(detail("calibration"), "its runs have no calibration.csv");
    let reason = detail("curves");
    assert!(
        reason
            .as_str()
            .is_some_and(|reason| reason.contains("metrics.csv is damaged")),
        "{reason}"
    );

    sandbox.write("out/report.html", &whole);
    sandbox.write(&format!("{run_dir}/outcome.json"), "{");
    report().refused(2, &["no run of grid is finished in out"]);
    assert_eq!(sandbox.read("out/report.html"), whole, "it stays as the tables do");
}

#[test]
fn in_a_browser_the_page_sorts_filters_compares_and_changes_colours_and_asks_for_nothing() {
    let Some(mut browser) = browser() else { return };
    let sandbox = Sandbox::new(&grid());
    sandbox.take_finished(&grid(), "ce,nc-drw,nc-drw-crt,ce-drw", "0,1");
    sandbox.run(&["--seeds", "0,1"]).succeeded();
    let page = sandbox.path("out/report.html");
    browser.open(&page, 1280, false);
    assert_eq!(browser.value("document.title"), "grid – results");
    let names = "[...document.querySelectorAll('#overview tbody:first-of-type th')].filter((th) => th.offsetParent).map((th) => th.textContent)";
    assert_eq!(browser.value(names), json!(["ce", "nc-drw", "nc-drw-crt", "ce-drw"]));

    // Sorting: down, then up, and what is shown follows.
    let sort = |browser: &mut Browser| {
        browser.value("[...document.querySelectorAll('#overview thead button')].find((button) => button.textContent === 'Last %').click()");
        let order = browser.value("document.querySelector('#overview th[aria-sort]').getAttribute('aria-sort')");
        let cells = "[...document.querySelectorAll('#overview tbody')][0].querySelectorAll('tr')";
        let cells = browser.value(&format!(
            "[...{cells}].map((row) => parseFloat(row.children[2].textContent))"
        ));
        let values: Vec<f64> = serde_json::from_value(cells).expect("numbers");
        (order, values)
    };
    let (order, values) = sort(&mut browser);
    assert_eq!(order, "descending");
    assert!(
        values.is_sorted_by(|one, next| one >= next) && values.len() == 4,
        "{values:?}"
    );
    let (order, values) = sort(&mut browser);
    assert_eq!(order, "ascending");
    assert!(values.is_sorted(), "{values:?}");

    // Filtering, and methods without and with NC.
    browser.value("(() => { const field = document.querySelector('#overview input[type=search]'); field.value = 'crt'; field.dispatchEvent(new Event('input')); })()");
    assert_eq!(browser.value(names), json!(["nc-drw-crt"]));
    assert_eq!(
        browser.value("document.querySelector('#overview .count').textContent"),
        "1 of 4 rows"
    );
    browser.value("(() => { const field = document.querySelector('#overview input[type=search]'); field.value = ''; field.dispatchEvent(new Event('input')); })()");
    browser.value("document.querySelector('#overview input[type=checkbox]').click()");
    assert_eq!(browser.value(names), json!(["ce-drw → nc-drw"]));

    // Two methods beside each other, with their charts.
    browser.value("location.hash = '#methods/ce/nc-drw'");
    browser.until("document.getElementById('methods-title')?.textContent === 'ce beside nc-drw'");
    browser.until("(document.querySelector('#methods .charts').scrollIntoView(), document.querySelectorAll('#methods .js-plotly-plot').length > 2)");
    let traces = browser
        .value("document.querySelector('#methods .js-plotly-plot').data.map((trace) => trace.name).filter(Boolean)");
    assert!(
        traces
            .as_array()
            .is_some_and(|traces| traces.contains(&json!("nc-drw, few"))),
        "{traces}"
    );

    browser.value("[...document.querySelectorAll('#methods details.panel')].at(-1).open = true");
    browser.until("document.querySelectorAll('#methods .thumbnail canvas').length > 20");

    // Runs, by keyboard as by mouse: a summary is a control.
    browser.value("location.hash = '#runs/crt'");
    browser.until("document.querySelectorAll('#runs .run:not([hidden])').length === 2");
    browser.value("document.querySelector('#runs .run:not([hidden]) summary').click()");
    browser.until("document.querySelector('#runs .run[open] pre')?.textContent.includes('--seeds 0')");

    // Dark as the system is, and as the button says.
    let ground = "getComputedStyle(document.body).backgroundColor";
    let light = browser.value(ground);
    browser.value("document.getElementById('theme').click()");
    let dark = browser.value(ground);
    assert_ne!(light, dark);
    browser.value("localStorage.clear()");
    browser.open(&page, 1280, true);
    assert_eq!(browser.value(ground), dark);
    assert_eq!(
        browser.value("document.getElementById('theme').getAttribute('aria-pressed')"),
        "true"
    );

    // Printed: charts that nobody has scrolled to are drawn too.
    browser.until("window.Plotly !== undefined");
    browser.value("window.dispatchEvent(new Event('beforeprint'))");
    let blank = "[...document.querySelectorAll('.plot')].filter((plot) => plot.offsetParent && !plot.querySelector('.main-svg')).length";
    assert_eq!(browser.value(blank), json!(0));

    assert_eq!(browser.complaints(), Vec::<String>::new());
}

#[test]
fn in_a_browser_the_page_fits_a_phone_and_is_there_for_readers_of_every_kind() {
    let Some(mut browser) = browser() else { return };
    let sandbox = Sandbox::new(&grid());
    sandbox.take_finished(&grid(), "ce,nc-drw,nc-drw-crt,ce-drw", "0");
    sandbox.run(&[]).succeeded();
    let page = sandbox.path("out/report.html");
    for is_dark in [false, true] {
        browser.open(&page, 320, is_dark);
        for part in ["overview", "methods/nc-drw-crt/ce", "runs"] {
            browser.value(&format!("location.hash = '#{part}'"));
            let name = part.split('/').next().expect("a word");
            browser.until(&format!("!document.getElementById('{name}').hidden"));
            browser.value(
                "for (const details of document.querySelectorAll('section:not([hidden]) details')) details.open = true",
            );
            browser.until("[...document.querySelectorAll('section:not([hidden]) .plot')].slice(0, 3).every((plot) => (plot.scrollIntoView(), plot.querySelector('svg')))");
            let width = browser.value("document.documentElement.scrollWidth");
            assert!(
                width.as_u64().is_some_and(|width| width <= 320),
                "{part} is {width} pixels wide"
            );
            let nameless = "[...document.querySelectorAll('input, select')].filter((field) => !field.labels.length).length \
                + [...document.querySelectorAll('.plot')].filter((plot) => !plot.getAttribute('aria-label')).length \
                + [...document.querySelectorAll('th')].filter((th) => !th.scope).length \
                + [...document.querySelectorAll('.scroll')].filter((region) => !region.getAttribute('aria-label')).length";
            assert_eq!(browser.value(nameless), json!(0), "{part}");
        }
        // Contrast of text as the Web Content Accessibility Guidelines reckon it.
        let contrast = "(() => {
            const light = (name) => colour(name).match(/[\\d.]+/g).slice(0, 3).map(Number).map((part) => part / 255)
                .map((part) => (part <= 0.04045 ? part / 12.92 : ((part + 0.055) / 1.055) ** 2.4))
                .reduce((sum, part, place) => sum + part * [0.2126, 0.7152, 0.0722][place], 0);
            const pairs = ['ink', 'soft', 'accent'].flatMap((text) => ['ground', 'raised', 'paper'].map((under) => [text, under]))
                .concat(['better', 'worse', 'undecided'].flatMap((kind) => [[kind, `${kind}-ground`], [kind, 'raised']]));
            return pairs.map(([text, under]) => [text, under, [light(text), light(under)].sort((a, b) => b - a)])
                .filter(([, , [high, low]]) => (high + 0.05) / (low + 0.05) < 4.5).map((pair) => pair.join(' '));
        })()";
        assert_eq!(browser.value(contrast), json!([]));
    }
    assert_eq!(browser.complaints(), Vec::<String>::new());
}

/// A folder of 100 methods × 3 seeds that are all said to be one run, and to have trained 200 epochs.
fn many() -> (Sandbox, PathBuf) {
    let methods = (0..100).map(|number| {
        format!(
            "\n[[method]]\nname = \"nc-{number}\"\n[method.uses]\nregularizer = {{ nc = {{ lambda_1 = {} }} }}\n",
            0.01 * f64::from(number + 1)
        )
    });
    let head = TINY
        .split("[[method]]")
        .next()
        .expect("settings come first")
        .replace("seeds     = [0]", "seeds = [0, 1, 2]");
    let sandbox = Sandbox::new(&(head + &methods.collect::<String>()));
    sandbox.run(&["--methods", "nc-0", "--seeds", "0"]).succeeded();
    let plan = sandbox.reproduce("plan", &[]).succeeded().stdout;
    let runs: Vec<&str> = plan
        .lines()
        .filter(|line| line.starts_with("nc-"))
        .filter_map(|line| line.split(' ').next())
        .collect();
    let trained = format!("out/runs/{}", runs[0]);
    let files = [
        "confusion.csv",
        "angles.csv",
        "calibration.csv",
        "robustness.csv",
        "environment.toml",
        "indices.txt",
    ];
    let files = files.map(|name| (name, sandbox.read(&format!("{trained}/{name}"))));
    let metrics = sandbox.read(&format!("{trained}/metrics.csv"));
    let (header, row) = metrics.lines().next().zip(metrics.lines().nth(1)).expect("an epoch");
    let (_, row) = row.split_once(',').expect("columns");
    let epochs: Vec<String> = (0..200).map(|epoch| format!("{epoch},{row}\n")).collect();
    let epochs = epochs.concat();
    let mut outcome: Value = serde_json::from_str(&sandbox.read(&format!("{trained}/outcome.json"))).expect("JSON");
    outcome["predictions_digest"] = Value::Null; // comparisons have a test of their own
    for run in &runs {
        let (method, seed) = run.split_once(".r400.s").expect("an id");
        outcome["run"] = json!(run);
        outcome["method"] = json!(method);
        outcome["seed"] = json!(seed.split('.').next().and_then(|seed| seed.parse::<i64>().ok()));
        sandbox.write(&format!("out/runs/{run}/outcome.json"), &outcome.to_string());
        sandbox.write(&format!("out/runs/{run}/metrics.csv"), &format!("{header}\n{epochs}"));
        for (name, text) in &files {
            sandbox.write(&format!("out/runs/{run}/{name}"), text);
        }
    }
    sandbox.reproduce("report", &[]).succeeded();
    let page = sandbox.path("out/report.html");
    (sandbox, page)
}

#[test]
fn a_page_of_300_runs_is_small_and_quick() {
    let (_sandbox, page) = many();
    let bytes = fs::metadata(&page).expect("a page").len();
    assert!(bytes <= LARGEST, "{bytes} bytes");
    let Some(mut browser) = browser() else { return };
    browser.open(&page, 1280, false);
    browser.until("document.querySelectorAll('#overview tbody tr').length === 100");
    browser.until("document.querySelector('#overview .js-plotly-plot') !== null || (document.querySelectorAll('#overview .plot')[0].scrollIntoView(), false)");
    let loaded = browser.value("performance.getEntriesByType('navigation')[0].loadEventEnd");
    eprintln!("{bytes} bytes, shown after {loaded} ms");
    assert_eq!(browser.complaints(), Vec::<String>::new());
}
