//! A folder of photographs, one folder a class: planned, trained, killed, and changed underneath.

use std::fs;
use std::path::Path;

use image::{Rgb, RgbImage};

use crate::sandbox::{Sandbox, TINY, said};

/// Twelve to thirty stripes of the class's colour and noise, of varied sizes.
pub(crate) fn write(folder: &Path) {
    for (class, number) in [("amber", 30), ("blue", 20), ("green", 12)] {
        fs::create_dir_all(folder.join(class)).expect("a folder");
        for photograph in 0..number {
            let (width, height) = (40 + 7 * photograph % 50, 36 + 5 * photograph % 40);
            let image = RgbImage::from_fn(width, height, |x, y| {
                let shade = ((x * (photograph + 3) + y * 11) % 97) as u8;
                match class {
                    "amber" => Rgb([250 - shade, 150 - shade, shade]),
                    "blue" => Rgb([shade, shade, 250 - shade]),
                    _ => Rgb([shade, 250 - shade, shade]),
                }
            });
            image
                .save(folder.join(class).join(format!("{photograph}.png")))
                .expect("a small image");
        }
    }
}

/// The tiny grid on photographs.
pub(crate) fn grid() -> String {
    TINY.replace(
        "dataset   = \"shapes\"",
        "dataset = { photographs = { side = 32, hold_out = { per_class = 4 } } }",
    )
    .replace("{ exponential = { ratio = 400 } }", "\"natural\"")
    .replace("batch_size = 64", "batch_size = 16")
}

fn sandbox() -> Sandbox {
    let sandbox = Sandbox::new(&grid());
    write(&sandbox.path("photos"));
    sandbox
}

#[test]
fn a_folder_of_photographs_is_trained_on_and_the_same_again() {
    let sandbox = sandbox();
    let plan = sandbox.reproduce("plan", &["--data", "photos"]).succeeded().stdout;
    let found =
        "50 training and 12 test photographs of 3 classes, 26 to 8 of a class for training\nphotos, protocol nearest";
    assert!(plan.starts_with(found), "{plan}");
    sandbox.run(&["--data", "photos"]).succeeded();
    let table = sandbox.read("out/summary.md");
    assert!(
        table.contains("reproduce run grid.toml --out out --data photos"),
        "{table}"
    );
    assert!(table.contains("natural (50 images"), "{table}");
    let ids = sandbox.run_dirs(&["--data", "photos"]);
    assert_eq!(ids.len(), 3, "{ids:?}");
    let config = sandbox.read(&format!("{}/config.toml", ids[0]));
    assert!(
        config.contains("class_names = [\"amber\", \"blue\", \"green\"]"),
        "{config}"
    );
    assert!(config.contains("train = [26, 16, 8]"), "{config}");

    let files = |folder: &str| {
        ids.iter()
            .map(|id| {
                let id = id.strip_prefix("out/").expect("below it");
                fs::read(sandbox.path(&format!("{folder}/{id}/predictions.npz"))).expect("predictions")
            })
            .collect::<Vec<_>>()
    };
    let mut again = sandbox.binary("run");
    again.args(["grid.toml", "--out", "again", "--data", "photos", "--device", "cpu"]);
    assert!(again.output().expect("the binary starts").status.success());
    assert_eq!(files("out"), files("again"));

    let predictions = |data: &str| {
        let mut predictions = sandbox.binary("predictions");
        predictions.args([&ids[0], "--csv", "--data", data]);
        said(&predictions.output().expect("the binary starts")).succeeded()
    };
    let named = predictions("photos").stdout;
    let columns = "image,label,prediction,probability,in_top_five,label_name,prediction_name";
    assert!(named.starts_with(&format!("{columns},file\n0,0,")), "{named}");
    let [first, .., last] = &named.lines().skip(1).collect::<Vec<_>>()[..] else {
        panic!("twelve lines: {named}");
    };
    assert!(
        first.contains(",amber,") && first.contains(",amber/") && first.contains(".png"),
        "{first}"
    );
    assert!(last.contains(",green,") && last.contains(",green/"), "{last}");
    let unnamed = predictions("nowhere");
    assert!(
        unnamed.stdout.starts_with(&format!("{columns}\n0,0,")),
        "{}",
        unnamed.stdout
    );
    assert!(
        unnamed
            .stderr
            .starts_with("warning: the files of the photographs are not named: nowhere: "),
        "{}",
        unnamed.stderr
    );

    fs::remove_file(sandbox.path("photos/blue/3.png")).expect("it is there");
    let other = sandbox.run(&["--data", "photos"]);
    other.refused(
        2,
        &[
            "holds results of another configuration",
            "photographs `photos` whose list of files has digest",
            "choose another --out",
        ],
    );
}

