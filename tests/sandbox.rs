//! Sandbox: a folder of its own for each test, with a grid in it, and the binary started there.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use tempfile::TempDir;

use crate::finished;

/// The grid that tests train, as it is or with a line changed.
pub(crate) const TINY: &str = include_str!("fixtures/grids/tiny.toml");

const DEFAULT_PRECISION: &str = "f32";

/// The precision that tests train in where they state none: `LONGTAIL_TEST_PRECISION`, else the default.
pub(crate) fn precision() -> String {
    std::env::var("LONGTAIL_TEST_PRECISION").unwrap_or_else(|_| DEFAULT_PRECISION.to_owned())
}

/// A temporary folder with `grid.toml` in it; results go to `out` below it.
pub(crate) struct Sandbox {
    folder: TempDir,
}

/// What the binary said, and how it ended.
#[derive(Debug)]
pub(crate) struct Said {
    pub(crate) code: Option<i32>,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

impl Sandbox {
    pub(crate) fn new(grid: &str) -> Sandbox {
        let folder = tempfile::tempdir().expect("a temporary folder");
        fs::write(folder.path().join("grid.toml"), grid).expect("a small file");
        Sandbox { folder }
    }

    /// The tiny grid with `line` in place of `instead_of`.
    pub(crate) fn with(instead_of: &str, line: &str) -> Sandbox {
        assert_eq!(
            TINY.matches(instead_of).count(),
            1,
            "{instead_of} is one place of the grid"
        );
        Sandbox::new(&TINY.replace(instead_of, line))
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    pub(crate) fn read(&self, name: &str) -> String {
        fs::read_to_string(self.path(name)).unwrap_or_else(|error| panic!("{name}: {error}"))
    }

    /// A path below a directory that need not exist yet.
    pub(crate) fn write(&self, name: &str, text: &str) {
        let path = self.path(name);
        fs::create_dir_all(path.parent().expect("it lies in the sandbox")).expect("a folder");
        fs::write(path, text).expect("a small file");
    }

    /// The verb on the grid, with results in `out`.
    pub(crate) fn reproduce(&self, verb: &str, options: &[&str]) -> Said {
        said(&self.command(verb, options).output().expect("the binary starts"))
    }

    /// Puts finished runs of `grid` into `out`, as if this sandbox had trained them.
    pub(crate) fn take_finished(&self, grid: &str, methods: &str, seeds: &str) {
        finished::copy_to(&self.path("out/runs"), grid, methods, seeds);
    }

    /// `run` on the CPU.
    pub(crate) fn run(&self, options: &[&str]) -> Said {
        said(&self.run_command(options).output().expect("the binary starts"))
    }

    pub(crate) fn run_command(&self, options: &[&str]) -> Command {
        let mut command = self.command("run", &["--device", "cpu"]);
        if precision() != DEFAULT_PRECISION && !options.contains(&"--precision") {
            command.args(["--precision", &precision()]);
        }
        command.args(options);
        command
    }

    /// `analyze`, with its files in `analysis`.
    pub(crate) fn analyze(&self, arguments: &[&str]) -> Said {
        said(
            &self
                .binary("analyze")
                .args(arguments)
                .output()
                .expect("the binary starts"),
        )
    }

    /// `data`, of the data sets in `folder`.
    pub(crate) fn data(&self, folder: &str) -> Said {
        said(
            &self
                .binary("data")
                .args(["--data", folder])
                .output()
                .expect("the binary starts"),
        )
    }

    pub(crate) fn command(&self, verb: &str, options: &[&str]) -> Command {
        let mut command = self.binary(verb);
        command.args(["grid.toml", "--out", "out"]).args(options);
        command
    }

    pub(crate) fn binary(&self, verb: &str) -> Command {
        let mut command = self.program(env!("CARGO_BIN_EXE_reproduce"));
        command.arg(verb);
        command
    }

    /// The commands of a script, in Bash, which ends with the first one that fails. They find `reproduce`.
    pub(crate) fn shell(&self, script: &str) -> Said {
        let folder = Path::new(env!("CARGO_BIN_EXE_reproduce")).parent().expect("a folder");
        let path = std::env::var("PATH").unwrap_or_default();
        let mut bash = self.program("bash");
        bash.args(["-euxo", "pipefail", "-c", script]);
        bash.env("PATH", format!("{}:{path}", folder.display()));
        said(&bash.output().expect("Bash, which the set-up needs"))
    }

    /// A program that may download nothing: the proxy is a port on which nobody listens.
    fn program(&self, name: &str) -> Command {
        let mut command = Command::new(name);
        command.current_dir(self.folder.path()).env_remove("LONGTAIL_DATA");
        for proxy in ["ALL_PROXY", "all_proxy", "HTTPS_PROXY", "https_proxy"] {
            command.env(proxy, "http://127.0.0.1:9");
        }
        command.env_remove("NO_PROXY").env_remove("no_proxy");
        command
    }

    /// The directories of the planned runs, relative to the sandbox, whether or not they exist.
    pub(crate) fn run_dirs(&self, options: &[&str]) -> Vec<String> {
        let plan = self.reproduce("plan", options).stdout;
        let runs = plan.lines().skip_while(|line| !line.starts_with("run ")).skip(1);
        let runs = runs.map_while(|line| line.split(' ').next().filter(|id| !id.is_empty()));
        runs.map(|id| format!("out/runs/{id}")).collect()
    }

    /// The directory of the only planned run of `method`, relative to the sandbox, whether or not it exists.
    pub(crate) fn run_dir(&self, method: &str) -> String {
        let plan = self.reproduce("plan", &[]).stdout;
        let prefix = format!("{method}.r");
        let line = plan.lines().find(|line| line.starts_with(&prefix)).expect(method);
        format!("out/runs/{}", line.split(' ').next().expect("a line has a word"))
    }
}

pub(crate) fn said(output: &Output) -> Said {
    Said {
        code: output.status.code(),
        stdout: String::from_utf8_lossy(&output.stdout).into_owned(),
        stderr: String::from_utf8_lossy(&output.stderr).into_owned(),
    }
}

impl Said {
    #[track_caller]
    pub(crate) fn succeeded(self) -> Said {
        assert_eq!(self.code, Some(0), "{self:#?}");
        self
    }

    /// Ended with `code`, without a panic, and said each of `parts` on standard error.
    #[track_caller]
    pub(crate) fn refused(self, code: i32, parts: &[&str]) -> Said {
        assert_eq!(self.code, Some(code), "{self:#?}");
        assert!(!self.stderr.contains("panicked"), "{self:#?}");
        for part in parts {
            assert!(self.stderr.contains(part), "`{part}` is not said: {self:#?}");
        }
        self
    }
}

/// Names of the entries of a folder, sorted.
pub(crate) fn entries(folder: &Path) -> Vec<String> {
    let mut names: Vec<String> = fs::read_dir(folder)
        .unwrap_or_else(|error| panic!("{}: {error}", folder.display()))
        .map(|entry| {
            entry
                .expect("a readable entry")
                .file_name()
                .to_string_lossy()
                .into_owned()
        })
        .collect();
    names.sort();
    names
}