#[test]
fn what_is_wrong_with_a_folder_of_photographs_is_said() {
    let sandbox = sandbox();
    let plan = |data: &str| sandbox.reproduce("plan", &["--data", data]);
    plan("nowhere").refused(
        2,
        &["nowhere: no such folder; name the folder of the photographs with `--data`"],
    );
    fs::create_dir(sandbox.path("empty")).expect("a folder");
    plan("empty").refused(2, &["empty: no folder in it; expected a folder for each class"]);
    fs::create_dir(sandbox.path("photos/Blue")).expect("a folder");
    plan("photos").refused(2, &["`Blue` and `blue` differ only in case"]);
    fs::remove_dir(sandbox.path("photos/Blue")).expect("it is empty");

    let none = sandbox.read("grid.toml").replace("per_class = 4", "per_class = 0");
    sandbox.write("none.toml", &none);
    let mut plan_none = sandbox.binary("plan");
    plan_none.args(["none.toml", "--data", "photos"]);
    said(&plan_none.output().expect("the binary starts"))
        .refused(2, &["`hold_out.per_class` is 0; hold out 1 photograph"]);

    fs::write(sandbox.path("photos/amber/5.png"), b"").expect("a small file");
    let ended = sandbox.run(&["--data", "photos", "--methods", "ce"]);
    ended.refused(1, &["photos/amber/5.png", "replace or remove the file"]);
}

#[test]
fn what_is_left_out_or_cut_is_said() {
    let sandbox = sandbox();
    sandbox.write("photos/amber/more/x.gif", "");
    sandbox.write("photos/blue/notes.txt", "");
    let said = sandbox.reproduce("plan", &["--data", "photos"]).succeeded();
    let warning = "warning: 2 files are left out (1 .gif, 1 .txt), the first of them photos/amber/more/x.gif; convert those that are";
    assert!(said.stderr.starts_with(warning), "{}", said.stderr);

    let cut = |ratio: &str| {
        let imbalance = format!("{{ exponential = {{ ratio = {ratio} }} }}");
        sandbox.write(
            "grid.toml",
            &grid()
                .replace("\"natural\"", &imbalance)
                .replace("batch_size = 16", "batch_size = 4"),
        );
        sandbox.reproduce("plan", &["--data", "photos"])
    };
    let plan = cut("4").succeeded().stdout;
    let limit = "exponential 4: no class keeps more than the 8 training images of `green`, the smallest class\n";
    assert!(plan.contains(limit), "{plan}");
    let limit = "; no class keeps more than the 8 training images of `green`, the smallest class";
    cut("50").refused(2, &["imbalance exponential 50 leaves class 2 without images", limit]);
    let huge = grid().replace("side = 32", "side = 28673");
    sandbox.write("grid.toml", &huge);
    let side = sandbox.reproduce("plan", &["--data", "photos"]);
    side.refused(2, &["`photographs.side` is 28673; set it to 1 to 28672 pixels"]);
    sandbox.write("grid.toml", &huge.replace("28673", "28672"));
    let run = sandbox.run(&["--data", "photos", "--methods", "ce"]);
    run.refused(
        2,
        &[
            "a batch of 16 images of 28672×28672 pixels has 197300060160 bytes",
            "set `photographs.side` or batch_size lower",
        ],
    );
}

#[test]
fn parts_that_need_all_images_in_memory_are_refused_with_photographs() {
    let sandbox = sandbox();
    let grid = sandbox.read("grid.toml");
    let with = |part: &str| grid.replace("name = \"ce\"\n", &format!("name = \"ce\"\nuses = {{ {part} }}\n"));
    for part in [
        "contrast = { k-positive = {} }",
        "augmentation = { cmo = { start_epoch = 0, last_plain_epochs = 0 } }",
        "initial = \"rotation\"",
    ] {
        sandbox.write("grid.toml", &with(part));
        let said = sandbox.reproduce("plan", &["--data", "photos"]);
        said.refused(2, &["grid.toml:", "photographs in files"]);
    }
}

#[test]
fn images_are_shown_as_the_network_sees_them() {
    let sandbox = sandbox();
    let look = |options: &[&str]| {
        let mut look = sandbox.binary("data");
        look.args(["look", "grid.toml", "--data", "photos"]).args(options);
        said(&look.output().expect("the binary starts"))
    };
    let said = look(&["--images", "5"]).succeeded().stdout;
    let lines: Vec<&str> = said.lines().collect();
    let [first, second, file] = lines[..] else {
        panic!("two rows and a file: {said}");
    };
    assert_eq!(
        (first.split(", ").count(), second.split(", ").count(), file),
        (3, 2, "look.png")
    );
    let sheet = image::open(sandbox.path("look.png")).expect("a sheet").to_rgb8();
    assert_eq!(sheet.dimensions(), (3 * 34 - 2, 2 * 34 - 2));
    let classes: Vec<&str> = first.split(", ").chain(second.split(", ")).collect();
    for (number, class) in classes.iter().enumerate() {
        let Rgb([red, green, blue]) = *sheet.get_pixel((number as u32 % 3) * 34 + 16, (number as u32 / 3) * 34 + 16);
        let strongest = red.max(green).max(blue);
        let color = [("amber", red), ("green", green), ("blue", blue)];
        let (_, of_class) = color.iter().find(|(name, _)| name == class).expect("a class");
        assert_eq!(*of_class, strongest, "{class}: {red} {green} {blue}");
    }
    look(&["--split", "test", "--out", "test.npz"])
        .refused(2, &["there are 12 images to look at; give --images 12 or less"]);
    look(&["--split", "test", "--images", "12", "--out", "test.npz"]).succeeded();
    assert!(fs::metadata(sandbox.path("test.npz")).expect("a file").len() > 12 * 3 * 32 * 32 * 4);
    look(&["--out", "nowhere/sheet.png"]).refused(
        2,
        &["nowhere: there is no such folder; make it, or choose another --out"],
    );
    look(&["--out", "sheet.gif"]).refused(2, &["sheet.gif: name a file that ends in .png or .npz"]);
}
